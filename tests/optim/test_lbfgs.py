"""L-BFGS against torch's own and against known minima; the line search against its conditions."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import rosen, rosen_der
from torch import Tensor

from pdekit.optim import LBFGS
from pdekit.optim.end import End
from pdekit.optim.wolfe import CURVATURE, DECREASE, Point, strong_wolfe


def rosenbrock(x: Tensor) -> tuple[float, Tensor]:
    return float(rosen(x.numpy())), torch.tensor(rosen_der(x.numpy()))


def quadratic(x: Tensor) -> tuple[float, Tensor]:
    scale = torch.logspace(0, 4, len(x), dtype=x.dtype)
    return float(0.5 * (scale * x) @ x), scale * x


def evaluations_of_torch(function, x: Tensor, target: float) -> int:
    """Evaluations that torch's L-BFGS with the same memory needs until it first sees a loss below `target`."""
    x, count = x.clone().requires_grad_(), 0
    theirs = torch.optim.LBFGS([x], lr=1, max_iter=1, history_size=20, line_search_fn="strong_wolfe")

    def closure() -> float:
        nonlocal count
        count += 1
        loss, x.grad = function(x.detach())
        return loss

    while float(function(x.detach())[0]) > target and count < 2000:
        theirs.step(closure)
    return count


@pytest.mark.parametrize("function", [rosenbrock, quadratic])
def test_it_needs_no_more_evaluations_than_torch(function) -> None:
    start = torch.linspace(-1.2, 1.0, 10, dtype=torch.float64)
    x, count, optimizer = start.clone(), 0, None
    optimizer = LBFGS(x)
    while function(x)[0] > 1e-8 and count < 2000:
        outcome = optimizer.step(function, 1.0, fresh=False)
        count += outcome.evaluations
    assert function(x)[0] <= 1e-8
    # torch evaluates once more in each step than it needs; one in ten is our own margin
    assert count <= 1.1 * evaluations_of_torch(function, start, 1e-8)


@pytest.mark.parametrize("trials", [1, 2, 25])
def test_the_last_evaluation_is_at_the_point_that_is_kept(trials: int) -> None:
    """Also where the trials run out, so that the best of them need not be the last."""
    x = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    last: list[Tensor] = []

    def evaluate(at: Tensor) -> tuple[float, Tensor]:
        last[:] = [at.clone()]
        return rosenbrock(at)

    optimizer = LBFGS(x, trials=trials)
    before = rosenbrock(x)[0]
    for _ in range(30):
        outcome = optimizer.step(evaluate, 1.0, fresh=False)
        assert torch.equal(last[0], x)
        assert outcome.loss == rosenbrock(x)[0] <= before
        before = outcome.loss


def test_an_infinite_loss_shortens_the_step() -> None:
    x = torch.tensor([0.9], dtype=torch.float64)

    def barrier(at: Tensor) -> tuple[float, Tensor]:
        inside = at < 1
        loss = (-torch.log(1 - at) - 30 * at).item() if inside else math.inf
        return loss, (1 / (1 - at) - 30) * inside

    optimizer = LBFGS(x)
    for _ in range(20):
        optimizer.step(barrier, 1.0, fresh=False)
    assert float(x[0]) == pytest.approx(1 - 1 / 30, rel=1e-6)


def test_at_a_minimum_it_says_that_it_stalls() -> None:
    x = torch.zeros(3, dtype=torch.float64)
    assert LBFGS(x).step(quadratic, 1.0, fresh=True).end == End.GRADIENT_SMALL


def test_a_fresh_batch_is_evaluated_before_the_search() -> None:
    x = torch.tensor([2.0], dtype=torch.float64)
    optimizer = LBFGS(x)
    optimizer.step(lambda x: (float(x @ x), 2 * x), 1.0, fresh=True)
    outcome = optimizer.step(lambda x: (float((x - 5) @ (x - 5)), 2 * (x - 5)), 1.0, fresh=True)
    assert outcome.loss < 25


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("seed", range(5))
def test_the_line_search_ends_at_a_strong_wolfe_point(first: float, seed: int) -> None:
    """A wavy function, started at its steepest: both conditions, checked here."""
    shift, wave = np.random.default_rng(seed).uniform([1, 0.0], [5, 0.4])

    def phi(t: float) -> Point:
        return Point(
            t, (t - shift) ** 2 + wave * math.sin(7 * t), 2 * (t - shift) + 7 * wave * math.cos(7 * t)
        )

    start = phi(0.0)
    found, _ = strong_wolfe(phi, start, first, 30)
    assert found == phi(found.t) and found.t > 0
    assert found.loss <= start.loss + DECREASE * found.t * start.slope
    assert abs(found.slope) <= -CURVATURE * start.slope
