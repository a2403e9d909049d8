"""Batch norm on one rank: torch's own is the oracle. On several ranks: see tests/ranks."""

import pytest
import torch
from torch import nn

from pdekit.parallel import Serial, SyncBatchNorm


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("upstream", ["plain", "transposed", "expanded"])
def test_it_equals_torchs_batch_norm(layout: torch.memory_format, upstream: str) -> None:
    torch.manual_seed(0)
    x = (3 * torch.randn(5, 6, 8, 8, dtype=torch.float64) + 2).contiguous(memory_format=layout)
    ours, theirs = SyncBatchNorm(6, Serial()).double(), nn.BatchNorm2d(6).double()
    with torch.no_grad():
        for layer in (ours, theirs):
            layer.weight.copy_(torch.linspace(0.5, 2, 6))
            layer.bias.copy_(torch.linspace(-1, 1, 6))
    dy = torch.randn(5, 6, 8, 8, dtype=torch.float64)
    dy = {"plain": dy, "transposed": dy.transpose(2, 3), "expanded": dy[:1, :, :1, :1].expand_as(dy)}[
        upstream
    ]
    results = []
    for layer in (ours, theirs):
        leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
        y = layer(leaf)
        y.backward(dy)
        results.append(
            [y, leaf.grad, layer.weight.grad, layer.bias.grad, layer.running_mean, layer.running_var]
        )
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    ours.eval(), theirs.eval()
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_variance_does_not_cancel_in_float32(layout: torch.memory_format) -> None:
    """Fails channels last, where torch adds up in float32, with the squares alone."""
    torch.manual_seed(0)
    x = (torch.randn(4, 3, 32, 32) + 1e4).contiguous(memory_format=layout)
    layer = SyncBatchNorm(3, Serial(), momentum=1.0)
    layer(x)
    expected = x.double().var(dim=(0, 2, 3))
    assert ((layer.running_var - expected) / expected).abs().max() < 1e-3


def test_held_statistics_advance_once_with_the_latest_batch() -> None:
    layer, x = SyncBatchNorm(2, Serial()), torch.randn(4, 2, 3, 3)
    layer.hold = True
    layer(x + 100)
    layer(x)
    assert torch.all(layer.running_mean == 0)
    layer.advance()
    torch.testing.assert_close(layer.running_mean, 0.1 * x.mean(dim=(0, 2, 3)))


@pytest.mark.parametrize("mean", [0.0, 100.0])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradcheck_backward_and_forward(mean: float, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    x = (torch.randn(3, 2, 4, 4, dtype=torch.float64) + mean).contiguous(memory_format=layout)
    weight, bias = (torch.randn(2, dtype=torch.float64).requires_grad_() for _ in range(2))

    def layer(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(made, {"weight": weight, "bias": bias}, (x,))

    made = SyncBatchNorm(2, Serial()).double()
    assert torch.autograd.gradcheck(layer, (x.requires_grad_(), weight, bias), check_forward_ad=True)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(3, 2, 300, 400), (40, 2, 40, 50)])
def test_sums_of_many_values_are_taken_in_pieces(layout: torch.memory_format, shape: tuple[int, ...]) -> None:
    """Fails if they are added one by one: torch's own layer is off by 1e-2 here and there."""
    torch.manual_seed(0)
    x = (torch.randn(shape) + 3.0).contiguous(memory_format=layout).requires_grad_()
    layer = SyncBatchNorm(2, Serial(), momentum=1.0)
    dy = 1.0 + torch.randn(shape)
    layer(x).backward(dy)
    exact = x.detach().double()
    variance, mean = torch.var_mean(exact, (0, 2, 3))
    torch.testing.assert_close(layer.running_mean.double(), mean, rtol=1e-5, atol=0)
    torch.testing.assert_close(layer.running_var.double(), variance, rtol=1e-4, atol=0)
    torch.testing.assert_close(layer.bias.grad.double(), dy.double().sum((0, 2, 3)), rtol=1e-5, atol=0)
