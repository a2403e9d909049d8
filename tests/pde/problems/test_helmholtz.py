"""Helmholtz's residual against scikit-fem, its zero against the reference and a plane wave, and why the dual norm."""

import numpy as np
import pytest
import torch
from skfem import Basis, ElementQuad1, FacetBasis, LinearForm, MeshQuad
from skfem.helpers import dot, grad

import pdekit as pk
from pdekit.pde.reference import l2_norm
from tests.pde.problems.every import check_batch, check_data, check_repr, slope_of, trained
from tests.pde.test_dual import inner_product


def residual(problem: pk.Helmholtz, u: np.ndarray, c: np.ndarray) -> np.ndarray:
    v, samples = torch.tensor(u)[None], problem.batch(c[None], torch.float64)
    return problem.residual(v, samples)[0].numpy()


def assembled(u: np.ndarray, c: np.ndarray, f: np.ndarray, k: float) -> np.ndarray:
    """The residual by scikit-fem, complex."""
    n = len(c)
    mesh = MeshQuad.init_tensor(*[np.linspace(0, 1, n)] * 2)
    basis, face = Basis(mesh, ElementQuad1(), intorder=3), FacetBasis(mesh, ElementQuad1(), intorder=3)
    column, row = np.rint(basis.doflocs * (n - 1)).astype(int)

    def given(on: Basis, part: np.ndarray) -> dict[str, object]:
        return {k: on.interpolate(a[row, column]) for k, a in (("u", part), ("c", c), ("f", f))}

    inside = LinearForm(lambda v, w: dot(grad(w.u), grad(v)) - (k / w.c) ** 2 * w.u * v)
    outside = LinearForm(lambda v, w: k / w.c * w.u * v)
    load = LinearForm(lambda v, w: w.f * v).assemble(basis, **given(basis, u[0]))
    waves = [inside.assemble(basis, **given(basis, part)) for part in u]
    faces = [outside.assemble(face, **given(face, part)) for part in u]
    found = np.empty((2, n, n))
    found[0, row, column] = waves[0] + faces[1] - load
    found[1, row, column] = waves[1] - faces[0]
    return found


def test_the_residual_agrees_with_scikit_fem() -> None:
    problem = pk.Helmholtz(8, k=5.0, source="1+x*y")
    u, c = np.random.default_rng(0).normal(size=(2, 8, 8)), problem.coefficient(0)
    x, y = np.meshgrid(*[np.linspace(0, 1, 8)] * 2)
    np.testing.assert_allclose(residual(problem, u, c), assembled(u, c, 1 + x * y, 5.0), rtol=0, atol=1e-11)


def test_the_reference_is_the_zero() -> None:
    """To rounding where c is uniform and two Gauss points an axis suffice, and else up to quadrature."""
    problem = pk.Helmholtz(17)
    uniform = np.full((17, 17), 0.8)
    assert abs(residual(problem, problem.solve(uniform), uniform)).max() < 1e-12
    assert problem.loss(problem.reference(3), problem.coefficient(3)) < 1e-7 * problem.loss(
        np.zeros((2, 17, 17)), problem.coefficient(3)
    )


def test_the_zero_converges_with_its_order_to_a_plane_wave_in_a_duct() -> None:
    """Uniform c: exp(i k x) leaves at x1; what the faces x0, y0, y1 need to carry it is put in by the test."""
    errors, hs, k = [], [], 3.0
    for n in (9, 13, 17):
        problem = pk.Helmholtz(n, k=k, source=0.0)
        x = np.tile(np.linspace(0, 1, n), (n, 1))
        samples = problem.batch(np.ones((1, n, n)), torch.float64)
        # -2 i k at x0 (what comes in), -i k exp(i k x) on the sides: du/dn - i k u of the wave there
        inflow = np.zeros((n, n), dtype=complex)
        inflow[:, 0] += 2 * -1j * k * line_mass(n) @ np.ones(n)
        for side in (0, -1):
            inflow[side] -= 1j * k * line_moments(n, k)
        size = 2 * n * n
        eye = torch.eye(size, dtype=torch.float64).view(size, 2, n, n)
        columns = [problem.residual(e[None], samples).flatten() for e in eye]
        rhs = np.stack([inflow.real, inflow.imag])
        u = np.linalg.solve(torch.stack(columns, dim=1).numpy(), rhs.ravel()).reshape(2, n, n)
        exact = np.exp(1j * k * x)
        errors.append(l2_norm(u[0] - exact.real) + l2_norm(u[1] - exact.imag))
        hs.append(1 / (n - 1))
    assert slope_of(errors, hs) == pytest.approx(pk.Helmholtz.orders[0], abs=0.1)


def line_mass(n: int) -> np.ndarray:
    mass = np.diag(np.r_[2.0, np.full(n - 2, 4.0), 2.0]) + np.eye(n, k=1) + np.eye(n, k=-1)
    return mass / (6 * (n - 1))


def line_moments(n: int, k: float) -> np.ndarray:
    """`int exp(i k x) N_p` by many Gauss points."""
    points, weights = np.polynomial.legendre.leggauss(8)
    t, w = (points + 1) / 2, weights / 2 / (n - 1)
    found = np.zeros(n, dtype=complex)
    for cell in range(n - 1):
        wave = np.exp(1j * k * (cell + t) / (n - 1)) * w
        found[cell] += wave @ (1 - t)
        found[cell + 1] += wave @ t
    return found


def test_the_dual_norm_keeps_the_condition_that_plain_squares_lose() -> None:
    """Condition numbers of the quadratic losses 1/2 r^T S r and 1/2 r^T r: bounded, and growing as h^-4."""
    dual, plain, hs = [], [], []
    for n in (5, 9, 17):
        problem = pk.Helmholtz(n, k=3.0, source=0.0)
        c, size = np.ones((1, n, n)), 2 * n * n
        samples = problem.batch(c, torch.float64)
        basis = torch.eye(size, dtype=torch.float64).view(size, 2, n, n)
        J = np.stack([problem.residual(e[None], samples).flatten().numpy() for e in basis], axis=1)
        hessian = np.stack([gradient_of(problem, e, samples) for e in basis], axis=1)
        # how the loss looks in the norm of the error: the inner product's own unknowns
        A = np.kron(np.eye(2), inner_product((n, n), 9.0))
        L = np.linalg.inv(np.linalg.cholesky(A))
        dual.append(np.linalg.cond(L @ hessian @ L.T))
        plain.append(np.linalg.cond(J.T @ J))
        hs.append(1 / (n - 1))
    print("COND", dual, plain)
    assert max(dual) < 1.5 * min(dual)
    assert slope_of(plain, hs) < -3.5


def gradient_of(problem: pk.Helmholtz, e: torch.Tensor, samples: object) -> np.ndarray:
    u = e[None].clone().requires_grad_()
    problem.losses(u, samples).sum().backward()
    return u.grad.flatten().numpy()


def test_gradcheck() -> None:
    torch.manual_seed(0)
    problem = pk.Helmholtz(4)
    samples = problem.sample([0, 1])
    u = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: problem.losses(u, samples), u)


def test_data_batches_and_text() -> None:
    check_data(pk.Helmholtz())
    check_batch(pk.Helmholtz(9))
    check_repr(pk.Helmholtz(k=8.0, source="x", speed=pk.Inclusions()))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"k": 0.0}, "k: expected a finite number above 0"),
        ({"speed": pk.Matern(exponential=False)}, "speed: expected a field above 0"),
        ({"source": "q"}, "formula: expected"),
    ],
)
def test_bad_settings_are_refused(setting: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pk.Helmholtz(**setting)


def test_training_brings_the_error_down() -> None:
    before, after = trained(pk.Helmholtz(16, k=6.0), steps=100)
    assert before == pytest.approx(1.0) and after < 0.75
