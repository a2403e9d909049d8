"""What each step is taken with: recipes of methods and schedules in a text, one method after another, resuming."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import pdekit as pk
from pdekit.optim import OPTIMIZERS, SCHEDULES
from pdekit.optim.menu import OFFERED
from pdekit.train.course import Course
from pdekit.views.dashboard.form.choices import OFFERED as SHOWN

SMALL = {"problem": pk.Poisson(16), "generator": pk.UNet(width=2, depth=2), "samples": 7, "batch": 3}
RUNS = {
    "muon": {"optimizer": "muon"},
    "soap": {"optimizer": pk.SOAP(every=2)},
    "lars": {"optimizer": "lars", "schedule": "step"},
    "lamb": {"optimizer": "lamb", "schedule": "warm-up"},
    "slbfgs": {"optimizer": pk.StochasticLBFGS(iterations=2)},
    "then": {"optimizer": pk.Then("soap", pk.LBFGS(memory=3), after=0.5)},
    "plateau": {"schedule": pk.Plateau(by=0.5, patience=0, threshold=0.5)},
}


def experiment(**settings: object) -> pk.Experiment:
    return pk.Experiment(**(SMALL | {"steps": 8} | settings))


@pytest.mark.parametrize("run", RUNS)
def test_a_run_that_is_resumed_is_one_that_never_stopped(run: str, tmp_path: Path) -> None:
    """Bit by bit, after 1, 3, 4 and 7 steps. Fails if a basis, a count or the first method's end is left out."""
    whole = pk.Solver(experiment(**RUNS[run]))
    whole.run()
    solver = pk.Solver(whole.experiment, checkpoints=tmp_path)
    for steps in (1, 2, 1, 3, 1):
        solver.advance(steps)
        solver.checkpoint()
        solver = pk.Solver.resume(tmp_path)
    assert solver.done and solver.experiment == whole.experiment
    for column in ("loss", "rate", "evaluations"):
        np.testing.assert_array_equal(getattr(solver.history, column), getattr(whole.history, column))
    assert torch.equal(solver.reduction.parameters, whole.reduction.parameters)


@pytest.mark.parametrize(
    "settings",
    [
        *RUNS.values(),
        *({"optimizer": name} for name in OPTIMIZERS),
        *({"schedule": name} for name in SCHEDULES),
        {"optimizer": pk.Then(pk.Adam(betas=(0.8, 0.9)), after=0.1, rate=0.3), "schedule": "constant"},
        {"schedule": pk.WarmUp(over=0.1, then=pk.MultiStepDecay(at=[0.2]))},
    ],
    ids=str,
)
def test_it_prints_as_one_line_and_reads_back(settings: dict[str, object]) -> None:
    one = pk.Experiment(**settings)
    assert "\n" not in str(one) and pk.Experiment.parse(str(one)) == one
    assert hash(one.optimizer) and hash(one.schedule)


def test_a_recipe_with_nothing_said_prints_as_its_name() -> None:
    """So that texts of before are those of today."""
    one = pk.Experiment(optimizer=pk.LBFGS(memory=20), schedule=pk.Cosine())
    assert (one.optimizer, one.schedule) == ("lbfgs", "cosine")
    assert "optimizer='lbfgs', rate=1.0, schedule='cosine', samples=64" in str(one)
    assert pk.Experiment.parse("Experiment(optimizer=pk.SGD(momentum=0.5))").optimizer == pk.SGD(momentum=0.5)
    with pytest.raises(ValueError, match="Adam: expected settings among betas, eps, got 'beta'"):
        pk.Experiment.parse("Experiment(optimizer=Adam(beta=0.9))")


def test_what_is_left_out_is_what_suits_the_method() -> None:
    muon, then = pk.Experiment(optimizer="muon"), pk.Experiment(optimizer=pk.Then())
    assert (muon.rate, muon.schedule, muon.samples, muon.batch) == (3e-3, "cosine", 512, 8)
    assert (then.rate, then.schedule, then.samples, then.batch) == (3e-3, "cosine", 64, 8)
    assert then.with_optimizer("lbfgs") == pk.Experiment(optimizer="lbfgs")
    assert muon.with_optimizer(pk.Then()) == then and then.with_optimizer("muon") == muon
    assert replace(muon, samples=9).with_optimizer("soap").samples == 9


def test_the_dashboard_offers_what_the_menu_does() -> None:
    assert SHOWN["optimizer"] == OFFERED and set(OFFERED) <= set(OPTIMIZERS)


@pytest.mark.parametrize("optimizer", ["muon", "soap", "lars", "lamb", pk.Then("sgd", "muon")], ids=str)
def test_parts_of_layers_are_refused(optimizer: object) -> None:
    with pytest.raises(ValueError, match=r"sharded: expected False with .*, which sees whole layers"):
        pk.Experiment(optimizer=optimizer, sharded=True)


def test_one_method_after_another() -> None:
    """The first as if its steps were all there are; the second with all samples, at its own rate.

    Fails if the schedule runs over all steps, if the second goes on with small batches, or if it starts over.
    """
    both = pk.Solver(experiment(optimizer=pk.Then("adam", "lbfgs", after=0.75, rate=0.9)))
    course = Course(both.experiment, both.reduction)
    makers = [course.optimizer(step) for step in range(1, 9)]
    assert len(set(map(id, makers[:6]))) == len(set(map(id, makers[6:]))) == 1 and makers[5] is not makers[6]
    first = pk.Solver(experiment(optimizer="adam", steps=6))
    history, alone = both.run(), first.run()
    for column in ("loss", "rate"):
        np.testing.assert_array_equal(getattr(history, column)[:6], getattr(alone, column))
    assert history.samples[:6].tolist() == [3, 3, 1, 3, 3, 1] and history.rate[6:].tolist() == [0.9, 0.9]
    assert all(history.samples[6:] == 7 * history.evaluations[6:]) and history.loss[7] < history.loss[6]
    second = pk.Solver(experiment(optimizer="lbfgs", rate=0.9, batch=7, steps=2, schedule="constant"))
    second.reduction.parameters.copy_(first.reduction.parameters)
    np.testing.assert_array_equal(second.run().loss, history.loss[6:])


@pytest.mark.parametrize(("after", "steps", "turn"), [(0.0, 10, 1), (0.99, 10, 9), (0.5, 1, 1), (0.5, 7, 4)])
def test_each_of_two_methods_has_a_step_where_there_are_two(after: float, steps: int, turn: int) -> None:
    assert pk.Then(after=after).turn(steps) == turn


def test_a_plateau_is_seen_in_the_means_of_epochs() -> None:
    """On the losses of a history, with batches of 3, 3 and 1; another grid starts anew.

    Fails if steps are compared, or if a grid's losses are compared with another's.
    """
    solver = pk.Solver(experiment(schedule=pk.Plateau(by=0.5, patience=0), steps=30, rate=1.0))
    course = Course(solver.experiment, solver.reduction)
    step = pk.Step(
        number=1,
        loss=1.0,
        seconds=0.0,
        resolution=16,
        rate=1.0,
        gradient_norm=1.0,
        communication=0.0,
        evaluations=1,
    )
    falling = [replace(step, loss=loss) for loss in (3.0, 1.0, 5.0, 1.0, 4.0, 1.0)]  # means 3 and 2
    rates = [course.rate(k + 1, falling[:k]) for k in range(7)]
    assert rates == [1.0] * 7
    worse = [*falling, *[replace(step, loss=2.5)] * 3]
    assert [course.rate(k, worse[: k - 1]) for k in (8, 9, 10)] == [1.0, 1.0, 0.5]
    finer = [*worse, *[replace(step, loss=9.0, resolution=32)] * 3]
    assert course.rate(13, finer) == 0.5
    assert course.rate(16, [*finer, *finer[-3:]]) == 0.25
    assert Course(solver.experiment, solver.reduction).rate(16, [*finer, *finer[-3:]]) == 0.25  # resumed
