"""A solver that lives on the engines, with the verbs of `pk.Solver`."""

import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pdekit as pk
from pdekit import checks
from pdekit.cluster import engine
from pdekit.cluster.adjustable import Adjustable
from pdekit.cluster.asking import Asking
from pdekit.cluster.calls import Call
from pdekit.cluster.elastic import Kept
from pdekit.cluster.errors import ClusterError, raised

if TYPE_CHECKING:
    from pdekit.cluster.cluster import Cluster
    from pdekit.train import Experiment, History, Step

TARGET = 0.25  # seconds that a call should last


class RemoteSolver(Adjustable, Asking):
    """Made by `Cluster.solver`: trains on the first `ranks` engines, with the losses of `pk.Solver` anywhere.

    `rate` is the learning rate before its schedule. `memory` are the bytes of each rank's process in main memory,
    after the latest `advance`, libraries included.
    Every verb raises ClusterError once an engine has died, the cluster was restarted, or a newer solver took
    its place; where it was made with `restart=True`, training goes on instead.
    """

    def __init__(
        self,
        cluster: "Cluster",
        experiment: "Experiment | str",
        ranks: int | None = None,
        kept: Kept | None = None,
    ) -> None:
        self.ranks = cluster.ranks if ranks is None else checks.whole("ranks", ranks, most=cluster.ranks)
        self.experiment: Experiment = pk.Experiment.parse(str(experiment), code=True)
        self.history: History = pk.History(experiment=str(self.experiment), size=self.ranks)
        self.done = False
        self.resolution, self.parameters, self.rate = 0, 0, self.experiment.rate
        self.memory: list[int] = []
        self._cluster, self._kept = cluster, kept or Kept()
        self._mark = object()
        self._flights: deque[Call] = deque()  # steps that are not in the history yet, the next to land first
        self._wishes: list[engine.Wish] = []
        self._number = self._halts = 0  # of the latest call for steps; how often they were halted

    @property
    def held(self) -> bool:
        """Whether the engines hold it, and no newer one."""
        return self._cluster.state in ("ready", "busy") and self._cluster.holds(self._mark)

    def build(self, checkpoint: str | None = None) -> Call:
        """Ask all engines for it, as `checkpoint` has it: the first make it, and all free the one they held."""
        if checkpoint is None:
            call = self._cluster.send(engine.build, str(self.experiment), self.ranks, *self._kept.settings)
        else:
            call = self._cluster.send(engine.resume, checkpoint, self.ranks)
        self._cluster.hold(self._mark)
        return call

    def built(self, results: list[Any]) -> None:
        """Take note of what rank 0 made."""
        self.parameters, self.resolution, self.done, self.rate, records, ranks = results[0]
        self.history.go_on_from([pk.Step(*record) for record in records], ranks)

    def advance(self, k: int) -> "list[Step]":
        """The next `k` steps; fewer, or none, when the experiment's steps are used up.

        Asked for in calls of about a quarter of a second, so that no time limit ends a long run.
        """
        checks.whole("k", k, least=0)
        halts = self._halts
        while self._flights:
            self._fly(0)
        start = len(self.history)
        wanted, count = start + k, 1
        while len(self.history) < wanted and not self.done and halts == self._halts:
            began = time.perf_counter()
            self._fly(min(count, wanted - len(self.history)))
            count = max(1, min(2 * count, round(count * TARGET / (time.perf_counter() - began))))
        return self.history.steps[start:wanted]

    async def advance_async(self, k: int) -> "list[Step]":
        """`advance` in one call, without blocking the event loop.

        Cancelled, it leaves its steps in flight: the next `advance` waits for them, and they are in the
        history then.
        """
        checks.whole("k", k, least=0)
        halts = self._halts
        while self._flights:
            await self._fly_async(0)
        start = len(self.history)
        # More than once where it has gone on from a checkpoint.
        while len(self.history) < start + k and not self.done and halts == self._halts:
            await self._fly_async(start + k - len(self.history))
        return self.history.steps[start : start + k]

    def send_ahead(self, k: int) -> None:
        """Ask for `k` more steps behind those that are under way, so that the engines never wait; returns at once."""
        self._take_off(checks.whole("k", k))

    def halt(self) -> None:
        """Let all that is under way end after the step that it is in, or the next, on all ranks; returns at once.

        What waits behind it takes none. Calls that are made later are not concerned.
        """
        self._halts += 1
        if self.held:
            self._cluster.halt(self._number)

    async def landed_async(self) -> "list[Step]":
        """The steps of the oldest call that is under way, once they are there; none if nothing is."""
        start = len(self.history)
        if self._flights:
            await self._fly_async(0)
        return self.history.steps[start:]

    def __iter__(self) -> "Iterator[Step]":
        return self

    def __next__(self) -> "Step":
        for step in self.advance(1):
            return step
        raise StopIteration

    def run(self) -> "History":
        """All remaining steps."""
        self.advance(self.experiment.steps)
        return self.history

    def _send(self, function: Any, *arguments: Any, ranks: int) -> Call:
        if self._cluster.state in ("ready", "busy") and not self._cluster.holds(self._mark):
            message = "This solver is no longer on the engines: a newer one, or a restart, took its place"
            raise ClusterError(f"{message}; make one with cluster.solver(experiment).")
        return self._cluster.send(function, *arguments, ranks=ranks)

    def _fly(self, k: int) -> None:
        """Bring home the steps in flight, else `k` more; start again from a checkpoint if an engine dies meanwhile."""
        call = None
        try:
            call = self._flights[0] if self._flights else self._take_off(k)
            self._land(call, self._cluster.gather(call))
        except ClusterError as death:
            place = self._place(death, call)
            self._cluster.restart()
            self.built(self._cluster.gather(self.build(place)))
            self._wish_again()

    async def _fly_async(self, k: int) -> None:
        call = None
        try:
            call = self._flights[0] if self._flights else self._take_off(k)
            self._land(call, await self._cluster.gather_async(call))
        except ClusterError as death:
            place = self._place(death, call)
            await self._cluster.restart_async()
            self.built(await self._cluster.gather_async(self.build(place)))
            self._wish_again()

    def _take_off(self, k: int) -> Call:
        self._number = next(self._cluster.numbers)
        self._flights.append(self._send(engine.advance, k, self._number, ranks=self.ranks))
        return self._flights[-1]

    def _land(self, call: Call, results: list[Any]) -> None:
        brought: engine.Advance = results[0]
        if call in self._flights:  # else another task that waited for it has taken note
            self._flights.popleft()
            self.done, self.resolution = brought.done, brought.resolution
            self.memory = [brought.memory, *results[1:]]
            self.history.extend([pk.Step(*record) for record in brought.records], brought.ranks)
        if brought.fault:
            raise raised(range(self.ranks), brought.fault, brought.details)

    def _place(self, death: ClusterError, call: Call | None) -> str | None:
        """The checkpoint to go on from, None for the start; raises `death` where no restart is wished or helps."""
        if call in self._flights:
            self._flights.clear()  # those behind it are lost with the engines, too
        if not self._kept.restart or self._cluster.state != "dead":
            raise death
        return self._kept.place(death)
