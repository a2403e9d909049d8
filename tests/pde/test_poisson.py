"""The bilinear energy against scikit-fem's assembly, its minimiser against exact solutions, and bad coefficients."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import LinearOperator, cg
from skfem import Basis, BilinearForm, ElementQuad1, LinearForm, MeshQuad
from skfem.helpers import dot, grad

import pdekit as pk
from pdekit.pde import bilinear, reference


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


@pytest.mark.parametrize("shape", [(9, 9), (7, 12)])
def test_energy_and_gradient_agree_with_scikit_fem(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    nu, u = np.exp(rng.normal(size=shape)), rng.normal(size=shape)
    matrix = independent_matrix(nu)
    aspect = (shape[1] - 1) / (shape[0] - 1)
    v = torch.tensor(u)[None].requires_grad_()
    energy = bilinear.energy(v, bilinear.edge_weights(torch.tensor(nu)[None], aspect))
    energy.sum().backward()
    assert energy.item() == pytest.approx(0.5 * u.ravel() @ matrix @ u.ravel(), rel=1e-12)
    np.testing.assert_allclose(v.grad[0].numpy().ravel(), matrix @ u.ravel(), rtol=0, atol=1e-10)


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


def test_the_multigrid_path_agrees_with_the_direct_one(monkeypatch: pytest.MonkeyPatch) -> None:
    nu = pk.Poisson(65).coefficient(3)
    direct = reference.poisson(nu, 1.5)
    monkeypatch.setattr(reference, "DIRECT_LIMIT", 0)
    np.testing.assert_allclose(reference.poisson(nu, 1.5), direct, atol=1e-9)


def test_the_energy_passes_gradcheck_and_the_load_agrees_with_scikit_fem() -> None:
    torch.manual_seed(0)
    weights = bilinear.edge_weights(torch.rand(2, 4, 5, dtype=torch.float64) + 0.5)
    u = torch.randn(2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: bilinear.energy(u, weights), u)
    f = np.random.default_rng(1).normal(size=(6, 6))
    basis = Basis(MeshQuad.init_tensor(*[np.linspace(0, 1, 6)] * 2), ElementQuad1(), intorder=4)
    x, y = np.rint(basis.doflocs * 5).astype(int)
    expected = np.empty(36)
    expected[y * 6 + x] = LinearForm(lambda v, w: w.f * v).assemble(basis, f=basis.interpolate(f[y, x]))
    ours = bilinear.load(torch.tensor(f)[None], 0.2, 0.2)
    np.testing.assert_allclose(ours.numpy().ravel(), expected, atol=1e-14)


def minimiser(nu: np.ndarray, f: np.ndarray) -> np.ndarray:
    """The minimiser of `energy(u) - load(f) . u` among u = impose(o), found by CG on the energy's own gradient."""
    n = len(nu)
    weights = bilinear.edge_weights(torch.tensor(nu)[None])
    b = bilinear.load(torch.tensor(f)[None], 1 / (n - 1), 1 / (n - 1))[0].numpy()

    def gradient(u: np.ndarray) -> np.ndarray:
        v = torch.tensor(u)[None].requires_grad_()
        bilinear.energy(v, weights).sum().backward()
        return v.grad[0].numpy()

    lifting = np.tile(1 - np.linspace(0, 1, n), (n, 1))

    def inner(x: np.ndarray) -> np.ndarray:
        return np.pad(x.reshape(n, n - 2), ((0, 0), (1, 1)))

    operator = LinearOperator(
        (n * (n - 2),) * 2, matvec=lambda x: gradient(inner(x))[:, 1:-1].ravel(), dtype=float
    )
    x, info = cg(operator, (b - gradient(lifting))[:, 1:-1].ravel(), rtol=1e-12, maxiter=10_000)
    assert info == 0
    return lifting + inner(x)


def test_the_minimiser_converges_to_a_manufactured_solution_with_order_two_and_one() -> None:
    """u = 1 - x + sin(pi x) cos(pi y), nu = exp(x + y / 2): both orders, fitted over four grids."""
    pi, l2, energy, hs = np.pi, [], [], []
    for n in (9, 17, 33, 65):
        x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n))
        nu = np.exp(x + y / 2)
        ux, uy = -1 + pi * np.cos(pi * x) * np.cos(pi * y), -pi * np.sin(pi * x) * np.sin(pi * y)
        laplacian = -2 * pi**2 * np.sin(pi * x) * np.cos(pi * y)
        u = minimiser(nu, -nu * (ux + uy / 2 + laplacian))
        basis = Basis(MeshQuad.init_tensor(*[np.linspace(0, 1, n)] * 2), ElementQuad1(), intorder=8)
        column, row = np.rint(basis.doflocs * (n - 1)).astype(int)
        field = basis.interpolate(u[row, column])
        gx, gy = basis.global_coordinates()
        exact = 1 - gx + np.sin(pi * gx) * np.cos(pi * gy)
        flux = (-1 + pi * np.cos(pi * gx) * np.cos(pi * gy), -pi * np.sin(pi * gx) * np.sin(pi * gy))
        l2.append(np.sqrt(np.sum(basis.dx * (field - exact) ** 2)))
        jump = (field.grad[0] - flux[0]) ** 2 + (field.grad[1] - flux[1]) ** 2
        energy.append(np.sqrt(np.sum(basis.dx * np.exp(gx + gy / 2) * jump)))
        hs.append(1 / (n - 1))
    assert np.polyfit(np.log(hs), np.log(l2), 1)[0] == pytest.approx(2, abs=0.1)
    assert np.polyfit(np.log(hs), np.log(energy), 1)[0] == pytest.approx(1, abs=0.1)


def test_the_excess_energy_is_half_the_squared_energy_norm_of_the_error() -> None:
    problem = pk.Poisson(17)
    samples = problem.samples(problem.parameters(2), torch.float64)
    best = torch.tensor(problem.reference(2))[None]
    other = problem.impose(torch.randn(1, 1, 17, 17, dtype=torch.float64))
    excess = (problem.losses(other, samples) - problem.losses(best, samples)).item()
    norm = reference.energy_norm((other - best)[0].numpy(), problem.coefficient(2))
    assert excess == pytest.approx(norm**2 / 2, rel=1e-10)


def test_boundary_values_are_exact_by_construction() -> None:
    u = pk.Poisson(16).impose(torch.randn(3, 1, 16, 16))
    assert torch.all(u[:, :, 0] == 1) and torch.all(u[:, :, -1] == 0)


def test_norms_carry_the_mesh_width() -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 129), np.linspace(0, 1, 129))
    assert reference.l2_norm(np.sin(np.pi * x)) == pytest.approx(np.sqrt(0.5), rel=1e-3)
    assert reference.energy_norm(x * y, np.ones_like(x)) == pytest.approx(np.sqrt(2 / 3), rel=1e-3)
    assert pk.relative_l2(1.1 * (1 + x), 1 + x) == pytest.approx(0.1)
    assert pk.relative_energy(1.1 * x, x, np.exp(y)) == pytest.approx(0.1)


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
    with pytest.raises(ValueError, match="two fields of shape"):
        problem.energy(np.ones((15, 16)), problem.coefficient(0))
    with pytest.raises(ValueError, match="source: expected a finite number"):
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
