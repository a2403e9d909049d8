"""Recipes of methods that see x as one vector: what each is, its settings, and where it starts."""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from pdekit import checks
from pdekit.optim import lbfgs, newton_cg, stochastic_lbfgs
from pdekit.optim.first_order import OfTorch
from pdekit.optim.layers import Split
from pdekit.optim.outcome import Dot, Optimizer, dot
from pdekit.optim.recipe import Recipe, pair


@dataclass(frozen=True)
class SGD(Recipe):
    """Stochastic gradient descent with heavy-ball momentum, as `torch.optim.SGD`; ValueError for bad settings.

    `momentum` and `decay` (of the weights) in [0, 1); `nesterov` looks ahead (Sutskever et al. 2013).
    """

    words = "gradient descent with momentum"
    default_rate = 1e-2

    momentum: float = 0.9
    nesterov: bool = False
    decay: float = 0.0

    def __post_init__(self) -> None:
        momentum = checks.fraction("momentum", self.momentum)
        if self.nesterov and not momentum:
            raise checks.refuse("nesterov", "a momentum above 0", momentum, "give momentum=0.9")
        self.settled(
            momentum=momentum, nesterov=bool(self.nesterov), decay=checks.fraction("decay", self.decay)
        )

    @property
    def vectors(self) -> float:
        """The momentum."""
        return float(self.momentum > 0)

    def make(self, x: Tensor, dot: Dot, split: Split) -> Optimizer:
        """See `Recipe.make`."""
        settings = {"momentum": self.momentum, "nesterov": self.nesterov, "weight_decay": self.decay}
        return OfTorch(x, torch.optim.SGD, dot, **settings)


@dataclass(frozen=True)
class Adam(Recipe):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980), as `torch.optim.Adam`; ValueError for bad settings.

    `betas` in [0, 1) are the decay rates of the averages of gradients and of their squares, `eps` > 0.
    """

    words = "steps scaled by averages of the gradient and of its square"
    default_rate = 3e-3

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self) -> None:
        self.settled(betas=pair("betas", self.betas), eps=checks.positive("eps", self.eps))

    def make(self, x: Tensor, dot: Dot, split: Split) -> Optimizer:
        """See `Recipe.make`."""
        return OfTorch(x, torch.optim.Adam, dot, betas=self.betas, eps=self.eps)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose weights decay on their own (Loshchilov and Hutter 2019, arXiv:1711.05101): `decay` in [0, 1)."""

    words = "Adam with weight decay"

    decay: float = 1e-2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settled(decay=checks.fraction("decay", self.decay))

    def make(self, x: Tensor, dot: Dot, split: Split) -> Optimizer:
        """See `Recipe.make`."""
        return OfTorch(x, torch.optim.AdamW, dot, betas=self.betas, eps=self.eps, weight_decay=self.decay)


@dataclass(frozen=True)
class LBFGS(Recipe):
    """L-BFGS with a strong-Wolfe line search; ValueError for bad settings.

    `memory` curvature pairs are kept; a step is `iterations` line searches of at most `trials` evaluations each, with
    the constants `decrease` and `curvature` of the Wolfe conditions. With a tolerance above 0 a run ends where the
    gradient is that small, or the loss falls by so little, absolutely or (`_ratio`) by the first gradient or the loss.
    """

    words = "curvature from the last gradients, and a line search"
    default_rate = 1.0
    full_batch = True

    memory: int = 20
    trials: int = 25
    iterations: int = 1
    decrease: float = 1e-4
    curvature: float = 0.9
    gradient_tolerance: float = 0.0
    gradient_ratio: float = 0.0
    loss_tolerance: float = 0.0
    loss_ratio: float = 0.0

    def __post_init__(self) -> None:
        self.make(torch.zeros(1), dot, lambda x: [x])  # which refuses what cannot be

    @property
    def vectors(self) -> float:
        """Curvature pairs and a gradient; of a line search its start, its direction, its latest move and gradients."""
        return 2.0 * self.memory + 6

    def make(self, x: Tensor, dot: Dot, split: Split) -> Optimizer:
        """See `Recipe.make`."""
        return lbfgs.LBFGS(x, dot=dot, **asdict(self))


@dataclass(frozen=True)
class StochasticLBFGS(Recipe):
    """L-BFGS for mini-batches; ValueError for bad settings.

    `memory` curvature pairs are kept, each of one batch; a step is `iterations` moves on its batch, of at most `trials`
    evaluations each, until the loss falls by `decrease` times what the slope promises. The batch of the first epoch is
    the experiment's; with `growth` above 1 each epoch's is so many times the one before, until it is all samples.
    """

    words = "curvature from two gradients of each batch, and steps that are shortened only"
    default_rate = 1.0
    repeats = True

    memory: int = 20
    iterations: int = 8
    trials: int = 10
    decrease: float = 1e-4
    growth: float = 1.0

    def __post_init__(self) -> None:
        if checks.number("growth", self.growth) < 1:
            raise checks.refuse("growth", "a number from 1 on", self.growth, "give growth=1.0 for none")
        self.make(torch.zeros(1), dot, lambda x: [x])  # which refuses what cannot be
        self.settled(growth=float(self.growth))

    @property
    def vectors(self) -> float:
        """As of `LBFGS`."""
        return 2.0 * self.memory + 6

    def make(self, x: Tensor, dot: Dot, split: Split) -> Optimizer:
        """See `Recipe.make`."""
        return stochastic_lbfgs.StochasticLBFGS(
            x, self.memory, self.iterations, self.trials, self.decrease, dot
        )


@dataclass(frozen=True)
class NewtonCG(Recipe):
    """Gauss-Newton steps by conjugate gradients, damped (Martens 2010); ValueError for bad settings.

    At most `iterations` products with the curvature go into a step; `damping` > 0 is where the damping starts.
    """

    words = "steps to the minimum of a quadratic model, by products with the curvature"
    default_rate = 1.0
    full_batch = True
    products = True
    vectors = 8.0  # the last step, gradients, and those of conjugate gradients

    iterations: int = 20
    damping: float = 1e-3

    def __post_init__(self) -> None:
        self.settled(
            iterations=checks.whole("iterations", self.iterations),
            damping=checks.positive("damping", self.damping),
        )

    def make(self, x: Tensor, dot: Dot, split: Split) -> Optimizer:
        """See `Recipe.make`."""
        return newton_cg.NewtonCG(x, iterations=self.iterations, damping=self.damping, dot=dot)
