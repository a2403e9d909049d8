"""The elastic energy against scikit-fem, the patch test, and the reference."""

import numpy as np
import pytest
import torch
from skfem import Basis, ElementQuad1, ElementVector, Functional, LinearForm, MeshQuad
from skfem.helpers import ddot, eye, grad, sym_grad, trace

import pdekit as pk
from pdekit.pde.reference import l2_norm
from pdekit.pde.ritz import Ritz
from tests.pde.problems.every import check_batch, check_data, check_repr, gradient, slope_of, trained

SHEARED = pk.Faces(
    x0=pk.Dirichlet((0.0, 0.0)),
    x1=pk.Neumann((0.1, "y")),
    y0=pk.Dirichlet((None, 0.0)),
    y1=pk.Neumann((0.2, 0.0)),
)


def laws(r: float) -> tuple[float, float]:
    return r / ((1 + r) * (1 - 2 * r)), 1 / (2 * (1 + r))


@pytest.mark.parametrize("r", [0.0, 0.3, -0.4])
def test_energy_and_gradient_agree_with_scikit_fem(r: float) -> None:
    problem = pk.Elasticity(8, poisson_ratio=r)
    rng = np.random.default_rng(0)
    young, u = np.exp(rng.normal(size=(8, 8))), rng.normal(size=(2, 8, 8))
    mesh = MeshQuad.init_tensor(*[np.linspace(0, 1, 8)] * 2)
    basis, scalar = (Basis(mesh, e, intorder=4) for e in (ElementVector(ElementQuad1()), ElementQuad1()))
    lam, mu = laws(r)
    column, row = np.rint(scalar.doflocs * 7).astype(int)
    place = np.empty((2, 8, 8), dtype=int)  # scikit-fem's number of each of ours
    for c in (0, 1):
        at = basis.nodal_dofs[c]
        i, j = np.rint(mesh.p[::-1] * 7).astype(int)
        place[c, i, j] = at
    nodal = np.empty(u.size)
    nodal[place] = u

    def stress(w):
        e = sym_grad(w.u)
        return w.young * (lam * eye(trace(e), 2) + 2 * mu * e)

    energy = Functional(lambda w: ddot(stress(w), sym_grad(w.u)) / 2)
    variation = LinearForm(lambda v, w: ddot(stress(w), grad(v)))
    given = {"u": basis.interpolate(nodal), "young": scalar.interpolate(young[row, column])}
    assert problem.loss(u, young) == pytest.approx(energy.assemble(basis, **given), rel=1e-11)
    np.testing.assert_allclose(
        gradient(problem, u, young), variation.assemble(basis, **given)[place], atol=1e-10
    )


def test_the_stencil_is_that_of_the_density() -> None:
    """The one small product gives what the generic assembly gives."""
    problem = pk.Elasticity(7, faces=SHEARED)
    data = torch.tensor(problem.coefficient([0, 1]))
    ours, generic = problem.assemble(data), Ritz.assemble(problem, data)
    for a, b in zip(ours.edges, generic.edges, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        ours.diagonal.expand_as(generic.diagonal), generic.diagonal, rtol=0, atol=1e-12
    )
    torch.testing.assert_close(ours.load.expand_as(generic.load), generic.load, rtol=0, atol=1e-14)


@pytest.mark.parametrize("gradient_of_u", [(1.0, 0.0, 0.0, 0.0), (0.1, -0.3, 0.2, 0.4)])
def test_the_patch_test(gradient_of_u: tuple[float, ...]) -> None:
    """With a uniform E every linear displacement is in equilibrium, to rounding."""
    a, b, c, d = gradient_of_u
    value = pk.Dirichlet((f"{a}*x + ({b})*y", f"{c}*x + ({d})*y"))
    problem = pk.Elasticity(9, faces=pk.Faces(x0=value, x1=value, y0=value, y1=value))
    y, x = np.meshgrid(*[np.linspace(0, 1, 9)] * 2, indexing="ij")
    u = np.stack([a * x + b * y, c * x + d * y])
    slope = gradient(problem, u, np.full((9, 9), 2.0))
    assert abs(slope[:, 1:-1, 1:-1]).max() < 1e-14
    np.testing.assert_allclose(problem.solve(np.full((9, 9), 2.0)), u, atol=1e-13)
    lam, mu = laws(0.3)
    expected = 2.0 * (lam / 2 * (a + d) ** 2 + mu * (a**2 + d**2 + (b + c) ** 2 / 2))
    assert problem.loss(u, np.full((9, 9), 2.0)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("faces", [None, SHEARED])
def test_the_reference_is_the_minimiser(faces: pk.Faces | None) -> None:
    problem = pk.Elasticity(17) if faces is None else pk.Elasticity(17, faces=faces)
    young, u = problem.coefficient(3), problem.reference(3)
    free = problem.lifting_and_mask(torch.float64)[1].numpy() != 0
    assert abs(gradient(problem, u, young)[free]).max() < 1e-13
    assert problem.loss(u, young) < problem.loss(u + 1e-3 * free, young)


def test_the_minimiser_converges_with_its_order() -> None:
    """A bar of r = 0 under its own end's pull, stiffer towards x = 1: E = 1 + x, u_x = log(1 + x), stress 1."""
    errors, hs = [], []
    faces = pk.Faces(x0=pk.Dirichlet((0.0, 0.0)), x1=pk.Neumann((1.0, 0.0)))
    for n in (9, 17, 33):
        problem = pk.Elasticity(n, poisson_ratio=0.0, faces=faces)
        x = np.tile(np.linspace(0, 1, n), (n, 1))
        fine = np.tile(np.linspace(0, 1, 4 * n - 3), (4 * n - 3, 1))  # nodal values are better than order 2
        u = problem.solve(1 + x)
        line = np.interp(fine[0], x[0], u[0, 0])
        errors.append(l2_norm(line - np.log(1 + fine[0])))
        np.testing.assert_allclose(u, np.stack([u[0, :1].repeat(n, 0), 0 * x]), atol=1e-12)
        assert abs(gradient(problem, u, 1 + x)[:, :, 1:]).max() < 1e-13
        hs.append(1 / (n - 1))
    assert slope_of(errors, hs) == pytest.approx(pk.Elasticity.orders[0], abs=0.1)


def test_gradcheck() -> None:
    torch.manual_seed(0)
    problem = pk.Elasticity(5, faces=SHEARED)
    samples = problem.sample([0, 1])
    u = torch.randn(2, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: problem.losses(u, samples), u)


def test_data_batches_and_text() -> None:
    check_data(pk.Elasticity())
    check_batch(pk.Elasticity(9))
    check_repr(pk.Elasticity(poisson_ratio=0.2, young=pk.Matern(), faces=SHEARED))
    u = pk.Elasticity(9).impose(torch.randn(1, 2, 9, 9), None)[0]
    assert (u[:, :, 0] == 0).all() and (u[0, :, -1] == 0.1).all() and (u[1, :, -1] == 0).all()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"poisson_ratio": 0.5}, "poisson_ratio: expected a number between -1 and 1/2"),
        ({"young": pk.Matern(exponential=False)}, "young: expected a field above 0"),
        ({"faces": pk.Faces(x0=pk.Robin(), x1=pk.Dirichlet())}, "faces: expected no Robin"),
        ({"faces": pk.Faces(x0=pk.Dirichlet((0.0, None)))}, "faces: expected Dirichlet values that stop"),
        ({"faces": pk.Faces()}, "faces: expected Dirichlet values that stop"),
        (  # both shifts are stopped, the turn about the origin is not
            {"faces": pk.Faces(y0=pk.Dirichlet((0.0, None)), x0=pk.Dirichlet((None, 0.0)))},
            "faces: expected Dirichlet values that stop",
        ),
    ],
)
def test_bad_settings_are_refused(setting: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pk.Elasticity(**setting)


def test_faces_that_suffice_are_taken() -> None:
    """Rollers on two faces stop all motions; a periodic square cannot turn."""
    rollers = pk.Faces(x0=pk.Dirichlet((0.0, None)), y0=pk.Dirichlet((None, 0.0)), x1=pk.Neumann((1.0, 0.0)))
    assert pk.Elasticity(9, faces=rollers).objectives[0] == "asinh"
    around = pk.Faces(
        x0=pk.Periodic(), x1=pk.Periodic(), y0=pk.Dirichlet((0.0, 0.0)), y1=pk.Dirichlet((0.1, 0.0))
    )
    problem = pk.Elasticity(9, faces=around)
    assert problem.objectives[0] == "log"
    assert abs(gradient(problem, problem.reference(0), problem.coefficient(0))[:, 1:-1, 1:-1]).max() < 1e-13


@pytest.mark.parametrize("head", ["plain", "galerkin"])
def test_training_brings_the_error_down(head: str) -> None:
    before, after = trained(pk.Elasticity(16), steps=80 if head == "plain" else 10, head=head)
    assert after < (before / 1.5 if head == "plain" else 0.05)
