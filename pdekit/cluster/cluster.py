"""A cluster of MPI engines, and how to ask them."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pdekit as pk
from pdekit import checks
from pdekit.cluster import engine, halting
from pdekit.cluster.calls import Call
from pdekit.cluster.elastic import Kept
from pdekit.cluster.errors import ClusterError
from pdekit.cluster.launch import Plan
from pdekit.cluster.lifecycle import Lifecycle
from pdekit.cluster.remote import RemoteSolver
from pdekit.cluster.scale import Scaling

if TYPE_CHECKING:
    from pdekit.train import Experiment


class Cluster(Scaling, Lifecycle):
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
        super().__init__(Plan.checked(ranks, threads, launcher, encrypted, timeout, mpiexec))
        self.call_timeout = checks.positive("call_timeout", call_timeout)
        self.numbers = count(1)  # of the calls that can be halted

    @property
    def ranks(self) -> int:
        """How many engines."""
        return self.plan.ranks

    @property
    def threads(self) -> int:
        """How many threads each."""
        return self.plan.threads

    def set_threads(self, threads: int | None) -> None:
        """Let each engine compute with so many threads from now on, behind what is under way; None: as many as fit.

        `threads`, `warning` and later starts follow. A reproducible experiment stays at one thread for as long as the
        engines hold it. ValueError for what is no number of threads, ClusterError while the cluster is starting.
        """
        plan = self._with(threads)
        if self.state in ("ready", "busy"):
            self.gather(self.send(engine.set_threads, plan.threads))
        self._adopt(plan)

    async def set_threads_async(self, threads: int | None) -> None:
        """`set_threads` without blocking the event loop."""
        plan = self._with(threads)
        if self.state in ("ready", "busy"):
            await self.gather_async(self.send(engine.set_threads, plan.threads))
        self._adopt(plan)

    def _with(self, threads: int | None) -> Plan:
        if self.state == "starting":
            message = "threads: expected a cluster that is ready or at rest, got one that is starting"
            raise ClusterError(f"{message}; wait for it")
        return self.plan.with_threads(threads)

    @property
    def warning(self) -> str:
        """What to know about more threads than cores; empty while each has its own."""
        return self.plan.warning

    def __repr__(self) -> str:
        return f"<Cluster {self.state}: {self.plan}, {self.plan.mpiexec[0]}>"

    def solver(
        self,
        experiment: "Experiment | str",
        ranks: int | None = None,
        *,
        checkpoints: str | Path | None = None,
        every: int = 100,
        keep: int = 3,
        restart: bool = False,
    ) -> RemoteSolver:
        """`experiment` on the first `ranks` engines (all by default): a solver with the verbs of `pk.Solver`.

        The engines hold one solver: a new one takes the place of the last. With `checkpoints`, a folder that they
        see, as in `pk.Solver`; with `restart=True`, too, the death of an engine is a warning: the cluster restarts, and
        training goes on from the newest of them. ValueError for what cannot work, before any engine is asked.
        """
        solver = RemoteSolver(self, experiment, ranks, Kept(checkpoints, every, keep, restart).new())
        solver.built(self.gather(solver.build()))
        return solver

    async def solver_async(
        self, experiment: "Experiment | str", ranks: int | None = None, **kept: Any
    ) -> RemoteSolver:
        """`solver` without blocking the event loop."""
        solver = RemoteSolver(self, experiment, ranks, Kept(kept.pop("checkpoints", None), **kept).new())
        solver.built(await self.gather_async(solver.build()))
        return solver

    def resume(
        self, folder: str | Path, ranks: int | None = None, *, code: bool = False, restart: bool = False
    ) -> RemoteSolver:
        """The solver of the newest checkpoint in `folder`, or of that checkpoint, as `pk.Solver.resume` makes it."""
        found = pk.Checkpoint.newest(folder)
        solver = RemoteSolver(
            self, pk.Experiment.parse(found.experiment, code), ranks, Kept.of(found, restart)
        )
        solver.built(self.gather(solver.build(str(found.path))))
        return solver

    async def resume_async(
        self, folder: str | Path, ranks: int | None = None, *, code: bool = False, restart: bool = False
    ) -> RemoteSolver:
        """`resume` without blocking the event loop but to read the checkpoint."""
        found = pk.Checkpoint.newest(folder)
        solver = RemoteSolver(
            self, pk.Experiment.parse(found.experiment, code), ranks, Kept.of(found, restart)
        )
        solver.built(await self.gather_async(solver.build(str(found.path))))
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
        call.wait(lambda: self._settled(call))
        return call.results()

    async def gather_async(self, call: Call) -> list[Any]:
        """`gather` without blocking the event loop. Cancelled, it leaves the call in flight."""
        await call.wait_async(lambda: self._settled(call))
        return call.results()

    def halt(self, number: int) -> None:
        """Let the calls up to `number` end after the step that they are in, or the next; those that wait take none.

        Engines have to be there.
        """
        halting.say(self._engines.processes.folder, number)

    def holds(self, solver: object) -> bool:
        """Whether the engines hold `solver`, marked as theirs by `RemoteSolver.build`."""
        return self._engines is not None and self._engines.solver is solver

    def hold(self, solver: object) -> None:
        """Take note of the solver that the engines hold from now on."""
        self._engines.solver = solver

    def _settled(self, call: Call) -> bool:
        """Whether all ranks have returned or raised; ClusterError when they never will."""
        if call.done:
            return True
        if call.abandoned:
            raise ClusterError("The cluster was closed while this call was in flight; call it again.")
        self._look()
        if self._state == "ready" and (why := call.overdue()) is not None:
            self._die(str(why), why.details)
        if self._state != "ready":
            raise ClusterError(self._message, self._details)
        return False
