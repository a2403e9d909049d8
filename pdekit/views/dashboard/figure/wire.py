"""The wire of the live figure: a FigureWidget that sends little, counts it, and shows late pages what is now."""

import json
import math
from typing import Any

import numpy as np
import plotly
import plotly.graph_objects as go
from plotly.basedatatypes import Undefined

from pdekit.views.dashboard.figure.script import late, quiet
from pdekit.views.dashboard.figure.sketch import sketched


class Wire(go.FigureWidget):
    """A figure whose numbers travel as float32 in binary frames; `sent` counts the bytes of its repaints.

    What is `put` into its traces is shown by the next `paint`; in between `sketch` may show fields and curves of it.
    Plotly's script goes along when it is built, unless `script` is False; a page that has none asks for it.
    """

    _built = False
    _opening = False
    sent = 0

    def __init__(self, figure: go.Figure, script: bool = True) -> None:
        super().__init__(figure)
        self._script = script
        self._known: dict[int, dict[str, Any]] = {}  # what was put last, by trace
        self._owed: dict[int, dict[str, Any]] = {}  # of that, what the next `paint` shows
        self._fresh: dict[int, dict[str, Any]] = {}  # and what is newer than the last `paint` or `sketch`
        self._config = {"responsive": True, "displayModeBar": False}
        self.on_msg(self._answer)
        self._built = True
        self.open()

    def open(self) -> None:
        """Tell the pages, in one message once all is there: one that comes later may miss the drawing."""
        if self._built:
            self._opening = True
            super().open()
            self._opening = False

    def put(self, index: int, attributes: dict[str, Any]) -> None:
        """Give trace number `index` these attributes; nested ones with an underscore, as plotly has them."""
        known = self._known.setdefault(index, {})
        new = {
            name: value
            for name, value in attributes.items()
            if name not in known or not np.array_equal(known[name], value)
        }
        for puts in (known, self._owed.setdefault(index, {}), self._fresh.setdefault(index, {})):
            puts.update(new)

    def paint(self) -> bool:
        """Show all that was put, in one message; False, and none is sent, where all is as it was."""
        owed, self._owed, self._fresh = self._owed, {}, {}
        before = self.sent
        with self.batch_update():
            for index, attributes in owed.items():
                for name, value in attributes.items():
                    self.data[index][name] = value
        return self.sent > before

    def sketch(self) -> bool:
        """Show the fields and curves that were put, in a message that costs the page little; the rest stays owed.

        False, and nothing is shown, where something changed that should not wait for `paint`.
        """
        made = sketched(self._fresh, self._known, self.data)
        if made is not None:
            self._fresh = {}
            self.send({"sketch": made[0]}, made[1])
        return made is not None

    @property
    def _esm(self) -> str:
        messages = [name for name in self.trait_names() if name.startswith("_py2js_")]
        return late(messages, plotly.__version__)

    def _answer(self, _: Any, asked: dict[str, Any], __: Any) -> None:
        if "script" in asked:
            self.send({"script": plotly_script()})

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        state = super().get_state(key, drop_defaults)
        if "_widget_data" in state:
            # Plotly keeps here what the figure was built with: repaints are messages, to the pages of their time.
            now = [trace.to_plotly_json() for trace in self.data] if self._built else self._widget_data
            state["_widget_data"] = self.trait_metadata("_widget_data", "to_json")(lines(now), self)
            if self._opening and self._script:
                # The pages that are there need not ask, which has to wait for the cell that runs. All of it as text: VS
                # Code passes on a message with binary parts as a list of its bytes, which takes it seconds for plotly.
                state |= {
                    "_script": plotly_script(),
                    "_widget_data": plain(now),
                    "_widget_layout": plain(self._layout),
                }
        return state

    def _send_update_msg(
        self, restyle_data: Any, relayout_data: Any, trace_indexes: Any = None, **more: Any
    ) -> None:
        # Plotly has one list for all traces, with holes where one keeps its value; these holes end up as values in
        # what its widget shows a page later. So there is the value kept.
        whole = {
            name: [
                _kept(self._data[index], name) if value is Undefined else value
                for index, value in zip(trace_indexes, values, strict=True)
            ]
            for name, values in restyle_data.items()
        }
        super()._send_update_msg(lines(whole), relayout_data, trace_indexes, **more)

    def _send(self, msg: dict[str, Any], buffers: Any = None) -> None:
        self.sent += len(json.dumps(msg)) + sum(memoryview(one).nbytes for one in buffers or ())
        super()._send(msg, buffers)


def plotly_script() -> str:
    """The script of plotly's widget, without its reports."""
    return quiet(str(go.FigureWidget._esm))


def _kept(trace: dict[str, Any], name: str) -> Any:
    """What the trace has by that name, nested ones with dots; None if nothing."""
    value: Any = trace
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def plain(value: Any) -> Any:
    """`value` as text can say it: lists, numbers as float32 has them, nothing where there is none."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def lines(value: Any) -> Any:
    """`value` with its float arrays as lines of float32: plotly sends such a line in binary, all else as text."""
    if isinstance(value, dict):
        return {key: lines(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [lines(one) for one in value]
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return [lines(row) for row in value] if value.ndim > 1 else np.ascontiguousarray(value, np.float32)
    return value
