"""What the page asks for, done in the thread of the notebook's cells."""

import asyncio
from collections.abc import Callable


class Home:
    """Takes work to the event loop in which it was made: JupyterLab hands what a mouse did to another thread.

    Made without a running loop, it does all work at once.
    """

    def __init__(self) -> None:
        self._loop = running()

    def do(self, work: Callable[[], None]) -> None:
        """Do `work`: now if this is the loop's thread, else there, soon."""
        if self._loop is None or self._loop.is_closed() or self._loop is running():
            work()
        else:
            self._loop.call_soon_threadsafe(work)


def running() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
