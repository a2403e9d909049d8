"""Symmetric banded systems, one for each sample, by Cholesky's method: LAPACK's pbtrf."""

import numpy as np
import torch
from scipy.linalg import LinAlgError, cho_solve_banded, cholesky_banded
from scipy.linalg.blas import dsbmv
from torch import Tensor
from torch.nn import functional

SHIFT = 1e-6  # added to the unit diagonal: neighbouring functions may be nearly parallel


def solve(bands: Tensor, rhs: Tensor) -> Tensor:
    """Solutions (B, n), float64, of the systems (overwritten), scaled to a unit diagonal, shifted, refined once.

    `bands` (B, n, width), float64, hold at [j, d] the entry of row j + d and column j; zero beyond the last row.
    What is not finite stays so.
    """
    own = bands[..., 0]
    scale = torch.where(own > 0, own, 1.0).rsqrt()
    of_rows = functional.pad(scale, (0, bands.shape[2] - 1)).unfold(1, bands.shape[2], 1)
    bands.mul_(of_rows).mul_(scale[..., None])
    rhs = rhs * scale
    x = [_solve(a, b) for a, b in zip(bands.numpy(), rhs.numpy(), strict=True)]
    return torch.from_numpy(np.array(x)).view(rhs.shape) * scale


def _solve(bands: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    """One of them."""
    if not np.isfinite(bands.sum()):
        return np.full_like(rhs, np.nan)
    lower = bands.T  # as LAPACK wants it, the same memory
    factor = _factor(lower), True
    x = cho_solve_banded(factor, rhs, check_finite=False)
    rest = rhs - dsbmv(len(lower) - 1, 1.0, lower, x, lower=1)
    return x + cho_solve_banded(factor, rest, check_finite=False)  # takes most of the shift back


def _factor(lower: np.ndarray) -> np.ndarray:
    """Cholesky's factor of the shifted system; what rounding has made indefinite is shifted more."""
    shift = SHIFT
    while True:
        shifted = lower.copy(order="F")
        shifted[0] += shift
        try:
            return cholesky_banded(shifted, overwrite_ab=True, lower=True, check_finite=False)
        except LinAlgError:
            shift *= 10


def banded(matrix: Tensor) -> Tensor:
    """The bands (B, n, n) of full symmetric matrices (B, n, n)."""
    n = matrix.shape[1]
    rows = torch.arange(n)[:, None] + torch.arange(n)
    bands = matrix.mT.gather(2, rows.clamp(max=n - 1).expand_as(matrix))
    return bands.mul_(rows < n)
