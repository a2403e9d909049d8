"""What each step of an experiment is taken with: its optimizer, its rate, and its batch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pdekit import checks
from pdekit.optim.menu import method
from pdekit.optim.outcome import Optimizer
from pdekit.optim.plateau import Watch
from pdekit.optim.recipe import Recipe
from pdekit.optim.warm_up import SCHEDULES
from pdekit.parallel.reduction import Together
from pdekit.train.epochs import Epochs
from pdekit.train.history import Step

if TYPE_CHECKING:
    from pdekit.train.experiment import Experiment


class Course:
    """The same on all ranks: it follows from the experiment, the number of a step, the losses before it, and `rates`.

    `rates` are those of the first and of the last method, where there is one method after another: what the schedule
    scales, and what the steps after `turn` are taken with. They may be changed between two steps.
    """

    def __init__(self, experiment: "Experiment", reduction: Together) -> None:
        self.experiment, self._reduction = experiment, reduction
        self.recipe = method(experiment.optimizer)
        self.turn = self.recipe.turn(experiment.steps)
        schedule = experiment.schedule
        self.schedule = SCHEDULES[schedule] if isinstance(schedule, str) else schedule
        self.rates = [experiment.rate, self.recipe.last_rate]
        self._method: Recipe | None = None
        self._epochs = Epochs(experiment.samples, experiment.batch, self.recipe.growth)
        self._restart()

    def optimizer(self, step: int) -> Optimizer:
        """That of step number `step` (from 1 on): the same as before, or a new one where the method changes."""
        recipe, reduction = self.recipe if step <= self.turn else self.recipe.last, self._reduction
        if recipe != self._method:
            self._method = recipe
            self._optimizer = recipe.make(reduction.x, reduction.dot, reduction.split)
        return self._optimizer

    def batch(self, step: int) -> np.ndarray:
        """The global samples of it: each epoch is one permutation, drawn for all ranks."""
        samples, place = self.experiment.samples, self._epochs.place(step)
        if place.batch == samples or (step > self.turn and self.recipe.last.full_batch):
            return np.arange(samples)
        order = np.random.default_rng([self.experiment.seed, place.epoch]).permutation(samples)
        return order[place.within * place.batch : (place.within + 1) * place.batch]

    def rate(self, step: int, before: Sequence[Step]) -> float:
        """The learning rate of it; a plateau is seen in the losses of the steps `before`."""
        if step > self.turn:
            return self.base(step)
        progress = self.experiment.progress(step)
        if self.turn < self.experiment.steps:
            progress /= self.experiment.progress(self.turn + 1)
        self._look(before)
        return self.base(step) * self.schedule.factor(progress, self._watch.plateaus if self._watch else 0)

    def base(self, step: int) -> float:
        """The rate of the method that takes it, before its schedule."""
        return self.rates[step > self.turn]

    def change_rate(self, rate: float, step: int) -> None:
        """Let `rate` be the `base` of the method that takes `step`. ValueError unless it is positive and finite."""
        self.rates[step > self.turn] = checks.positive("rate", rate)

    def _restart(self) -> None:
        plateau = self.schedule.plateau
        self._watch = None if plateau is None else Watch(plateau)
        self._seen, self._losses, self._resolution = 0, list[float](), 0

    def _look(self, steps: Sequence[Step]) -> None:
        """Show the means of whole epochs among those of `steps` that are new."""
        if self._watch is None:
            return
        if len(steps) < self._seen:
            self._restart()
        for number, step in enumerate(steps[self._seen :], self._seen + 1):
            if step.resolution != self._resolution:
                self._watch.forget()
                self._losses, self._resolution = [], step.resolution
            self._losses.append(step.loss)
            if len(self._losses) >= self._epochs.place(number).steps:
                self._watch.see(sum(self._losses) / len(self._losses))
                self._losses = []
        self._seen = len(steps)
