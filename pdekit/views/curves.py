"""Curves: loss and error against steps or seconds, seconds per step and efficiency against ranks."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from pdekit.averages import trailing_mean
from pdekit.checks import one_of, refuse, whole
from pdekit.views import theme
from pdekit.views.arrays import checked_pair
from pdekit.views.axes import finish, log_ticks

By = Literal["both", "steps", "seconds", "samples"]
_AXES = {  # what a history is shown against: its column, and the words
    "steps": ("number", "step"),
    "seconds": ("seconds", "seconds of training"),
    "samples": ("samples", "samples evaluated"),
}


def plot_loss(histories: Any, by: By = "both", *, window: int = 1, title: str = "Loss") -> go.Figure:
    """Loss of one History, or of several by name, against steps, seconds, both side by side, or samples evaluated.

    window: above 1, the line is the mean of the last so many losses, and these are points; an epoch,
    `samples // batch`, evens out which samples each batch held. The axis is linear, since a log-energy may be
    negative. A thin line marks where the grid changes: the loss is an energy on that grid, so it jumps there.

    Raises ValueError for an empty history, a loss that is not finite, another `by`, a window below 1.
    """
    one_of("by", by, ("both", *_AXES))
    whole("window", window)
    runs = dict(histories) if isinstance(histories, Mapping) else {"": histories}
    for name, history in runs.items():
        if len(history.loss) == 0:
            raise refuse(f"history {name}".strip(), "at least one step", 0, "train first")
        if bad := int(np.count_nonzero(~np.isfinite(history.loss))):
            raise refuse(f"history {name}".strip(), "finite losses", f"{bad} that are not", "lower the rate")
    choices = ["steps", "seconds"] if by == "both" else [by]
    figure = make_subplots(cols=len(choices), shared_yaxes=True, horizontal_spacing=0.04)
    for column, choice in enumerate(choices, start=1):
        quantity, label = _AXES[choice]
        for index, (name, history) in enumerate(runs.items()):
            x, place = _along(history, quantity), {"row": 1, "col": column}
            if window > 1:
                points = {"size": 3, "color": _line(index)["color"]}
                figure.add_scatter(
                    x=x, y=history.loss, mode="markers", marker=points, opacity=0.3,
                    legendgroup=name, showlegend=False, hoverinfo="skip", **place,
                )  # fmt: skip
            figure.add_scatter(
                x=x, y=trailing_mean(history.loss, history.resolution, window), name=name, line=_line(index),
                mode="lines" if len(x) > 1 else "markers",
                legendgroup=name, showlegend=bool(name) and column == 1, **place,
            )  # fmt: skip
        for where, text in _grid_changes(runs, quantity):
            note = {"text": text, "font": {"size": 11, "color": theme.MUTED}, "showarrow": False}
            figure.add_vline(
                x=where, line={"width": 1, "color": theme.MUTED}, annotation=note, row=1, col=column
            )
        figure.update_xaxes(title=label, row=1, col=column)
    figure.update_yaxes(title="loss", col=1)
    return finish(figure, title, len(choices))


def plot_error(
    seconds: Any, error: ArrayLike | None = None, *, title: str = "Error on held-out samples"
) -> go.Figure:
    """Relative error (a fraction, > 0) against seconds of training, on a log axis in percent.

    seconds, error: two arrays of one length; or one mapping name -> (seconds, error).

    Raises ValueError for arrays of two lengths, or values that are not positive and finite.
    """
    runs = dict(seconds) if isinstance(seconds, Mapping) else {"": (seconds, error)}
    figure, shown = go.Figure(), []
    for index, (name, (at, values)) in enumerate(runs.items()):
        x, y = checked_pair("seconds", at, "error", values, zero_x=True)
        shown.append(100 * y)
        figure.add_scatter(
            x=x,
            y=shown[-1],
            name=name,
            mode="lines+markers",
            marker_size=5,
            line=_line(index),
            showlegend=bool(name),
        )
    figure.update_xaxes(title="seconds of training", rangemode="tozero")
    figure.update_yaxes(title="relative L<sup>2</sup> error", **log_ticks(*shown, text="{:g} %"))
    return finish(figure, title, 1)


def plot_scaling(
    ranks: ArrayLike, seconds: ArrayLike, *, kind: Literal["strong", "weak"] = "strong", title: str = ""
) -> go.Figure:
    """Seconds per step and parallel efficiency against the number of ranks, each with its ideal line.

    ranks, seconds: arrays of one length, > 0. kind: "strong" keeps the whole work fixed (ideal: time falls
    as 1/p), "weak" keeps the work per rank fixed (ideal: time stays). The smallest number of ranks is the
    yardstick.

    Raises ValueError for arrays of two lengths, values that are not positive and finite, or another kind.
    """
    one_of("kind", kind, ("strong", "weak"))
    p, t = checked_pair("ranks", ranks, "seconds", seconds)
    order = np.argsort(p, kind="stable")
    p, t = p[order], t[order]
    ideal = t[0] * p[0] / p if kind == "strong" else np.full_like(t, t[0])
    figure = make_subplots(cols=2, horizontal_spacing=0.13)
    straight = {
        "name": "ideal",
        "mode": "lines",
        "line": {"color": theme.MUTED, "dash": "dash", "width": 1.4},
    }
    measured = {"name": "measured", "mode": "lines+markers", "line": _line(0), "marker_size": 8}
    for column, (y, line) in enumerate([(t, ideal), (ideal / t, np.ones_like(t))], start=1):
        place = {"showlegend": column == 1, "row": 1, "col": column}
        figure.add_scatter(x=p, y=line, **straight, **place)
        figure.add_scatter(x=p, y=y, **measured, **place)
    figure.update_xaxes(title="ranks", type="log", tickvals=p, ticktext=[f"{v:g}" for v in p])
    figure.update_yaxes(title="seconds per step", **log_ticks(t, ideal), row=1, col=1)
    figure.update_yaxes(title="parallel efficiency", tickformat=".0%", rangemode="tozero", row=1, col=2)
    return finish(figure, title or f"{kind.capitalize()} scaling", 2)


def _line(index: int) -> dict[str, Any]:
    # Runs that agree lie on one another: dashes let the one beneath show through.
    colour, dash = theme.COLOURS[index % len(theme.COLOURS)], theme.DASHES[index % len(theme.DASHES)]
    return {"color": colour, "dash": dash, "width": 1.6}


def _along(history: Any, quantity: str) -> np.ndarray:
    """Where each step is (n,): its number, or seconds or samples since the start."""
    values = getattr(history, quantity)
    return np.cumsum(values) if quantity == "samples" else values


def _grid_changes(runs: Mapping[str, Any], quantity: str) -> list[tuple[float, str]]:
    """Where the grid changes, left to right; of equal grids only the last has a label, or they overlap."""
    marks = set()
    for history in runs.values():
        grids = np.asarray(history.resolution)
        for index in np.flatnonzero(np.diff(grids)) + 1:
            marks.add((float(_along(history, quantity)[index]), int(grids[index])))
    last = {size: where for where, size in sorted(marks)}
    return [(where, theme.grid_name(size) if last[size] == where else "") for where, size in sorted(marks)]
