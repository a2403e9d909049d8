"""The common look of all figures: one light template, colours that a colour-blind reader can tell apart."""

import plotly.graph_objects as go

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
INK, MUTED, GRID = "#1f2933", "#6b7785", "#e6eaee"

# Okabe and Ito's palette without its yellow, which is too pale for a thin line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", INK)
DASHES = ("solid", "dash", "dot", "dashdot")

FIELD_SCALE, COEFFICIENT_SCALE, SIGNED_SCALE = "Viridis", "Cividis", "RdBu_r"

_AXIS = {
    "gridcolor": GRID,
    "linecolor": "#b8c1cb",
    "showline": True,
    "zeroline": False,
    "ticks": "outside",
    "ticklen": 3,
    "tickcolor": "#b8c1cb",
    "title_standoff": 6,
}


def grid_name(nodes: int, dim: int = 2) -> str:
    """The grid of a square or cube in words that do not break over a line: 64 × 64."""
    return "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}".join([str(nodes)] * dim)


def template() -> go.layout.Template:
    """The template that every figure of pdekit uses."""
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 12, "color": INK},
            "title": {"font": {"size": 15}, "x": 0.02, "xanchor": "left"},
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "colorway": list(COLOURS),
            "xaxis": _AXIS,
            "yaxis": _AXIS,
            "legend": {"bgcolor": "rgba(255,255,255,0.75)", "borderwidth": 0},
            "hoverlabel": {"font": {"family": FONT, "size": 12}},
            "margin": {"l": 60, "r": 20, "t": 50, "b": 45},
        }
    )
