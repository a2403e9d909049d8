"""What the dashboard's page shows: controls, a sample that no training run uses, and a run as it goes on."""

from typing import Any

import ipywidgets as widgets

from pdekit.views.dashboard.controls import Controls, Settings
from pdekit.views.dashboard.held_out import COUNT, HeldOut, figure_of
from pdekit.views.dashboard.pace import Pace
from pdekit.views.dashboard.training import Piece
from pdekit.views.theme import grid_name


class Display:
    """Controls and live figure side by side in `view`, opened on the first held-out sample of `experiment`.

    It knows what to show of a solver that it is handed, and nothing of when to train.
    """

    def __init__(self, experiment: Any, ranks: int) -> None:
        problem = experiment.problem
        self.dim = len(problem.shape)
        kind = type(experiment.generator).__name__
        first = Settings(problem.resolution, ranks, experiment.optimizer, experiment.rate, kind)
        self.controls = Controls(f"{type(problem).__name__} without data", COUNT, ranks, first, self.dim)
        self.figure = figure_of(problem)
        self.view = widgets.HBox([self.controls.box, self.figure.box], layout={"align_items": "flex-start"})
        self.view.add_class("pdekit-dashboard")
        self._held_out = HeldOut(problem, self.figure)
        self.forget(experiment.steps)
        self.controls.show_facts(experiment)
        self._held_out.show(self.sample, first.resolution)

    @property
    def sample(self) -> int:
        """The global index of the sample on show."""
        return self._held_out.indices[self.controls.sample.value]

    def forget(self, steps: int) -> None:
        """Clear what a run has left, for one of `steps`; the sample stays."""
        self._held_out.forget()
        self.figure.clear()
        self.controls.show_error(None)
        self.controls.show_progress(0, steps, None)

    async def paint(self, piece: Piece, solver: Any, pace: Pace) -> None:
        """Show what a piece of `solver`'s training brought."""
        step, experiment = piece.steps[-1], solver.experiment
        await self._held_out.turn_to(piece.sample, step.resolution)
        with self.figure.painting():
            error = self._held_out.paint(piece.prediction, step.number)
            self.figure.show_loss(solver.history, window=-(-experiment.samples // experiment.batch))
        self.controls.show_error(error, step.resolution)
        left = None if solver.done else pace.left(step.number)
        self.controls.show_progress(step.number, experiment.steps, left)

    def say_training(self, step: Any, experiment: Any) -> None:
        """Which grid is trained after `step`, and which come later."""
        later = [resolution for resolution, last in experiment.plan if last > step.number]
        grids = (grid_name(nodes, self.dim) for nodes in dict.fromkeys([step.resolution, *later]))
        self.controls.say(f"Training on {', then '.join(grids)}.", "busy")

    def say_ended(self, solver: Any) -> None:
        """That a run is done or stopped, and after how much work."""
        seconds = solver.history.seconds[-1] if len(solver.history) else 0.0
        words = f"{len(solver.history):,} steps, {seconds:.0f} s of training."
        if solver.done:
            self.controls.say(f"Done: {words} Press Reset, or change a setting, to train anew.", "good")
        else:
            self.controls.say(f"Stopped: {words} Train goes on from here.")

    async def look(self, resolution: int) -> None:
        """Turn to the chosen sample on the grid of `resolution` nodes a side, without blocking the kernel."""
        await self._held_out.turn_to(self.sample, resolution)

    def show_prediction(self, prediction: Any, steps: int, resolution: int) -> None:
        """What was predicted for the sample on show after `steps`."""
        self.controls.show_error(self._held_out.paint(prediction, steps), resolution)

    def show_failure(self, error: BaseException) -> None:
        """Say in the message line what went wrong."""
        # What pdekit raises is a sentence already; of other errors the kind helps.
        own = isinstance(error, ValueError) or type(error).__module__.startswith("pdekit")
        self.controls.say(str(error) if own else f"{type(error).__name__}: {error}", "wrong")
