"""A cluster of MPI engines: started, watched, asked, restarted and stopped."""

import asyncio
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Self

from pdekit import checks
from pdekit.cluster import sigterm
from pdekit.cluster.calls import Call
from pdekit.cluster.engines import Engines
from pdekit.cluster.errors import ClusterError
from pdekit.cluster.launch import Plan
from pdekit.cluster.remote import RemoteSolver

if TYPE_CHECKING:
    from pdekit.train import Experiment

LOOK = 0.5  # seconds between two looks at idle engines
POLL = 0.02  # seconds between two looks while they start or stop


class Cluster:
    """MPI engines on this machine: `with Cluster(ranks=2) as cluster: ...`, or `start` and `close`.

    threads: per rank; None for as many as fit the cores. encrypted: CURVE on all traffic. timeout: seconds
    for `start`. call_timeout: seconds for one call on the engines. mpiexec: the launcher's command; left out
    it is $PDEKIT_MPIEXEC, this environment's, or the one on PATH. ValueError for what cannot work.

    In a notebook, `await` the `..._async` verbs where the kernel must stay free. When this process ends, in
    whatever way, so do the engines.
    """

    def __init__(
        self,
        ranks: int = 2,
        threads: int | None = 1,
        launcher: str = "local",
        encrypted: bool = True,
        timeout: float = 60.0,
        *,
        call_timeout: float = 600.0,
        mpiexec: str | None = None,
    ) -> None:
        self.plan = Plan.checked(ranks, threads, launcher, encrypted, timeout, mpiexec)
        self.call_timeout = checks.positive("call_timeout", call_timeout)
        self.current: object = None  # the solver that the engines hold
        self._state, self._message, self._details = "stopped", "Not started: call start().", ""
        self._callbacks: list[Callable[[Cluster], object]] = []
        self._engines: Engines | None = None

    @property
    def ranks(self) -> int:
        """How many engines."""
        return self.plan.ranks

    @property
    def threads(self) -> int:
        """How many threads each."""
        return self.plan.threads

    @property
    def warning(self) -> str:
        """What to know about more threads than cores; empty while each has its own."""
        return self.plan.warning

    @property
    def state(self) -> str:
        """ "stopped", "starting", "ready", "busy" (a call is in flight) or "dead", as of now."""
        self._look()
        return "busy" if self._state == "ready" and self._engines.busy else self._state

    @property
    def message(self) -> str:
        """The state in words: what happened, and what to do."""
        self._look()
        return self._message

    def on_change(self, callback: "Callable[[Cluster], object]") -> None:
        """Call `callback(cluster)` when it is starting, ready, dead, stopped; in the kernel's event loop."""
        self._callbacks.append(callback)

    def __repr__(self) -> str:
        return f"<Cluster {self.state}: {self.plan}, {self.plan.mpiexec[0]}>"

    # --- start and stop: generators that yield where they wait, driven by a script or by an event loop

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
        yield from self._ending()
        self._set("starting", f"Starting {self.plan}.")
        try:
            self._engines = Engines(self.plan)
            self._finalizer = weakref.finalize(self, self._engines.processes.end)
            sigterm.install()
            yield from self._engines.connecting()
        except Exception as error:
            yield from self._ending()
            self._set("stopped", str(error))
            raise
        except BaseException:  # interrupted or cancelled: it may not yield again
            _drive(self._ending())
            self._set("stopped", "The start was interrupted; call start().")
            raise
        self._set("ready", f"Ready: {self.plan}.")
        self._watch()

    def _closing(self) -> Iterator[None]:
        yield from self._ending()
        if self._state != "stopped":
            self._set("stopped", "Stopped: call start().")

    def _ending(self) -> Iterator[None]:
        engines, self._engines, self.current = self._engines, None, None
        if engines is not None:
            yield from engines.ending()
            self._finalizer.detach()
            sigterm.uninstall()

    # --- calls

    def solver(self, experiment: "Experiment | str", ranks: int | None = None) -> RemoteSolver:
        """`experiment` on the first `ranks` engines (all by default): a solver with the verbs of `pk.Solver`.

        The engines hold one solver: a new one takes the place of the last. ValueError for more ranks than
        engines, before any of them is asked.
        """
        solver = RemoteSolver(self, experiment, ranks)
        solver.built(self.gather(solver.build()))
        return solver

    async def solver_async(self, experiment: "Experiment | str", ranks: int | None = None) -> RemoteSolver:
        """`solver` without blocking the event loop."""
        solver = RemoteSolver(self, experiment, ranks)
        solver.built(await self.gather_async(solver.build()))
        return solver

    def apply(self, function: Callable[..., Any], *arguments: Any, ranks: int | None = None) -> list[Any]:
        """Call `function(*arguments)` on the first `ranks` engines: what each returns, in the order of ranks.

        ClusterError if an engine dies or raises, or after `call_timeout` seconds.
        """
        return self.gather(self.send(function, *arguments, ranks=ranks))

    async def apply_async(
        self, function: Callable[..., Any], *arguments: Any, ranks: int | None = None
    ) -> list[Any]:
        """`apply` without blocking the event loop."""
        return await self.gather_async(self.send(function, *arguments, ranks=ranks))

    def send(self, function: Callable[..., Any], *arguments: Any, ranks: int | None = None) -> Call:
        """Put `function(*arguments)` in the queue of the first `ranks` engines; `gather` waits for it."""
        ranks = self.ranks if ranks is None else checks.whole("ranks", ranks, most=self.ranks)
        if self.state not in ("ready", "busy"):
            raise ClusterError(self._message, self._details)
        return self._engines.send(function, arguments, ranks, self.call_timeout)

    def gather(self, call: Call) -> list[Any]:
        """The results of `call`, in the order of the ranks."""
        engines = self._engines
        call.wait(lambda: self._settled(call, engines))
        return call.results()

    async def gather_async(self, call: Call) -> list[Any]:
        """`gather` without blocking the event loop. Cancelled, it leaves the call in flight."""
        engines = self._engines
        await call.wait_async(lambda: self._settled(call, engines))
        return call.results()

    # --- health

    def _settled(self, call: Call, engines: Engines) -> bool:
        """Whether all ranks have returned or raised; ClusterError when they never will."""
        if call.done:
            return True
        if self._engines is not engines:
            raise ClusterError("The cluster was closed while this call was in flight; call it again.")
        self._look()
        if self._state == "ready" and (why := call.overdue()) is not None:
            self._die(str(why), why.details)
        if self._state == "dead":
            raise ClusterError(self._message, self._details)
        return False

    def _look(self) -> None:
        """Notice engines that have died since the last look."""
        if self._state == "ready" and (failure := self._engines.processes.failure()) is not None:
            self._die(f"{failure[0].upper()}{failure[1:]}.", self._engines.processes.log())

    def _die(self, why: str, details: str) -> None:
        self._engines.processes.terminate()
        self._set(
            "dead", f"{why} What the engines had learnt is lost; call restart() for fresh ones.", details
        )

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


def _look_again(cluster: "weakref.ref[Cluster]", engines: Engines, loop: asyncio.AbstractEventLoop) -> None:
    held = cluster()
    if held is not None and held._engines is engines and held.state in ("ready", "busy"):
        loop.call_later(LOOK, _look_again, cluster, engines, loop)


def _drive(steps: Iterator[None]) -> None:
    with closing(steps):
        for _ in steps:
            time.sleep(POLL)


async def _drive_async(steps: Iterator[None]) -> None:
    with closing(steps):
        for _ in steps:
            await asyncio.sleep(POLL)
