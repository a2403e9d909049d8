"""A solver that lives on the engines, with the verbs of `pk.Solver`."""

import os
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pdekit as pk
from pdekit import checks
from pdekit.beside import Place
from pdekit.cluster import engine
from pdekit.cluster.calls import Call
from pdekit.cluster.errors import ClusterError, raised

if TYPE_CHECKING:
    import numpy as np

    from pdekit.cluster.cluster import Cluster
    from pdekit.train import Experiment, History, Step

TARGET = 0.25  # seconds that a call should last


class RemoteSolver:
    """Made by `Cluster.solver`: trains on the first `ranks` engines, with the losses of `pk.Solver` anywhere.

    Every verb raises ClusterError once an engine has died, the cluster was restarted, or a newer solver took
    its place.
    """

    def __init__(self, cluster: "Cluster", experiment: "Experiment | str", ranks: int | None = None) -> None:
        self.ranks = cluster.ranks if ranks is None else checks.whole("ranks", ranks, most=cluster.ranks)
        self.experiment: Experiment = pk.Experiment.parse(str(experiment), code=True)
        self.history: History = pk.History(experiment=str(self.experiment), size=self.ranks)
        self.done = False
        self.resolution = self.parameters = 0
        self._cluster = cluster
        self._mark = object()
        self._flying: Call | None = None  # steps that are not in the history yet

    def build(self) -> Call:
        """Ask all engines for it: the first make it, and all free the one they held."""
        call = self._cluster.send(engine.build, str(self.experiment), self.ranks)
        self._cluster.hold(self._mark)
        return call

    def built(self, results: list[Any]) -> None:
        """Take note of what rank 0 made."""
        self.parameters, self.resolution = results[0]

    def advance(self, k: int) -> "list[Step]":
        """The next `k` steps; fewer, or none, when the experiment's steps are used up.

        Asked for in calls of about a quarter of a second, so that no time limit ends a long run.
        """
        checks.whole("k", k, least=0)
        while self._flying is not None:
            self._finish(self._flying)
        steps: list[Step] = []
        count = 1
        while len(steps) < k and not self.done:
            start = time.perf_counter()
            steps += self._finish(self._take_off(min(count, k - len(steps))))
            count = max(1, min(2 * count, round(count * TARGET / (time.perf_counter() - start))))
        return steps

    async def advance_async(self, k: int) -> "list[Step]":
        """`advance` in one call, without blocking the event loop.

        Cancelled, it leaves its steps in flight: the next `advance` waits for them, and they are in the
        history then.
        """
        while self._flying is not None:
            await self._finish_async(self._flying)
        return await self._finish_async(self._take_off(k))

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

    def predict(self, of: "int | Sequence[int] | np.ndarray", resolution: int | None = None) -> "np.ndarray":
        """The generator's u, float64, as `pk.Solver.predict` gives it; asks rank 0 only."""
        return self._cluster.gather(self._send(engine.predict, of, resolution, ranks=1))[0]

    async def predict_async(
        self, of: "int | Sequence[int] | np.ndarray", resolution: int | None = None
    ) -> "np.ndarray":
        """`predict` without blocking the event loop."""
        return (await self._cluster.gather_async(self._send(engine.predict, of, resolution, ranks=1)))[0]

    def error(self, indices: Sequence[int], resolution: int | None = None) -> float:
        """Mean over the global samples `indices` of the relative L2 error; asks all its ranks."""
        return self._cluster.gather(self._send(engine.error, indices, resolution, ranks=self.ranks))[0]

    async def error_async(self, indices: Sequence[int], resolution: int | None = None) -> float:
        """`error` without blocking the event loop."""
        call = self._send(engine.error, indices, resolution, ranks=self.ranks)
        return (await self._cluster.gather_async(call))[0]

    def save(self, path: Place) -> None:
        """Write the generator as it is to the file `path`, for `pk.load`; asks all its ranks, rank 0 writes."""
        self._cluster.gather(self._send(engine.save, os.path.abspath(path), ranks=self.ranks))

    def _send(self, function: Any, *arguments: Any, ranks: int) -> Call:
        if self._cluster.state in ("ready", "busy") and not self._cluster.holds(self._mark):
            message = "This solver is no longer on the engines: a newer one, or a restart, took its place"
            raise ClusterError(f"{message}; make one with cluster.solver(experiment).")
        return self._cluster.send(function, *arguments, ranks=ranks)

    def _take_off(self, k: int) -> Call:
        self._flying = self._send(engine.advance, checks.whole("k", k, least=0), ranks=self.ranks)
        return self._flying

    def _finish(self, call: Call) -> "list[Step]":
        try:
            return self._land(call, self._cluster.gather(call))
        except ClusterError:
            self._forget(call)
            raise

    async def _finish_async(self, call: Call) -> "list[Step]":
        try:
            return self._land(call, await self._cluster.gather_async(call))
        except ClusterError:
            self._forget(call)
            raise

    def _forget(self, call: Call) -> None:
        if call is self._flying:
            self._flying = None

    def _land(self, call: Call, results: list[Any]) -> "list[Step]":
        brought: engine.Advance = results[0]
        steps = [pk.Step(*record) for record in brought.records]
        if call is self._flying:  # else another task that waited for it has taken note
            self._flying, self.done, self.resolution = None, brought.done, brought.resolution
            self.history.extend(steps, brought.ranks)
        if brought.fault:
            raise raised(range(self.ranks), brought.fault, brought.details)
        return steps
