"""Finite elements of order 1 or 2 on a uniform grid in one, two or three dimensions: nodes to Gauss points and back.

A cell of order p has (p + 1)^d nodes, so that order 2 takes every second node of the grid as a cell's corner.
All that happens between nodes and Gauss points is one small matrix, the same for every cell.
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Gauss points along an axis: exact for c |grad u|^2 with c a polynomial of the same order as u.
GAUSS = {1: 2, 2: 4}


class Element(NamedTuple):
    """The reference cell: its nodes, and what maps their values to the Gauss points."""

    nodes: tuple[
        tuple[int, ...], ...
    ]  # place of each node in the cell, in steps of the grid, slowest axis first
    table: np.ndarray  # (1 + d, G, nodes): value and derivatives along x, y, z at the Gauss points
    weights: np.ndarray  # (G,): of the Gauss points, adding up to the volume of a cell


def _lagrange(order: int, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and derivatives (points, order + 1) of the Lagrange polynomials with equal steps on [0, 1]."""
    steps = np.linspace(0.0, 1.0, order + 1)
    basis = [np.poly1d(np.delete(steps, k), r=True) for k in range(order + 1)]
    basis = [p / p(steps[k]) for k, p in enumerate(basis)]
    return np.stack([p(points) for p in basis], 1), np.stack([p.deriv()(points) for p in basis], 1)


@lru_cache(maxsize=32)
def element(spacing: tuple[float, ...], order: int = 1) -> Element:
    """The cell of a grid with `spacing` between nodes (slowest axis first)."""
    dim = len(spacing)
    points, weights = np.polynomial.legendre.leggauss(GAUSS[order])
    points, weights = (points + 1) / 2, weights / 2
    value, slope = _lagrange(order, points)
    sides = [order * h for h in spacing]
    rows = []
    for derivative in (None, *reversed(range(dim))):  # x is the last axis
        factors = [slope / sides[a] if a == derivative else value for a in range(dim)]
        table = factors[0]
        for factor in factors[1:]:
            table = np.kron(table, factor)
        rows.append(table)
    of_points = weights
    for _ in range(dim - 1):
        of_points = np.kron(of_points, weights)
    nodes = tuple(product(range(order + 1), repeat=dim))
    return Element(nodes, np.stack(rows), of_points * float(np.prod(sides)))


def spacing(shape: tuple[int, ...]) -> tuple[float, ...]:
    """Distance between nodes along each axis of a grid of `shape` on the unit interval, square or cube."""
    return tuple(1.0 / (n - 1) for n in shape)


def cells(shape: tuple[int, ...], order: int = 1) -> tuple[int, ...]:
    """How many cells along each axis."""
    return tuple((n - 1) // order for n in shape)


def windows(shape: tuple[int, ...], order: int = 1) -> list[tuple[slice, ...]]:
    """For each node of the cell, the slices that pick this node of all cells out of a grid of `shape`."""
    count = cells(shape, order)
    nodes = product(range(order + 1), repeat=len(shape))
    return [
        tuple(slice(k, k + order * (n - 1) + 1, order) for k, n in zip(node, count, strict=True))
        for node in nodes
    ]


def gather(u: Tensor, order: int = 1) -> Tensor:
    """The nodal values of each cell: u (B, *shape) -> (B, nodes, P), P cells."""
    dim = u.dim() - 1
    for axis in range(1, 1 + dim):
        u = u.unfold(axis, order + 1, order)  # a view (B, *cells, *nodes)
    return u.movedim(tuple(range(-dim, 0)), tuple(range(1, 1 + dim))).flatten(1, dim).flatten(2)


def scatter(parts: Tensor, shape: tuple[int, ...], order: int = 1) -> Tensor:
    """The adjoint of `gather`: (B, nodes, P) -> (B, *shape), shared nodes added up."""
    return add(parts.new_zeros(len(parts), *shape), parts, order)


def add(u: Tensor, parts: Tensor, order: int = 1) -> Tensor:
    """Add to u (B, *shape), in place, what `parts` (B, nodes, P) of the cells mean for the nodes."""
    shape = tuple(u.shape[1:])
    parts = parts.unflatten(2, cells(shape, order))
    for k, window in enumerate(windows(shape, order)):
        u[(slice(None), *window)].add_(parts[:, k])
    return u


@lru_cache(maxsize=64)
def table(spacing: tuple[float, ...], order: int, dtype: torch.dtype) -> Tensor:
    """`Element.table` as a matrix ((1 + d) G, nodes)."""
    whole = element(spacing, order).table
    return torch.from_numpy(whole.reshape(-1, whole.shape[-1])).to(dtype)


@lru_cache(maxsize=16)
def coordinates(shape: tuple[int, ...], order: int, dtype: torch.dtype) -> Tensor:
    """x, y, z of the Gauss points of all cells: (d, G, P)."""
    dim = len(shape)
    points = (np.polynomial.legendre.leggauss(GAUSS[order])[0] + 1) / 2
    axes = [(np.arange(n)[None] + points[:, None]) / n for n in cells(shape, order)]  # (points, cells) each
    places = []
    for a in reversed(range(dim)):
        ones = [np.ones_like(axis) for axis in axes]
        ones[a] = axes[a]
        grid = ones[0]
        for axis in ones[1:]:
            grid = np.einsum("gp,hq->ghpq", grid, axis).reshape(len(grid) * len(axis), -1)
        places.append(grid)
    return torch.from_numpy(np.stack(places)).to(dtype)


def at_points(u: Tensor, order: int = 1) -> Tensor:
    """Values at the Gauss points of all cells: u (B, *shape) -> (B, G, P)."""
    shape = tuple(u.shape[1:])
    whole = table(spacing(shape), order, u.dtype)
    return torch.matmul(whole[: len(whole) // (len(shape) + 1)], gather(u, order))
