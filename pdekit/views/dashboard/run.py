"""A run that the dashboard shows: on the engines, or in its folder of checkpoints where they hold another."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pdekit as pk

if TYPE_CHECKING:
    from pdekit.cluster import Cluster
    from pdekit.train import Experiment

EVERY = 50  # steps between two checkpoints, which are written while training goes on


class Run:
    """`experiment` as it was begun. The rate in force, the number of ranks and the slow rank may change in it."""

    def __init__(self, cluster: "Cluster", experiment: "Experiment", folder: str | Path) -> None:
        self.cluster, self.experiment, self.folder = cluster, experiment, Path(folder)
        self.rate, self.slow = experiment.rate, 1.0
        self.solver: Any = None

    @classmethod
    async def opened(cls, cluster: "Cluster", folder: str | Path) -> Self:
        """That of the newest checkpoint in `folder`, on as many ranks as wrote it, if there are so many.

        ValueError where there is none.
        """
        parts = [part for newest in pk.Checkpoint.paths(folder)[-1:] for part in newest.glob("part-*")]
        solver = await cluster.resume_async(folder, ranks=min(len(parts) or cluster.ranks, cluster.ranks))
        run = cls(cluster, solver.experiment, folder)
        run.solver, run.rate = solver, solver.rate
        return run

    @property
    def begun(self) -> bool:
        """Whether a step was taken."""
        return self.solver is not None and len(self.solver.history) > 0

    @property
    def held(self) -> bool:
        """Whether the engines hold it."""
        return self.solver is not None and self.solver.held

    def goes_on_with(self, experiment: "Experiment", ranks: int) -> bool:
        """Whether `experiment` on so many ranks is its own; learning rate and ranks may change until it is done."""
        if self.solver is not None and self.solver.done:
            return (experiment, ranks) == (replace(self.experiment, rate=self.rate), self.solver.ranks)
        return replace(experiment, rate=self.experiment.rate) == self.experiment

    async def take_up(self, ranks: int) -> Any:
        """Its solver on `ranks` engines: as it stands there, from its newest checkpoint, or from the start."""
        if self.held and self.solver.ranks == ranks:
            return self.solver
        if self.held:
            await self.keep()
        if pk.Checkpoint.paths(self.folder):
            self.solver = await self.cluster.resume_async(self.folder, ranks=ranks, code=True)
            self.rate = self.solver.rate
        else:
            self.solver = await self.cluster.solver_async(
                self.experiment, ranks=ranks, checkpoints=self.folder, every=EVERY, keep=1
            )
            self.rate = self.experiment.rate
        self.slow = 1.0
        return self.solver

    async def adjust(self, rate: float, slow: float) -> None:
        """From the next step on: the learning rate that the schedule starts from, and the factor of the slow rank."""
        if rate != self.rate:
            self.rate = rate
            await self.solver.change_rate_async(rate)
        if slow != self.slow:
            self.slow = slow
            await self.solver.slow_async(self.solver.ranks - 1, slow)

    async def keep(self, folder: str | Path | None = None) -> None:
        """Write a checkpoint of it as it stands; from now on to `folder`, if given."""
        path = await self.solver.checkpoint_async(folder)
        self.folder = path.parent
