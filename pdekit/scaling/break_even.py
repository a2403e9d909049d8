"""From how many solutions on it pays to have trained a generator first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pdekit import checks

Seconds = float | Sequence[float]
"""One number, or one for each time that it was measured."""


@dataclass(frozen=True)
class BreakEven:
    """Training once and then `inference_seconds` a solution, against `classical_seconds` a solution.

    Each is a number of seconds or several, measured again and again: the median counts, and all of them make the
    band. The errors, relative and in one norm, are those of the solutions: two that differ are not the same product.
    ValueError for seconds or errors that are not finite and above 0.
    """

    training_seconds: Seconds
    inference_seconds: Seconds
    classical_seconds: Seconds
    generator_error: float | None = None
    classical_error: float | None = None

    def __post_init__(self) -> None:
        for name in ("training_seconds", "inference_seconds", "classical_seconds"):
            values = np.ravel(np.asarray(getattr(self, name), dtype=float)).tolist()
            if not values:
                raise checks.refuse(name, "a number of seconds, or several", values, "measure it")
            checks.settle(self, **{name: tuple(checks.positive(name, value) for value in values)})
        for name in ("generator_error", "classical_error"):
            if getattr(self, name) is not None:
                checks.positive(name, getattr(self, name))

    @property
    def samples(self) -> float:
        """The least whole n with training + n inference < n classical; inf where inference is not cheaper."""
        return _least(*(float(np.median(of)) for of in self._seconds))

    @property
    def band(self) -> tuple[float, float]:
        """`samples` with the luckiest and the unluckiest of the measured seconds: (low, high)."""
        training, inference, classical = self._seconds
        lucky = _least(min(training), min(inference), max(classical))
        return lucky, _least(max(training), max(inference), min(classical))

    def generator(self, samples: np.ndarray) -> np.ndarray:
        """Seconds until there are `samples` (n,) solutions, training included: (3, n), least, median and most."""
        training, inference, _ = (_range(of)[:, None] for of in self._seconds)
        return training + inference * np.asarray(samples, dtype=float)

    def classical(self, samples: np.ndarray) -> np.ndarray:
        """Seconds until there are `samples` (n,) classical solutions: (3, n), least, median and most."""
        return _range(self._seconds[2])[:, None] * np.asarray(samples, dtype=float)

    @property
    def same_product(self) -> bool | None:
        """Whether the generator's error is no more than twice that of the classical solution; None if unknown."""
        if self.generator_error is None or self.classical_error is None:
            return None
        return self.generator_error <= 2 * self.classical_error

    def __str__(self) -> str:
        low, high = self.band
        if math.isinf(low):
            return "Training never pays: a solution of the generator takes as long as a classical one."
        if math.isinf(self.samples):
            return f"Training does not pay, or from {low:,.0f} solutions on with luck."
        most = "never" if math.isinf(high) else f"{high:,.0f}"
        return f"Training pays from {self.samples:,.0f} solutions on ({low:,.0f} with luck, {most} without)."

    @property
    def _seconds(self) -> tuple[tuple[float, ...], ...]:
        return self.training_seconds, self.inference_seconds, self.classical_seconds


def break_evens(
    table: Mapping[str, np.ndarray],
    grid: str,
    generator: str = "plain",
    batch: int = 16,
    assembly: bool = True,
) -> dict[str, BreakEven]:
    """Of the table `break-even` and one of its grids, such as "64 x 64": a case for each classical solver, by name.

    generator: its head; batch: samples that it takes at once, as measured. assembly: whether the classical solver's
    time includes that of its matrix, as it does where each sample has another coefficient. ValueError for a grid, a
    generator or a batch that is not in the table.
    """
    rows = table["grid"] == checks.one_of("grid", grid, tuple(dict.fromkeys(table["grid"].tolist())))
    training, inference = (rows & (table["what"] == what) for what in ("training", "inference"))
    trained = training & (
        table["generator"]
        == checks.one_of("generator", generator, tuple(dict.fromkeys(table["generator"][training].tolist())))
    )
    batches = sorted(set(table["batch"][inference].astype(int).tolist()))
    if batch not in batches:
        raise checks.refuse("batch", f"one of {batches}", batch, "choose one of these")
    at_once = inference & (table["generator"] == generator) & (table["batch"] == batch)
    rivals = rows & (table["classical"] == 1) & np.isin(table["generator"], ("", generator))
    found = {}
    for what in dict.fromkeys(table["what"][rivals].tolist()):
        of = rivals & (table["what"] == what)
        seconds = table["set_up"][of] + table["seconds"][of] + (table["assembly"][of] if assembly else 0)
        found[what] = BreakEven(
            table["seconds"][trained].tolist(),
            table["seconds"][at_once].tolist(),
            seconds.tolist(),
            float(table["error"][trained][0]),
            float(np.median(table["error"][of])),
        )
    return found


def _least(training: float, inference: float, classical: float) -> float:
    gain = classical - inference
    return math.floor(training / gain) + 1 if gain > 0 else math.inf


def _range(values: tuple[float, ...]) -> np.ndarray:
    return np.array([min(values), float(np.median(values)), max(values)])
