"""Elasticity against exact displacements, a dense assembly, and fitted orders of convergence."""

import numpy as np
import pytest

from pdekit.pde.reference import l2_norm
from pdekit.pde.reference.elasticity import elasticity


def nodes(h: int, w: int) -> list[np.ndarray]:
    return np.meshgrid(np.linspace(0, 1, h), np.linspace(0, 1, w), indexing="ij")[::-1]


def test_uniaxial_strain_is_exact() -> None:
    """Rollers at x0, y0 and y1, traction t at x1: u_x = t x / (lambda + 2 mu) = t (1+r)(1-2r) / (E (1-r)) x."""
    faces = {
        "x0": ("dirichlet", (0.0, None)),
        "y0": ("dirichlet", (None, 0.0)),
        "y1": ("dirichlet", (None, 0.0)),
        "x1": ("neumann", (3.0, 0.0)),
    }
    u = elasticity(np.full((4, 6), 5.0), 0.3, faces)
    np.testing.assert_allclose(u[0], 3 * 1.3 * 0.4 / (5 * 0.7) * nodes(4, 6)[0], atol=1e-13)
    np.testing.assert_allclose(u[1], 0, atol=1e-13)


def test_simple_shear_is_exact() -> None:
    """u = (t y / mu, 0) has traction (t, 0) at y1 and (0, +-t) at the sides."""
    faces = {
        "y0": ("dirichlet", (0.0, 0.0)),
        "y1": ("neumann", (2.0, 0.0)),
        "x0": ("neumann", (0.0, -2.0)),
        "x1": ("neumann", (0.0, 2.0)),
    }
    u = elasticity(np.full((5, 4), 5.0), 0.25, faces)
    np.testing.assert_allclose(u[0], 2 * nodes(5, 4)[1] * 2.5 / 5, atol=1e-13)
    np.testing.assert_allclose(u[1], 0, atol=1e-13)


def dense(young: np.ndarray, r: float) -> np.ndarray:
    """The stiffness matrix by loops, in Voigt's notation: int B^T D B."""
    (h, w), (hy, hx) = young.shape, (1 / (n - 1) for n in young.shape)
    n = young.size
    d = np.array([[1 - r, r, 0], [r, 1 - r, 0], [0, 0, 0.5 - r]]) / ((1 + r) * (1 - 2 * r))
    matrix = np.zeros((2 * n, 2 * n))
    points, weights = np.polynomial.legendre.leggauss(3)
    for j in range(h - 1):
        for i in range(w - 1):
            block = [j * w + i, j * w + i + 1, (j + 1) * w + i, (j + 1) * w + i + 1]
            for s, ws in zip((points + 1) / 2, weights / 2, strict=True):
                for t, wt in zip((points + 1) / 2, weights / 2, strict=True):
                    value = np.array([(1 - s) * (1 - t), s * (1 - t), (1 - s) * t, s * t])
                    dx = np.array([t - 1, 1 - t, -t, t]) / hx
                    dy = np.array([s - 1, -s, 1 - s, s]) / hy
                    b = np.block([[dx, np.zeros(4)], [np.zeros(4), dy], [dy, dx]])
                    dofs = block + [k + n for k in block]
                    e = young.ravel()[block] @ value
                    matrix[np.ix_(dofs, dofs)] += ws * wt * hx * hy * e * b.T @ d @ b
    return matrix


def test_uneven_stiffness_agrees_with_a_dense_assembly() -> None:
    young = np.exp(np.random.default_rng(0).normal(size=(5, 6)))
    u = elasticity(young, 0.35, {"x0": ("dirichlet", (0.0, 0.0)), "x1": ("dirichlet", (None, 1.0))})
    held, values = np.zeros((2, 5, 6), bool), np.zeros((2, 5, 6))
    held[:, :, 0] = held[1, :, -1] = True
    values[1, :, -1] = 1
    matrix, free = dense(young, 0.35), ~held.ravel()
    expected = values.ravel()
    expected[free] = np.linalg.solve(matrix[np.ix_(free, free)], -(matrix @ expected)[free])
    np.testing.assert_allclose(u.ravel(), expected, atol=1e-12)


def test_order_of_convergence_with_body_forces() -> None:
    """u = (sin(pi x) sin(pi y), x y (1 - y)) with E = 1 + x, by sympy-free differentiation."""
    errors, r = [], 0.3
    for n in (9, 17, 33):
        x, y = nodes(n, n)
        pi, s, c = np.pi, np.sin, np.cos
        e = 1 + x
        lam, mu = r / ((1 + r) * (1 - 2 * r)), 1 / (2 * (1 + r))
        u = np.stack([s(pi * x) * s(pi * y), x * y * (1 - y)])
        uxx, uxy, uyy = -(pi**2) * u[0], pi**2 * c(pi * x) * c(pi * y), -(pi**2) * u[0]
        ux, uy = pi * c(pi * x) * s(pi * y), pi * s(pi * x) * c(pi * y)
        vx, vy, vxx, vxy, vyy = y * (1 - y), x * (1 - 2 * y), 0 * x, 1 - 2 * y, -2 * x
        fx = -(e * ((lam + 2 * mu) * uxx + lam * vxy + mu * (uyy + vxy)) + (lam + 2 * mu) * ux + lam * vy)
        fy = -(e * ((lam + 2 * mu) * vyy + lam * uxy + mu * (vxx + uxy)) + mu * (uy + vx))
        faces = {
            "x0": ("dirichlet", (0.0, 0.0)),
            "y0": ("dirichlet", (0.0, 0.0)),
            "y1": ("dirichlet", (0.0, 0.0)),
            "x1": ("neumann", ((e * ((lam + 2 * mu) * ux + lam * vy))[:, -1], (e * mu * (uy + vx))[:, -1])),
        }
        errors.append(l2_norm(elasticity(e, r, faces, (fx, fy)) - u, components=True))
    assert -np.polyfit(np.log([8, 16, 32]), np.log(errors), 1)[0] == pytest.approx(2, abs=0.15)


def test_periodic_faces_move_together() -> None:
    young = np.exp(np.random.default_rng(0).normal(size=(6, 6)))
    faces = {
        "x0": ("dirichlet", (0.0, 0.0)),
        "x1": ("neumann", (1.0, 0.0)),
        "y0": ("periodic",),
        "y1": ("periodic",),
    }
    u = elasticity(young, 0.3, faces)
    np.testing.assert_array_equal(u[:, 0], u[:, -1])
    assert abs(u[0, :, -1]).min() > 0.01


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        ({"x0": ("dirichlet", (0.0, None))}, "both shifts and the turn"),
        ({"x0": ("dirichlet", (None, 0.0)), "y0": ("dirichlet", (0.0, None))}, "both shifts and the turn"),
        ({}, "both shifts and the turn"),
        ({"x0": ("dirichlet", 0.0)}, "pair"),
        ({"x0": ("robin", 1.0, 0.0)}, "pair"),
    ],
)
def test_faces_that_cannot_be_are_refused(faces: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        elasticity(np.ones((4, 4)), 0.3, faces)


def test_an_impossible_ratio_is_refused() -> None:
    with pytest.raises(ValueError, match="between -1 and 1/2"):
        elasticity(np.ones((4, 4)), 0.5, {"x0": ("dirichlet", (0.0, 0.0))})
