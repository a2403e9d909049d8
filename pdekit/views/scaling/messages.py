"""Seconds of a message against its bytes, measured and modelled."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pdekit import checks
from pdekit.scaling.measurement import Measurement
from pdekit.views import axes, theme

TITLES = {"ping-pong": "from one rank to another", "allreduce": "allreduce"}
POINTS = 100  # of a curve


def plot_messages(
    measurement: Measurement,
    messages: Any = None,
    *,
    ranks: tuple[int, ...] = (),
    title: str = "Seconds of a message",
) -> go.Figure:
    """Seconds of ping-pongs and allreduces against bytes, both by logarithms, for each world size.

    Points are medians over the rounds with their range; the pointer shows bytes by seconds, too. messages: what
    `pk.fit_messages` or `pk.fit` made of them, a curve with its band; dashed, those of more world sizes, `ranks`.

    Raises ValueError without messages in the measurement or in the model, or times that are not above 0.
    """
    kinds = [kind for kind in TITLES if len(measurement.of(kind))]
    if not kinds:
        raise checks.refuse("measurement", "ping-pongs or allreduces", "none", "measure messages as well")
    if messages is not None and getattr(messages, "messages", messages) is None:
        raise checks.refuse("messages", "a model with messages", "steps only", "measure allreduces as well")
    messages = getattr(messages, "messages", messages)
    figure = make_subplots(cols=len(kinds), shared_yaxes=True, horizontal_spacing=0.03)
    everything = []
    for column, kind in enumerate(kinds, start=1):
        found = measurement.of(kind)
        seconds, sizes = found.column("seconds"), found.column("bytes")
        if not (np.isfinite(seconds) & (seconds > 0)).all() or sizes.min() < 1:
            got = (sizes.min(), seconds.min())
            raise checks.refuse("measurement", "messages of a byte and a time above 0", got, "measure again")
        everything.append(seconds)
        place = {"row": 1, "col": column}
        worlds = [world for (world,) in found.groups("ranks")]
        beyond = [world for world in ranks if world not in worlds] if kind == "allreduce" else []
        for index, world in enumerate([*worlds, *beyond]):
            colour = theme.COLOURS[index % len(theme.COLOURS)]
            if messages is not None:
                _draw_model(figure, kind, world, sizes, messages, colour, world in beyond, place)
            if world in worlds:
                _draw_points(figure, kind, world, found.of(kind, ranks=world), colour, place)
        figure.update_xaxes(
            title=f"bytes, {TITLES[kind]}", **axes.unit_ticks(sizes.min(), sizes.max(), axes.SIZES, "B"), **place
        )  # fmt: skip
    low, high = min(s.min() for s in everything), max(s.max() for s in everything)
    figure.update_yaxes(**axes.unit_ticks(low, high, axes.SECONDS, "s"))
    figure.update_yaxes(title="seconds", automargin=True, col=1)
    width = 360 * len(kinds) + 160
    return axes.finish(
        figure, title, len(kinds), hovermode="closest", width=width, height=360, legend=axes.BESIDE
    )


def _draw_points(
    figure: go.Figure, kind: str, world: int, found: Measurement, colour: str, place: dict[str, int]
) -> None:
    """Medians and ranges over the rounds."""
    by_size = found.groups("bytes")
    sizes = np.array([size for (size,) in by_size], dtype=float)
    low, middle, high = np.array(
        [np.quantile(some.column("seconds"), (0, 0.5, 1)) for some in by_size.values()]
    ).T
    bars = {"symmetric": False, "array": high - middle, "arrayminus": middle - low, "thickness": 1.0}
    figure.add_scatter(
        x=sizes, y=middle, error_y=bars, mode="markers", marker={"color": colour, "size": 6},
        name=f"{world} ranks", legendgroup=f"{world}", showlegend=kind == "allreduce", customdata=_rates(sizes, middle),
        hovertemplate="%{x:.4s}B in %{y:.3s}s<br>%{customdata}<extra>" + f"{world} ranks</extra>", **place,
    )  # fmt: skip


def _draw_model(
    figure: go.Figure, kind: str, world: int, sizes: np.ndarray, messages: Any, colour: str, beyond: bool,
    place: dict[str, int],
) -> None:  # fmt: skip
    """The model's curve over its band; of a ping-pong, the link's."""
    at = np.geomspace(sizes.min(), sizes.max(), POINTS)
    if kind == "ping-pong":
        seconds = messages.link.latency + at / messages.link.bandwidth
    else:
        seconds = messages.allreduce(at, world)
        axes.band(figure, at, *messages.band(at, world), colour, **place)
    figure.add_scatter(
        x=at, y=seconds, mode="lines", line={"color": colour, "width": 1.5, "dash": "dash" if beyond else "solid"},
        name=f"{world} ranks, model", legendgroup=f"{world}", showlegend=beyond, customdata=_rates(at, seconds),
        hovertemplate="model: %{x:.4s}B in %{y:.3s}s<br>%{customdata}<extra>" + f"{world} ranks</extra>", **place,
    )  # fmt: skip


def _rates(sizes: np.ndarray, seconds: np.ndarray) -> list[str]:
    """The effective bandwidth in words."""
    return [axes.with_unit(rate, axes.SIZES, "B/s") for rate in sizes / seconds]
