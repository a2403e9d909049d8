"""The live figure: fields and loss of a running training in one widget, built whole and then only repainted.

Voila updates the traces of a page's first FigureWidget and loses later changes of a layout, so that all that
changes here, the marks of the grid included, is data of a trace.
"""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from ipywidgets import VBox
from plotly.subplots import make_subplots

from pdekit.views import theme
from pdekit.views.arrays import Field, coloured, common_range, log10
from pdekit.views.curves import trailing_mean
from pdekit.views.fields import UNIT, bar_below, heatmap

HEIGHT = 520
POINTS = 600  # at most so many points of a curve travel to the browser at a repaint
BLANK = np.full((2, 2), None)  # a field with no values: null, which travels as JSON where NaN does not
PIXELS = 128  # and so many values along each side of a field

_TITLES = (
    "prediction u",
    "reference u",
    "loss",
    "error of the shown sample",
    "prediction - reference",
)


class LiveFigure:
    """Six panels: coefficient, prediction, reference; loss and error against steps; the error as a map."""

    def __init__(self, given: str = "coefficient ν", log: bool = True, dim: int = 2) -> None:
        """`given` says in words what is given, shown by its logarithm with `log`; grids have `dim` axes."""
        self._dim = dim
        self._log = log
        figure = make_subplots(
            rows=2,
            cols=3,
            subplot_titles=(coloured(given, log), *_TITLES),
            horizontal_spacing=0.075,
            vertical_spacing=0.19,
        )
        for place, scale in enumerate((theme.COEFFICIENT_SCALE, theme.FIELD_SCALE, theme.FIELD_SCALE)):
            _add_map(figure, scale, 1, place + 1)
        _add_map(figure, theme.SIGNED_SCALE, 2, 3)
        raw = {"mode": "markers", "marker": {"size": 3, "color": theme.COLOURS[4]}, "opacity": 0.5}
        curve = {"mode": "lines", "line": {"color": theme.COLOURS[0], "width": 2}}
        mark = {"mode": "lines+text", "line": {"color": theme.MUTED, "width": 1}, "hoverinfo": "skip"}
        mark |= {"textposition": "bottom left", "textfont": {"size": 11, "color": theme.MUTED}}
        figure.add_scatter(**raw, row=2, col=1)
        figure.add_scatter(**curve, row=2, col=1)
        figure.add_scatter(**curve, row=2, col=2)
        # Unseen, it keeps 1 % to 100 % in the panel, so that its axis seldom changes.
        figure.add_scatter(x=[0, 0], y=[1, 100], mode="markers", opacity=0, hoverinfo="skip", row=2, col=2)
        # The marks have a scale of their own, 0 to 1, so that they span the panel whatever the curve does.
        figure.add_scatter(**mark, xaxis="x4", yaxis="y7")
        figure.add_scatter(**mark, xaxis="x5", yaxis="y8")
        span = {"range": [0, 1], "visible": False, "fixedrange": True}
        percents = [digit * 10.0**power for power in range(-3, 4) for digit in (1, 2, 5)]
        figure.update_xaxes(title="step", rangemode="tozero", row=2, col=1)
        figure.update_xaxes(title="step", rangemode="tozero", row=2, col=2)
        figure.update_yaxes(
            type="log", tickvals=percents, ticktext=[f"{p:g} %" for p in percents], row=2, col=2
        )
        figure.update_xaxes(title_font_size=12)
        figure.update_annotations(font_size=12.5)
        figure.update_layout(
            template=theme.template(),
            autosize=True,
            height=HEIGHT,
            margin={"l": 42, "r": 14, "t": 26, "b": 64},
            showlegend=False,
            yaxis7=span | {"overlaying": "y4", "anchor": "x4"},
            yaxis8=span | {"overlaying": "y5", "anchor": "x5"},
        )
        self.widget = _Widget(figure)
        # It grows and shrinks with the page; the figure takes its width from it.
        self.box = VBox([self.widget], layout={"flex": "1 1 0", "min_width": "480px", "max_width": "760px"})
        maps, curves = self.widget.data[:4], self.widget.data[4:]
        self._coefficient, self._prediction, self._reference, self._difference = maps
        self._raw, self._loss, self._error, _, *self._marks = curves

    def painting(self) -> Any:
        """A context that gathers all repaints in it into one message to the browser."""
        return self.widget.batch_update()

    def show_sample(self, coefficient: Field, reference: Field) -> None:
        """Coefficient and reference (H, W) of the sample to look at; forgets the last prediction."""
        low, high = common_range(reference)
        with self.painting():
            shown = log10("coefficient", coefficient) if self._log else coefficient
            self._coefficient.update(
                zmin=float(shown.min()), zmax=float(shown.max())
            )  # Voila keeps the first range
            _put(self._coefficient, shown)
            for trace in (self._reference, self._prediction):
                trace.update(zmin=low, zmax=high)
            _put(self._reference, reference)
            self._blank()

    def show_prediction(self, prediction: Field, reference: Field) -> None:
        """The prediction (H, W), and how it differs from the reference on the same grid."""
        bound = round_up(float(np.abs(prediction - reference).max()))
        with self.painting():
            _put(self._prediction, prediction)
            self._difference.update(zmin=-bound, zmax=bound, colorbar_tickvals=[-bound, 0, bound])
            _put(self._difference, prediction - reference)

    def show_loss(self, history: Any, window: int) -> None:
        """The loss of each step, its trailing mean over `window` steps, and marks where the grid changes."""
        number, loss, grids = history.number, history.loss, history.resolution
        x, y, text = [], [], []
        for index in np.flatnonzero(np.diff(grids)) + 1:
            x += [int(number[index]), int(number[index]), None]
            y += [0, 1, None]
            text += ["", theme.grid_name(grids[index], self._dim), ""]
        with self.painting():
            for trace, values in ((self._raw, loss), (self._loss, trailing_mean(loss, grids, window))):
                trace.x, trace.y = thin(number, POINTS), thin(values, POINTS)
            for trace in self._marks:
                trace.update(x=x, y=y, text=text)

    def show_errors(self, steps: list[int], errors: list[float]) -> None:
        """The relative L2 error (fractions) of the shown sample after each of `steps`."""
        with self.painting():
            self._error.x, self._error.y = thin(np.array(steps), POINTS), thin(100 * np.array(errors), POINTS)

    def clear(self) -> None:
        """Forget the run; the sample stays."""
        with self.painting():
            for trace in (self._raw, self._loss, self._error, *self._marks):
                trace.update(x=[], y=[])
            self._blank()

    def _blank(self) -> None:
        self._prediction.z = self._difference.z = BLANK


class _Widget(go.FigureWidget):
    """A figure that a page sees as it is now, also where the page was opened after the last repaint."""

    _built = False

    def __init__(self, figure: go.Figure) -> None:
        super().__init__(figure)
        self._config = {"responsive": True, "displayModeBar": False}
        self._built = True

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        state = super().get_state(key, drop_defaults)
        # Plotly keeps here what the figure was built with: repaints are messages, to the pages of their time.
        if self._built and "_widget_data" in state:
            serialize = self.trait_metadata("_widget_data", "to_json")
            state["_widget_data"] = serialize([trace.to_plotly_json() for trace in self.data], self)
        return state


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, ... times a power of ten: a colour bar that seldom changes."""
    power = 10.0 ** np.floor(np.log10(max(value, 1e-12)))
    return float(next(digit * power for digit in (1, 2, 5, 10) if digit * power >= value))


def thin(values: np.ndarray, most: int) -> np.ndarray:
    """At most `most` of the values along each axis, both ends among them."""
    for axis, size in enumerate(values.shape):
        if size > most:
            values = values.take(np.linspace(0, size - 1, most).round().astype(int), axis=axis)
    return values


def _put(trace: go.Heatmap, values: Field) -> None:
    values = thin(values, PIXELS)
    height, width = values.shape
    # Fields travel as text: four digits of the largest value are more than the colours can show.
    digits = 4 - int(np.ceil(np.log10(max(np.abs(values).max(), 1e-30))))
    trace.update(z=np.round(values, digits), dx=1 / (width - 1), dy=1 / (height - 1))


def _add_map(figure: go.Figure, scale: str, row: int, column: int) -> None:
    axes = figure.get_subplot(row, column)
    (x0, x1), (y0, _) = axes.xaxis.domain, axes.yaxis.domain
    bar = bar_below((x0 + x1) / 2, x1 - x0, y0 - 0.01) | {"ticklen": 3, "nticks": 5, "tickangle": 0}
    figure.add_trace(heatmap(BLANK, (-1, 1), scale, bar), row=row, col=column)
    figure.update_xaxes(**UNIT | {"showticklabels": False, "ticks": ""}, row=row, col=column)
    anchor = axes.yaxis.anchor
    figure.update_yaxes(
        **UNIT | {"showticklabels": False, "ticks": ""}, scaleanchor=anchor, row=row, col=column
    )
