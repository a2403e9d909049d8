"""The numbers of a run as curves need them: read once from the history, and against steps, seconds or samples."""

from array import array
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pdekit.averages import trailing_mean

By = Literal["steps", "seconds", "samples"]
WORDS = {"steps": "step", "seconds": "seconds of training", "samples": "samples evaluated"}
_COLUMNS = ("number", "seconds", "samples", "loss", "gradient_norm", "resolution")

Numbers = NDArray[np.float64]


class Curves(NamedTuple):
    """What there is to draw: arrays (n,) along the steps, and (m,) along those with an error."""

    along: dict[str, Numbers]
    loss: Numbers
    mean: Numbers
    gradient: Numbers
    grids: Numbers
    measured: Numbers  # the steps of the errors
    errors: Numbers  # fractions

    def where(self, steps: Numbers, by: By) -> Numbers:
        """Where `steps` lie in the view by `by`."""
        if by == "steps" or not len(self.loss):
            return steps
        return np.interp(steps, self.along["steps"], self.along[by])


class Course:
    """A history that grows, kept as columns: of each step the record is read once."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """No steps, no errors."""
        self._columns = {name: array("d") for name in _COLUMNS}
        self._history: Any = None
        self.window = 1
        self.measured, self.errors = np.zeros(0), np.zeros(0)

    def read(self, history: Any, window: int) -> None:
        """Take what is new in `history` (a History), whose mean is over `window` steps."""
        known = len(self._columns["number"])
        if history is not self._history or len(history.steps) < known:
            self._columns, known = {name: array("d") for name in _COLUMNS}, 0
        self._history, self.window = history, window
        new = history.steps[known:]
        for name, column in self._columns.items():
            column.extend(getattr(step, name) for step in new)

    def curves(self) -> Curves:
        """All that is known now."""
        columns = {name: np.array(column) for name, column in self._columns.items()}
        along = {name: columns[key] for name, key in (("steps", "number"), ("seconds", "seconds"))}
        along["samples"] = np.cumsum(columns["samples"])
        loss, grids = columns["loss"], columns["resolution"]
        mean = trailing_mean(loss, grids, self.window) if len(loss) else loss
        return Curves(along, loss, mean, columns["gradient_norm"], grids, self.measured, self.errors)
