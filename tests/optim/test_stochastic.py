"""L-BFGS on mini-batches, and batches that grow. Each test names what makes it fail."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import pdekit as pk
from pdekit.optim import LBFGS
from pdekit.optim.end import End
from pdekit.optim.outcome import Evaluate
from pdekit.optim.stochastic_lbfgs import StochasticLBFGS
from pdekit.train.course import Course
from pdekit.train.epochs import Epochs

SAMPLES, UNKNOWNS, BATCH = 256, 20, 32


def regression() -> tuple[Tensor, Tensor]:
    """A (S, P) of condition 30 and b (S,), which no x fits: each batch has a minimum of its own."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(SAMPLES, UNKNOWNS)) * np.geomspace(1, 1 / 30, UNKNOWNS)
    return torch.from_numpy(a), torch.from_numpy(a @ rng.normal(size=UNKNOWNS) + rng.normal(size=SAMPLES))


def of(a: Tensor, b: Tensor, rows: Tensor | slice = slice(None)) -> Evaluate:
    """Half the mean square of the residuals of some rows, and its gradient."""
    a, b = a[rows], b[rows]
    return lambda x: (float((a @ x - b).square().mean() / 2), a.T @ (a @ x - b) / len(b))


def batches(seed: int = 0) -> Iterator[Tensor]:
    """Of epoch after epoch."""
    rng = np.random.default_rng(seed)
    while True:
        yield from torch.from_numpy(rng.permutation(SAMPLES)).split(BATCH)


def train(make: Callable[[Tensor], LBFGS], rate: Callable[[int], float], evaluations: int) -> float:
    """The excess of the loss of all samples over the least, which the normal equations give, relative to it."""
    a, b = regression()
    x, spent = torch.zeros(UNKNOWNS, dtype=torch.float64), 0
    optimizer, draw = make(x), batches()
    while spent < evaluations:
        spent += optimizer.step(of(a, b, next(draw)), rate(spent), True).evaluations
    least = of(a, b)(torch.linalg.solve(a.T @ a, a.T @ b))[0]
    return of(a, b)(x)[0] / least - 1


def test_it_reaches_the_neighbourhood_of_a_minimum_where_lbfgs_does_not() -> None:
    """Fails with a Wolfe search, which solves each batch and forgets the others."""
    count = 1000

    def falling(spent: int) -> float:
        return 0.5 * (1 + math.cos(math.pi * spent / count))

    ours = train(lambda x: StochasticLBFGS(x, iterations=2), falling, count)
    theirs = min(train(LBFGS, rate, count) for rate in (falling, lambda spent: 1.0))
    assert 5 * ours < theirs and ours < 2e-2


def quadratic(x: Tensor) -> tuple[float, Tensor]:
    scale = torch.logspace(0, 3, len(x), dtype=x.dtype)
    return float(0.5 * (scale * x) @ x), scale * x


def test_on_one_function_it_is_as_good_as_lbfgs() -> None:
    """Within a factor of 1.5 in evaluations. Fails if the function is evaluated anew at each step."""

    def count(make: Callable[[Tensor], LBFGS]) -> int:
        x, spent = torch.linspace(-1, 2, 50, dtype=torch.float64), 0
        optimizer = make(x)
        while quadratic(x)[0] > 1e-10 and spent < 2000:
            spent += optimizer.step(quadratic, 1.0, spent == 0).evaluations
        return spent

    ours = count(lambda x: StochasticLBFGS(x, iterations=1))
    assert ours <= 1.5 * count(LBFGS) < 500


def test_both_gradients_of_a_pair_are_of_one_batch() -> None:
    """y = H s with the Hessian H of that batch. Fails with the gradient of the batch before, which is another one's."""
    (a, b), draw = regression(), batches()
    optimizer = StochasticLBFGS(torch.zeros(UNKNOWNS, dtype=torch.float64), iterations=2)
    rows = list(islice(draw, 5))
    assert [optimizer.step(of(a, b, some), 0.7, True).evaluations for some in rows] == [3] * 5
    vectors, _ = optimizer.state()
    assert "s9" in vectors and "s10" not in vectors
    for k in range(10):
        some = a[rows[k // 2]]
        torch.testing.assert_close(vectors[f"y{k}"], some.T @ (some @ vectors[f"s{k}"]) / BATCH)


def test_a_step_is_shortened_until_the_loss_of_the_batch_falls_enough() -> None:
    """And no further than to a half, or a tenth, at a time. Fails without the condition, and without a last evaluation
    where x is left."""
    x, seen = torch.tensor([2.0], dtype=torch.float64), list[float]()

    def steep(at: Tensor) -> tuple[float, Tensor]:
        seen.append(float(at))
        return float((at**4).sum()), 4 * at**3

    outcome = StochasticLBFGS(x, iterations=1).step(steep, 1e3, True)
    moves = [2 - at for at in seen[1:]]
    assert len(moves) > 2 and outcome.loss == float(x) ** 4 < 16 and seen[-1] == float(x)
    assert all(b / a * (1 + 1e-9) >= 0.1 and b / a <= 0.5 * (1 + 1e-9) for a, b in pairwise(moves))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_trial_that_is_not_finite_is_survived(value: float) -> None:
    """Of the loss, or of the gradient alone. Fails if it is taken for a lower loss, or into a pair."""
    x, calls = torch.linspace(1, 2, 4, dtype=torch.float64), iter(range(100))

    def evaluate(at: Tensor) -> tuple[float, Tensor]:
        loss, gradient = quadratic(at)
        call = next(calls)
        gradient[0] = value if call == 3 else gradient[0]
        return value if call == 1 else loss, gradient

    optimizer, before = StochasticLBFGS(x, iterations=4), quadratic(x)[0]
    outcome = optimizer.step(evaluate, 1.0, True)
    assert outcome.loss == quadratic(x)[0] < before and outcome.end is None
    assert next(calls) == outcome.evaluations == 7
    assert all(one.isfinite().all() for one in optimizer.state()[0].values())


def test_without_a_lower_loss_x_stays_and_only_the_same_function_ends_it() -> None:
    """The gradient's sign is wrong. Fails if a mini-batch ends a run, or if pairs are kept that lead nowhere."""
    x = torch.linspace(0.5, 1.5, 5, dtype=torch.float64)
    before, optimizer = x.clone(), StochasticLBFGS(x)
    optimizer.step(quadratic, 1.0, True)
    x.copy_(before)

    def wrong(at: Tensor) -> tuple[float, Tensor]:
        return quadratic(at)[0], -quadratic(at)[1]

    first, second = (optimizer.step(wrong, 1.0, fresh) for fresh in (True, False))
    assert torch.equal(x, before) and len(optimizer.pairs) == 0
    assert (first.end, second.end) == (None, End.WRONG_GRADIENT)
    assert first.loss == second.loss == quadratic(before)[0]
    assert optimizer.step(lambda x: (math.nan, x), 1.0, True).end == End.NOT_FINITE


def test_it_goes_on_from_its_state() -> None:
    """Bit by bit, and on the batch of the step before. Fails if the pairs or the loss are left out."""
    a, b = regression()

    def run(stop: int | None) -> list[float]:
        x, draw = torch.zeros(UNKNOWNS, dtype=torch.float64), batches()
        method, losses, rows = StochasticLBFGS(x, memory=3), [], next(draw)
        for step in range(12):
            if step == stop:
                vectors, numbers = method.state()
                method = StochasticLBFGS(x, memory=3)
                method.load({name: one.clone() for name, one in vectors.items()}, dict(numbers))
            fresh = step % 3 != 2  # every third on the batch before
            rows = next(draw) if fresh else rows
            losses.append(method.step(of(a, b, rows), 0.5, fresh).loss)
        return losses

    assert run(5) == run(4) == run(None)


@pytest.mark.parametrize("wrong", [{"growth": 0.5}, {"growth": math.nan}, {"memory": 0}, {"iterations": 0}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        pk.StochasticLBFGS(**wrong)


SMALL = {
    "problem": pk.Poisson(16),
    "generator": pk.UNet(width=2, depth=2),
    "samples": 12,
    "batch": 3,
    "optimizer": pk.StochasticLBFGS(iterations=2, growth=1.5),
    "dtype": "float64",
}


def test_a_batch_that_grows_takes_every_sample_once_in_an_epoch() -> None:
    """3, 4 or 5, 7, 10, 12. Fails if the epoch of a step is counted with the first one's batch, or if all samples come
    in another order each time, which would make the function a fresh one."""
    solver = pk.Solver(pk.Experiment(**SMALL, steps=14))
    sizes, taken = [len(solver.batch(k)) for k in range(1, 15)], []
    assert sizes == [3] * 4 + [4] * 3 + [7, 5] + [10, 2] + [12] * 3
    for k in range(1, 12):
        taken += solver.batch(k).tolist()
    assert [sorted(taken[k : k + 12]) for k in range(0, 48, 12)] == [list(range(12))] * 4
    assert all(solver.batch(k).tolist() == list(range(12)) for k in (12, 13, 14))
    history = solver.run()
    np.testing.assert_array_equal(history.samples, sizes * history.evaluations)
    assert history.evaluations[11:].tolist() == [3, 2, 2]  # one less on the same function


@pytest.mark.parametrize("growth", [1.0, 1.0001, 1.3, 2.0, 1e300])
def test_epochs_follow_from_the_number_of_a_step(growth: float) -> None:
    epochs, seen, epoch = Epochs(64, 5, growth), 0, 0
    for step in range(1, 200):
        place = epochs.place(step)
        assert (place.epoch, place.within == 0) == (epoch, seen == 0)
        assert place.batch == (64 if growth > 64 and epoch else round(min(5 * growth**epoch, 64)))
        seen += min(place.batch, 64 - seen)
        assert (seen == 64) == (place.within == place.steps - 1)
        epoch, seen = (epoch + 1, 0) if seen == 64 else (epoch, seen)


def test_a_run_whose_batch_grows_resumes_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    """In an epoch, and with all samples. Fails if a resumed run starts with the first batch again."""
    whole = pk.Solver(pk.Experiment(**SMALL, steps=14)).run()
    solver = pk.Solver(pk.Experiment(**SMALL, steps=14), checkpoints=tmp_path)
    for steps in (5, 8, 1):
        solver.advance(steps)
        solver.checkpoint()
        solver = pk.Solver.resume(tmp_path)
    for column in ("loss", "evaluations", "samples"):
        np.testing.assert_array_equal(getattr(solver.history, column), getattr(whole, column))


def test_a_plateau_is_seen_in_the_means_of_epochs_of_any_length() -> None:
    """4, 3, 2 steps. Fails if all epochs are as long as the first."""
    solver = pk.Solver(pk.Experiment(**SMALL, steps=14, schedule=pk.Plateau(by=0.5, patience=0)))
    step, losses = next(solver), [5.0, 3, 3, 5, 4, 4, 1, 3, 4, 9, 9]  # means 4, 3, 3.5, 9
    history = [replace(step, loss=loss) for loss in losses]
    course = Course(solver.experiment, solver.reduction)
    assert [course.rate(k + 1, history[:k]) for k in range(12)] == [1.0] * 9 + [0.5] * 2 + [0.25]


def test_statistics_of_batch_norm_are_those_of_the_point_that_is_kept() -> None:
    """One advance from it, and none from trials that were refused. Fails if each forward advances them."""
    solver = pk.Solver(pk.Experiment(**SMALL, steps=3, rate=1e4))
    step = next(solver)
    assert step.evaluations > 4
    norm, moments = solver.norms[0], []
    moved = norm.running_mean.clone(), norm.running_var.clone()
    solver.generator.train()
    norm.register_forward_pre_hook(lambda _, given: moments.append(torch.var_mean(given[0], (0, 2, 3))))
    solver.losses(0, solver.samples([solver.batch(1)])[0])
    variance, mean = moments[0]
    torch.testing.assert_close(moved[0], norm.momentum * mean.detach())
    torch.testing.assert_close(moved[1], 1 - norm.momentum + norm.momentum * variance.detach())
