"""A generator with its experiment: the fields that it predicts, and how far they are from the references."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pdekit.beside import Place
from pdekit.parallel import Comm, share
from pdekit.pde.problem import Problem, Samples
from pdekit.train.apply import apply
from pdekit.train.experiment import DTYPES, Experiment
from pdekit.train.sources import Of


class Predictor:
    """`generator` is a network of `experiment`, the same on all ranks of `comm`; `predict` needs no other rank."""

    def __init__(self, experiment: Experiment, generator: nn.Module, comm: Comm) -> None:
        self.experiment, self.generator, self.comm = experiment, generator, comm
        self.dtype = DTYPES[experiment.dtype]
        self.origin: dict[str, str] = {}  # which file it comes from, if any

    def field(self, problem: Problem, samples: Samples, generator: nn.Module | None = None) -> Tensor:
        """u (B, *u_shape) that the generator, and the head on it, give for `samples`."""
        return problem.impose(self.output(problem, samples, generator or self.generator), samples)

    def output(self, problem: Problem, samples: Samples, generator: Callable[[Tensor], Tensor]) -> Tensor:
        """What boundary values are imposed on: (B, components, *shape)."""
        inputs = samples.inputs
        if problem.dim == 2:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        output, head = generator(inputs), self.experiment.head
        return output if head == "plain" else head.combined(problem, output, samples)

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

    def apply(
        self, of: Of, out: Place, vtk: Place | None = None, resolution: int | None = None, dataset: str = ""
    ) -> int:
        """Write the fields for many samples to the HDF5 file `out`, and return their number; asks all ranks.

        `of` is what `predict` takes, or the path of an array (.npy), of a folder of arrays, or of an HDF5 file with a
        `dataset` of arrays along its first axis: values at the nodes of grids of any size, linear in between. With
        `vtk`, a folder, each field is also an image for ParaView there. Each rank computes its share, rank 0 writes,
        and none holds more than two samples. For what is in the files see `results` and `write_image`. ValueError, on
        all ranks, for samples that are not of this problem; `out` appears only when it is whole.
        """
        return apply(self, of, out, vtk, resolution, dataset)
