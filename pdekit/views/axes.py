"""Logarithmic axes with round labels, and what figures of ranks, bytes and seconds have in common."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from pdekit.views import theme

SECONDS = ((1e-9, "n"), (1e-6, "µ"), (1e-3, "m"), (1.0, ""))
SIZES = ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"))
BESIDE = {"orientation": "v", "x": 1.02, "xanchor": "left", "y": 1, "yanchor": "top"}
"""A legend to the right of the panels, for many names."""


def log_ticks(*values: NDArray[np.float64], text: str = "{:g}") -> dict[str, Any]:
    """A log axis with a few round ticks to each power of ten around the values."""
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    digits = (1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 5, 6, 8)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in digits]
    return {"type": "log", "tickvals": ticks, "ticktext": [text.format(tick) for tick in ticks]}


def unit_ticks(low: float, high: float, prefixes: tuple[tuple[float, str], ...], unit: str) -> dict[str, Any]:
    """A log axis whose labels have the unit with a prefix: 10 µs, 100 kB; fewer of them over many decades."""
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    step = 1 if last - first <= 5 else 2 if last - first <= 10 else 3
    ticks = [10.0**power for power in range(first, last + 1, step)]
    return {"type": "log", "tickvals": ticks, "ticktext": [with_unit(t, prefixes, unit) for t in ticks]}


def with_unit(value: float, prefixes: tuple[tuple[float, str], ...], unit: str, digits: int = 3) -> str:
    """A number above 0 in words: 12.3 µs, 4.91 MB."""
    size, prefix = max((one for one in prefixes if one[0] <= value * 1.0005), default=prefixes[0])
    return f"{float(f'{value / size:.{digits}g}'):,g}\N{NO-BREAK SPACE}{prefix}{unit}"


def seconds(value: float) -> str:
    """Seconds in words: 12.3 µs, 4.5 s, 3.2 min, 1.5 h, 12 days."""
    for size, unit in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if value >= size:
            unit = unit.rstrip("s") if value == size else unit
            return f"{value / size:,.3g}\N{NO-BREAK SPACE}{unit}"
    return with_unit(value, SECONDS, "s")


def rank_ticks(*ranks: ArrayLike) -> dict[str, Any]:
    """A log axis of ranks, with a label at each of these, or at each second or third of them if there are many."""
    at = np.unique(np.concatenate([np.ravel(some) for some in ranks]))
    if len(at) > 13 or np.any(np.diff(np.log2(at)) < 0.3):
        at = 2.0 ** np.arange(np.floor(np.log2(at[0])), np.ceil(np.log2(at[-1])) + 1)
    at = at[:: -(-len(at) // 7)] if len(at) > 9 else at
    return {"type": "log", "tickvals": at, "ticktext": [f"{v:g}" for v in at], "title": "ranks"}


def faint(colour: str, opacity: float = 0.18) -> str:
    """A colour such as "#0072B2", for what lies behind its line."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def band(figure: go.Figure, x: NDArray, low: NDArray, high: NDArray, colour: str, **more: Any) -> None:
    """The area between two curves, in a faint colour, without a place in the legend."""
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself",
        fillcolor=faint(colour), mode="lines", line={"width": 0}, hoverinfo="skip", showlegend=False, **more,
    )  # fmt: skip


def finish(figure: go.Figure, title: str, columns: int, **layout: Any) -> go.Figure:
    """The look and the size of a figure with so many panels side by side."""
    look = {
        "template": theme.template(),
        "title": title,
        "width": 480 if columns == 1 else 700,
        "height": 330,
        "hovermode": "x unified",
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.03, "yanchor": "bottom"},
    }
    return figure.update_layout(look | layout)
