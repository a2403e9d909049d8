"""The eikonal equation: its residual against a loop, its zero by sweeping against exact arrival times."""

import numpy as np
import pytest
import torch

import pdekit as pk
from pdekit.pde.eikonal import Eikonal
from tests.pde.problems import every


def residual(u: np.ndarray, s: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Rouy and Tourin's residual over s^2 at the free nodes of u (n, n), by a loop over nodes."""
    n, r = len(u), []
    for i, j in np.argwhere(free):
        slopes = 0.0
        for neighbours in ([(i, j - 1), (i, j + 1)], [(i - 1, j), (i + 1, j)]):
            inside = [u[k] for k in neighbours if min(k) >= 0 and max(k) < n]
            slopes += max(u[i, j] - min(inside), 0.0) ** 2 * (n - 1) ** 2
        r.append(slopes / s[i, j] ** 2 - 1)
    return np.array(r)


def swept(s: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The zero of the residual by Gauss-Seidel sweeps (Zhao 2005, Math. Comp. 74); `given` is nan where u is free."""
    n, h = len(s), 1 / (len(s) - 1)
    fixed = ~np.isnan(given)
    u = np.pad(np.where(fixed, given, 1e9), 1, constant_values=1e9)
    for _ in range(20):
        before = u.copy()
        for rows in (range(1, n + 1), range(n, 0, -1)):
            for columns in (range(1, n + 1), range(n, 0, -1)):
                for i in rows:
                    for j in columns:
                        if fixed[i - 1, j - 1]:
                            continue
                        a, b = min(u[i, j - 1], u[i, j + 1]), min(u[i - 1, j], u[i + 1, j])
                        f = s[i - 1, j - 1] * h
                        two = 2 * f * f - (a - b) ** 2
                        new = min(a, b) + f if abs(a - b) >= f else (a + b + two**0.5) / 2
                        u[i, j] = min(u[i, j], new)
        if np.array_equal(u, before):
            return u[1:-1, 1:-1]
    raise AssertionError("20 rounds of sweeps did not settle")


SOURCES = ["x0", (0.5, 0.5), (0.0, 1.0), (0.31, 0.68)]


@pytest.mark.parametrize("source", SOURCES)
def test_losses_agree_with_a_loop_over_nodes(source: str | tuple[float, float]) -> None:
    for norm in ("l2", "l1"):
        problem = Eikonal(12, source=source, norm=norm)
        s, u = problem.coefficient(1), np.random.default_rng(0).normal(size=(12, 12))
        r = residual(u, s, problem.free())
        expected = np.mean(r**2) if norm == "l2" else np.mean(np.abs(r))
        assert problem.loss(u, s) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("source", SOURCES)
def test_gradients_pass_gradcheck(source: str | tuple[float, float]) -> None:
    problem = Eikonal(7, source=source)
    samples = problem.sample([0, 1])
    output = torch.randn(2, 1, 7, 7, dtype=torch.float64, generator=torch.manual_seed(0)) / 10
    output.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: problem.losses(problem.impose(v, samples), samples), output)


@pytest.mark.parametrize("source", SOURCES)
def test_constant_slowness_is_known_from_the_start(source: str | tuple[float, float]) -> None:
    """u is 2 times the distance; that is the residual's zero for the face, and nearly for a point."""
    problem = Eikonal(33, source=source)
    samples = problem.batch(np.full((1, 33, 33), 2.0), torch.float64)
    u = problem.impose(torch.zeros(1, 1, 33, 33, dtype=torch.float64), samples)[0].numpy()
    y, x = np.meshgrid(*[np.linspace(0, 1, 33)] * 2, indexing="ij")
    distance = x if source == "x0" else np.hypot(x - source[0], y - source[1])
    np.testing.assert_allclose(u, 2 * distance, atol=1e-12)
    np.testing.assert_allclose(problem.solve(np.full((33, 33), 2.0)), 2 * distance, atol=0.01)
    if source == "x0":
        assert problem.loss(u, np.full((33, 33), 2.0)) < 1e-24


@pytest.mark.parametrize("source", SOURCES)
def test_given_values_do_not_depend_on_the_output(source: str | tuple[float, float]) -> None:
    """They are the times along straight rays: here exact, as s = 1 + x is linear along a ray."""
    problem = Eikonal(33, source=source)
    y, x = np.meshgrid(*[np.linspace(0, 1, 33)] * 2, indexing="ij")
    samples = problem.batch((1 + x)[None], torch.float64)
    output = torch.randn(1, 1, 33, 33, dtype=torch.float64, generator=torch.manual_seed(0))
    u = problem.impose(output, samples)[0].numpy()
    px, py = (0.0, y) if source == "x0" else source
    straight = np.hypot(x - px, y - py) * (1 + (x + px) / 2)
    given = ~problem.free()
    assert given.any() and (u > 0)[~given].all()
    np.testing.assert_allclose(u[given], straight[given], atol=1e-12)
    np.testing.assert_allclose(samples.operator[0].numpy(), straight, atol=1e-12)


def test_the_zero_converges_with_order_one() -> None:
    """u = x - 0.2 x sin(pi y), which grows towards the faces y = 0 and y = 1: all rays come from x = 0."""
    errors, sizes = [], (17, 33, 65)
    for n in sizes:
        problem = Eikonal(n)
        y, x = np.meshgrid(*[np.linspace(0, 1, n)] * 2, indexing="ij")
        exact = x - 0.2 * x * np.sin(np.pi * y)
        s = np.hypot(1 - 0.2 * np.sin(np.pi * y), 0.2 * np.pi * x * np.cos(np.pi * y))
        u = swept(s, np.where(problem.free(), np.nan, 0.0))
        assert problem.loss(u, s) < 1e-20
        errors.append(problem.error(u, exact))
    assert every.slope_of(errors, [1 / (n - 1) for n in sizes]) == pytest.approx(Eikonal.order, abs=0.1)


@pytest.mark.parametrize("source", ["x0", (0.5, 0.5)])
def test_the_reference_is_close_to_the_zero_and_never_later_than_the_straight_ray(
    source: str | tuple[float, float],
) -> None:
    problem = Eikonal(33, source=source)
    s = problem.coefficient(2)
    straight = problem.sample([2]).operator[0].numpy()
    u = problem.reference(2)
    assert (u <= straight * 1.01 + 1e-12).all() and problem.error(straight, u) > 0.02
    assert problem.error(swept(s, np.where(problem.free(), np.nan, straight)), u) < 0.06


def test_samples_are_their_own() -> None:
    every.check_data(Eikonal(33))
    every.check_batch(Eikonal(9))
    every.check_batch(Eikonal(9, source=(0.5, 0.5)))
    every.check_repr(Eikonal(33, slowness=pk.Matern(sigma=0.5), source=(0.25, 0.5), norm="l1"))


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ({"source": "y0"}, "source"),
        ({"source": (0.5,)}, "source"),
        ({"source": (0.5, 1.5)}, "source"),
        ({"slowness": pk.Matern(exponential=False)}, "slowness"),
        ({"norm": "max"}, "norm"),
    ],
)
def test_bad_settings_are_refused(setting: dict, word: str) -> None:
    with pytest.raises(ValueError, match=f"^{word}: expected"):
        Eikonal(**setting)


def test_a_short_training_bends_the_rays() -> None:
    problem = Eikonal(33, source=(0.5, 0.5))
    before, after = every.trained(problem, samples=64, batch=4, steps=120, grids="single")
    assert before > 0.1
    assert after < 0.6 * before
