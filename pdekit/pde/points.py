"""Energies with any density, summed over Gauss points: value and gradient in one pass over blocks that fit the cache.

`E(u) = sum over Gauss points of w psi(u, grad u, x, c)`. The density is an ordinary function of tensors with
one number a point; automatic differentiation sees it alone, never the way from nodes to points.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from pdekit.pde import stencil
from pdekit.pde.elements import GAUSS, at_points, cells, coordinates, element, gather, scatter, spacing, table
from pdekit.pde.stencil import Quadratic, WithGradient

Density = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""psi(u, grad_u, x, c): u (B, G, P), grad_u (d, B, G, P), x (d, G, P), c (B, G, P) -> (B, G, P), for G Gauss
points in each of P cells. A field of vectors has u (C, B, G, P) and grad_u (C, d, B, G, P)."""

BLOCK = 2**16  # Gauss points at a time: what the density makes of them stays in the cache


class Points(NamedTuple):
    """What a batch's energy needs beside u."""

    density: Density
    data: Tensor  # (B, G, P): c at the Gauss points
    order: int = 1


def points(density: Density, data: Tensor, order: int = 1) -> Points:
    """The energy of nodal data c (B, *shape)."""
    return Points(density, at_points(data, order), order)


def energy(u: Tensor, given: Points) -> Tensor:
    """`E(u)` for each sample's u (B, *shape) or (B, C, *shape): (B,). Differentiable once in u."""
    return _Energy.apply(u, given)


def grid(u: Tensor, given: Points) -> tuple[int, ...]:
    """The grid's shape: the data tell how many axes of u are its own."""
    dim = next(d for d in (1, 2, 3) if GAUSS[given.order] ** d == given.data.shape[1])
    return tuple(u.shape[-dim:])


def _blocks(shape: tuple[int, ...], given: Points) -> Iterator[tuple[slice, slice]]:
    """Layers of cells as (slice of the first grid axis, slice of the cells)."""
    count = cells(shape, given.order)
    layer = 1
    for n in count[1:]:
        layer *= n
    batch, points_, _ = given.data.shape
    step = max(1, BLOCK // max(1, layer * points_ * batch))
    for start in range(0, count[0] if batch else 0, step):
        stop = min(start + step, count[0])
        yield slice(start * given.order, stop * given.order + 1), slice(start * layer, stop * layer)


def split(e: Tensor, batch: int, dim: int) -> tuple[Tensor, Tensor]:
    """What `table` gives, (B C, (1 + d) G, P), as u (B, G, P) and grad u (d, B, G, P), or (C, ...) of both."""
    e = e.unflatten(1, (1 + dim, -1))
    if len(e) == batch:
        return e[:, 0], e[:, 1:].movedim(1, 0)
    e = e.unflatten(0, (batch, -1))
    return e[:, :, 0].movedim(1, 0), e[:, :, 1:].movedim((1, 2), (0, 1))


class _Energy(WithGradient):
    """The sum over Gauss points."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, u: Tensor, given: Points) -> Tensor:
        shape = grid(u, given)
        dim, batch = len(shape), len(u)
        nodal = u.detach().reshape(-1, *shape)
        gradient, value = torch.zeros_like(nodal), u.new_zeros(batch)
        to_points = table(spacing(shape), given.order, u.dtype)
        weights = torch.from_numpy(element(spacing(shape), given.order).weights).to(u.dtype)[:, None]
        x = coordinates(shape, given.order, u.dtype)
        for layers, some in _blocks(shape, given):
            part = nodal[:, layers]
            e = torch.matmul(to_points, gather(part, given.order))
            with torch.enable_grad():
                e.requires_grad_()
                psi = given.density(*split(e, batch, dim), x[..., some], given.data[..., some])
                of_samples = (psi * weights).sum(dim=(1, 2))
                (slope,) = torch.autograd.grad(of_samples.sum(), e)
            value += of_samples.detach()
            gradient[:, layers] += scatter(
                torch.matmul(to_points.T, slope), tuple(part.shape[1:]), given.order
            )
        ctx.save_for_backward(gradient.view_as(u))
        return value


def curvature(e: Tensor, density: Density, x: Tensor, c: Tensor) -> Tensor:
    """Second derivatives of the density in (u, du/dx, ...) of each component: (B, S, S, G, P), S = C (1 + d).

    e is what `table` gives at P cells, (B C, (1 + d) G, P); x and c as a density takes them.
    """
    with torch.enable_grad():
        e = e.detach().requires_grad_()
        psi = density(*split(e, len(c), len(x)), x, c)
        (slope,) = torch.autograd.grad(psi.sum(), e, create_graph=True)
        slope = slope.reshape(len(c), -1, *c.shape[1:])  # (B, S, G, P), components first
        if not slope.requires_grad:  # linear in u
            return slope.new_zeros(*slope.shape[:2], *slope.shape[1:])
        size = slope.shape[1]
        rows = [torch.autograd.grad(slope[:, s].sum(), e, retain_graph=s + 1 < size)[0] for s in range(size)]
    return torch.stack([row.reshape(slope.shape) for row in rows], dim=1)


def linearised(u: Tensor, given: Points) -> Quadratic:
    """The second derivative of the energy at u (B, *shape) or (B, C, *shape), elements of order 1: K, no load."""
    shape = grid(u, given)
    dim, batch = len(shape), len(u)
    cell = element(spacing(shape))
    n = torch.from_numpy(cell.table).to(u.dtype)  # (S, G, nodes)
    w = torch.from_numpy(cell.weights).to(u.dtype)
    p, q = (list(one) for one in zip(*stencil.pairs(dim), strict=True))
    couple = -torch.einsum("sgk,tgk,g->kstg", n[..., p], n[..., q], w)  # k: the pairs of nodes
    own = torch.einsum("sgp,g->psg", n, w)  # the row sums see constants only: grad 1 = 0
    components = u.shape[1] if u.dim() > 1 + dim else 1
    nodal = u.detach().reshape(-1, *shape)
    to_points, x = table(spacing(shape), 1, u.dtype), coordinates(shape, 1, u.dtype)
    many = 0 if batch else math.prod(cells(shape))  # a batch without samples has an empty stencil
    of_pairs = [u.new_zeros(batch, components, components, len(p), many)]
    rows = [u.new_zeros(batch, components, components, 2**dim, many)]
    for layers, some in _blocks(shape, given):
        e = torch.matmul(to_points, gather(nodal[:, layers]))
        second = curvature(e, given.density, x[..., some], given.data[..., some])
        second = second.unflatten(1, (components, -1)).unflatten(3, (components, -1))  # (B, C, S, C, S, G, P)
        second = second.transpose(2, 3)
        of_pairs.append(torch.matmul(couple.flatten(1), second.flatten(3, 5)))  # (B, C, C, pairs, P)
        rows.append(torch.matmul(own.flatten(1), second[:, :, :, :, 0].flatten(3, 4)))
    edges = stencil.assemble(torch.cat(of_pairs, dim=-1).unflatten(-1, cells(shape)), shape)
    of_nodes = torch.cat(rows, dim=-1)
    diagonal = scatter(of_nodes.flatten(0, 2), shape).unflatten(0, of_nodes.shape[:3])
    if components == 1:
        return Quadratic(tuple(e[:, 0, 0] for e in edges), diagonal[:, 0, 0])
    return Quadratic(edges, diagonal)
