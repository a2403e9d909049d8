"""The slow network: its times, by a clock that only sleep and `compute` move. Its sums: see tests/ranks."""

import numpy as np
import pytest

from pdekit.parallel import Serial
from pdekit.parallel.slow import Slow

LATENCY, BANDWIDTH = 0.5, 100.0  # s, bytes/s


class Ranks(Serial):
    """One of `size` ranks of which the others take no time."""

    def __init__(self, size: int) -> None:
        self.size, self.seconds, self.sent, self.messages = size, 0.25, 7, 3

    def reduce_scatter(self, array: np.ndarray) -> np.ndarray:
        return array[: len(array) // self.size]


class Bench:
    """A Slow of `size` ranks, and its time."""

    def __init__(self, size: int) -> None:
        self.now, self.sleeps = 100.0, []
        self.slow = Slow(Ranks(size), LATENCY, BANDWIDTH, clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.sleeps.append(seconds)
        self.now += seconds

    def compute(self, seconds: float) -> None:
        self.now += seconds


def bytes_(n: int) -> np.ndarray:
    return np.zeros(n, dtype=np.uint8)


@pytest.mark.parametrize(
    ("size", "n", "expected"),
    [
        (1, 800, 0.0),
        (2, 800, 0.5 + 8),  # one round of the whole
        (4, 8, 2 * 0.5 + 2 * 0.08),  # short: two rounds of the whole
        (4, 800, 4 * 0.5 + 1.5 * 8),  # long: a half, a quarter, and both again
        (3, 800, 4 * 0.5 + 4 / 3 * 8),
        (8, 800, 6 * 0.5 + 1.75 * 8),
    ],
)
def test_an_allreduce_takes_the_time_of_the_quicker_algorithm(size: int, n: int, expected: float) -> None:
    """By hand from Thakur et al. Fails if long messages, too, are sent whole in each round."""
    bench = Bench(size)
    bench.slow.allreduce(bytes_(n))
    assert bench.now - 100 == pytest.approx(expected)
    assert bench.slow.seconds == pytest.approx(0.25 + expected) and (
        bench.slow.sent,
        bench.slow.messages,
    ) == (7, 3)


def test_the_other_messages() -> None:
    """4 ranks. Fails if the parts of a scattered array are taken for whole ones."""
    bench = Bench(4)
    for call, expected in (
        (lambda s: s.allgather(bytes_(100)), 2 * 0.5 + 3 * 1.0),
        (lambda s: s.reduce_scatter(bytes_(400)), 2 * 0.5 + 0.75 * 4.0),
        (lambda s: s.gather_parts(bytes_(400)), 2 * 0.5 + 0.75 * 4.0),
        (lambda s: s.exchange(bytes_(100), 1), 0.5 + 1.0),
        (lambda s: s.exchange(bytes_(100), 0), 0.0),
    ):
        start = bench.now
        call(bench.slow)
        assert bench.now - start == pytest.approx(expected)


@pytest.mark.parametrize(("computing", "waiting"), [(0.0, 2.5), (1.0, 1.5), (4.0, 0.0)])
def test_a_started_message_is_under_way_meanwhile(computing: float, waiting: float) -> None:
    """2 ranks, 200 bytes: 2.5 s. Fails if `wait` sleeps all of it, or if the start sleeps."""
    bench = Bench(2)
    pending = bench.slow.start_allreduce(bytes_(200))
    assert bench.now == 100
    bench.compute(computing)
    pending.wait()
    assert bench.now - 100 == pytest.approx(computing + waiting)
    assert bench.slow.seconds - 0.25 == pytest.approx(waiting)


def test_started_messages_share_one_link() -> None:
    """Fails if each has a link of its own, and if a blocking message overtakes those under way."""
    bench = Bench(2)
    flying = [bench.slow.start_allreduce(bytes_(200)) for _ in range(2)]
    bench.compute(2.0)
    bench.slow.allreduce(bytes_(50))  # 1 s, behind both
    assert bench.now == pytest.approx(100 + 2 * 2.5 + 1)
    for pending in flying:
        pending.poke()
        pending.wait()
    assert bench.now == pytest.approx(106)
    bench.slow.start_allreduce(bytes_(200)).wait()  # nobody is under way any more
    assert bench.now == pytest.approx(106 + 2.5)


def test_a_sleep_that_took_too_long_is_made_up_for() -> None:
    """The shortest real sleep is longer than a latency. Fails without: 100 messages take twice as long."""
    bench = Bench(2)
    exact = bench.sleep
    bench.slow._sleep = lambda seconds: exact(seconds + 1.0)
    for _ in range(100):
        bench.slow.allreduce(bytes_(50))  # 1 s
    assert bench.now - 100 == pytest.approx(100, abs=1.01)
    assert len(bench.sleeps) < 60


@pytest.mark.parametrize("given", [{"latency": 0.0}, {"bandwidth": -1.0}])
def test_it_refuses_what_is_no_network(given: dict) -> None:
    with pytest.raises(ValueError, match="expected a finite number above 0"):
        Slow(Serial(), **{"latency": 1e-5, "bandwidth": 1e9} | given)
