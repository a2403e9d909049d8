"""Runs kept for comparison: thin lines under the present one, and their names."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pdekit.checks import refuse
from pdekit.views import theme
from pdekit.views.dashboard.figure.canvas import Canvas, Pen, inked
from pdekit.views.dashboard.figure.course import By, Curves

MOST = 5
# The present run is COLOURS[0], and solid.
_LOOKS = (
    (theme.COLOURS[1], "dash", "– – –"),
    (theme.COLOURS[2], "dot", "· · · ·"),
    (theme.COLOURS[3], "dashdot", "– · –"),
    (theme.COLOURS[5], "longdash", "— —"),
    (theme.COLOURS[4], "longdashdot", "— · —"),
)
_NAME = 26  # letters of a name that there is room for


class Kept:
    """At most MOST runs by name, on the panels of loss, error and gradient norm."""

    def __init__(self, canvas: Canvas, panels: Sequence[str], left: float, top: float) -> None:
        """Their names, and that of the present run, stand from `left`, `top` (pixels) on, in two columns."""
        self._runs: list[tuple[str, Curves]] = []
        self._pens: list[list[Pen]] = []
        places = [(left + 150 * (k // 3), top + 15 * (k % 3)) for k in range(MOST + 1)]
        self._names = [canvas.words(*place, position="middle right") for place in places]
        for colour, dash, _ in _LOOKS:
            look: dict[str, Any] = {"mode": "lines", "line": {"color": colour, "dash": dash, "width": 1.4}}
            look |= {"visible": False, "x": np.zeros(0), "y": np.zeros(0)}
            self._pens.append([canvas.trace("scatter", panel, **look) for k, panel in enumerate(panels)])

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def names(self) -> list[str]:
        """Those of the runs, the oldest first."""
        return [name for name, _ in self._runs]

    def add(self, name: str, curves: Curves) -> None:
        """Keep `curves`; the oldest goes where there are too many. ValueError for a run without steps."""
        if not len(curves.loss):
            raise refuse("keep", "a run with at least one step", "none", "train first")
        self._runs = [*self._runs, (name, curves)][-MOST:]

    def drop(self) -> None:
        """Keep none."""
        self._runs = []

    def paint(self, by: By, draw: Callable[[Pen, np.ndarray, np.ndarray], None]) -> None:
        """Show the runs against `by`."""
        looks = [(theme.COLOURS[0], "", "———"), *_LOOKS]
        named = ["this run", *self.names] if self._runs else []
        for number, words in enumerate(self._names):
            colour, _, dash = looks[number]
            words.say(inked(f"{dash} {named[number][:_NAME]}", colour) if number < len(named) else "")
        for number, pens in enumerate(self._pens):
            if number >= len(self._runs):
                for pen in pens:
                    pen.put(visible=False)
                continue
            _, run = self._runs[number]
            x = run.along[by]
            drawn = (x, run.mean), (run.where(run.measured, by), 100 * run.errors), (x, run.gradient)
            for pen, line in zip(pens, drawn, strict=False):  # a cube's run has no panel for the gradient
                draw(pen, *line)
                pen.put(visible=True)
