"""Convolutions of fields from coarser grids against torch's of the finer field, and the U-Net against a plain one."""

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional

import pdekit as pk
from pdekit.generators.standard import CONVOLUTIONS
from pdekit.generators.upsampled import OfBoth, OfUpsampled
from tests.benchmarks.plain_unet import PlainUNet

GRIDS = [(7,), (5, 8), (3, 4, 5)]
SKIPPED, COARSE, OUT = 3, 4, 5


class Plain(nn.Module):
    """The same with the finer field."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, *fields: Tensor) -> Tensor:
        *field, x = fields
        return self.convolution(torch.cat([*field, functional.interpolate(x, scale_factor=2)], dim=1))


def pair(
    grid: tuple[int, ...], skipped: int, bias: bool, batch: int = 2
) -> tuple[nn.Module, nn.Module, list[Tensor]]:
    """Ours, the plain one with the same numbers, and the fields that both take; float64."""
    torch.manual_seed(0)
    layer = CONVOLUTIONS[len(grid)](skipped + COARSE, OUT, 3, padding=1, bias=bias).double()
    fields = [torch.randn(batch, COARSE, *grid, dtype=torch.float64, requires_grad=True)]
    if skipped:
        finer = torch.randn(batch, skipped, *(2 * n for n in grid), dtype=torch.float64, requires_grad=True)
        fields.insert(0, finer)
        return Both(layer), Plain(layer), fields
    return OfUpsampled(layer), Plain(layer), fields


class Both(OfBoth):
    """That takes its fields one by one."""

    def forward(self, *fields: Tensor) -> Tensor:
        return super().forward(fields)


cases = pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: f"{len(grid)}D")
both = pytest.mark.parametrize("skipped", [0, SKIPPED], ids=["of one", "of both"])


@cases
@both
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_the_convolution_of_the_finer_field(grid: tuple[int, ...], skipped: int, bias: bool) -> None:
    """Values and all gradients. Fails if two rows of the table of weights change places."""
    ours, plain, fields = pair(grid, skipped, bias)
    y, expected = ours(*fields), plain(*fields)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-13)
    upstream = torch.randn_like(y)
    wanted = [*fields, *ours.parameters()]
    found, slopes = (torch.autograd.grad((one * upstream).sum(), wanted) for one in (y, expected))
    for one, other in zip(found, slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@cases
@both
def test_forward_mode_knows_it(grid: tuple[int, ...], skipped: int) -> None:
    """The derivative along a direction of the weights and fields, as Gauss-Newton's products need it."""
    ours, plain, fields = pair(grid, skipped, bias=True)
    slopes = []
    weight = ours.weight
    directions = [torch.randn_like(one) for one in (weight, *fields)]
    for layer in (ours, plain):
        with forward_ad.dual_level():
            duals = [
                forward_ad.make_dual(one.detach(), d)
                for one, d in zip((weight, *fields), directions, strict=True)
            ]
            name = "weight" if layer is ours else "convolution.weight"
            y = torch.func.functional_call(layer, {name: duals[0]}, tuple(duals[1:]))
            slopes.append(forward_ad.unpack_dual(y).tangent)
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-12)


@cases
def test_nothing_finer_is_kept_for_backward(grid: tuple[int, ...]) -> None:
    """Fails if the finer field, or what it stands in, is made: it would be kept."""
    ours, _, fields = pair(tuple(8 * n for n in grid), SKIPPED, bias=False)
    kept: list[int] = []
    with saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor):
        ours(*fields)
    assert kept and max(kept) == max(field.numel() for field in fields)


@both
def test_the_layout_is_that_of_the_fields(skipped: int) -> None:
    """Whatever that of the weights; fails if the weights that were added up decide."""
    ours, _, fields = pair((5, 8), skipped, bias=False)
    for layout in (torch.contiguous_format, torch.channels_last):
        y = ours(*(field.contiguous(memory_format=layout) for field in fields))
        assert y.is_contiguous(memory_format=layout)


@cases
@both
def test_an_empty_batch_goes_through(grid: tuple[int, ...], skipped: int) -> None:
    ours, _, fields = pair(grid, skipped, bias=False, batch=0)
    y = ours(*fields)
    y.sum().backward()
    assert y.shape == (0, OUT, *(2 * n for n in grid))
    assert ours.weight.grad is not None and not ours.weight.grad.any()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_unet_is_one_written_with_torch_alone(layout: torch.memory_format) -> None:
    """The network that `make bench` gives to DDP: same names, same numbers, same function and gradient."""
    recipe = pk.UNet(width=4, depth=3)
    torch.manual_seed(0)
    ours = recipe.build(nn.BatchNorm2d, zero=False).double()
    plain = PlainUNet(recipe, nn.BatchNorm2d, layout).double()
    plain.start_like(ours)
    x = torch.randn(3, 1, 16, 24, dtype=torch.float64)
    y, expected = ours(x), plain(x)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-11)
    weight = torch.randn_like(y)
    for one in (y, expected):
        (one * weight).sum().backward()
    gradients = {name: p.grad for name, p in plain.named_parameters()}
    for name, p in ours.named_parameters():
        torch.testing.assert_close(p.grad, gradients[name.removeprefix("body.")], rtol=1e-9, atol=1e-10)


def test_layers_keep_the_names_that_saved_networks_know() -> None:
    """Every other place of an encoder-decoder is a block. Fails where what made fields finer leaves no place."""
    net = pk.EncoderDecoder(width=4, depth=2).build(nn.BatchNorm2d)
    names = {name.split(".")[1] for name, _ in net.body.named_parameters(prefix="body")}
    assert names == {"0", "2", "4", "6", "8"}
