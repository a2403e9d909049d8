"""Stencils and sums over Gauss points against scikit-fem's assembly, in 2D and 3D, for numbers and for vectors."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from skfem import (
    Basis,
    BilinearForm,
    ElementHex1,
    ElementQuad1,
    ElementVector,
    Functional,
    LinearForm,
    MeshHex,
    MeshQuad,
)
from skfem.helpers import ddot, dot, grad, sym_grad, trace
from torch import Tensor

from pdekit.pde import points, stencil
from pdekit.pde.ritz import diffusion

SQUARE, CUBE = (7, 10), (5, 4, 6)


def basis_of(shape: tuple[int, ...], vector: bool = False) -> tuple[Basis, np.ndarray]:
    """scikit-fem's basis on a grid of `shape`, and the place of each of its unknowns in an array (C, *shape)."""
    axes = [np.linspace(0, 1, n) for n in reversed(shape)]  # x first
    if len(shape) == 2:
        mesh, element = MeshQuad.init_tensor(*axes), ElementQuad1()
    else:
        mesh, element = MeshHex.init_tensor(*axes), ElementHex1()
    basis = Basis(mesh, ElementVector(element) if vector else element, intorder=4)
    index = np.rint(basis.doflocs * (np.array(shape[::-1]) - 1)[:, None]).astype(int)
    place = np.ravel_multi_index(tuple(index[::-1]), shape)
    if vector:  # unknowns of a node follow each other
        place = place + np.prod(shape) * (np.arange(len(place)) % len(shape))
    return basis, place


def in_order(matrix: csr_matrix, place: np.ndarray) -> np.ndarray:
    order = np.argsort(place)
    return matrix.toarray()[np.ix_(order, order)]


def reaction_diffusion(u: Tensor, grad_u: Tensor, x: Tensor, c: Tensor) -> Tensor:
    """Anisotropic, with a reaction and a source that depends on the place: nothing is a special case."""
    last = grad_u[-1]
    return c * (grad_u**2).sum(0) / 2 + 0.3 * grad_u[0] * last + c * u**2 - x[0] * u + 0.2 * u * last


@pytest.mark.parametrize("block", [64, 2**16])
@pytest.mark.parametrize("shape", [SQUARE, CUBE])
def test_a_stencil_made_from_any_quadratic_density_is_scikit_fems_matrix(
    shape: tuple[int, ...], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the first derivative that comes with it, whatever the number of points at a time."""
    monkeypatch.setattr(points, "BLOCK", block)
    rng = np.random.default_rng(0)
    c, u = np.exp(rng.normal(size=shape)), rng.normal(size=shape)
    basis, place = basis_of(shape)
    last = len(shape) - 1
    form = BilinearForm(
        lambda u, v, w: (
            w.c * dot(grad(u), grad(v))
            + 0.3 * (u.grad[0] * v.grad[last] + u.grad[last] * v.grad[0])
            + 2 * w.c * u * v
            + 0.2 * (u * v.grad[last] + u.grad[last] * v)
        )
    )
    matrix = in_order(form.assemble(basis, c=basis.interpolate(c.ravel()[place])), place)
    given = points.points(reaction_diffusion, torch.tensor(c)[None])
    slope, made = points.expansion(torch.tensor(u)[None], given)
    product = stencil.apply(torch.tensor(u)[None], made)[0].numpy().ravel()
    np.testing.assert_allclose(product, matrix @ u.ravel(), rtol=0, atol=1e-11)
    load = LinearForm(lambda v, w: w.x[0] * v).assemble(basis)[np.argsort(place)]
    np.testing.assert_allclose(slope[0].numpy().ravel(), matrix @ u.ravel() - load, rtol=0, atol=1e-11)
    assert stencil.energy(torch.tensor(u)[None], made).item() == pytest.approx(
        0.5 * u.ravel() @ matrix @ u.ravel(), rel=1e-11
    )


@pytest.mark.parametrize("shape", [SQUARE, CUBE])
def test_diffusion_straight_from_the_nodes_is_scikit_fems_matrix(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    nu, u = np.exp(rng.normal(size=shape)), rng.normal(size=shape)
    basis, place = basis_of(shape)
    form = BilinearForm(lambda u, v, w: w.nu * dot(grad(u), grad(v)))
    matrix = in_order(form.assemble(basis, nu=basis.interpolate(nu.ravel()[place])), place)
    made = stencil.Quadratic(diffusion(torch.tensor(nu)[None]))
    v = torch.tensor(u)[None].requires_grad_()
    energy = stencil.energy(v, made)
    energy.sum().backward()
    assert energy.item() == pytest.approx(0.5 * u.ravel() @ matrix @ u.ravel(), rel=1e-12)
    np.testing.assert_allclose(v.grad[0].numpy().ravel(), matrix @ u.ravel(), rtol=0, atol=1e-11)


def elastic(u: Tensor, grad_u: Tensor, x: Tensor, c: Tensor) -> Tensor:
    """Lamé's energy: `lambda/2 (tr e)^2 + mu e : e`, here lambda = 2 c and mu = c."""
    strain = (grad_u + grad_u.transpose(0, 1)) / 2
    volume = sum(grad_u[k, k] for k in range(len(grad_u)))
    return c * volume**2 + c * strain.square().sum(dim=(0, 1))


@pytest.mark.parametrize("shape", [SQUARE, CUBE])
def test_blocks_for_vectors_are_scikit_fems_matrix(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    c, u = np.exp(rng.normal(size=shape)), rng.normal(size=(len(shape), *shape))
    basis, place = basis_of(shape, vector=True)
    scalar, nodes = basis_of(shape)
    form = BilinearForm(
        lambda u, v, w: 2 * w.c * ddot(sym_grad(u), sym_grad(v)) + 2 * w.c * trace(grad(u)) * trace(grad(v))
    )
    matrix = in_order(form.assemble(basis, c=scalar.interpolate(c.ravel()[nodes])), place)
    given = points.points(elastic, torch.tensor(c)[None])
    made = points.linearised(torch.zeros(1, *u.shape, dtype=torch.float64), given)
    np.testing.assert_allclose(
        stencil.apply(torch.tensor(u)[None], made)[0].numpy().ravel(), matrix @ u.ravel(), rtol=0, atol=1e-10
    )
    energies = stencil.energy(torch.tensor(u)[None], made), points.energy(torch.tensor(u)[None], given)
    assert [e.item() for e in energies] == pytest.approx(
        [0.5 * u.ravel() @ matrix @ u.ravel()] * 2, rel=1e-11
    )


def quartic(u: Tensor, grad_u: Tensor, x: Tensor, c: Tensor) -> Tensor:
    return c * (grad_u**2).sum(0) ** 2 / 4 + u**4 - torch.sin(3 * x[-1]) * u


@pytest.mark.parametrize("block", [64, 2**16])
@pytest.mark.parametrize("shape", [SQUARE, CUBE])
def test_the_sum_over_gauss_points_is_scikit_fems_integral(
    shape: tuple[int, ...], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the number of points at a time."""
    monkeypatch.setattr(points, "BLOCK", block)
    rng = np.random.default_rng(3)
    c, u = np.exp(rng.normal(size=(2, *shape))), rng.normal(size=(2, *shape))
    basis, place = basis_of(shape)
    basis = basis.with_element(basis.elem)
    basis = Basis(basis.mesh, basis.elem, quadrature=tensor_gauss(len(shape)))

    @Functional
    def energy(w):
        return w.c * dot(w.u.grad, w.u.grad) ** 2 / 4 + w.u**4 - np.sin(3 * w.x[-1]) * w.u

    expected = [
        energy.assemble(basis, c=basis.interpolate(a.ravel()[place]), u=basis.interpolate(b.ravel()[place]))
        for a, b in zip(c, u, strict=True)
    ]
    given = points.points(quartic, torch.tensor(c))
    np.testing.assert_allclose(points.energy(torch.tensor(u), given).numpy(), expected, rtol=1e-11)


def tensor_gauss(dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Two Gauss points along each axis of the reference cell, as scikit-fem takes a quadrature."""
    x, w = (np.polynomial.legendre.leggauss(2)[0] + 1) / 2, 0.5
    grid = np.stack([g.ravel() for g in np.meshgrid(*[x] * dim)])
    return grid, np.full(grid.shape[1], w**dim)


def reaction(u: Tensor, grad_u: Tensor, x: Tensor, c: Tensor) -> Tensor:
    """Without grad u."""
    return c * u**2


def flow(u: Tensor, grad_u: Tensor, x: Tensor, c: Tensor) -> Tensor:
    """Linear in u, quadratic in grad u."""
    return c * grad_u[0] ** 2 - x[0] * u


@pytest.mark.parametrize("density", [quartic, reaction_diffusion, reaction, flow])
def test_gradients_pass_gradcheck(density: points.Density) -> None:
    torch.manual_seed(0)
    c = torch.rand(2, 3, 4, dtype=torch.float64) + 0.5
    u = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    given = points.points(density, c)
    assert torch.autograd.gradcheck(lambda u: points.energy(u, given), u)
    if density is not quartic:
        made = points.linearised(u, given)._replace(load=torch.randn_like(u))
        assert torch.autograd.gradcheck(lambda u: stencil.energy(u, made), u)
        zero = torch.zeros_like(u)
        slope, made = points.expansion(zero, given)
        torch.testing.assert_close(stencil.energy(u, made._replace(load=-slope)), points.energy(u, given))


def test_second_derivatives_are_those_of_the_gradient() -> None:
    """For an energy that is not quadratic, at a point that is not zero, by finite differences."""
    torch.manual_seed(1)
    c = torch.rand(1, 4, 5, dtype=torch.float64) + 0.5
    u, v = torch.randn(2, 1, 4, 5, dtype=torch.float64)
    given = points.points(quartic, c)

    def gradient(u: Tensor) -> Tensor:
        u = u.clone().requires_grad_()
        return torch.autograd.grad(points.energy(u, given).sum(), u)[0]

    by_differences = (gradient(u + 1e-5 * v) - gradient(u - 1e-5 * v)) / 2e-5
    torch.testing.assert_close(
        stencil.apply(v, points.linearised(u, given)), by_differences, atol=1e-7, rtol=0
    )


def test_a_batch_of_no_samples_has_no_energies() -> None:
    """A rank may hold none of a batch."""
    none = torch.zeros(0, 5, 5, requires_grad=True)
    given = points.points(quartic, none.detach())
    assert points.energy(none, given).shape == (0,)
    assert stencil.energy(none, stencil.Quadratic(diffusion(none.detach()))).shape == (0,)
    assert stencil.energy(none, points.linearised(none, given)).shape == (0,)
