"""Quadratic energies `1/2 u^T K u - b^T u` on a grid whose nodes are coupled to their next neighbours.

With `w_pq = -K_pq` and the row sums `m_p = sum_q K_pq` the energy is `1/2 sum over edges (p, q) of w_pq (u_p -
u_q)^2 + 1/2 sum m_p u_p^2 - b^T u`: one pass over the edges of the grid gives energy and gradient, and nothing
cancels where the rows of K add up to zero. An edge joins two nodes of a cell; all edges of one direction are
one array.
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Direction = tuple[int, ...]


class Quadratic(NamedTuple):
    """A quadratic energy of u (B, *shape), or of u (B, C, *shape) where the entries of K are C x C blocks."""

    edges: tuple[
        Tensor, ...
    ]  # -K_pq for q = p + direction: (B, *edges) or (B, C, C, *edges), in `directions` order
    diagonal: Tensor | None = None  # row sums: (B, *shape) or (B, C, C, *shape); None for zero
    load: Tensor | None = None  # b, shaped like u; None for zero


@lru_cache(maxsize=8)
def directions(dim: int) -> tuple[Direction, ...]:
    """One of each pair of opposite directions to the next nodes, ascending: 1, 4 or 13 in 1, 2 or 3 dimensions."""
    return tuple(d for d in product((-1, 0, 1), repeat=dim) if d > (0,) * dim)


@lru_cache(maxsize=8)
def pairs(dim: int) -> tuple[tuple[int, int], ...]:
    """The pairs p < q of nodes of a cell of order 1."""
    return tuple((p, q) for q in range(2**dim) for p in range(q))


def ends(u: Tensor, direction: Direction) -> tuple[Tensor, Tensor]:
    """Views of the first and second nodes of all edges in `direction` of u (..., *shape)."""
    first = tuple(slice(max(0, -d), u.shape[k - len(direction)] - max(0, d)) for k, d in enumerate(direction))
    second = tuple(
        slice(max(0, d), u.shape[k - len(direction)] - max(0, -d)) for k, d in enumerate(direction)
    )
    return u[(..., *first)], u[(..., *second)]


def zeros(lead: tuple[int, ...], shape: tuple[int, ...], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Edge arrays (*lead, *edges) of a grid of `shape`."""
    sizes = (tuple(n - abs(k) for n, k in zip(shape, d, strict=True)) for d in directions(len(shape)))
    return tuple(torch.zeros(*lead, *size, dtype=dtype) for size in sizes)


def assemble(
    of_pairs: Tensor, shape: tuple[int, ...], edges: tuple[Tensor, ...] | None = None, start: int = 0
) -> tuple[Tensor, ...]:
    """Edge arrays from `-K_pq` of each cell: (B, ..., pairs, *cells) -> one (B, ..., *edges) for each direction.

    Some layers of cells, from `start` on, are added to `edges`, in place.
    """
    dim = len(shape)
    corners = list(product((0, 1), repeat=dim))
    edges = edges or zeros(of_pairs.shape[: -dim - 1], shape, of_pairs.dtype)
    arrays = dict(zip(directions(dim), edges, strict=True))
    first = (start, *(0,) * (dim - 1))
    for k, (p, q) in enumerate(pairs(dim)):
        direction = tuple(b - a for a, b in zip(corners[p], corners[q], strict=True))
        low = [i + min(a, b) for i, a, b in zip(first, corners[p], corners[q], strict=True)]
        place = tuple(slice(i, i + n) for i, n in zip(low, of_pairs.shape[-dim:], strict=True))
        arrays[direction][(..., *place)].add_(of_pairs[(..., k, *(slice(None),) * dim)])
    return edges


def apply(u: Tensor, quadratic: Quadratic) -> Tensor:
    """`K u`, shaped like u."""
    return _value_and_product(u, quadratic)[1]


def energy(u: Tensor, quadratic: Quadratic) -> Tensor:
    """`1/2 u^T K u - b^T u` for each sample of the batch: (B,). Differentiable once in u; the rest is data."""
    return _Energy.apply(u, quadratic)


def _value_and_product(u: Tensor, quadratic: Quadratic) -> tuple[Tensor, Tensor]:
    """`u^T K u` (B,) and `K u`."""
    whole = torch.zeros_like(u)
    over = tuple(range(1, u.dim()))
    edges, diagonal = quadratic.edges, quadratic.diagonal
    if edges and edges[0].dim() > u.dim():
        for direction, w in zip(directions(u.dim() - 2), edges, strict=True):
            (a, b), (ga, gb) = ends(u, direction), ends(whole, direction)
            jump = b - a
            ga -= (w * jump.unsqueeze(1)).sum(dim=2)
            gb += (w * jump.unsqueeze(2)).sum(dim=1)  # the block of (q, p) is the transpose of that of (p, q)
        if diagonal is not None:
            whole += (diagonal * u.unsqueeze(1)).sum(dim=2)
        return (whole * u).sum(dim=over), whole
    value = u.new_zeros(len(u))
    for direction, w in zip(directions(u.dim() - 1) if edges else (), edges, strict=True):
        (a, b), (ga, gb) = ends(u, direction), ends(whole, direction)
        jump = b - a
        flux = w * jump
        gb += flux
        ga -= flux
        value += flux.mul_(jump).sum(dim=over)
    if diagonal is not None:
        own = diagonal * u
        whole += own
        value += own.mul_(u).sum(dim=over)
    return value, whole


class WithGradient(torch.autograd.Function):
    """Of energies (B,) of u (B, ...) whose forward saves the gradient, so that backward only scales it."""

    @staticmethod
    @once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, upstream: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return upstream.view(-1, *(1,) * (gradient.dim() - 1)) * gradient, None


class _Energy(WithGradient):
    """The gradient `K u - b` falls out of the same pass."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, u: Tensor, quadratic: Quadratic) -> Tensor:
        value, gradient = _value_and_product(u, quadratic)
        value *= 0.5
        if quadratic.load is not None:
            gradient -= quadratic.load
            value -= (quadratic.load * u).sum(dim=tuple(range(1, u.dim())))
        ctx.save_for_backward(gradient)
        return value
