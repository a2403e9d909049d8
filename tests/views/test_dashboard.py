"""The dashboard as a newcomer uses it, without a browser: buttons are clicked, and the widgets are read."""

import asyncio
import html
import re
from collections.abc import Callable

import numpy as np
import pytest

import pdekit as pk
from pdekit.views.arrays import relative_error
from pdekit.views.dashboard.dashboard import Dashboard
from pdekit.views.dashboard.maps import PIXELS
from pdekit.views.dashboard.progress import POINTS
from tests.views.fakes import DEATH, FakeCluster, FakeExperiment, FakeProblem


def text(widget: object) -> str:
    """What a reader sees of an HTML widget."""
    return html.unescape(re.sub("<[^>]*>", "", widget.value)).replace("\N{NO-BREAK SPACE}", " ")


def message(dash: Dashboard) -> str:
    return text(dash.controls.message)


async def until(true: Callable[[], bool], limit: float = 10.0) -> float:
    """Wait until `true()`; the seconds it took. Fails after `limit`."""
    clock = asyncio.get_running_loop().time
    began = clock()
    while not true():
        assert clock() - began < limit, "waited in vain"
        await asyncio.sleep(0.01)
    return clock() - began


def points(dash: Dashboard) -> int:
    """How many losses the figure shows."""
    return len(dash.figure.widget.data[4].x)


def blank(field: object) -> bool:
    """Whether the heatmap `field` shows nothing."""
    return all(value is None for row in field.z for value in row)


def run(cluster: FakeCluster, experiment: FakeExperiment, story: Callable) -> None:
    """Play `story(dash)` in an event loop, as a notebook kernel has one."""

    async def play() -> None:
        dash = Dashboard(cluster, experiment=experiment)
        await asyncio.wait_for(story(dash), 30)

    asyncio.run(play())


def test_it_opens_on_a_held_out_sample(cluster: FakeCluster, experiment: FakeExperiment) -> None:
    dash = Dashboard(cluster, experiment=experiment)
    coefficient, prediction, reference, _ = dash.figure.widget.data[:4]
    shown = np.log10(FakeProblem(64).coefficient(1000))
    assert np.allclose(coefficient.z, shown, atol=1e-3)
    assert np.allclose([coefficient.zmin, coefficient.zmax], [shown.min(), shown.max()])
    assert np.allclose(reference.z, FakeProblem(64).reference(1000), atol=1e-3)
    assert blank(prediction) and points(dash) == 0
    assert (dash.settings.resolution, dash.settings.ranks, dash.settings.rate) == (64, 2, 3e-3)
    assert dash.experiment == experiment
    assert dash.controls.stop.disabled and not dash.controls.train.disabled
    assert "application/vnd.jupyter.widget-view+json" in dash._repr_mimebundle_()


def test_train_stop_and_train_again(cluster: FakeCluster, experiment: FakeExperiment) -> None:
    async def story(dash: Dashboard) -> None:
        dash.controls.train.click()
        await until(lambda: points(dash) > 20)
        assert message(dash) == "Training on 32 × 32, then 64 × 64."
        assert dash.controls.train.disabled and dash.controls.rate.disabled
        assert re.fullmatch(r"step \d+ of 400 · \d+ s left", text(dash.controls.left))
        dash.controls.stop.click()
        assert await until(lambda: not dash.running) < 1  # 0.25 s on a quiet machine
        taken = len(dash.solver.history)
        assert message(dash).startswith(f"Stopped: {taken} steps")
        await asyncio.sleep(0.4)
        assert len(dash.solver.history) == taken == points(dash)
        assert dash.controls.stop.disabled and not dash.controls.train.disabled

        dash.controls.train.click()
        await until(lambda: points(dash) > taken)
        dash.stop()
        await until(lambda: not dash.running)
        assert len(cluster.solvers) == 1  # the same run went on
        assert list(dash.solver.history.number) == list(range(1, len(dash.solver.history) + 1))

    run(cluster, experiment, story)


def test_a_call_lasts_a_fifth_of_a_second(cluster: FakeCluster, experiment: FakeExperiment) -> None:
    async def story(dash: Dashboard) -> None:
        dash.controls.train.click()
        await until(lambda: points(dash) > 60)
        assert dash.solver.calls[:7] == [1, 2, 4, 8, 16, 20, 20]  # a step lasts 10 ms
        dash.stop()
        await until(lambda: not dash.running)

    run(cluster, experiment, story)


def test_the_kernel_is_free_while_it_trains(cluster: FakeCluster, experiment: FakeExperiment) -> None:
    async def story(dash: Dashboard) -> None:
        clock, late = asyncio.get_running_loop().time, []
        dash.controls.train.click()
        await until(lambda: points(dash) > 0)
        while points(dash) < 150:
            began = clock()
            await asyncio.sleep(0.01)
            late.append(clock() - began - 0.01)
        dash.stop()
        await until(lambda: not dash.running)
        assert max(late) < 0.25

    run(cluster, experiment, story)


def test_to_the_end_over_a_change_of_the_grid(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        await dash.train()
        assert message(dash).startswith("Done: 60 steps")
        assert points(dash) == 60 and dash.solver.done
        assert dash.controls.progress.value == dash.controls.progress.max == 60
        assert text(dash.controls.left) == "step 60 of 60"
        numbers = np.cumsum(dash.solver.calls)
        assert 30 in numbers and numbers[-1] == 60  # no call crosses the change
        mark = dash.figure.widget.data[9]
        assert list(mark.x[:2]) == [31, 31] and "64" in mark.text[1]
        _, prediction, reference, difference = dash.figure.widget.data[:4]
        assert np.shape(prediction.z) == np.shape(reference.z) == np.shape(difference.z) == (64, 64)
        error = relative_error(
            FakeProblem(64).reference(1000) * (1 + 1 / 61), FakeProblem(64).reference(1000)
        )
        assert text(dash.controls.error) == f"{100 * error:.3g} %relative L² error on 64 × 64"
        await dash.train()  # nothing is left to do
        assert message(dash).startswith("Done: 60 steps") and len(cluster.solvers) == 1

    run(cluster, FakeExperiment(steps=60), story)


def test_reset_forgets_the_run(cluster: FakeCluster, experiment: FakeExperiment) -> None:
    async def story(dash: Dashboard) -> None:
        dash.controls.train.click()
        await until(lambda: points(dash) > 5)
        dash.controls.reset.click()  # while it trains
        await until(lambda: not dash.running)
        assert points(dash) == 0 and dash.solver is None and blank(dash.figure.widget.data[1])
        assert message(dash) == "Reset: Train starts anew."
        assert text(dash.controls.left) == "step 0 of 400"
        dash.controls.train.click()
        await until(lambda: points(dash) > 5)
        dash.stop()
        await until(lambda: not dash.running)
        dash.controls.reset.click()  # while it rests
        assert points(dash) == 0 and len(cluster.solvers) == 2

    run(cluster, experiment, story)


def test_the_generator_keeps_its_settings_until_another_kind_is_chosen(cluster: FakeCluster) -> None:
    dash = Dashboard(cluster, experiment=FakeExperiment(generator=pk.UNet(width=4)))
    assert dash.controls.generator.value == "UNet" and dash.experiment.generator == pk.UNet(width=4)
    dash.controls.generator.value = "ResNet"
    assert dash.experiment.generator == pk.ResNet()
    own = FakeExperiment(generator=pk.Network("def build(channels, outputs, dim):\n    return nn.Identity()"))
    assert Dashboard(cluster, experiment=own).experiment.generator == own.generator


def test_another_setting_starts_another_run(cluster: FakeCluster, experiment: FakeExperiment) -> None:
    async def story(dash: Dashboard) -> None:
        dash.controls.train.click()
        await until(lambda: points(dash) > 5)
        dash.stop()
        await until(lambda: not dash.running)
        dash.controls.ranks.value = 1
        assert message(dash) == "Another setting: Train starts a new run."
        dash.controls.ranks.value = 2
        assert message(dash) == "Train goes on with the run."
        dash.controls.optimizer.value = "lbfgs"
        assert dash.controls.rate.value == 1.0  # the optimizer's own
        assert text(dash.controls.facts) == "64 samples, batch 64, 400 steps"
        dash.controls.ranks.value, dash.controls.resolution.value = 1, 96
        dash.controls.generator.value = "FNO"
        dash.controls.train.click()
        await until(lambda: len(cluster.solvers) == 2)
        assert dash.solver.ranks == 1
        assert dash.solver.experiment == FakeExperiment(
            FakeProblem(96), "lbfgs", 1.0, samples=64, batch=64, generator=pk.FNO()
        )
        dash.stop()
        await until(lambda: not dash.running)

    run(cluster, experiment, story)


def test_a_wrong_setting_is_refused_in_words(cluster: FakeCluster, experiment: FakeExperiment) -> None:
    async def story(dash: Dashboard) -> None:
        dash.controls.rate.value = -1.0
        assert message(dash) == "rate: expected a finite number above 0, got -1.0; give rate=0.001"
        dash.controls.say("")
        dash.controls.train.click()
        await until(lambda: "expected" in message(dash))
        assert not cluster.solvers and not dash.running
        assert 'role="alert"' in dash.controls.message.value
        with pytest.raises(ValueError, match="above 0"):
            _ = dash.experiment
        dash.controls.rate.value = 0.01
        dash.controls.train.click()
        await until(lambda: points(dash) > 0)
        dash.stop()
        await until(lambda: not dash.running)

    run(cluster, experiment, story)


def test_the_first_train_starts_the_engines(experiment: FakeExperiment) -> None:
    cluster = FakeCluster(state="stopped")

    async def story(dash: Dashboard) -> None:
        dash.controls.train.click()
        await until(lambda: message(dash).startswith("Starting 2 engines: 0 s of about"))
        assert not dash.controls.stop.disabled
        await until(lambda: points(dash) > 0)
        dash.stop()
        await until(lambda: not dash.running)

    run(cluster, experiment, story)


def test_a_dead_rank_is_told_and_restart_works(cluster: FakeCluster, experiment: FakeExperiment) -> None:
    async def story(dash: Dashboard) -> None:
        dash.controls.train.click()
        await until(lambda: points(dash) > 5)
        assert dash.controls.restart.layout.display == "none"
        cluster.kill()
        await until(lambda: not dash.running, limit=5)
        assert DEATH in message(dash)
        assert dash.controls.restart.layout.display == "inline-block"
        assert dash.controls.train.disabled and dash.controls.stop.disabled
        assert points(dash) > 5  # the curve stays

        dash.controls.restart.click()
        await until(lambda: message(dash).startswith("Restarting 2 engines"))
        await until(lambda: message(dash).startswith("The engines are ready again"))
        assert dash.controls.restart.layout.display == "none"
        dash.controls.train.click()
        await until(lambda: len(cluster.solvers) == 2 and points(dash) > 5)
        dash.stop()
        await until(lambda: not dash.running)

    run(cluster, experiment, story)


def test_a_rank_that_dies_at_rest_is_told_too(cluster: FakeCluster, experiment: FakeExperiment) -> None:
    async def story(dash: Dashboard) -> None:
        cluster.kill()
        assert message(dash) == DEATH
        assert dash.controls.restart.layout.display == "inline-block" and dash.controls.train.disabled

    run(cluster, experiment, story)


def test_a_wrong_setting_does_not_lose_the_run(cluster: FakeCluster, experiment: FakeExperiment) -> None:
    async def story(dash: Dashboard) -> None:
        dash.controls.train.click()
        await until(lambda: points(dash) > 3)
        dash.stop()
        await until(lambda: not dash.running)
        taken, rate = points(dash), dash.controls.rate.value
        dash.controls.rate.value = -1.0
        with pytest.raises(ValueError, match="above 0"):
            await dash.train()
        dash.controls.rate.value = rate
        dash.controls.train.click()
        await until(lambda: points(dash) > taken)
        assert len(cluster.solvers) == 1
        dash.stop()
        await until(lambda: not dash.running)

    run(cluster, experiment, story)


def test_a_prediction_that_diverged_is_told_in_words(
    cluster: FakeCluster, experiment: FakeExperiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(dash: Dashboard) -> None:
        dash.controls.train.click()
        await until(lambda: points(dash) > 3)

        async def diverged(i: int, resolution: int) -> np.ndarray:
            return np.full((resolution, resolution), np.nan)

        monkeypatch.setattr(dash.solver, "predict_async", diverged)
        await until(lambda: not dash.running)
        assert "expected a finite prediction" in message(dash) and "smaller learning rate" in message(dash)

    run(cluster, experiment, story)


def test_what_goes_wrong_is_shown_and_raised(cluster: FakeCluster, experiment: FakeExperiment) -> None:
    """Both where a button was clicked, and where a program awaits the verb."""
    cluster.diverges_at = 12

    async def story(dash: Dashboard) -> None:
        dash.controls.train.click()
        await until(lambda: "expected a finite loss, got nan" in message(dash))
        await until(lambda: not dash.running)
        with pytest.raises(FloatingPointError, match="step 12"):
            await dash.train()  # anew, since the run is spoilt
        assert len(cluster.solvers) == 2
        assert message(dash) == "FloatingPointError: step 12: expected a finite loss, got nan"

    run(cluster, experiment, story)


def test_an_error_while_painting_is_shown_and_no_step_is_lost(
    cluster: FakeCluster, experiment: FakeExperiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(dash: Dashboard) -> None:
        dash.controls.train.click()
        await until(lambda: points(dash) > 5)
        solver = dash.solver

        def breaks(*_: object) -> None:
            raise KeyError("paint")

        monkeypatch.setattr(dash.controls, "show_error", breaks)
        await until(lambda: not dash.running)
        assert message(dash) == "KeyError: 'paint'"
        taken = len(solver.history)
        await asyncio.sleep(0.4)
        assert len(solver.history) == taken == sum(solver.calls)

    run(cluster, experiment, story)


def test_another_sample_in_training_and_at_rest(cluster: FakeCluster, experiment: FakeExperiment) -> None:
    async def story(dash: Dashboard) -> None:
        shown = dash.figure.widget.data[0]
        dash.controls.sample.value = 3
        await until(lambda: np.allclose(shown.z, np.log10(FakeProblem(64).coefficient(1003)), atol=1e-3))
        dash.controls.train.click()
        await until(lambda: points(dash) > 5)
        dash.controls.sample.value = 5
        await until(
            lambda: np.allclose(shown.z[0], np.log10(FakeProblem(32).coefficient(1005))[0], atol=1e-3)
        )
        dash.stop()
        await until(lambda: not dash.running)
        errors = dash.figure.widget.data[6]
        assert errors.x[0] > 1  # the curve of the other sample is gone
        dash.controls.sample.value = 0
        await until(lambda: list(errors.x) == [len(dash.solver.history)])
        assert not blank(dash.figure.widget.data[1])

    run(cluster, experiment, story)


def test_another_resolution_before_the_first_train_shows_its_fields(
    cluster: FakeCluster, experiment: FakeExperiment
) -> None:
    async def story(dash: Dashboard) -> None:
        dash.controls.resolution.value = 48
        await until(lambda: np.shape(dash.figure.widget.data[2].z) == (48, 48))

    run(cluster, experiment, story)


def test_a_page_opened_late_sees_the_figure_as_it_is(cluster: FakeCluster) -> None:
    """Voila connects after the cells have run; a reloaded page asks for the state again."""

    async def story(dash: Dashboard) -> None:
        await dash.train()
        state = dash.figure.widget.get_state()["_widget_data"]
        assert len(state[4]["x"]["shape"] if isinstance(state[4]["x"], dict) else state[4]["x"]) > 0
        assert [row["shape"] for row in state[1]["z"]] == [(64,)] * 64

    run(cluster, FakeExperiment(steps=20), story)


def test_a_large_field_and_a_long_curve_are_thinned(cluster: FakeCluster) -> None:
    async def story(dash: Dashboard) -> None:
        await dash.train()
        assert points(dash) <= POINTS
        assert dash.figure.widget.data[4].x[-1] == 900
        assert np.shape(dash.figure.widget.data[1].z) == (PIXELS, PIXELS)

    cluster.seconds_per_step = 0.0001
    run(cluster, FakeExperiment(FakeProblem(256), steps=900), story)


def test_a_problem_of_its_own_goes_with_the_default_experiment(cluster: FakeCluster) -> None:
    dash = Dashboard(cluster, pk.Poisson(resolution=32))
    assert dash.experiment == pk.Experiment(pk.Poisson(resolution=32))
    dash.controls.rate.value = 0.5
    assert dash.experiment.rate == 0.5


def test_an_error_behind_a_chosen_sample_is_shown(
    cluster: FakeCluster, experiment: FakeExperiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No button was clicked and nobody awaits it: it must not be lost."""

    async def breaks(*_: object, **__: object) -> None:
        raise OSError("no route")

    async def story(dash: Dashboard) -> None:
        dash.controls.train.click()
        await until(lambda: points(dash) > 5)
        dash.stop()
        await until(lambda: not dash.running)
        monkeypatch.setattr(dash.solver, "predict_async", breaks)
        dash.controls.sample.value = 7
        await until(lambda: message(dash) == "OSError: no route")

    run(cluster, experiment, story)
