"""The four maps: what is given, prediction, reference, and the difference of the two."""

from typing import Any

import numpy as np

from pdekit.views import theme
from pdekit.views.arrays import Field, coloured, common_range, log10
from pdekit.views.dashboard.figure.canvas import WIDTH, Canvas, Pen, Place
from pdekit.views.dashboard.figure.thin import round_up, thin

BLANK = np.full((2, 2), None)  # a field with no values: null, which travels as JSON
PIXELS = 64  # so many values along each side of a field travel; the page smooths them over about 200 pixels
SIDE = 200
NAMES = ("prediction û", "reference u", "error û - u")
_SCALES = (theme.COEFFICIENT_SCALE, theme.FIELD_SCALE, theme.FIELD_SCALE, theme.SIGNED_SCALE)


class Maps:
    """Four heatmaps in a row, from `top` (pixels) on, and on three of them the line of the slice.

    Their axes have the names `axes`, the upper one's first, and go up to `ends`.
    """

    def __init__(
        self,
        canvas: Canvas,
        top: float,
        given: str,
        log: bool,
        axes: tuple[str, str],
        ends: tuple[float, float],
    ) -> None:
        self._log = log
        self._pens: list[Pen] = []
        panels = []
        for place, (name, scale) in enumerate(zip((coloured(given, log), *NAMES), _SCALES, strict=True)):
            left = WIDTH / 4 * place + 42
            middle = left + 115
            canvas.title(middle, top + 9, name)
            up, across = (_axis(name, end) for name, end in zip(axes, ends, strict=True))
            panel = canvas.panel(Place(left, top + 20, 230, SIDE), across, up)
            canvas.scale(panel, ends[1] / ends[0])
            bar = {
                "orientation": "h",
                "x": middle / WIDTH,
                "len": SIDE / WIDTH,
                "thickness": 9,
                "outlinewidth": 0,
            }
            bar |= {
                "y": 1 - (top + SIDE + 36) / canvas.height,
                "yanchor": "top",
                "ticklen": 3,
                "nticks": 5,
                "ticklabeloverflow": "allow",
            }
            bar |= {"tickangle": 0, "tickfont": {"size": 10}, "xpad": 0, "ypad": 0}
            where = f"{axes[1]} %{{x:.3f}}, {axes[0]} %{{y:.3f}}: %{{z:.4g}}<extra></extra>"
            self._pens.append(
                canvas.trace(
                    "heatmap",
                    panel,
                    z=BLANK,
                    x0=0,
                    dx=1,
                    y0=0,
                    dy=1,
                    zmin=-1,
                    zmax=1,
                    colorscale=scale,
                    colorbar=bar,
                    hovertemplate=where,
                    zsmooth="fast",
                )
            )
            panels.append(panel)
        line = {"mode": "lines", "line": {"color": theme.COLOURS[1], "width": 1.5, "dash": "dot"}}
        line |= {"hoverinfo": "skip", "x": np.array([0.0, 1.0]), "y": np.full(2, np.nan)}
        self._panels, self._line = panels, line
        self._ends = ends

    def add_lines(self, canvas: Canvas) -> None:
        """The traces of the slice's line: after all that others count on to come first."""
        self._lines = [canvas.trace("scatter", panel, **self._line) for panel in self._panels[1:]]

    @property
    def pens(self) -> list[Pen]:
        """Those of coefficient, prediction, reference, error."""
        return self._pens

    def show_sample(self, coefficient: Field, reference: Field) -> None:
        """Coefficient and reference (H, W); the others are blank."""
        given, prediction, wanted, _ = self._pens
        shown = log10("coefficient", coefficient) if self._log else coefficient
        # Voila keeps the first range where none is given
        self._put(given, shown, zmin=float(shown.min()), zmax=float(shown.max()))
        low, high = common_range(reference)
        prediction.put(zmin=low, zmax=high)
        self._put(wanted, reference, zmin=low, zmax=high)
        self.blank()

    def show_prediction(self, prediction: Field, reference: Field) -> None:
        """The prediction (H, W), and how it differs from the reference on the same grid."""
        error = prediction - reference
        bound = round_up(float(np.abs(error).max()))
        self._put(self._pens[1], prediction)
        self._put(self._pens[3], error, zmin=-bound, zmax=bound, colorbar_tickvals=[-bound, 0, bound])

    def show_line(self, where: float) -> None:
        """The slice lies at `where` along the upward axis."""
        for pen in self._lines:
            pen.put(y=np.full(2, where))

    def blank(self) -> None:
        """No prediction."""
        self._pens[1].put(z=BLANK)
        self._pens[3].put(z=BLANK)

    def _put(self, pen: Pen, values: Field, **more: Any) -> None:
        values = thin(values, PIXELS).astype(np.float32)
        height, width = values.shape
        up, across = self._ends
        pen.put(z=values, dx=across / (width - 1), dy=up / (height - 1), **more)


def _axis(name: str, end: float) -> dict[str, Any]:
    ticks = {"tickvals": [0, end / 2, end], "ticktext": ["0", name, f"{end:g}"], "tickfont": {"size": 10}}
    return {
        "range": [0, end],
        "constrain": "domain",
        "showgrid": False,
        "ticks": "",
        "fixedrange": True,
    } | ticks
