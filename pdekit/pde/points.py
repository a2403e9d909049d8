"""Energies with any density, summed over Gauss points: value and gradient in one pass over blocks.

`E(u) = sum over Gauss points of w psi(u, grad u, x, c)`. The density is an ordinary function of tensors with
one number a point; automatic differentiation sees it alone, never the way from nodes to points.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pdekit.pde import stencil
from pdekit.pde.elements import GAUSS, add, at_points, cells, coordinates, element, gather, spacing, table
from pdekit.pde.stencil import Quadratic, WithGradient

Density = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""psi(u, grad_u, x, c): u (B, G, P), grad_u (d, B, G, P), x (d, G, P), c (B, G, P) -> (B, G, P), for G Gauss
points in each of P cells. A field of vectors has u (C, B, G, P) and grad_u (C, d, B, G, P)."""

BLOCK = 2**17  # Gauss points at a time: larger blocks spend in page faults what they save in calls


Parts = Sequence[Tensor | None]  # of u and of grad u, as a density takes them; None for zero


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


def _derivatives(
    e: Tensor, density: Density, x: Tensor, c: Tensor, twice: bool = False
) -> tuple[list[Tensor], Tensor, Parts]:
    """u and grad u, psi there, and its derivatives in them: what psi does not use costs nothing."""
    with torch.enable_grad():
        at = [part.detach().requires_grad_() for part in split(e, len(c), len(x))]
        psi = density(*at, x, c)
        ones = torch.ones_like(psi)  # stored: torch is slow at a number that is expanded
        return at, psi.detach(), torch.autograd.grad(psi, at, ones, create_graph=twice, allow_unused=True)


def _rows(at: list[Tensor], slopes: Parts) -> Iterator[tuple[int, int, Parts]]:
    """Component i, derivative s in (u, du/dx, ...), and that row of second derivatives; no rows of zeros."""
    components = math.prod(at[0].shape[:-3])
    for first, slope in enumerate(slopes):
        if slope is None or not slope.requires_grad:  # psi does not use it, or is linear
            continue
        lead = slope.shape[:-3]
        units = torch.eye(math.prod(lead), dtype=slope.dtype).view(-1, *lead, 1, 1, 1)
        for k, unit in enumerate(units):
            unit = unit.expand_as(slope)
            row = torch.autograd.grad(slope, at, unit, retain_graph=True, allow_unused=True)
            yield k * components // len(units), first + k % (len(units) // components), row


def _times(matrix: Tensor, parts: Parts) -> Tensor:
    """`matrix` (N, (1 + d) G) times the parts, not all None: (B C, N, P)."""
    size = next(part for part in parts if part is not None).shape[-2]
    columns = zip((matrix[:, :size], matrix[:, size:]), parts, strict=True)
    first, *more = (
        torch.matmul(some, part.movedim(-3, 0).reshape(-1, some.shape[1], part.shape[-1]))
        for some, part in columns
        if part is not None
    )
    return sum(more, start=first)


@lru_cache(maxsize=64)
def _to_nodes(spacing: tuple[float, ...], order: int, dtype: torch.dtype) -> Tensor:
    """The adjoint of `table` with the weights of the Gauss points: (nodes, (1 + d) G)."""
    cell = element(spacing, order)
    return torch.from_numpy((cell.table * cell.weights[:, None]).reshape(-1, len(cell.nodes)).T).to(dtype)


@lru_cache(maxsize=64)
def _to_pairs(spacing: tuple[float, ...], dtype: torch.dtype) -> Tensor:
    """What a row s of second derivatives adds to `-K_pq` of the pairs: (1 + d, pairs, (1 + d) G)."""
    cell = element(spacing)
    p, q = (list(one) for one in zip(*stencil.pairs(len(spacing)), strict=True))
    whole = -np.einsum("sgk,tgk,g->sktg", cell.table[..., p], cell.table[..., q], cell.weights)
    return torch.from_numpy(whole).to(dtype).flatten(2)


class _Energy(WithGradient):
    """The sum over Gauss points."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, u: Tensor, given: Points) -> Tensor:
        shape = grid(u, given)
        nodal = u.detach().reshape(-1, *shape)
        gradient, of_points = torch.zeros_like(nodal), u.new_zeros(given.data.shape[:2])
        to_points, to_nodes = (of(spacing(shape), given.order, u.dtype) for of in (table, _to_nodes))
        x = coordinates(shape, given.order, u.dtype)
        for layers, some in _blocks(shape, given):
            e = torch.matmul(to_points, gather(nodal[:, layers], given.order))
            _, psi, slopes = _derivatives(e, given.density, x[..., some], given.data[..., some])
            of_points += psi.sum(dim=2)
            add(gradient[:, layers], _times(to_nodes, slopes), given.order)
        ctx.save_for_backward(gradient.view_as(u))
        weights = element(spacing(shape), given.order).weights
        return (of_points * torch.from_numpy(weights).to(u.dtype)).sum(dim=1)


def curvature(e: Tensor, density: Density, x: Tensor, c: Tensor) -> Tensor:
    """Second derivatives of the density in (u, du/dx, ...) of each component: (B, S, S, G, P), S = C (1 + d).

    e is what `table` gives at P cells, (B C, (1 + d) G, P); x and c as a density takes them.
    """
    batch, dim = len(c), len(x)
    second = e.new_zeros(len(e) // batch, 1 + dim, *e.shape)
    at, _, slopes = _derivatives(e, density, x, c, twice=True)
    for i, s, row in _rows(at, slopes):
        for into, part in zip(split(second[i, s], batch, dim), row, strict=True):
            if part is not None:
                into.copy_(part)
    size = len(second) * (1 + dim)
    return second.view(size, batch, size, *c.shape[1:]).transpose(0, 1)


def expansion(u: Tensor, given: Points) -> tuple[Tensor, Quadratic]:
    """The derivative of the energy at u (B, *shape) or (B, C, *shape), like u, and the second one: K, no load.

    Elements of order 1.
    """
    shape = grid(u, given)
    components = u.shape[1] if u.dim() > 1 + len(shape) else 1
    lead = (len(u), components, components)
    nodal = u.detach().reshape(-1, *shape)
    gradient, diagonal = torch.zeros_like(nodal), u.new_zeros(*lead, *shape)
    edges = stencil.zeros(lead, shape, u.dtype)
    to_points, to_nodes = (of(spacing(shape), 1, u.dtype) for of in (table, _to_nodes))
    to_pairs, x = _to_pairs(spacing(shape), u.dtype), coordinates(shape, 1, u.dtype)
    for layers, some in _blocks(shape, given):
        e = torch.matmul(to_points, gather(nodal[:, layers]))
        at, _, slopes = _derivatives(e, given.density, x[..., some], given.data[..., some], twice=True)
        add(gradient[:, layers], _times(to_nodes, slopes).detach())
        of_pairs = u.new_zeros(*lead, to_pairs.shape[1], e.shape[-1])
        for i, s, row in _rows(at, slopes):
            of_pairs[:, i] += _times(to_pairs[s], row).unflatten(0, lead[:2])
            if s == 0:  # the row sums see constants only: grad 1 = 0
                of_nodes = _times(to_nodes, row).unflatten(0, lead[:2])
                for j in range(components):
                    add(diagonal[:, j, i, layers], of_nodes[:, j])
        count = cells((layers.stop - layers.start, *shape[1:]))
        stencil.assemble(of_pairs.unflatten(-1, count), shape, edges, layers.start)
    if components == 1:
        edges, diagonal = tuple(one[:, 0, 0] for one in edges), diagonal[:, 0, 0]
    return gradient.view_as(u), Quadratic(edges, diagonal)


def linearised(u: Tensor, given: Points) -> Quadratic:
    """The second derivative of the energy at u (B, *shape) or (B, C, *shape), elements of order 1: K, no load."""
    return expansion(u, given)[1]
