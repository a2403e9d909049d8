"""Measured steps of one kind of work on several world sizes: with the work fixed, or fixed for each rank."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pdekit import checks
from pdekit.scaling.measurement import Measurement, Trial

Kind = Literal["strong", "weak"]
KINDS = ("strong", "weak")


@dataclass(frozen=True)
class Series:
    """Steps on `ranks` (n,), in order; `batch` samples a step in all ("strong") or for each rank ("weak").

    trials: for each number of ranks those of all rounds.
    """

    kind: Kind
    resolution: int
    optimizer: str
    threads: int
    batch: int
    trials: tuple[tuple[Trial, ...], ...]

    @property
    def ranks(self) -> np.ndarray:
        """(n,) whole numbers, rising."""
        return np.array([some[0].ranks for some in self.trials])

    @property
    def global_batch(self) -> np.ndarray:
        """Samples of a step on all ranks: (n,)."""
        return global_batch(self.kind, self.batch, self.ranks)

    @property
    def rounds(self) -> np.ndarray:
        """Seconds of a step in each round: (rounds, n), nan where a round was cut off."""
        numbers = sorted({trial.round for some in self.trials for trial in some})
        seconds = np.full((len(numbers), len(self.trials)), np.nan)
        for column, some in enumerate(self.trials):
            for trial in some:
                seconds[numbers.index(trial.round), column] = trial.seconds
        return seconds

    @property
    def speedup(self) -> np.ndarray:
        """Work done in a second, by what one rank does: (rounds, n), nan where a round was cut off.

        The fewest ranks p0 are the yardstick, taken to be perfect: p0 t(p0) / t(p), and p t(p0) / t(p) where the work
        grows with the ranks (Gustafson 1988). Both times are of one round, which had the same disturbances.
        """
        seconds = self.rounds
        base = np.where(np.isnan(seconds[:, 0]), np.nanmedian(seconds[:, 0]), seconds[:, 0])
        return work(self.kind, self.ranks) * base[:, None] / seconds


def global_batch(kind: Kind, batch: int, ranks: np.ndarray) -> np.ndarray:
    """Samples of a step on all ranks: `batch`, or `batch` for each of them."""
    return batch * (ranks if kind == "weak" else np.ones_like(ranks))


def work(kind: Kind, ranks: np.ndarray, base: int | None = None) -> np.ndarray:
    """What a step on `ranks` (n,) does, by what one of `base` ranks does in a step (default: the first of them)."""
    return ranks if kind == "weak" else np.full_like(ranks, ranks[0] if base is None else base)


def series(
    measurement: Measurement,
    kind: Kind = "strong",
    resolution: int | None = None,
    optimizer: str | None = None,
    least: int = 2,
) -> list[Series]:
    """The steps of `measurement` for each resolution, optimizer and number of threads, or for those that are given.

    Where several batches were measured, the one with the most world sizes. ValueError for another kind, no steps
    of that kind, times that are not above 0, or fewer than `least` world sizes.
    """
    checks.one_of("kind", kind, KINDS)
    given = {"resolution": resolution, "optimizer": optimizer}
    steps = measurement.of("step", **{k: v for k, v in given.items() if v is not None})
    if not len(steps):
        got = measurement.of("step").groups("resolution", "optimizer")
        raise checks.refuse(
            "measurement", f"steps{_of(given)}", [*got] or "none", "choose one of these, or measure"
        )
    seconds = steps.column("seconds")
    if not (np.isfinite(seconds) & (seconds > 0)).all():
        raise checks.refuse("measurement", "steps of more than 0 seconds", seconds.min(), "measure again")
    found: dict[tuple[int, str, int], Series] = {}
    for one in every(steps, kind):
        key = (one.resolution, one.optimizer, one.threads)
        if key not in found or len(one.trials) > len(found[key].trials):
            found[key] = one
    enough = [one for one in found.values() if len(one.trials) >= least]
    if not enough:
        got = sorted({trial.ranks for trial in steps.trials})
        expected = f"{kind} scaling{_of(given)} on {least} or more world sizes"
        raise checks.refuse("measurement", expected, got, "measure more of them")
    return enough


def one_series(measurement: Measurement, kind: Kind, resolution: int | None, optimizer: str | None) -> Series:
    """The only `series` that there is of these, on one world size or more; ValueError if there are several."""
    found = series(measurement, kind, resolution, optimizer, least=1)
    if len(found) > 1:
        got = [(one.resolution, one.optimizer) for one in found]
        raise checks.refuse(
            "measurement", "steps of one resolution and optimizer", got, "choose one of these"
        )
    return found[0]


def every(measurement: Measurement, kind: Kind) -> Iterator[Series]:
    """The steps of each resolution, optimizer, number of threads and batch, on one world size or more."""
    found: dict[tuple, dict[int, list[Trial]]] = {}
    for trial in measurement.of("step").trials:
        batch, left = divmod(trial.global_batch, trial.ranks if kind == "weak" else 1)
        if not left:
            key = (trial.resolution, trial.optimizer, trial.threads, batch)
            found.setdefault(key, {}).setdefault(trial.ranks, []).append(trial)
    for key, of in sorted(found.items(), key=lambda item: item[0]):
        yield Series(kind, *key, tuple(tuple(of[ranks]) for ranks in sorted(of)))


def _of(given: dict[str, object]) -> str:
    return "".join(f" with {name} {value}" for name, value in given.items() if value is not None)
