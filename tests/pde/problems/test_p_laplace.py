"""The p-Laplace energy against scikit-fem, its minimiser against the reference and an exact solution."""

import numpy as np
import pytest
import torch
from skfem import Basis, ElementQuad1, Functional, LinearForm, MeshQuad
from skfem.helpers import dot, grad

import pdekit as pk
from pdekit.pde.reference import l2_norm
from tests.pde.problems.every import (
    check_batch,
    check_data,
    check_repr,
    gradient,
    slope_of,
    trained,
)


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0, 4.0])
def test_energy_and_gradient_agree_with_scikit_fem(p: float) -> None:
    problem = pk.PLaplace(9, p=p, delta=0.3, source="1+x*y")
    rng = np.random.default_rng(0)
    nu, u = np.exp(rng.normal(size=(9, 9))), rng.normal(size=(9, 9))
    basis = Basis(MeshQuad.init_tensor(*[np.linspace(0, 1, 9)] * 2), ElementQuad1(), intorder=3)
    column, row = np.rint(basis.doflocs * 8).astype(int)
    x, y = np.meshgrid(*[np.linspace(0, 1, 9)] * 2)
    given = {name: basis.interpolate(v[row, column]) for name, v in (("nu", nu), ("u", u), ("f", 1 + x * y))}

    @Functional
    def energy(w):
        return w.nu / p * (dot(grad(w.u), grad(w.u)) + 0.09) ** (p / 2) - w.f * w.u

    @LinearForm
    def variation(v, w):
        speed = (dot(grad(w.u), grad(w.u)) + 0.09) ** (p / 2 - 1)
        return w.nu * speed * dot(grad(w.u), grad(v)) - w.f * v

    expected = np.empty((9, 9))
    expected[row, column] = variation.assemble(basis, **given)
    assert problem.loss(u, nu) == pytest.approx(energy.assemble(basis, **given), rel=1e-12)
    np.testing.assert_allclose(gradient(problem, u, nu), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("p", [1.5, 3.0, 4.0])
def test_the_reference_is_the_minimiser(p: float) -> None:
    """Two codes, one answer: the gradient vanishes at the free nodes, and the energy is above around it."""
    faces = pk.Faces(x0=pk.Dirichlet("sin(pi*y)"), x1=pk.Dirichlet(0.0), y1=pk.Neumann("x"))
    problem = pk.PLaplace(17, p=p, delta=0.1, source=1.0, faces=faces)
    nu, u = problem.coefficient(3), problem.reference(3)
    slope = gradient(problem, u, nu)[:, 1:-1]
    scale = abs(gradient(problem, 0.9 * u, nu)[:, 1:-1]).max()
    assert abs(slope).max() < 1e-9 * scale
    bump = np.zeros_like(u)
    bump[5:9, 4:8] = 1e-3
    assert min(problem.loss(u + bump, nu), problem.loss(u - bump, nu)) > problem.loss(u, nu)


def test_the_minimiser_converges_with_its_order() -> None:
    """u = sin(pi x), p = 4, nu = 1, made the solution by f = -((s + delta^2) u')', s = u'^2."""
    delta, errors, hs = 0.5, [], []
    f = f"pi**2*sin(pi*x)*(3*pi**2*cos(pi*x)**2 + {delta**2})"
    faces = pk.Faces(x0=pk.Dirichlet(0.0), x1=pk.Dirichlet(0.0))
    for n in (17, 33, 65):
        problem = pk.PLaplace(n, p=4.0, delta=delta, source=f, faces=faces)
        u = problem.solve(np.ones((n, n)))
        errors.append(l2_norm(u - np.sin(np.pi * np.linspace(0, 1, n))))
        hs.append(1 / (n - 1))
        slope = gradient(problem, u, np.ones((n, n)))[:, 1:-1]
        assert abs(slope).max() < 1e-9  # it is this energy's minimiser
    assert slope_of(errors, hs) == pytest.approx(pk.PLaplace.orders[0], abs=0.1)


def test_gradcheck() -> None:
    torch.manual_seed(0)
    problem = pk.PLaplace(5, p=2.5, delta=0.2, source=1.0)
    samples = problem.sample([0, 1])
    u = torch.randn(2, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: problem.losses(u, samples), u)


def test_data_batches_and_text() -> None:
    check_data(pk.PLaplace())
    check_batch(pk.PLaplace(9))
    check_repr(pk.PLaplace(p=1.5, permeability=pk.Checkerboard(4), faces=pk.Faces(y0=pk.Dirichlet(1.0))))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"p": 1.0}, "p: expected a number from 1.5 to 4.0"),
        ({"p": 5.0}, "p: expected a number from 1.5 to 4.0"),
        ({"delta": 0.0}, "delta: expected a finite number above 0"),
        ({"permeability": pk.Matern(exponential=False)}, "permeability: expected a field above 0"),
        ({"faces": pk.Faces()}, "faces: expected a face where u is given"),
        ({"source": "a"}, "formula: expected"),
    ],
)
def test_bad_settings_are_refused(setting: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pk.PLaplace(**setting)


def test_the_logarithm_is_for_flows_without_a_source() -> None:
    assert pk.PLaplace().objectives[0] == "log"
    assert "log" not in pk.PLaplace(source=1.0).objectives


@pytest.mark.parametrize("head", ["plain", "galerkin"])
def test_training_brings_the_error_down(head: str) -> None:
    before, after = trained(pk.PLaplace(16), steps=80 if head == "plain" else 10, head=head)
    assert after < (before / 2.5 if head == "plain" else 0.01)
