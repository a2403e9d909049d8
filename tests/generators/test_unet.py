"""The U-Net: shapes, sizes that fit, settings, and a start at the lifting."""

import pytest
import torch
from torch import nn

import pdekit as pk


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


@pytest.mark.parametrize(("size", "nearest"), [(40, "32 and 48"), (17, "32"), (100, "96 and 112")])
def test_a_size_that_does_not_fit_names_the_nearest_that_do(size: int, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"nearest sizes that work are {nearest}"):
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
