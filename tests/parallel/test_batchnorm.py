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


def test_the_variance_does_not_cancel_in_float32() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 3, 32, 32) + 1e4
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


def test_gradcheck() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(SyncBatchNorm(2, Serial()).double(), x)
