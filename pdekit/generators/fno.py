"""A Fourier neural operator (Li et al., arXiv:2010.08895).

Our own, because the package `neuraloperator` cannot be had without experiment trackers and plotting (34 packages,
180 MB, two seconds to import), and because of the transform: the modes that are kept are few, so that their
sums over the nodes are small matrix products. These take less than half the time of an FFT that is mostly
thrown away, and a grid of any size then has the very same modes.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from pdekit import checks
from pdekit.generators.blocks import dropout
from pdekit.generators.generator import NormLayer
from pdekit.generators.standard import ACTIVATIONS, CONVOLUTIONS, Standard


@dataclass(frozen=True)
class FNO(Standard):
    """The recipe of a Fourier neural operator, (B, C_in, *grid) -> (B, C_out, *grid), on grids of one to three axes.

    `layers` times, `width` channels get a convolution with the `modes` lowest frequencies of each axis (fewer on grids
    too coarse for them) plus one node by node. The period is `1 + padding` times the unit interval: above it, zeros
    keep what leaves on one side from coming in on the other; with 0 the problem is taken as periodic. The
    other settings are those of a `UNet`. On every grid it is the same operator.
    """

    width: int = 24
    modes: int = 10
    layers: int = 4
    padding: float = 0.25
    norm: str = "none"

    channels_last: ClassVar[bool] = False  # transforms go along the axes of the grid

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.padding != 0:
            checks.positive("padding", self.padding)
        checks.settle(
            self,
            width=checks.whole("width", self.width),
            modes=checks.whole("modes", self.modes),
            layers=checks.whole("layers", self.layers),
            padding=float(self.padding),
        )

    @property
    def least(self) -> int:
        """Two modes along a side."""
        return 4

    def body(self, norm_layer: NormLayer, channels: int, dim: int) -> tuple[nn.Module, int]:
        """Lifting, Fourier layers, and the wide layer of the projection, whose second is the network's last."""
        point, wide = CONVOLUTIONS[dim], 4 * self.width
        # a periodic layer keeps a constant one, which a norm cancels
        lifting = point(channels, self.width, 1, bias=self.norm == "none")
        layers = [_Layer(self, norm_layer, dim) for _ in range(self.layers)]
        projection = [point(self.width, wide, 1), ACTIVATIONS[self.activation]()]
        return nn.Sequential(lifting, *layers, *projection), wide


class _Layer(nn.Module):
    def __init__(self, recipe: FNO, norm_layer: NormLayer, dim: int) -> None:
        super().__init__()
        self.spectral = SpectralConvolution(recipe.width, recipe.modes, dim, recipe.padding)
        self.local = CONVOLUTIONS[dim](recipe.width, recipe.width, 1, bias=recipe.norm == "none")
        self.end = nn.Sequential(norm_layer(recipe.width), ACTIVATIONS[recipe.activation](), *dropout(recipe))

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, *grid) -> (B, width, *grid)."""
        return self.end(self.spectral(x) + self.local(x))


class SpectralConvolution(nn.Module):
    """Multiplies the lowest Fourier coefficients of (B, C, *grid) by a complex C x C matrix each; drops the others.

    Along the last axis frequencies 0, ..., modes - 1, along the others also the negative ones, as `rfftn` has them.
    The weights are real, (C, C, *frequencies, 2): real and imaginary part.
    """

    def __init__(self, width: int, modes: int, dim: int, padding: float) -> None:
        super().__init__()
        self.modes, self.padding = modes, padding
        frequencies = (*(2 * modes - 1,) * (dim - 1), modes)
        # the mean square of a coefficient stays: each is a sum over `width` channels, of two parts
        self.weight = nn.Parameter(torch.randn(width, width, *frequencies, 2) / (2 * width) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *grid) -> (B, C, *grid)."""
        grid = x.shape[2:]
        kept = [min(self.modes, n // 2) for n in grid]  # on this grid higher ones look like lower ones
        *others, last = zip(grid, kept, strict=True)
        forward, inverse = _real(*last, self.padding, x.dtype)
        z = torch.view_as_complex((x @ forward).unflatten(-1, (-1, 2)))  # (B, C, *others, modes)
        waves = [_complex(n, m, self.padding, z.dtype) for n, m in others]
        for axis, wave in enumerate(waves, start=2):
            z = _along(axis, z, wave.conj() * _weights(grid[axis - 2], x.dtype)[:, None])
        z = torch.einsum("bi...,io...->bo...", z, torch.view_as_complex(self._weight(kept)))
        for axis, wave in enumerate(waves, start=2):
            z = _along(axis, z, wave.mT)
        return torch.view_as_real(z).flatten(-2) @ inverse

    def _weight(self, kept: list[int]) -> Tensor:
        """The weights of the lowest frequencies; the others' frequency 0 is in the middle."""
        middle = [slice(self.modes - m, self.modes - 1 + m) for m in kept[:-1]]
        return self.weight[(..., *middle, slice(kept[-1]), slice(None))].contiguous()


def _along(axis: int, z: Tensor, matrix: Tensor) -> Tensor:
    """z (B, C, *grid) times `matrix` (n, m) along the axis that has n entries."""
    return (z.movedim(axis, -1) @ matrix).movedim(-1, axis)


def _weights(n: int, dtype: torch.dtype) -> Tensor:
    """The trapezoidal rule on n nodes of the unit interval, (n,): also right where both ends are one node."""
    weights = torch.full((n,), 1 / (n - 1), dtype=dtype)
    weights[[0, -1]] /= 2
    return weights


def _angles(n: int, frequencies: Tensor, padding: float) -> Tensor:
    """2 pi k x / period at n nodes x of the unit interval, (n, k)."""
    x = torch.linspace(0, 1, n, dtype=frequencies.dtype)
    return 2 * math.pi / (1 + padding) * x[:, None] * frequencies


def _complex(n: int, modes: int, padding: float, dtype: torch.dtype) -> Tensor:
    """exp(2 pi i k x / period) for |k| < modes: (n, 2 modes - 1)."""
    angles = _angles(n, torch.arange(1 - modes, modes, dtype=torch.float64), padding)
    return torch.polar(torch.ones_like(angles), angles).to(dtype)


def _real(n: int, modes: int, padding: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The last axis' transform of real numbers, (n, 2 modes), and back, (2 modes, n).

    Back is a real part: each frequency but 0 stands for two.
    """
    frequencies = torch.arange(modes, dtype=torch.float64)
    angles = _angles(n, frequencies, padding)
    waves = torch.stack([angles.cos(), -angles.sin()], dim=-1)  # (n, modes, 2)
    twice = torch.where(frequencies > 0, 2.0, 1.0).double()[:, None]
    forward = waves.flatten(1) * _weights(n, torch.float64)[:, None]
    return forward.to(dtype), (waves * twice).flatten(1).T.contiguous().to(dtype)
