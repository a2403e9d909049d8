"""Recipes of methods that see x layer by layer: what each is, its settings, and where it starts."""

from dataclasses import dataclass

from torch import Tensor

from pdekit import checks
from pdekit.optim import large_batch, muon, soap
from pdekit.optim.layers import Split
from pdekit.optim.outcome import Dot, Optimizer
from pdekit.optim.recipe import Recipe, pair


@dataclass(frozen=True)
class Muon(Recipe):
    """Momentum whose matrices are made orthogonal, and AdamW for the rest (`pdekit.optim.muon` has the sources).

    ValueError unless `momentum` and `decay` are in [0, 1); `iterations` of Newton and Schulz a step.
    """

    words = "momentum whose matrices are made orthogonal"
    default_rate = 3e-3
    layers = True

    momentum: float = 0.95
    iterations: int = 5
    decay: float = 1e-2

    def __post_init__(self) -> None:
        self.settled(
            momentum=checks.fraction("momentum", self.momentum),
            iterations=checks.whole("iterations", self.iterations),
            decay=checks.fraction("decay", self.decay),
        )

    def make(self, x: Tensor, dot: Dot, split: Split) -> Optimizer:
        """See `Recipe.make`."""
        return muon.Muon(x, dot, split, self.momentum, self.iterations, self.decay)


@dataclass(frozen=True)
class SOAP(Recipe):
    """AdamW in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv:2409.11321).

    The bases follow the gradients `every` so many steps; axes of a weight with more than `largest` entries keep
    theirs. ValueError for bad settings.
    """

    words = "Adam in the eigenbases of averaged gradients"
    default_rate = 3e-3
    layers = True
    vectors = 3.0  # two averages; bases and Gram matrices, of kernels three nodes wide

    betas: tuple[float, float] = (0.95, 0.95)
    eps: float = 1e-8
    decay: float = 1e-2
    every: int = 10
    largest: int = 512

    def __post_init__(self) -> None:
        self.settled(
            betas=pair("betas", self.betas),
            eps=checks.positive("eps", self.eps),
            decay=checks.fraction("decay", self.decay),
            every=checks.whole("every", self.every),
            largest=checks.whole("largest", self.largest),
        )

    def make(self, x: Tensor, dot: Dot, split: Split) -> Optimizer:
        """See `Recipe.make`."""
        return soap.SOAP(x, dot, split, self.betas, self.eps, self.decay, self.every, self.largest)


@dataclass(frozen=True)
class LARS(Recipe):
    """SGD for large batches (You, Gitman and Ginsburg 2017, arXiv:1708.03888).

    A step moves a layer by about rate times `trust` of its length, and by at least that of the length `least`;
    `momentum` and `decay` in [0, 1). ValueError for bad settings.
    """

    words = "SGD whose layers move in proportion to their length"
    default_rate = 1e-2
    layers = True
    vectors = 1.0

    momentum: float = 0.9
    decay: float = 1e-4
    trust: float = 1.0
    least: float = 0.5

    def __post_init__(self) -> None:
        self.settled(
            momentum=checks.fraction("momentum", self.momentum),
            decay=checks.fraction("decay", self.decay),
            trust=checks.positive("trust", self.trust),
            least=checks.positive("least", self.least),
        )

    def make(self, x: Tensor, dot: Dot, split: Split) -> Optimizer:
        """See `Recipe.make`."""
        return large_batch.LARS(x, dot, split, self.momentum, self.decay, self.trust, self.least)


@dataclass(frozen=True)
class LAMB(Recipe):
    """AdamW for large batches (You et al. 2019, arXiv:1904.00962).

    A step moves a layer by rate times its length, or the length `least` if that is larger; the rest is AdamW's.
    ValueError for bad settings.
    """

    words = "AdamW whose layers move in proportion to their length"
    default_rate = 1e-2
    layers = True

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-6
    decay: float = 1e-2
    least: float = 0.5

    def __post_init__(self) -> None:
        self.settled(
            betas=pair("betas", self.betas),
            eps=checks.positive("eps", self.eps),
            decay=checks.fraction("decay", self.decay),
            least=checks.positive("least", self.least),
        )

    def make(self, x: Tensor, dot: Dot, split: Split) -> Optimizer:
        """See `Recipe.make`."""
        return large_batch.LAMB(x, dot, split, self.betas, self.eps, self.decay, self.least)
