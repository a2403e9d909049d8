"""The held-out sample on show: its fields on the grid being trained, and its error as training goes on."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pdekit.checks import refuse
from pdekit.views.arrays import by_log, length, picture
from pdekit.views.dashboard.figure.live import LiveFigure

COUNT = 16  # samples to choose from


PICTURE = 64  # nodes along a side, at most, of what the choice between samples is made by
LOSSES = {
    "mean": "loss",
    "log": "loss (mean of logarithms)",
    "root": "loss (mean of roots)",
    "asinh": "loss (mean of asinh)",
}


def figure_of(problem: Any, objective: str | None = None) -> LiveFigure:
    """The figure for `problem`, made of its `looks`."""
    return LiveFigure(**looks(problem, objective))


def looks(problem: Any, objective: str | None = None) -> dict[str, Any]:
    """What a LiveFigure has to know of `problem`: what is given is coloured by log10 if that suits a sample on show.

    The loss has a logarithmic axis where the `objective` (default: the problem's first) makes it positive: where the
    losses of the samples are, so that their logarithm or root is offered, and are not shown by their logarithm yet.
    """
    small = problem.at(min(problem.resolution, PICTURE))
    data = [np.asarray(small.coefficient(i)) for i in problem.held_out(COUNT)]
    dim = len(problem.shape)
    *_, (up, rows), (across, _) = problem.axes.items()
    objective = objective or problem.objectives[0]
    log = problem.positive and by_log(*data, dim=dim)
    return {
        "given": problem.given,
        "log": log,
        "dim": dim,
        "pictures": [picture(np.log10(one) if log else one, small.shape) for one in data],
        "axes": (up, across),
        "ends": (float(rows[-1]) if up == "t" else 1.0, 1.0),
        "loss": LOSSES.get(objective, "loss"),
        "log_loss": objective != "log" and bool({"log", "root"} & set(problem.objectives)),
    }


@dataclass
class Curve:
    """A sample's errors (fractions) after each of `steps`; twice after one that the grid changes behind."""

    steps: list[int] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    last: tuple[int, int] = (-1, 0)  # step and grid


class HeldOut:
    """Puts a held-out sample of `problem` on the maps of `figure`, and keeps the curve of each one's error."""

    def __init__(self, problem: Any, figure: LiveFigure) -> None:
        self.problem, self.figure = problem, figure
        self.indices = problem.held_out(COUNT)
        self._shown: tuple[int, int] | None = None  # sample and grid on the maps
        self._wanted = self._shown
        self._reference = np.empty((0, 0))  # as the problem has it
        self._curves: dict[int, Curve] = {}  # of each sample that was on show

    def show(self, sample: int, resolution: int) -> None:
        """Coefficient and reference of global sample `sample` on that grid; takes tens of ms at 64 x 64."""
        self._put(sample, resolution, *self._solve(sample, resolution))

    async def turn_to(self, sample: int, resolution: int) -> None:
        """The same without blocking the kernel; nothing to do where it is on show already."""
        self._wanted = (sample, resolution)
        if self._shown != self._wanted:
            fields = await asyncio.to_thread(self._solve, sample, resolution)
            if self._wanted == (sample, resolution):  # else another one was asked for meanwhile
                self._put(sample, resolution, *fields)

    def paint(self, prediction: np.ndarray, step: int) -> float:
        """Show the prediction after `step` for the sample and grid on show; its relative L2 error.

        Raises ValueError where the training has diverged.
        """
        if not np.isfinite(prediction).all():
            raise refuse(
                f"step {step}", "a finite prediction", "NaN or infinity", "use a smaller learning rate"
            )
        error = self.problem.error(prediction, self._reference)
        curve, grid = self._curve, self._shown[1]
        if (step, grid) > curve.last:
            curve.steps.append(step), curve.errors.append(error)
            curve.last = step, grid
        with self.figure.painting():
            shape = self.problem.at(grid).shape
            self.figure.show_prediction(picture(prediction, shape), picture(self._reference, shape))
            self.figure.show_errors(curve.steps, curve.errors)
            if len(shape) == 3:
                self.figure.show_cube(length(prediction, shape), length(self._reference, shape))
        return error

    def forget(self) -> None:
        """Forget the errors of a run; the sample stays."""
        self._curves = {}

    @property
    def _curve(self) -> "Curve":
        return self._curves.setdefault(self._shown[0], Curve())

    def _solve(self, sample: int, resolution: int) -> tuple[np.ndarray, np.ndarray]:
        problem = self.problem.at(resolution)
        return problem.coefficient(sample), problem.reference(sample)

    def _put(self, sample: int, resolution: int, coefficient: np.ndarray, reference: np.ndarray) -> None:
        self._shown, self._reference = (sample, resolution), reference
        shape = self.problem.at(resolution).shape
        with self.figure.painting():
            self.figure.show_sample(picture(coefficient, shape), picture(reference, shape))
            self.figure.show_errors(self._curve.steps, self._curve.errors)
            if sample in self.indices:
                self.figure.mark_sample(self.indices.index(sample))
