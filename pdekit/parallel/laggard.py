"""A rank that is slower than it could be: a Comm that lets time pass before this rank's messages."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from pdekit import checks
from pdekit.parallel.comm import Comm, Pending


class Laggard:
    """`comm` of a rank that computes `factor` times as long as it does: 1 is the rank as it is.

    Inside `working()`, what it has computed since its last message is followed by a sleep of (factor - 1) times as
    long, before the next message and at the end. The others wait in their messages, as they would for a slow core; the
    numbers are the same. The sleep is none of the `seconds` spent in communication. Not a network that is slow: that
    is `slow.Slow`.
    """

    def __init__(
        self,
        comm: Comm,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rank, self.size, self.inner, self.factor = comm.rank, comm.size, comm, 1.0
        self._clock, self._sleep = clock, sleep
        self._working = False
        self._slept = self._mark = 0.0
        self._owed = 0.0  # seconds to sleep; below 0 after a sleep that took too long

    def lag(self, factor: float) -> None:
        """From now on compute `factor` times as long. ValueError unless that is a finite number, at least 1."""
        self.factor, self._owed = checks.number("factor", factor, least=1), 0.0

    @contextmanager
    def working(self) -> Iterator[None]:
        """The time inside, but for messages, is this rank's computing."""
        self._working, self._mark = True, self._computed
        try:
            yield
            self._catch_up()
        finally:
            self._working = False

    @property
    def seconds(self) -> float:
        """Spent in communication since the start."""
        return self.inner.seconds

    @property
    def sent(self) -> int:
        """Bytes handed over since the start."""
        return self.inner.sent

    @property
    def messages(self) -> int:
        """In which they were."""
        return self.inner.messages

    def allreduce(self, array: np.ndarray) -> None:
        """See `Comm`."""
        self._catch_up()
        self.inner.allreduce(array)

    def start_allreduce(self, array: np.ndarray) -> Pending:
        """See `Comm`."""
        self._catch_up()
        return self.inner.start_allreduce(array)

    def allgather(self, array: np.ndarray) -> np.ndarray:
        """See `Comm`."""
        self._catch_up()
        return self.inner.allgather(array)

    def reduce_scatter(self, array: np.ndarray) -> np.ndarray:
        """See `Comm`."""
        self._catch_up()
        return self.inner.reduce_scatter(array)

    def gather_parts(self, array: np.ndarray) -> None:
        """See `Comm`."""
        self._catch_up()
        self.inner.gather_parts(array)

    def exchange(self, array: np.ndarray, partner: int) -> np.ndarray:
        """See `Comm`."""
        self._catch_up()
        return self.inner.exchange(array, partner)

    def bounce(self, array: np.ndarray, partner: int) -> None:
        """See `Comm`."""
        self._catch_up()
        self.inner.bounce(array, partner)

    @property
    def _computed(self) -> float:
        """A clock that stands still in messages and while this rank sleeps."""
        return self._clock() - self.inner.seconds - self._slept

    def _catch_up(self) -> None:
        """Sleep for what was computed since the last time."""
        if not self._working or self.factor == 1:
            return
        now = self._computed
        self._owed += (self.factor - 1) * (now - self._mark)
        self._mark = now
        if self._owed > 0:
            start = self._clock()
            self._sleep(self._owed)
            took = self._clock() - start
            self._owed -= took
            self._slept += took
