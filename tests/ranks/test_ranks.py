"""Integrity: the same losses on any number of ranks. Each test names the sabotage that makes it fail."""

import numpy as np
import pytest
import torch

import pdekit as pk
from tests.ranks.launch import on_ranks

pytestmark = pytest.mark.ranks

ADAM = [
    {
        "optimizer": "adam",
        "samples": 7,
        "batch": batch,
        "steps": steps,
        "dtype": "float64",
        "objective": objective,
    }
    for batch, objective, steps in ((3, "mean", 50), (5, "mean", 12), (7, "mean", 12), (3, "log", 12))
]
LBFGS = [
    {"optimizer": "lbfgs", "samples": 7, "batch": batch, "steps": steps, "dtype": "float64"}
    for batch, steps in ((3, 8), (5, 8), (7, 20))
]
GALERKIN = [  # each sample solves a system of its own
    {"optimizer": "adam", "samples": 7, "batch": 3, "steps": 4, "dtype": "float64", "head": "galerkin"}
]
FEWER = [{"optimizer": "adam", "samples": 2, "batch": 2, "steps": 10, "dtype": "float64"}]


@pytest.fixture(scope="module")
def serial() -> list[dict]:
    return on_ranks(1, "losses", runs=ADAM + LBFGS + GALERKIN + FEWER)[0]


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_loss_histories_do_not_depend_on_the_number_of_ranks(ranks: int, serial: list[dict]) -> None:
    """7 samples in batches of 3, 5 and 7 (the last of an epoch smaller), 2 samples on 3 and 4 ranks; batch norm on.

    The deviation of an energy is relative; that of a log, which may be zero, is the relative one of
    its energy. Fails with a batch norm per rank (a `Serial` in `norm_layer`) and with a mean of means
    (dividing by the local number of samples).
    """
    everyone = on_ranks(ranks, "losses", runs=ADAM + LBFGS + GALERKIN + FEWER)
    for k, run in enumerate(ADAM + LBFGS + GALERKIN + FEWER):
        expected = np.array(serial[k]["losses"])
        scale = np.abs(expected) if run.get("objective") == "mean" else 1.0
        deviation = np.max(np.abs(np.array(everyone[0][k]["losses"]) - expected) / scale)
        loose = run["optimizer"] == "lbfgs" or "head" in run
        assert deviation < (1e-9 if loose else 1e-12), run
        assert len({one[k]["digest"] for one in everyone}) == 1, "the replicas differ"


@pytest.mark.parametrize("wrong", [{"mean": "ranks"}, {"norm": "rank"}])
def test_what_is_wrong_on_purpose_depends_on_the_number_of_ranks(wrong: dict, serial: list[dict]) -> None:
    """On one rank it is the same, on two it is not: batches of 3 are cut into 2 and 1."""
    run = ADAM[0] | {"steps": 3} | wrong
    expected = serial[0]["losses"][:3]
    (one,) = on_ranks(1, "losses", runs=[run])[0]
    np.testing.assert_array_equal(one["losses"], expected)
    everyone = on_ranks(2, "losses", runs=[run])
    assert np.max(np.abs(np.array(everyone[0][0]["losses"]) / expected - 1)) > 1e-3
    assert everyone[0][0]["losses"] == everyone[1][0]["losses"]


def test_the_mean_of_means_by_hand() -> None:
    """The first loss of 3 samples on 2 ranks: half of the mean of two, and half of the third."""
    run = ADAM[0] | {"samples": 3, "steps": 1, "norm": "none"}
    three = [on_ranks(1, "losses", runs=[run | {"batch": 3, "mean": "ranks"}])[0][0]["losses"][0]]
    solver = pk.Solver(pk.Experiment(pk.Poisson(16), pk.UNet(width=4, depth=2, norm="none"), samples=3))
    u = torch.from_numpy(solver.predict([0, 1, 2]))
    energies = solver.problem.losses(u, solver.problem.sample([0, 1, 2])).tolist()
    assert three[0] == pytest.approx(sum(energies) / 3, rel=1e-5)
    found = on_ranks(2, "losses", runs=[run | {"mean": "ranks"}])[0][0]["losses"][0]
    assert found == pytest.approx((energies[0] + energies[1]) / 4 + energies[2] / 2, rel=1e-5)


def test_in_float32_the_replicas_keep_the_same_bits() -> None:
    """With every norm. Fails if any rank adds noise to its gradient, or if a collective gives ranks different bits."""
    runs = [  # the last batch of an epoch leaves two of the three ranks without samples
        {"optimizer": o, "norm": norm, "samples": 9, "batch": b, "steps": 12}
        for norm in ("batch", "group", "instance", "none")
        for o, b in (("adamw", 4), ("lbfgs", 9))
    ]
    for one in zip(*on_ranks(3, "losses", runs=runs), strict=True):
        assert len({rank["digest"] for rank in one}) == 1


@pytest.mark.parametrize("counts", [[4, 3], [1, 0, 5], [0, 2, 0, 1]])
def test_batch_norm_is_that_of_the_concatenated_batch(counts: list[int]) -> None:
    """Uneven shares and ranks without samples. Fails with moments that weigh ranks instead of samples."""
    assert max(on_ranks(len(counts), "batch_norm", counts=counts)) < 1e-12


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_collectives_give_every_rank_the_same_bits(ranks: int) -> None:
    digests = on_ranks(ranks, "collectives")
    assert all(one == digests[0] for one in digests)


def test_a_run_may_use_part_of_the_world() -> None:
    assert on_ranks(3, "smaller_worlds") == [[0, 1, 3], [0, 1, 3], [0, 0, 3]]


def test_the_error_over_the_ranks_is_the_mean_over_the_samples() -> None:
    """3 samples on 2 ranks. Fails with a mean of means."""
    one, (first, second) = on_ranks(1, "error_of_all", count=3)[0], on_ranks(2, "error_of_all", count=3)
    assert first == second == pytest.approx(one, rel=1e-12)


def test_shares_over_real_ranks_are_the_blocks() -> None:
    assert on_ranks(3, "shares", count=7) == [[0, 1, 2], [3, 4], [5, 6]]


def test_a_failure_on_one_rank_ends_all_ranks_with_its_message() -> None:
    with pytest.raises(AssertionError, match="this is rank 1"):
        on_ranks(3, "fail_on_one_rank", alone=True)


def test_a_loss_that_is_not_finite_ends_every_rank_at_the_same_step() -> None:
    first, second = on_ranks(2, "not_finite")
    assert first == second and "expected a finite loss" in first


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_default_experiment_reaches_the_error_that_the_readme_promises() -> None:
    """The error alone: how long it takes is measured by `pdekit train --curve`."""
    for errors in on_ranks(2, "default_experiment", limit=800):
        assert errors["32"] < 0.05 and errors["64"] < 0.03
