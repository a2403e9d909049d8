"""A function call on several engines, in flight."""

import asyncio
import concurrent.futures
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future
from typing import Any

from pdekit.cluster.errors import ClusterError, raised

PERIOD = 0.25  # seconds between two looks at the health of the engines
GRACE = 3.0  # seconds for the other ranks to return once one has raised


class Call:
    """One function on the first ranks: a future for each, in the order of the ranks."""

    def __init__(self, futures: list[Future], limit: float) -> None:
        self.futures, self.limit, self.deadline = futures, limit, time.monotonic() + limit
        self.abandoned = False  # its engines were closed

    @property
    def done(self) -> bool:
        """Whether all ranks have returned or raised."""
        return all(future.done() for future in self.futures)

    def overdue(self) -> ClusterError | None:
        """Why there is no hope for the rest, if so: time is up, or they wait for a rank that has raised."""
        error = self._error()
        if error is not None:
            self.deadline = min(self.deadline, time.monotonic() + GRACE)
        if time.monotonic() < self.deadline:
            return None
        if error is not None:
            return ClusterError(f"{error} The other ranks wait for it in vain.", error.details)
        remedy = "ask for fewer steps at once, or give Cluster(call_timeout=...)"
        return ClusterError(f"A call did not return within {self.limit:.0f} s; {remedy}.")

    def results(self) -> list[Any]:
        """What the ranks returned, once all have. ClusterError if one of them raised."""
        if (error := self._error()) is not None:
            raise error
        return [future.result() for future in self.futures]

    def wait(self, settled: Callable[[], bool]) -> None:
        """Block until `settled()`, which is asked now and then and may raise."""
        while not settled():
            pending = [future for future in self.futures if not future.done()]
            concurrent.futures.wait(pending, PERIOD, FIRST_EXCEPTION)

    async def wait_async(self, settled: Callable[[], bool]) -> None:
        """The same without blocking the event loop. Cancelling the wait leaves the call in flight."""
        futures = [asyncio.wrap_future(future) for future in self.futures]
        for future in futures:
            future.add_done_callback(asyncio.Future.exception)  # seen, even where the wait was cancelled
        while not settled():
            pending = [future for future in futures if not future.done()]
            await asyncio.wait(pending, timeout=PERIOD, return_when=FIRST_EXCEPTION)

    def _error(self) -> ClusterError | None:
        """Who raised what so far; ranks that raised something else than the first are left out."""
        errors = {r: f.exception() for r, f in enumerate(self.futures) if f.done() and f.exception()}
        if not errors:
            return None
        said = {rank: f"{error.ename}: {error.evalue}" for rank, error in errors.items()}
        first = min(said)
        ranks = [rank for rank, words in said.items() if words == said[first]]
        return raised(ranks, said[first], errors[first].traceback or "")
