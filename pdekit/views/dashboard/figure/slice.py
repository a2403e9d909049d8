"""A line through the maps: prediction and reference along it."""

import numpy as np

from pdekit.views import theme
from pdekit.views.arrays import Field
from pdekit.views.dashboard.figure.canvas import Canvas, Place, inked
from pdekit.views.dashboard.figure.thin import thin

POINTS = 128


class Slice:
    """u along the axis `axes[1]` at a place of `axes[0]`, which go up to `ends`; opens in the middle."""

    def __init__(
        self, canvas: Canvas, place: Place, axes: tuple[str, str], ends: tuple[float, float]
    ) -> None:
        self._axes, self._ends = axes, ends
        self.at = ends[0] / 2
        small = {"tickfont": {"size": 10}, "fixedrange": True}
        panel = canvas.panel(place, small | {"range": [0, ends[1]], "nticks": 6}, small | {"nticks": 5})
        middle = place.left + place.width / 2
        self._title = canvas.words(place.left, place.top - 12, "middle right", 12.5)
        canvas.title(middle, place.top + place.height + 26, axes[1])
        line = {"mode": "lines", "x": np.zeros(0), "y": np.zeros(0)}
        self._reference = canvas.trace(
            "scatter", panel, name="u", line={"color": theme.COLOURS[1], "width": 1.6, "dash": "dash"}, **line
        )
        self._prediction = canvas.trace(
            "scatter", panel, name="û", line={"color": theme.COLOURS[0], "width": 2}, **line
        )
        names = f"{inked('– – u', theme.COLOURS[1])}\N{EM SPACE}{inked('— û', theme.COLOURS[0])}"
        canvas.words(place.left + place.width, place.top - 12, "middle left", text=names)

    def move(self, where: float) -> None:
        """Go to `where` along the first axis, or as far as it goes."""
        self.at = min(max(where, 0.0), self._ends[0])

    def paint(self, prediction: Field | None, reference: Field | None) -> None:
        """The values of the fields (H, W) on the row nearest to the line."""
        up, across = self._axes
        self._title.say(f"along {across} at {up} = {self.at:.3g}")
        for pen, field in ((self._prediction, prediction), (self._reference, reference)):
            row = np.zeros(0) if field is None else field[round(self.at / self._ends[0] * (len(field) - 1))]
            row = thin(row, POINTS).astype(np.float32)
            pen.put(x=np.linspace(0, self._ends[1], len(row), dtype=np.float32), y=row)
