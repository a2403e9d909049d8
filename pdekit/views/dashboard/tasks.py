"""Coroutines started by a click: held while they run, and their errors told."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Runs coroutines in the kernel's event loop; what one raises goes to `complain(error)`, never lost."""

    def __init__(self, complain: Callable[[BaseException], None]) -> None:
        self.complain = complain
        self._held: set[asyncio.Task[None]] = set()  # a task that nobody holds may be collected while it runs

    def launch(self, work: Coroutine[Any, Any, None]) -> None:
        """Start `work` and return at once."""
        task = asyncio.get_running_loop().create_task(work)
        self._held.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._held.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.complain(error)
