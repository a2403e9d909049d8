"""The loop: one step is a batch shared out, one sum over the ranks, and the optimiser's move."""

import math
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pdekit import checks
from pdekit.beside import Place
from pdekit.generators.dropout import dropouts, remember
from pdekit.parallel import REDUCTIONS, Comm, Serial, SyncBatchNorm
from pdekit.parallel.drift import checksum, compare
from pdekit.parallel.laggard import Laggard
from pdekit.pde.problem import Samples
from pdekit.train.adjustable import Adjustable
from pdekit.train.checkpoints import Checkpoints
from pdekit.train.course import Course
from pdekit.train.evaluation import Evaluation
from pdekit.train.experiment import Experiment
from pdekit.train.faults import blame
from pdekit.train.history import History, Step
from pdekit.train.leaving import Leave, Leaving
from pdekit.train.memory import keep_memory
from pdekit.train.objectives import OBJECTIVES
from pdekit.train.predictor import Predictor
from pdekit.train.ranks import gathering
from pdekit.train.resumable import Resumable
from pdekit.train.saved import save
from pdekit.train.transfer import Mode, builder

CHECK = 10  # steps between two comparisons of the ranks' parameters


class Solver(Predictor, Resumable, Adjustable):
    """Trains an experiment on the ranks of `comm` (this process alone by default); an iterator of `Step`.

    Every rank makes its Solver and calls the same verbs in the same order; `predict` needs no other rank. The
    losses do not depend on the number of ranks: each adds its samples' losses divided by the *global* batch.

    With `checkpoints`, a folder, a checkpoint is written there every `every` steps and at the end, while training goes
    on; the last `keep` and the best stay. ValueError if the folder has some of another run, or, at the first step, if
    one writes there; CheckpointError (an OSError), from a step on all ranks, if one could not be written: it can go on.
    """

    def __init__(
        self,
        experiment: Experiment,
        comm: Comm | None = None,
        checkpoints: str | Path | None = None,
        every: int = 100,
        keep: int = 3,
    ) -> None:
        keep_memory()  # a tenth to a third less time for a step
        self.laggard = comm = Laggard(comm or Serial())
        self.checkpoints, self.leaving = Checkpoints(comm, checkpoints, every, keep), Leaving(comm)
        make = REDUCTIONS[experiment.reduction]
        self.reduction = make(builder(experiment), comm, riders=2 * comm.size + 2)
        super().__init__(experiment, self.reduction.modules[0], comm)
        copies = [list(module.modules()) for module in self.reduction.modules]
        self.norms = [m for layers in copies for m in layers if isinstance(m, SyncBatchNorm)]
        for norm in self.norms:
            norm.hold = True  # until the step is taken
        self.modes = [Mode(module, experiment.frozen) for module in self.reduction.modules]
        self.dropouts = [dropouts(module) for module in self.reduction.modules]
        self.course = Course(experiment, self.reduction)
        self.optimizer = self.course.optimizer(1)
        self.drawn = experiment.problem.parameters(range(experiment.samples))
        self.history = History(experiment=str(experiment), rank=comm.rank, size=comm.size)
        self.seconds, self.stalled = 0.0, False
        self.problem = experiment.problem.at(experiment.plan[experiment.visit(1)][0])
        self._visit = 0  # of the plan: no step is on an earlier one any more
        self._latest: np.ndarray | None = None

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return len(self.reduction.parameters)

    @property
    def resolution(self) -> int:
        """The grid of the latest step (before the first: of the first)."""
        return self.problem.resolution

    @property
    def done(self) -> bool:
        """Whether all steps are taken, or the optimizer finds no lower loss any more."""
        return self.stalled or len(self.history) == self.experiment.steps

    def __iter__(self) -> Iterator[Step]:
        return self

    def __next__(self) -> Step:
        if self.done or self.checkpoints.stopped or self.leaving.agreed:
            raise StopIteration
        start, communication = time.perf_counter(), self.comm.seconds
        sent, messages = self.comm.sent, self.comm.messages
        number = len(self.history) + 1
        self.optimizer = self.course.optimizer(number)
        batch, random = self.batch(number), any(self.dropouts)
        self._visit = max(self.experiment.visit(number), self._visit)
        resolution = self.experiment.plan[self._visit][0]
        same = resolution == self.resolution and np.array_equal(batch, self._latest)
        self.problem, self._latest = self.experiment.problem.at(resolution), batch
        rate = self.course.rate(number, self.history.steps)
        shares = self.reduction.shares(batch)
        for mode, layers, share in zip(self.modes, self.dropouts, shares, strict=True):
            mode.train()
            remember(layers, (self.experiment.seed, number), share)
        self._ride(number)
        fresh = random or not same  # other masks make another function
        with self.laggard.working():
            parts = self.samples(shares)
            outcome = self.optimizer.step(Evaluation(self, parts, len(batch)), rate, fresh)
            self.reduction.settle()
        for norm in self.norms:
            norm.advance()
        elapsed, talked = time.perf_counter() - start, self.comm.seconds - communication
        self.seconds += elapsed
        if outcome.stalled and len(batch) == self.experiment.samples and not random:
            self._leave_grid()  # another batch, or other masks, may bring a lower loss
        self._arrive(number)
        if not (math.isfinite(outcome.loss) and math.isfinite(outcome.gradient_norm)):
            raise blame(self, number, outcome.loss, parts, shares)  # the same on every rank
        step = Step(
            number=number,
            loss=outcome.loss,
            seconds=self.seconds,
            resolution=resolution,
            rate=rate,
            gradient_norm=outcome.gradient_norm,
            communication=talked,
            evaluations=outcome.evaluations,
            sent=self.comm.sent - sent,
            compute=elapsed - talked,
            samples=len(batch) * outcome.evaluations,
            end=int(outcome.end or 0),
            messages=self.comm.messages - messages,
        )
        self.history.append(step)
        self.checkpoints.after(self, self.reduction.riders[self.comm.size : -1].tolist())
        return step

    def _leave_grid(self) -> None:
        """No lower loss is found on this grid: go on with the next of the plan, or end."""
        self.stalled = self._visit + 1 == len(self.experiment.plan)
        self._visit += not self.stalled

    def batch(self, number: int) -> np.ndarray:
        """The global samples of step `number`."""
        return self.course.batch(number)

    def samples(self, shares: list[np.ndarray]) -> list[Samples]:
        """The global samples of each copy of the network on this rank, on the grid being trained."""
        return [self.problem.samples(self.drawn[share], self.dtype) for share in shares]

    def losses(self, k: int, samples: Samples) -> tuple[Tensor, Tensor]:
        """u (B, *u_shape) of copy k of the network, and each sample's part of the objective (B,)."""
        u = self.field(self.problem, samples, self.reduction.modules[k])
        return u, OBJECTIVES[self.experiment.objective](self.problem.losses(u, samples))

    def advance(self, k: int, leave: Leave | None = None) -> list[Step]:
        """The next `k` steps; fewer, or none, when the experiment's steps are used up.

        `leave()` is asked on each rank at the call, and before each step: where it is true on one of them, no step is
        taken, or no other than that one, on any rank.
        """
        with gathering(self.history, self.comm), self.leaving.heeding(leave):
            return list(islice(self, checks.whole("k", k, least=0)))

    def run(self) -> History:
        """All remaining steps."""
        with gathering(self.history, self.comm):
            for _ in self:
                pass
        return self.history

    def gather_ranks(self) -> History:
        """The history, with what the other ranks did in steps taken one by one; asks all ranks, as `run` does."""
        self.history.gather(self.comm)
        return self.history

    def save(self, path: Place) -> None:
        """Write the generator as it is to the file `path`, for `pk.load`; asks all ranks. See `saved.save`."""
        save(self, path, len(self.history), self.history.steps[-1].loss if len(self.history) else math.nan)

    def _ride(self, number: int) -> None:
        """What this rank sends along with the loss of step `number`: a checksum now and then, and what it wishes."""
        ride, size = self.reduction.ride, self.comm.size
        ride.zero_(), self.reduction.riders.zero_()
        if number % CHECK == 0:
            ride[self.comm.rank] = checksum(self.reduction.parameters)
        ride[size:] = torch.tensor([*self.checkpoints.says(), self.leaving.says()])

    def _arrive(self, number: int) -> None:
        """Look at what came along from all ranks."""
        self.leaving.hear(float(self.reduction.riders[-1]))
        if number % CHECK == 0:
            compare(self.reduction.riders[: self.comm.size].numpy(), number)
