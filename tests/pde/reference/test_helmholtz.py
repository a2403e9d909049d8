"""Helmholtz' equation against an exact complex field, a dense system, and a wave that leaves."""

from itertools import pairwise

import numpy as np
import pytest

from pdekit.pde.reference import l2_norm
from pdekit.pde.reference.helmholtz import helmholtz
from tests.pde.reference import dense


def nodes(h: int, w: int) -> list[np.ndarray]:
    return np.meshgrid(np.linspace(0, 1, h), np.linspace(0, 1, w), indexing="ij")[::-1]


def errors_with(bump: float) -> list[float]:
    """Errors for g(x) g(y), g = 1 - i k x (1 - x) + bump x^2 (1 - x)^2: g' = -+ i k g at the ends, so waves leave."""
    k, errors = 4.0, []
    for n in (9, 17, 33):
        x, y = nodes(n, n)
        gx, gy = (1 - 1j * k * s * (1 - s) + bump * (s * (1 - s)) ** 2 for s in (x, y))
        gxx, gyy = (2j * k + bump * (2 - 12 * s + 12 * s**2) for s in (x, y))
        u = gx * gy
        got = helmholtz(np.ones((n, n)), k, -gxx * gy - gx * gyy - k**2 * u)
        errors.append(l2_norm(got - np.stack([u.real, u.imag]), components=True))
    return errors


def test_a_quadratic_is_exact_at_the_nodes() -> None:
    assert max(errors_with(0.0)) < 1e-12


def test_order_of_convergence() -> None:
    assert -np.polyfit(np.log([8, 16, 32]), np.log(errors_with(20.0)), 1)[0] == pytest.approx(2, abs=0.2)


def test_an_uneven_speed_agrees_with_a_dense_system() -> None:
    """c varies; (k/c)^2 and k/c are integrated by eight Gauss points here."""
    h, w, k = 5, 6, 3.0
    c = 1 + 0.2 * nodes(h, w)[0] + 0.1 * nodes(h, w)[1]
    f = np.random.default_rng(0).normal(size=(h, w))
    stiffness, mass = dense.assemble(np.ones((h, w)))
    matrix = stiffness.astype(complex)
    points, weights = np.polynomial.legendre.leggauss(8)
    points, weights = (points + 1) / 2, weights / 2
    number = np.arange(h * w).reshape(h, w)
    for j in range(h - 1):
        for i in range(w - 1):
            block = number[j : j + 2, i : i + 2].ravel()
            for s, ws in zip(points, weights, strict=True):
                for t, wt in zip(points, weights, strict=True):
                    v = np.kron([1 - t, t], [1 - s, s])
                    weight = ws * wt / ((h - 1) * (w - 1)) * (k / (c.ravel()[block] @ v)) ** 2
                    matrix[np.ix_(block, block)] -= weight * np.outer(v, v)
    for line in (number[0], number[-1], number[:, 0], number[:, -1]):
        for pair in pairwise(line):
            for s, ws in zip(points, weights, strict=True):
                v = np.array([1 - s, s])
                weight = ws / (len(line) - 1) * k / (c.ravel()[list(pair)] @ v)
                matrix[np.ix_(pair, pair)] -= 1j * weight * np.outer(v, v)
    u = np.linalg.solve(matrix, mass @ f.ravel())
    np.testing.assert_allclose(helmholtz(c, k, f), np.stack([u.real, u.imag]).reshape(2, h, w), atol=1e-7)


def test_twice_the_speed_is_half_the_wave_number() -> None:
    f = np.random.default_rng(0).normal(size=(9, 9))
    np.testing.assert_allclose(
        helmholtz(np.full((9, 9), 2.0), 6.0, f), helmholtz(np.ones((9, 9)), 3.0, f), atol=1e-12
    )


def test_waves_leave_a_point_source() -> None:
    """The energy balance Im(int conj(f) u) = int_faces (k/c) |u|^2 > 0: what goes in goes out."""
    n, k = 33, 12.0
    f = np.zeros((n, n))
    f[10, 12] = 1.0
    u = helmholtz(np.ones((n, n)), k, f)
    sides = (u[:, 0], u[:, -1], u[:, :, 0], u[:, :, -1])
    size = sum(l2_norm(side, components=True) ** 2 for side in sides)
    one = np.array([1, 4, 1]) / 6 / (n - 1)
    put_in = (np.outer(one, one) * u[1][9:12, 11:14]).sum()
    assert put_in == pytest.approx(k * size, rel=1e-10)


def test_data_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="c's shape"):
        helmholtz(np.ones((4, 5)), 1.0, np.ones((5, 4)))
