"""The row above the figure: what the curves are drawn against, and the time of problems in space and time."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from pdekit.views.dashboard.figure.course import WORDS, By

TICKS = 100  # places of the slider


class Bar:
    """`box` holds the choice, and `time` (None without an `end` of the axis `name`) slider and play."""

    def __init__(self, name: str, end: float | None) -> None:
        self._end = end
        self._choice = widgets.ToggleButtons(
            options=list(WORDS), value="steps", tooltips=list(WORDS.values()),
            style={"button_width": "76px"}, layout={"width": "auto", "margin": "0"},
        )  # fmt: skip
        self.time: widgets.HBox | None = None
        if end is not None:
            self._slider = widgets.IntSlider(
                TICKS // 2, 0, TICKS, description=name, readout=False, style={"description_width": "14px"},
                layout={"width": "220px"}, tooltip="The time of the slice",
            )  # fmt: skip
            play = widgets.Play(
                value=TICKS // 2, min=0, max=TICKS, step=2, interval=200, show_repeat=False, tooltip="Play"
            )
            self._link = widgets.jslink((play, "value"), (self._slider, "value"))
            self.time = widgets.HBox([play, self._slider], layout={"margin": "0 0 0 auto"})
        self._drop = widgets.Button(
            description="Drop kept", icon="times", tooltip="Forget the curves that Compare has kept",
            layout={"width": "104px", "margin": "0 8px", "display": "none"},
        )  # fmt: skip
        children = [widgets.Label("Curves by"), self._choice, self._drop, *([self.time] if self.time else [])]
        self.box = widgets.HBox(children, layout={"margin": "0 8px", "align_items": "center"})

    def on_by(self, call: Callable[[By], None]) -> None:
        """Have `call(by)` called for another choice."""
        self._choice.observe(lambda change: call(change["new"]), "value")

    def show_by(self, by: By) -> None:
        """Choose `by`."""
        self._choice.value = by

    def on_drop(self, call: Callable[[], None]) -> None:
        """Have `call()` called where the kept curves are to go."""
        self._drop.on_click(lambda _: call())

    def show_kept(self, count: int) -> None:
        """Offer to drop so many kept runs."""
        self._drop.layout.display = None if count else "none"

    def on_time(self, call: Callable[[float], None]) -> None:
        """Have `call(time)` called where the slider moves."""
        if self.time is not None:
            self._slider.observe(lambda change: call(self._when(change)), "value")

    def show_time(self, when: float) -> None:
        """Move the slider to `when`."""
        self._slider.value = round(when / self._end * TICKS)

    def _when(self, change: Any) -> float:
        return change["new"] / TICKS * self._end
