"""Bilinear (Q1) finite elements on a uniform grid, as sums over the edges that join the nodes of a cell.

On a cell with corners 0..3 the stiffness matrix of `int nu grad u . grad v` has zero row sums, so that `1/2
u^T K u = 1/2 sum over edges (p, q) of w_pq (u_p - u_q)^2` with `w_pq = -K_pq`. A grid has four families of
edges: along x, along y and the two diagonals. Their weights are linear in the nodal coefficients;
`edge_weights` makes them once, after which energy and gradient are one pass over the nodes, without
cancellation. The integrals are 2x2 Gauss sums, exact for a bilinear coefficient.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))  # (y, x) of the corners of a cell, in the order used below
GAUSS = (0.5 - 0.5 / np.sqrt(3), 0.5 + 0.5 / np.sqrt(3))


class EdgeWeights(NamedTuple):
    """Weights of the edges of a batch of grids."""

    x: Tensor  # (B, H, W-1)
    y: Tensor  # (B, H-1, W)
    diagonal: Tensor  # (B, H-1, W-1): the same for both diagonals of a cell


def _shape_functions(y: float, x: float) -> tuple[np.ndarray, np.ndarray]:
    """Values (4,) and gradients (4, 2) in (y, x) of the bilinear functions of the unit cell at one point."""
    value = np.array([(y if j else 1 - y) * (x if i else 1 - x) for j, i in CORNERS])
    dy = np.array([(1 if j else -1) * (x if i else 1 - x) for j, i in CORNERS])
    dx = np.array([(y if j else 1 - y) * (1 if i else -1) for j, i in CORNERS])
    return value, np.stack([dy, dx], axis=1)


@lru_cache(maxsize=8)
def _cell_stiffness(aspect: float) -> np.ndarray:
    """`T[c, p, q] = int N_c grad N_p . grad N_q` over a cell with `aspect = dy / dx`: (4, 4, 4)."""
    scale = np.array([1 / aspect, aspect])
    points = [_shape_functions(y, x) for y in GAUSS for x in GAUSS]
    return sum(np.einsum("c,pd,qd,d->cpq", n, g, g, scale) / 4 for n, g in points)


def edge_weights(nu: Tensor, aspect: float = 1.0) -> EdgeWeights:
    """Edge weights of nodal coefficients `nu` (B, H, W), for cells with `aspect = dy / dx`."""
    stiffness = _cell_stiffness(aspect)
    corner = [nu[:, j : nu.shape[1] - 1 + j, i : nu.shape[2] - 1 + i] for j, i in CORNERS]

    def cell(p: int, q: int) -> Tensor:
        return sum(-float(stiffness[c, p, q]) * corner[c] for c in range(4))

    x = nu.new_zeros(nu.shape[0], nu.shape[1], nu.shape[2] - 1)
    x[:, :-1] += cell(0, 1)
    x[:, 1:] += cell(2, 3)
    y = nu.new_zeros(nu.shape[0], nu.shape[1] - 1, nu.shape[2])
    y[:, :, :-1] += cell(0, 2)
    y[:, :, 1:] += cell(1, 3)
    return EdgeWeights(x, y, cell(0, 3))


def _ends(u: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """Views of the two ends of each family of edges of `u` (B, H, W): along x, along y, and the two diagonals."""
    return (
        (u[:, :, :-1], u[:, :, 1:]),
        (u[:, :-1], u[:, 1:]),
        (u[:, :-1, :-1], u[:, 1:, 1:]),
        (u[:, :-1, 1:], u[:, 1:, :-1]),
    )


class _Energy(torch.autograd.Function):
    """`1/2 u^T K u` per sample; the gradient K u falls out of the same pass, so backward only scales it."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, u: Tensor, x: Tensor, y: Tensor, diagonal: Tensor
    ) -> Tensor:
        gradient = torch.zeros_like(u)
        energy = u.new_zeros(len(u))
        for (a, b), (ga, gb), w in zip(_ends(u), _ends(gradient), (x, y, diagonal, diagonal), strict=True):
            jump = b - a
            flux = w * jump
            gb += flux
            ga -= flux
            energy += 0.5 * flux.mul_(jump).sum(dim=(1, 2))
        ctx.save_for_backward(gradient)
        return energy

    @staticmethod
    @once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, upstream: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return upstream[:, None, None] * gradient, None, None, None


def energy(u: Tensor, weights: EdgeWeights) -> Tensor:
    """`1/2 int nu |grad u|^2` of the bilinear interpolant of nodal values u (B, H, W): one value per sample (B,).

    Differentiable once in u; the weights are data.
    """
    return _Energy.apply(u, *weights)


def load(f: Tensor, dy: float, dx: float) -> Tensor:
    """`int f N_p` for every node p, with f (B, H, W) interpolated bilinearly and cells of dy x dx: (B, H, W)."""
    points = [_shape_functions(y, x)[0] for y in GAUSS for x in GAUSS]
    mass = dy * dx * sum(np.outer(n, n) for n in points) / 4
    height, width = f.shape[1:]
    out = torch.zeros_like(f)
    for p, (j, i) in enumerate(CORNERS):
        for q, (jj, ii) in enumerate(CORNERS):
            out[:, j : height - 1 + j, i : width - 1 + i] += (
                float(mass[p, q]) * f[:, jj : height - 1 + jj, ii : width - 1 + ii]
            )
    return out
