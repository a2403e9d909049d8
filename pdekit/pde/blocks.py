"""Symmetric block tridiagonal systems, one for each sample, by Cholesky's method on the blocks."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.linalg import cholesky_ex, solve_triangular

SHIFT = 1e-6  # added to the unit diagonal: neighbouring functions may be nearly parallel


class Blocks(NamedTuple):
    """R x R blocks of n x n, float64: those on the diagonal, and those below it. All others are zero."""

    diagonal: Tensor  # (B, R, n, n)
    lower: Tensor  # (B, R - 1, n, n): rows r + 1, columns r

    def product(self, x: Tensor) -> Tensor:
        """The matrix times x (B, R, n)."""
        y = torch.einsum("brij,brj->bri", self.diagonal, x)
        y[:, 1:] += torch.einsum("brij,brj->bri", self.lower, x[:, :-1])
        y[:, :-1] += torch.einsum("brij,bri->brj", self.lower, x[:, 1:])
        return y


def solve(system: Blocks, rhs: Tensor) -> Tensor:
    """Solutions (B, R, n), float64, of the systems (overwritten), scaled to a unit diagonal, shifted, refined once."""
    own = system.diagonal.diagonal(dim1=2, dim2=3)
    scale = torch.where(own > 0, own, 1.0).rsqrt()  # (B, R, n)
    system.diagonal.mul_(scale[..., None]).mul_(scale[..., None, :])
    system.lower.mul_(scale[:, 1:, :, None]).mul_(scale[:, :-1, None, :])
    rhs = rhs * scale
    factor = _factor(system)
    x = _substitute(factor, rhs)
    x += _substitute(factor, rhs - system.product(x))  # takes most of the shift back
    return x * scale


def _factor(system: Blocks) -> Blocks:
    """Cholesky's factor of the shifted systems, as blocks; what rounding has made indefinite is shifted more."""
    shift = system.diagonal.new_full((len(system.diagonal), 1), SHIFT)
    while True:
        factor, failed = _attempt(system, shift)
        if not failed.any():
            return factor
        shift = torch.where(failed[:, None], 10 * shift, shift)


def _attempt(system: Blocks, shift: Tensor) -> tuple[Blocks, Tensor]:
    diagonal, lower = [], []
    failed = torch.zeros(len(shift), dtype=torch.bool)
    for r in range(system.diagonal.shape[1]):
        block = system.diagonal[:, r].clone()
        block.diagonal(dim1=1, dim2=2).add_(shift)
        if r:
            below = solve_triangular(diagonal[-1], system.lower[:, r - 1].mT, upper=False).mT
            lower.append(below)
            block.baddbmm_(below, below.mT, alpha=-1)
        one, info = cholesky_ex(block)
        failed |= info > 0
        diagonal.append(one)
    below = torch.stack(lower, 1) if lower else system.lower
    return Blocks(torch.stack(diagonal, 1), below), failed


def _substitute(factor: Blocks, rhs: Tensor) -> Tensor:
    """Forward, then backward."""
    rows = range(rhs.shape[1])
    y: list[Tensor] = []
    for r in rows:
        b = rhs[:, r, :, None]
        if r:
            b = b - factor.lower[:, r - 1] @ y[-1]
        y.append(solve_triangular(factor.diagonal[:, r], b, upper=False))
    for r in reversed(rows):
        b = y[r]
        if r + 1 < len(rows):
            b = b - factor.lower[:, r].mT @ y[r + 1]
        y[r] = solve_triangular(factor.diagonal[:, r].mT, b, upper=True)
    return torch.stack(y, dim=1)[..., 0]
