"""A network that is slower than this machine's: a Comm whose messages take as long as a model says."""

import time
from collections.abc import Callable

import numpy as np

from pdekit import checks
from pdekit.parallel.comm import Comm, Pending


class Slow:
    """`comm` over links of `bandwidth` (bytes per second) and `latency` (seconds), by the alpha-beta model.

    With P ranks, r = ceil(log2 P) rounds, n the bytes a rank hands over, alpha the latency and B the bandwidth
    (Thakur, Rabenseifner and Gropp 2005, Optimization of collective communication operations in MPICH, section 4;
    adding up the numbers costs nothing):

        allreduce        r (alpha + n/B), recursive doubling, or 2 r alpha + 2 (P-1)/P n/B, Rabenseifner's, if quicker
        allgather        r alpha + (P-1) n/B, recursive doubling; gather_parts the same
        reduce_scatter   r alpha + (P-1)/P n/B, recursive halving
        exchange         alpha + n/B, both ways at once; bounce twice that

    A blocking message sleeps all of that once the real one is through. One that was started is under way while the rank
    computes, and `wait` sleeps the rest. All follow each other through the one link, a blocking message behind those
    under way: so mpich does over TCP (tests/benchmarks/shaped.py). The time of one that was started runs from this
    rank's start, not from the last rank's: what ranks that are late cost is at most the real message's. The real time
    comes on top; it should be short.

    `latency` and `bandwidth` may be changed between messages. ValueError if they are not above zero.
    """

    def __init__(
        self,
        comm: Comm,
        latency: float,
        bandwidth: float,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rank, self.size, self.inner = comm.rank, comm.size, comm
        self.latency = checks.positive("latency", latency)
        self.bandwidth = checks.positive("bandwidth", bandwidth)
        self.clock, self._sleep = clock, sleep
        self._slept = 0.0
        self._over = 0.0  # how much longer the sleeps took than they should have: the next ones are shorter
        self._free = 0.0  # when the last one under way arrives

    @property
    def seconds(self) -> float:
        """Spent in communication since the start, asleep or not."""
        return self.inner.seconds + self._slept

    @property
    def sent(self) -> int:
        """Bytes handed over since the start."""
        return self.inner.sent

    @property
    def messages(self) -> int:
        """In which they were."""
        return self.inner.messages

    @property
    def rounds(self) -> int:
        """In which P ranks have heard of each other."""
        return (self.size - 1).bit_length()

    def of_allreduce(self, n: float) -> float:
        """Seconds that an allreduce of n bytes takes."""
        doubling = self.rounds * (self.latency + n / self.bandwidth)
        others = (self.size - 1) / self.size
        return min(doubling, 2 * self.rounds * self.latency + 2 * others * n / self.bandwidth)

    def of_allgather(self, n: float) -> float:
        """Seconds that an allgather of n bytes from each rank takes."""
        return self.rounds * self.latency + (self.size - 1) * n / self.bandwidth

    def allreduce(self, array: np.ndarray) -> None:
        """See `Comm`."""
        self.inner.allreduce(array)
        self._block(self.of_allreduce(array.nbytes))

    def start_allreduce(self, array: np.ndarray) -> Pending:
        """See `Comm`."""
        self._free = max(self._free, self.clock()) + self.of_allreduce(array.nbytes)
        return _Travelling(self, self.inner.start_allreduce(array), self._free)

    def allgather(self, array: np.ndarray) -> np.ndarray:
        """See `Comm`."""
        gathered = self.inner.allgather(array)
        self._block(self.of_allgather(array.nbytes))
        return gathered

    def reduce_scatter(self, array: np.ndarray) -> np.ndarray:
        """See `Comm`."""
        part = self.inner.reduce_scatter(array)
        self._block(self.of_allgather(array.nbytes / self.size))
        return part

    def gather_parts(self, array: np.ndarray) -> None:
        """See `Comm`."""
        self.inner.gather_parts(array)
        self._block(self.of_allgather(array.nbytes / self.size))

    def exchange(self, array: np.ndarray, partner: int) -> np.ndarray:
        """See `Comm`."""
        other = self.inner.exchange(array, partner)
        if partner != self.rank:
            self._block(self.latency + array.nbytes / self.bandwidth)
        return other

    def bounce(self, array: np.ndarray, partner: int) -> None:
        """See `Comm`."""
        self.inner.bounce(array, partner)
        if partner != self.rank:
            self._block(2 * (self.latency + array.nbytes / self.bandwidth))

    def _block(self, seconds: float) -> None:
        self._arrive(max(self._free, self.clock()) + seconds)

    def _arrive(self, due: float) -> None:
        self._pause(due - self.clock())

    def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        start = self.clock()
        if seconds > self._over:
            self._sleep(seconds - self._over)
        took = self.clock() - start
        self._over += took - seconds
        self._slept += took


class _Travelling:
    """A message under way on the slow network, due at that time."""

    def __init__(self, slow: Slow, real: Pending, due: float) -> None:
        self._slow, self._real, self._due = slow, real, due

    def poke(self) -> bool:
        return self._real.poke() and self._slow.clock() >= self._due

    def wait(self) -> None:
        self._real.wait()
        self._slow._arrive(self._due)
