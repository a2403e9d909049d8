"""The inverse of the H1 inner product of bilinear elements, by fast diagonalisation."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import eigh
from torch import Tensor


class Modes(NamedTuple):
    """Per axis, eigenvectors and eigenvalues of `K v = lambda M v`, with `V^T M V = I`."""

    vectors: tuple[Tensor, ...]  # (nodes, modes), zero at the nodes that are held
    values: Tensor  # (*modes): lambda_y + lambda_x, ... of each product of eigenvectors


@lru_cache(maxsize=64)
def axis_modes(n: int, held: tuple[bool, bool], periodic: bool) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors (n, modes) and eigenvalues (modes,) of stiffness and mass of linear elements on n nodes of (0, 1).

    `held` says which of the two end nodes is left out; the ends of a `periodic` axis are one node.
    """
    h = 1.0 / (n - 1)
    stiffness = (np.diag(np.r_[1.0, np.full(n - 2, 2.0), 1.0]) - np.eye(n, k=1) - np.eye(n, k=-1)) / h
    mass = (np.diag(np.r_[2.0, np.full(n - 2, 4.0), 2.0]) + np.eye(n, k=1) + np.eye(n, k=-1)) * h / 6
    spread = np.eye(n)
    if periodic:
        spread[-1, 0] = 1.0
    spread = spread[:, int(held[0]) : n - int(held[1] or periodic)]  # unknowns to nodes
    values, vectors = eigh(spread.T @ stiffness @ spread, spread.T @ mass @ spread)
    return spread @ vectors, values.clip(min=0.0)


@lru_cache(maxsize=16)
def modes(
    shape: tuple[int, ...],
    held: tuple[tuple[bool, bool], ...],
    periodic: tuple[bool, ...],
    dtype: torch.dtype,
) -> Modes:
    """The modes of a grid of `shape`; `held` and `periodic` for each of its axes."""
    axes = [axis_modes(n, h, p) for n, h, p in zip(shape, held, periodic, strict=True)]
    total = np.zeros(())
    for _, values in axes:
        total = total[..., None] + values
    return Modes(tuple(torch.tensor(v, dtype=dtype) for v, _ in axes), torch.tensor(total, dtype=dtype))


def inverse(r: Tensor, of: Modes, weight: float) -> Tensor:
    """`A^-1 r` with A the inner product `int grad u . grad v + weight u v`: r (B, *shape) -> (B, *shape).

    With `K x M + M x K + weight M x M` the matrix of A, and the eigenvectors V of each axis, its inverse is `(V x V)
    diag(1 / (lambda_i + lambda_j + weight)) (V x V)^T` (Lynch, Rice and Thomas 1964, Numer. Math. 6). Held nodes are
    zero, and what r has there does not count.
    """
    y = along(r, tuple(v.T for v in of.vectors))
    return along(y / (of.values + weight), of.vectors)


def root(r: Tensor, of: Modes, weight: float) -> Tensor:
    """A root of `inverse`: the sum of squares of the result (B, *modes) is `r . inverse(r)`."""
    return along(r, tuple(v.T for v in of.vectors)) / (of.values + weight).sqrt()


def along(r: Tensor, matrices: tuple[Tensor, ...]) -> Tensor:
    """Each axis of r (B, *n) multiplied by its matrix (m, n): (B, *m)."""
    for matrix in matrices:  # each product takes the first axis and puts it last
        r = torch.tensordot(r, matrix, dims=([1], [1]))
    return r
