"""Where the time of a step goes, against ranks: a stacked bar for each, measured or modelled."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from pdekit import checks
from pdekit.scaling.goal.answer import steps_of
from pdekit.scaling.measurement import Measurement, Trial
from pdekit.scaling.series import KINDS, Kind, Series, global_batch, one_series
from pdekit.views import axes, theme

PARTS = {  # of a bar, from below: what it is, its colour
    "compute": ("compute", theme.COLOURS[0]),
    "norms": ("messages of the batch norms", theme.COLOURS[3]),
    "gradient": ("the gradient's message", theme.COLOURS[1]),
    "messages": ("messages of both kinds", theme.COLOURS[1]),
    "waiting": ("waiting", theme.COLOURS[5]),
    "rest": ("everything else", "#b8c1cb"),
}


def plot_step(
    measurement: Measurement | None = None,
    model: Any = None,
    kind: Kind = "strong",
    *,
    ranks: ArrayLike | None = None,
    batch: int | None = None,
    resolution: int | None = None,
    optimizer: str | None = None,
    network: Any = None,
    share: bool = False,
    title: str = "Where the time of a step goes",
) -> go.Figure:
    """Seconds of a step against ranks, stacked: compute, messages, waiting for others; with `share`, fractions.

    measurement: its steps, the medians over the rounds; a rank cannot tell the messages of the batch norms from the
    gradient's, so that these are one. Waiting is what the mean rank spends in messages beyond the one with the least.
    model: what `pk.fit` made of it, beside it; alone, it needs the `batch` (of all ranks, or of each with
    kind="weak") and `ranks` (n,). network: another one than the fitted, for the model.

    Raises ValueError for neither of the two, nothing measured of the kind, or a model without a batch.
    """
    checks.one_of("kind", kind, KINDS)
    measured = None if measurement is None else one_series(measurement, kind, resolution, optimizer)
    bars: list[tuple[str, np.ndarray, dict[str, np.ndarray]]] = []
    if measured is not None:
        bars.append(("measured", measured.ranks, _measured(measured)))
        batch, resolution, optimizer = measured.batch, measured.resolution, measured.optimizer
        ranks = measured.ranks if ranks is None else ranks
    if model is not None:
        at = _checked_ranks(ranks)
        of_all = global_batch(kind, checks.whole("batch", batch), at)
        said = steps_of(model).predict(
            at, of_all, resolution=resolution, network=network, optimizer=optimizer
        )
        parts = {name: getattr(said, name) for name in ("compute", "norms", "gradient", "waiting")}
        bars.append(("model", at, parts))
    if not bars:
        raise checks.refuse("plot_step", "a measurement or a model", "neither", "give pk.fit(measurement)")
    return _draw(bars, share, title)


def _draw(bars: list[tuple[str, np.ndarray, dict[str, np.ndarray]]], share: bool, title: str) -> go.Figure:
    figure = go.Figure()
    order = [str(p) for p in sorted({int(p) for _, ranks, _ in bars for p in ranks})]
    for part, (words, colour) in PARTS.items():
        for source, ranks, parts in bars:
            if part not in parts:
                continue
            whole = np.sum(list(parts.values()), axis=0)
            each = zip(parts[part], whole, strict=True)
            said = [f"{axes.seconds(v) if v > 0 else '0 s'}, {v / of:.1%}" for v, of in each]
            hatched = {"shape": "/", "fillmode": "overlay", "fgcolor": "white", "fgopacity": 0.6, "size": 6}
            look = {"color": colour, "line": {"width": 0}} | (
                {"pattern": hatched} if source == "model" else {}
            )
            figure.add_bar(
                x=[str(p) for p in ranks], y=parts[part] / (whole if share else 1), name=words, marker=look,
                offsetgroup=source, legendgroup=words, customdata=said,
                showlegend=not any(trace.name == words for trace in figure.data),
                hovertemplate=f"{source}, %{{x}} ranks: {words} %{{customdata}}<extra></extra>",
            )  # fmt: skip
    figure.update_xaxes(title="ranks", type="category", categoryorder="array", categoryarray=order)
    if share:
        figure.update_yaxes(title="share of the step", tickformat=".0%")
    else:
        figure.update_yaxes(title="seconds of a step", rangemode="tozero")
    legend = axes.BESIDE
    if len(bars) > 1:
        legend = legend | {"title": {"text": "plain: measured, hatched: model", "font": {"size": 12}}}
    look = {"hovermode": "closest", "barmode": "stack", "bargap": 0.2, "legend": legend}
    return axes.finish(figure, title, 2, width=760, height=350, **look)


def _measured(one: Series) -> dict[str, np.ndarray]:
    """Of each part the medians over the rounds: (n,)."""
    split = np.array([np.median([_split(trial) for trial in some], axis=0) for some in one.trials])
    return dict(zip(("compute", "messages", "waiting", "rest"), split.T, strict=True))


def _split(trial: Trial) -> tuple[float, float, float, float]:
    """Seconds of compute, messages, waiting and anything else; they add up to the step's, if not to more."""
    if len(trial.compute) != trial.ranks or len(trial.communication) != trial.ranks:
        got = f"{len(trial.compute)} and {len(trial.communication)} on {trial.ranks} ranks"
        raise checks.refuse("measurement", "compute and communication of each rank", got, "measure again")
    compute, messages = float(np.mean(trial.compute)), min(trial.communication)
    waiting = float(np.mean(trial.waiting))
    return compute, messages, waiting, max(trial.seconds - compute - messages - waiting, 0.0)


def _checked_ranks(ranks: ArrayLike | None) -> np.ndarray:
    if ranks is None:
        raise checks.refuse("ranks", "numbers of ranks", None, "give ranks=[1, 2, 4, 8], for instance")
    return np.array([checks.whole("ranks", p) for p in np.atleast_1d(np.asarray(ranks)).tolist()])
