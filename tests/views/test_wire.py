"""What a page is sent of the live figure when it is built, when it is opened later, and when that page asks."""

from typing import Any

import comm
import plotly.graph_objects as go
import pytest

from pdekit.views.dashboard.figure.wire import Wire, plotly_script


def test_plotly_is_with_what_is_built_and_else_for_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five megabytes among the states of all widgets come late: an error in JupyterLab (ipywidgets issue 4026)."""
    opened, sent, create = [], [], comm.create_comm
    monkeypatch.setattr(comm, "create_comm", lambda **told: opened.append(told) or create(**told))
    monkeypatch.setattr(Wire, "_send", lambda self, message, buffers=None: sent.append((message, buffers)))
    wire = Wire(go.Figure())
    (built,) = opened
    assert dict(zip(map(tuple, built["data"]["buffer_paths"]), built["buffers"], strict=True)) == {
        ("_script",): plotly_script()
    }
    assert "_script" not in wire.get_state()
    sent.clear()
    asked: dict[str, Any] = {"script": True}
    wire._handle_custom_msg(asked, [])
    assert sent == [({"method": "custom", "content": asked}, [plotly_script()])]
