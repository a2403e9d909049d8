"""The inverse of the clamped biharmonic operator in differences of second order, by fast diagonalisation."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Clamped(NamedTuple):
    """What `solve` needs on a square of n x n nodes."""

    sines: Tensor  # (n - 2, n - 2): eigenvectors of second differences, orthonormal, symmetric
    values: Tensor  # (n - 2, n - 2): eigenvalues of -Lap
    capacitance: Tensor  # (4 (n - 2),) * 2


def near_walls(z: Tensor) -> Tensor:
    """The values next to the four walls, (B, m, m) -> (B, 4 m)."""
    return torch.cat([z[:, 0], z[:, -1], z[:, :, 0], z[:, :, -1]], dim=1)


def at_walls(b: Tensor) -> Tensor:
    """The adjoint of `near_walls`, (B, 4 m) -> (B, m, m)."""
    south, north, west, east = b.chunk(4, dim=1)
    m = b.shape[1] // 4
    zero = b.new_zeros(len(b), m - 2, m)
    rows = torch.cat([south.unsqueeze(1), zero, north.unsqueeze(1)], dim=1)
    columns = torch.cat([west.unsqueeze(2), zero.transpose(1, 2), east.unsqueeze(2)], dim=2)
    return rows + columns


@lru_cache(maxsize=8)
def clamped(n: int, dtype: torch.dtype) -> Clamped:
    """The factors of the operator on n x n nodes, n >= 4."""
    m, h = n - 2, 1.0 / (n - 1)
    k = np.arange(1, m + 1)
    sines = np.sqrt(2 * h) * np.sin(np.pi * h * np.outer(k, k))
    one = (2 / h * np.sin(np.pi * h * k / 2)) ** 2
    values = one[:, None] + one
    of = Clamped(torch.tensor(sines), torch.tensor(values), torch.empty(0))
    unit = at_walls(torch.eye(4 * m, dtype=torch.float64))
    walls = near_walls(_twice(unit, of)) + h**4 / 2 * torch.eye(4 * m, dtype=torch.float64)
    return Clamped(of.sines.to(dtype), of.values.to(dtype), torch.linalg.inv(walls).to(dtype))


def _twice(r: Tensor, of: Clamped) -> Tensor:
    """`L^-2 r`, L = -Lap with zero at the walls."""
    return of.sines @ ((of.sines @ r @ of.sines) / of.values.square()) @ of.sines


def solve(r: Tensor, of: Clamped) -> Tensor:
    """`B^-1 r` at the inner nodes: (B, n - 2, n - 2), differentiable in r.

    B is -Lap of the vorticity -Lap psi, psi = 0 on the walls, where the vorticity is Thom's, `-2 psi / h^2` of the
    node next to them (Thom 1933, Proc. Roy. Soc. A 141), so that B is symmetric, `L^2 + 2/h^4 E E^T` with E those
    nodes. The second part is of low rank, so that Woodbury's formula inverts the sum (Buzbee and Dorr 1974, SIAM J.
    Numer. Anal. 11).
    """
    once = _twice(r, of)
    return once - _twice(at_walls(near_walls(once) @ of.capacitance), of)
