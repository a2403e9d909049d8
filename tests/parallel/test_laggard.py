"""A rank that lags: its sleeps, by a clock that only sleeping, computing and messages move; and a solver's, awake."""

import numpy as np
import pytest

import pdekit as pk
from pdekit.parallel import Serial
from pdekit.parallel.laggard import Laggard

ONE = np.zeros(1)


class Slow(Serial):
    """Messages of a second each."""

    def __init__(self, bench: "Bench") -> None:
        self.bench, self.seconds = bench, 0.0

    def allreduce(self, array: np.ndarray) -> None:
        self.bench.begun = self.bench.now
        self.bench.now += 1.0
        self.seconds += 1.0


class Bench:
    """A Laggard, and its time."""

    def __init__(self, factor: float, late: float = 0.0) -> None:
        self.now, self.sleeps, self.late = 100.0, [], late
        self.laggard = Laggard(Slow(self), clock=lambda: self.now, sleep=self.sleep)
        self.laggard.lag(factor)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.sleeps.append(seconds)
        self.now += seconds + self.late

    def compute(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("factor", [1.0, 1.5, 4.0])
def test_what_was_computed_is_followed_by_a_sleep_before_each_message_and_at_the_end(factor: float) -> None:
    """Fails if the sleep comes behind the message, if messages count as computing, or the end is left out."""
    bench = Bench(factor)
    with bench.laggard.working():
        for seconds in (2.0, 3.0):
            bench.compute(seconds)
            before = bench.now
            bench.laggard.allreduce(ONE)
            assert bench.begun - before == pytest.approx((factor - 1) * seconds)
        bench.compute(0.5)
    assert bench.now - 100 == pytest.approx(factor * 5.5 + 2)
    assert bench.laggard.seconds == 2.0  # and the rest is computing, to whoever subtracts them


def test_idle_times_are_not_made_longer() -> None:
    """Nor messages outside of steps. Fails if the mark of the step before is kept."""
    bench = Bench(3.0)
    for _ in range(2):
        bench.now += 1000.0
        bench.laggard.allreduce(ONE)
        with bench.laggard.working():
            bench.compute(1.0)
    assert bench.sleeps == [2.0, 2.0]
    with pytest.raises(ZeroDivisionError), bench.laggard.working():
        _ = 1 / 0
    bench.now += 1000.0
    bench.laggard.allreduce(ONE)
    assert len(bench.sleeps) == 2


def test_a_sleep_that_took_too_long_is_made_up_for() -> None:
    """Ten messages, each behind 0.1 s of computing; the shortest sleep is a second longer. Fails without: 32 s."""
    bench = Bench(3.0, late=1.0)
    with bench.laggard.working():
        for _ in range(100):
            bench.compute(0.1)
            bench.laggard.allreduce(ONE)
    assert bench.now - 200 == pytest.approx(3 * 10.0, abs=1.2)


def test_a_message_that_is_started_waits_for_the_sleep_too() -> None:
    bench = Bench(2.0)
    verbs = ("start_allreduce", "allgather", "reduce_scatter", "gather_parts")
    with bench.laggard.working():
        for verb in verbs:
            bench.compute(1.0)
            getattr(bench.laggard, verb)(ONE)
        bench.compute(1.0)
        bench.laggard.exchange(ONE, 0)
    assert bench.sleeps == [1.0] * 5


@pytest.mark.parametrize("factor", [0.5, float("inf"), "slow", True])
def test_a_factor_that_is_none_is_refused(factor: object) -> None:
    with pytest.raises(ValueError, match="factor: expected a finite number, at least 1, got"):
        Laggard(Serial()).lag(factor)


@pytest.mark.parametrize("way", [{}, {"overlap": True}, {"sharded": True}, {"reproducible": True}], ids=str)
def test_a_solver_that_lags_has_the_same_losses(way: dict) -> None:
    """Bit by bit; nobody really sleeps. Fails if a step does not make up for what it computed, or is changed by it."""
    settings = {"generator": pk.UNet(width=2, depth=2), "samples": 6, "batch": 3, "steps": 4} | way
    plain, late = (pk.Solver(pk.Experiment(pk.Poisson(16), **settings)) for _ in range(2))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        late.laggard._owed -= seconds  # as if the clock had moved

    late.laggard._sleep = sleep
    late.slow(3.0)
    late.advance(2)
    assert 1.0 * late.history.compute.sum() < sum(slept) < 2.5 * late.history.compute.sum()
    late.slow(3.0, rank=1)  # this is rank 0
    count = len(slept)
    np.testing.assert_array_equal(late.run().loss, plain.run().loss)
    assert len(slept) == count
