"""Burgers' equation against characteristics, Rankine and Hugoniot, rarefactions, and a travelling wave."""

import numpy as np
import pytest

from pdekit.pde.reference.burgers import burgers

POINTS, WEIGHTS = np.polynomial.legendre.leggauss(5)


def averages(f, edges: np.ndarray) -> np.ndarray:
    """Cell averages of a smooth f by five Gauss points."""
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    return sum(w / 2 * f(middle + half * p) for p, w in zip(POINTS, WEIGHTS, strict=True))


def bump(x: np.ndarray) -> np.ndarray:
    return (1 - np.cos(2 * np.pi * x)) / 2


def bump_averages(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return 0.5 - (np.sin(2 * np.pi * right) - np.sin(2 * np.pi * left)) / (4 * np.pi * (right - left))


def by_characteristics(x: np.ndarray, t: float) -> np.ndarray:
    """u = bump(x - u t) before the shock at t = 1/pi, by bisection of the foot of the characteristic."""
    low, high = x - t, x.copy()
    for _ in range(60):
        foot = (low + high) / 2
        beyond = foot + t * bump(foot) > x
        low, high = np.where(beyond, low, foot), np.where(beyond, foot, high)
    return bump(foot)


def test_order_two_before_the_shock() -> None:
    edges = np.linspace(0, 1, 33)
    exact = averages(lambda x: by_characteristics(x, 0.2), edges)
    errors = [abs(burgers(bump_averages, 32, 2, 0.2, refine=r)[-1] - exact).mean() for r in (2, 4, 8, 16)]
    assert 1.7 < -np.polyfit(np.log([2, 4, 8, 16]), np.log(errors), 1)[0] < 2.4
    assert errors[-1] < 1e-4


def test_rows_are_the_times_between_and_the_first_is_the_start() -> None:
    rows = burgers(bump_averages, 32, 5, 0.2)
    edges = np.linspace(0, 1, 33)
    np.testing.assert_allclose(rows[0], bump_averages(edges[:-1], edges[1:]), atol=1e-12)
    for k in (1, 2, 3):
        exact = averages(lambda x, k=k: by_characteristics(x, 0.05 * k), edges)
        assert abs(rows[k] - exact).mean() < 1e-4


def block(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Averages of 1 on (0.1, 0.4), 0 elsewhere."""
    return np.clip(np.minimum(right, 0.4) - np.maximum(left, 0.1), 0, None) / (right - left)


def test_shock_and_rarefaction_of_a_block() -> None:
    """Until t = 0.6: (x - 0.1) / t up to 0.1 + t, 1 up to the shock; Rankine and Hugoniot: it moves with 1/2."""
    rows = burgers(block, 64, 3, 0.5)
    edges = np.linspace(0, 1, 65)
    for t, row in zip((0.25, 0.5), rows[1:], strict=True):
        assert row.mean() == pytest.approx(0.3, abs=1e-12)
        assert edges[:-1][row > 0.5].max() == pytest.approx(0.4 + t / 2, abs=1 / 64)
        fine = (np.arange(64 * 64) + 0.5) / 4096
        exact = np.where(fine < 0.4 + t / 2, np.clip((fine - 0.1) / t, 0, 1), 0).reshape(64, 64).mean(axis=1)
        assert abs(row - exact).mean() < 1e-3
        away = abs(edges[:-1] + 1 / 128 - 0.4 - t / 2) > 1 / 64
        assert abs(row - exact)[away].max() < 0.01


def test_an_inflow_feeds_a_shock() -> None:
    start = np.where(np.arange(64 * 16) < 256, 1.0, 0.0)
    row = burgers(start, 64, 2, 0.6, inflow=1.0)[-1]
    assert row.mean() == pytest.approx(0.25 + 0.3, abs=1e-12)
    assert np.flatnonzero(row > 0.5).max() + 1 == pytest.approx(0.55 * 64, abs=1)


def test_a_transonic_rarefaction_opens() -> None:
    """-1 against 1 is the fan (x - 1/2) / t, not a standing expansion shock."""
    row = burgers(np.where(np.arange(512) < 256, -1.0, 1.0), 32, 2, 0.3)[-1]
    x = (np.arange(32) + 0.5) / 32
    assert abs(row - np.clip((x - 0.5) / 0.3, -1, 1)).max() < 0.01


@pytest.mark.parametrize("nu", [0.005, 0.05])
def test_a_viscous_travelling_wave(nu: float) -> None:
    """u = -a (1 + tanh(a (x - x0 + a t) / (2 nu))) is exact (Whitham 1974, chapter 4): from 0 to -2a."""
    a = 1.0
    x0, end = (0.7, 0.3) if nu < 0.01 else (0.5, 0.01)

    def exact(t: float):
        return lambda x: -a * (1 + np.tanh(a * (x - x0 + a * t) / (2 * nu)))

    edges = np.linspace(0, 1, 33)
    errors = []
    for refine in (8, 16, 32):
        fine = np.linspace(0, 1, 32 * refine + 1)
        row = burgers(averages(exact(0), fine), 32, 2, end, nu, refine=refine)[-1]
        inner = slice(4, -4)  # the wide wave is not quite flat at the faces
        errors.append(abs(row - averages(exact(end), edges))[inner].mean())
    assert errors[-1] < 2e-4
    assert errors[0] / errors[-1] > 8


def test_a_standing_viscous_shock_at_the_wall() -> None:
    """u = -tanh(x / (2 nu)) is steady, and 0 at x = 0."""
    nu, edges, fine = 0.05, np.linspace(0, 1, 33), np.linspace(0, 1, 513)

    def steady(x: np.ndarray) -> np.ndarray:
        return -np.tanh(x / (2 * nu))

    row = burgers(averages(steady, fine), 32, 2, 0.5, nu)[-1]
    assert abs(row - averages(steady, edges)).max() < 2e-4


def test_heat_alone_decays_at_its_rate() -> None:
    """A small sine of the mixed conditions: convection is of its square."""
    x = np.linspace(0, 1, 257)
    start = 1e-6 * averages(lambda s: np.sin(np.pi * s / 2), x)
    row = burgers(start, 16, 2, 0.4, nu=1.0)[-1]
    np.testing.assert_allclose(row, np.exp(-0.4 * np.pi**2 / 4) * start.reshape(16, 16).mean(1), rtol=2e-4)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="averages of shape"):
        burgers(np.ones(64), 64, 2, 0.1)
    with pytest.raises(ValueError, match="0 or more"):
        burgers(bump_averages, 8, 2, 0.1, nu=-1.0)
