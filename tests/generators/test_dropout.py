"""Dropout by samples: the mask of a sample, wherever it is in a batch and whoever holds it."""

import numpy as np
import pytest
import torch
from torch import nn

import pdekit as pk
from pdekit.generators.dropout import Dropout, dropouts, remember
from pdekit.optim import Outcome
from pdekit.optim.end import End
from pdekit.train.evaluation import Evaluation

ORDER = np.array([7, 3, 11, 2**20, 5])


def seen(layer: nn.Module, x: torch.Tensor, key: tuple[int, ...], samples: np.ndarray) -> torch.Tensor:
    remember(dropouts(layer), key, samples)
    return layer(x)


@pytest.mark.parametrize("channels", [True, False])
def test_the_mask_of_a_sample_is_the_same_in_any_batch(channels: bool) -> None:
    """Fails with one stream of random numbers for the batch."""
    layer, x = Dropout(0.4, channels), torch.ones(5, 64, 6, 4)
    whole = seen(layer, x, (0, 1), ORDER)
    order = [3, 0, 4, 2, 1]
    assert torch.equal(seen(layer, x, (0, 1), ORDER[order]), whole[order])
    parts = [
        seen(layer, x[:k], (0, 1), mine) for k, mine in ((2, ORDER[:2]), (0, ORDER[2:2]), (3, ORDER[2:]))
    ]
    assert torch.equal(torch.cat(parts), whole)
    assert torch.equal(layer(x[:3]), parts[2])  # told once for a step, used in each of its evaluations


def test_other_seeds_steps_layers_and_samples_have_other_masks() -> None:
    layers, x = nn.Sequential(Dropout(0.5), Dropout(0.5)), torch.ones(2, 256, 1)
    masks = []
    for key in ((0, 1), (1, 0), (0, 2)):
        remember(dropouts(layers), key, np.array([4, 5]))
        masks += [one(x)[b].flatten() for one in layers for b in range(2)]
    agreement = torch.stack([(a == b).double().mean() for k, a in enumerate(masks) for b in masks[:k]])
    assert (agreement - 0.5).abs().max() < 0.15


@pytest.mark.parametrize("channels", [True, False])
def test_it_keeps_the_mean_and_drops_its_share(channels: bool) -> None:
    layer, x = Dropout(0.3, channels), torch.ones(20, 500, 8, dtype=torch.float64)
    y = seen(layer, x, (0, 1), np.arange(20))
    assert set(y.unique().tolist()) == {0.0, 1 / 0.7}
    assert abs(float((y == 0).double().mean()) - 0.3) < 0.02
    assert (y == y[..., :1]).all().item() is channels  # whole channels, or single numbers


def test_it_is_off_in_evaluation_and_asks_whose_batch_it_is() -> None:
    layer, x = Dropout(0.3), torch.ones(4, 8, 2)
    with pytest.raises(ValueError, match="dropout: expected a batch of 0 samples, got 4"):
        layer(x)
    assert layer.eval()(x) is x


def test_a_step_of_lbfgs_has_one_mask_and_starts_by_looking_with_it() -> None:
    """Fails with a mask for each evaluation, or with a loss and a slope at the start that another mask gave."""
    seen: list[tuple[bytes, torch.Tensor]] = []
    generator = pk.UNet(width=4, depth=2, norm="none", dropout=0.5)
    experiment = pk.Experiment(pk.Poisson(16), generator, optimizer="lbfgs", samples=4, steps=4)
    solver = pk.Solver(experiment)

    def note(_, inputs: tuple, output: torch.Tensor) -> None:
        mask = (output == 0).flatten(2).all(2).numpy().tobytes()
        seen.append((mask, solver.reduction.parameters.clone()))

    solver.dropouts[0][0].register_forward_hook(note)
    masks, end = set(), solver.reduction.parameters.clone()
    for step in solver:
        assert step.evaluations == len(seen) > 1 and len({mask for mask, _ in seen}) == 1
        assert torch.equal(seen[0][1], end)
        masks.add(seen[0][0])
        end = solver.reduction.parameters.clone()
        seen.clear()
    assert len(masks) == 4


def test_a_line_search_that_fails_is_not_the_end_where_another_mask_may_help() -> None:
    settings = {"optimizer": "lbfgs", "samples": 4, "steps": 3}
    for dropout, steps in ((0.0, 1), (0.5, 3)):
        generator = pk.UNet(width=4, depth=2, dropout=dropout)
        solver = pk.Solver(pk.Experiment(pk.Poisson(16), generator, **settings))
        solver.optimizer.step = lambda *_, **__: Outcome(1.0, 1.0, 1, end=End.ROUNDING)
        assert len(solver.run()) == steps


def test_every_loss_is_that_of_the_whole_batch_at_once() -> None:
    """The loss with dropout of 6 samples is the mean of those of 6 batches of one."""
    generator = pk.UNet(width=4, depth=2, norm="group", dropout=0.3)
    experiment = pk.Experiment(pk.Poisson(16), generator, samples=6, batch=6, steps=2, dtype="float64")
    solver = pk.Solver(experiment)
    next(solver)
    losses = []
    for i in range(6):
        remember(solver.dropouts[0], (0, 2), np.array([i]))
        samples = solver.samples([np.array([i])])
        losses.append(Evaluation(solver, samples, 1)(solver.reduction.parameters)[0])
    assert next(solver).loss == pytest.approx(np.mean(losses), rel=1e-12)
