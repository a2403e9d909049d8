"""The Fourier neural operator's convolution, against torch's FFT, and one operator on all grids."""

from itertools import product

import pytest
import torch
from torch.nn import functional

import pdekit as pk
from pdekit.generators.fno import SpectralConvolution


def by_fft(layer: SpectralConvolution, x: torch.Tensor) -> torch.Tensor:
    """The same by rfftn and irfftn of x (B, C, *grid), mode by mode."""
    axes = tuple(range(2, x.dim()))
    z = torch.fft.rfftn(x, dim=axes, norm="forward")
    weight = torch.view_as_complex(layer.weight.detach())
    out = torch.zeros_like(z)
    below = [min(layer.modes, (n + 1) // 2) for n in x.shape[2:]]  # a mode at half of n has no place
    for k in product(*(range(1 - m, m) for m in below[:-1]), range(below[-1])):
        w = weight[(..., *(i + layer.modes - 1 for i in k[:-1]), k[-1])]  # (C_in, C_out)
        out[(..., *k)] = z[(..., *k)] @ w
    return torch.fft.irfftn(out, s=x.shape[2:], dim=axes, norm="forward")


@pytest.mark.parametrize("grid", [(20,), (17, 20), (13, 12, 14)])
@pytest.mark.parametrize("modes", [1, 5, 9])
def test_on_a_periodic_grid_it_is_that_of_the_fft(grid: tuple[int, ...], modes: int) -> None:
    """Its last nodes are the first ones again. 9 modes do not fit all grids: those left out are the highest."""
    torch.manual_seed(0)
    layer = SpectralConvolution(3, modes, len(grid), padding=0.0).double()
    x = torch.randn(2, 3, *grid, dtype=torch.float64)

    def closed(x: torch.Tensor) -> torch.Tensor:
        return functional.pad(x, [0, 1] * len(grid), mode="circular")

    torch.testing.assert_close(layer(closed(x)), closed(by_fft(layer, x)), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("padding", [0.25, 0.7])
def test_on_a_finer_grid_it_is_the_same_operator(padding: float) -> None:
    """Fails with sums that are not divided by the nodes, and with a period that follows the number of nodes."""
    torch.manual_seed(0)
    net = pk.FNO(width=6, modes=6, layers=3, padding=padding).build(torch.nn.Identity, zero=False).double()

    def on(n: int) -> torch.Tensor:
        x = torch.linspace(0, 1, n, dtype=torch.float64)
        with torch.no_grad():
            return net((torch.sin(3 * x + 1)[:, None] * torch.cos(5 * x))[None, None])[0, 0]

    finest = on(129)
    deviations = [float((on(n) - finest[:: 128 // (n - 1), :: 128 // (n - 1)]).abs().max()) for n in (33, 65)]
    assert deviations[1] < 0.02 * float(finest.std())
    assert deviations[0] / deviations[1] > 4.5  # 5 = (16 - 1) / (4 - 1) for errors of order two


def test_what_leaves_on_one_side_does_not_come_in_on_the_other() -> None:
    """A periodic convolution moves with its input; a padded one loses what it moves beyond the end."""
    torch.manual_seed(0)
    x = torch.zeros(1, 1, 1, 32, dtype=torch.float64)
    x[..., -4:] = 1.0

    def answer(padding: float) -> float:
        layer = SpectralConvolution(1, 10, 1, padding).double()
        k = torch.arange(10, dtype=torch.float64)
        angle = -2 * torch.pi * k * 4 / 31 / (1 + padding)  # a shift by four nodes, smoothed
        with torch.no_grad():
            smooth = (-(k**2) / 30).exp()
            layer.weight[0, 0] = torch.stack([smooth * angle.cos(), smooth * angle.sin()], dim=-1)
            return float(layer(x[0])[0, 0, 0])

    assert answer(0.0) > 0.3 > 0.1 > abs(answer(1.0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_its_parameters_are_real_and_keep_their_dtype(dtype: torch.dtype) -> None:
    net = pk.FNO(width=4, modes=3, layers=1).build(torch.nn.Identity).to(dtype)
    assert all(p.dtype == dtype for p in net.parameters())
    assert net(torch.randn(1, 1, 9, 9, dtype=dtype)).dtype == dtype
