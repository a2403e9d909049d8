"""First-order methods: one flat vector takes the same path as torch with a list of parameters."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pdekit.optim import OPTIMIZERS, SCHEDULES

THEIRS: dict[str, Callable[[list[Tensor]], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=1e-2),
}


@pytest.mark.parametrize("name", THEIRS)
def test_the_path_is_torchs(name: str) -> None:
    start = torch.linspace(-1, 2, 7, dtype=torch.float64)

    def loss(x: Tensor) -> Tensor:
        return (x**4).sum() + (x[1:] * x[:-1]).sum()

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        y = x.detach().clone().requires_grad_()
        loss(y).backward()
        return loss(y).item(), y.grad

    ours = start.clone()
    optimizer = OPTIMIZERS[name](ours)
    parts = [p.clone().requires_grad_() for p in start.split([3, 4])]
    theirs = THEIRS[name](parts)
    for _ in range(30):
        outcome = optimizer.step(evaluate, 0.01, fresh=True)
        theirs.zero_grad()
        value = loss(torch.cat(parts))
        value.backward()
        theirs.step()
        assert outcome.loss == pytest.approx(value.item(), rel=1e-12)
    torch.testing.assert_close(ours, torch.cat(parts).detach(), rtol=1e-12, atol=0)


def test_schedules_start_at_the_full_rate() -> None:
    assert all(schedule(0.0) == 1.0 for schedule in SCHEDULES.values())
    assert SCHEDULES["cosine"](0.5) == pytest.approx(0.5)
    assert SCHEDULES["cosine"](1.0) == pytest.approx(0.0)
