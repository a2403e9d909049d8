"""The live figure: maps, curves and ranks of a running training in one widget, built whole and then only repainted.

Voila updates the traces of a page's first FigureWidget and loses later changes of a layout, so that all that
changes here, titles and the marks of the grid included, is data of a trace. What the mouse does is a method as well.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import ipywidgets as widgets
import numpy as np

from pdekit.checks import one_of, refuse
from pdekit.views.arrays import Field
from pdekit.views.dashboard.figure import style
from pdekit.views.dashboard.figure.bar import Bar
from pdekit.views.dashboard.figure.course import WORDS, By
from pdekit.views.dashboard.figure.panels import draw
from pdekit.views.dashboard.figure.pointer import connect
from pdekit.views.dashboard.figure.repaint import Repaint


class LiveFigure:
    """Samples to choose from; coefficient, prediction, reference, error; curves; a slice, or planes; ranks.

    `box` is the widget to show, `widget` the figure in it, `repaint` says when; `time` has a slider.
    """

    def __init__(
        self,
        given: str = "coefficient ν",
        log: bool = True,
        dim: int = 2,
        *,
        pictures: Sequence[Field] = (),
        axes: tuple[str, str] = ("y", "x"),
        ends: tuple[float, float] = (1.0, 1.0),
        loss: str = "loss",
        log_loss: bool = False,
        script: bool = True,
    ) -> None:
        """`given` says in words what is given, shown by its logarithm with `log`; grids have `dim` axes.

        pictures: one (H, W) for each sample to choose from. axes, ends: names and lengths of the maps' axes, upward
        and across. loss: what it is, in words; log_loss: whether its axis is logarithmic. Where a loss is not above
        zero all the same, its height above the lowest is shown, and the title says so. script: whether it brings plotly
        along, five megabytes, for pages that have none yet.
        """
        panels = draw(given, log, dim, pictures, axes, ends, loss, log_loss, script)
        self._maps, self._progress, self._ranks = panels.maps, panels.progress, panels.ranks
        self._slice, self._solid, self._strip = panels.slice, panels.solid, panels.strip
        self.widget = panels.widget
        self.bar = Bar(axes[0], ends[0] if axes[0] == "t" and self._slice else None)
        self.time = self.bar.time
        # It grows and shrinks with the page; the figure takes its width from it.
        self.box = widgets.VBox(
            [style.style(), self.bar.box, self.widget],
            layout={"flex": "1 1 0", "min_width": "640px", "max_width": "1240px"},
        )
        self.box.add_class(style.NAME)
        self.repaint = Repaint(self.widget, last=self._progress.freshen)
        self._shown: tuple[Field | None, Field | None] = None, None
        self._calls: list[Callable[[int], None]] = []
        connect(self, panels)
        if self._slice:
            self.show_slice(self._slice.at)
        self.clear()

    @property
    def sent(self) -> int:
        """Bytes that went to the browser so far."""
        return self.widget.sent

    @property
    def by(self) -> By:
        """What the curves are drawn against."""
        return self._progress.by

    @property
    def kept(self) -> list[str]:
        """The names of the runs kept for comparison."""
        return self._progress.kept.names

    def painting(self, quick: bool = False) -> AbstractContextManager[None]:
        """A context that gathers all repaints in it into one message to the browser; `quick` as Repaint says."""
        return self.repaint.painting(quick)

    def show_sample(self, coefficient: Field, reference: Field) -> None:
        """Coefficient and reference (H, W) of the sample to look at; forgets the last prediction."""
        with self.painting():
            self._maps.show_sample(coefficient, reference)
            self._slices(None, reference)
            if self._solid:
                self._solid.clear()

    def show_prediction(self, prediction: Field, reference: Field) -> None:
        """The prediction (H, W), and how it differs from the reference on the same grid."""
        with self.painting():
            self._maps.show_prediction(prediction, reference)
            self._slices(prediction, reference)

    def show_cube(self, prediction: Field, reference: Field) -> None:
        """Prediction and reference (D, H, W) of a problem in three dimensions: planes, and a surface."""
        if self._solid is None:
            raise refuse("show_cube", "a figure of three dimensions", "two", "make it with dim=3")
        with self.painting():
            self.repaint.late("cube", lambda: self._solid.show(prediction, reference))

    def show_slice(self, where: float) -> None:
        """Prediction and reference along the line at `where` on the maps' upward axis (y, or the time)."""
        if self._slice is None:
            raise refuse("show_slice", "a figure of two dimensions", "three", "look at its planes")
        self._slice.move(where)
        with self.painting(quick=True):
            self._maps.show_line(self._slice.at)
            self._slice.paint(*self._shown)

    def show_loss(self, history: Any, window: int) -> None:
        """Loss and gradient of each step, the loss's trailing mean over `window` steps, and changes of the grid."""
        with self.painting():
            self._progress.course.read(history, window)
            self._progress.stale = True

    def show_errors(self, steps: Sequence[int], errors: Sequence[float]) -> None:
        """The relative L2 error (fractions) of the shown sample after each of `steps`."""
        with self.painting():
            course = self._progress.course
            course.measured, course.errors = np.array(steps, dtype=float), np.array(errors, dtype=float)
            self._progress.stale = True

    def show_classical(self, seconds: float, words: str) -> None:
        """What a classical solver takes for the sample: a line in the view by seconds, with `words`."""
        with self.painting():
            self._progress.show_classical(seconds, words)

    def show_by(self, by: By) -> None:
        """Draw the curves against "steps", "seconds" or "samples"; ValueError for another word."""
        one_of("by", by, tuple(WORDS))
        self._progress.by = by
        self.bar.show_by(by)
        with self.painting():
            self._progress.stale = True

    def keep(self, name: str) -> None:
        """Keep the present curves under `name`, to compare the next run with; of more than five the last five.

        Raises ValueError without steps.
        """
        self._progress.keep(name)
        self._kept_others()

    def rename(self, names: Sequence[str], now: str = "") -> None:
        """Call the kept runs so, the oldest first, and the present one `now`."""
        self._progress.kept.rename(names, now)
        self._kept_others()

    def drop_kept(self) -> None:
        """Forget the runs that were kept."""
        self._progress.kept.drop()
        self._kept_others()

    def show_ranks(self, history: Any, memory: Sequence[int] | None = None) -> None:
        """What each rank did in the last steps of `history`, and the bytes it occupies, where they are known."""
        with self.painting():
            self.repaint.late("ranks", lambda: self._ranks.show(history, memory))

    def on_sample(self, call: Callable[[int], None]) -> None:
        """Have `call(number)` called when a sample is chosen, from 0 on."""
        self._calls.append(call)

    def choose(self, number: int) -> None:
        """What a click on a small picture does: its frame, and the calls of `on_sample`."""
        self.mark_sample(number)
        for call in self._calls:
            call(number)

    def mark_sample(self, number: int) -> None:
        """Put the frame around small picture `number`."""
        with self.painting():
            self._progress.sample, self._progress.stale = number, True
            if self._strip:
                self._strip.mark(number)

    def clear(self) -> None:
        """Forget the run; the sample stays, and so do the runs that were kept."""
        with self.painting():
            self._progress.forget()
            self.repaint.forget()
            self._maps.blank()
            self._ranks.clear()
            self._slices(None, self._shown[1])
            if self._solid:
                self._solid.clear()

    def _kept_others(self) -> None:
        self.bar.show_kept(len(self.kept))
        with self.painting():
            self._progress.stale = True

    def _slices(self, prediction: Field | None, reference: Field | None) -> None:
        self._shown = prediction, reference
        if self._slice:
            self._slice.paint(prediction, reference)
