"""The curves: loss, held-out error and gradient norm of the run, and of those kept for comparison."""

from typing import Any

import numpy as np

from pdekit.views import theme
from pdekit.views.dashboard.figure.canvas import Canvas, Pen, Place
from pdekit.views.dashboard.figure.course import WORDS, By, Course, Curves
from pdekit.views.dashboard.figure.kept import READ, Kept
from pdekit.views.dashboard.figure.thin import FINE, round_up, thin

POINTS = 256  # at most so many points of a curve travel to the browser at a repaint: a panel is about as wide
TITLES = ("error of the shown sample", "norm of the gradient")
_GAP, _LEFT, _WIDTH = 380, 58, 306


class Progress:
    """Three panels side by side, from `top` (pixels) on, `height` high, against steps, seconds or samples."""

    def __init__(self, canvas: Canvas, top: float, height: float, loss: str, log: bool, dim: int) -> None:
        """`loss` says in words what the loss is; its axis is logarithmic with `log`; grids have `dim` axes.

        Where a third one is there, a cube has its planes: no panel for the gradient.
        """
        self._log, self._dim = log, dim
        self.course = Course()
        self.by: By = "steps"
        self.sample = 0  # whose errors are drawn
        self._classical: tuple[float, str] | None = None
        self.stale = False
        bottom = top + height
        percents = [digit * 10.0**power for power in range(-3, 4) for digit in (1, 2, 5)]
        ups: list[dict[str, Any]] = [
            {"type": "log", "exponentformat": "power"} if log else {"nticks": 5},
            {"type": "log", "tickvals": percents, "ticktext": [f"{p:g} %" for p in percents]},
            # With more ticks the small digits lie on each other.
            {"type": "log", "exponentformat": "power", "nticks": 3},
        ]
        small = {"tickfont": {"size": 10}, "fixedrange": True}
        across = small | {"rangemode": "tozero", "nticks": 6}
        places = [Place(_LEFT + _GAP * k, top, _WIDTH, height) for k in range(3 if dim < 3 else 2)]
        self._panels = [
            canvas.panel(place, across, small | up) for place, up in zip(places, ups, strict=False)
        ]
        self._loss_words = loss
        middles = [place.left + _WIDTH / 2 for place in places]
        self._title = canvas.words(middles[0], top - 12, size=12.5)
        for middle, name in zip(middles[1:], TITLES, strict=False):
            canvas.title(middle, top - 12, name)
        self._axis_words = [canvas.words(middle, bottom + 26) for middle in middles]
        raw = {"mode": "markers", "marker": {"size": 3, "color": theme.COLOURS[4]}, "opacity": 0.5}
        raw |= {"hoverinfo": "skip"}
        line = {"mode": "lines", "line": {"color": theme.COLOURS[0], "width": 2}, "hovertemplate": READ}
        loss_panel, error_panel, *gradient_panel = self._panels
        self._raw = canvas.trace("scatter", loss_panel, **_EMPTY, **raw)
        self._mean = canvas.trace("scatter", loss_panel, **_EMPTY, **line)
        self._error = canvas.trace("scatter", error_panel, **_EMPTY, **line)
        # Unseen, it keeps 1 % to 100 % in the panel, so that its axis seldom changes.
        canvas.trace(
            "scatter", error_panel, x=[0, 0], y=[1, 100], mode="markers", opacity=0, hoverinfo="skip",
        )  # fmt: skip
        self._gradient = [canvas.trace("scatter", panel, **_EMPTY, **line) for panel in gradient_panel]
        mark = {"mode": "lines+text", "line": {"color": theme.MUTED, "width": 1}, "hoverinfo": "skip"}
        mark |= {"textposition": "bottom right", "textfont": {"size": 10, "color": theme.MUTED}}
        # The marks have a scale of their own, 0 to 1, so that they span the panel whatever the curve does.
        overlays = [canvas.marks(panel) for panel in self._panels]
        self._marks = [canvas.trace("scatter", overlay, **_EMPTY, **mark) for overlay in overlays]
        theirs = mark | {"line": {"color": theme.COLOURS[5], "width": 2, "dash": "dash"}}
        theirs |= {"textposition": "top right", "textfont": {"size": 10, "color": theme.COLOURS[5]}}
        self._theirs = [canvas.trace("scatter", overlay, **_EMPTY, **theirs) for overlay in overlays[:2]]
        self.kept = Kept(canvas, self._panels, 836, 10)

    def show_classical(self, seconds: float, words: str) -> None:
        """A classical solver takes `seconds`: a line in the view by seconds, with `words`."""
        self._classical = (seconds, words)
        self.stale = True

    def forget(self) -> None:
        """No run; those kept stay."""
        self.course.forget()
        self.stale = True

    def keep(self, name: str) -> None:
        """Put the present curves among those kept."""
        self.kept.add(name, self.course.curves(), self.sample)
        self.stale = True

    def freshen(self) -> None:
        """Bring the traces to what is known, where they are not."""
        if self.stale:
            self.stale = False
            self._paint()

    def _paint(self) -> None:
        now, by = self.course.curves(), self.by
        loss, mean, words = self._shown(now)
        self._title.say(words)
        for axis in self._axis_words:
            axis.say(WORDS[by])
        x = now.along[by]
        _draw(self._raw, x, loss)
        _draw(self._mean, x, mean)
        _draw(self._error, now.where(now.measured, by), 100 * now.errors)
        for pen in self._gradient:
            _draw(pen, x, now.gradient)
        changes = np.flatnonzero(np.diff(now.grids)) + 1
        names = [theme.grid_name(int(now.grids[index]), self._dim) for index in changes]
        # The last of them is a point that shows nothing: it keeps room for the steps to come on the axis.
        end = [round_up(float(x[-1]), FINE)] if len(x) else []
        x, y = _verticals(x[changes])
        x, y = np.append(x, end), np.append(y, np.zeros(len(end)))
        words = [word for name in names for word in ("", name, "")] + [""] * len(end)
        for pen in self._marks:
            pen.put(x=x, y=y, text=words)
        x, y = _verticals(
            np.array([self._classical[0]]) if self._classical and by == "seconds" else np.zeros(0)
        )
        for number, pen in enumerate(self._theirs):
            pen.put(x=x, y=y, text=[self._classical[1], "", ""] if len(x) and number == 0 else [])
        self.kept.paint(by, self.sample, _draw)

    def _shown(self, now: Curves) -> tuple[np.ndarray, np.ndarray, str]:
        """Loss and mean as the axis can show them, and what they are in words."""
        if not self._log or not len(now.loss) or now.loss.min() > 0:
            return now.loss, now.mean, self._loss_words
        lowest = float(now.loss.min())
        return now.loss - lowest, now.mean - lowest, f"{self._loss_words}, above its lowest, {lowest:.3g}"


_EMPTY = {"x": np.zeros(0), "y": np.zeros(0)}


def _draw(pen: Pen, x: np.ndarray, y: np.ndarray) -> None:
    pen.put(x=thin(x, POINTS).astype(np.float32), y=thin(y, POINTS).astype(np.float32))


def _verticals(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lines from 0 to 1 at each of `x`, with gaps between."""
    gap = np.full_like(x, np.nan)
    up = np.stack([np.zeros_like(x), np.ones_like(x), gap], axis=1)
    return np.stack([x, x, gap], axis=1).ravel(), up.ravel()
