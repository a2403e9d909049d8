"""Nonlinear minimisers against exact solutions, orders of convergence, and energies minimised by another library."""

import numpy as np
import pytest
from scipy.optimize import minimize

from pdekit.pde.reference import l2_norm, poisson
from pdekit.pde.reference.newton import implicit_step, p_laplace
from tests.pde.reference import dense


def nodes(n: int) -> list[np.ndarray]:
    return np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n), indexing="ij")[::-1]


def p_energy(u: np.ndarray, nu: np.ndarray, p: float, delta: float, source: float) -> float:
    """The energy with 2 x 2 Gauss points, by slices."""
    h, total = 1 / (len(nu) - 1), 0.0
    for s in (0.5 - 3**-0.5 / 2, 0.5 + 3**-0.5 / 2):
        for t in (0.5 - 3**-0.5 / 2, 0.5 + 3**-0.5 / 2):
            k, v = (
                (1 - t) * ((1 - s) * f[:-1, :-1] + s * f[:-1, 1:])
                + t * ((1 - s) * f[1:, :-1] + s * f[1:, 1:])
                for f in (nu, u)
            )
            dx = ((1 - t) * (u[:-1, 1:] - u[:-1, :-1]) + t * (u[1:, 1:] - u[1:, :-1])) / h
            dy = ((1 - s) * (u[1:, :-1] - u[:-1, :-1]) + s * (u[1:, 1:] - u[:-1, 1:])) / h
            density = k / p * (dx**2 + dy**2 + delta**2) ** (p / 2) - source * v
            total += density.sum() * h**2 / 4
    return total


@pytest.mark.parametrize("p", [1.5, 2.5, 4.0])
def test_the_p_laplacian_is_the_minimiser_that_bfgs_finds(p: float) -> None:
    n, delta = 6, 0.1
    nu = np.exp(np.random.default_rng(0).normal(size=(n, n)))
    u = p_laplace(nu, p, delta, source=3.0)
    assert (u[:, 0] == 1).all() and (u[:, -1] == 0).all()

    def energy(inner: np.ndarray) -> float:
        full = u.copy()
        full[:, 1:-1] = inner.reshape(n, n - 2)
        return p_energy(full, nu, p, delta, 3.0)

    start = np.repeat(np.linspace(1, 0, n)[None, 1:-1], n, axis=0)
    found = minimize(energy, start.ravel(), method="BFGS", options={"gtol": 1e-7, "maxiter": 2000})
    np.testing.assert_allclose(u[:, 1:-1].ravel(), found.x, atol=2e-5)
    assert energy(u[:, 1:-1].ravel()) <= found.fun + 1e-12


@pytest.mark.parametrize("p", [1.5, 3.0, 4.0])
def test_the_p_laplacian_converges_to_the_exact_solution(p: float) -> None:
    """1D: -(|u'|^(p-2) u')' = 1, u = 0 at both ends: u = (p-1)/p (2^(-p/(p-1)) - |x - 1/2|^(p/(p-1))), delta -> 0."""
    x = nodes(65)[0]
    q = p / (p - 1)
    exact = (0.5**q - abs(x - 0.5) ** q) / q
    faces = {"x0": ("dirichlet", 0.0), "x1": ("dirichlet", 0.0)}
    u = p_laplace(np.ones((65, 65)), p, 1e-4, 1.0, faces)
    assert l2_norm(u - exact) < 2e-3 * l2_norm(exact)


@pytest.mark.parametrize("p", [1.3, 1.5, 4.0])
def test_nearly_no_regularisation_and_a_rough_coefficient_still_converge(p: float) -> None:
    nu = np.exp(2 * np.random.default_rng(0).normal(size=(17, 17)))
    u = p_laplace(nu, p, 1e-6, 3.0)
    least = p_energy(u, nu, p, 1e-6, 3.0)
    rng = np.random.default_rng(1)
    for _ in range(10):
        other = u.copy()
        other[:, 1:-1] += 1e-3 * rng.normal(size=(17, 15))
        assert p_energy(other, nu, p, 1e-6, 3.0) > least


def test_with_p_two_and_every_kind_of_face_it_is_poisson() -> None:
    nu = np.exp(np.random.default_rng(0).normal(size=(7, 9)))
    nu[-1] = nu[0]
    faces = {"x0": ("robin", 2.0, 1.0), "x1": ("neumann", 0.5), "y0": ("periodic",), "y1": ("periodic",)}
    mask = nu > 2
    expected = poisson(nu, 1.0, faces, (mask, 3.0))
    np.testing.assert_allclose(p_laplace(nu, 2.0, 0.1, 1.0, faces, (mask, 3.0)), expected, atol=1e-10)


def test_a_flux_is_that_of_the_equation() -> None:
    """u = -2x: flux |u'|^(p-2) u' = -8 at x = 1 for p = 4."""
    faces = {"x0": ("dirichlet", 0.0), "x1": ("neumann", -8.0)}
    u = p_laplace(np.ones((5, 5)), 4.0, 1e-6, 0.0, faces)
    np.testing.assert_allclose(u, -2 * nodes(5)[0], atol=1e-9)


def test_a_heat_step_is_the_dense_linear_solve() -> None:
    v = np.random.default_rng(0).normal(size=(5, 7))
    stiffness, mass = dense.assemble(np.ones((5, 7)))
    expected = np.linalg.solve(mass / 0.3 + 0.04 * stiffness, mass @ v.ravel() / 0.3)
    np.testing.assert_allclose(implicit_step(v, 0.3, 0.2, reaction=False).ravel(), expected, atol=1e-11)


def test_an_allen_cahn_step_of_a_constant_solves_the_cubic() -> None:
    roots = np.roots([1, 0, 1 / 0.5 - 1, -0.3 / 0.5])
    expected = roots[abs(roots.imag) < 1e-12].real
    np.testing.assert_allclose(implicit_step(np.full((4, 6), 0.3), 0.5, 0.1, True), expected[0], atol=1e-12)


def test_the_kink_is_a_fixed_point_of_allen_cahn_up_to_order_two() -> None:
    """tanh(x / (sqrt(2) eps)) is stationary on the line; its tails at the faces are below 1e-6 for eps = 0.05."""
    errors = []
    for n in (33, 65, 129):
        x = nodes(n)[0][:3]
        kink = np.tanh((x - 0.5) / (np.sqrt(2) * 0.05))
        u = kink
        u = implicit_step(u, 0.5, 0.05, True)
        errors.append(np.abs(u - kink).max())
    assert -np.polyfit(np.log([32, 64, 128]), np.log(errors), 1)[0] == pytest.approx(2, abs=0.3)


def test_an_allen_cahn_step_has_no_slope_of_its_energy() -> None:
    """The dense gradient of the energy, its quartic by Gauss points in the dense assembly, vanishes."""
    v = np.random.default_rng(0).normal(size=(5, 6))
    u = implicit_step(v, 0.4, 0.1, True)
    stiffness, mass = dense.assemble(np.ones((5, 6)))

    def quartic(u: np.ndarray) -> float:
        points, weights = np.polynomial.legendre.leggauss(5)
        total = 0.0
        for s, ws in zip((points + 1) / 2, weights / 2, strict=True):
            for t, wt in zip((points + 1) / 2, weights / 2, strict=True):
                w = (1 - t) * ((1 - s) * u[:-1, :-1] + s * u[:-1, 1:]) + t * (
                    (1 - s) * u[1:, :-1] + s * u[1:, 1:]
                )
                total += ws * wt * ((w**2 - 1) ** 2 / 4).sum() / 20
        return total

    linear = (mass @ (u - v).ravel() / 0.4 + 0.01 * stiffness @ u.ravel()).reshape(u.shape)
    for place in np.ndindex(u.shape):
        bump = np.zeros_like(u)
        bump[place] = 1e-4
        assert linear[place] + (quartic(u + bump) - quartic(u - bump)) / 2e-4 == pytest.approx(0, abs=1e-8)


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match="below 1"):
        implicit_step(np.ones((4, 4)), 1.0, 0.1, True)
    with pytest.raises(ValueError, match="above 1"):
        p_laplace(np.ones((4, 4)), 1.0, 0.1)
    with pytest.raises(ValueError, match="above 0"):
        p_laplace(np.ones((4, 4)), 3.0, 0.0)
