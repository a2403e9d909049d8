"""Which allreduce is the quickest: a map of ranks and message sizes, and curves of networks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from pdekit import checks
from pdekit.scaling.link import Link, Network
from pdekit.views import axes, theme

GRADIENT = 4_905_252  # bytes: the 1,226,313 parameters of the default U-Net, float32
NORM = 1_032  # bytes: count, sums and squares of 64 channels, float64
MARKS = {"the gradient of the default U-Net": GRADIENT, "a batch norm of 64 channels": NORM}
RANKS = 2 ** np.arange(1, 13)
WORLDS = np.sort(np.concatenate([RANKS, 3 * RANKS[:-1] // 2]))  # and between: no power of two is another case
SIZES = np.geomspace(8, 1e9, 160)


def plot_algorithms(
    link: Link,
    bytes: ArrayLike = SIZES,
    ranks: ArrayLike = WORLDS,
    *,
    marks: Mapping[str, float] | None = None,
    title: str = "",
) -> go.Figure:
    """A map of the allreduce that takes least on such a link: message sizes (m,) upward, ranks (n,) across.

    marks: sizes to draw a line at, by their names (default: the messages of a training step of the default U-Net).

    Raises ValueError for sizes or ranks that are not rising, or not above 0.
    """
    from pdekit.scaling.allreduce import ALGORITHMS, best

    sizes, worlds = _rising("bytes", bytes), _rising("ranks", ranks)
    names, seconds = best(sizes[:, None], worlds[None, :].astype(int), link)
    known = list(ALGORITHMS)
    index = np.array([[known.index(name) for name in row] for row in names])
    shown = [k for k in range(len(known)) if (index == k).any()]
    figure = go.Figure()
    scale = [
        [(k + d) / len(known), axes.faint(theme.COLOURS[k], 0.55)] for k in range(len(known)) for d in (0, 1)
    ]
    said = [
        [f"{name}: {axes.seconds(float(t))}" for name, t in zip(*row, strict=True)]
        for row in zip(names, seconds, strict=True)
    ]
    figure.add_heatmap(
        x=_edges(worlds), y=_edges(sizes), z=index, zmin=-0.5, zmax=len(known) - 0.5, colorscale=scale,
        showscale=False, customdata=said, hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    for k in shown:  # a heatmap has no legend of words
        square = {"symbol": "square", "size": 11, "color": axes.faint(theme.COLOURS[k], 0.55)}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=square, name=known[k])
    x, y = boundaries(index, _edges(worlds), _edges(sizes))
    figure.add_scatter(
        x=x, y=y, mode="lines", line={"color": theme.INK, "width": 1.2}, hoverinfo="skip", showlegend=False
    )
    for name, size in (MARKS if marks is None else marks).items():
        if sizes[0] <= size <= sizes[-1]:
            text = f" {name}, {axes.with_unit(size, axes.SIZES, 'B')}"
            figure.add_scatter(
                x=_edges(worlds)[[0, -1]], y=[size, size], mode="lines+text", text=[text, ""], hoverinfo="skip",
                textposition="top right", textfont={"size": 11}, showlegend=False,
                line={"width": 1.2, "dash": "dot", "color": theme.INK},
            )  # fmt: skip
    whole = np.log10(_edges(worlds)[[0, -1]])
    figure.update_xaxes(axes.rank_ticks(RANKS) | {"range": whole, "showgrid": False})
    figure.update_yaxes(
        title="bytes",
        showgrid=False,
        automargin=True,
        **axes.unit_ticks(sizes[0], sizes[-1], axes.SIZES, "B"),
    )
    words = f"{axes.with_unit(link.latency, axes.SECONDS, 's')}, {8e-9 * link.bandwidth:.3g} Gb/s"
    look = {"hovermode": "closest", "legend": axes.BESIDE, "width": 740, "height": 420}
    return axes.finish(figure, title or f"The quickest allreduce, {words}", 1, **look)


def plot_allreduce(
    networks: Network | Mapping[str, Network],
    bytes: float = GRADIENT,
    ranks: ArrayLike = RANKS,
    *,
    title: str = "",
) -> go.Figure:
    """Seconds of an allreduce of so many bytes against ranks (n,), on one network or several, by their names.

    A network is a machine of `pk.machines()`, or the messages that were fitted. Raises ValueError for ranks that are
    not rising or not above 0.
    """
    worlds = _rising("ranks", ranks).astype(int)
    size = checks.positive("bytes", bytes)
    several = dict(networks) if isinstance(networks, Mapping) else {"": networks}
    figure, all_seconds = go.Figure(), []
    for index, (name, network) in enumerate(several.items()):
        seconds = np.asarray(network.allreduce(size, worlds), dtype=float)
        all_seconds.append(seconds[seconds > 0])
        look = {"color": theme.COLOURS[index % 7], "dash": theme.DASHES[index // 7 % 4], "width": 1.6}
        figure.add_scatter(
            x=worlds, y=seconds, name=name, mode="lines+markers", marker_size=5, line=look, showlegend=bool(name),
            customdata=[axes.seconds(float(t)) if t > 0 else "0 s" for t in seconds],
            hovertemplate="%{x} ranks: %{customdata}<extra>" + name + "</extra>",
        )  # fmt: skip
    low, high = min(s.min() for s in all_seconds), max(s.max() for s in all_seconds)
    figure.update_xaxes(**axes.rank_ticks(worlds))
    figure.update_yaxes(title="seconds", automargin=True, **axes.unit_ticks(low, high, axes.SECONDS, "s"))
    words = title or f"Allreduce of {axes.with_unit(size, axes.SIZES, 'B')}"
    return axes.finish(figure, words, 2, hovermode="closest", legend=axes.BESIDE, height=380)


def boundaries(index: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[list[Any], list[Any]]:
    """The edges between cells (m, n) of different numbers, as one broken line; x (n + 1,), y (m + 1,) are the edges."""
    across, up = [], []
    for row, column in zip(*np.nonzero(index[:, 1:] != index[:, :-1]), strict=True):
        across += [x[column + 1], x[column + 1], None]
        up += [y[row], y[row + 1], None]
    for row, column in zip(*np.nonzero(index[1:] != index[:-1]), strict=True):
        across += [x[column], x[column + 1], None]
        up += [y[row + 1], y[row + 1], None]
    return across, up


def _edges(middles: np.ndarray) -> np.ndarray:
    """Edges (n + 1,) of cells around middles (n,), half-way by logarithms."""
    logs = np.log(middles)
    inner = (logs[1:] + logs[:-1]) / 2
    return np.exp(np.concatenate([[2 * logs[0] - inner[0]], inner, [2 * logs[-1] - inner[-1]]]))


def _rising(name: str, values: ArrayLike) -> np.ndarray:
    found = np.asarray(values, dtype=float)
    if found.ndim != 1 or len(found) < 2 or not (found > 0).all() or not (np.diff(found) > 0).all():
        raise checks.refuse(name, "two or more rising numbers above 0", values, "sort them, each once")
    return found
