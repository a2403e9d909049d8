"""What is changed while a run is under way: the learning rate."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import pdekit as pk
from pdekit.train.seal import NOTE, seal

SMALL = {"problem": pk.Poisson(16), "generator": pk.UNet(width=2, depth=2), "samples": 7, "batch": 3}


def solver(**settings: object) -> pk.Solver:
    return pk.Solver(pk.Experiment(**(SMALL | {"steps": 8} | settings)))


def changed(one: pk.Solver, at: dict[int, float]) -> pk.History:
    """The whole run, with a new rate after some of its steps."""
    for number in range(9):
        if number in at:
            one.change_rate(at[number])
        one.advance(1)
    return one.history


def test_from_the_next_step_on_the_schedule_is_that_of_the_new_rate() -> None:
    """By hand: half a cosine over 8 steps. Fails if the change starts the schedule anew, or replaces it."""
    history = changed(solver(rate=1e-2), {3: 4e-2, 5: 1e-3})
    bases = [1e-2] * 3 + [4e-2] * 2 + [1e-3] * 3
    expected = [base * (1 + math.cos(math.pi * k / 8)) / 2 for k, base in enumerate(bases)]
    np.testing.assert_allclose(history.rate, expected, rtol=1e-12)


def test_steps_are_taken_with_the_new_rate() -> None:
    """A rate that stands in the experiment, and one that comes before the first step, are the same bits."""
    late, early = changed(solver(rate=1e-2), {0: 5e-2}), solver(rate=5e-2).run()
    np.testing.assert_array_equal(late.loss, early.loss)
    once, never = changed(solver(rate=1e-2), {3: 4e-2}), solver(rate=1e-2).run()
    np.testing.assert_array_equal(once.loss[:4], never.loss[:4])  # the fourth is measured before its step
    assert (once.loss[4:] != never.loss[4:]).all()


@pytest.mark.parametrize(
    ("at", "expected"), [(2, [1.0, 1.0, 0.5, 0.5, 0.9, 0.9, 0.9, 0.9]), (6, [1.0] * 4 + [0.9, 0.9, 0.5, 0.5])]
)
def test_of_two_methods_it_is_the_rate_of_the_one_at_work(at: int, expected: list[float]) -> None:
    """Fails if a rate that suits Adam becomes that of the L-BFGS that follows, or nothing happens in its time."""
    both = pk.Then("adam", "lbfgs", after=0.5, rate=0.9)
    assert changed(solver(optimizer=both, rate=1.0, schedule="constant"), {at: 0.5}).rate.tolist() == expected


@pytest.mark.parametrize("rate", [0.0, -1e-3, math.inf, math.nan, "fast", True])
def test_a_rate_that_is_none_is_refused_and_changes_nothing(rate: object) -> None:
    one = solver(rate=1e-2, schedule="constant")
    with pytest.raises(ValueError, match="rate: expected a finite number above 0, got"):
        one.change_rate(rate)
    assert next(one).rate == 1e-2


@pytest.mark.parametrize("optimizer", ["adamw", pk.Then("sgd", "lbfgs", after=0.6)], ids=str)
def test_a_checkpoint_carries_it(optimizer: object, tmp_path: Path) -> None:
    """Bit by bit, stopped before and after changes. Fails if a resumed run goes on with the experiment's rate."""
    at = {2: 5e-2, 4: 3e-3, 6: 0.7}
    whole = solver(optimizer=optimizer)
    changed(whole, at)
    one = pk.Solver(whole.experiment, checkpoints=tmp_path)
    for number in range(8):
        if number in at:
            one.change_rate(at[number])
        one.advance(1)
        one.checkpoint()
        one = pk.Solver.resume(tmp_path)
    for column in ("loss", "rate"):
        np.testing.assert_array_equal(getattr(one.history, column), getattr(whole.history, column))
    assert torch.equal(one.reduction.parameters, whole.reduction.parameters)
    assert one.experiment == whole.experiment  # which is what was asked for at first


def test_a_checkpoint_of_before_is_resumed_with_the_rate_of_its_experiment(tmp_path: Path) -> None:
    one = pk.Solver(pk.Experiment(**SMALL, steps=8), checkpoints=tmp_path)
    one.advance(2)
    file = one.checkpoint() / "checkpoint.json"
    said = json.loads(file.read_text())
    assert said.pop("rates") == [one.experiment.rate] * 2
    file.write_bytes(seal(json.dumps(said | NOTE).encode()))
    np.testing.assert_array_equal(pk.Solver.resume(tmp_path).run().rate, solver().run().rate)
