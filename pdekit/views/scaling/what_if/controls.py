"""The sliders and lists of the what-if."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets

from pdekit.views.scaling.what_if.settings import BANDWIDTHS, LATENCIES, MOST, TOPOLOGIES, Settings

STEP = 0.02  # of a slider, in decades
POWERS = [2**k for k in range(MOST.bit_length())]
MICRO, GIGABIT = 1e-6, 1e9 / 8  # what a slider shows is so much in SI units


class Controls:
    """`box` is the widget; `call(name, value)` follows each change that somebody makes, and none that `show` makes."""

    def __init__(
        self, machines: list[str], optimizers: Mapping[str, str], call: Callable[[str, Any], None]
    ) -> None:
        self._call, self._showing = call, False
        own = {"": "as the machine has it"} | TOPOLOGIES
        self.widgets: dict[str, Any] = {
            "machine": widgets.Dropdown(options=machines, description="machine"),
            "latency": _log_slider("latency, µs", LATENCIES, MICRO),
            "bandwidth": _log_slider("bandwidth, Gb/s", BANDWIDTHS, GIGABIT),
            "topology": widgets.Dropdown(options=_options(own), description="cabling"),
            "ranks": widgets.SelectionSlider(options=POWERS, description="ranks"),
            "batch": widgets.SelectionSlider(options=POWERS, description="global batch"),
            "optimizer": widgets.Dropdown(options=_options(optimizers), description="optimizer"),
        }
        self._spans = {"latency": (MICRO, LATENCIES), "bandwidth": (GIGABIT, BANDWIDTHS)}
        self._shown = Settings()
        for name, widget in self.widgets.items():
            widget.style = {"description_width": "108px"}
            widget.layout = {"width": "100%"}
            widget.observe(lambda change, name=name: self._moved(name, change["new"]), "value")
        self.words = widgets.HTML()
        children = [*self.widgets.values(), self.words]
        self.box = widgets.VBox(children, layout={"width": "330px", "flex": "0 0 auto", "padding": "8px"})

    def show(self, settings: Settings) -> None:
        """Stand at these."""
        self._shown = settings
        with self._quiet():
            for name, widget in self.widgets.items():
                value = getattr(settings, name)
                if name in ("ranks", "batch", "topology") and value not in dict(_pairs(widget.options)):
                    widget.options = _with(widget.options, value)
                widget.value = value / self._spans[name][0] if name in self._spans else value

    def _moved(self, name: str, value: Any) -> None:
        if self._showing:
            return
        if name in self._spans:
            unit, (low, high) = self._spans[name]
            value = min(max(value * unit, low), high)
            if abs(math.log10(value / getattr(self._shown, name))) <= 0.51 * STEP:
                return  # nobody moved it: a browser rounds what it is given
        self._call(name, value)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        self._showing = True
        try:
            yield
        finally:
            self._showing = False


def _log_slider(words: str, span: tuple[float, float], unit: float) -> widgets.FloatLogSlider:
    low, high = (math.log10(end / unit) for end in span)
    return widgets.FloatLogSlider(
        10 ** ((low + high) / 2),
        description=words,
        min=low,
        max=high,
        step=STEP,
        readout_format=".3g",
        continuous_update=True,
    )


def _options(words: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(text, name) for name, text in words.items()]


def _pairs(options: Any) -> list[tuple[Any, Any]]:
    """(value, label) of each."""
    return [(one[1], one[0]) if isinstance(one, tuple) else (one, one) for one in options]


def _with(options: Any, value: Any) -> list[Any]:
    """One more of the kind, in order where they are numbers."""
    if isinstance(value, str):
        return [*options, (value, value)]
    return sorted([*options, value])
