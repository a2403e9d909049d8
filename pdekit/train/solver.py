"""The loop: one step is a batch shared out, one sum over the ranks, and the optimiser's move."""

import math
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from pdekit import checks
from pdekit.generators.dropout import dropouts, remember
from pdekit.optim import OPTIMIZERS, SCHEDULES
from pdekit.parallel import Comm, FlatModule, Serial, SyncBatchNorm, share
from pdekit.pde.problem import Problem, Samples
from pdekit.train.experiment import DTYPES, Experiment
from pdekit.train.history import History, Step
from pdekit.train.objectives import OBJECTIVES


class Solver:
    """Trains an experiment on the ranks of `comm` (this process alone by default); an iterator of `Step`.

    Every rank makes its Solver and calls the same verbs in the same order; `predict` needs no other rank. The
    losses do not depend on the number of ranks: each adds its samples' losses divided by the *global* batch.
    """

    def __init__(self, experiment: Experiment, comm: Comm | None = None) -> None:
        self.experiment, self.comm = experiment, comm or Serial()
        self.dtype = DTYPES[experiment.dtype]
        layer = partial(norm_layer, experiment.generator.norm, self.comm)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(experiment.seed)  # every rank draws the same first parameters
            self.generator = experiment.build(layer)
        self.generator.to(self.dtype)
        self.norms = [m for m in self.generator.modules() if isinstance(m, SyncBatchNorm)]
        for norm in self.norms:
            norm.hold = True  # until the step is taken
        self.dropouts = dropouts(self.generator)
        self.flat = FlatModule(self.generator)
        self.optimizer = OPTIMIZERS[experiment.optimizer](self.flat.parameters)
        self.drawn = experiment.problem.parameters(range(experiment.samples))
        self.history = History()
        self.seconds = 0.0
        self.stalled = False
        self.problem = experiment.problem.at(experiment.plan[experiment.visit(1)][0])
        self._visit = 0  # of the plan: no step is on an earlier one any more
        self._latest: np.ndarray | None = None

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return len(self.flat.parameters)

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
        if self.done:
            raise StopIteration
        start, communication = time.perf_counter(), self.comm.seconds
        number = len(self.history) + 1
        batch = self.batch(number)
        self._visit = max(self.experiment.visit(number), self._visit)
        resolution = self.experiment.plan[self._visit][0]
        same = resolution == self.resolution and np.array_equal(batch, self._latest)
        fresh = bool(self.dropouts) or not same  # other masks make another function
        self.problem, self._latest = self.experiment.problem.at(resolution), batch
        rate = self.experiment.rate * SCHEDULES[self.experiment.schedule](self.experiment.progress(number))
        self.generator.train()
        remember(self.dropouts, (self.experiment.seed, number), share(batch, self.comm))
        outcome = self.optimizer.step(partial(self.evaluate, self.samples(batch), len(batch)), rate, fresh)
        for norm in self.norms:
            norm.advance()
        self.seconds += time.perf_counter() - start
        if outcome.stalled and len(batch) == self.experiment.samples and not self.dropouts:
            self._leave_grid()  # another batch, or other masks, may bring a lower loss
        if not math.isfinite(outcome.loss):  # the same bits on every rank, so all of them stop here
            message = f"step {number}: expected a finite loss, got {outcome.loss}"
            raise FloatingPointError(
                f"{message}; use a smaller rate than {self.experiment.rate} or dtype='float64'"
            )
        self.history.append(
            Step(
                number=number,
                loss=outcome.loss,
                seconds=self.seconds,
                resolution=resolution,
                rate=rate,
                gradient_norm=outcome.gradient_norm,
                communication=self.comm.seconds - communication,
                evaluations=outcome.evaluations,
            )
        )
        return self.history.steps[-1]

    def _leave_grid(self) -> None:
        """No lower loss is found on this grid: go on with the next of the plan, or end."""
        self.stalled = self._visit + 1 == len(self.experiment.plan)
        self._visit += not self.stalled

    def batch(self, number: int) -> np.ndarray:
        """The global samples of step `number`: each epoch is one permutation, drawn for all ranks."""
        samples, batch = self.experiment.samples, self.experiment.batch
        if batch == samples:
            return np.arange(samples)
        epoch, place = divmod(number - 1, -(-samples // batch))
        order = np.random.default_rng([self.experiment.seed, epoch]).permutation(samples)
        return order[place * batch : (place + 1) * batch]

    def samples(self, batch: np.ndarray) -> Samples:
        """This rank's share of the global samples `batch`, on the grid being trained."""
        return self.problem.samples(self.drawn[share(batch, self.comm)], self.dtype)

    def evaluate(self, samples: Samples, count: int, x: Tensor) -> tuple[float, Tensor]:
        """Loss and gradient at the parameters `x` (P,), over all `count` samples of the global batch."""
        if x is not self.flat.parameters:
            self.flat.parameters.copy_(x)
        u = self.field(self.problem, samples)
        losses = OBJECTIVES[self.experiment.objective](self.problem.losses(u, samples))
        return self.flat.sum_over_ranks(losses.sum() / count, self.comm), self.flat.gradient

    def field(self, problem: Problem, samples: Samples) -> Tensor:
        """u (B, *u_shape) that the generator, and the head on it, give for `samples`."""
        inputs = samples.inputs
        if problem.dim == 2:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        output = self.generator(inputs)
        head = self.experiment.head
        return problem.impose(output, samples) if head == "plain" else head.field(problem, output, samples)

    def advance(self, k: int) -> list[Step]:
        """The next `k` steps; fewer, or none, when the experiment's steps are used up."""
        return list(islice(self, checks.whole("k", k, least=0)))

    def run(self) -> History:
        """All remaining steps."""
        for _ in self:
            pass
        return self.history

    def predict(self, of: int | Sequence[int] | np.ndarray, resolution: int | None = None) -> np.ndarray:
        """The generator's u, float64, shaped like `problem.reference(of)`.

        `of` is a global sample, a list of them, or a problem's data (*data_shape) or (B, *data_shape), such as
        a coefficient field; `resolution` is the problem's unless given.
        """
        problem = self.experiment.problem
        if resolution is not None:
            problem = problem.at(resolution)
            self.experiment.generator.check(problem.shape)
        given = np.asarray(of)
        data = problem.check(problem.coefficient(of) if given.ndim < 2 and given.dtype.kind in "iu" else of)
        lead = data.shape[: data.ndim - len(problem.data_shape)]
        self.generator.eval()
        u = np.empty((math.prod(lead), *problem.u_shape))
        with torch.no_grad():
            for k, one in enumerate(
                data.reshape(-1, *problem.data_shape)
            ):  # one at a time: memory of one sample
                u[k] = self.field(problem, problem.batch(one[None], self.dtype))[0].numpy()
        return u.reshape(*lead, *problem.u_shape)

    def error(self, indices: Sequence[int], resolution: int | None = None) -> float:
        """Mean over the global samples `indices` of the relative L2 error against the reference; asks all ranks."""
        problem = self.experiment.problem.at(resolution or self.experiment.problem.resolution)
        # bad requests are refused on every rank, before any of them waits for another
        problem.parameters(indices)
        self.experiment.generator.check(problem.shape)
        indices = np.atleast_1d(indices)
        mine = share(indices, self.comm).tolist()
        errors = [problem.error(self.predict(i, problem.resolution), problem.reference(i)) for i in mine]
        total = np.array([sum(errors) / len(indices)])
        self.comm.allreduce(total)
        return float(total[0])


def norm_layer(norm: str, comm: Comm, channels: int) -> nn.Module:
    """The norm layer named `norm`, over the samples of all ranks where it is a batch norm."""
    if norm == "batch":
        return SyncBatchNorm(channels, comm)
    if norm == "instance":
        return nn.GroupNorm(channels, channels)  # the same, and unlike InstanceNorm2d it takes a batch of 0
    if norm == "group":
        return nn.GroupNorm(next(g for g in (8, 4, 2, 1) if channels % g == 0), channels)
    return nn.Identity()
