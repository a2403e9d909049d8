"""First-order methods: one flat vector takes the same path as torch with a list of parameters."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import pdekit as pk
from pdekit.optim import OPTIMIZERS
from pdekit.optim.layers import whole
from pdekit.optim.outcome import dot
from pdekit.optim.recipe import Recipe

THEIRS: dict[Recipe, Callable[[list[Tensor]], torch.optim.Optimizer]] = {
    pk.SGD(): lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    pk.SGD(momentum=0.5, nesterov=True, decay=0.1): lambda p: torch.optim.SGD(
        p, lr=0.01, momentum=0.5, nesterov=True, weight_decay=0.1
    ),
    pk.Adam(): lambda p: torch.optim.Adam(p, lr=0.01),
    pk.Adam(betas=(0.8, 0.9), eps=0.1): lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.9), eps=0.1),
    pk.AdamW(): lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=1e-2),
    pk.AdamW(decay=0.3): lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.3),
}


@pytest.mark.parametrize("recipe", THEIRS)
def test_the_path_is_torchs(recipe: Recipe) -> None:
    start = torch.linspace(-1, 2, 7, dtype=torch.float64)

    def loss(x: Tensor) -> Tensor:
        return (x**4).sum() + (x[1:] * x[:-1]).sum()

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        y = x.detach().clone().requires_grad_()
        loss(y).backward()
        return loss(y).item(), y.grad

    ours = start.clone()
    optimizer = recipe.make(ours, dot, whole)
    parts = [p.clone().requires_grad_() for p in start.split([3, 4])]
    theirs = THEIRS[recipe](parts)
    for _ in range(30):
        outcome = optimizer.step(evaluate, 0.01, fresh=True)
        theirs.zero_grad()
        value = loss(torch.cat(parts))
        value.backward()
        theirs.step()
        assert outcome.loss == pytest.approx(value.item(), rel=1e-12)
    torch.testing.assert_close(ours, torch.cat(parts).detach(), rtol=1e-12, atol=0)


def test_a_name_stands_for_the_recipe_without_settings() -> None:
    assert all(type(recipe)() == recipe for recipe in OPTIMIZERS.values())
    assert pk.Experiment(optimizer=pk.Adam()).optimizer == "adam"


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"newton-cg"}))
def test_every_method_says_what_it_is_and_counts_the_vectors_version_up(name: str) -> None:
    """Fails if an update forgets to tell those who share x."""
    recipe, x = OPTIMIZERS[name], torch.ones(8)
    assert recipe.words and recipe.default_rate > 0
    optimizer = recipe.make(x, dot, lambda v: [v[:6].view(2, 3), v[6:]])
    before, version = x.clone(), x._version
    for _ in range(2):
        optimizer.step(lambda x: (float(x @ x), 2 * x.clone()), 0.1, fresh=True)
    assert x._version > version and not torch.equal(x, before)


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"lbfgs", "slbfgs", "newton-cg"}))
def test_nothing_moves_where_the_loss_is_not_finite(name: str) -> None:
    x = torch.ones(8)
    optimizer = OPTIMIZERS[name].make(x, dot, lambda v: [v[:6].view(2, 3), v[6:]])
    vectors, numbers = optimizer.state()
    before = {one: vector.clone() for one, vector in vectors.items()}
    optimizer.step(lambda x: (float("nan"), x.clone()), 0.1, fresh=True)
    optimizer.step(lambda x: (1.0, x * float("inf")), 0.1, fresh=True)
    assert torch.equal(x, torch.ones(8)) and optimizer.state()[1] == numbers
    torch.testing.assert_close(optimizer.state()[0], before, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pk.SGD(momentum=1.0), "momentum: expected a number from 0 on, below 1, got 1.0"),
        (lambda: pk.SGD(momentum=0, nesterov=True), "nesterov: expected a momentum above 0"),
        (lambda: pk.Adam(betas=(0.9,)), "betas: expected two numbers"),
        (lambda: pk.Adam(betas=(0.9, 1.0)), "betas: expected a number from 0 on, below 1"),
        (lambda: pk.AdamW(eps=0), "eps: expected a finite number above 0"),
        (lambda: pk.AdamW(decay=-1), "decay: expected"),
        (lambda: pk.LBFGS(memory=0), "memory: expected a whole number"),
        (lambda: pk.Muon(iterations=0.5), "iterations: expected a whole number"),
        (lambda: pk.SOAP(every=0), "every: expected a whole number"),
        (lambda: pk.LARS(trust=0), "trust: expected a finite number above 0"),
        (lambda: pk.LAMB(least=0), "least: expected a finite number above 0"),
        (lambda: pk.Then(first=pk.Then()), "first: expected a method that does not change"),
        (lambda: pk.Then(second="adm"), "second: expected one of 'sgd', 'adam'"),
        (lambda: pk.Then(second=3), "second: expected one of 'sgd'.* or a Recipe, got 3"),
        (lambda: pk.Then(after=1), "after: expected a number from 0 on, below 1"),
        (lambda: pk.Then(rate=0), "rate: expected a finite number above 0"),
    ],
)
def test_a_bad_setting_is_refused(make: Callable[[], Recipe], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
