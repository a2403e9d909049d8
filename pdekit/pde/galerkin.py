"""A Galerkin head: the network proposes a basis, and the field is the best combination in its span.

The generator returns `basis` fields o_k instead of one. Multiplied by the hats h_j of a coarse partition of unity
with `cells` cells a side, they are the local functions `phi_kj = mask o_k h_j`, and the field is
`u = lifting + sum a_kj phi_kj` with a the minimiser of the sample's own energy: one small symmetric system.
Where the loss is a sum of squares, a is its minimiser by Gauss and Newton's method.
Because a is a minimiser, the gradient of the energy with respect to the o_k is that at fixed a (the envelope
theorem).

Related: variable projection (Golub and Pereyra 1973), the partition of unity method (Melenk and Babuska 1996),
multiscale finite elements (Hou and Wu 1997), Galerkin neural networks (Ainsworth and Dong 2021).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

from pdekit import checks
from pdekit.pde import combs
from pdekit.pde.gram import best, combine
from pdekit.pde.least_squares import LeastSquares
from pdekit.pde.partition import Partition, partition
from pdekit.pde.ritz import Ritz
from pdekit.pde.wide import Wide

if TYPE_CHECKING:
    from pdekit.pde.problem import Problem, Samples

Step = Callable[[Tensor], Tensor]
NEWTON = 8  # steps of Newton's method for an energy that is not quadratic
HALVINGS = 12
SETTLED = 1e-7  # relative gain of energy below which another step is not worth it
SETTLED_SQUARES = 1e-3  # the same of a sum of squares, all of which can be had


@dataclass(frozen=True)
class Galerkin:
    """`basis` fields from the generator times the hats of a partition with `cells` cells a side."""

    basis: int = 6
    cells: int = 6

    def __post_init__(self) -> None:
        checks.settle(self, basis=checks.whole("basis", self.basis), cells=checks.whole("cells", self.cells))

    def check(self, problem: "Problem") -> None:
        """ValueError if `problem` has neither an energy nor a sum of squares that the head could minimise."""
        if isinstance(problem, LeastSquares) and not problem.squares:
            remedy = 'use norm="l2" and a hard boundary without periodic faces, or head="plain"'
            raise checks.refuse('head="galerkin"', "a loss that is a sum of squares", problem, remedy)
        if not isinstance(problem, (LeastSquares, Ritz)):
            expected = "a problem with an energy, or whose loss is a sum of squares"
            raise checks.refuse('head="galerkin"', expected, problem, 'use head="plain"')
        if isinstance(problem, Ritz) and problem.order > 1 and problem.conditions.periodic(problem.dim):
            raise checks.refuse('head="galerkin"', "no periodic faces with order=2", problem, "use order=1")

    def field(self, problem: "Problem", output: Tensor, samples: "Samples") -> Tensor:
        """u (B, *u_shape) of the generator's output (B, basis components, *shape); differentiable in the output."""
        return problem.impose(self.combined(problem, output, samples), samples)

    def combined(self, problem: "Problem", output: Tensor, samples: "Samples") -> Tensor:
        """What takes the place of a generator's output without a head: (B, components, *shape)."""
        functions = output.unflatten(1, (self.basis, -1))
        with torch.no_grad():
            hats, a = self._best(problem, unpack_dual(functions).primal, samples)  # a is held, forward too
        return combine(functions, hats, a)

    def _best(self, problem: "Problem", functions: Tensor, samples: "Samples") -> tuple[Partition, Tensor]:
        """Hats and coefficients (B, basis, *hats) of the least loss, by Newton's method or Gauss and Newton's."""
        squares = isinstance(problem, LeastSquares)
        search = _least_squares if squares else _ritz
        hats, step = search(problem, functions, self.cells, samples)
        a = functions.new_zeros(len(functions), self.basis, *hats.shape)
        if squares:
            a[:, 0] = (
                1.0  # the search begins at the first field itself: many squares have more than one valley
            )
        if not len(functions):
            return hats, a
        if problem.linear:
            return hats, a + step(a)

        def loss(a: Tensor) -> Tensor:
            return problem.losses(problem.impose(combine(functions, hats, a), samples), samples)

        return hats, descend(loss, step, a, SETTLED_SQUARES if squares else SETTLED)


def _ritz(problem: Ritz, functions: Tensor, cells: int, samples: "Samples") -> tuple[Partition, Step]:
    """The partition for a problem with an energy, and Newton's step from coefficients a."""
    _, mask = problem.ansatz(functions.dtype, samples)
    local = problem.close(functions * mask.view(problem.components, *problem.shape))
    hats = partition(problem.shape, cells, problem.conditions.periodic(problem.dim), functions.dtype)

    def step(a: Tensor) -> Tensor:
        u = problem.impose(combine(functions, hats, a), samples)
        with torch.enable_grad():
            u.requires_grad_()
            (slope,) = torch.autograd.grad(problem.losses(u, samples).sum(), u)
        curvature = problem.curvature(u.detach(), samples)
        if isinstance(curvature, Wide):
            return combs.best(
                local, combs.combs(problem.shape, cells, curvature.offsets, a.dtype), curvature, slope
            )
        return best(local, hats, curvature, slope)

    return hats, step


def _least_squares(
    problem: LeastSquares, functions: Tensor, cells: int, samples: "Samples"
) -> tuple[Partition, Step]:
    """The same for a problem whose loss is a sum of squares."""
    span = problem.span(cells, functions.dtype)
    return span.hats, lambda a: problem.move(combine(functions, span.hats, a), functions, span, samples)


def descend(energy: Callable[[Tensor], Tensor], step: Step, a: Tensor, tolerance: float) -> Tensor:
    """From a (B, ...) by damped Newton steps: each sample's step is halved until its energy (B,) falls."""
    reached = energy(a)
    spread = (-1, *(1,) * (a.dim() - 1))
    settled = torch.zeros_like(reached, dtype=torch.bool)  # a sample that is stays so, whatever the others do
    for _ in range(NEWTON):
        move = step(a)
        length = torch.ones_like(reached)
        for _ in range(HALVINGS):
            tried = energy(a + length.view(spread) * move)
            better = (tried < reached) | settled
            near = (
                tried - reached
            ).abs() <= tolerance * reached.abs()  # so little is not worth a shorter step
            if (better | near).all():
                break
            length = torch.where(better | near, length, length / 2)
        moved = better & ~settled
        a = a + torch.where(moved, length, 0.0).view(spread) * move
        gain = torch.where(moved, reached - tried, 0.0)
        reached = reached - gain
        settled |= gain <= tolerance * reached.abs()
        if settled.all():
            break
    return a
