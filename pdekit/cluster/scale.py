"""How training scales on a cluster's engines, measured piece by piece, so that the kernel can stop it at any time."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdekit import checks
from pdekit.cluster.calls import Call

if TYPE_CHECKING:
    from pdekit.measure.plan import Plan
    from pdekit.measure.record import Say
    from pdekit.scaling.measurement import Measurement

    Steps = Generator[Call, list[Any], Measurement]


class Scaling:
    """The measuring of a Cluster."""

    ranks: int
    threads: int
    send: Any
    gather: Any
    gather_async: Any

    def scale(
        self, plan: "Plan | None" = None, file: str | Path | None = None, progress: "Say | None" = None
    ) -> "Measurement":
        """Measure `plan`, by default on 1, 2, 4, ... and all engines; `measure.run` under mpiexec does the same.

        Each trial is in `file`, of this process, before the next begins; a file that is there is gone on with, if it is
        of this plan and machine. `progress(done, of, words)` is called before each turn. A solver on the engines stays,
        and its bytes count as memory. ValueError for more ranks than there are engines, and where `file` is another's
        or cannot be written.
        """
        steps, results = self._steps(plan, file, progress), None
        try:
            while True:
                results = self.gather(steps.send(results))
        except StopIteration as done:
            return done.value

    async def scale_async(
        self, plan: "Plan | None" = None, file: str | Path | None = None, progress: "Say | None" = None
    ) -> "Measurement":
        """`scale` without blocking the event loop.

        Cancelled, it leaves the turn in flight, which takes a second or so; what was measured before is in `file`.
        """
        steps, results = self._steps(plan, file, progress), None
        try:
            while True:
                results = await self.gather_async(steps.send(results))
        except StopIteration as done:
            return done.value

    def _steps(self, plan: "Plan | None", file: str | Path | None, progress: "Say | None") -> "Steps":
        """Calls on the engines, each to be answered by its results, up to the measurement."""
        from pdekit.cluster import turns
        from pdekit.measure.machine import leaders, machine
        from pdekit.measure.plan import Plan
        from pdekit.measure.record import Record

        plan = plan or Plan.upto(self.ranks, threads=self.threads)
        if max(plan.ranks) > self.ranks:
            remedy = f"start as many, or give ranks up to {self.ranks}"
            raise checks.refuse("ranks", f"at most the {self.ranks} of this cluster", max(plan.ranks), remedy)
        answers = yield self.send(turns.introduce)
        described = [host for host, _ in answers]
        here = machine(plan, described[: max(plan.ranks)], answers[0][1])
        record = Record(plan, here, None if file is None else Path(file).absolute())
        before = yield self.send(turns.watch, leaders(described))
        record.begin(_readings(described, before))
        todo = record.todo()
        for turn, following in zip(todo, [*todo[1:], None], strict=True):
            number, piece = record.turns[turn]
            if progress is not None:
                progress(*record.standing(turn))
            start = time.monotonic()
            trials = yield self.send(turns.measure, plan, piece, number, ranks=piece.world)
            record.add(trials[0], time.monotonic() - start)
            if following is None or record.turns[following][0] != number:
                record.end_round(_readings(described, (yield self.send(turns.reading))))
        return record.measurement


def _readings(described: list[dict[str, Any]], readings: list[Any]) -> dict[str, Any]:
    """Of each host, by its name."""
    return {host["host"]: said for host, said in zip(described, readings, strict=True) if said is not None}
