"""A field on a cube: its three middle planes, those of its error, and a surface where it has its middle value."""

import numpy as np

from pdekit.views import theme
from pdekit.views.arrays import Field
from pdekit.views.dashboard.figure.canvas import Canvas, Place
from pdekit.views.dashboard.figure.thin import round_up, thin

PLANE = 32  # values along a side of a plane
CUBE = 20  # and of the cube that the surface is found in
STEP = PLANE + 2


class Solid:
    """The planes z, y and x = 1/2 of both below each other, and an isosurface."""

    def __init__(self, canvas: Canvas, place: Place) -> None:
        side = place.height / 3 * PLANE / STEP
        off = {"visible": False, "fixedrange": True}
        self._planes = []
        for column, (scale, words) in enumerate(
            ((theme.FIELD_SCALE, "û at ½"), (theme.SIGNED_SCALE, "error"))
        ):
            left = place.left + column * (side + 8)
            canvas.title(left + side / 2, place.top - 12, words)
            panel = canvas.panel(
                place._replace(left=left, width=side),
                off | {"range": [-0.5, PLANE - 0.5]}, off | {"range": [-0.5, 3 * STEP - 0.5]},
            )  # fmt: skip
            pen = canvas.trace(
                "heatmap", panel, z=_NONE, zmin=-1, zmax=1, colorscale=scale, showscale=False,
                hovertemplate="%{z:.4g}<extra></extra>",
            )  # fmt: skip
            self._planes.append(pen)
        left = place.left + 2 * (side + 8)
        canvas.title((left + place.left + place.width) / 2, place.top - 12, "û = its middle")
        room = place._replace(left=left, width=place.left + place.width - left)
        nodes = (
            grid.ravel().astype(np.float32)
            for grid in np.meshgrid(*[np.linspace(0, 1, CUBE)] * 3, indexing="ij")
        )
        z, y, x = nodes
        self._surface = canvas.trace(
            "isosurface", "", scene=canvas.scene(room), x=x, y=y, z=z, value=np.zeros(CUBE**3, np.float32),
            isomin=0.5, isomax=0.5, surface={"count": 1}, caps={f"{a}_show": False for a in "xyz"},
            colorscale=theme.FIELD_SCALE, showscale=False, hoverinfo="skip",opacity=0.8,
        )  # fmt: skip

    def show(self, prediction: Field, reference: Field) -> None:
        """The prediction (D, H, W) and its error."""
        error = prediction - reference
        bound = round_up(float(np.abs(error).max()))
        first, second = self._planes
        first.put(z=_planes(prediction), zmin=float(reference.min()), zmax=float(reference.max()))
        second.put(z=_planes(error), zmin=-bound, zmax=bound)
        middle = (float(reference.min()) + float(reference.max())) / 2
        cube = _resized(prediction, CUBE).astype(np.float32).ravel()
        self._surface.put(value=cube, isomin=middle, isomax=middle)

    def clear(self) -> None:
        """No prediction."""
        for pen in self._planes:
            pen.put(z=_NONE)
        self._surface.put(value=np.zeros(CUBE**3, np.float32))


_NONE = np.full((2, 2), None)


def _planes(cube: Field) -> Field:
    """The middle planes of z, y and x, that of x uppermost: (3 STEP, PLANE), with gaps of NaN."""
    tiles = np.full((3 * STEP, PLANE), np.nan, dtype=np.float32)
    for axis in range(3):
        plane = _resized(cube.take(cube.shape[axis] // 2, axis=axis), PLANE)
        tiles[axis * STEP : axis * STEP + PLANE] = plane
    return tiles


def _resized(values: Field, size: int) -> Field:
    """The nearest values on `size` nodes along each axis."""
    if max(values.shape) > size:
        return thin(values, size)
    for axis, old in enumerate(values.shape):
        values = values.take(np.linspace(0, old - 1, size).round().astype(int), axis=axis)
    return values
