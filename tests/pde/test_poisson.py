"""Poisson's energy and reference against scikit-fem's assembly, its minimiser against exact solutions, bad input."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import LinearOperator, cg
from skfem import Basis, BilinearForm, ElementQuad1, ElementQuad2, MeshQuad
from skfem.helpers import dot, grad

import pdekit as pk
from pdekit.pde import reference


def independent_matrix(nu: np.ndarray) -> csr_matrix:
    """Stiffness matrix in (H, W) order by scikit-fem, assembled here and not by the library."""
    height, width = nu.shape
    mesh = MeshQuad.init_tensor(np.linspace(0, 1, width), np.linspace(0, 1, height))
    basis = Basis(mesh, ElementQuad1(), intorder=4)
    x, y = np.rint(basis.doflocs * [[width - 1], [height - 1]]).astype(int)
    place = y * width + x
    form = BilinearForm(lambda u, v, w: w.nu * dot(grad(u), grad(v)))
    matrix = form.assemble(basis, nu=basis.interpolate(nu.ravel()[place]))
    order = np.argsort(place)
    return matrix.tocsr()[order][:, order]


def test_the_reference_agrees_with_an_independent_assembly_and_dense_solve() -> None:
    problem = pk.Poisson(13)
    nu = problem.coefficient(4)
    matrix = independent_matrix(nu).toarray()
    fixed = np.zeros((13, 13), dtype=bool)
    fixed[:, [0, -1]] = True
    fixed = fixed.ravel()
    u = np.zeros((13, 13))
    u[:, 0] = 1
    u = u.ravel()
    u[~fixed] = np.linalg.solve(matrix[np.ix_(~fixed, ~fixed)], -matrix[np.ix_(~fixed, fixed)] @ u[fixed])
    np.testing.assert_allclose(problem.reference(4).ravel(), u, atol=1e-12)


def minimiser(problem: pk.Poisson, nu: np.ndarray) -> np.ndarray:
    """The u of least energy among all that `impose` gives, by CG on the energy's own gradient."""
    samples = problem.batch(nu[None], torch.float64)
    lifting, mask = (one.numpy() for one in problem.lifting_and_mask(torch.float64))
    free = mask != 0
    for axis in problem.conditions.periodic(problem.dim):
        np.moveaxis(free, axis, 0)[-1] = False

    def gradient(u: np.ndarray) -> np.ndarray:
        v = torch.tensor(u)[None].requires_grad_()
        problem.losses(problem.close(v), samples).sum().backward()
        return v.grad[0].numpy()

    def spread(x: np.ndarray) -> np.ndarray:
        u = np.zeros(problem.shape)
        u[free] = x
        return u

    at_zero = gradient(np.zeros(problem.shape))
    operator = LinearOperator(
        (free.sum(),) * 2, matvec=lambda x: (gradient(spread(x)) - at_zero)[free], dtype=float
    )
    start = np.where(free, 0.0, lifting)
    x, info = cg(operator, -gradient(start)[free], rtol=1e-13, maxiter=20_000)
    assert info == 0
    return problem.close(torch.tensor(start + spread(x))).numpy()


MIXED = pk.Faces(
    x0=pk.Dirichlet("sin(pi*y)"), y0=pk.Dirichlet(0.5), x1=pk.Robin(2.0, "1+y"), y1=pk.Neumann("x")
)
SOLID = pk.Faces(x0=pk.Dirichlet("sin(pi*y)*z"), x1=pk.Robin("1+y*z", "1+y"), z1=pk.Neumann("x*y"))
AROUND = pk.Faces(x0=pk.Dirichlet(1.0), x1=pk.Dirichlet(0.0), y0=pk.Periodic(), y1=pk.Periodic())


@pytest.mark.parametrize(
    "problem",
    [
        pk.Poisson(17),
        pk.Poisson(17, source="sin(pi*x)*y"),
        pk.Poisson(17, order=2, source=1.0, bound=1.0),
        pk.Poisson(9, dim=3, source=1.0),
        pk.Poisson(17, faces=MIXED),
        pk.Poisson(9, dim=3, faces=SOLID),
        pk.Poisson(17, faces=AROUND, source="where(y < 0.3, 1, 0)"),
        pk.Poisson(33, obstacle=pk.Obstacle("(x-0.5)**2 + (y-0.4)**2 < 0.04", 0.3)),
        pk.Poisson(17, permeability=pk.Checkerboard(4)),
    ],
    ids=lambda p: f"{p.dim}D order {p.order}, {'mixed' if p.faces in (MIXED, SOLID) else p.source}",
)
def test_the_least_energy_is_that_of_the_reference(problem: pk.Poisson) -> None:
    """On all kinds of faces, in 2D and 3D, of both orders: two codes, one answer."""
    np.testing.assert_allclose(minimiser(problem, problem.coefficient(3)), problem.reference(3), atol=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_the_minimiser_converges_with_the_order_of_its_elements(order: int) -> None:
    """u = sin(pi x) cos(pi y) with nu = 1: order p + 1 in L2."""
    errors, hs = [], []
    f = "2*pi**2 * sin(pi*x) * cos(pi*y)"
    faces = pk.Faces(x0=pk.Dirichlet(0.0), x1=pk.Dirichlet(0.0))
    for n in (9, 17, 33):
        problem = pk.Poisson(n, order=order, source=f, faces=faces)
        found = minimiser(problem, np.ones((n, n)))
        element = ElementQuad1() if order == 1 else ElementQuad2()
        mesh = MeshQuad.init_tensor(*[np.linspace(0, 1, (n - 1) // order + 1)] * 2)
        basis = Basis(mesh, element, intorder=8)
        column, row = np.rint(basis.doflocs * (n - 1)).astype(int)
        gx, gy = basis.global_coordinates()
        jump = basis.interpolate(found[row, column]) - np.sin(np.pi * gx) * np.cos(np.pi * gy)
        errors.append(np.sqrt(np.sum(basis.dx * jump**2)))
        hs.append(1 / (n - 1))
    assert np.polyfit(np.log(hs), np.log(errors), 1)[0] == pytest.approx(order + 1, abs=0.1)


def test_the_excess_energy_is_half_the_squared_energy_norm_of_the_error() -> None:
    problem = pk.Poisson(17)
    samples = problem.samples(problem.parameters(2), torch.float64)
    best = torch.tensor(problem.reference(2))[None]
    other = problem.impose(torch.randn(1, 1, 17, 17, dtype=torch.float64), samples)
    excess = (problem.losses(other, samples) - problem.losses(best, samples)).item()
    norm = reference.energy_norm((other - best)[0].numpy(), problem.coefficient(2))
    assert excess == pytest.approx(norm**2 / 2, rel=1e-10)


def test_boundary_values_are_exact_by_construction() -> None:
    u = pk.Poisson(16).impose(torch.randn(3, 1, 16, 16), None)
    assert torch.all(u[:, :, 0] == 1) and torch.all(u[:, :, -1] == 0)


def test_the_source_enters_loss_and_reference_alike() -> None:
    problem = pk.Poisson(17, source=3.0)
    samples = problem.samples(problem.parameters(0), torch.float64)
    u = torch.tensor(problem.reference(0))[None].requires_grad_()
    problem.losses(u, samples).sum().backward()
    assert u.grad[0][:, 1:-1].abs().max() < 1e-12


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda nu: nu[:-1], r"expected an array of shape \(16, 16\).*got \(15, 16\)"),
        (lambda nu: np.where(nu == nu[2, 3], np.nan, nu), r"finite values above 0.*nan at index \(2, 3\)"),
        (lambda nu: -nu, r"finite values above 0"),
    ],
)
def test_a_bad_coefficient_is_refused(spoil, words: str) -> None:
    problem = pk.Poisson(16)
    with pytest.raises(ValueError, match=words):
        problem.solve(spoil(problem.coefficient(0)))


def test_samples_and_fields_of_another_kind_are_refused() -> None:
    problem = pk.Poisson(16)
    for samples in (2.7, [], [[1, 2]], -1, "one"):
        with pytest.raises(ValueError, match="samples: expected whole numbers from 0 on"):
            problem.coefficient(samples)
    with pytest.raises(ValueError, match="fields of shapes"):
        problem.energy(np.ones((15, 16)), problem.coefficient(0))
    with pytest.raises(ValueError, match="formula: expected numbers"):
        pk.Poisson(source="a")
    assert problem.energy(problem.reference(0)[::-1], problem.coefficient(0)[::-1]) > 0  # views are welcome


@pytest.mark.parametrize(
    "setting", [{"resolution": 2}, {"terms": 0}, {"eta": -1.0}, {"bound": np.inf}, {"seed": -1}]
)
def test_a_bad_setting_is_refused_by_name(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(setting))}: expected .*, got .*; "):
        pk.Poisson(**setting)


def test_the_energy_of_one_field_is_the_loss() -> None:
    problem = pk.Poisson(17)
    nu, u = problem.coefficient(3), problem.reference(3)
    assert problem.energy(u, nu) == pytest.approx(0.5 * reference.energy_norm(u, nu) ** 2)
    assert problem.energy(u + 0.01 * u * (1 - u), nu) > problem.energy(u, nu)
