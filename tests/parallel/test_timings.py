"""What messages take, by a clock that only messages move."""

import numpy as np
import pytest

from pdekit.parallel import Serial, timings
from pdekit.parallel.timings import allreduce_seconds, ping_pong

LATENCY, BANDWIDTH = 0.001, 1e6  # s, bytes/s


class Timed(Serial):
    """Rank 0 of three. A message takes what the model says; the first ones ten times that, and each eleventh double.

    The slowest of the others needs half as long again.
    """

    rank, size = 0, 3

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.calls, self.asked = 0.0, 0, []
        monkeypatch.setattr(timings.time, "perf_counter", lambda: self.now)

    def _pass(self, seconds: float) -> None:
        self.calls += 1
        self.now += seconds * (10 if self.calls < timings.WARM else 2 if self.calls % 11 == 0 else 1)

    def allreduce(self, array: np.ndarray) -> None:
        assert array.dtype == np.float32
        self._pass(LATENCY + array.nbytes / BANDWIDTH)

    def bounce(self, array: np.ndarray, partner: int) -> None:
        self.asked.append(partner)
        self._pass(2 * (LATENCY + array.nbytes / BANDWIDTH))

    def allgather(self, array: np.ndarray) -> np.ndarray:
        return np.stack([array, 1.5 * array, 0.5 * array])

    def exchange(self, array: np.ndarray, partner: int) -> np.ndarray:
        return 1.5 * array


@pytest.mark.parametrize(("size", "count"), [(4, 200), (99_000, 6), (999_000, 3)])
def test_an_allreduce_is_the_median_of_the_slowest_rank(
    size: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 s of calls, at least 3 and at most 200. Fails with the warm-up, a mean, or this rank's own time."""
    comm = Timed(monkeypatch)
    assert allreduce_seconds(comm, size, seconds=1.0) == pytest.approx(1.5 * (LATENCY + size / BANDWIDTH))
    assert comm.calls == timings.WARM + count


def test_a_ping_pong_is_half_a_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    comm = Timed(monkeypatch)
    assert ping_pong(comm, 4000, partner=2) == pytest.approx(1.5 * 0.005)
    assert set(comm.asked) == {2}


def test_what_cannot_be_timed_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes: expected a multiple of 4, float32 numbers, got 6; give 8"):
        allreduce_seconds(Serial(), 6)
    with pytest.raises(ValueError, match="ping-pong: expected two ranks, got 1; start at least two"):
        ping_pong(Serial(), 8)
