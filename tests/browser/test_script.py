"""The script of the live figure in a page, without Jupyter: what comes before plotly is there."""

import plotly.graph_objects as go
import pytest
from playwright.sync_api import Page

from pdekit.views.dashboard.figure.wire import Wire

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

# A model as anywidget has it. What is sent right after the start comes before plotly, which sets PlotlyConfig.
PLAY = """async ([script, state, sent]) => {
    const ears = {}, model = {
        get: name => state[name],
        set: (name, value) => {
            const changed = state[name] !== value;
            state[name] = value;
            if (changed) [...(ears[`change:${name}`] ?? [])].forEach(call => call());
        },
        on: (event, call) => { (ears[event] ??= []).push(call); },
        off: (event, call) => { ears[event] = (ears[event] ?? []).filter(one => one !== call); },
        save_changes: () => {},
    };
    const send = message => { model.set("_py2js_update", message); model.set("_py2js_update", null); };
    const url = URL.createObjectURL(new Blob([script], {type: "text/javascript"}));
    const widget = await (await import(url)).default();
    await widget.initialize({model});
    const early = window.PlotlyConfig === undefined;
    sent.slice(0, 2).forEach(send);
    const el = document.body.appendChild(document.createElement("div"));
    await widget.render({model, el});
    const shown = [[...el.data[0].text], [...el.data[1].text]];
    send(sent[2]);
    return [early, ...shown, [...el.data[1].text]];
}"""


def message(index: int, word: str) -> dict:
    return {"style_data": {"text": [[word]]}, "layout_data": {}, "style_traces": [index]}


def test_messages_before_plotly_is_there_are_not_lost(page: Page) -> None:
    """anywidget drops them after two seconds: so it must not wait for plotly, and what comes meanwhile is kept."""
    trace = {"type": "scatter", "x": [0], "y": [0], "text": ["built"]}
    widget = Wire(go.Figure(data=[trace, trace]))
    state = {
        name: value for name, value in widget.get_state().items() if name.startswith(("_widget", "_py", "_c"))
    }
    sent = [message(0, "first"), message(1, "second"), message(1, "third")]
    early, *shown = page.evaluate(PLAY, [widget._esm, state, sent])
    assert early, "anywidget would wait for the whole of plotly"
    assert shown == [["first"], ["second"], ["third"]]
