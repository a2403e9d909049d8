"""Burgers: residuals against loops over cells, orders against characteristics, shocks against Rankine and Hugoniot."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import pdekit as pk
from pdekit.pde.burgers import Burgers
from pdekit.pde.fluxes import RESIDUALS
from pdekit.pde.reference.burgers import burgers
from tests.pde.problems import every

CONSERVATIVE = ("muscl", "godunov", "lax-friedrichs")
POINTS, WEIGHTS = np.polynomial.legendre.leggauss(6)


def riemann(left: float, right: float) -> float:
    """Godunov's flux by its definition: the least f between rising states, the largest between falling ones."""
    between = [left, right, *([0.0] if left * right < 0 else [])]
    return min(u * u / 2 for u in between) if left <= right else max(u * u / 2 for u in between)


def slope(a: float, b: float) -> float:
    """The monotonised central limiter."""
    choices = [2 * a, (a + b) / 2, 2 * b]
    return min(choices) if min(choices) > 0 else max(choices) if max(choices) < 0 else 0.0


def rate(u: np.ndarray, name: str, h: float, dt: float, nu: float) -> np.ndarray:
    """`-(u^2/2)_x + nu u_xx` by loops over cells, from the formulas in LeVeque's book."""
    n = len(u)

    def at(i: int) -> float:
        return u[min(i, n - 1)] if i >= 0 else (-u[-1 - i] if nu else 0.0)

    def face(i: int) -> float:  # between cells i - 1 and i
        a, b = at(i - 1), at(i)
        if name == "lax-friedrichs":
            return (a * a + b * b) / 4 - h / dt / 2 * (b - a)
        if name == "godunov":
            return riemann(a, b)
        left = a + slope(a - at(i - 2), b - a) / 2
        return riemann(left, b - slope(b - a, at(i + 1) - b) / 2)

    out = np.empty(n)
    for i in range(n):
        if name == "central":
            out[i] = -u[i] * (at(i + 1) - at(i - 1)) / (2 * h)
        elif name == "upwind":
            out[i] = -u[i] * ((u[i] - at(i - 1)) if u[i] > 0 else (at(i + 1) - u[i])) / h
        else:
            out[i] = -(face(i + 1) - face(i)) / h
        out[i] += nu * (at(i + 1) - 2 * u[i] + at(i - 1)) / h**2
    return out


@pytest.mark.parametrize("nu", [0.0, 0.01])
@pytest.mark.parametrize("name", RESIDUALS)
def test_losses_agree_with_loops_over_cells(name: str, nu: float) -> None:
    n, rng = 12, np.random.default_rng(0)
    for norm in ("l2", "l1"):
        problem = Burgers(n, residual=name, viscosity=nu, norm=norm)
        u = rng.uniform(-1, 1, (n, n))
        h, dt = 1 / n, 0.2 / (n - 1)
        r = []
        for now, then in pairwise(u):
            step = now + dt * rate(now, name, h, dt, nu)
            if name == "muscl":
                step = (now + step + dt * rate(step, name, h, dt, nu)) / 2
            r.append((then - step) / dt)
        expected = np.mean(np.square(r)) if norm == "l2" else np.mean(np.abs(r))
        assert problem.loss(u, problem.coefficient(0)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", RESIDUALS)
def test_gradients_pass_gradcheck(name: str) -> None:
    problem = Burgers(5, residual=name, boundary="soft", viscosity=0.01)
    samples = problem.sample([0, 1])
    u = torch.rand(2, 5, 5, dtype=torch.float64, generator=torch.manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: problem.losses(u, samples), u)


@pytest.mark.parametrize("name", RESIDUALS)
@pytest.mark.parametrize("settings", [{}, {"viscosity": 0.05}, {"final": 1.0}])
def test_the_marched_rows_are_the_zero_of_the_loss(name: str, settings: dict) -> None:
    problem = Burgers(16, residual=name, **settings)
    data = problem.coefficient([0, 1])
    u = problem.march(data)
    assert u.shape == (2, 16, 16)
    np.testing.assert_array_equal(u[:, 0], data)
    np.testing.assert_array_equal(problem.march(data[1]), u[1])
    assert problem.loss(u[1], data[1]) < 1e-20
    assert problem.loss(u[1] + 1e-3 * np.arange(16)[:, None], data[1]) > 1e-6


def by_characteristics(x: np.ndarray, t: float, c: float) -> np.ndarray:
    """u = b(x - u t) before the shock at t = 1 / (pi c), by bisection of the foot of the characteristic."""
    low, high = x - t, x.copy()
    for _ in range(60):
        foot = (low + high) / 2
        beyond = foot + t * (1 - np.cos(2 * np.pi * c * foot)) / 2 > x
        low, high = np.where(beyond, low, foot), np.where(beyond, foot, high)
    return (1 - np.cos(2 * np.pi * c * foot)) / 2


@pytest.mark.parametrize("name", Burgers.orders)
def test_the_zero_has_the_order_of_its_scheme(name: str) -> None:
    """Mean of |error| at t = 0.03, before the shock at t = 0.106: in L1, as limiters clip extrema."""
    sizes, errors = (128, 256, 512), []
    for n in sizes:
        problem = Burgers(n, residual=name, final=0.03, frequencies=(3.0, 3.0))
        x = (np.arange(n)[:, None] + (1 + POINTS) / 2) / n
        exact = by_characteristics(x, 0.03, 3.0) @ WEIGHTS / 2
        errors.append(np.abs(problem.march(problem.coefficient(0))[-1] - exact).mean())
    assert -np.polyfit(np.log(sizes), np.log(errors), 1)[0] == pytest.approx(Burgers.orders[name], abs=0.1)


def shock(name: str) -> float:
    """Where u crosses 1/2 at t = 0.25 if it starts as 1 on (0.125, 0.5), 0 elsewhere, on cells of width 1/128."""
    problem = Burgers(128, residual=name, final=0.25)
    x = (np.arange(128) + 0.5) / 128
    u = problem.march(((x > 0.125) & (x < 0.5)).astype(float))[-1]
    k = np.flatnonzero(u > 0.5)[-1]
    return x[k] + (u[k] - 0.5) / (u[k] - u[k + 1]) / 128


def test_shocks_stand_where_rankine_and_hugoniot_say_if_the_residual_is_conservative() -> None:
    for name in CONSERVATIVE:
        assert shock(name) == pytest.approx(0.625, abs=1 / 128), name
    for name in set(RESIDUALS) - set(CONSERVATIVE):
        assert abs(shock(name) - 0.625) > 5 / 128, name


@pytest.mark.parametrize("name", ["godunov", "lax-friedrichs"])
def test_the_l1_residual_of_a_monotone_scheme_bounds_the_distance_to_its_zero(name: str) -> None:
    """|u - v|_1 <= T (mean |r|) at the last row: steps of monotone schemes bring no two states further apart."""
    problem = Burgers(32, residual=name, norm="l1")
    data, rng = problem.coefficient(3), np.random.default_rng(1)
    for size in (1e-3, 0.1, 0.5):
        u = np.clip(problem.march(data) + size * rng.normal(size=(32, 32)), 0, 1)
        u[0] = data
        assert np.abs(u[-1] - problem.march(data)[-1]).mean() <= problem.final * problem.loss(u, data) * (
            1 + 1e-12
        )


def test_data_are_exact_averages_and_the_same_in_any_batch_and_on_finer_cells() -> None:
    for settings in ({}, {"waves": 3}):
        problem = Burgers(16, **settings)
        both = problem.coefficient([7, 2**20 + 1])
        np.testing.assert_array_equal(problem.coefficient(2**20 + 1), both[1])
        fine = problem.at(32).coefficient([7, 2**20 + 1])
        np.testing.assert_allclose(fine.reshape(2, 16, 2).mean(axis=2), both, atol=1e-12)
        c, w = np.split(problem.parameters(7)[0], 2) if settings else (problem.parameters(7)[0], [1.0])
        assert np.sum(w) == pytest.approx(1) and np.min(w) > 0 and 3 <= np.min(c) <= np.max(c) <= 6
        x = (np.arange(16)[:, None] + (1 + POINTS) / 2) / 16
        exact = sum(b * (1 - np.cos(2 * np.pi * a * x)) / 2 for a, b in zip(c, w, strict=True)) @ WEIGHTS / 2
        np.testing.assert_allclose(both[0], exact, atol=1e-8)


def test_evenly_spaced_frequencies_are_for_training_only() -> None:
    even, free = Burgers(16, evenly=4), Burgers(16)
    np.testing.assert_allclose(even.parameters(range(6)).ravel(), [3, 4, 5, 6, 3, 4])
    np.testing.assert_array_equal(even.parameters(even.held_out(5)), free.parameters(free.held_out(5)))
    assert not np.array_equal(free.parameters([0, 1]), Burgers(16, seed=1).parameters([0, 1]))


def test_hard_values_hold_exactly_and_soft_ones_are_paid_for() -> None:
    output = torch.rand(2, 1, 8, 8, dtype=torch.float64, generator=torch.manual_seed(0))
    hard, soft = Burgers(8), Burgers(8, boundary="soft", factor=10.0)
    samples = hard.sample([0, 1])
    u = hard.impose(output, samples)
    assert torch.equal(u[:, 0], samples.data)
    assert torch.allclose(u[:, -1], samples.data + output[:, 0, -1])
    v = soft.impose(output, samples)
    assert torch.equal(v, output[:, 0])
    inflow = (11 * v[..., 0] - 7 * v[..., 1] + 2 * v[..., 2]) / 6
    more = (v[:, 0] - samples.data).square().mean(dim=1) + inflow.square().mean(dim=1)
    torch.testing.assert_close(soft.losses(v, samples), hard.losses(v, samples) + 10 * more)


def test_the_reference_is_that_of_the_exact_averages() -> None:
    problem = Burgers(64)
    data = problem.field.values(problem.parameters(5), (64 * 16,))[0]
    np.testing.assert_allclose(problem.reference(5), burgers(data, 64, 64, 0.2), atol=5e-3)
    assert problem.error(problem.reference(5), burgers(data, 64, 64, 0.2)) < 2e-4
    np.testing.assert_array_equal(problem.solve(problem.coefficient(5)), problem.reference(5))


@pytest.mark.parametrize("settings", [{"final": 1.0}, {"viscosity": 0.05}, {"viscosity": 0.002}])
def test_rows_far_apart_are_marched_in_several_stable_steps(settings: dict) -> None:
    problem = Burgers(64, frequencies=(2.0, 2.0), **settings)
    assert problem.error(problem.march(problem.coefficient(0)), problem.reference(0)) < 0.04


def test_the_default_residual_has_the_best_zero() -> None:
    """Measured beforehand for 64 cells and c in [3, 6]: 4.6 % for muscl, 12.6 % for godunov."""
    errors = {}
    for name in RESIDUALS:
        problem = Burgers(64, residual=name)
        held_out = problem.held_out(8)
        u, v = problem.march(problem.coefficient(held_out)), problem.reference(held_out)
        errors[name] = np.mean([problem.error(a, b) for a, b in zip(u, v, strict=True)])
    assert errors["muscl"] == pytest.approx(0.046, abs=0.004)
    assert errors["godunov"] == pytest.approx(0.126, abs=0.008)
    assert sorted(errors, key=errors.get)[0] == "muscl"


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ({"resolution": 3}, "resolution"),
        ({"viscosity": -1.0}, "viscosity"),
        ({"final": 0.0}, "final"),
        ({"frequencies": (6.0, 3.0)}, "frequencies"),
        ({"evenly": 1}, "evenly"),
        ({"evenly": 4, "waves": 2}, "evenly"),
        ({"waves": 0}, "waves"),
        ({"residual": "weno"}, "residual"),
        ({"boundary": "weak"}, "boundary"),
        ({"factor": 0.0}, "factor"),
        ({"norm": "l3"}, "norm"),
    ],
)
def test_bad_settings_are_refused(setting: dict, word: str) -> None:
    with pytest.raises(ValueError, match=f"^{word}: expected"):
        Burgers(**setting)


def test_data_that_are_too_fast_for_the_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="expected an initial condition in"):
        Burgers(16).march(np.full(16, 1.5))
    with pytest.raises(ValueError, match="expected an array of shape"):
        Burgers(16).solve(np.zeros(15))


def test_samples_are_their_own() -> None:
    every.check_data(Burgers(16, waves=2), image=False)
    every.check_batch(Burgers(9))
    every.check_batch(Burgers(9, boundary="soft", norm="l1"))


def test_an_experiment_reads_back() -> None:
    problem = Burgers(64, viscosity=0.01, frequencies=(2, 4), evenly=8, residual="godunov", norm="l1")
    experiment = pk.Experiment(problem)
    assert pk.Experiment.parse(str(experiment)) == experiment


def test_a_short_training_comes_close_to_the_marched_rows() -> None:
    problem = Burgers(32, final=0.1, frequencies=(2.0, 3.0))
    experiment = pk.Experiment(
        problem, pk.UNet(width=8, depth=2), samples=16, batch=4, steps=120, grids="single"
    )
    solver, held_out = pk.Solver(experiment), problem.held_out(4)
    before = solver.error(held_out)
    solver.run()
    assert before > 0.2
    assert solver.error(held_out) < before / 3
    data = problem.coefficient(held_out)
    pairs = zip(solver.predict(data), problem.march(data), strict=True)
    assert np.mean([problem.error(u, zero) for u, zero in pairs]) < before / 3
