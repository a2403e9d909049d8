"""Coefficient fields: the transcendental roots, the Sobol order, and one field at any resolution and in any batch."""

import mpmath
import numpy as np
import pytest
from scipy.stats import qmc

import pdekit as pk
from pdekit.pde import fields


@pytest.mark.parametrize("eta", [1e-3, 0.1, 0.5, 1.0, 7.0, 100.0])
def test_roots_solve_the_transcendental_equation_and_none_is_missed(eta: float) -> None:
    found = fields.roots(eta, 6)
    for a in map(mpmath.mpf, found):
        residual = (eta**2 * a**2 - 1) * mpmath.sin(a) - 2 * eta * a * mpmath.cos(a)
        assert abs(residual) < 1e-11 * (1 + eta**2 * a**2)
    grid = np.linspace(1e-9, 6 * np.pi, 2_000_000)  # count the sign changes: six roots up to 6 pi
    values = (eta**2 * grid**2 - 1) * np.sin(grid) - 2 * eta * grid * np.cos(grid)
    assert np.count_nonzero(np.diff(np.sign(values))) == 6
    assert np.all(np.diff(found) > 0)


def test_roots_of_the_published_correlation_length() -> None:
    np.testing.assert_allclose(fields.roots(0.5, 4), [1.7207, 4.0575, 6.8512, 9.8264], atol=6e-5)


def test_modes_are_eigenfunctions_of_the_exponential_covariance() -> None:
    eta, n = 0.5, 4001
    x = np.linspace(0, 1, n)
    weights = np.full(n, 1 / (n - 1))
    weights[[0, -1]] /= 2
    a = fields.roots(eta, 3)
    for k in range(3):
        e = eta * a[k] * np.cos(a[k] * x) + np.sin(a[k] * x)
        at = 1234
        applied = np.sum(weights * np.exp(-np.abs(x[at] - x) / eta) * e)
        assert applied == pytest.approx(2 * eta / (1 + (eta * a[k]) ** 2) * e[at], rel=1e-5)


def test_sobol_points_keep_their_number_in_any_order_and_any_selection() -> None:
    whole = qmc.Sobol(6, scramble=True, rng=3).random(64)
    wanted = np.array([5, 63, 0, 5, 6, 7, 40])
    np.testing.assert_array_equal(fields.sobol(wanted, 6, 3), whole[wanted])
    assert len(fields.sobol(np.array([], dtype=int), 6, 3)) == 0


def test_a_sample_is_the_same_field_finer_at_a_finer_resolution() -> None:
    coarse, fine = pk.Poisson(65).coefficient(7), pk.Poisson(129).coefficient(7)
    np.testing.assert_allclose(fine[::2, ::2], coarse, rtol=1e-12)


def test_a_sample_has_the_same_bits_in_any_batch() -> None:
    problem = pk.Poisson(33)
    batch = problem.coefficient([9, 2, 5, 11, 3])
    for k, i in enumerate([9, 2, 5, 11, 3]):
        np.testing.assert_array_equal(problem.coefficient(i), batch[k])


def test_parameters_fill_their_box_and_seeds_differ() -> None:
    w = pk.Poisson(16).parameters(range(256))
    assert w.min() > -3 and w.max() < 3 and w.min() < -2.9 and w.max() > 2.9
    assert abs(w.mean()) < 0.02
    assert not np.allclose(w, pk.Poisson(16, seed=1).parameters(range(256)))


def test_held_out_samples_are_none_that_a_run_may_train_on() -> None:
    held_out = pk.Poisson(16).held_out(16)
    with pytest.raises(ValueError, match="samples"):
        pk.Experiment(pk.Poisson(32), samples=held_out[0] + 1)
