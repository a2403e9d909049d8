"""Newton's method by conjugate gradients, on functions whose curvature is known."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from pdekit.optim.end import End
from pdekit.optim.newton_cg import NewtonCG


class Squares:
    """`1/2 |r(x)|^2`, its gradient, and the product with `J^T J` at the x of the last evaluation."""

    def __init__(self, residuals: Callable[[Tensor], Tensor]) -> None:
        self.residuals, self.count, self.products = residuals, 0, 0

    def __call__(self, x: Tensor) -> tuple[float, Tensor]:
        self.count += 1
        self.x = x.clone()
        r, self.jacobian = self.residuals(x), torch.func.jacrev(self.residuals)(x)
        return float(r.square().sum() / 2), self.jacobian.T @ r

    def curvature(self) -> Callable[[Tensor], Tensor]:
        jacobian = self.jacobian

        def product(v: Tensor) -> Tensor:
            self.products += 1
            return jacobian.T @ (jacobian @ v)

        return product


def line(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.standard_normal((12, 6)), draw.standard_normal(12)


def test_a_linear_problem_is_solved_in_one_system_where_damping_is_little() -> None:
    a, b = line()
    x = torch.zeros(6, dtype=torch.float64)
    squares = Squares(lambda x: torch.from_numpy(a) @ x - torch.from_numpy(b))
    outcome = NewtonCG(x, iterations=12, damping=1e-12).step(squares, 1.0, True)
    np.testing.assert_allclose(x.numpy(), np.linalg.lstsq(a, b)[0], rtol=1e-8)
    assert outcome.evaluations == 2 == len(outcome.trials) and outcome.trials[1] < outcome.trials[0]


def test_a_damped_step_is_that_of_the_damped_normal_equations() -> None:
    a, b = line(1)
    x = torch.zeros(6, dtype=torch.float64)
    NewtonCG(x, iterations=30, damping=2.0).step(
        Squares(lambda x: torch.from_numpy(a) @ x - torch.from_numpy(b)), 1.0, True
    )
    expected = np.linalg.solve(a.T @ a + 2.0 * np.eye(6), a.T @ b)
    np.testing.assert_allclose(x.numpy(), expected, rtol=1e-6)


def test_it_finds_the_minimum_of_rosenbrocks_function() -> None:
    x = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    squares = Squares(lambda x: torch.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]]))
    method, losses = NewtonCG(x, iterations=4), []
    for step in range(60):
        losses.append(method.step(squares, 1.0, step == 0).loss)
    np.testing.assert_allclose(x.numpy(), 1.0, atol=1e-5)
    assert all(b <= a for a, b in pairwise(losses))


def test_the_damping_follows_the_model() -> None:
    a, b = (torch.from_numpy(one) for one in line(2))
    method = NewtonCG(torch.zeros(6, dtype=torch.float64), damping=1.0)
    method.step(Squares(lambda x: a @ x - b), 1.0, True)  # the model is exact
    assert method.damping == 0.5
    x = torch.full((1,), 3.0, dtype=torch.float64)
    method = NewtonCG(x, damping=1e-6)
    method.step(Squares(lambda x: torch.atan(5 * x)), 1.0, True)  # Newton's step goes much too far
    assert method.damping > 1e-6


def test_it_ends_with_a_reason_and_stays_where_it_was_lowest() -> None:
    x = torch.zeros(3, dtype=torch.float64)
    flat = NewtonCG(x).step(Squares(lambda x: x), 1.0, True)
    assert flat.end == End.GRADIENT_SMALL

    class Wrong(Squares):
        def __call__(self, x: Tensor) -> tuple[float, Tensor]:
            loss, gradient = super().__call__(x)
            return loss, -gradient

    x = torch.ones(3, dtype=torch.float64)
    wrong = Wrong(lambda x: x)
    outcome = NewtonCG(x).step(wrong, 1.0, True)
    assert outcome.end == End.ROUNDING and torch.equal(x, torch.ones(3, dtype=torch.float64))
    assert torch.equal(wrong.x, x) and outcome.loss == 1.5
    nothing = NewtonCG(torch.full((2,), torch.nan)).step(Squares(lambda x: x), 1.0, True)
    assert nothing.end == End.NOT_FINITE


def test_it_goes_on_from_its_state() -> None:
    def run(stop: int | None) -> list[float]:
        x = torch.tensor([-1.2, 1.0], dtype=torch.float64)
        squares = Squares(lambda x: torch.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]]))
        method, losses = NewtonCG(x, iterations=2), []
        for step in range(12):
            if step == stop:
                vectors, numbers = method.state()
                method = NewtonCG(x, iterations=2)
                method.load({name: one.clone() for name, one in vectors.items()}, dict(numbers))
            losses.append(method.step(squares, 1.0, step == 0).loss)
        return losses

    assert run(5) == run(None)


@pytest.mark.parametrize("wrong", [{"iterations": 0}, {"damping": 0.0}, {"damping": float("nan")}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NewtonCG(torch.zeros(2), **wrong)
