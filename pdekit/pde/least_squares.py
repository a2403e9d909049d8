"""Problems whose loss is a sum of squares: what the Galerkin head needs of them, and its step of Gauss and Newton."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from pdekit.pde import wide
from pdekit.pde.combs import Combs, combs, fitting, solved
from pdekit.pde.problem import Problem, Samples
from pdekit.pde.wide import Offset

TRIED = 8  # samples on which the offsets are found


@dataclass(frozen=True)
class LeastSquares(Problem):
    """The loss of a sample is, up to a factor, the squared norm of its `equations`: the base of such problems."""

    linear: ClassVar[bool] = False  # whether the equations are

    @property
    def squares(self) -> bool:
        """Whether it is so with these settings."""
        return True

    def equations(self, u: Tensor, samples: Samples) -> Tensor:
        """* What is zero for the solution, at the nodes: (B, *u_shape) -> (B, M, *shape); zero elsewhere."""
        raise NotImplementedError

    @property
    def offsets(self) -> tuple[Offset, ...]:
        """The places, seen from a node, of the outputs that the equations there read; found by trying."""
        return _offsets(self)

    norm_of_equations: ClassVar[Callable[[Tensor], Tensor] | None] = None
    """A linear method, (N, M, *shape) -> (N, values), whose sum of squares the norm is; None for the plain sum."""

    def span(self, cells: int, dtype: torch.dtype) -> Combs:
        """The coarse partition of the Galerkin head, at most `cells` cells a side, as far as the equations look."""
        found = self.offsets
        return combs(self.shape, fitting(self.shape, cells, found), found, dtype)

    def move(self, w: Tensor, functions: Tensor, span: Combs, samples: Samples) -> Tensor:
        """Gauss and Newton's step from the output w (B, C, *shape) in the span of `functions` (B, K, C, *shape).

        Coefficients (B, K, *hats) of the least norm of the equations linearised at w.
        """
        with torch.enable_grad():
            w = w.detach().requires_grad_()
            r = self.equations(self.impose(w, samples), samples)
            jacobian = wide.derivative(r, w, self.offsets)
        r, norm, basis = r.detach(), self.norm_of_equations, functions.shape[1]

        def system(some: slice) -> tuple[Tensor, Tensor]:
            images = jacobian.of(some).product(span.functions(functions[some]))
            if norm is None:
                return span.system(images, images, r[some], basis)
            apart = span.apart(images, basis)
            columns = norm(apart.flatten(0, 1)).view(*apart.shape[:2], -1)
            return (columns @ columns.mT).double(), -(columns @ norm(r[some]).unsqueeze(2))[..., 0].double()

        return solved(system, functions, span)


@lru_cache(maxsize=16)
def _offsets(problem: LeastSquares) -> tuple[Offset, ...]:
    """Which nodes the equations at a node look at, in terms of the output."""
    samples = problem.sample(list(range(TRIED)))
    draw = torch.Generator().manual_seed(0)
    shape = (TRIED, problem.components, *problem.shape)
    output = torch.randn(shape, dtype=torch.float64, generator=draw)
    return wide.offsets(lambda w: problem.equations(problem.impose(w, samples), samples), output)
