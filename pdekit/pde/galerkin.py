"""A Galerkin head: the network proposes a basis, and the field is the best combination in its span.

The generator returns `basis` fields o_k instead of one. Multiplied by the hats h_j of a coarse partition of unity
with `cells` cells a side, they are the local functions `phi_kj = mask o_k h_j`, and the field is
`u = lifting + sum a_kj phi_kj` with a the minimiser of the sample's own energy: one small symmetric system.
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

from pdekit import checks
from pdekit.pde.gram import best, combine
from pdekit.pde.partition import Partition, partition
from pdekit.pde.stencil import Quadratic, apply

if TYPE_CHECKING:
    from pdekit.pde.problem import Problem, Samples
    from pdekit.pde.ritz import Ritz

NEWTON = 8  # steps of Newton's method for an energy that is not quadratic
HALVINGS = 12
SETTLED = 1e-7  # relative gain of energy below which another step is not worth it


@dataclass(frozen=True)
class Galerkin:
    """`basis` fields from the generator times the hats of a partition with `cells` cells a side."""

    basis: int = 6
    cells: int = 6

    def __post_init__(self) -> None:
        checks.settle(self, basis=checks.whole("basis", self.basis), cells=checks.whole("cells", self.cells))

    def check(self, problem: "Problem") -> None:
        """ValueError if `problem` has no energy that the head could minimise."""
        if not hasattr(problem, "curvature") or getattr(problem, "order", 1) != 1:
            expected = "a problem with an energy over elements of order 1"
            raise checks.refuse('head="galerkin"', expected, problem, 'use head="plain"')

    def field(self, problem: "Ritz", output: Tensor, samples: "Samples") -> Tensor:
        """u (B, *u_shape) of the generator's output (B, basis components, *shape); differentiable in the output."""
        lifting, mask = problem.ansatz(output.dtype, samples)
        functions = problem.close(
            output.unflatten(1, (self.basis, -1)) * mask.view(problem.components, *problem.shape)
        )
        hats = partition(problem.shape, self.cells, problem.conditions.periodic(problem.dim), output.dtype)
        lifting = problem.close(lifting).expand(len(output), *problem.u_shape)
        with torch.no_grad():
            a = self._best(problem, functions, hats, lifting, samples)
        return lifting + combine(functions, hats, a).view(lifting.shape)

    def _best(
        self, problem: "Ritz", functions: Tensor, hats: Partition, lifting: Tensor, samples: "Samples"
    ) -> Tensor:
        """Coefficients (B, basis, *hats) of the least energy, by Newton's method; one step where it is quadratic."""
        a = functions.new_zeros(len(functions), self.basis, *hats.shape)
        if not len(functions):
            return a
        if isinstance(samples.operator, Quadratic):
            slope = apply(lifting, samples.operator)
            if samples.operator.load is not None:
                slope = slope - samples.operator.load
            return best(functions, hats, samples.operator, slope)

        def field(a: Tensor) -> Tensor:
            return lifting + combine(functions, hats, a).view_as(lifting)

        def newton_step(a: Tensor) -> Tensor:
            u = field(a)
            with torch.enable_grad():
                u.requires_grad_()
                (slope,) = torch.autograd.grad(problem.losses(u, samples).sum(), u)
            return best(functions, hats, problem.curvature(u.detach(), samples), slope)

        return descend(lambda a: problem.losses(field(a), samples), newton_step, a)


def descend(energy: Callable[[Tensor], Tensor], step: Callable[[Tensor], Tensor], a: Tensor) -> Tensor:
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
            if better.all():
                break
            length = torch.where(better, length, length / 2)
        moved = better & ~settled
        a = a + torch.where(moved, length, 0.0).view(spread) * move
        gain = torch.where(moved, reached - tried, 0.0)
        reached = reached - gain
        settled |= gain <= SETTLED * reached.abs()
        if settled.all():
            break
    return a
