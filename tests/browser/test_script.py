"""The script of the live figure in a page, without Jupyter: what comes before plotly is there, and sketches."""

import re
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from playwright.sync_api import Page

from pdekit.views.dashboard.figure.sketch import sketched
from pdekit.views.dashboard.figure.wire import Wire, plotly_script

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

# A widget with a model as anywidget has it, and an element to show it in.
MAKE = """
    if (way === "told") state._script = plotly;
    const ears = {}, model = {
        get: name => state[name],
        set: (name, value) => {
            const changed = state[name] !== value;
            state[name] = value;
            if (changed) tell(`change:${name}`);
        },
        on: (event, call) => { (ears[event] ??= []).push(call); },
        off: (event, call) => { ears[event] = (ears[event] ?? []).filter(one => one !== call); },
        save_changes: () => {},
        send: () => { if (way === "asks") setTimeout(() => tell("msg:custom", {script: plotly}, [])); },
    };
    const tell = (event, ...words) => [...(ears[event] ?? [])].forEach(call => call(...words));
    const send = message => { model.set("_py2js_update", message); model.set("_py2js_update", null); };
    const url = URL.createObjectURL(new Blob([script], {type: "text/javascript"}));
    const widget = await (await import(url)).default();
    await widget.initialize({model});
    const el = document.body.appendChild(document.createElement("div"));
"""
# What is sent right after the start comes before plotly, which sets PlotlyConfig.
PLAY = f"""async ([script, plotly, state, way, sent]) => {{ {MAKE}
    const early = window.PlotlyConfig === undefined;
    sent.slice(0, 2).forEach(send);
    await widget.render({{model, el}});
    const shown = [[...el.data[0].text], [...el.data[1].text]];
    send(sent[2]);
    return [early, ...shown, [...el.data[1].text]];
}}"""
# A figure whose kernel is gone, which asks for ever.
ALONE = f"""async ([script, plotly, state, way]) => {{ {MAKE} }}"""
# The curve's path and the field's pixels: as built, after a sketch, after a repaint by plotly, after the sketch again.
SKETCH = f"""async ([script, plotly, state, way, parts, values, message]) => {{ {MAKE}
    const look = async () => {{
        await new Promise(resolve => setTimeout(resolve, 200));
        const picture = new Image();
        picture.src = el.querySelector(".hm image").href.baseVal;
        await picture.decode();
        const canvas = document.createElement("canvas"), {{naturalWidth: width, naturalHeight: height}} = picture;
        Object.assign(canvas, {{width, height}});
        const context = canvas.getContext("2d");
        context.drawImage(picture, 0, 0);
        const path = [...el.querySelectorAll(".js-line")].map(one => one.getAttribute("d")).join("");
        return [path, [height, width], [...context.getImageData(0, 0, width, height).data]];
    }};
    const quickly = () => tell("msg:custom", {{sketch: parts}}, buffers);
    const done = await widget.render({{model, el}}), built = await look();
    // As they come: behind each other in one message, and not where a float would begin.
    const buffers = values.map(one => {{
        const bytes = new Uint8Array(4 * one.length + 1);
        bytes.set(new Uint8Array(new Float32Array(one.map(v => v ?? NaN)).buffer), 1);
        return new DataView(bytes.buffer, 1);
    }});
    quickly();
    const quick = await look(), data = [...el._fullData[1].y];
    send(message);
    const whole = await look();
    quickly();
    const again = await look();
    done();
    tell("msg:custom", {{sketch: parts}}, []);  // nobody listens any more
    return [built, quick, whole, again, data];
}}"""


def message(index: int, word: str) -> dict:
    return {"style_data": {"text": [[word]]}, "layout_data": {}, "style_traces": [index]}


def given(widget: Wire) -> tuple[str, str, dict[str, Any]]:
    """The script, plotly's, and the state that a page gets."""
    state = widget.get_state()
    given = {name: state[name] for name in state if name.startswith(("_widget", "_py", "_c"))}
    return widget._esm, plotly_script(), given


@pytest.mark.parametrize("way", ["told", "asks"])
def test_messages_before_plotly_is_there_are_not_lost(page: Page, way: str) -> None:
    """anywidget drops them after two seconds: so it must not wait for plotly, and what comes meanwhile is kept."""
    trace = {"type": "scatter", "x": [0], "y": [0], "text": ["built"]}
    what = given(Wire(go.Figure(data=[trace, trace])))
    sent = [message(0, "first"), message(1, "second"), message(1, "third")]
    early, *shown = page.evaluate(PLAY, [*what, way, sent])
    assert early, "anywidget would wait for the whole of plotly"
    assert shown == [["first"], ["second"], ["third"]]


def test_a_figure_does_not_wait_for_what_another_asked(page: Page) -> None:
    """A kernel that was restarted answers no more; the page and what it keeps for all figures is the same."""
    trace = {"type": "scatter", "x": [0], "y": [0], "text": ["built"]}
    what = given(Wire(go.Figure(data=[trace, trace])))
    page.evaluate(ALONE, [*what, "asks in vain"])
    sent = [message(0, "first"), message(1, "second"), message(1, "third")]
    assert page.evaluate(PLAY, [*what, "told", sent])[1:] == [["first"], ["second"], ["third"]]


def test_a_sketch_is_drawn_as_plotly_draws_it(page: Page) -> None:
    """Plotly is the oracle: the same numbers in a whole repaint. Its own data are as they were until then."""
    before, after = np.zeros((5, 7)), np.linspace(-1.2, 1.5, 35).reshape(5, 7)
    after[2, 3] = np.nan
    line = {"x": np.arange(6.0), "y": np.array([10, 8, 5, 2, 1, 1.0])}
    there = {"x": np.arange(7.0), "y": np.array([10, 6, 4, np.nan, 2, 7, 1.0])}
    field = {"type": "heatmap", "z": before, "zmin": -1, "zmax": 1, "zsmooth": "fast", "colorscale": "RdBu"}
    layout = {"xaxis2": {"range": [0, 9], "anchor": "y2"}, "yaxis2": {"type": "log", "anchor": "x2"}}
    layout |= {"xaxis": {"domain": [0, 0.4]}, "width": 700, "height": 300}
    layout["xaxis2"]["domain"], layout["yaxis2"]["range"] = [0.5, 1], [-0.1, 1.2]
    curve = {"type": "scatter", "mode": "lines", "xaxis": "x2", "yaxis": "y2", **line}
    figure = go.Figure(data=[field, curve], layout=layout)
    puts = {0: {"z": after}, 1: there}
    parts, values = sketched(puts, puts, figure.data)
    assert parts == [[0, 5, 7], [1, 2, 7]]
    plain = [[None if np.isnan(v) else float(v) for v in one.ravel()] for one in values]
    rows, xs, ys = [plain[0][k : k + 7] for k in range(0, 35, 7)], plain[1][:7], plain[1][7:]
    # Plotly's message names both traces for each attribute.
    style = {"z": [rows, None], "x": [None, xs], "y": [None, ys]}
    whole = {"style_data": style, "layout_data": {}, "style_traces": [0, 1]}
    lists = go.Figure(figure.to_dict())
    for trace in lists.data:
        for name in ("x", "y", "z"):
            if name in trace and trace[name] is not None:
                trace[name] = np.asarray(trace[name]).tolist()
    built, quick, painted, again, data = page.evaluate(
        SKETCH, [*given(Wire(lists)), "asks", parts, plain, whole]
    )
    assert data == list(line["y"])
    assert quick[1] == painted[1] == [5, 7]
    assert np.abs(np.array(quick[2]) - painted[2]).max() <= 3, "levels of 256 in a colour"
    assert np.abs(np.array(built[2]) - quick[2]).max() > 50
    drawn, wanted = (np.array([float(n) for n in re.findall(r"[\d.]+", one[0])]) for one in (quick, painted))
    np.testing.assert_allclose(drawn, wanted, atol=0.02)
    assert quick[0].count("M") == 2 and built[0] != quick[0]
    assert again == quick, "something of the whole repaint was left"
