"""One implicit step of the heat equation, and how steps are rolled out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pdekit import checks
from pdekit.pde import stencil
from pdekit.pde.elements import at_points, element, scatter, spacing
from pdekit.pde.fields import Field, Matern
from pdekit.pde.problem import Samples
from pdekit.pde.reference import newton
from pdekit.pde.ritz import Ritz
from pdekit.pde.stencil import Quadratic


@dataclass(frozen=True)
class Heat(Ritz):
    """One implicit Euler step `(u - v) / tau = eps^2 Lap u` of the heat equation from the state v, without flux.

    A step minimises `int (u - v)^2 / (2 tau) + eps^2/2 |grad u|^2` (Rothe 1930, Math. Ann. 102; minimising movements:
    De Giorgi 1993), here over bilinear elements, integrated exactly; the generator gives u - v. Step by step, because
    each step is an honest energy, whose excess over its minimum is half the squared energy norm of the error, where
    the residual of space and time together has no such meaning; and one generator serves all times: `roll` feeds its
    output back. States are drawn from `state`, by default smooth Gaussian fields. Look at how a step damps each cosine
    `cos(j pi x) cos(k pi y)` by `1 / (1 + tau eps^2 pi^2 (j^2 + k^2))`: the finer, the more.
    """

    tau: float = 0.5
    epsilon: float = 0.1
    state: Field | None = None

    given: ClassVar[str] = "state v before the step"
    positive: ClassVar[bool] = False
    objectives: ClassVar[tuple[str, ...]] = ("log", "mean", "root", "asinh")
    orders: ClassVar[tuple[float, ...]] = (2.0,)  # of the L2 error of the minimiser

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.settle(
            self, tau=checks.positive("tau", self.tau), epsilon=checks.positive("epsilon", self.epsilon)
        )

    @property
    def field(self) -> Field:
        """The family of states."""
        return self.state or Matern(length=0.15, exponential=False)

    def ansatz(self, dtype: torch.dtype, samples: Samples) -> tuple[Tensor, Tensor]:
        """`u = v + output`: a short step starts close by, and no face has values to impose."""
        return samples.data, samples.data.new_ones(self.shape)

    def density(self, u: Tensor, grad_u: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """`(u - v)^2 / (2 tau) + eps^2/2 |grad u|^2`."""
        return (u - c).square() / (2 * self.tau) + self.epsilon**2 / 2 * grad_u.square().sum(dim=0)

    def assemble(self, data: Tensor) -> Quadratic:
        """The stencil, the same for all samples, and the load `int v N_p / tau`."""
        cell = element(spacing(self.shape))
        test = torch.tensor(cell.table[0].T * cell.weights / self.tau, dtype=data.dtype)  # (nodes, G)
        load = scatter(torch.matmul(test, at_points(data)), self.shape)
        return _stencil(self, data.dtype)._replace(load=load)

    def losses(self, u: Tensor, samples: Samples) -> Tensor:
        """The energy, above zero: in terms of u - v, so that `int v^2` does not cancel."""
        v, quadratic = samples.data, samples.operator
        if not isinstance(quadratic, Quadratic):
            return super().losses(u, samples)
        force = quadratic.load - stencil.apply(v, quadratic)  # eps^2 Lap v, weakly
        start = -(v * force).sum(dim=(1, 2)) / 2
        return start + stencil.energy(u - v, quadratic._replace(load=force))

    def classical(self, data: np.ndarray) -> np.ndarray:
        """scikit-fem's assembly, and a sparse factorisation."""
        return newton.implicit_step(data, self.tau, self.epsilon, reaction=False)

    def roll(
        self, v: np.ndarray, steps: int, step: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> np.ndarray:
        """The states (steps + 1, *shape) from v (*shape) on by `step`, such as `solver.predict`; default: `solve`."""
        states = [self.check(v)]
        for _ in range(checks.whole("steps", steps)):
            states.append((step or self.solve)(states[-1]))
        return np.stack(states)


@lru_cache(maxsize=8)
def _stencil(problem: Heat, dtype: torch.dtype) -> Quadratic:
    """The quadratic part of the energy, as a batch of one."""
    return Ritz.assemble(problem, torch.zeros(1, *problem.shape, dtype=dtype))
