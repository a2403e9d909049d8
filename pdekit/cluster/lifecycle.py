"""The life of a cluster: its state, from start to close, and who is told of it."""

import asyncio
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Self

from pdekit.cluster import sigterm
from pdekit.cluster.engines import Engines
from pdekit.cluster.errors import ClusterError
from pdekit.cluster.launch import Plan

LOOK = 0.5  # seconds between two looks at idle engines
POLL = 0.02  # seconds between two looks while they start or stop


class Lifecycle:
    """Starts, watches, restarts and closes the engines of a plan.

    Start and close are generators that yield where they wait, so that a script and an event loop can drive them.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._engines: Engines | None = None
        self._state, self._message, self._details = "stopped", "Not started: call start().", ""
        self._callbacks: list[Callable[[Self], object]] = []

    @property
    def state(self) -> str:
        """ "stopped", "starting", "ready", "busy" (a call is in flight) or "dead", as of now."""
        self._look()
        engines = self._engines
        return "busy" if self._state == "ready" and engines is not None and engines.busy else self._state

    @property
    def message(self) -> str:
        """The state in words: what happened, and what to do."""
        self._look()
        return self._message

    @property
    def stage(self) -> str:
        """What the engines are doing while they start, such as "importing torch on 2 of 2 ranks"; "" at other times."""
        if self._state != "starting":
            return ""
        return "ending the engines of before" if self._engines is None else self._engines.stage

    def on_change(self, callback: Callable[[Self], object]) -> None:
        """Call `callback(cluster)` when it is starting, ready, dead, stopped; in the kernel's event loop."""
        self._callbacks.append(callback)

    def start(self) -> Self:
        """Start the engines and wait for them; nothing if they run. ClusterError if they do not come up."""
        _drive(self._starting())
        return self

    async def start_async(self) -> Self:
        """`start` without blocking the event loop."""
        await _drive_async(self._starting())
        return self

    def close(self) -> None:
        """End the engines, whatever they do, and remove their files."""
        _drive(self._closing())

    async def close_async(self) -> None:
        """`close` without blocking the event loop."""
        await _drive_async(self._closing())

    def restart(self) -> Self:
        """Fresh engines in place of the old, dead or alive."""
        self.close()
        return self.start()

    async def restart_async(self) -> Self:
        """`restart` without blocking the event loop."""
        await self.close_async()
        return await self.start_async()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _starting(self) -> Iterator[None]:
        if self.state in ("ready", "busy"):
            return
        if self._state == "starting":
            raise ClusterError("start: expected a cluster at rest, got one that is starting; wait for it")
        self._set("starting", f"Starting {self.plan}.")
        yield from self._ending()
        engines = None
        try:
            engines = self._engines = Engines(self.plan, owner=self)
            sigterm.install()
            yield from engines.connecting()
        except Exception as error:
            if self._engines is engines:  # else close() came first, and has said so
                yield from self._ending()
                self._set("stopped", str(error))
            raise
        except BaseException:  # interrupted or cancelled: it may not yield again
            if self._engines is engines:
                _drive(self._ending())
                self._set("stopped", "The start was interrupted: call start().")
            raise
        self._set("ready", self._settled_words)
        self._watch()

    @property
    def _settled_words(self) -> str:
        return f"Ready: {self.plan}. {self.plan.warning}".strip()

    def _adopt(self, plan: Plan) -> None:
        """Have another plan, which the engines follow already if there are any."""
        self.plan = plan
        if self._state == "ready":
            self._message = self._settled_words

    def _closing(self) -> Iterator[None]:
        known = self._state == "stopped"
        self._state = "stopped"
        yield from self._ending()
        if not known and self._state == "stopped":  # it may have been started anew meanwhile
            self._set("stopped", "Stopped: call start().")

    def _ending(self) -> Iterator[None]:
        engines, self._engines = self._engines, None
        if engines is not None:
            yield from engines.ending()
            sigterm.uninstall()

    def _look(self) -> None:
        """Notice engines that have died since the last look."""
        engines = self._engines
        if self._state == "ready" and engines is not None and (failure := engines.failure()) is not None:
            self._die(f"{failure[0].upper()}{failure[1:]}.", engines.processes.log())

    def _die(self, why: str, details: str) -> None:
        self._engines.processes.terminate()
        lost = "What the engines had learnt is lost; call restart() for fresh ones."
        self._set("dead", f"{why} {lost}", details)

    def _set(self, state: str, message: str, details: str = "") -> None:
        self._state, self._message, self._details = state, message, details
        for callback in tuple(self._callbacks):
            callback(self)

    def _watch(self) -> None:
        """Look now and then, as long as these engines run and somebody holds this cluster."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a script: it sees the state when it asks
            return
        loop.call_later(LOOK, _look_again, weakref.ref(self), self._engines, loop)


def _look_again(ref: "weakref.ref[Lifecycle]", engines: Engines, loop: asyncio.AbstractEventLoop) -> None:
    held = ref()
    if held is not None and held._engines is engines and held.state in ("ready", "busy"):
        loop.call_later(LOOK, _look_again, ref, engines, loop)


def _drive(steps: Iterator[None]) -> None:
    with closing(steps):
        for _ in steps:
            time.sleep(POLL)


async def _drive_async(steps: Iterator[None]) -> None:
    with closing(steps):
        for _ in steps:
            await asyncio.sleep(POLL)
