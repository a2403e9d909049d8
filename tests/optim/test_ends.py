"""L-BFGS always says why it goes no further, and keeps the best point. Each test names what makes it fail."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pdekit.optim.end import End
from pdekit.optim.lbfgs import LBFGS
from pdekit.optim.outcome import Evaluate, Outcome
from tests.optim.more import PROBLEMS, Problem


def run(optimizer: LBFGS, evaluate: Evaluate, steps: int = 300) -> Outcome:
    """The last outcome: the first with a reason, or of the last step."""
    for _ in range(steps):
        outcome = optimizer.step(evaluate, 1.0, fresh=False)
        assert len(outcome.trials) == outcome.evaluations
        if outcome.end == End.NOT_A_FUNCTION:
            break
        assert outcome.trials[-1] == outcome.loss
        if outcome.end is not None:
            break
    return outcome


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_it_reaches_a_minimum_that_the_paper_lists(problem: Problem) -> None:
    """And says so, with a gradient that has vanished. Fails with a direction of another sign or scale."""
    x = problem.x()
    outcome = run(LBFGS(x), problem.evaluate)
    assert min(abs(outcome.loss - m) - 2e-7 * m for m in problem.minima) < 1e-9
    assert outcome.end in (End.GRADIENT_SMALL, End.ROUNDING)
    loss, gradient = problem.evaluate(x)
    assert loss == outcome.loss and gradient.norm() < 1e-8 * max(1.0, loss)


def bowl(x: Tensor) -> tuple[float, Tensor]:
    scale = torch.logspace(0, 3, len(x), dtype=torch.float64).to(x.dtype)
    return float(1 + 0.5 * (scale * x * x).sum()), scale * x


def test_it_goes_on_where_losses_of_float32_differ_by_rounding() -> None:
    """A loss near 1 is rounded to 6e-8; slopes lead much lower. Fails with differences of losses alone."""
    x = torch.linspace(0.5, 1.5, 50)
    assert run(LBFGS(x), bowl).loss == 1.0
    assert bowl(x.double())[0] - 1 < 1e-11


def test_a_loss_that_is_lower_by_luck_alone_does_not_lead_uphill() -> None:
    """Noise of 1e-3 on a loss whose gradient is exact: it ends close to the lowest loss that it has seen."""
    noise = np.random.default_rng(0)

    def noisy(x: Tensor) -> tuple[float, Tensor]:
        loss, gradient = bowl(x)
        return loss + 1e-3 * noise.uniform(), gradient

    x = torch.linspace(0.5, 1.5, 50, dtype=torch.float64)
    outcome = run(LBFGS(x), noisy)
    assert outcome.end == End.NOT_A_FUNCTION
    assert bowl(x)[0] < 1 + 1e-2


def test_a_random_loss_is_told_from_one_without_a_lower_point() -> None:
    """Dropout in a closure. Fails without a second evaluation at the same point."""
    torch.manual_seed(0)

    def dropping(x: Tensor) -> tuple[float, Tensor]:
        at = x.clone().requires_grad_()
        loss = (torch.nn.functional.dropout(at, 0.5) - 1).square().sum()
        loss.backward()
        return loss.item(), at.grad

    outcome = run(LBFGS(torch.linspace(0, 1, 40, dtype=torch.float64)), dropping)
    assert outcome.end == End.NOT_A_FUNCTION and "dropout" in str(outcome.end)


@pytest.mark.parametrize("factor", [-1.0, -1e-2])
def test_a_gradient_of_the_wrong_sign_is_named(factor: float) -> None:
    x = torch.linspace(0.5, 1.5, 5, dtype=torch.float64)
    before = x.clone()
    outcome = run(LBFGS(x), lambda x: (bowl(x)[0], factor * bowl(x)[1]))
    assert outcome.end == End.WRONG_GRADIENT
    assert torch.equal(x, before) and outcome.loss == bowl(before)[0]


def test_a_start_that_is_not_finite_is_named_and_left_alone() -> None:
    x = torch.full((3,), 2.0, dtype=torch.float64)
    optimizer = LBFGS(x)
    for _ in range(2):
        outcome = optimizer.step(lambda x: (math.nan, x * math.nan), 1.0, fresh=False)
        assert outcome.end == End.NOT_FINITE and outcome.evaluations == 1
    assert (x == 2).all()
    assert run(optimizer, bowl).loss == pytest.approx(1.0)  # of no consequence for what comes after


def test_an_island_with_nothing_finite_around_it_is_named() -> None:
    x = torch.ones(2, dtype=torch.float64)
    outcome = run(
        LBFGS(x), lambda x: (1.0 if (x == 1).all() else math.inf, torch.ones(2, dtype=torch.float64))
    )
    assert outcome.end == End.NOT_FINITE and (x == 1).all()


def test_evaluations_that_are_used_up_are_named_and_never_exceeded() -> None:
    """The first trials of Rosenbrock's function from here are all too long."""
    rosenbrock = PROBLEMS[0]
    x = rosenbrock.x()
    outcome = LBFGS(x, trials=1).step(rosenbrock.evaluate, 1e3, fresh=True)
    assert outcome.end == End.EVALUATIONS and outcome.loss == rosenbrock.evaluate(x)[0]
    assert torch.equal(x, rosenbrock.x())
    optimizer = LBFGS(x, iterations=10, evaluations=7)
    assert [optimizer.step(rosenbrock.evaluate, 1.0, False).evaluations <= 7 for _ in range(5)] == [True] * 5


@pytest.mark.parametrize(
    ("settings", "end"),
    [
        ({"gradient_tolerance": 1e-3}, End.GRADIENT_SMALL),
        ({"gradient_ratio": 1e-3}, End.GRADIENT_SMALL),
        ({"loss_tolerance": 1e-4}, End.LOSS_SETTLED),
        ({"loss_ratio": 1e-4}, End.LOSS_SETTLED),
    ],
)
def test_tolerances_end_a_search(settings: dict[str, float], end: End) -> None:
    x = torch.linspace(0.5, 1.5, 50, dtype=torch.float64)
    first = float(bowl(x)[1].norm())
    outcome = run(LBFGS(x, **settings), bowl)
    assert outcome.end == end
    if end == End.GRADIENT_SMALL:
        assert outcome.gradient_norm <= 1e-3 * (first if "gradient_ratio" in settings else 1.0)
        assert outcome.gradient_norm > 1e-6
    else:
        assert 1e-9 < outcome.loss - 1 < 1e-2


def test_several_iterations_a_step_take_the_same_path() -> None:
    one, three = (torch.linspace(0.5, 1.5, 50, dtype=torch.float64) for _ in range(2))
    single, several = LBFGS(one), LBFGS(three, iterations=3)
    for _ in range(4):
        outcome = several.step(bowl, 1.0, fresh=False)
        assert outcome.evaluations == sum(single.step(bowl, 1.0, fresh=False).evaluations for _ in range(3))
        assert torch.equal(one, three)


@pytest.mark.parametrize(
    "settings",
    [
        {"memory": 0}, {"trials": 0}, {"decrease": 0.5}, {"decrease": 0.0}, {"curvature": 1.0}, {"curvature": 1e-5},
        {"iterations": 0}, {"evaluations": 1}, {"gradient_tolerance": -1.0}, {"loss_ratio": math.nan},
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))}.*: expected .*, got .*; "):
        LBFGS(torch.zeros(3), **settings)
