"""Weak residuals and their dual norm, on a problem made for the test: nonlinear, with a flow, held on some faces."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from skfem import Basis, ElementQuad1, FacetBasis, LinearForm, MeshQuad
from skfem.helpers import dot, grad
from torch import Tensor

import pdekit as pk
from pdekit.pde.fields import Field, Matern
from pdekit.pde.weak import Weak
from tests.pde.problems.every import check_batch, gradient
from tests.pde.test_dual import inner_product


@dataclass(frozen=True)
class Carried(Weak):
    """`-div(c grad u) + du/dx + u^3 = x y`, u given at x0 and y1, `c du/dn = x + y - u^3` on the other two faces."""

    objectives: ClassVar[tuple[str, ...]] = ("root",)

    @property
    def field(self) -> Field:
        return Matern()

    @property
    def conditions(self) -> pk.Faces:
        return pk.Faces(x0=pk.Dirichlet("y"), y1=pk.Dirichlet(1.0))

    def form(self, u: Tensor, grad_u: Tensor, v: Tensor, grad_v: Tensor, x: Tensor, c: Tensor) -> Tensor:
        sources = (grad_u[0] + u**3 - x[0] * x[1]) * v
        return c * (grad_u * grad_v).sum(dim=0) + sources

    def face_form(self, u: Tensor, v: Tensor, x: Tensor, c: Tensor) -> Tensor:
        return (u**3 - x[0] - x[1]) * v


def assembled(u: np.ndarray, c: np.ndarray) -> np.ndarray:
    """The residual by scikit-fem."""
    n = len(u)
    mesh = MeshQuad.init_tensor(*[np.linspace(0, 1, n)] * 2)
    basis = Basis(mesh, ElementQuad1(), intorder=3)
    column, row = np.rint(basis.doflocs * (n - 1)).astype(int)
    facets = mesh.facets_satisfying(lambda x: np.isclose(x[0], 1) | np.isclose(x[1], 0), boundaries_only=True)
    face = FacetBasis(mesh, ElementQuad1(), facets=facets, intorder=3)

    def inside(v, w):
        return w.c * dot(grad(w.u), grad(v)) + (w.u.grad[0] + w.u**3 - w.x[0] * w.x[1]) * v

    r = LinearForm(inside).assemble(
        basis, **{k: basis.interpolate(a[row, column]) for k, a in (("u", u), ("c", c))}
    )
    r += LinearForm(lambda v, w: (w.u**3 - w.x[0] - w.x[1]) * v).assemble(
        face, u=face.interpolate(u[row, column])
    )
    found = np.empty_like(u)
    found[row, column] = r
    return found


def test_residual_and_norm_agree_with_scikit_fem() -> None:
    problem = Carried(7)
    c, u = problem.coefficient(0), np.random.default_rng(0).normal(size=(7, 7))
    r = assembled(u, c)
    ours = problem.residual(torch.tensor(u)[None], problem.batch(c[None], torch.float64))[0]
    np.testing.assert_allclose(ours.numpy(), r, rtol=0, atol=1e-12)
    free = np.ones((7, 7), dtype=bool)
    free[:, 0] = free[-1] = False
    matrix = inner_product((7, 7), 1.0)[np.ix_(free.ravel(), free.ravel())]
    assert problem.loss(u, c) == pytest.approx(r[free] @ np.linalg.solve(matrix, r[free]) / 2, rel=1e-11)


def test_the_gradient_is_that_of_the_loss() -> None:
    torch.manual_seed(0)
    problem = Carried(5)
    samples = problem.sample([0, 1])
    u = torch.randn(2, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: problem.losses(u, samples), u)
    check_batch(problem)


def test_boundary_values_are_exact_and_their_rows_do_not_count() -> None:
    problem = Carried(9)
    u = problem.impose(torch.randn(1, 1, 9, 9, dtype=torch.float64), problem.sample(0))[0]
    np.testing.assert_allclose(u[1:-1, 0], np.linspace(0, 1, 9)[1:-1], atol=1e-15)
    assert (u[-1, 1:] == 1).all()


def test_the_zero_of_the_residual_has_no_loss_and_no_gradient() -> None:
    """Newton's method on scikit-fem's residual by differences; then the loss is zero."""
    problem = Carried(5)
    c = problem.coefficient(1)
    u = problem.impose(torch.zeros(1, 1, 5, 5, dtype=torch.float64), problem.sample(1))[0].numpy()
    free = np.ones((5, 5), dtype=bool)
    free[:, 0] = free[-1] = False
    for _ in range(12):
        r = assembled(u, c)[free]
        columns = []
        for i, j in np.argwhere(free):
            moved = u.copy()
            moved[i, j] += 1e-7
            columns.append((assembled(moved, c)[free] - r) / 1e-7)
        u[free] -= np.linalg.solve(np.stack(columns, axis=1), r)
    assert problem.loss(u, c) < 1e-24
    assert abs(gradient(problem, u, c)).max() < 1e-11
