"""Schedules against torch.optim.lr_scheduler: the factor at each step of a run, and where a plateau is seen."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

import pdekit as pk
from pdekit.optim import SCHEDULES
from pdekit.optim.plateau import Watch
from pdekit.optim.schedules import Schedule

N = 40  # steps
Theirs = Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]


def warm(inner: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    first = lr_scheduler.LinearLR(inner, start_factor=0.1, total_iters=10)
    rest = lr_scheduler.MultiStepLR(inner, milestones=[15], gamma=0.5)
    return lr_scheduler.SequentialLR(inner, [first, rest], milestones=[10])


PAIRS: dict[Schedule | str, Theirs] = {
    "constant": lambda o: lr_scheduler.ConstantLR(o, factor=1.0),
    "step": lambda o: lr_scheduler.StepLR(o, N // 4, 0.3),
    pk.StepDecay(every=0.1, by=0.9): lambda o: lr_scheduler.StepLR(o, 4, 0.9),
    "multi-step": lambda o: lr_scheduler.MultiStepLR(o, [20, 30, 36], 0.3),
    pk.MultiStepDecay(at=(0.3,), by=0.2): lambda o: lr_scheduler.MultiStepLR(o, [12], 0.2),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.01 ** (1 / N)),
    pk.ExponentialDecay(end=0.3): lambda o: lr_scheduler.ExponentialLR(o, 0.3 ** (1 / N)),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, N),
    pk.Cosine(end=0.1): lambda o: lr_scheduler.CosineAnnealingLR(o, N, eta_min=0.1),
    pk.WarmUp(over=0.25, start=0.1, then=pk.MultiStepDecay(at=(0.5,), by=0.5)): warm,
}


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")  # of torch's own SequentialLR
@pytest.mark.parametrize("given", PAIRS)
def test_the_rate_is_torchs_at_every_step(given: Schedule | str) -> None:
    schedule = SCHEDULES[given] if isinstance(given, str) else given
    inner = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs, expected = PAIRS[given](inner), []
    for _ in range(N):
        expected.append(inner.param_groups[0]["lr"])
        inner.step()
        theirs.step()
    np.testing.assert_allclose([schedule.factor(k / N) for k in range(N)], expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("given", [pk.Plateau(), pk.Plateau(by=0.5, patience=0, threshold=0.1, least=0.2)])
def test_a_plateau_is_seen_where_torch_sees_it(given: pk.Plateau, seed: int) -> None:
    """Of losses above zero: below it, torch's relative threshold has the wrong sign."""
    inner = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = lr_scheduler.ReduceLROnPlateau(
        inner, factor=given.by, patience=given.patience, threshold=given.threshold, min_lr=given.least
    )
    watch, rng = Watch(given), np.random.default_rng(seed)
    for k in range(80):
        loss = 1 / (1 + k) + 0.05 * rng.random() + 0.1
        theirs.step(loss)
        watch.see(loss)
        assert given.factor(0.5, watch.plateaus) == pytest.approx(inner.param_groups[0]["lr"], rel=1e-12)
    assert watch.plateaus > 1


def test_a_loss_below_zero_falls_as_well() -> None:
    watch = Watch(pk.Plateau(patience=0, threshold=0.1))
    for loss in (-1.0, -1.2, -1.4):
        watch.see(loss)
    assert watch.plateaus == 0
    watch.see(-1.5)  # less than a tenth of 1.4 lower
    assert watch.plateaus == 1


def test_a_warm_up_goes_before_any_other() -> None:
    """Its end is the other's full rate; a plateau behind it sees the losses."""
    for name in set(SCHEDULES) - {"warm-up"}:
        schedule = pk.WarmUp(over=0.1, start=0.01, then=name)
        assert schedule.factor(0.0) == 0.01 and schedule.factor(0.1) == 1.0
        assert schedule.factor(0.55) == pytest.approx(SCHEDULES[name].factor(0.5), rel=1e-12)
        assert schedule.plateau == SCHEDULES[name].plateau
    assert pk.WarmUp(then=pk.Cosine()) == SCHEDULES["warm-up"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pk.StepDecay(every=0), "every: expected a number above 0 and below 1, got 0"),
        (lambda: pk.StepDecay(by=1.5), "by: expected a number from 0 on, below 1, got 1.5"),
        (lambda: pk.MultiStepDecay(at=()), "at: expected shares of the work in order"),
        (lambda: pk.MultiStepDecay(at=(0.5, 0.2)), "at: expected shares of the work in order"),
        (lambda: pk.MultiStepDecay(at=(100, 200)), "at: expected a number from 0 on, below 1"),
        (lambda: pk.ExponentialDecay(end=0), "end: expected a number above 0"),
        (lambda: pk.Cosine(end=-0.1), "end: expected"),
        (lambda: pk.Plateau(patience=-1), "patience: expected a whole number"),
        (lambda: pk.WarmUp(then="slow"), "then: expected one of 'constant', 'step'"),
        (lambda: pk.WarmUp(then=pk.WarmUp()), "then: expected a schedule that starts at the full rate"),
        (lambda: pk.Experiment(schedule=0.3), "schedule: expected one of .* or a Schedule, got 0.3"),
        (lambda: pk.Experiment(schedule=pk.Adam()), "schedule: expected one of .* or a Schedule"),
    ],
)
def test_a_bad_setting_is_refused(make: Callable[[], Schedule], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
