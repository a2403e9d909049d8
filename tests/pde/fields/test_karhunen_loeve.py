"""The Karhunen-Loeve sum: its transcendental roots, its eigenfunctions, and its values term by term."""

import mpmath
import numpy as np
import pytest

from pdekit.pde import fields
from pdekit.pde.fields import KarhunenLoeve


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
    """In 1D a mode is `sqrt(l_i) e_i`, so the covariance takes it to l_i times itself."""
    eta, n = 0.5, 4001
    x = np.linspace(0, 1, n)
    weights = np.full(n, 1 / (n - 1))
    weights[[0, -1]] /= 2
    for a, mode in zip(fields.roots(eta, 3), fields.modes(eta, 3, (n,)), strict=True):
        at = 1234
        applied = np.sum(weights * np.exp(-np.abs(x[at] - x) / eta) * mode)
        assert applied == pytest.approx(2 * eta / (1 + (eta * a) ** 2) * mode[at], rel=1e-5)


@pytest.mark.parametrize("shape", [(7,), (5, 9), (5, 3, 9)])
def test_values_are_the_published_sum_at_every_node(shape: tuple[int, ...]) -> None:
    eta, d = 0.5, len(shape)
    field = KarhunenLoeve(terms=4, eta=eta)
    w = field.parameters(np.array([3]), 0)
    values = field.values(w, shape)[0]
    for place in np.ndindex(*shape):
        total = mpmath.mpf(0)
        for w_i, a in zip(w[0], fields.roots(eta, 4), strict=True):
            root = mpmath.sqrt(2 * eta / (1 + (eta * a) ** 2))
            term = mpmath.mpf(w_i) * root**d
            for k, n in zip(place, shape, strict=True):
                x = mpmath.mpf(k) / (n - 1)
                term *= eta * a * mpmath.cos(a * x) + mpmath.sin(a * x)
            total += term
        assert values[place] == pytest.approx(float(mpmath.exp(total)), rel=1e-12)


@pytest.mark.parametrize("n", [16, 33, 64])
def test_fields_in_2d_keep_the_bits_of_measured_runs(n: int) -> None:
    """`(l_i e_i(y)) e_i(x)`, then w_i times it, then the sum, in this order."""
    eta, field = 0.5, KarhunenLoeve()
    w = field.parameters(np.arange(3), 0)
    a, x = fields.roots(eta, 6)[:, None], np.linspace(0.0, 1.0, n)
    e = eta * a * np.cos(a * x) + np.sin(a * x)
    products = (2 * eta / (1 + (eta * a) ** 2) * e)[:, :, None] * e[:, None, :]
    total = np.zeros((3, n, n))
    for k in range(6):
        total += w[:, k, None, None] * products[k]
    np.testing.assert_array_equal(field.values(w, (n, n)), np.exp(total))
    np.testing.assert_array_equal(fields.log_field(w, eta, n), total)


def test_modes_are_kept_and_cannot_be_written() -> None:
    modes = fields.modes(0.5, 6, (64, 64, 64))
    assert modes is fields.modes(0.5, 6, (64, 64, 64)) and modes.nbytes == 6 * 64**3 * 8
    with pytest.raises(ValueError, match="read-only"):
        modes[0] = 0.0


def test_parameters_fill_their_box() -> None:
    w = KarhunenLoeve(bound=2.0).parameters(np.arange(256), 0)
    assert -2 < w.min() < -1.95 and 1.95 < w.max() < 2
    assert abs(w.mean()) < 0.02


@pytest.mark.parametrize("bad", [{"terms": 0}, {"eta": 0.0}, {"bound": -1.0}, {"eta": np.inf}])
def test_settings_that_cannot_be_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(bad))}: expected"):
        KarhunenLoeve(**bad)
