"""Runs kept for comparison: thin lines under the present one, and their names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pdekit.checks import refuse
from pdekit.views import theme
from pdekit.views.dashboard.figure.canvas import Canvas, Pen, inked
from pdekit.views.dashboard.figure.course import By, Curves

MOST = 5
READ = "%{y:.3g} at %{x:,.6~g}<extra></extra>"  # what the mouse finds on a curve
# The present run is COLOURS[0], and solid.
_LOOKS = (
    (theme.COLOURS[1], "dash", "– – –"),
    (theme.COLOURS[2], "dot", "· · · ·"),
    (theme.COLOURS[3], "dashdot", "– · –"),
    (theme.COLOURS[5], "longdash", "— —"),
    (theme.COLOURS[4], "longdashdot", "— · —"),
)
# Names in a column, and letters that there is room for in one of two, or in one alone.
_ROWS, _NARROW, _WIDE = 3, 21, 44


class Kept:
    """At most MOST runs by name, on the panels of loss, error and gradient norm."""

    def __init__(self, canvas: Canvas, panels: Sequence[str], left: float, top: float) -> None:
        """Their names, and that of the present run, stand from `left`, `top` (pixels) on, in two columns."""
        self._runs: list[_Run] = []
        self._now = ""
        self._pens: list[list[Pen]] = []
        places = [(left + 150 * (k // _ROWS), top + 15 * (k % _ROWS)) for k in range(MOST + 1)]
        self._names = [canvas.words(*place, position="middle right") for place in places]
        for colour, dash, _ in _LOOKS:
            look: dict[str, Any] = {"mode": "lines", "line": {"color": colour, "dash": dash, "width": 1.4}}
            look |= {"visible": False, "x": np.zeros(0), "y": np.zeros(0), "hovertemplate": READ}
            self._pens.append([canvas.trace("scatter", panel, **look) for k, panel in enumerate(panels)])

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def names(self) -> list[str]:
        """Those of the runs, the oldest first."""
        return [run.name for run in self._runs]

    def add(self, name: str, curves: Curves, sample: int) -> None:
        """Keep `curves`, with the errors of `sample`; the oldest goes where there are too many, and leaves its look.

        ValueError for a run without steps.
        """
        if not len(curves.loss):
            raise refuse("keep", "a run with at least one step", "none", "train first")
        self._runs = self._runs[-MOST + 1 :]
        look = min(set(range(MOST)) - {run.look for run in self._runs})
        self._runs.append(_Run(name, curves, sample, look))

    def rename(self, names: Sequence[str], now: str) -> None:
        """Call the kept runs so, the oldest first, and the present one `now`."""
        self._runs = [replace(run, name=name) for run, name in zip(self._runs, names, strict=True)]
        self._now = now

    def drop(self) -> None:
        """Keep none."""
        self._runs = []

    def paint(self, by: By, sample: int, draw: Callable[[Pen, np.ndarray, np.ndarray], None]) -> None:
        """Show the runs against `by`; errors only of those that are `sample`'s: others cannot be compared."""
        room = _WIDE if len(self._runs) < _ROWS else _NARROW
        now = (theme.COLOURS[0], "———", f"this run {self._now}".strip(), "")
        lines = [(*_LOOKS[run.look][::2], run.name, _ended(run, sample)) for run in self._runs]
        named = [_line(*line, room) for line in ([now, *lines] if lines else [])]
        for number, words in enumerate(self._names):
            words.say(named[number] if number < len(named) else "")
        shown = {run.look: run for run in self._runs}
        for look, pens in enumerate(self._pens):
            if look not in shown:
                for pen in pens:
                    pen.put(visible=False)
                continue
            run = shown[look].curves
            x, same = run.along[by], shown[look].sample == sample
            errors = (run.where(run.measured, by), 100 * run.errors) if same else (np.zeros(0), np.zeros(0))
            drawn = (x, run.mean), errors, (x, run.gradient)
            for pen, line in zip(pens, drawn, strict=False):  # a cube's run has no panel for the gradient
                draw(pen, *line)
                pen.put(visible=True)


@dataclass(frozen=True)
class _Run:
    name: str
    curves: Curves
    sample: int
    look: int  # its place in _LOOKS, for as long as it is kept


def _ended(run: _Run, sample: int) -> str:
    """Its last error, where that is of `sample`, the one on show."""
    errors = run.curves.errors
    return f" · {100 * errors[-1]:.3g} %" if run.sample == sample and len(errors) else ""


def _line(colour: str, dash: str, name: str, ended: str, room: int) -> str:
    room -= len(ended)
    return inked(f"{dash} {name if len(name) <= room else name[: room - 1] + '…'}{ended}", colour)
