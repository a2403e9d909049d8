"""What a run needs of main memory, found out before any of it is there: counted on tensors without numbers."""

import math
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from pdekit import checks
from pdekit.generators.dropout import dropouts
from pdekit.generators.generator import Generator
from pdekit.optim.menu import method
from pdekit.parallel import Serial
from pdekit.parallel.blocks import COUNT
from pdekit.parallel.shares import block
from pdekit.pde.problem import Problem
from pdekit.train.experiment import DTYPES, Experiment
from pdekit.train.network import norm_layer

PROCESS = 440_000_000  # bytes of an engine after its first step, less all that follows
WORK = 2  # times the largest tensor that is kept: what the backward of a layer works on, channels last
CONTIGUOUS = 4  # the same of other fields, which convolutions bring into another order
STENCILS = 2  # numbers as many as a node has neighbours: inputs, data, operator, u, and in between
HEAD = 4  # numbers for each node and function of a Galerkin head's basis


@dataclass(frozen=True)
class Footprint:
    """Bytes of main memory on each of `ranks` ranks, on the one with the largest share of the batch."""

    ranks: int
    process: int  # the engine itself: Python, torch, MPI
    parameters: int  # with the message in which the gradient is
    optimizer: int  # its state, and what it works on
    activations: int  # what forward keeps for backward, and what backward works on
    loss: int  # the samples and their operators, u, and what the loss and a head make of them

    @property
    def total(self) -> int:
        """The sum."""
        return self.process + self.parameters + self.optimizer + self.activations + self.loss

    def __str__(self) -> str:
        place = "one rank" if self.ranks == 1 else f"each of {self.ranks} ranks"
        return f"about {in_words(self.total)} on {place}"


def in_words(count: float) -> str:
    """Bytes with two digits: "310 MB", "3.1 GB"."""
    mega = count / 1e6
    return f"{mega / 1000:.1f} GB" if mega >= 999.5 else f"{mega:.0f} MB"


def footprint(experiment: "Experiment | str", ranks: int = 1) -> Footprint:
    """What training `experiment` on `ranks` ranks needs of main memory, in milliseconds and without any of it.

    Its largest batch on its finest grid: the tensors that the generator keeps for backward are counted on torch's
    "meta" device, which has shapes and no numbers (at its first use torch loads for a second). A network of the user's
    own is run once on the coarsest grid instead, and counted in proportion to the nodes. The rest is rough: see the
    constants above, fitted to tests/benchmarks/footprint.py, and `Recipe.vectors`. Within a quarter of what real runs
    of some hundred MB and more were seen to need. ValueError for ranks that do not fit.
    """
    if isinstance(experiment, str):
        experiment = Experiment.parse(experiment, code=True)
    ranks = checks.whole("ranks", ranks, most=COUNT if experiment.reproducible else None)
    recipe, problem, dtype = method(experiment.optimizer), experiment.problem, DTYPES[experiment.dtype]
    grows = recipe.last.full_batch or recipe.growth > 1
    batch = experiment.samples if grows else experiment.batch
    copies = len(block(COUNT, ranks, 0)) if experiment.reproducible else 1
    places = COUNT if experiment.reproducible else ranks
    samples = sum(len(block(batch, places, k)) for k in range(copies))
    own = experiment.generator.runs_code
    counted = problem.at(min(resolution for resolution, _ in experiment.plan)) if own else problem
    numbers, once, kept = _counted(experiment.generator, experiment.outputs, counted, dtype)
    scale = samples * math.prod(problem.shape) / math.prod(counted.shape)
    parameters = dtype.itemsize * numbers
    vectors = max(recipe.vectors, recipe.last.vectors) / (ranks if experiment.sharded else 1)
    field = dtype.itemsize * samples * math.prod(problem.shape) * problem.components
    basis = 0 if experiment.head == "plain" else experiment.head.basis
    return Footprint(
        ranks=ranks,
        process=PROCESS,
        parameters=(1 + copies) * parameters,
        optimizer=round(vectors * parameters),
        activations=round((1 + recipe.last.products) * (copies * once + scale * kept)),
        loss=(STENCILS * 3**problem.dim + HEAD * basis) * field,
    )


@lru_cache(maxsize=64)
def _counted(
    generator: Generator, outputs: int, problem: Problem, dtype: torch.dtype
) -> tuple[int, int, int]:
    """How many parameters, and the bytes of `activations` on the grid of `problem`: in any case, and for one sample."""
    own = generator.runs_code  # and may know nothing of the meta device
    # only numbers that are there are drawn; a thread must not put back the random numbers of all where none are
    with torch.random.fork_rng(devices=[], enabled=own), torch.device("cpu" if own else "meta"):
        module = generator.build(partial(_norm, generator.norm), problem.channels, outputs, problem.dim)
        module = module.to(dtype)
        for layer in dropouts(module):
            layer.eval()
        one, two = (
            _kept(module, torch.zeros((batch, problem.channels, *problem.shape), dtype=dtype))
            for batch in (1, 2)
        )
    sample = sum(two) - sum(one)  # weights that are put together are no sample's
    largest = max(b - a for a, b in zip(one, two, strict=False))  # one's own may keep more for two
    work = WORK if problem.dim == 2 and generator.channels_last else CONTIGUOUS
    numbers = sum(p.numel() for p in module.parameters())
    return numbers, max(sum(one) - sample, 0), sample + work * largest


def _kept(module: nn.Module, x: Tensor) -> list[int]:
    """Bytes of each tensor that forward keeps for backward, less the parameters, in the order in which it does."""
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage  # each once, and held, so that no other takes its place
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        module(x)
    for parameter in module.parameters():
        kept.pop(parameter.untyped_storage()._cdata, None)
    return [storage.nbytes() for storage in kept.values()]


def _norm(norm: str, channels: int) -> nn.Module:
    """The norm layer, with a stand-in for those that talk to other ranks."""
    return _BatchNorm(channels) if norm in ("batch", "rank") else norm_layer(norm, Serial(), channels)


class _BatchNorm(nn.Module):
    """Has and keeps what a `SyncBatchNorm` has and keeps, and computes nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *) -> (B, C, *)."""
        return _Keep.apply(x, self.weight, self.bias)


class _Keep(torch.autograd.Function):
    """Keeps x, and returns another tensor of its shape."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, *_: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.zeros_like(x)
