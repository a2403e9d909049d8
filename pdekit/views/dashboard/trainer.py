"""Training as the dashboard does it: in pieces, painted, paused, and brought back after the engines were gone."""

import asyncio
import shutil
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from pdekit.views.dashboard.display import Display
from pdekit.views.dashboard.form.form import Form
from pdekit.views.dashboard.pace import TARGET, Pace
from pdekit.views.dashboard.run import Run
from pdekit.views.dashboard.runs_folder import RunsFolder
from pdekit.views.dashboard.training import pieces

if TYPE_CHECKING:
    from pdekit.cluster import Cluster
    from pdekit.train import Experiment

RESET = "Reset: Train starts anew, and Undo brings the run back."


class Trainer:
    """Trains what `form` says on the engines of `cluster`, each run with a folder of its own in that of `place`.

    Where that is temporary, the checkpoints of a run go with it: when the next has begun, and Undo cannot reach it.

    The kernel stays free: one asyncio task asks the engines for about a quarter of a second of steps at a
    time, and paints. Changed settings say what is asked next; Pause and Reset halt what is under way, too.
    """

    def __init__(self, cluster: "Cluster", form: Form, place: RunsFolder) -> None:
        self.cluster, self.form, self._place = cluster, form, place
        self._display = Display(form.experiment, cluster, form, self._enable)
        self.say = self._display.status.say
        self.run: Run | None = None
        self._past: Run | None = None  # the one that was forgotten last, for Undo
        self.running, self._runs = False, 0
        self._pausing = self._forgetting = False

    @property
    def experiment(self) -> "Experiment":
        """The experiment that Train would run. Raises ValueError for settings that cannot work."""
        return self.form.experiment

    @property
    def solver(self) -> Any:
        """The RemoteSolver of the run; None without one."""
        return None if self.run is None else self.run.solver

    @property
    def begun(self) -> bool:
        """Whether there is a run that has taken a step."""
        return self.run is not None and self.run.begun

    async def train(self) -> None:
        """Train until all steps are taken or `pause`; goes on with the run unless another experiment is set.

        Another learning rate, number of ranks or threads, or a slow rank, is no other experiment. Starts the engines
        if need be. What goes wrong is shown in the message line, and raised.
        """
        await self._guarded(self._train, single=False)

    async def step(self) -> None:
        """Take one optimizer step."""
        await self._guarded(self._train, single=True)

    def pause(self) -> None:
        """Pause after the step that is under way, or the next."""
        if self.running:
            self._pausing = True
            self.say("Pausing after the step that is under way.", "busy")
            if self.solver is not None:
                self.solver.halt()

    def reset(self) -> None:
        """Forget the run, and pause it first where it is training."""
        if self.running:
            self._forgetting = True
            self.pause()
        else:
            self._forget()
            self.say(RESET)

    async def restart(self) -> None:
        """Restart the engines, and bring the run back from its last checkpoint."""
        await self._guarded(self._restart)

    async def stop_engines(self) -> None:
        """End the engines. A run comes back with the next Train, from a checkpoint that is written first."""
        await self._guarded(self._stop_engines)

    async def start_engines(self) -> None:
        """Start the engines without training."""
        await self._guarded(self._display.engines.ready)
        self.say(f"The engines are ready. {self.cluster.warning}".strip(), "good")

    async def turn_to(self, experiment: "Experiment", grid: int | None = None) -> None:
        """Show a held-out sample of `experiment`'s problem, on its grid or on `grid`."""
        display = self._display
        display.turn_to(experiment)
        await display.held_out.turn_to(display.sample, grid or experiment.problem.resolution)
        self._timing = asyncio.ensure_future(display.time_classical(experiment.problem))

    async def look(self) -> None:
        """Show the chosen sample on the grid of the run, or of the settings; with its prediction if there is a run."""
        display, run, sample = self._display, self.run, self._display.sample
        resolution = self.solver.resolution if self.begun else self.experiment.problem.resolution
        await display.held_out.turn_to(sample, resolution)
        if self.begun and run.held and not self.running and sample == display.sample:
            prediction = await run.solver.predict_async(sample, resolution=resolution)
            if run is self.run:
                display.show_prediction(prediction, len(run.solver.history), resolution)

    async def _guarded(self, work: Any, **settings: Any) -> None:
        """Do `work` as the only one, with its failure in the message line."""
        if self.running:
            return
        self.running, self._pausing = True, False
        self._enable()
        try:
            await work(**settings)
        except Exception as error:
            self._display.status.show_failure(error)
            raise
        finally:
            self.running = False
            if self._forgetting:
                self._forget()
                if not self._display.engines.dead:  # else its message stays
                    self.say(RESET)
            self._enable()

    async def _train(self, single: bool) -> None:
        experiment, display = self.experiment, self._display
        if self.run is None or not self.run.goes_on_with(experiment, self.form.ranks):
            self._forget()
            past, self._past, self.run = self._past, None, self._new(experiment)
            await self.turn_to(experiment, grid=experiment.resolution_at(1))
            display.names.show(display.figure, (experiment, self.form.ranks))
            if past is not None and self._place.temporary and past.folder.parent == self._place.folder:
                await asyncio.to_thread(shutil.rmtree, past.folder, ignore_errors=True)
        run = self.run
        solver = await self._take_up(self.form.ranks)
        await run.adjust(experiment.rate, self.form.slow)
        until = float(solver.history.seconds[-1]) if run.begun else 0.0
        pace = Pace(run.experiment.plan, display.dim, 0.0 if single else TARGET, until)
        stopping = (lambda: True) if single else (lambda: self._pausing)
        grid, ended = 0, False
        # Closed at once where painting fails, not when it happens to be collected.
        async with aclosing(pieces(solver, pace, lambda: display.sample, stopping)) as running:
            async for piece in running:
                if self._pausing and not (piece.last or piece.change):
                    continue  # the last one, which is near, shows all
                if piece.last:
                    ended = True
                    display.say_ended(solver)  # first: the page takes a while to repaint
                elif not self._pausing and piece.steps[-1].resolution != grid:
                    grid = piece.steps[-1].resolution
                    display.say_training(piece.steps[-1], run.experiment)
                await display.paint(piece, run, pace)
        if not ended:  # no step was left, or none was taken before a Pause
            display.say_ended(solver)
        if not solver.done:
            await run.keep()  # so that nothing is lost, whatever becomes of the engines

    async def _take_up(self, ranks: int) -> Any:
        """The run's solver on `ranks` engines, which are started first if need be."""
        engines = self._display.engines
        await engines.ready()
        if self.form.threads != self.cluster.threads:
            await self.cluster.set_threads_async(self.form.threads)
        engines.show("building the generator")
        solver = await self.run.take_up(ranks)
        engines.show("training")
        return solver

    async def _restart(self) -> None:
        await self._display.engines.again()
        if not self.begun:
            self.say("The engines are ready again.", "good")
            return
        lost = len(self.solver.history)
        back = len((await self._take_up(self.form.ranks)).history)
        self._display.show_run(self.run)
        where = f"the run is back at step {back:,}" + (f" of {lost:,}" if lost > back else "")
        self.say(f"The engines are ready again, and {where}{self._next(': Train goes on')}", "good")

    async def _stop_engines(self) -> None:
        if self.begun and self.run.held:
            await self.run.keep()
        await self._display.engines.end()
        self.say("The engines are stopped: " + ("Start" if self._done else "Train") + " starts them again.")

    def _new(self, experiment: "Experiment") -> Run:
        self._runs += 1
        return Run(self.cluster, experiment, self._place.new(self._runs))

    def _forget(self) -> None:
        if self.begun:
            self._past = self.run
        self.run, self._forgetting = None, False
        self._display.forget()
        self._enable()

    def _enable(self) -> None:
        """Offer the verbs that make sense now."""
        can_undo = self.form.can_undo or (self.run is None and self._past is not None)
        self._display.enable(running=self.running, begun=self.begun, done=self._done, can_undo=can_undo)

    def _next(self, words: str) -> str:
        """The end of a message on a run that has come back: `words`, if Train goes on with it."""
        return ". It is done: change a setting, or press Reset, to train anew." if self._done else f"{words}."

    @property
    def _done(self) -> bool:
        """Whether the run has no steps left, and the settings are its own."""
        done = self.begun and self.solver.done and self.form.sound
        return done and self.run.goes_on_with(self.experiment, self.form.ranks)
