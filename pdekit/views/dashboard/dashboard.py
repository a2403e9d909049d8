"""The dashboard: settings and verbs of a training on the engines of a cluster, with a live display."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdekit import checks
from pdekit.beside import Place
from pdekit.processors import cores
from pdekit.train.checkpoint import step_of
from pdekit.views.bundle import bundle
from pdekit.views.dashboard import wiring
from pdekit.views.dashboard.export import export
from pdekit.views.dashboard.form.form import Form
from pdekit.views.dashboard.run import Run
from pdekit.views.dashboard.runs_folder import RunsFolder
from pdekit.views.dashboard.scaling_room import GivenUpError, steps_of
from pdekit.views.dashboard.tasks import Tasks
from pdekit.views.dashboard.trainer import Trainer

if TYPE_CHECKING:
    from pdekit.cluster import Cluster
    from pdekit.pde.problem import Problem
    from pdekit.scaling import Measurement
    from pdekit.train import Experiment


class Dashboard(Trainer):
    """Train live: a widget whose every verb is also a plain method. Display it as the last value of a cell.

    cluster: the engines; the first Train starts them if need be. problem: what to solve (default: the
    experiment's, or Poisson's equation). experiment: the settings that it opens with. folder: where runs keep their
    checkpoints (default: a temporary folder, which a restart of the kernel leaves; the next dashboard in this working
    directory offers to open the run in it).
    """

    def __init__(
        self,
        cluster: "Cluster",
        problem: "Problem | None" = None,
        experiment: "Experiment | None" = None,
        folder: str | Path | None = None,
    ) -> None:
        form = Form(
            _base(problem, experiment), cluster.ranks, cluster.ranks, cluster.threads, cores(), wiring.room
        )
        super().__init__(cluster, form, RunsFolder(folder))
        self.verbs, self.keeping, self.engines = (
            self._display.verbs,
            self._display.keeping,
            self._display.engines,
        )
        self.status, self.view = self._display.status, self._display.view
        self._tasks = Tasks(self.status.show_failure)
        self.measurement: Measurement | None = None
        wiring.connect(self, self._tasks)
        self._enable()
        self._greet()

    @property
    def figure(self) -> Any:
        """The live figure."""
        return self._display.figure

    @property
    def text(self) -> str:
        """The experiment as one line, to copy. Raises ValueError for settings that cannot work."""
        return self.form.text

    @property
    def message(self) -> str:
        """What the message line says."""
        return self.status.text

    def set(self, name: str, value: object) -> None:
        """Change one setting, such as "rate", "ranks", "problem.eta", or a "preset". KeyError for one that is none."""
        self.form.set(name, value)

    def paste(self, text: str) -> None:
        """Have the settings of such a line. ValueError for another text: the settings stay as they were."""
        self.form.paste(text)

    def choose(self, sample: int) -> None:
        """Show held-out sample number `sample`, from 0 on. ValueError for one that is not there."""
        self._display.choose(sample)

    def compare(self) -> str:
        """Keep the curves of the run under those of the next: their name. ValueError without a run at rest."""
        if self.running or not self.begun:
            raise checks.refuse("compare", "a run that is paused or done", "none", "press Train, then Pause")
        name = self._display.names.keep(self._runs, self.run, self.figure)
        self._forget()
        self.say(f"Kept as “{name}”. Change a setting, and press Train.")
        return name

    def undo(self) -> bool:
        """Take back the last Reset or, without one, the last change of the settings; False if there is nothing."""
        if self.running or self.run is not None or self._past is None:
            return not self.running and self.form.undo()
        self.run, self._past = self._past, None
        if not self.run.goes_on_with(self.experiment, self.form.ranks):
            self.form.show(self.run.experiment)
        self._display.show_run(self.run)
        self._enable()
        words = self._next(": Train goes on with it")
        self.say(f"The run of {len(self.solver.history):,} steps is back{words}")
        return True

    async def save(self, folder: str | Path) -> None:
        """Save the run to `folder`, where its checkpoints are written from now on. ValueError without a run."""
        self._need_run("save")
        await self._guarded(self._save, folder=folder)

    async def open(self, folder: str | Path) -> None:
        """Open the run saved in `folder`, with its settings. ValueError for a folder without one."""
        await self._guarded(self._open, folder=folder)
        await self.look()

    async def measure(self) -> "Measurement | None":
        """Seconds per step of the experiment on 1, 2, 4, ... and all engines, drawn below; None after a Pause.

        The run stays where it is. `pk.Cluster.scale` measures more. ValueError for settings that cannot be measured.
        """
        self.measurement = None
        await self._guarded(self._measure)
        return self.measurement

    def export(self, path: Place) -> Path:
        """Write the figure to `path` as .png or .html, or the history as .csv. ValueError for anything else."""
        self._need_run("export")
        made = export(self.figure.widget, self.solver.history, path)
        self.say(f"Written: {made}", "good")
        return made

    async def _save(self, folder: str | Path) -> None:
        await self._take_up(self.solver.ranks)
        await self.run.keep(folder)
        self.say(
            f"Saved to {self.run.folder}. Open goes on from there, and so does pdekit train --resume.", "good"
        )

    async def _open(self, folder: str | Path) -> None:
        await self._display.engines.ready()
        run = await Run.opened(self.cluster, folder)
        self.form.show(run.experiment, run.solver.ranks)
        self._forget()
        self._display.turn_to(run.experiment)
        self.run = run
        self._display.show_run(run)
        words = self._next(". Train goes on with it")
        self.say(f"Opened {run.folder}: a run of {len(run.solver.history):,} steps{words}", "good")

    def _greet(self) -> None:
        left = self._place.left()
        if left is None:
            self.say("Press Train: the engines learn to solve it without data.")
            return
        self.keeping.place.value = str(left.parent)
        steps = step_of(left)
        self.say(
            f"A run of {steps:,} step{'s' * (steps > 1)} was left here: Open brings it back. Train begins another."
        )

    async def _measure(self) -> None:
        plan = steps_of(self.experiment, self.form.optimizer, self.cluster.ranks, self.form.threads)
        await self.engines.ready()

        def progress(done: float, of: float, words: str) -> None:
            if self._pausing:
                raise GivenUpError
            self.say(f"Measuring {words}: {done / of:.0%} done. Pause gives up.", "busy")

        self.engines.show("measuring")
        try:
            self.measurement = await self.cluster.scale_async(plan, progress=progress)
        except GivenUpError:
            self.say("The measuring was given up. Train goes on with the run, if there is one.")
            return
        self.engines.scaling.show(self.measurement)
        self.say("Measured: speed-up and the parts of a step are drawn below.", "good")

    def _need_run(self, verb: str) -> None:
        if not self.begun:
            raise checks.refuse(verb, "a run", "none", "press Train first")

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return bundle(self.view, "pk.Dashboard", options)


def _base(problem: "Problem | None", experiment: "Experiment | None") -> "Experiment":
    """The experiment that the dashboard opens with."""
    if experiment is None:
        from pdekit.train import Experiment  # loads torch, which figures do without

        return Experiment() if problem is None else Experiment(problem)
    return experiment if problem is None else replace(experiment, problem=problem)
