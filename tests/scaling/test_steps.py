"""Fits of steps: a known training comes out, on more ranks and other networks, and its parts are where they belong."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pdekit.scaling import Measurement, fit_messages, fit_steps
from pdekit.scaling.fitted.prediction import BUCKET, Traffic
from pdekit.scaling.fitted.steps import Steps
from tests.scaling import synthetic
from tests.scaling.synthetic import GRADIENT, Training, allreduces, both_ways

FAST, SLOW = synthetic.rabenseifner(5e-6, 1 / 5e9), synthetic.rabenseifner(1e-4, 8 / 1e8)


class Constant:
    """A network on which each allreduce takes a second, and one for each MB."""

    def allreduce(self, bytes, ranks):
        n, p = np.broadcast_arrays(np.asarray(bytes, float), np.asarray(ranks, float))
        return np.where(p > 1, 1 + n / 1e6, 0.0)


def fitted(training: Training, ranks, resolutions=(32, 64), seed: int = 0, **settings: float) -> Steps:
    messages = fit_messages(allreduces(training.law, [p for p in ranks if p > 1], seed))
    return fit_steps(
        training.steps(both_ways(ranks, resolutions), seed, **settings), messages, training.cores
    )


@pytest.mark.parametrize(
    ("law", "ranks", "new", "cores"),
    [
        (FAST, (1, 2, 4, 16), (8,), 16),
        (FAST, (1, 2, 4), (8, 16), 16),
        (SLOW, (1, 2, 4), (8, 16), 16),
        (FAST, (1, 2, 4), (8,), 2),
    ],
    ids=["between", "beyond", "a slow network", "ranks that take turns on 2 cores"],
)
def test_held_out_world_sizes_are_within_15_percent_and_nine_in_ten_inside_the_band(
    law, ranks, new, cores
) -> None:
    """Fails without the memory bus, the jitter, the turns, or with the mean of the samples instead of the most."""
    errors, inside, widths = [], [], []
    for seed in range(3):
        training = Training(law, cores)
        reach = ranks if cores > 4 else (1, 2, 4, 8)
        messages = fit_messages(allreduces(law, [p for p in reach if p > 1], seed))
        steps = fit_steps(training.steps(both_ways(ranks, (32, 64)), seed), messages, cores)
        for (resolution,), test in (
            training.steps(both_ways(new, (32, 64)), 1000 + seed, rounds=2).groups("resolution").items()
        ):
            seconds = test.column("seconds")
            predicted = steps.predict(test.column("ranks"), test.column("global_batch"), resolution)
            errors.append(np.abs(predicted.seconds / seconds - 1))
            inside.append((predicted.low <= seconds) & (seconds <= predicted.high))
            widths.append(predicted.high / predicted.low)
    assert np.median(np.concatenate(errors)) < 0.15
    assert np.mean(np.concatenate(inside)) > 0.87
    assert np.median(np.concatenate(widths)) < 1.9


def test_the_known_model_comes_out() -> None:
    training = Training(FAST)
    steps = fitted(training, (1, 2, 4, 8), (32, 64), noise=0.002)
    assert steps.compute.fixed["adamw"] == pytest.approx(training.fixed, rel=0.05)
    assert steps.compute.per_sample["adamw", 64] == pytest.approx(12e-3, rel=0.02)
    assert steps.compute.bus == pytest.approx(training.bus, rel=0.1)
    assert steps.jitter == pytest.approx(training.jitter, rel=0.2)


def test_the_parts_add_up_and_the_rank_with_most_samples_is_waited_for() -> None:
    """5 ranks of 16 samples: one has 4 of them, the others 3; 3.2 is what an even share would be."""
    training = Training(FAST)
    training.jitter = 0.0
    steps = replace(fitted(training, (1, 2, 4), noise=0.002), jitter=0.0)
    found = steps.predict([1, 4, 5], 16, 64)
    np.testing.assert_allclose(found.seconds, found.compute + found.norms + found.gradient + found.waiting)
    assert found.waiting[0] == found.waiting[1] == 0
    assert found.waiting[2] == pytest.approx(0.8 * 12e-3 * (1 + 4 * 0.05), rel=0.05)
    assert (found.norms[1:] > 0).all() and found.norms[0] == found.gradient[0] == 0
    assert found.ranks.tolist() == [1, 4, 5] and (found.low < found.seconds).all()


def test_over_another_network_its_messages_are_priced() -> None:
    steps = fitted(Training(FAST), (1, 2, 4))
    found = steps.predict([1, 2, 4096], [16, 16, 65536], 64, network=Constant())
    np.testing.assert_allclose(found.norms[1:], 36 * (1 + 600 / 1e6))
    np.testing.assert_allclose(found.gradient[1:], 1 + GRADIENT / 1e6)
    here = steps.predict(2, 16, 64)
    assert found.compute[1] == pytest.approx(float(here.compute))
    # 4,096 ranks fill nodes like this one, of 16 cores
    assert found.compute[2] == pytest.approx((4e-3 + 16 * 12e-3) * (1 + 15 * 0.05), rel=0.1)


def test_ranks_that_take_turns_do_not_on_machines_of_their_own() -> None:
    training = Training(FAST, cores=2)
    steps = fitted(training, (1, 2, 4))
    assert steps.predict(4, 16, 64).compute == pytest.approx(training.compute(4, 16, 64), rel=0.1)
    assert steps.predict(4, 16, 64, network=Constant()).compute == pytest.approx(
        (4e-3 + 4 * 12e-3) * 1.05, rel=0.1
    )


def test_overlap_hides_what_backward_lasts_and_no_more() -> None:
    """Done by hand, bucket after bucket: it starts when it is there and the one before has arrived."""
    traffic = Traffic(36, 600, 1, 4.5 * BUCKET)
    for compute in (0.0, 1.0, 20.0, 100.0):
        each, backward, free = 1 + 0.9 * BUCKET / 1e6, compute * 2 / 3, 0.0
        for i in range(1, 6):
            free = max(free, i / 5 * backward) + each
        found = traffic.gradient_seconds(np.array([4.0]), Constant(), np.array([compute]), overlap=True)
        assert found[0] == pytest.approx(free - backward)
    plain = traffic.gradient_seconds(np.array([1.0, 4.0]), Constant(), np.array([20.0, 20.0]))
    np.testing.assert_allclose(plain, [0, 1 + 4.5 * BUCKET / 1e6])


def test_a_method_that_evaluates_twice_sends_two_gradients() -> None:
    assert Traffic.of(74, 2 * (21600 + GRADIENT), GRADIENT) == Traffic(72, 43200, 2, GRADIENT)
    assert Traffic.of(0, 0, 0) == Traffic(0, 0, 0, 0)


def test_a_resolution_that_was_not_measured_is_interpolated_and_refused_far_away() -> None:
    training = Training(FAST)
    steps = fitted(training, (1, 2, 4), (32, 128))
    assert steps.predict(1, 16, 64).seconds == pytest.approx(training.seconds(1, 16, 64), rel=0.1)
    near, far = steps.predict(1, 16, 128), steps.predict(1, 16, 256)
    assert far.high / far.low > near.high / near.low and steps.predict(1, 16).seconds == near.seconds
    for wrong in (512, 8):
        with pytest.raises(
            ValueError, match="resolution: expected one near those measured with 'adamw', 32, 128"
        ):
            steps.predict(1, 16, wrong)
    with pytest.raises(ValueError, match="resolution: expected one near"):
        fitted(training, (1, 2, 4), (64,)).predict(1, 16, 65)


def test_threads_follow_amdahl() -> None:
    """A third of a step is serial: 2 threads take 2/3, 4 half of it."""
    training = Training(FAST)
    training.bus = 0.0
    one = training.steps(both_ways((1, 2, 4), (64,)), noise=0.01)
    slower = {1: 1.0, 2: 2 / 3, 4: 1 / 2}
    trials = [
        replace(t, threads=k, seconds=t.seconds * f, compute=tuple(c * f for c in t.compute))
        for t in one.trials
        for k, f in slower.items()
        if t.ranks * k <= 4 and (t.ranks == 1 or k == 1)
    ]
    steps = fit_steps(Measurement(trials), fit_messages(allreduces(FAST, (2, 4))), cores=16)
    assert steps.compute.serial == pytest.approx(1 / 3, abs=0.03)
    alone = [float(steps.predict(1, 16, threads=k).seconds) for k in slower]
    np.testing.assert_allclose(alone, alone[0] * np.array(list(slower.values())), rtol=0.05)
    with pytest.raises(ValueError, match="threads: expected 1, as measured, got 2"):
        fitted(training, (1, 2, 4)).predict(1, 16, threads=2)


def test_one_world_size_predicts_itself_and_no_other() -> None:
    training = Training(FAST)
    messages = fit_messages(allreduces(FAST, (2,)))
    steps = fit_steps(training.steps([(2, b, 64) for b in (4, 8, 16, 32)]), messages, 16)
    assert steps.predict(2, 24).seconds == pytest.approx(training.seconds(2, 24, 64), rel=0.1)
    for network in (None, Constant()):
        with pytest.raises(
            ValueError, match="ranks: expected 2, the one world size whose steps were measured"
        ):
            steps.predict([1, 2], 24, network=network)


def test_messages_of_one_world_size_go_no_further_but_another_network_does() -> None:
    training = Training(FAST)
    steps = fit_steps(training.steps(both_ways((1, 2), (64,))), fit_messages(allreduces(FAST, (2,))), 2)
    assert steps.predict([1, 2], 16).seconds.shape == (2,)
    with pytest.raises(ValueError, match="the one world size whose messages were measured"):
        steps.predict([1, 2, 4], 16)
    assert steps.predict([1, 2, 4], 16, network=Constant()).seconds.shape == (3,)
    alone = fit_steps(training.steps(both_ways((1, 2), (64,))), None, 2)
    assert alone.predict(1, 16).seconds == pytest.approx(training.seconds(1, 16, 64), rel=0.1)
    with pytest.raises(ValueError, match="network: expected one, as no allreduces were measured"):
        alone.predict(2, 16)


def test_without_weak_scaling_the_bus_is_not_guessed() -> None:
    training = Training(FAST)
    messages = fit_messages(allreduces(FAST, (2, 4)))
    steps = fit_steps(training.steps([(p, 16, n) for p in (1, 2, 4) for n in (32, 64)]), messages, 16)
    assert steps.compute.bus == 0


def test_one_number_of_samples_says_nothing_of_another() -> None:
    training = Training(FAST)
    messages = fit_messages(allreduces(FAST, (2, 4)))
    steps = fit_steps(training.steps([(p, 4 * p, 64) for p in (1, 2, 4)]), messages, 16)
    assert steps.predict(4, 16).seconds == pytest.approx(training.seconds(4, 16, 64), rel=0.1)
    with pytest.raises(ValueError, match="samples per rank: expected 4, all that was measured with 'adamw'"):
        steps.predict(4, 8)


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ([], "at least 3 kinds of steps .* got '0'"),
        ([(1, 8, 64), (2, 8, 64)], "at least 3 kinds of steps .* got '2'"),
    ],
)
def test_too_few_steps_give_a_message(kinds, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_steps(Training(FAST).steps(kinds), None)


@pytest.mark.parametrize("seconds", [math.nan, math.inf, 0.0, -1.0])
def test_times_that_are_none_give_a_message(seconds: float) -> None:
    good = Training(FAST).steps(both_ways((1, 2), (64,)))
    bad = Measurement([*good.trials[:-1], replace(good.trials[-1], seconds=seconds)])
    with pytest.raises(
        ValueError, match="seconds of the step on 2 ranks in round 2: expected a finite number above 0"
    ):
        fit_steps(bad, None)


def test_settings_that_were_not_measured_are_refused() -> None:
    steps = fitted(Training(FAST), (1, 2))
    for settings, name in (({"optimizer": "sgd"}, "optimizer"), ({"level": 0.0}, "level")):
        with pytest.raises(ValueError, match=f"^{name}: expected"):
            steps.predict(1, 16, **settings)
    for ranks, batch, name in ((0, 8, "ranks"), (2, 0, "global_batch"), (1.5, 8, "ranks")):
        with pytest.raises(ValueError, match=f"^{name}: expected whole numbers"):
            steps.predict(ranks, batch)
