"""Methods that see layers, one after another, and schedules that look at the loss: the same on any number of ranks.

Each test names the sabotage that makes it fail.
"""

from pathlib import Path

import numpy as np
import pytest

import pdekit as pk
from tests.ranks.launch import on_ranks

pytestmark = pytest.mark.ranks

SMALL = {"problem": pk.Poisson(16), "generator": pk.UNet(width=4, depth=2), "dtype": "float64"}
RUNS = [
    {"optimizer": "muon"},
    {"optimizer": pk.NewtonCG(iterations=3)},
    {"optimizer": pk.SOAP(every=2)},
    {"optimizer": "lars", "schedule": "multi-step"},
    {"optimizer": "lamb", "schedule": "warm-up"},
    {"optimizer": pk.Then("adam", "lbfgs", after=0.7)},
    {"optimizer": "adam", "schedule": pk.Plateau(by=0.5, patience=0, threshold=0.3)},
    {"optimizer": pk.StochasticLBFGS(iterations=2, growth=1.5)},
]
LIMITS = {4: 1e-10, 7: 1e-9}  # a line search amplifies rounding errors


def experiments(**more: object) -> list[pk.Experiment]:
    given = SMALL | {"samples": 7, "batch": 3, "steps": 10} | more
    return [pk.Experiment(**(given | run)) for run in RUNS]


@pytest.fixture(scope="module")
def alone() -> list[np.ndarray]:
    return [pk.Solver(one).run().loss for one in experiments()]


def test_losses_do_not_depend_on_the_number_of_ranks(alone: list[np.ndarray]) -> None:
    """7 samples in batches of 3, 3 and 1. Fails with a trust ratio of a rank's own gradient, and if a rank rotates by
    a basis of its own."""
    texts = [str(one) for one in experiments()]
    for k, losses in enumerate(on_ranks(2, "histories", experiments=texts)[0]):
        limit = LIMITS.get(k, 1e-12)
        np.testing.assert_allclose(losses, alone[k], rtol=0, atol=limit, err_msg=texts[k])


def test_runs_resume_on_another_number_of_ranks(tmp_path: Path, alone: list[np.ndarray]) -> None:
    """One process, then 2 ranks, then one. Fails if a tensor that is not like the parameters is left out or cut."""
    runs = experiments()
    for k, one in enumerate(runs):
        solver = pk.Solver(one, checkpoints=tmp_path / str(k))
        solver.advance(3)
        solver.checkpoint()
        solver.checkpoints.release()
    on_ranks(2, "go_on", folders=[str(tmp_path / str(k)) for k in range(len(runs))], steps=3)
    for k, one in enumerate(runs):
        losses = pk.Solver.resume(tmp_path / str(k)).run().loss
        limit = LIMITS.get(k, 1e-12)
        np.testing.assert_allclose(losses, alone[k], rtol=0, atol=limit, err_msg=str(one))
