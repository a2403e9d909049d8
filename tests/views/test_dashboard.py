"""The dashboard as a newcomer uses it, without a browser: buttons are clicked, and the widgets are read."""

import asyncio
import html
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import pdekit as pk
from pdekit.views.dashboard.dashboard import Dashboard
from pdekit.views.dashboard.figure import style
from pdekit.views.dashboard.figure.canvas import CLEAR
from pdekit.views.dashboard.training import next_finer, pieces
from pdekit.views.dashboard.wiring import room
from tests.views.engines import DEATH, FakeCluster

EXPERIMENT = pk.Experiment(
    pk.Poisson(64), pk.UNet(width=4, depth=2), samples=32, batch=4, steps=400, grids="coarse-to-fine"
)


@pytest.fixture
def cluster() -> FakeCluster:
    """Two engines that are ready and take 10 ms a step."""
    return FakeCluster()


def text(widget: object) -> str:
    """What a reader sees of an HTML widget."""
    return html.unescape(re.sub("<[^>]*>", "", widget.value)).replace("\N{NO-BREAK SPACE}", " ")


def message(dash: Dashboard) -> str:
    return text(dash.status.message)


async def until(true: Callable[[], bool], limit: float = 10.0) -> float:
    """Wait until `true()`; the seconds it took. Fails after `limit`."""
    clock = asyncio.get_running_loop().time
    began = clock()
    while not true():
        assert clock() - began < limit, "waited in vain"
        await asyncio.sleep(0.01)
    return clock() - began


def taken(dash: Dashboard) -> int:
    """How many steps the bar shows."""
    return dash.status.step


def run(
    cluster: FakeCluster, story: Callable, experiment: pk.Experiment = EXPERIMENT, **more: object
) -> None:
    """Play `story(dash)` in an event loop, as a notebook kernel has one."""

    async def play() -> None:
        dash = Dashboard(cluster, experiment=experiment, **more)
        await asyncio.wait_for(story(dash), 30)

    asyncio.run(play())


async def trained(dash: Dashboard, steps: int = 5) -> int:
    """Train a little, pause, and wait until that is done: the steps that were taken."""
    before = taken(dash)
    dash.verbs.train.click()
    await until(lambda: taken(dash) >= before + steps)
    dash.verbs.pause.click()
    await until(lambda: not dash.running)
    return taken(dash)


def test_it_opens_on_its_experiment(cluster: FakeCluster) -> None:
    dash = Dashboard(cluster, experiment=EXPERIMENT)
    assert dash.experiment == EXPERIMENT and dash.text == str(EXPERIMENT) == dash.keeping.line.value
    verbs = dash.verbs
    assert not verbs.train.disabled and not verbs.step.disabled
    assert all(
        one.disabled for one in (verbs.pause, verbs.reset, verbs.compare, verbs.undo, dash.keeping.save)
    )
    bundle = dash._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == dash.view.model_id
    assert bundle["text/plain"] == "pk.Dashboard: run this cell to see it."
    assert Dashboard(cluster, pk.Poisson(32)).experiment == pk.Experiment(pk.Poisson(32))


def test_train_pause_and_train_again(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        dash.verbs.train.click()
        await until(lambda: taken(dash) > 20)
        assert message(dash) == "Training on 32 × 32, then 64 × 64."
        assert dash.verbs.train.disabled and not dash.verbs.pause.disabled
        assert re.search(r"step \d+ of 400 · \d+ s left$", text(dash.status.going))
        assert "training" in text(dash.engines.line)
        dash.verbs.pause.click()
        assert await until(lambda: not dash.running) < 1  # 0.25 s on a quiet machine
        steps = len(dash.solver.history)
        assert message(dash).startswith(f"Paused: {steps} steps")
        await asyncio.sleep(0.4)
        assert len(dash.solver.history) == steps == taken(dash)
        assert dash.verbs.pause.disabled and not dash.verbs.train.disabled
        assert "idle" in text(dash.engines.line)

        await trained(dash)
        assert len(cluster.solvers) == 1  # the same run went on
        assert list(dash.solver.history.number) == list(range(1, len(dash.solver.history) + 1))

    run(cluster, story)


def test_a_pause_waits_for_one_step_and_not_for_all_that_was_asked_for() -> None:
    """Of the two calls that are under way. Fails if the engines are not told."""

    async def story(dash: Dashboard) -> None:
        dash.verbs.train.click()
        await until(lambda: dash.begun and dash.solver.calls[-1] > 2)
        steps, painted, paint = dash.solver.taken, [], dash._display.paint
        dash._display.paint = lambda piece, *more: painted.append(piece.last) or paint(piece, *more)
        dash.verbs.pause.click()
        await until(lambda: not dash.running)
        assert len(dash.solver.history) <= steps + 1 and painted == [True]
        assert message(dash).startswith(f"Paused: {len(dash.solver.history)} steps")

    run(FakeCluster(seconds_per_step=0.05), story)


def test_a_pause_before_the_finer_grid_shows_the_coarse_one() -> None:
    """The call for it is under way already, and takes no step. Fails if the grid is that of what was asked for."""
    experiment = replace(EXPERIMENT, steps=5)
    last = experiment.plan[0][1]
    assert experiment.plan == ((32, last), (64, 5)) and last > 1
    pace = SimpleNamespace(quick=True, next=lambda done: last - done if done < last else 5 - done, saw=len)

    async def main() -> None:
        solver = await FakeCluster(seconds_per_step=0.1).solver_async(experiment, 2, Path())
        stopped = False

        async def stop() -> None:
            nonlocal stopped
            await until(lambda: solver.taken == 1)
            stopped = True
            solver.halt()

        stopping = asyncio.ensure_future(stop())
        brought = [piece async for piece in pieces(solver, pace, lambda: 0, lambda: stopped)]
        await stopping
        assert solver.calls == [last, 5 - last] and len(solver.history) < last
        assert brought[-1].last and brought[-1].grid == 32 and brought[-1].prediction.shape == (32, 32)
        assert not any(piece.change for piece in brought)

    asyncio.run(main())


def test_where_the_grid_gets_finer_the_same_network_is_seen_on_both() -> None:
    """Fails if a step on the finer grid comes first, or if a coarser grid, or one of before, counts as finer."""
    plan = ((32, 3), (64, 5), (32, 6), (64, 8), (128, 9))
    assert [next_finer(plan, step) for step in range(1, 10)] == [None, None, 64, *[None] * 4, 128, None]
    experiment = replace(EXPERIMENT, steps=5)
    last = experiment.plan[0][1]

    async def main(quick: bool) -> None:
        solver = await FakeCluster(seconds_per_step=0.01).solver_async(experiment, 2, Path())
        pace = SimpleNamespace(
            quick=quick, next=lambda done: last - done if done < last else 5 - done, saw=len
        )
        brought = [piece async for piece in pieces(solver, pace, lambda: 0, lambda: False)]
        assert [(piece.grid, piece.steps[-1].number, piece.change) for piece in brought] == [
            (32, last, True), (64, last, True), (64, 5, False),
        ]  # fmt: skip
        reference = experiment.problem.reference(0)
        np.testing.assert_allclose(brought[1].prediction, reference * (1 + 1 / (1 + last)))

    for quick in (True, False):
        asyncio.run(main(quick))


def test_the_time_left_after_a_pause_is_not_that_of_all_steps_before() -> None:
    """Of a Step, too."""

    async def story(dash: Dashboard) -> None:
        steps = await trained(dash, 60)
        dash.verbs.step.click()
        await until(lambda: taken(dash) == steps + 1 and not dash.running)
        left = int(re.search(r"· (\d+) s left$", text(dash.status.going))[1])
        assert left < 20  # 6 s by nodes on the fake's clock

    run(FakeCluster(), story)


def test_step_takes_one(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        for number in (1, 2):
            dash.verbs.step.click()
            await until(lambda: taken(dash) == number and not dash.running)  # noqa: B023
        assert dash.solver.calls == [1, 1]
        await trained(dash)
        steps = len(dash.solver.history)
        await dash.step()
        assert len(dash.solver.history) == steps + 1

    run(cluster, story)


def test_a_call_lasts_a_fifth_of_a_second(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        await trained(dash, 60)
        assert dash.solver.calls[:7] == [1, 2, 4, 8, 16, 20, 20]  # a step lasts 10 ms

    run(cluster, story)


def test_predictions_hold_up_the_ranks_a_small_share_of_the_time(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(dash: Dashboard) -> None:
        await dash.step()
        looks, predict = [], dash.solver.predict_async

        async def slowly(i: int, resolution: int | None = None) -> np.ndarray:
            await asyncio.sleep(0.02)
            u = await predict(i, resolution)
            looks.append(len(dash.solver.history))
            return u

        monkeypatch.setattr(dash.solver, "predict_async", slowly)
        await trained(dash, 150)
        assert 3 <= len(looks) <= 6  # at the start, each second, and at the end
        assert looks[-1] == len(dash.solver.history)

    run(cluster, story)


def test_the_kernel_is_free_while_it_trains(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        clock, late = asyncio.get_running_loop().time, []
        await room(EXPERIMENT, 2)  # torch loads for seconds at the first count, in a thread: the test below
        dash.verbs.train.click()
        await until(lambda: taken(dash) > 0)
        while taken(dash) < 150:
            began = clock()
            await asyncio.sleep(0.01)
            late.append(clock() - began - 0.01)
        dash.pause()
        await until(lambda: not dash.running)
        assert max(late) < 0.25

    run(cluster, story)


def test_memory_is_counted_in_a_thread_but_a_network_of_ones_own_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first count loads for seconds. Fails if it is made in the event loop, or the user's code beside it."""
    threads = []

    def footprint(experiment: pk.Experiment, ranks: int) -> pk.Footprint:
        threads.append(threading.current_thread() is threading.main_thread())
        return pk.Footprint(ranks, 10**15, 0, 0, 0, 0)

    monkeypatch.setattr(pk, "footprint", footprint)
    own = pk.Network("def build(channels, outputs, dim):\n    return nn.Conv2d(channels, outputs, 1)")
    for generator in (pk.UNet(), own):
        assert asyncio.run(room(pk.Experiment(pk.Poisson(32), generator), 2)).startswith("needs 2e+06 GB")
    assert threads == [False, True]


def test_to_the_end_over_a_change_of_the_grid(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        await dash.train()
        assert message(dash).startswith("Done: 60 steps") and dash.solver.done
        assert dash.status.step == dash.status.steps == 60
        assert text(dash.status.going).endswith("step 60 of 60")
        numbers = np.cumsum(dash.solver.calls)
        assert (
            replace(EXPERIMENT, steps=60).plan[0][1] in numbers and numbers[-1] == 60
        )  # no call crosses the change
        assert text(dash.status.going).startswith(f"{100 / 61:.3g} %error of this sample on 64 × 64")
        await dash.train()  # nothing is left to do
        assert message(dash).startswith("Done: 60 steps") and len(cluster.solvers) == 1

    run(cluster, story, replace(EXPERIMENT, steps=60))


def test_the_classical_solver_is_timed_once_and_told_of_with_every_run(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails if it takes a core from each run that begins, or if a run after Reset has no line of it."""
    timed, told = [], []
    monkeypatch.setattr(pk.Poisson, "reference_seconds", lambda problem, i: timed.append(i) or 0.25)

    async def story(dash: Dashboard) -> None:
        monkeypatch.setattr(dash.figure, "show_classical", lambda seconds, words: told.append(seconds))
        for run in (1, 2):
            await trained(dash)
            await until(lambda run=run: len(told) == run)
            dash.reset()
        assert len(timed) == 1 and told == [0.25, 0.25]

    run(cluster, story)


def test_reset_forgets_the_run_and_undo_brings_it_back(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        dash.verbs.train.click()
        await until(lambda: taken(dash) > 5)
        dash.verbs.reset.click()  # while it trains
        await until(lambda: not dash.running)
        assert dash.run is None and taken(dash) == 0 and text(dash.status.going).startswith("–")
        assert message(dash).startswith("Reset: Train starts anew")
        steps = len(cluster.solvers[0].history)
        dash.verbs.undo.click()
        assert taken(dash) == steps == len(dash.solver.history)
        assert await trained(dash) > steps and len(cluster.solvers) == 1
        dash.verbs.reset.click()  # while it rests
        await trained(dash)
        assert len(cluster.solvers) == 2
        assert not dash.undo()  # a new run has begun: the old one is gone

    run(cluster, story)


def test_the_rate_changes_while_it_trains(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        dash.verbs.train.click()
        await until(lambda: taken(dash) > 5)
        dash.form.set("rate", 0.02)
        await until(lambda: dash.solver.history.rate[-1] == 0.02)
        await asyncio.sleep(0.5)  # two pieces
        assert message(dash).startswith("From the next step on: learning rate 0.02")
        dash.pause()
        await until(lambda: not dash.running)
        dash.form.set("rate", 0.01)
        assert message(dash) == "Train goes on with the run."
        await trained(dash)
        assert len(cluster.solvers) == 1
        assert list(np.unique(dash.solver.history.rate)) == sorted({EXPERIMENT.rate, 0.02, 0.01})

    run(cluster, story)


def test_ranks_threads_and_a_slow_rank_may_change_in_a_run(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        steps = await trained(dash)
        dash.form.set("ranks", 1)
        assert message(dash) == "Train goes on with the run."
        dash.form.set("slow", 2.0)
        await dash.step()
        assert dash.solver.ranks == 1 and dash.solver.slowness == (0, 2.0)
        assert len(dash.solver.history) == steps + 1  # from the checkpoint of the pause
        assert [one.ranks for one in cluster.solvers] == [2, 1]

    run(cluster, story)


def test_another_experiment_starts_another_run(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        await trained(dash)
        dash.form.set("optimizer", "lbfgs")
        assert message(dash).startswith("Another experiment: Train starts a new run.")
        await dash.step()
        assert len(cluster.solvers) == 2 and dash.solver.experiment == EXPERIMENT.with_optimizer("lbfgs")
        assert taken(dash) == 1

    run(cluster, story)


def test_a_run_that_is_done_offers_no_train_until_something_changes(cluster: FakeCluster) -> None:
    """Fails if the button stays, and does nothing."""

    async def story(dash: Dashboard) -> None:
        train, step = dash.verbs.train, dash.verbs.step
        train.click()
        await until(lambda: message(dash).startswith("Done: ") and not dash.running)
        assert train.disabled and step.disabled and not dash.verbs.reset.disabled
        dash.set("batch", 8)
        assert not train.disabled and not step.disabled
        dash.undo()
        assert train.disabled
        dash.form.set("steps", -1)
        assert not train.disabled  # it says what is wrong
        dash.undo(), dash.reset()
        assert not train.disabled and not step.disabled

    run(cluster, story, replace(EXPERIMENT, steps=8))


def test_a_question_says_that_curves_of_before_are_there(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        dash.set("preset", "One loss")
        assert message(dash) == "Press Train."
        await trained(dash)
        dash.compare()
        dash.set("preset", "Mean of means")
        await until(lambda: message(dash) == "Press Train. Drop kept clears the curves of before.")
        await trained(dash)
        dash.set("preset", "One loss")
        assert message(dash).endswith("curves of this one. Drop kept clears the curves of before.")
        dash.reset()
        dash.set("preset", "A small loss")  # other samples, and another figure: nothing is kept
        await until(lambda: not dash.figure.kept)
        await asyncio.sleep(0.1)
        assert message(dash) == "Press Train."

    run(cluster, story)


def test_compare_keeps_the_curves(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        with pytest.raises(ValueError, match="press Train"):
            dash.compare()
        await trained(dash)
        dash.verbs.compare.click()
        assert dash.figure.kept == ["1: 2 ranks"] and dash.run is None and taken(dash) == 0
        dash.form.set("batch", 8)
        await trained(dash)
        assert dash.compare() == "2: batch 8"
        assert dash.figure.kept == ["1: batch 4", "2: batch 8"]
        dash.form.set("ranks", 1)
        await trained(dash)
        assert dash.figure.kept == ["1: 2 ranks, batch 4", "2: 2 ranks, batch 8"]
        assert any("this run 1 rank" in str(trace.text) for trace in dash.figure.widget.data)
        assert len(cluster.solvers) == 3
        drop = dash.figure.bar.box.children[2]
        assert drop.layout.display is None
        drop.click()
        assert not dash.figure.kept and drop.layout.display == "none"
        assert dash.compare() == "3: 1 rank, batch 8"

    run(cluster, story)


def test_copy_and_paste(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        dash.keeping.line.value = str(replace(EXPERIMENT, batch=8))
        assert dash.experiment.batch == 8 and dash.keeping.copy.text == dash.text
        dash.keeping.line.value = "nonsense"
        assert "expected" in message(dash) and dash.experiment.batch == 8
        dash.verbs.undo.click()
        assert dash.experiment == EXPERIMENT and dash.keeping.line.value == str(EXPERIMENT)

    run(cluster, story)


def test_train_refuses_a_line_that_could_not_be_read(cluster: FakeCluster) -> None:
    """It would train what the settings say, while another experiment is there to read."""

    async def story(dash: Dashboard) -> None:
        for button in (dash.verbs.train, dash.verbs.step, dash.engines.scaling.measure):
            dash.keeping.line.value = "nonsense"
            dash.say("")
            button.click()
            await until(lambda: "expected" in message(dash))
            assert not dash.running and dash.run is None and dash.keeping.line.value == "nonsense"
            dash.keeping.line.value = ""
            assert dash.keeping.line.value == str(EXPERIMENT)
        assert await trained(dash) >= 5

    run(cluster, story)


def test_save_and_open(cluster: FakeCluster, tmp_path: Path) -> None:
    async def story(dash: Dashboard) -> None:
        with pytest.raises(ValueError, match="expected a run"):
            await dash.save(tmp_path / "none")
        steps = await trained(dash)
        dash.keeping.place.value = str(tmp_path / "mine")
        dash.keeping.save.click()
        await until(lambda: message(dash).startswith("Saved to"))
        other = Dashboard(cluster, pk.Poisson(32))
        with pytest.raises(ValueError, match="expected a folder with one"):
            await other.open(tmp_path / "nowhere")
        dash.form.set("ranks", 1)
        await trained(dash)
        steps = taken(dash)
        await other.open(tmp_path / "mine")
        assert other.solver.ranks == other.form.ranks == 1  # as it was saved
        assert other.experiment == EXPERIMENT and taken(other) == steps
        await other.step()
        assert len(other.solver.history) == steps + 1
        # The engines hold the other's now: this one comes back from the folder, where the other went on.
        assert not dash.run.held
        await dash.step()
        assert len(dash.solver.history) == steps + 2

    run(cluster, story)


def test_export(cluster: FakeCluster, tmp_path: Path) -> None:
    async def story(dash: Dashboard) -> None:
        with pytest.raises(ValueError, match="expected a run"):
            dash.export(tmp_path / "a.csv")
        steps = await trained(dash)
        dash.keeping.place.value = str(tmp_path / "mine")
        dash.keeping.exports[".csv"].click()
        assert len(pk.History.load(tmp_path / "mine.csv")) == steps
        assert "Plotly.newPlot" in dash.export(tmp_path / "mine.html").read_text()
        for wrong in ("mine.pdf", "nowhere/mine.html"):
            with pytest.raises(ValueError, match="export"):
                dash.export(tmp_path / wrong)
        assert sorted(one.name for one in tmp_path.iterdir()) == ["mine.csv", "mine.html"]

    run(cluster, story)


def test_a_wrong_setting_is_refused_in_words_and_loses_nothing(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        steps = await trained(dash)
        dash.form.set("rate", -1.0)
        assert "rate: expected a finite number above 0, got -1" in message(dash)
        assert 'role="alert"' in dash.status.message.value
        with pytest.raises(ValueError, match="above 0"):
            await dash.train()
        assert not dash.running
        dash.form.set("rate", EXPERIMENT.rate)
        assert await trained(dash) > steps and len(cluster.solvers) == 1

    run(cluster, story)


def test_the_first_train_starts_the_engines() -> None:
    cluster = FakeCluster(state="stopped")

    async def story(dash: Dashboard) -> None:
        dash.verbs.train.click()
        await until(lambda: message(dash).startswith("Starting 2 engines: 0 s of about 10, importing"))
        assert not dash.verbs.pause.disabled and dash.engines.start.disabled
        await until(lambda: taken(dash) > 0)
        dash.pause()
        await until(lambda: not dash.running)

    run(cluster, story)


def test_a_dead_rank_is_told_and_a_click_brings_the_run_back(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        saved = await trained(dash)
        dash.verbs.train.click()
        await until(lambda: taken(dash) > saved + 5)
        cluster.kill()
        await until(lambda: not dash.running, limit=5)
        assert DEATH in message(dash)
        assert dash.verbs.train.disabled and dash.verbs.pause.disabled and not dash.engines.restart.disabled
        assert taken(dash) > saved  # the curve stays

        dash.engines.restart.click()
        await until(lambda: message(dash).startswith("Restarting 2 engines"))
        await until(lambda: message(dash).startswith("The engines are ready again"))
        assert f"the run is back at step {saved} of" in message(dash)
        assert taken(dash) == saved == len(dash.solver.history)
        await trained(dash)
        assert len(cluster.solvers) == 2

    run(cluster, story)


def test_engines_are_stopped_and_the_run_comes_back(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        steps = await trained(dash)
        dash.engines.stop.click()
        await until(lambda: cluster.state == "stopped" and not dash.running)
        assert not dash.engines.start.disabled
        await dash.step()
        assert len(dash.solver.history) == steps + 1

    run(cluster, story)


def test_a_rank_that_dies_at_rest_is_told_too(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        cluster.kill()
        assert message(dash) == DEATH
        assert not dash.engines.restart.disabled and dash.verbs.train.disabled

    run(cluster, story)


def test_a_prediction_that_diverged_is_told_in_words(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(dash: Dashboard) -> None:
        await dash.step()

        async def diverged(i: int, resolution: int) -> np.ndarray:
            return np.full((resolution, resolution), np.nan)

        monkeypatch.setattr(dash.solver, "predict_async", diverged)
        with pytest.raises(ValueError, match="finite prediction"):
            await dash.step()
        assert "expected a finite prediction" in message(dash) and "smaller learning rate" in message(dash)

    run(cluster, story)


def test_what_goes_wrong_is_shown_and_raised(cluster: FakeCluster) -> None:
    """Both where a button was clicked, and where a program awaits the verb."""
    cluster.diverges_at = 12

    async def story(dash: Dashboard) -> None:
        dash.verbs.train.click()
        await until(lambda: "expected a finite loss, got nan" in message(dash))
        await until(lambda: not dash.running)
        with pytest.raises(FloatingPointError, match="step 12"):
            await dash.train()
        assert message(dash) == "FloatingPointError: step 12: expected a finite loss, got nan"

    run(cluster, story)


def test_an_error_while_painting_is_shown_and_no_step_is_lost(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(dash: Dashboard) -> None:
        dash.verbs.train.click()
        await until(lambda: taken(dash) > 5)

        def breaks(*_: object) -> None:
            raise KeyError("paint")

        monkeypatch.setattr(dash.status, "show_progress", breaks)
        await until(lambda: not dash.running)
        assert message(dash) == "KeyError: 'paint'"
        steps = len(dash.solver.history)
        await asyncio.sleep(0.4)
        assert len(dash.solver.history) == steps == sum(dash.solver.calls)

    run(cluster, story)


def test_two_dashboards_share_the_engines(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        other = Dashboard(cluster, experiment=EXPERIMENT)
        for turn in (1, 2):
            for one in (dash, other):
                await one.step()
                assert len(one.solver.history) == turn

    run(cluster, story)


def test_curves_stay_for_comparison_where_the_samples_are_the_same(cluster: FakeCluster) -> None:
    """Another residual of Burgers' equation has the same waves; another problem has other samples, and a new figure."""

    async def story(dash: Dashboard) -> None:
        await dash.step()
        dash.compare()
        figure = dash.figure
        dash.set("problem.residual", "upwind")
        await dash.step()
        assert dash.figure is figure and figure.kept == ["1: residual muscl"]
        dash.set("problem", "Poisson")
        await dash.step()
        assert dash.figure is not figure and not dash.figure.kept

    experiment = pk.Experiment(pk.Burgers(32), pk.UNet(width=4, depth=2), samples=8, batch=4, steps=9)
    run(cluster, story, experiment)


def test_a_slow_page_is_sent_no_more_than_it_shows(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until a whole repaint is answered only the last piece is painted; a page that answers sees them all."""

    async def story(dash: Dashboard) -> None:
        await dash.step()
        paints, beat = [], dash._display.beat
        monkeypatch.setattr(dash.figure, "show_loss", lambda *_, **__: paints.append(taken(dash)))
        dash.figure.show_by("steps")  # a whole one
        await trained(dash, 80)
        assert set(paints) == {len(dash.solver.history)}
        beat.observe(lambda change: setattr(beat, "seen", change.new), "sent")
        beat.seen = beat.sent
        paints.clear()
        await trained(dash, 80)
        assert len(paints) >= 4

    run(cluster, story)


def test_checkpoints_lie_where_they_are_wanted(cluster: FakeCluster, tmp_path: Path) -> None:
    """In a folder of the user's nothing is taken for the new run's, or removed; in a temporary one all is."""
    (tmp_path / "run-1" / "step-00000009").mkdir(parents=True)

    async def story(dash: Dashboard) -> None:
        for _ in range(2):
            await trained(dash)
            dash.reset()
        await trained(dash)
        assert len(cluster.solvers) == 3
        assert [len(list((tmp_path / f"run-{k}").iterdir())) for k in (1, 2, 3, 4)] == [1, 1, 1, 1]

    run(cluster, story, folder=tmp_path)

    async def temporarily(dash: Dashboard) -> None:
        await trained(dash)
        first = dash.run.folder
        dash.reset()
        assert any(first.iterdir())  # Undo may need it
        await trained(dash)
        assert not first.exists() and any(dash.run.folder.iterdir())

    run(FakeCluster(), temporarily)


KERNEL = """
from tests.views.engines import FakeCluster
from tests.views.test_dashboard import EXPERIMENT, run, trained

async def story(dash):
    await trained(dash)
    print(dash.run.folder)

run(FakeCluster(), story)
"""


def test_a_run_outlives_its_kernel(cluster: FakeCluster) -> None:
    """The next dashboard in the directory offers the run of a kernel that has ended; not that of one that lives."""
    there = os.environ | {"TMPDIR": tempfile.gettempdir()}
    command = [sys.executable, "-c", KERNEL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=there)
    left = Path(done.stdout.splitlines()[-1])
    assert any(left.iterdir())
    cluster.shelf[str(left)] = (EXPERIMENT, pk.History().steps, 2e-3)

    async def story(dash: Dashboard) -> None:
        assert "was left here: Open brings it back" in message(dash)
        assert dash.keeping.place.value == str(left)
        dash.keeping.open.click()
        await until(lambda: "Opened" in message(dash))
        await trained(dash)
        dash.reset()
        await trained(dash)
        assert dash.run.folder.parent != left.parent and any(left.iterdir())
        other = Dashboard(FakeCluster(), experiment=EXPERIMENT)
        assert other.keeping.place.value == str(left)  # not the run of the first, which lives

    run(cluster, story)
    os.utime(left.parent, (0, 0))
    dash = Dashboard(cluster, experiment=EXPERIMENT)
    assert not left.exists() and "Press Train" in message(dash)


def test_a_folder_of_ones_own_offers_its_last_run(cluster: FakeCluster, tmp_path: Path) -> None:
    for number, step in ((1, 7), (2, 1250)):
        (tmp_path / f"run-{number}" / f"step-{step:08d}").mkdir(parents=True)
        os.utime(tmp_path / f"run-{number}" / f"step-{step:08d}", (number, number))
    dash = Dashboard(cluster, experiment=EXPERIMENT, folder=tmp_path)
    assert "A run of 1,250 steps" in message(dash) and dash.keeping.place.value == str(tmp_path / "run-2")


def test_measure(cluster: FakeCluster) -> None:
    """Speed-up and parts of a step of the settings on show; the run stays, and Pause gives up."""

    async def story(dash: Dashboard) -> None:
        room, steps = dash.engines.scaling, await trained(dash)
        solver = dash.solver
        room.measure.click()
        await until(lambda: "Measuring round" in message(dash))
        assert dash.running and room.measure.disabled and not dash.verbs.pause.disabled
        await until(lambda: not dash.running)
        assert "Measured" in message(dash)
        assert set(dash.measurement.column("ranks")) == {1, 2} and len(dash.measurement) == 6
        assert set(dash.measurement.column("resolution")) == {64} and dash.solver is solver
        speedup, parts, words = room.box.children
        assert speedup.layout.width is None is parts.layout.width  # the page's
        assert style.NAME in room.box._dom_classes  # and its colours
        assert speedup.layout.paper_bgcolor == parts.layout.plot_bgcolor == CLEAR
        assert any(np.allclose(trace.y, [1, 2]) for trace in speedup.data if trace.name != "ideal")
        assert len(parts.data) > 1 and words.value == "a &lt;b&gt;core&lt;/b&gt; is shared"
        assert await trained(dash) > steps  # the run goes on
        room.measure.click()
        await until(lambda: "Measuring" in message(dash))
        dash.verbs.pause.click()
        await until(lambda: not dash.running)
        assert "given up" in message(dash) and dash.measurement is None

    run(cluster, story)
    assert Dashboard(FakeCluster(ranks=1), experiment=EXPERIMENT).engines.scaling.measure.disabled


def test_a_run_that_is_done_gives_way_to_another(cluster: FakeCluster) -> None:
    """Fails if Train goes on with a run without steps that are left, whatever was changed."""

    async def story(dash: Dashboard) -> None:
        await dash.train()
        assert dash.solver.done
        await dash.train()
        assert len(cluster.solvers) == 1 and message(dash).startswith("Done: 20 steps")
        dash.form.set("ranks", 1)
        assert message(dash).startswith("Another experiment: Train starts a new run.")
        await dash.train()
        assert len(cluster.solvers) == 2 and dash.solver.ranks == 1 and dash.solver.done

    run(cluster, story, replace(EXPERIMENT, steps=20))


def test_a_pause_on_the_finer_grid_shows_that_one() -> None:
    """While the first call there is under way. Fails if the history is asked before that call is in it."""
    experiment = replace(EXPERIMENT, steps=40)
    last = experiment.plan[0][1]

    async def main() -> None:
        solver = await FakeCluster(seconds_per_step=0.02).solver_async(experiment, 2, Path())
        pace = SimpleNamespace(quick=True, next=lambda done: last - done if done < last else 4, saw=len)
        stopped: list[bool] = []
        brought = []
        async for piece in pieces(solver, pace, lambda: 0, lambda: bool(stopped)):
            brought.append(piece)
            if piece.change and piece.grid == 64:
                await until(lambda: solver.taken > last)
                stopped.append(True)
                solver.halt()
        assert brought[-1].steps[-1].number == len(solver.history) > last
        assert brought[-1].last and brought[-1].grid == 64

    asyncio.run(main())


def test_a_pause_before_the_first_step_ends_in_words(cluster: FakeCluster) -> None:
    """The engines had something else to do. Fails if the message stays that of a pause to come."""

    async def story(dash: Dashboard) -> None:
        await dash.step()
        async with dash.solver._engine:
            dash.verbs.train.click()
            await until(lambda: len(dash.solver.calls) == 2)
            dash.verbs.pause.click()
            assert message(dash).startswith("Pausing")
        await until(lambda: not dash.running)
        assert message(dash).startswith("Paused: 1 step, ") and len(dash.solver.history) == 1
        assert await trained(dash) > 1

    run(cluster, story)


def test_a_run_that_is_done_comes_back_as_done(cluster: FakeCluster, tmp_path: Path) -> None:
    """Fails if a message promises a Train that is not offered."""

    async def story(dash: Dashboard) -> None:
        await dash.train()
        await dash.save(tmp_path / "mine")
        done = "It is done: change a setting, or press Reset, to train anew."
        dash.reset()
        dash.undo()
        assert message(dash) == f"The run of 8 steps is back. {done}" and dash.verbs.train.disabled
        await dash.open(tmp_path / "mine")
        assert message(dash).endswith(f"a run of 8 steps. {done}") and dash.verbs.train.disabled

    run(cluster, story, replace(EXPERIMENT, steps=8))
