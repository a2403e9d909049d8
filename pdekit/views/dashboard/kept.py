"""Runs kept for comparison: thin lines under the present one, with names in the legend."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pdekit.checks import refuse
from pdekit.views import theme
from pdekit.views.dashboard.canvas import Canvas, Pen
from pdekit.views.dashboard.course import By, Curves

MOST = 5
# The present run is COLOURS[0], and solid.
_LOOKS = (
    (theme.COLOURS[1], "dash"),
    (theme.COLOURS[2], "dot"),
    (theme.COLOURS[3], "dashdot"),
    (theme.COLOURS[5], "longdash"),
    (theme.COLOURS[4], "longdashdot"),
)


class Kept:
    """At most MOST runs by name, on the panels of loss, error and gradient norm."""

    def __init__(self, canvas: Canvas, panels: Sequence[str]) -> None:
        self._runs: list[tuple[str, Curves]] = []
        self._pens: list[list[Pen]] = []
        for number, (colour, dash) in enumerate(_LOOKS):
            look: dict[str, Any] = {"mode": "lines", "line": {"color": colour, "dash": dash, "width": 1.4}}
            look |= {"visible": False, "legendgroup": str(number), "x": np.zeros(0), "y": np.zeros(0)}
            self._pens.append(
                [canvas.trace("scatter", panel, showlegend=not k, **look) for k, panel in enumerate(panels)]
            )

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
        for number, pens in enumerate(self._pens):
            if number >= len(self._runs):
                for pen in pens:
                    pen.put(visible=False)
                continue
            name, run = self._runs[number]
            x = run.along[by]
            drawn = (x, run.mean), (run.where(run.measured, by), 100 * run.errors), (x, run.gradient)
            for pen, line in zip(pens, drawn, strict=False):  # a cube's run has no panel for the gradient
                draw(pen, *line)
                pen.put(visible=True, name=name)
