"""What the dashboard's page shows: settings, verbs, words, the live figure, and the sample that it is about."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import numpy as np

from pdekit import checks
from pdekit.views.dashboard.beat import Beat
from pdekit.views.dashboard.engine_room import EngineRoom
from pdekit.views.dashboard.figure.live import LiveFigure
from pdekit.views.dashboard.form.form import Form
from pdekit.views.dashboard.held_out import HeldOut, looks
from pdekit.views.dashboard.keeping import Keeping
from pdekit.views.dashboard.naming import Names
from pdekit.views.dashboard.pace import Pace
from pdekit.views.dashboard.status import Status
from pdekit.views.dashboard.training import Piece
from pdekit.views.dashboard.verbs import Verbs
from pdekit.views.theme import grid_name

REST = 9  # times as long as a whole repaint takes the page: so long there are only sketches
TIMED = 128  # nodes a side, at most, of the grid on which the classical solver is timed


class Display:
    """Everything on the page, in `view`: it knows what to show of a run that it is handed, not when to train.

    `cluster` is asked for its state only; `changed()` is called when that changes.
    """

    def __init__(self, experiment: Any, cluster: Any, form: Form, changed: Callable[[], None]) -> None:
        self.form, self.verbs, self.keeping = form, Verbs(), Keeping()
        self.status = Status(len(experiment.problem.shape))
        self.engines = EngineRoom(cluster, self.status.say, changed)
        self._right = widgets.VBox(layout={"flex": "1 1 0", "min_width": "480px"})
        self.beat = Beat()
        self.view = widgets.HBox([form.box, self._right, self.beat], layout={"align_items": "flex-start"})
        self.view.add_class("pdekit-dashboard")
        self.names = Names(experiment)
        self._on_sample: Callable[[], None] = lambda: None
        self._waiting: Piece | None = None  # with a prediction that is not painted yet
        self._sent = (0, 0.0)  # bytes to the page, and when that was counted
        self._timed: dict[tuple[Any, int], float] = {}  # the classical solver's seconds
        self._looks: dict[str, Any] = {}
        self._about: Any = None  # the problem on show, on whatever grid
        self.turn_to(experiment)
        self.held_out.show(self.sample, experiment.problem.resolution)

    def turn_to(self, experiment: Any) -> None:
        """Be about `experiment`'s problem from now on, with nothing of a run; `held_out` is not yet on the maps."""
        problem = experiment.problem
        if self._about is None or self._about.at(problem.resolution) != problem:
            self._about, self.dim = problem, len(problem.shape)
            self.status.dim = self.dim
            look = looks(problem, experiment.objective)
            if not self._looks or not alike(look, self._looks):
                self._show_figure(look)
            self.held_out = HeldOut(problem, self.figure)
            self.sample = self.held_out.indices[0]
            self.figure.mark_sample(0)
        self.forget()
        self.status.show_progress(0, experiment.steps, None)

    def _show_figure(self, look: dict[str, Any]) -> None:
        """Another figure in place of the one that was there, whose kept curves were of another kind of problem."""
        first = not self._looks  # the others come to pages that have plotly
        self._looks, self.figure = look, LiveFigure(**look, script=first)
        self.figure.on_sample(self._chosen)
        self.figure.repaint.on_whole(self._painted)
        self._right.children = (
            self.verbs.box, self.status.box, widgets.HBox([self.figure.box]), self.engines.box, self.keeping.box,
            self.engines.scaling.box,
        )  # fmt: skip

    def on_sample(self, call: Callable[[], None]) -> None:
        """Call `call()` when another sample was chosen."""
        self._on_sample = call

    def choose(self, place: int) -> None:
        """Have held-out sample number `place`, from 0 on, on show from now on. ValueError where there is none."""
        self.figure.choose(checks.whole("sample", place, least=0, most=len(self.held_out.indices) - 1))

    def forget(self) -> None:
        """Clear what a run has left; the sample stays."""
        self._waiting = None
        self.held_out.forget()
        self.figure.clear()
        self.status.show_error(None)
        self.status.show_progress(0, self.status.steps, None)

    async def paint(self, piece: Piece, run: Any, pace: Pace) -> None:
        """Show what a piece of `run`'s training brought."""
        step, experiment, solver = piece.steps[-1], run.experiment, run.solver
        left = None if solver.done else pace.left(step.number)
        self.status.show_progress(step.number, experiment.steps, left)
        self._waiting = self._waiting if piece.prediction is None else piece
        if not (self.beat.ready or piece.last or piece.change):
            return
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            await self.held_out.turn_to(waiting.sample, waiting.grid)
        with self.figure.painting(quick=not piece.last):
            if waiting is not None:
                error = self.held_out.paint(waiting.prediction, waiting.steps[-1].number)
                self.status.show_error(error, waiting.grid)
                self.figure.show_ranks(solver.history, solver.memory)
            self.figure.show_loss(solver.history, window=-(-experiment.samples // experiment.batch))
        self._count_bytes()

    def _painted(self) -> None:
        self.figure.repaint.rest(REST * self.beat.took)
        self.beat.mark()

    def _count_bytes(self) -> None:
        """Say once a second what goes to the page."""
        sent, now = self.figure.sent, time.monotonic()
        before, since = self._sent
        if now - since >= 1:
            self._sent = sent, now
            if sent - before > 0:
                self.engines.show(
                    "training", f"{(sent - before) / (now - since) / 1000:.0f} kB/s to the page"
                )

    def show_run(self, run: Any) -> None:
        """Show the curves of a run that was begun earlier."""
        history, experiment = run.solver.history, run.experiment
        with self.figure.painting():
            self.figure.show_loss(history, window=-(-experiment.samples // experiment.batch))
            if len(history):
                self.figure.show_ranks(history, None)
        self.status.show_progress(len(history), experiment.steps, None)

    async def time_classical(self, problem: Any) -> None:
        """Show what the classical solver takes for the sample, once that is known: training does not wait for it."""
        figure, small = self.figure, problem.at(min(problem.resolution, TIMED))
        key = small, self.sample
        if key not in self._timed:  # once: it takes a core from the run that begins
            self._timed[key] = await asyncio.to_thread(small.reference_seconds, self.sample)
        figure.show_classical(self._timed[key], f"classical solver, {grid_name(small.resolution, self.dim)}")

    def show_prediction(self, prediction: Any, steps: int, resolution: int) -> None:
        """What was predicted for the sample on show after `steps`."""
        self.status.show_error(self.held_out.paint(prediction, steps), resolution)

    def say_training(self, step: Any, experiment: Any) -> None:
        """Which grid is trained after `step`, and which come later."""
        later = [resolution for resolution, last in experiment.plan if last > step.number]
        grids = (grid_name(nodes, self.dim) for nodes in dict.fromkeys([step.resolution, *later]))
        self.status.say(f"Training on {', then '.join(grids)}.", "busy")

    def say_ended(self, solver: Any) -> None:
        """That a run is done or paused, and after how much work."""
        seconds = solver.history.seconds[-1] if len(solver.history) else 0.0
        count = len(solver.history)
        words = f"{count:,} step{'s' * (count != 1)}, {seconds:.0f} s of training."
        if solver.done:
            why = solver.history.reason
            words += f" {why}" if why else ""
            self.status.say(f"Done: {words} Change a setting, or press Reset, to train anew.", "good")
        else:
            self.status.say(f"Paused: {words} Train goes on from here.")

    def enable(self, *, running: bool, begun: bool, done: bool, can_undo: bool) -> None:
        """Offer what makes sense now."""
        dead = self.engines.dead
        self.form.enable(running=running)
        self.verbs.enable(running=running, dead=dead, begun=begun, done=done, can_undo=can_undo)
        self.keeping.enable(running=running, dead=dead, begun=begun)
        self.engines.enable(running=running)
        self.engines.show("training" if running and self.engines.up else "")

    def _chosen(self, place: int) -> None:
        self.sample = self.held_out.indices[place]
        self._on_sample()


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a figure that looks like `one` suits what should look like `other`: the same samples, drawn alike."""
    return all(np.array_equal(one[name], other[name]) for name in one if name not in ("loss", "log_loss"))
