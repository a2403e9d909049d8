"""Work that comes faster than it needs doing: the latest is done, a few times a second."""

import asyncio
import time
from collections.abc import Callable

from pdekit.views.dashboard.figure.home import running


class Seldom:
    """Does what it is given at most once in `seconds`, and the last of it in any case.

    What comes too soon is done later by the running event loop; without one it is done at once.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._last = -float("inf")
        self._work: Callable[[], None] | None = None
        self._due: asyncio.TimerHandle | None = None

    def do(self, work: Callable[[], None]) -> bool:
        """Do `work` now or soon, in place of what is still waiting; whether that was now."""
        wait = self._last + self.seconds - time.monotonic()
        loop = running()
        if wait <= 0 or loop is None:
            self.at_once(work)
            return True
        self._work = work
        if self._due is None:
            self._due = loop.call_later(wait, self._now)
        return False

    def at_once(self, work: Callable[[], None]) -> None:
        """Do `work` now, in place of what is still waiting."""
        self._work = work
        self._now()

    def forget(self) -> None:
        """Leave undone what is still waiting."""
        self._work = None

    def _now(self) -> None:
        if self._due is not None:
            self._due.cancel()
        work, self._work, self._due, self._last = self._work, None, None, time.monotonic()
        if work is not None:
            work()
