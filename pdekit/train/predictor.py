"""A generator with its experiment: the fields that it predicts, and how far they are from the references."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pdekit.parallel import Comm, share
from pdekit.pde.problem import Problem, Samples
from pdekit.train.experiment import DTYPES, Experiment


class Predictor:
    """`generator` is a network of `experiment`, the same on all ranks of `comm`; `predict` needs no other rank."""

    def __init__(self, experiment: Experiment, generator: nn.Module, comm: Comm) -> None:
        self.experiment, self.generator, self.comm = experiment, generator, comm
        self.dtype = DTYPES[experiment.dtype]

    def field(self, problem: Problem, samples: Samples, generator: nn.Module | None = None) -> Tensor:
        """u (B, *u_shape) that the generator, and the head on it, give for `samples`."""
        inputs = samples.inputs
        if problem.dim == 2:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        output = (generator or self.generator)(inputs)
        head = self.experiment.head
        return problem.impose(output, samples) if head == "plain" else head.field(problem, output, samples)

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
        with torch.no_grad():  # one at a time: memory of one sample
            for k, one in enumerate(data.reshape(-1, *problem.data_shape)):
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
