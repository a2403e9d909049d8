"""The fit of `Steps` to measured ones, and what it predicts of those that it was not given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pdekit import checks
from pdekit.scaling.fitted.compute import Compute, Piece, fit_compute
from pdekit.scaling.fitted.messages import Messages
from pdekit.scaling.fitted.prediction import Traffic
from pdekit.scaling.fitted.scatter import Scatter
from pdekit.scaling.fitted.sound import check_seconds, on_a_node
from pdekit.scaling.fitted.steps import Steps, late
from pdekit.scaling.measurement import Measurement, Trial

PIECES = 3  # different steps at least: a fixed part, one per sample, and one to see whether they hold
LEAST = 0.01  # of a step's seconds: what it computes, where the messages look as if they took all of it
KEY = ("optimizer", "resolution", "threads", "ranks", "nodes", "global_batch")


@dataclass(frozen=True)
class _Of:
    """Trials of one kind of step: its median, each round's seconds, and the seconds of its messages by the network."""

    piece: Piece
    median: float
    seconds: np.ndarray
    messages: float


def fit_steps(measurement: Measurement, messages: Messages | None, cores: int | None = None) -> Steps:
    """Fit the steps of a measurement, over the network that was fitted to its messages.

    `cores` are those of one machine, on which ranks that are more take turns; None where it is not known, or where no
    ranks share a machine. Steps with overlap are left out: what they wait is not what their messages take. The band is
    that of steps that are left out, one kind at a time and one world size at a time.

    ValueError for fewer than 3 kinds of steps, and for times that are not finite and above 0.
    """
    steps = measurement.of("step")
    steps = Measurement([t for t in steps.trials if "overlap=True" not in t.experiment], steps.machine)
    check_seconds(steps)
    several = [trial for trial in steps.trials if trial.ranks > 1 and trial.messages]
    traffic = {t.optimizer: Traffic.of(t.messages, t.bytes, t.gradient) for t in several}
    kinds = [_kind(group, traffic, messages) for group in steps.groups(*KEY).values()]
    if len(kinds) < PIECES:
        raise checks.refuse(
            "measurement",
            f"at least {PIECES} kinds of steps (ranks, batches, resolutions)",
            f"{len(kinds)}",
            "measure more of them, without overlap",
        )
    compute, jitter = _fitted(kinds, cores)
    return Steps(
        compute,
        messages,
        traffic,
        jitter,
        Scatter(logs := _held_out(kinds, cores), np.zeros_like(logs)),
        tuple(sorted({kind.piece.ranks for kind in kinds})),
        tuple(sorted({kind.piece.local for kind in kinds})),
        max(map(on_a_node, steps.trials)) if any(trial.nodes > 1 for trial in steps.trials) else np.inf,
    )


def _kind(group: Measurement, traffic: dict[str, Traffic], messages: Messages | None) -> _Of:
    first = group.trials[0]
    sent = _messages_seconds(first, traffic, messages)
    busy = float(np.median([_computing(trial, sent) for trial in group.trials]))
    local = -(-first.global_batch // first.ranks)
    threads = on_a_node(first) * first.threads
    piece = Piece(first.ranks, threads, local, first.resolution, first.optimizer, first.threads, busy)
    seconds = group.column("seconds").astype(float)
    return _Of(piece, float(np.median(seconds)), seconds, sent)


def _computing(trial: Trial, sent: float) -> float:
    """Seconds of the rank that computes longest; without a number for each, of a step less its messages."""
    if trial.compute:
        return max(trial.compute)
    return max(trial.seconds - (0.0 if np.isnan(sent) else sent), LEAST * trial.seconds)


def _messages_seconds(trial: Trial, traffic: dict[str, Traffic], messages: Messages | None) -> float:
    """By the fitted network; nan on a world size of which it knows nothing."""
    if trial.ranks == 1:
        return 0.0
    reach = set() if messages is None else set(messages.ranks.tolist())
    if trial.optimizer not in traffic or not reach or (len(reach) == 1 and trial.ranks not in reach):
        return np.nan
    of, p = traffic[trial.optimizer], np.array([float(trial.ranks)])
    return float((of.norms_seconds(p, messages) + of.gradient_seconds(p, messages, np.zeros(1)))[0])


def _fitted(kinds: Sequence[_Of], cores: int | None) -> tuple[Compute, float]:
    """The computing, and the jitter that what is left of the steps' seconds shows."""
    compute = fit_compute([kind.piece for kind in kinds], cores)
    known = [kind for kind in kinds if kind.piece.ranks > 1 and np.isfinite(kind.messages)]
    if not known:
        return compute, 0.0
    seconds = np.array([kind.median for kind in known])
    busy = np.array([_compute_seconds(compute, kind.piece) for kind in known])
    per_share = busy * late(np.array([kind.piece.ranks for kind in known])) / seconds
    rest = (seconds - busy - np.array([kind.messages for kind in known])) / seconds
    return compute, max(0.0, float(per_share @ rest / (per_share @ per_share)))


def _compute_seconds(compute: Compute, piece: Piece) -> float:
    local, busy = np.array([float(piece.local)]), np.array([float(piece.busy)])
    return float(compute.seconds(local, busy, piece.resolution, piece.optimizer, piece.threads)[0])


def _log(kind: _Of, compute: Compute, jitter: float) -> np.ndarray:
    """Of each round; of the computing alone on a world size of whose messages nothing is known."""
    busy = _compute_seconds(compute, kind.piece)
    if np.isnan(kind.messages):
        return np.log([kind.piece.seconds / busy])
    return np.log(
        kind.seconds / (busy * (1 + jitter * float(late(np.array(kind.piece.ranks)))) + kind.messages)
    )


def _held_out(kinds: list[_Of], cores: int | None) -> np.ndarray:
    """Logarithms of the seconds of each round over the prediction of a fit without its kind, or its world size.

    Where what is left does not tell a part (a kind that alone has some number of samples), the fit to all is taken.
    """
    whole, logs = _fitted(kinds, cores), []
    by: list[Callable[[_Of], object]] = [lambda kind: kind.piece]
    if len({kind.piece.ranks for kind in kinds}) > 2:
        by.append(lambda kind: kind.piece.ranks)
    for name in by:
        for value in {name(kind): None for kind in kinds}:
            rest = [kind for kind in kinds if name(kind) != value]
            for kind in (kind for kind in kinds if name(kind) == value):
                fit = _fitted(rest, cores) if _tells(rest, kind) else whole
                logs.append(_log(kind, *fit))
    return np.concatenate(logs)


def _tells(rest: list[_Of], kind: _Of) -> bool:
    """Whether the others say as much about the samples, the threads and the resolution of this kind."""
    same = [one.piece for one in rest if one.piece.optimizer == kind.piece.optimizer]
    at = {p.local for p in same if p.resolution == kind.piece.resolution}
    return len({p.local for p in same}) > 1 and bool(at) and kind.piece.threads in {p.threads for p in same}
