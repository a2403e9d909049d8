"""Problems that minimise an energy: the loss of a sample is its Ritz energy over finite elements."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pdekit.pde import natural, points, stencil
from pdekit.pde.elements import cells, element, gather, spacing
from pdekit.pde.imposed import Imposed
from pdekit.pde.points import Points
from pdekit.pde.problem import Samples
from pdekit.pde.stencil import Quadratic
from pdekit.pde.wide import Wide, second_derivative


@dataclass(frozen=True)
class Ritz(Imposed):
    """The minimiser of `int psi(u, grad u, x, c) dx`, plus what flows through the faces: the base of such problems.

    A problem of the catalogue says its `density` and its `conditions`. With `linear`, psi is quadratic in u
    and grad u, and the energy becomes a stencil, assembled once a batch. What the energy has in excess of its
    minimum is, for such a psi, half the squared energy norm of the error.
    """

    order: ClassVar[int] = 1
    linear: ClassVar[bool] = True

    @property
    def forcing(self) -> natural.Source:
        """The source f: `- int f u` is part of the energy."""
        return 0.0

    def density(self, u: Tensor, grad_u: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """* psi at Gauss points, shapes as in `points.Density`."""
        raise NotImplementedError

    def operator(self, data: Tensor) -> Quadratic | Points:
        """The stencil of a quadratic energy, or the data at the Gauss points of another one."""
        return self.assemble(data) if self.linear and self.order == 1 else self.at_points(data)

    def at_points(self, data: Tensor) -> Points:
        """What the sum over Gauss points needs of data (B, *shape)."""
        return points.points(self.density, data, self.order)

    def assemble(self, data: Tensor) -> Quadratic:
        """The stencil of the quadratic energy for data (B, *shape): K and b from the derivatives of psi at u = 0."""
        zero = data.new_zeros(len(data), *self.u_shape)
        slope, quadratic = points.expansion(zero, self.at_points(data))
        return self.driven(quadratic._replace(load=-slope if slope.any() else None))

    def outside(self, dtype: torch.dtype) -> Quadratic | None:
        """The energy of sources and of flux through the faces; None where there is none."""
        return natural.quadratic(
            self.conditions, self.forcing, self.shape, self.components, self.order, dtype
        )

    def driven(self, quadratic: Quadratic) -> Quadratic:
        """The same with `outside` added."""
        more = self.outside(quadratic.edges[0].dtype)
        if more is None:
            return quadratic
        edges = quadratic.edges
        if more.edges:
            edges = tuple(a + b for a, b in zip(edges, more.edges, strict=True))
        pairs = ((quadratic.diagonal, more.diagonal), (quadratic.load, more.load))
        diagonal, load = (b if a is None else a if b is None else a + b for a, b in pairs)
        return Quadratic(edges, diagonal, load)

    def losses(self, u: Tensor, samples: Samples) -> Tensor:
        """The energy of each sample's u (B, *u_shape): (B,)."""
        if isinstance(samples.operator, Quadratic):
            return stencil.energy(u, samples.operator)
        energy = points.energy(u, samples.operator)
        more = self.outside(u.dtype)
        return energy if more is None else energy + stencil.energy(u, more)

    def energy(self, u: np.ndarray, data: np.ndarray) -> float:
        """The energy of one field u (*u_shape) for the data (*data_shape) of one sample. Look at it, or plot it."""
        return self.loss(u, data)

    def curvature(self, u: Tensor, samples: Samples) -> Quadratic | Wide:
        """The second derivative of the energy at u (B, *u_shape): a stencil, a wider map for order 2."""
        if isinstance(samples.operator, Quadratic):
            return samples.operator
        if self.order > 1:
            return second_derivative(u, samples.operator)
        return self.driven(points.linearised(u, samples.operator))


def diffusion(nu: Tensor) -> tuple[Tensor, ...]:
    """The edges of `1/2 int nu |grad u|^2` for nodal nu (B, *shape), (multi)linear in between: one small product."""
    shape = tuple(nu.shape[1:])
    of_pairs = torch.matmul(_pairs_of_nodes(shape, nu.dtype), gather(nu))
    return stencil.assemble(of_pairs.unflatten(-1, cells(shape)), shape)


def _pairs_of_nodes(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """`-int N_c grad N_p . grad N_q` of a cell: (pairs, nodes)."""
    cell = element(spacing(shape))
    p, q = (list(one) for one in zip(*stencil.pairs(len(shape)), strict=True))
    slopes = cell.table[1:]
    whole = -np.einsum("g,gc,sgk,sgk->kc", cell.weights, cell.table[0], slopes[..., p], slopes[..., q])
    return torch.from_numpy(whole).to(dtype)
