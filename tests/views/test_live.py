"""The live figure without a browser: what each method paints, and what goes over the wire."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

import pdekit as pk
from pdekit.views.dashboard.figure import repaint
from pdekit.views.dashboard.figure.home import Home
from pdekit.views.dashboard.figure.live import LiveFigure
from pdekit.views.dashboard.figure.maps import BLANK, PIXELS
from pdekit.views.dashboard.figure.progress import POINTS
from pdekit.views.dashboard.figure.script import quiet
from pdekit.views.dashboard.figure.seldom import Seldom
from pdekit.views.dashboard.figure.sketch import sketched
from pdekit.views.dashboard.figure.thin import FINE, round_up
from pdekit.views.dashboard.figure.wire import lines, plotly_script
from pdekit.views.dashboard.held_out import HeldOut, figure_of

ROWS = np.arange(8.0)[:, None] + np.zeros(8)  # u = 7 y on 8 x 8 nodes


def history(steps: int, ranks: int = 2, slow: float = 1.0, loss: float = 1.0) -> pk.History:
    """Half a second and 8 samples a step; the last rank computes `slow` times as long, and keeps the others waiting."""
    made = pk.History(size=ranks)
    compute = np.ones(ranks)
    compute[-1] = slow
    for number in range(1, steps + 1):
        step = pk.Step(number, loss / number, number / 2, 16, 1e-3, 1 / number, 0.1, 1, samples=8)
        made.extend([step], np.stack([compute, 0.1 + slow - compute, np.full(ranks, 2e6)], axis=1)[None])
    return made


def said(figure: LiveFigure) -> str:
    """All words that may change."""
    return " | ".join(figure.widget.data[-1].text)


def xs(figure: LiveFigure, index: int) -> list[float]:
    return [float(x) for x in figure.widget.data[index].x]


def test_the_slice_is_the_row_of_the_fields_under_the_line() -> None:
    figure = LiveFigure(log=False)
    figure.show_sample(ROWS, ROWS)
    figure.show_slice(2 / 7)
    reference, prediction = _slices(figure)
    np.testing.assert_allclose(reference.y, 2)
    assert len(prediction.y) == 0
    figure.show_prediction(2 * ROWS, ROWS)
    np.testing.assert_allclose(prediction.y, 4)
    figure.show_slice(9.0)  # as far as it goes
    np.testing.assert_allclose(reference.y, 7)
    figure.clear()
    assert len(prediction.y) == 0 and len(reference.y) == 8


def _slices(figure: LiveFigure) -> tuple[Any, Any]:
    return figure._slice._reference.trace, figure._slice._prediction.trace


def test_curves_by_steps_seconds_and_samples() -> None:
    figure = LiveFigure(log_loss=True)
    figure.show_loss(history(6), window=1)
    figure.show_errors([2, 4], [0.5, 0.25])
    assert xs(figure, 4) == [1, 2, 3, 4, 5, 6] and xs(figure, 6) == [2, 4]
    figure.show_by("seconds")
    assert xs(figure, 5) == [0.5, 1, 1.5, 2, 2.5, 3] and xs(figure, 6) == [1, 2]
    assert figure.by == "seconds" and "seconds of training" in said(figure)
    figure.bar._choice.value = "samples"  # what a click does
    assert xs(figure, 5) == [8, 16, 24, 32, 40, 48] and xs(figure, 6) == [16, 32]
    np.testing.assert_allclose(figure.widget.data[8].y, 1 / np.arange(1, 7), rtol=1e-6)  # the gradient
    with pytest.raises(ValueError, match="by: expected"):
        figure.show_by("hours")


def test_a_history_that_grows_is_read_on_and_another_anew() -> None:
    figure, one = LiveFigure(), history(3)
    figure.show_loss(one, window=1)
    one.extend(history(5).steps[3:], np.ones((2, 2, 3)))
    figure.show_loss(one, window=1)
    assert xs(figure, 5) == [1, 2, 3, 4, 5]
    figure.show_loss(history(4, loss=7.0), window=1)
    np.testing.assert_allclose(figure.widget.data[5].y, 7 / np.arange(1, 5), rtol=1e-6)


def test_a_loss_below_zero_on_a_log_axis_is_shown_above_its_lowest_and_the_title_says_so() -> None:
    figure = LiveFigure(loss="loss", log_loss=True)
    figure.show_loss(history(4, loss=-1.0), window=1)
    np.testing.assert_allclose(figure.widget.data[5].y, 1 - 1 / np.arange(1, 5), atol=1e-6)
    assert "loss, above its lowest, -1" in said(figure)
    figure.show_loss(history(4), window=1)
    assert "above its lowest" not in said(figure)


@pytest.mark.parametrize(
    ("problem", "objective", "kind"),
    [(pk.Poisson(16), "log", None), (pk.Poisson(16), "mean", "log"), (pk.Burgers(16), None, "log")],
)
def test_the_loss_axis_is_logarithmic_where_losses_are_positive(problem, objective, kind) -> None:
    figure = figure_of(problem, objective)
    axis = figure.widget.data[5].yaxis.replace("y", "yaxis")
    assert figure.widget.layout[axis].type == kind


def test_the_words_of_a_kept_run_have_room_and_say_its_error() -> None:
    """Fails if a few runs are cut off as many are, or if the error is another sample's, or cut off itself."""
    figure = LiveFigure()
    long = "coarse-to-fine, steps 300"
    for number in range(1, 4):
        figure.show_loss(history(5), window=1)
        figure.show_errors([3, 5], [0.5, 0.123])
        figure.keep(str(number))
        figure.rename([f"{k}: {long}" for k in range(1, number + 1)], "single, steps 200")
        name = "1: coarse-to-fine, steps 300" if number < 3 else "1: coarse-t…"
        assert f"{name} · 12.3 %" in said(figure) and "this run single" in said(figure)
    figure.mark_sample(3)
    assert "%" not in said(figure).partition("loss")[0]


def test_no_text_is_ever_empty_or_plotly_would_give_up_its_place() -> None:
    figure = LiveFigure()

    def texts() -> list[str]:
        given = [trace.text for trace in figure.widget.data if isinstance(trace.text, list | tuple)]
        return [text for some in given for text in some]

    one, finer = history(3), history(6)
    for step in finer.steps[3:]:
        one.extend([replace(step, resolution=32)], np.ones((1, 2, 3)))
    for show in (
        lambda: figure.show_loss(history(3), window=1),
        lambda: figure.show_loss(one, window=1),
        lambda: figure.show_ranks(one, [1e8, 1e8]),
        lambda: figure.show_classical(0.5, "classical solver"),
        lambda: figure.show_by("seconds"),
        figure.clear,
    ):
        assert texts() and all(texts())
        show()
    assert all(texts())


def test_runs_are_kept_and_dropped() -> None:
    figure = LiveFigure()
    with pytest.raises(ValueError, match="keep: expected a run"):
        figure.keep("none")
    for number in range(7):
        figure.show_loss(history(number + 2), window=1)
        figure.keep(f"run {number}")
    assert figure.kept == [f"run {number}" for number in range(2, 7)]  # five of them
    figure.clear()
    seen = [t for t in figure.widget.data if t.type == "scatter" and t.visible and len(t.x)]
    kept = [trace for trace in seen if trace.line.width == 1.4 and trace.yaxis == figure.widget.data[5].yaxis]
    # the look of the one that went is the new one's: those of the others stay
    assert [len(trace.x) for trace in kept] == [7, 8, 4, 5, 6]
    assert len({(trace.line.color, trace.line.dash) for trace in kept}) == 5
    assert "run 6" in said(figure) and "run 1" not in said(figure)
    figure.drop_kept()
    assert figure.kept == [] and not any(trace.visible for trace in kept) and "run" not in said(figure)


def test_errors_of_another_sample_are_not_compared() -> None:
    figure = LiveFigure()
    figure.show_loss(history(9), window=1)
    figure.show_errors([2, 9], [0.5, 0.25])
    figure.keep("one")

    def errors() -> list[float]:
        axis = figure.widget.data[6].yaxis
        (kept,) = (
            t
            for t in figure.widget.data
            if t.type == "scatter" and t.line.width == 1.4 and t.visible and t.yaxis == axis
        )
        return list(kept.y)

    assert errors() == [50, 25]
    figure.mark_sample(3)
    assert errors() == []
    figure.mark_sample(0)
    assert errors() == [50, 25]


def test_the_classical_solver_is_a_line_in_the_view_by_seconds_only() -> None:
    figure = LiveFigure()
    figure.show_classical(0.25, "pyamg")
    lines = [trace for trace in figure.widget.data if trace.type == "scatter" and trace.mode == "lines+text"]
    lines = [trace for trace in lines if trace.line.dash == "dash"]
    assert all(len(trace.x) == 0 for trace in lines)
    figure.show_by("seconds")
    assert all(list(trace.x[:2]) == [0.25, 0.25] for trace in lines) and "pyamg" in lines[0].text


def test_ranks_their_balance_shares_bytes_and_memory() -> None:
    figure = LiveFigure()
    figure.show_ranks(history(30, slow=3.0), [312_000_000, 1_500_000_000])
    compute, waiting, messages = (trace for trace in figure.widget.data if trace.type == "bar")
    assert len(compute.x) == 20 * 2
    np.testing.assert_allclose(compute.x[:2], [1, 3])
    np.testing.assert_allclose(waiting.x[:2], [2, 0], atol=1e-6)
    np.testing.assert_allclose(np.array(compute.base[:4], float), [0, 0, 3.1, 3.1], atol=1e-6)
    np.testing.assert_allclose(np.array(messages.base[:2], float), [3, 3], atol=1e-6)
    words = next(t for t in figure.widget.data if t.type == "scatter" and "32% ·" in str(t.text))
    assert "2 MB a step · 312 MB" in words.text[0] and "97% · 2 MB" in words.text[1]
    assert "rank 1: 3.0 × as long as rank 0" in said(figure) and "compute 65%" in said(figure)
    figure.show_ranks(history(5))
    assert "evenly loaded" in said(figure) and len(compute.x) == 10
    figure.show_ranks(history(5, ranks=1))
    assert "nobody to wait for" in said(figure)
    figure.show_ranks(history(1, ranks=12))
    assert len(compute.x) == 8


def test_a_sample_is_chosen_by_a_click() -> None:
    figure, numbers = figure_of(pk.Poisson(16)), []
    figure.on_sample(numbers.append)
    strip = next(k for k, t in enumerate(figure.widget.data) if "Click" in (t.hovertemplate or ""))
    points = {"trace_indexes": [strip], "point_indexes": [[3, 285]], "xs": [285], "ys": [3]}
    event = {"event_type": "plotly_click", "points": points, "device_state": {}, "selector": None}
    event["device_state"] = dict.fromkeys(("alt", "ctrl", "meta", "shift", "button", "buttons"), 0)
    figure.widget.set_state({"_js2py_pointsCallback": event})
    figure.choose(15)
    assert numbers == [13, 15]
    assert min(figure._strip._frame.trace.x) == 15 * 22 - 1
    hover = event | {"event_type": "plotly_hover", "points": points | {"trace_indexes": [1], "ys": [0.75]}}
    figure.widget.set_state({"_js2py_pointsCallback": hover})
    assert figure._slice.at == 0.75


def test_space_and_time_have_a_slider_that_moves_the_slice() -> None:
    problem = pk.Burgers(17)
    figure = figure_of(problem)
    held_out = HeldOut(problem, figure)
    held_out.show(held_out.indices[0], 17)
    figure.bar._slider.value = 75
    reference, _ = _slices(figure)
    np.testing.assert_allclose(reference.y, problem.reference(held_out.indices[0])[12], atol=1e-6)
    assert f"t = {0.75 * problem.final:.3g}" in said(figure)
    assert figure_of(pk.Poisson(16)).time is None


def test_a_cube_has_planes_and_a_surface_in_place_of_a_slice() -> None:
    problem = pk.Poisson(9, dim=3)
    figure = figure_of(problem)
    held_out = HeldOut(problem, figure)
    held_out.show(held_out.indices[0], 9)
    u = problem.reference(held_out.indices[0])
    cube = np.random.default_rng(0).uniform(size=(9, 9, 9))
    held_out.paint(cube, 1)
    surface = next(trace for trace in figure.widget.data if trace.type == "isosurface")
    assert len(surface.value) <= 24**3 and surface.isomin == pytest.approx((u.min() + u.max()) / 2)
    assert max(surface.value) == pytest.approx(cube.max(), rel=1e-6)
    planes, _ = (pen.trace for pen in figure._solid._planes)
    np.testing.assert_allclose(np.asarray(planes.z)[16, [0, 16]], cube[4, 4, [0, 4]], rtol=1e-6)  # z = 1/2
    with pytest.raises(ValueError, match="show_slice: expected"):
        figure.show_slice(0.5)
    with pytest.raises(ValueError, match="show_cube: expected"):
        LiveFigure().show_cube(u, u)


def test_a_repaint_is_small_and_one_without_changes_sends_nothing() -> None:
    """At four a second this is below 250 kB/s."""
    problem, one = pk.Poisson(96), history(2000)
    figure = figure_of(problem)
    held_out = HeldOut(problem, figure)
    held_out.show(held_out.indices[0], 96)
    u = problem.reference(held_out.indices[0])

    def repaint(factor: float) -> int:
        before = figure.sent
        with figure.painting():
            held_out.paint(factor * u, 2000)
            figure.show_loss(one, window=64)
            figure.show_ranks(one, [10**8] * 2)
        return figure.sent - before

    repaint(1.5)
    assert 2 * 4 * PIXELS**2 < repaint(1.4) < 62_500
    assert repaint(1.4) == 0
    assert len(figure.widget.data[5].x) <= POINTS and figure.widget.data[5].x[-1] == 2000


def test_between_whole_repaints_there_are_sketches_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fields and curves at once; words, axes and ranks within the period; colours never later than the field."""
    monkeypatch.setattr(repaint, "PERIOD", 0.4)

    async def story() -> None:
        figure, sent = LiveFigure(log=False), []
        send = figure.widget._send

        def told(message: Any, buffers: Any = None) -> None:
            sent.append((message, buffers))
            send(message, buffers)

        monkeypatch.setattr(figure.widget, "_send", told)
        wholes: list[int] = []
        figure.repaint.on_whole(lambda: wholes.append(len(sent)))
        figure.show_sample(ROWS, ROWS)
        figure.show_prediction(ROWS + 0.4, ROWS)
        sent.clear(), wholes.clear()

        def train(steps: int, error: float) -> None:
            with figure.painting(quick=True):
                figure.show_prediction(ROWS + error, ROWS)
                figure.show_loss(history(steps), window=1)
                figure.show_ranks(history(steps))

        train(2, 0.35)  # the first points of a curve do not wait
        assert len(wholes) == 1 and xs(figure, 5) == [1, 2]
        sent.clear(), wholes.clear()
        train(3, 0.3)
        train(4, 0.2001)
        kinds = [message["method"] for message, _ in sent]
        assert kinds == ["custom", "custom"] and not wholes
        parts, buffers = sent[-1][0]["content"]["sketch"], sent[-1][1]
        fields = {index: values for (index, *_), values in zip(parts, buffers, strict=True)}
        np.testing.assert_allclose(fields[1], ROWS + 0.2001, rtol=1e-6)
        np.testing.assert_allclose(fields[5], [[1, 2, 3, 4], 1 / np.arange(1, 5)], rtol=1e-6)
        assert set(fields) >= {1, 3, 5} and 4 not in fields, "points wait"
        assert xs(figure, 5) == [1, 2] and "the last 2 steps" in said(figure)
        await asyncio.sleep(0.6)  # nothing else comes
        assert len(wholes) == 1 and xs(figure, 4) == xs(figure, 5) == [1, 2, 3, 4]
        assert "the last 4 steps" in said(figure)
        sent.clear()
        train(5, 0.7)  # the error's colours go to 1 now, where they went to 0.5
        assert len(wholes) == 2 and figure.widget.data[3].zmax == 1 and xs(figure, 5)[-1] == 5
        figure.repaint.rest(60.0)
        train(6, 0.7)
        figure.show_by("samples")  # asked for by the user: whole, and at once
        assert len(wholes) == 3 and xs(figure, 5)[-1] == 48
        figure.show_by("samples")
        assert len(wholes) == 3, "nothing has changed"

    asyncio.run(story())


def test_what_cannot_be_sketched() -> None:
    field = go.Heatmap(z=np.zeros((2, 3)), zmin=-1, zmax=1)
    curve, points = go.Scatter(mode="lines", x=np.arange(3.0), y=np.zeros(3)), go.Scatter(mode="markers")
    traces = (field, curve, points)
    new, up = np.ones((2, 3)), {1: {"x": np.arange(4.0), "y": np.ones(4)}}
    puts = {0: {"z": new, "zmax": 1}, 2: {"x": new[0]}, 1: {"text": ["a"]}}
    assert sketched(puts, puts, traces)[0] == [[0, 2, 3]]
    fresh = {1: {"y": up[1]["y"]}}  # to an x that plotly does not show yet
    assert sketched(fresh, up, traces)[1][0].tolist() == [[0, 1, 2, 3], [1, 1, 1, 1]]
    for put in ({"z": new, "zmax": 2}, {"z": np.ones((3, 3))}, {"z": BLANK}, {"dx": 2.0}):
        assert sketched({0: put}, {0: put}, traces) is None


@pytest.mark.parametrize(
    ("value", "end"), [(1, 1), (1.2, 1.5), (79, 80), (81, 100), (100, 100), (0.013, 0.015)]
)
def test_an_axis_has_room_to_grow(value: float, end: float) -> None:
    assert round_up(value, FINE) == pytest.approx(end)
    assert value <= round_up(value, FINE) < 1.51 * value


def test_what_a_message_leaves_out_stays_on_pages_opened_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plotly fills holes in its message with a word that its widget then takes for a value."""
    figure, messages = LiveFigure(log=False), []
    monkeypatch.setattr(figure.widget, "_send", lambda message, buffers=None: messages.append(str(message)))
    figure.show_sample(ROWS, ROWS)
    figure.show_slice(0.25)
    assert any("_py2js_update" in message for message in messages)
    assert not any("_undefined_" in message for message in messages)


def test_floats_travel_as_lines_of_float32() -> None:
    made = lines({"z": np.eye(2), "x": [np.arange(3.0), "text"], "n": np.arange(2)})
    assert [row.dtype for row in made["z"]] == [np.float32] * 2 and made["x"][0].dtype == np.float32
    assert made["x"][1] == "text" and made["n"].dtype.kind == "i"


def test_plotlys_widget_is_kept_from_reporting() -> None:
    """Fails where plotly names its view otherwise: then it reports, which costs bytes and no more."""
    script = quiet(str(go.FigureWidget._esm))
    assert script.rstrip().endswith(".prototype[name] = () => {};")
    assert plotly_script() == script
    assert quiet("export{a as b}") == "export{a as b}"


def test_the_last_of_what_comes_too_often_is_done() -> None:
    async def play() -> list[int]:
        done: list[int] = []
        seldom = Seldom(0.05)
        for number in range(5):
            seldom.do(lambda number=number: done.append(number))
        assert done == [0]
        await asyncio.sleep(0.2)
        return done

    assert asyncio.run(play()) == [0, 4]


def test_what_another_thread_asks_for_is_done_in_the_cells_thread() -> None:
    async def play() -> set[int]:
        home, done = Home(), []
        one = threading.Thread(target=lambda: home.do(lambda: done.append(threading.get_ident())))
        one.start()
        one.join()
        home.do(lambda: done.append(threading.get_ident()))
        await asyncio.sleep(0.05)
        assert len(done) == 2
        return set(done)

    assert asyncio.run(play()) == {threading.get_ident()}
