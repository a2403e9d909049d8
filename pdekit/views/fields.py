"""Fields as heatmaps: one array, or coefficient, prediction, reference and error side by side.

Maps are (H, W) with x along W and y along H, nodes on the closed unit square, row 0 at y = 0; whatever else a
problem has on its grid is shown as `arrays.picture` says.
"""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from pdekit.checks import refuse
from pdekit.views import theme
from pdekit.views.arrays import (
    Field,
    by_log,
    checked_field,
    coloured,
    common_range,
    log10,
    picture,
    relative_error,
    symmetric_range,
)

UNIT = {"range": [0, 1], "constrain": "domain", "showgrid": False, "tickvals": [0, 0.5, 1]}


def plot_field(
    field: ArrayLike, title: str = "", *, log: bool = False, signed: bool = False, label: str = ""
) -> go.Figure:
    """One field as a heatmap over the unit square.

    Parameters
    ----------
    field: (H, W) real array, finite; strictly positive if `log`.
    title: above the map.
    log: colour by log10, for a coefficient.
    signed: a diverging scale, symmetric about zero, for an error.
    label: name (and unit) on the colour bar.

    Raises ValueError for another shape, for NaN or infinity, and for values <= 0 with `log`.
    """
    values = checked_field(title or "field", field)
    if log:
        values, label = log10(title or "field", values), label or "log<sub>10</sub>"
    scale = theme.SIGNED_SCALE if signed else theme.COEFFICIENT_SCALE if log else theme.FIELD_SCALE
    figure = go.Figure(heatmap(values, symmetric_range(values) if signed else None, scale, {"title": label}))
    figure.update_layout(template=theme.template(), title=title, width=460, height=420)
    figure.update_xaxes(title="x", **UNIT)
    figure.update_yaxes(title="y", scaleanchor="x", **UNIT)
    return figure


def plot_fields(
    coefficient: ArrayLike | None = None,
    prediction: ArrayLike | None = None,
    reference: ArrayLike | None = None,
    error: ArrayLike | None = None,
    *,
    title: str = "",
    given: str = "coefficient ν",
    log: bool | None = None,
    shape: tuple[int, ...] | None = None,
) -> go.Figure:
    """What a sample looks like: what is given, prediction and reference on one colour range, error.

    Parameters
    ----------
    coefficient, prediction, reference, error: real arrays, or None, which leaves the panel out. Beside an (H, W)
        map, a field of vectors (components, H, W) is shown by its length, a line (W,) repeated along y. With both
        prediction and reference the error need not be given, and the relative L2 error stands in the title.
    title: above the panels.
    given: what the coefficient is, in words; `problem.given` of a problem.
    log: colour the coefficient by log10; left out, if it is no line, above 0, and spans a decade or more.
    shape: the grid, `problem.shape`; needed where no field is an (H, W) map. Of a cube the middle plane is shown.

    Raises ValueError if nothing is given, for another shape, for NaN or infinity, and for a coefficient <= 0
    with `log=True`.
    """
    named = {"coefficient": coefficient, "prediction": prediction, "reference": reference, "error": error}
    named = {name: field for name, field in named.items() if field is not None}
    if not named:
        raise refuse("plot_fields", "at least one field", "none", "pass coefficient=, prediction=, ...")
    beside = next((np.shape(field) for field in named.values() if np.ndim(field) == 2), None)
    fields, panels, names = {}, {}, {}
    for name, field in named.items():
        grid = shape or (None if np.ndim(field) == 2 else beside)  # a map has a grid of its own
        fields[name] = checked_field(name, field, grid)
        panels[name] = picture(fields[name], grid or fields[name].shape)
    if "prediction" in fields and "reference" in fields:
        grid = shape or beside
        relative = relative_error(fields["prediction"], fields["reference"], len(grid))
        title = f"{title + ' · ' if title else ''}relative L<sup>2</sup> error {100 * relative:.2f} %"
        difference = fields["prediction"] - fields["reference"]
        panels.setdefault("error", picture(difference, grid))
        of_vectors = difference.ndim > len(grid)
        names["error"] = f"error = {'|prediction - reference|' if of_vectors else 'prediction - reference'}"
    if "coefficient" in panels:
        log = by_log(np.asarray(coefficient), dim=len(shape) if shape else 2) if log is None else log
        names["coefficient"] = coloured(given, log)
        if log:
            panels["coefficient"] = log10("coefficient", panels["coefficient"])

    solutions = [panels[name] for name in ("prediction", "reference") if name in panels]
    looks = dict.fromkeys(("prediction", "reference"), (common_range(*solutions), theme.FIELD_SCALE))
    looks["coefficient"] = (None, theme.COEFFICIENT_SCALE)
    looks["error"] = (symmetric_range(panels["error"]) if "error" in panels else None, theme.SIGNED_SCALE)
    figure = make_subplots(
        cols=len(panels), subplot_titles=[names.get(n, n) for n in panels], horizontal_spacing=0.04
    )
    for column, (name, values) in enumerate(panels.items(), start=1):
        x0, x1 = figure.get_subplot(1, column).xaxis.domain
        bar = bar_below((x0 + x1) / 2, x1 - x0, -0.08)
        figure.add_trace(heatmap(values, *looks[name], bar), row=1, col=column)
        figure.update_yaxes(scaleanchor=f"x{column}" if column > 1 else "x", row=1, col=column)
    figure.update_xaxes(**UNIT)
    figure.update_yaxes(**UNIT)
    figure.update_yaxes(showticklabels=False, selector=lambda axis: axis.anchor != "x")
    figure.update_annotations(font_size=12)
    figure.update_layout(
        template=theme.template(),
        title=title,
        width=60 + 225 * len(panels),
        height=330,
        margin={"l": 40, "r": 20, "t": 70, "b": 60},
    )
    return figure


def bar_below(x: float, length: float, y: float) -> dict:
    """A flat colour bar of `length` around x, its top at y, all in fractions of the figure."""
    return {"orientation": "h", "x": x, "len": length, "y": y, "yanchor": "top", "thickness": 10}


def heatmap(
    values: Field,
    span: tuple[float, float] | None = None,
    scale: str = theme.FIELD_SCALE,
    bar: dict | None = None,
) -> go.Heatmap:
    """The heatmap trace of an (H, W) array with its nodes on the unit square, coloured over `span`."""
    low, high = span or (None, None)
    height, width = values.shape
    return go.Heatmap(
        x0=0,
        dx=1 / (width - 1),
        y0=0,
        dy=1 / (height - 1),
        z=values,
        zmin=low,
        zmax=high,
        colorscale=scale,
        colorbar={"thickness": 12, "outlinewidth": 0} | (bar or {}),
        hovertemplate="x %{x:.3f}, y %{y:.3f}: %{z:.4g}<extra></extra>",
    )
