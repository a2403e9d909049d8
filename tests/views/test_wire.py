"""What a page is sent of the live figure when it is built, when it is opened later, and when that page asks."""

import json
from typing import Any

import comm
import numpy as np
import plotly.graph_objects as go
import pytest

from pdekit.views.dashboard.figure.wire import Wire, plain, plotly_script


def test_plotly_is_with_what_is_built_and_else_for_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five megabytes among the states of all widgets come late: an error in JupyterLab (ipywidgets issue 4026)."""
    opened, sent, create = [], [], comm.create_comm
    monkeypatch.setattr(comm, "create_comm", lambda **told: opened.append(told) or create(**told))
    monkeypatch.setattr(Wire, "_send", lambda self, message, buffers=None: sent.append((message, buffers)))
    wire = Wire(go.Figure())
    (built,) = opened
    assert built["data"]["state"]["_script"] == plotly_script() and not built["buffers"]
    assert "_script" not in wire.get_state()
    Wire(go.Figure(), script=False)
    assert "_script" not in opened[1]["data"]["state"]
    sent.clear()
    asked: dict[str, Any] = {"script": True}
    wire._handle_custom_msg(asked, [])
    assert sent == [({"method": "custom", "content": {"script": plotly_script()}}, None)]


def test_a_figure_is_built_as_text_with_the_numbers_that_it_has() -> None:
    """VS Code passes on a message with binary parts byte by byte. Fails if fields travel so with plotly."""
    field = np.array([[1.0, np.nan], [np.inf, 1 / 3]])
    wire = Wire(
        go.Figure(go.Heatmap(z=field, x=np.arange(2)), layout={"xaxis": {"tickvals": np.array([0.5])}})
    )
    assert plain(wire.data[0].z) == [[1.0, None], [None, 0.3333333]]
    assert plain({"a": (np.int64(3), np.float32(0.1), "x", None, True)}) == {"a": [3, 0.1, "x", None, True]}
    wire._opening = True
    state = wire.get_state()
    assert state["_widget_data"][0]["z"] == [[1.0, None], [None, 0.3333333]]
    assert state["_widget_layout"]["xaxis"]["tickvals"] == [0.5]
    assert json.dumps(state, allow_nan=False)
