"""The Allen-Cahn step against scikit-fem, its reference and an exact interface."""

import numpy as np
import pytest
import torch
from skfem import Basis, ElementQuad1, Functional, LinearForm, MeshQuad
from skfem.helpers import dot, grad

import pdekit as pk
from pdekit.pde.reference import l2_norm
from tests.pde.problems.every import check_batch, check_data, check_repr, gradient, slope_of, trained


def test_energy_and_gradient_agree_with_scikit_fem() -> None:
    problem = pk.AllenCahn(9, tau=0.3, epsilon=0.2)
    v, u = np.random.default_rng(0).normal(size=(2, 9, 9))
    basis = Basis(MeshQuad.init_tensor(*[np.linspace(0, 1, 9)] * 2), ElementQuad1(), intorder=3)
    column, row = np.rint(basis.doflocs * 8).astype(int)
    given = {name: basis.interpolate(a[row, column]) for name, a in (("u", u), ("before", v))}

    @Functional
    def energy(w):
        return (w.u - w.before) ** 2 / 0.6 + 0.02 * dot(grad(w.u), grad(w.u)) + (w.u**2 - 1) ** 2 / 4

    @LinearForm
    def variation(q, w):
        return ((w.u - w.before) / 0.3 + w.u**3 - w.u) * q + 0.04 * dot(grad(w.u), grad(q))

    expected = np.empty((9, 9))
    expected[row, column] = variation.assemble(basis, **given)
    assert problem.loss(u, v) == pytest.approx(energy.assemble(basis, **given), rel=1e-12)
    np.testing.assert_allclose(gradient(problem, u, v), expected, rtol=0, atol=1e-12)


def test_the_reference_is_the_minimiser_up_to_quadrature() -> None:
    """The reference integrates u^4 exactly, 2 x 2 Gauss points do so up to O(h^4)."""
    gradients, hs = [], []
    for n in (33, 65, 129):
        problem = pk.AllenCahn(n, epsilon=0.1, sharpness=1.0)
        v = problem.coefficient(3)
        density = gradient(problem, problem.solve(v), v)[1:-1, 1:-1] * (n - 1) ** 2
        gradients.append(abs(density).max())
        hs.append(1 / (n - 1))
    assert gradients[0] < 1e-2 and slope_of(gradients, hs) > 3.5


def test_an_interface_at_rest_stays_with_the_order_of_the_elements() -> None:
    """u = tanh((x - 1/2) / (sqrt(2) eps)) solves eps^2 u'' = u^3 - u, up to exp(-1 / (sqrt(2) eps)) at the faces."""
    errors, hs = [], []
    for n in (65, 97, 129):
        problem = pk.AllenCahn(n, tau=0.5, epsilon=0.04)
        u = np.tile(np.tanh((np.linspace(0, 1, n) - 0.5) / (2**0.5 * 0.04)), (n, 1))
        errors.append(l2_norm(problem.solve(u) - u))
        hs.append(1 / (n - 1))
    assert slope_of(errors, hs) == pytest.approx(pk.AllenCahn.orders[0], abs=0.1)


def test_states_lie_between_the_phases_and_a_step_lowers_the_energy() -> None:
    problem = pk.AllenCahn(17)
    v, u = problem.coefficient(3), problem.reference(3)
    assert abs(v).max() < 1 < 1.5 * abs(v).max()
    assert problem.loss(u, v) < problem.loss(v, v)
    assert problem.loss(u, v) < min(problem.loss(u + 0.01, v), problem.loss(u - 0.01, v))


def test_gradcheck() -> None:
    torch.manual_seed(0)
    problem = pk.AllenCahn(5)
    samples = problem.sample([0, 1])
    u = torch.randn(2, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: problem.losses(u, samples), u)


def test_data_batches_and_text() -> None:
    check_data(pk.AllenCahn())
    check_batch(pk.AllenCahn(9))
    check_repr(pk.AllenCahn(tau=0.1, sharpness=5.0))


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="tau: expected a number below 1, where the energy is convex"):
        pk.AllenCahn(tau=1.0)
    with pytest.raises(ValueError, match="sharpness: expected a finite number above 0"):
        pk.AllenCahn(sharpness=0.0)


@pytest.mark.parametrize("head", ["plain", "galerkin"])
def test_training_brings_the_error_down(head: str) -> None:
    before, after = trained(pk.AllenCahn(16), steps=80 if head == "plain" else 5, head=head)
    assert after < (before / 2 if head == "plain" else 0.1)
