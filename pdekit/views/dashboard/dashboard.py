"""The dashboard: settings and verbs of a training on the engines of a cluster, with a live display."""

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pdekit.views.dashboard.controls import Settings
from pdekit.views.dashboard.display import Display
from pdekit.views.dashboard.engine_room import EngineRoom
from pdekit.views.dashboard.pace import Pace
from pdekit.views.dashboard.tasks import Tasks
from pdekit.views.dashboard.training import pieces

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
        self._display = display = Display(self._base, cluster.ranks)
        self.controls, self.figure, self.view = display.controls, display.figure, display.view
        self.solver: Any = None
        self.running = False
        self._stopping = self._forgetting = False
        self._pace = Pace(self._base.plan, display.dim)
        self._engines = EngineRoom(cluster, self.controls.say, self._enable)
        self._tasks = Tasks(display.show_failure)
        self._connect()
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
            self._display.show_failure(error)
            raise
        self.running, self._stopping = True, False
        self._enable()
        try:
            await self._train(experiment, ranks)
        except Exception as error:
            self.solver = None  # where the engines stand is unknown: the next Train starts anew
            self._display.show_failure(error)
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
            self._display.show_failure(error)
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
            self._pace = Pace(experiment.plan, self._display.dim)
        solver = self.solver
        # Closed at once where painting fails, not when it happens to be collected.
        async with aclosing(
            pieces(solver, self._pace, lambda: self._display.sample, lambda: self._stopping)
        ) as running:
            async for piece in running:
                await self._display.paint(piece, solver, self._pace)
                if not self._stopping:
                    self._display.say_training(piece.steps[-1], experiment)
        self._display.say_ended(solver)

    async def _look(self) -> None:
        """Show another sample, or another grid, while nothing trains."""
        solver, sample = self.solver, self._display.sample
        resolution = self.settings.resolution if solver is None else solver.resolution
        await self._display.look(resolution)
        if solver is not None and len(solver.history) and not self.running and sample == self._display.sample:
            prediction = await solver.predict_async(sample, resolution=resolution)
            self._display.show_prediction(prediction, len(solver.history), resolution)

    def _forget(self) -> None:
        self.solver, self._forgetting = None, False
        self._display.forget(self._base.steps)

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
            self._display.show_failure(error)
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

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.view._repr_mimebundle_(**options)


def _base(problem: "Poisson | None", experiment: "Experiment | None") -> "Experiment":
    """The experiment that the controls vary."""
    if experiment is None:
        from pdekit.train import Experiment  # loads torch, which figures do without

        return Experiment() if problem is None else Experiment(problem)
    return experiment if problem is None else replace(experiment, problem=problem)
