"""The U-Net: shapes, sizes that fit, settings, and a start at the lifting."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import pdekit as pk
from pdekit.generators.standard import with_coordinates
from pdekit.generators.upsampled import OfUpsampled


@pytest.mark.parametrize("shape", [(32, 32), (16, 48)])
@pytest.mark.parametrize("coordinates", [True, False])
def test_one_channel_in_one_channel_out_for_any_fitting_size(
    shape: tuple[int, int], coordinates: bool
) -> None:
    net = pk.UNet(width=4, depth=3, coordinates=coordinates).build(nn.BatchNorm2d)
    assert net(torch.randn(2, 1, *shape)).shape == (2, 1, *shape)


def test_the_norm_layer_is_passed_in() -> None:
    made: list[int] = []

    def layer(channels: int) -> nn.Module:
        made.append(channels)
        return nn.Identity()

    pk.UNet(width=8, depth=2, widest=16).build(layer)
    assert made == [8, 8, 16, 16, 16, 16, 8, 8, 16, 16]


@pytest.mark.parametrize("shape", [(40,), (33, 40), (17, 16, 23)])
def test_any_grid_of_one_two_or_three_axes_fits_by_padding(shape: tuple[int, ...]) -> None:
    norm = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[len(shape)]
    net = pk.UNet(width=4, depth=3).build(norm, channels=2, outputs=5, dim=len(shape), zero=False)
    x = torch.randn(2, 2, *shape)
    assert net(x).shape == (2, 5, *shape)


def test_the_coordinates_are_x_then_y_then_z() -> None:
    x, y = with_coordinates(torch.zeros(1, 1, 3, 5))[0, 1:]
    assert x[0].tolist() == [-1, -0.5, 0, 0.5, 1] and y[:, 0].tolist() == [-1, 0, 1]


@pytest.mark.parametrize("size", [17, 31])
def test_a_size_that_is_too_small_names_the_nearest_that_works(size: int) -> None:
    with pytest.raises(ValueError, match="nearest size that works is 32"):
        pk.UNet(depth=4).check((size, size))


def test_training_starts_from_the_lifting() -> None:
    net = pk.UNet(width=4, depth=2).build(nn.BatchNorm2d)
    assert torch.all(net(torch.randn(1, 1, 16, 16)) == 0)


@pytest.mark.parametrize(
    "setting", [{"width": 0}, {"depth": 11}, {"activation": "step"}, {"norm": "sync"}, {"widest": 8}]
)
def test_a_bad_setting_is_refused_by_name(setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(setting))}: expected .*, got .*; "):
        pk.UNet(**setting)


def convolutions_in_channels_last(recipe: pk.UNet) -> set[bool]:
    """Of the fields and weights of a network that is being trained, those that show it by their strides."""
    solver, seen = pk.Solver(pk.Experiment(pk.Poisson(16), recipe, samples=2, batch=2, steps=1)), set()
    net = solver.generator

    def note(layer: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        fields = inputs[0] if isinstance(inputs[0], tuple) else inputs
        for one in (*fields, layer.weight):
            if min(one.shape[1], one.shape[2] * one.shape[3]) > 1:
                seen.add(one.is_contiguous(memory_format=torch.channels_last))

    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, OfUpsampled)):
            layer.register_forward_pre_hook(note)
    next(solver)
    return seen


@pytest.mark.parametrize("coordinates", [True, False])
def test_convolutions_get_the_channels_of_a_node_side_by_side(coordinates: bool) -> None:
    """Fails if the coordinates, or a layer on the way, lay out a field by channels.

    Instance norm takes a sixth more time for a step that way, and torch's convolutions go by fields or weights.
    """
    settings = {"width": 4, "coordinates": coordinates}
    for recipe in (
        pk.UNet(depth=2, **settings),
        pk.EncoderDecoder(depth=2, **settings),
        pk.ResNet(**settings),
    ):
        for norm in ("batch", "group", "none"):
            assert convolutions_in_channels_last(replace(recipe, norm=norm)) == {True}, (recipe, norm)
        assert convolutions_in_channels_last(replace(recipe, norm="instance")) == {False}, recipe
    assert convolutions_in_channels_last(pk.FNO(width=4, modes=3, layers=2)) == {False}
