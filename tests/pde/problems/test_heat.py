"""The heat step against scikit-fem and cosine modes, and steps rolled out."""

import numpy as np
import pytest
import torch
from skfem import Basis, ElementQuad1, Functional, MeshQuad
from skfem.helpers import dot, grad

import pdekit as pk
from pdekit.pde.reference import l2_norm
from tests.pde.problems.every import check_batch, check_data, check_repr, gradient, slope_of, trained


def test_the_energy_agrees_with_scikit_fem() -> None:
    problem = pk.Heat(9, tau=0.3, epsilon=0.2)
    v, u = np.random.default_rng(0).normal(size=(2, 9, 9))
    basis = Basis(MeshQuad.init_tensor(*[np.linspace(0, 1, 9)] * 2), ElementQuad1(), intorder=4)
    column, row = np.rint(basis.doflocs * 8).astype(int)

    @Functional
    def energy(w):
        return (w.u - w.before) ** 2 / 0.6 + 0.02 * dot(grad(w.u), grad(w.u))

    given = {name: basis.interpolate(a[row, column]) for name, a in (("u", u), ("before", v))}
    assert problem.loss(u, v) == pytest.approx(energy.assemble(basis, **given), rel=1e-12)
    small = 1e-6
    bump = np.zeros((9, 9))
    bump[3, 8] = small
    difference = (problem.loss(u + bump, v) - problem.loss(u - bump, v)) / (2 * small)
    assert gradient(problem, u, v)[3, 8] == pytest.approx(difference, rel=1e-6)


def test_the_energy_keeps_its_digits_in_single_precision() -> None:
    """For a state far from zero the energy is that of its differences, not of its size."""
    problem = pk.Heat(17)
    v = problem.coefficient(0)
    far = problem.batch(v[None] + 20.0, torch.float32)
    loss = problem.losses(far.data + 0.0, far)
    assert loss.item() == pytest.approx(problem.loss(v, v), rel=1e-2)


def test_a_step_damps_the_discrete_cosines_exactly() -> None:
    """Cosines are eigenvectors: along an axis of the mass (4 + 2 cos)/6 and the stiffness (2 - 2 cos)/h^2."""
    n, j, k = 33, 3, 5
    problem, h = pk.Heat(n), 1 / (n - 1)
    x = np.linspace(0, 1, n)
    v = np.cos(k * np.pi * x)[:, None] * np.cos(j * np.pi * x)

    def eigenvalue(m: int) -> float:
        c = np.cos(m * np.pi * h)
        return (2 - 2 * c) / h**2 / ((4 + 2 * c) / 6)

    damped = v / (1 + problem.tau * problem.epsilon**2 * (eigenvalue(j) + eigenvalue(k)))
    assert abs(gradient(problem, damped, v)).max() < 1e-15  # the loss has its minimum there
    np.testing.assert_allclose(problem.solve(v), damped, atol=1e-12)


def test_the_minimiser_converges_with_its_order() -> None:
    errors, hs = [], []
    for n in (9, 17, 33):
        problem = pk.Heat(n, tau=0.5, epsilon=0.3)
        x = np.linspace(0, 1, n)
        v = np.cos(np.pi * x)[:, None] * np.cos(2 * np.pi * x)
        u = problem.solve(v)
        assert abs(gradient(problem, u, v)).max() < 1e-14
        errors.append(l2_norm(u - v / (1 + 0.5 * 0.09 * 5 * np.pi**2)))
        hs.append(1 / (n - 1))
    assert slope_of(errors, hs) == pytest.approx(pk.Heat.orders[0], abs=0.1)


def test_the_loss_is_positive_and_least_at_the_reference() -> None:
    problem = pk.Heat(17)
    v, u = problem.coefficient(2), problem.reference(2)
    assert 0 < problem.loss(u, v) < problem.loss(u + 1e-3, v) and problem.loss(u, v) < problem.loss(v, v)


def test_gradcheck() -> None:
    torch.manual_seed(0)
    problem = pk.Heat(5)
    samples = problem.sample([0, 1])
    u = torch.randn(2, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: problem.losses(u, samples), u)


def test_data_batches_and_text() -> None:
    check_data(pk.Heat())
    check_batch(pk.Heat(9))
    check_repr(pk.Heat(tau=0.1, state=pk.Matern(length=0.3, exponential=False)))
    zero = torch.zeros(1, 1, 17, 17, dtype=torch.float64)
    samples = pk.Heat(17).sample(3)
    np.testing.assert_array_equal(pk.Heat(17).impose(zero, samples)[0], pk.Heat(17).coefficient(3))


@pytest.mark.parametrize("setting", [{"tau": 0.0}, {"epsilon": -1.0}])
def test_bad_settings_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(setting))}: expected a finite number above 0"):
        pk.Heat(**setting)


def test_steps_are_rolled_out() -> None:
    problem = pk.Heat(17)
    v = problem.coefficient(0)
    states = problem.roll(v, 3)
    assert states.shape == (4, 17, 17)
    np.testing.assert_array_equal(states[0], v)
    np.testing.assert_allclose(states[2], problem.solve(states[1]), atol=1e-12)
    np.testing.assert_array_equal(problem.roll(v, 2, lambda one: 2 * one)[2], 4 * v)
    with pytest.raises(ValueError, match="steps: expected a whole number"):
        problem.roll(v, 0)


@pytest.mark.parametrize("head", ["plain", "galerkin"])
def test_training_brings_the_error_down(head: str) -> None:
    before, after = trained(pk.Heat(16), steps=80 if head == "plain" else 10, head=head)
    assert after < (before / 2 if head == "plain" else 0.1)
