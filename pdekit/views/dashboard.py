"""The dashboard: settings, verbs, progress, and a live figure of a training on the engines of a cluster."""

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from pdekit.views.controls import Controls, Settings
from pdekit.views.engine_room import EngineRoom
from pdekit.views.held_out import COUNT, HeldOut, figure_of
from pdekit.views.pace import Pace
from pdekit.views.tasks import Tasks
from pdekit.views.theme import grid_name
from pdekit.views.training import Piece, pieces

if TYPE_CHECKING:
    from pdekit.cluster import Cluster
    from pdekit.pde import Poisson
    from pdekit.train import Experiment

RESET = "Reset: Train starts anew."


class Dashboard:
    """Train live: a widget whose every verb is also a plain method. Display it as the last value of a cell.

    cluster: the engines; the first Train starts them if need be. problem: what to solve (default: the
    experiment's, or Poisson's equation). experiment: all that the controls do not show.

    The kernel stays free: one asyncio task asks the engines for about a quarter of a second of steps at a
    time, and paints. Stop, Reset and changed settings only say what is asked next.
    """

    def __init__(
        self, cluster: "Cluster", problem: "Poisson | None" = None, experiment: "Experiment | None" = None
    ) -> None:
        self.cluster, self._base = cluster, _base(problem, experiment)
        first = Settings(self._base.problem.resolution, cluster.ranks, self._base.optimizer, self._base.rate)
        self.controls = Controls(
            f"{type(self._base.problem).__name__} without data", COUNT, cluster.ranks, first
        )
        self.figure = figure_of(self._base.problem)
        self.view = widgets.HBox([self.controls.box, self.figure.box], layout={"align_items": "flex-start"})
        self.view.add_class("pdekit-dashboard")
        self.solver: Any = None
        self.running = False
        self._stopping = self._forgetting = False
        self._pace = Pace(self._base.plan)
        self._held_out = HeldOut(self._base.problem, self.figure)
        self._engines = EngineRoom(cluster, self.controls.say, self._enable)
        self._tasks = Tasks(self._show_error)
        self._connect()
        self._forget()
        self.controls.show_facts(self._base)
        self._held_out.show(self._sample, first.resolution)
        self._enable()
        self.controls.say("Press Train: the engines learn to solve it without data.")

    @property
    def settings(self) -> Settings:
        """What the controls say; not checked."""
        return self.controls.settings

    @property
    def experiment(self) -> "Experiment":
        """The experiment that Train would run. Raises ValueError for settings that cannot work."""
        return self.settings.applied_to(self._base)

    async def train(self) -> None:
        """Train until all steps are taken or `stop`; goes on with the run unless a setting has changed.

        Starts the engines if need be. What goes wrong is shown in the message line, and raised.
        """
        if self.running:
            return
        try:
            experiment, ranks = self.experiment, self.settings.ranks
        except ValueError as error:  # the run so far stays: the old settings go on with it
            self._show_error(error)
            raise
        self.running, self._stopping = True, False
        self._enable()
        try:
            await self._train(experiment, ranks)
        except Exception as error:
            self.solver = None  # where the engines stand is unknown: the next Train starts anew
            self._show_error(error)
            raise
        finally:
            self.running = False
            if self._forgetting:
                self._forget()
                if self.cluster.state != "dead":  # else its message stays
                    self.controls.say(RESET)
            self._enable()

    def stop(self) -> None:
        """Stop after the steps that are under way: about a quarter of a second, or one step."""
        if self.running:
            self._stopping = True
            self.controls.say("Stopping after the steps that are under way.", "busy")

    def reset(self) -> None:
        """Forget the run, and stop it first where it is training."""
        if self.running:
            self._forgetting = True
            self.stop()
        else:
            self._forget()
            self.controls.say(RESET)

    async def restart(self) -> None:
        """Restart the engines, after a rank died: what the generator had learnt is lost with them."""
        self.solver = None
        self.controls.restart.disabled = True
        try:
            await self._engines.restart()
        except Exception as error:
            self._show_error(error)
            raise
        finally:
            self.controls.restart.disabled = False
            self._enable()

    async def _train(self, experiment: "Experiment", ranks: int) -> None:
        await self._engines.ready()
        if not self._holds(experiment, ranks):
            self._forget()
            self.controls.say("Building the generator on the engines.", "busy")
            self.solver = await self.cluster.solver_async(experiment, ranks=ranks)
            self._pace = Pace(experiment.plan)
        solver = self.solver
        # Closed at once where painting fails, not when it happens to be collected.
        async with aclosing(
            pieces(solver, self._pace, lambda: self._sample, lambda: self._stopping)
        ) as running:
            async for piece in running:
                await self._paint(piece, solver)
        seconds = solver.history.seconds[-1] if len(solver.history) else 0.0
        words = f"{len(solver.history):,} steps, {seconds:.0f} s of training."
        if solver.done:
            self.controls.say(f"Done: {words} Press Reset, or change a setting, to train anew.", "good")
        else:
            self.controls.say(f"Stopped: {words} Train goes on from here.")

    async def _paint(self, piece: Piece, solver: Any) -> None:
        step, experiment = piece.steps[-1], solver.experiment
        await self._held_out.turn_to(piece.sample, step.resolution)
        with self.figure.painting():
            error = self._held_out.paint(piece.prediction, step.number)
            self.figure.show_loss(solver.history, window=-(-experiment.samples // experiment.batch))
        self.controls.show_error(error, step.resolution)
        left = None if solver.done else self._pace.left(step.number)
        self.controls.show_progress(step.number, experiment.steps, left)
        if not self._stopping:
            later = [resolution for resolution, last in experiment.plan if last > step.number]
            grids = map(grid_name, dict.fromkeys([step.resolution, *later]))
            self.controls.say(f"Training on {', then '.join(grids)}.", "busy")

    async def _look(self) -> None:
        """Show another sample, or another grid, while nothing trains."""
        solver, sample = self.solver, self._sample
        resolution = self.settings.resolution if solver is None else solver.resolution
        await self._held_out.turn_to(sample, resolution)
        if solver is not None and len(solver.history) and not self.running and sample == self._sample:
            prediction = await solver.predict_async(sample, resolution=resolution)
            self.controls.show_error(self._held_out.paint(prediction, len(solver.history)), resolution)

    @property
    def _sample(self) -> int:
        return self._held_out.indices[self.controls.sample.value]

    def _forget(self) -> None:
        self.solver, self._forgetting = None, False
        self._held_out.forget()
        self.figure.clear()
        self.controls.show_error(None)
        self.controls.show_progress(0, self._base.steps, None)

    def _holds(self, experiment: "Experiment", ranks: int) -> bool:
        """Whether the engines hold a run of `experiment` on `ranks` ranks."""
        return self.solver is not None and (self.solver.experiment, self.solver.ranks) == (experiment, ranks)

    def _enable(self) -> None:
        """Offer the verbs that make sense now."""
        if not (self.running or self._engines.up):
            self.solver = None  # it was lost with the engines that held it
        self.controls.enable(running=self.running, dead=self._engines.dead)

    def _connect(self) -> None:
        """Wire the widgets to the verbs."""
        self.controls.train.on_click(lambda _: self._tasks.launch(self.train()))
        self.controls.stop.on_click(lambda _: self.stop())
        self.controls.reset.on_click(lambda _: self.reset())
        self.controls.restart.on_click(lambda _: self._tasks.launch(self.restart()))
        self.controls.on_setting(self._changed)
        self.controls.sample.observe(
            lambda _: None if self.running else self._tasks.launch(self._look()), "value"
        )

    def _changed(self, change: Any) -> None:
        """A setting of the run has another value: check it, and say what it means."""
        if change.owner is self.controls.optimizer:
            self.controls.rate.value = self._base.with_optimizer(change.new).rate
        try:
            experiment = self.experiment
        except ValueError as error:
            self._show_error(error)
            return
        self.controls.show_facts(experiment)
        if self.solver is None:
            if change.owner is self.controls.resolution:
                self._tasks.launch(self._look())
            self.controls.say("Press Train.")
        elif self._holds(experiment, self.settings.ranks):
            self.controls.say("Train goes on with the run.")
        else:
            self.controls.say("Another setting: Train starts a new run.")

    def _show_error(self, error: BaseException) -> None:
        # What pdekit raises is a sentence already; of other errors the kind helps.
        own = isinstance(error, ValueError) or type(error).__module__.startswith("pdekit")
        self.controls.say(str(error) if own else f"{type(error).__name__}: {error}", "wrong")

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.view._repr_mimebundle_(**options)


def _base(problem: "Poisson | None", experiment: "Experiment | None") -> "Experiment":
    """The experiment that the controls vary."""
    if experiment is None:
        from pdekit.train import Experiment  # loads torch, which figures do without

        return Experiment() if problem is None else Experiment(problem)
    return experiment if problem is None else replace(experiment, problem=problem)
