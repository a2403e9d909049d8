"""Speed-up and efficiency against ranks: measured, modelled, and ideal."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pdekit import checks
from pdekit.scaling.goal.answer import steps_of
from pdekit.scaling.measurement import Measurement
from pdekit.scaling.series import Kind, Series, global_batch, series, work
from pdekit.views import axes, theme

POINTS = 120  # of a model's curve, at most


def plot_speedup(
    measurement: Measurement,
    model: Any = None,
    kind: Kind = "strong",
    *,
    resolution: int | None = None,
    optimizer: str | None = None,
    up_to: int | None = None,
    title: str = "",
) -> go.Figure:
    """Speed-up and parallel efficiency of measured steps against ranks, with their range over the rounds.

    A line for each resolution and optimizer that was measured, or of those given. The speed-up is the work done in a
    second by that of one rank: with the whole work fixed ("strong", ideal: p), or that of each rank ("weak", ideal: p
    as well); the fewest ranks are the yardstick, taken to be perfect. Both times of a ratio are of one round, a point
    is the median of these ratios. model: what `pk.fit` made of it, drawn as a curve with its band, dashed beyond the
    ranks that were measured; `up_to` so many ranks (default: four times those, if the model says anything of as many).
    A band has the model's own time on the fewest ranks for its yardstick.

    Raises ValueError for another kind, nothing of the kind, resolution and optimizer, one world size only, and where
    the model says nothing.
    """
    found = series(measurement, kind, resolution, optimizer)
    steps = None if model is None else steps_of(model)
    most = max(int(one.ranks[-1]) for one in found)
    least = min(int(one.ranks[0]) for one in found)
    last = most
    if steps is not None:
        last = _reach(found, steps, most) if up_to is None else checks.whole("up_to", up_to, most)
    figure = make_subplots(cols=2, horizontal_spacing=0.13)
    ends = np.array([least, last])
    for column, ideal in enumerate([ends, np.ones(2)], start=1):
        straight = {"color": theme.MUTED, "dash": "dash", "width": 1.4}
        figure.add_scatter(
            x=ends, y=ideal, name="ideal", mode="lines", line=straight, showlegend=column == 1,
            hoverinfo="skip", row=1, col=column,
        )  # fmt: skip
    for index, one in enumerate(found):
        colour = theme.COLOURS[index % len(theme.COLOURS)]
        if steps is not None:
            _draw_model(figure, one, steps, last, colour, index == 0)
        _draw_points(figure, one, colour, _name(one, found))
    figure.update_xaxes(**axes.rank_ticks(*(one.ranks for one in found), _powers(least, last)))
    upward = axes.rank_ticks(_powers(least, last)) | {"title": "speed-up"}
    figure.update_yaxes(**upward, row=1, col=1)
    figure.update_yaxes(title="parallel efficiency", tickformat=".0%", rangemode="tozero", row=1, col=2)
    return axes.finish(
        figure,
        title or f"{kind.capitalize()} scaling",
        2,
        hovermode="closest",
        width=880,
        height=350,
        legend=axes.BESIDE,
    )


def _draw_points(figure: go.Figure, one: Series, colour: str, name: str) -> None:
    """The median of each number of ranks, and the range over the rounds."""
    seconds = [f"{axes.seconds(middle)} ({axes.seconds(low)} to {axes.seconds(high)}) a step"
               for low, middle, high in zip(*_spread(one.rounds), strict=True)]  # fmt: skip
    for column, values in enumerate([one.speedup, one.speedup / one.ranks], start=1):
        low, middle, high = _spread(values)
        bars = {"symmetric": False, "array": high - middle, "arrayminus": middle - low, "thickness": 1.2}
        figure.add_scatter(
            x=one.ranks, y=middle, error_y=bars, name=name, mode="markers",
            marker={"color": colour, "size": 8}, legendgroup=name, showlegend=column == 1,
            customdata=seconds, row=1, col=column,
            hovertemplate=f"%{{x}} ranks: {('%{y:.2f} times', '%{y:.0%}')[column - 1]}<br>%{{customdata}}",
        )  # fmt: skip


def _draw_model(figure: go.Figure, one: Series, steps: Any, last: int, colour: str, named: bool) -> None:
    """The model's curve, dashed beyond what was measured, over its band."""
    first, most = int(one.ranks[0]), int(one.ranks[-1])
    ranks = np.unique(np.geomspace(first, last, POINTS).round().astype(int))
    said = _predict(one, steps, ranks)
    done = work(one.kind, ranks, first) * said.seconds[0]
    for column, share in enumerate([1, ranks], start=1):
        place = {"row": 1, "col": column}
        middle, low, high = (done / t / share for t in (said.seconds, said.high, said.low))
        axes.band(figure, ranks, low, high, colour, **place)
        for there, dash in ((ranks <= most, "solid"), (ranks >= most, "dash")):
            figure.add_scatter(
                x=ranks[there], y=middle[there], mode="lines", line={"color": colour, "width": 1.6, "dash": dash},
                name="model, 90 % band" if dash == "solid" else "beyond what was measured",
                showlegend=named and column == 1, hovertemplate="model: %{y:.3g}<extra></extra>", **place,
            )  # fmt: skip


def _reach(found: list[Series], steps: Any, most: int) -> int:
    """Four times `most` ranks, or `most` where allreduces on one world size only were measured, and the like."""
    try:
        for one in found:
            _predict(one, steps, np.array([4 * most]))
    except ValueError:
        return most
    return 4 * most


def _predict(one: Series, steps: Any, ranks: np.ndarray) -> Any:
    """The model's steps of the same kind."""
    batch = global_batch(one.kind, one.batch, ranks)
    return steps.predict(ranks, batch, resolution=one.resolution, optimizer=one.optimizer)


def _spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least, median and most over the rounds (rounds, n): each (n,)."""
    return np.nanmin(values, axis=0), np.nanmedian(values, axis=0), np.nanmax(values, axis=0)


def _name(one: Series, found: list[Series]) -> str:
    """What tells it from the others, or "measured"."""
    words = {
        "resolution": theme.grid_name(one.resolution),
        "optimizer": one.optimizer,
        "threads": f"{one.threads} threads",
    }
    differ = [text for name, text in words.items() if len({getattr(other, name) for other in found}) > 1]
    return ", ".join(differ) or "measured"


def _powers(least: int, most: int) -> np.ndarray:
    """Powers of two from `least` to `most`, rounded outwards."""
    return 2.0 ** np.arange(np.floor(np.log2(least)), np.ceil(np.log2(most)) + 1)
