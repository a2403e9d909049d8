"""What holds for each of the library's generators: shapes, sizes, a start at zero, gradients, empty shares, text."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import pdekit as pk
from pdekit.generators.dropout import dropouts, remember
from pdekit.parallel import Serial, SyncBatchNorm

EVERY = [
    pk.UNet(width=4, depth=2),
    pk.EncoderDecoder(width=4, depth=2),
    pk.ResNet(width=4, blocks=3, dilation=2),
    pk.FNO(width=4, modes=5, layers=2),
]
every = pytest.mark.parametrize("recipe", EVERY, ids=lambda recipe: type(recipe).__name__)


def layer(norm: str, channels: int) -> nn.Module:
    return {"batch": SyncBatchNorm(channels, Serial()), "group": nn.GroupNorm(2, channels)}.get(
        norm, nn.Identity()
    )


def built(recipe: pk.UNet, *shape: int, **settings: object) -> nn.Module:
    torch.manual_seed(0)
    return recipe.build(lambda c: layer(recipe.norm, c), *shape, **settings)


@every
@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("grid", [(40,), (17, 12), (9, 11, 8)])
def test_fields_in_fields_out_on_any_grid(recipe: pk.UNet, norm: str, grid: tuple[int, ...]) -> None:
    """Also in the layout that the solver gives in 2-D."""
    x = torch.randn(3, 2, *grid)
    net = built(replace(recipe, norm=norm), 2, 5, len(grid), zero=False)
    y = net(x)
    assert y.shape == (3, 5, *grid) and y.isfinite().all()
    if len(grid) == 2:
        again = net(x.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(again, y, rtol=1e-4, atol=1e-5)


@every
def test_the_least_size_works_and_a_smaller_one_names_it(recipe: pk.UNet) -> None:
    least = recipe.least
    assert built(recipe)(torch.randn(2, 1, least, least)).shape == (2, 1, least, least)
    if least > 1:
        with pytest.raises(ValueError, match=f"the nearest size that works is {least}"):
            recipe.check((least, least - 1))


@every
def test_it_starts_as_the_function_zero_if_asked_to(recipe: pk.UNet) -> None:
    x = torch.randn(2, 1, 16, 16)
    assert torch.all(built(recipe, zero=True)(x) == 0)
    assert built(recipe, zero=False)(x).std(dim=(2, 3)).min() > 1e-3


@every
@pytest.mark.parametrize("grid", [(17,), (17, 12), (9, 8, 11)])
def test_a_share_without_samples_passes_forward_and_backward(recipe: pk.UNet, grid: tuple[int, ...]) -> None:
    """Each parameter gets a gradient, as what a norm asks of the other ranks comes with it."""
    net = built(replace(recipe, norm="group", dropout=0.5), 1, 2, len(grid))
    remember(dropouts(net), (0, 1), np.arange(0))
    y = net(torch.zeros(0, 1, *grid))
    y.sum().backward()
    assert y.shape == (0, 2, *grid) and all(p.grad is not None for p in net.parameters())


@every
def test_the_gradient_is_the_derivative(recipe: pk.UNet) -> None:
    """Along a random direction, against central differences in float64."""
    net = built(replace(recipe, dropout=0.2, activation="tanh"), zero=False).double()
    x = torch.randn(3, 1, 13, 12, dtype=torch.float64)
    weights = torch.randn(3, 1, 13, 12, dtype=torch.float64)
    remember(dropouts(net), (0, 1), np.arange(3))
    parameters = list(net.parameters())
    directions = [torch.randn_like(p) * p.detach().abs().mean() for p in parameters]

    def value() -> torch.Tensor:
        return (net(x) * weights).sum()

    slopes = torch.autograd.grad(value(), parameters)
    expected = sum(float((g * d).sum()) for g, d in zip(slopes, directions, strict=True))
    values = []
    with torch.no_grad():
        for t in (1e-5, -2e-5):
            for p, d in zip(parameters, directions, strict=True):
                p.add_(d, alpha=t)
            values.append(float(value()))
    assert (values[0] - values[1]) / 2e-5 == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("recipe", [*EVERY, replace(EVERY[-1], padding=0.0)])
def test_no_bias_is_cancelled_by_a_norm(recipe: pk.UNet) -> None:
    """Its gradient would be rounding, which Adam blows up: so it has to be far above that."""
    net = built(replace(recipe, norm="batch"), zero=False)
    net(torch.randn(4, 1, 16, 16)).square().sum().backward()
    sizes = {name: float(p.grad.abs().max()) for name, p in net.named_parameters()}
    largest = max(sizes.values())
    assert all(size > 1e-5 * largest for size in sizes.values()), sizes


@every
def test_it_trains_predicts_on_a_finer_grid_and_reads_back(recipe: pk.UNet) -> None:
    experiment = pk.Experiment(pk.Poisson(16), replace(recipe, dropout=0.1), samples=7, batch=3, steps=3)
    assert pk.Experiment.parse(str(experiment)) == experiment
    solver = pk.Solver(experiment)
    assert np.isfinite(solver.run().loss).all()
    assert np.isfinite(solver.predict(0, resolution=33)).all()
    np.testing.assert_array_equal(
        solver.predict(0), solver.predict([1, 0])[1]
    )  # nothing is dropped, or normalised


@every
@pytest.mark.parametrize(
    "setting", [{"activation": "step"}, {"norm": "sync"}, {"dropout": 1.0}, {"dropout": -0.1}, {"width": 0}]
)
def test_a_bad_setting_is_refused_by_name(recipe: pk.UNet, setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(setting))}: expected .*, got .*; "):
        replace(recipe, **setting)


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        (pk.EncoderDecoder, {"depth": 11}),
        (pk.ResNet, {"blocks": 0}),
        (pk.ResNet, {"dilation": 0}),
        (pk.FNO, {"modes": 0}),
        (pk.FNO, {"layers": 2.5}),
        (pk.FNO, {"padding": -0.5}),
    ],
)
def test_its_own_settings_are_checked(kind: type, setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(setting))}: expected"):
        kind(**setting)


def test_dilations_double_and_begin_anew_and_a_node_sees_as_far_as_they_reach() -> None:
    recipe = pk.ResNet(width=2, blocks=5, dilation=5, norm="none", coordinates=False)
    assert recipe.dilations == [1, 2, 4, 1, 2]
    net = built(recipe, 1, 1, 1, zero=False).double()
    x = torch.zeros(1, 1, 101, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(net(x)[0, 0, 50], x)
    reach = 1 + 2 * sum(recipe.dilations)
    seen = slope[0, 0].nonzero()[:, 0]
    assert (int(seen.min()), int(seen.max())) == (50 - reach, 50 + reach)


@pytest.mark.parametrize(("kind", "rank"), [(pk.EncoderDecoder, 8), (pk.UNet, 16)])
def test_an_encoder_decoder_has_no_way_around_its_coarsest_grid(kind: type, rank: int) -> None:
    """2 channels on 4 of 16 nodes let 8 numbers through: the rank of the derivative."""
    net = built(kind(width=2, depth=2, widest=2, norm="none"), 1, 1, 1, zero=False).double()
    x = torch.randn(16, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x[None, None])[0, 0], x)
    assert int(torch.linalg.matrix_rank(jacobian)) == rank
