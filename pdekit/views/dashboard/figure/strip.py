"""The strip of held-out samples: a small picture of each, and a frame around the one on show."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pdekit.views import theme
from pdekit.views.arrays import Field
from pdekit.views.dashboard.figure.canvas import Canvas, Place

SIDE = 20  # nodes of a picture
STEP = SIDE + 2  # and the gap to the next
HEIGHT = 46  # pixels


class Strip:
    """Pictures (H, W) side by side in one heatmap, each on colours of its own; a click on one chooses it."""

    def __init__(self, canvas: Canvas, left: float, top: float, pictures: Sequence[Field]) -> None:
        self.count = len(pictures)
        width = STEP * self.count
        off = {"visible": False, "fixedrange": True}
        place = Place(left, top, HEIGHT * STEP / SIDE * self.count, HEIGHT)
        panel = canvas.panel(place, off | {"range": [-1.5, width - 1.5]}, off | {"range": [-1.5, SIDE + 0.5]})
        tiles = np.full((SIDE, width), np.nan, dtype=np.float32)
        for number, one in enumerate(pictures):
            tiles[:, number * STEP : number * STEP + SIDE] = _small(one)
        self._pen = canvas.trace(
            "heatmap", panel, z=tiles, zmin=0, zmax=1, colorscale=theme.COEFFICIENT_SCALE,
            showscale=False, hovertemplate="Click: show this sample<extra></extra>",
        )  # fmt: skip
        frame = {"color": theme.COLOURS[1], "width": 3}
        self._frame = canvas.trace(
            "scatter", panel, mode="lines", line=frame, x=np.zeros(0), y=np.zeros(0), hoverinfo="skip",
cliponaxis=False,
        )  # fmt: skip

    def mark(self, number: int) -> None:
        """Put the frame around picture `number`."""
        x, size = number * STEP - 1.0, SIDE + 1.0
        self._frame.put(x=x + np.array([0, size, size, 0, 0]), y=np.array([0, 0, size, size, 0]) - 1.0)

    def on_click(self, call: Callable[[int], None]) -> None:
        """Have `call(number)` called for a click on a picture."""

        def clicked(_: Any, points: Any, __: Any) -> None:
            if points.xs:
                call(min(max(int(points.xs[0] + 1) // STEP, 0), self.count - 1))

        self._pen.trace.on_click(clicked)


def _small(picture: Field) -> Field:
    """(SIDE, SIDE), from 0 to 1."""
    rows, columns = (np.linspace(0, size - 1, SIDE).round().astype(int) for size in picture.shape)
    values = picture[np.ix_(rows, columns)]
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.full_like(values, 0.5)
