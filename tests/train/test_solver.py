"""The loop on one process: the verbs, the samples of an epoch, predictions, and ends."""

import numpy as np
import pytest
import torch

import pdekit as pk
from pdekit.optim import Outcome
from pdekit.optim.end import End

SMALL = {"generator": pk.UNet(width=4, depth=2), "samples": 7, "batch": 3, "steps": 6}


def small(**settings: object) -> pk.Solver:
    return pk.Solver(pk.Experiment(pk.Poisson(16), **(SMALL | settings)))


def test_iterating_advancing_and_running_are_the_same_steps() -> None:
    a, b, c = small(), small(), small()
    losses = [step.loss for step in a]
    assert [s.number for s in b.advance(4) + b.advance(4)] == [1, 2, 3, 4, 5, 6]
    assert b.advance(1) == [] and b.done
    np.testing.assert_array_equal(losses, b.history.loss)
    np.testing.assert_array_equal(losses, c.run().loss)


def test_an_epoch_takes_every_sample_once_and_the_next_one_in_another_order() -> None:
    solver = small()
    epochs = [np.concatenate([solver.batch(3 * e + k) for k in (1, 2, 3)]) for e in (0, 1)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(7))
    assert not np.array_equal(*epochs)


def test_the_loss_is_the_mean_over_the_batch_of_the_log_energy() -> None:
    solver = small(batch=7, steps=1, dtype="float64")
    samples = solver.problem.samples(solver.problem.parameters(range(7)), torch.float64)
    u = solver.problem.impose(torch.zeros(7, 1, 16, 16, dtype=torch.float64), samples)  # it starts at zero
    assert next(solver).loss == pytest.approx(
        solver.problem.losses(u, samples).log().mean().item(), rel=1e-12
    )


def test_training_lowers_the_error_and_predictions_keep_boundary_values_and_shapes() -> None:
    solver = pk.Solver(pk.Experiment(pk.Poisson(32), pk.UNet(width=8, depth=3), samples=64, steps=60))
    held_out = solver.experiment.problem.held_out(4)
    before = solver.error(held_out)
    solver.run()
    assert solver.error(held_out) < 0.6 * before
    u = solver.predict(held_out)
    assert u.shape == (4, 32, 32) and solver.predict(held_out[0]).shape == (32, 32)
    np.testing.assert_array_equal(u[:, :, 0], 1)
    np.testing.assert_array_equal(u[:, :, -1], 0)
    np.testing.assert_allclose(solver.predict(solver.experiment.problem.coefficient(held_out)), u)
    assert solver.predict(0, resolution=64).shape == (64, 64)
    expected = np.mean(
        [pk.relative_l2(v, solver.experiment.problem.reference(i)) for v, i in zip(u, held_out, strict=True)]
    )
    assert solver.error(held_out) == pytest.approx(expected)


def test_it_starts_coarse_and_ends_on_the_problems_grid() -> None:
    solver = pk.Solver(pk.Experiment(pk.Poisson(64), pk.UNet(width=2, depth=2), samples=4, batch=2, steps=5))
    assert solver.resolution == 32
    assert solver.run().resolution.tolist() == [32, 32, 32, 32, 64]
    assert solver.resolution == 64


@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "lbfgs", "slbfgs"])
def test_every_optimizer_trains_with_every_norm(optimizer: str, norm: str) -> None:
    solver = small(generator=pk.UNet(width=4, depth=2, norm=norm), optimizer=optimizer, batch=7)
    history = solver.run()
    assert history.loss[-1] < history.loss[0]


def test_running_statistics_advance_once_a_step_whatever_a_line_search_tries() -> None:
    solver = small(optimizer="lbfgs", batch=7, dtype="float64")
    step = next(solver)
    assert step.evaluations > 1
    norm = solver.norms[0]
    torch.testing.assert_close(norm.running_mean, norm.momentum * torch.as_tensor(norm._latest[1]))


def test_a_loss_that_is_not_finite_ends_the_run_with_a_remedy() -> None:
    with pytest.raises(
        FloatingPointError,
        match=r"step \d+: expected a finite loss and gradient, got .*; use a smaller rate than 1e",
    ):
        small(optimizer="sgd", rate=1e30, generator=pk.UNet(width=4, depth=2, norm="none")).run()


def test_a_grid_that_does_not_fit_and_a_bad_coefficient_are_refused() -> None:
    solver = small()
    with pytest.raises(ValueError, match="nearest size"):
        solver.predict(0, resolution=6)
    with pytest.raises(ValueError, match="nearest size"):
        solver.error([0], resolution=6)
    for indices in ([], [0, -1], [1.5], "rocks"):
        with pytest.raises(ValueError, match="samples: expected whole numbers from 0 on"):
            solver.error(indices)
    with pytest.raises(ValueError, match="k: expected a whole number"):
        solver.advance(-1)
    with pytest.raises(ValueError, match="finite values above 0"):
        solver.predict(np.full((16, 16), np.nan))


@pytest.mark.parametrize(("batch", "steps"), [(7, 1), (3, 6)])
def test_a_stall_ends_a_run_unless_another_batch_may_help(batch: int, steps: int) -> None:
    solver = small(optimizer="lbfgs", batch=batch)
    solver.optimizer.step = lambda *_: Outcome(0.0, 0.0, 1, end=End.ROUNDING)
    assert len(solver.run()) == steps


def test_a_stall_on_a_coarse_grid_leads_to_the_next() -> None:
    generator = pk.UNet(width=2, depth=2)
    solver = pk.Solver(pk.Experiment(pk.Poisson(64), generator, optimizer="lbfgs", samples=2, steps=50))
    solver.optimizer.step = lambda *_: Outcome(0.0, 0.0, 1, end=End.ROUNDING)
    assert solver.run().resolution.tolist() == [32, 64]


def test_making_a_solver_leaves_torchs_random_numbers_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    small(seed=5)
    assert torch.equal(torch.rand(1), expected)


def test_the_history_has_a_column_for_everything_in_a_step() -> None:
    history = small().run()
    assert len(history) == 6 and history.number.tolist() == [1, 2, 3, 4, 5, 6]
    assert np.all(np.diff(history.seconds) > 0) and history.rate[0] == 3e-3
    with pytest.raises(AttributeError, match="columns number, loss"):
        _ = history.colour
