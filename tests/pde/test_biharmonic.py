"""The inverse of the clamped biharmonic operator against a dense matrix."""

import numpy as np
import pytest
import torch

from pdekit.pde import biharmonic


def operator(n: int) -> np.ndarray:
    """Differences of differences with mirrored values beyond the walls: 13 points, assembled node by node."""
    h = 1 / (n - 1)

    def apply(inner: np.ndarray) -> np.ndarray:
        psi = np.zeros((n + 2, n + 2))
        psi[2:-2, 2:-2] = inner
        psi[0], psi[-1], psi[:, 0], psi[:, -1] = psi[2], psi[-3], psi[:, 2], psi[:, -3]
        for _ in range(2):
            psi = (
                4 * psi[1:-1, 1:-1] - psi[2:, 1:-1] - psi[:-2, 1:-1] - psi[1:-1, 2:] - psi[1:-1, :-2]
            ) / h**2
        return psi

    m = n - 2
    return np.stack([apply(e.reshape(m, m)).ravel() for e in np.eye(m * m)], axis=1)


@pytest.mark.parametrize("n", [4, 5, 9, 12])
def test_the_inverse(n: int) -> None:
    matrix = operator(n)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-12)
    r = np.random.default_rng(0).normal(size=(2, n - 2, n - 2))
    found = biharmonic.solve(torch.tensor(r), biharmonic.clamped(n, torch.float64)).numpy()
    for one, y in zip(r, found, strict=True):
        np.testing.assert_allclose(y.ravel(), np.linalg.solve(matrix, one.ravel()), rtol=0, atol=1e-12)


def test_walls_and_their_adjoint() -> None:
    z, b = torch.randn(2, 5, 5, dtype=torch.float64), torch.randn(2, 20, dtype=torch.float64)
    left = (biharmonic.near_walls(z) * b).sum()
    torch.testing.assert_close(left, (z * biharmonic.at_walls(b)).sum())
