"""A figure built whole, of panels at places in pixels: what changes later are its traces, through pens.

Voila loses later changes of a layout, so that titles and marks that change are data of traces as well.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from pdekit.views import theme
from pdekit.views.dashboard.figure.wire import Wire

WIDTH = 1140  # pixels at which places are meant; the figure itself is as wide as the page lets it be
CLEAR = "rgba(0,0,0,0)"
TITLE = 12.5
SMALL = 11
FRACTION = {"range": [0, 1], "visible": False, "fixedrange": True}  # an axis for marks across a panel


class Place(NamedTuple):
    """A rectangle in pixels, from the figure's top left corner."""

    left: float
    top: float
    width: float
    height: float


class Pen:
    """The one that writes a trace, with the next repaint of the figure."""

    def __init__(self, canvas: "Canvas", index: int) -> None:
        self._canvas, self._index = canvas, index

    @property
    def trace(self) -> Any:
        """The trace in the widget."""
        return self._canvas.widget.data[self._index]

    def put(self, **attributes: Any) -> None:
        """Give the trace these attributes; nested ones with an underscore, as plotly has them."""
        self._canvas.widget.put(self._index, _lasting(attributes))


@dataclass
class Words:
    """A line of text that may change; `say` changes it."""

    canvas: "Canvas"
    index: int

    def say(self, text: str) -> None:
        """Show `text` in its place."""
        self.canvas.say(self.index, text)


def _lasting(attributes: dict[str, Any]) -> dict[str, Any]:
    """A blank where a text is empty: plotly.js gives up the place of an empty one, and later words do not show."""
    text = attributes.get("text")
    return attributes if text is None else attributes | {"text": [words or " " for words in text]}


def inked(text: str, colour: str) -> str:
    """`text` in that colour, whatever the page's theme."""
    return f'<span style="color:{colour}">{text}</span>'


class Canvas:
    """Panels, traces and words to be; `build` makes the widget of them, and no more can be added then."""

    def __init__(self, height: float) -> None:
        self.height = height
        self.widget: Wire
        self._traces: list[dict[str, Any]] = []
        self._layout: dict[str, Any] = {}
        self._axes = 1  # the first pair lies under all others: it is that of the words
        self._words: list[tuple[float, float, str, float, str]] = []  # x, y, position, size, text

    def panel(self, place: Place, x: dict | None = None, y: dict | None = None) -> str:
        """Axes over `place`; their name, to draw on."""
        across = [place.left / WIDTH, (place.left + place.width) / WIDTH]
        up = [1 - (place.top + place.height) / self.height, 1 - place.top / self.height]
        return self._pair({"domain": across} | (x or {}), {"domain": up} | (y or {}))

    def scale(self, panel: str, ratio: float) -> None:
        """Make the panel's upward unit `ratio` times as long as that across."""
        self._layout[f"yaxis{panel}"] |= {"scaleanchor": f"x{panel}", "scaleratio": ratio}

    def marks(self, panel: str, along: bool = True) -> str:
        """Axes over the same place that go from 0 to 1 up, and with `along` the panel's own across."""
        if along:
            number = self._next()
            self._layout[f"yaxis{number}"] = FRACTION | {"overlaying": f"y{panel}", "anchor": f"x{panel}"}
            return f"{panel} {number}"
        return self._pair(FRACTION | {"overlaying": f"x{panel}"}, FRACTION | {"overlaying": f"y{panel}"})

    def beside(self, panel: str) -> str:
        """Axes over the same place that go from 0 to 1 across, and the panel's own up."""
        number = self._next()
        self._layout[f"xaxis{number}"] = FRACTION | {"overlaying": f"x{panel}", "anchor": f"y{panel}"}
        return f"{number} {panel}"

    def trace(self, kind: str, panel: str, **attributes: Any) -> Pen:
        """A trace of plotly's `kind` on a panel; with "" on none, or over the whole figure."""
        if panel:
            names = panel.split()
            attributes |= {"xaxis": f"x{names[0]}", "yaxis": f"y{names[-1]}"}
        self._traces.append({"type": kind, **_lasting(attributes)})
        return Pen(self, len(self._traces) - 1)

    def title(self, x: float, y: float, text: str) -> None:
        """A line that stays as it is, centred at x, y (pixels)."""
        self.words(x, y, size=TITLE, text=text)  # annotations, plotly's own, take a browser longer

    def words(
        self, x: float, y: float, position: str = "middle center", size: float = SMALL, text: str = ""
    ) -> Words:
        """A line that may change, at x, y (pixels)."""
        self._words.append((x / WIDTH, 1 - y / self.height, position, size, text))
        return Words(self, len(self._words) - 1)

    def say(self, index: int, text: str) -> None:
        """Change the words of that number."""
        self._words[index] = (*self._words[index][:4], text)
        self._said.put(text=[one[4] for one in self._words])

    def scene(self, place: Place) -> str:
        """A scene in three dimensions over `place`, without axes."""
        off = {"visible": False}
        domain = {
            "x": [place.left / WIDTH, (place.left + place.width) / WIDTH],
            "y": [1 - (place.top + place.height) / self.height, 1 - place.top / self.height],
        }
        self._layout["scene"] = {"domain": domain, "xaxis": off, "yaxis": off, "zaxis": off}
        self._layout["scene"] |= {"aspectmode": "cube", "bgcolor": CLEAR, "dragmode": "orbit"}
        return "scene"

    def build(self, script: bool = True) -> Wire:
        """The widget, which brings plotly's `script` along or not."""
        self._layout |= {"xaxis": FRACTION, "yaxis": FRACTION}
        x, y, positions, sizes, text = zip(*self._words, strict=True) if self._words else [()] * 5
        self._said = self.trace(
            "scatter", "", mode="text", x=np.array(x), y=np.array(y), text=list(text),
            textposition=list(positions), textfont={"size": list(sizes)}, hoverinfo="skip",
        )  # fmt: skip
        look = {"template": theme.template(), "autosize": True, "height": self.height, "showlegend": False}
        look |= {"paper_bgcolor": CLEAR, "plot_bgcolor": CLEAR, "dragmode": False, "barmode": "overlay"}
        look |= {"margin": dict.fromkeys("lrtb", 0), "hovermode": "closest", "bargap": 0.2}
        self.widget = Wire(go.Figure(data=self._traces, layout=look | self._layout), script)
        return self.widget

    def _next(self) -> str:
        self._axes += 1
        return str(self._axes)

    def _pair(self, x: dict[str, Any], y: dict[str, Any]) -> str:
        number = self._next()
        for name, other, axis in (("x", "y", x), ("y", "x", y)):
            # Without "allow" plotly.js measures each label at each repaint, which takes half of the time.
            more = {"anchor": f"{other}{number}", "ticklabeloverflow": "allow"}
            self._layout[f"{name}axis{number}"] = axis | more
        return number
