"""A U-Net (Ronneberger, Fischer and Brox, arXiv:1505.04597), the generator of arXiv:2007.12792."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from pdekit import checks

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky": lambda: nn.LeakyReLU(0.2),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
NORMS = ("batch", "instance", "group", "none")
NormLayer = Callable[[int], nn.Module]


@dataclass(frozen=True)
class UNet:
    """The recipe of a U-Net, (B, C_in, *grid) -> (B, C_out, *grid), on grids of one, two or three axes.

    `width` channels on the finest grid, doubled on each of `depth` coarser ones up to `widest`; `activation`
    is one of relu, leaky, gelu, silu, tanh; `norm` one of batch, instance, group, none. With `coordinates`
    the network is also shown the x, y, z of each node. Sides that are no multiples of 2^depth are padded with
    their last values and cut again.
    """

    width: int = 16
    depth: int = 4
    widest: int = 128
    activation: str = "gelu"
    norm: str = "batch"
    coordinates: bool = True

    def __post_init__(self) -> None:
        checks.settle(
            self,
            width=checks.whole("width", self.width),
            depth=checks.whole("depth", self.depth, most=10),
            widest=checks.whole("widest", self.widest, least=self.width),
            coordinates=bool(self.coordinates),
        )
        checks.one_of("activation", self.activation, ACTIVATIONS)
        checks.one_of("norm", self.norm, NORMS)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a grid of `shape` can be halved `depth` times, down to two nodes at least."""
        return all(n >= 2 ** (self.depth + 1) for n in shape)

    def check(self, shape: tuple[int, ...]) -> None:
        """ValueError, naming the nearest size that works, if a grid of `shape` does not fit."""
        if not self.fits(shape):
            least = 2 ** (self.depth + 1)
            remedy = f"the nearest size that works is {least} (or choose a smaller depth)"
            raise checks.refuse(
                "resolution", f"sides of at least {least} for depth {self.depth}", shape, remedy
            )

    def build(
        self, norm_layer: NormLayer, channels: int = 1, outputs: int = 1, dim: int = 2, zero: bool = True
    ) -> nn.Module:
        """The network from `channels` to `outputs` fields on grids of `dim` axes; its random numbers are torch's.

        Its norm layers are made by `norm_layer(channels)`; with `zero` it starts as the function zero.
        """
        network = _UNet(self, norm_layer, channels, outputs, dim)
        if zero:
            nn.init.zeros_(network.last.weight)
        return network


CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
POOLS = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}


class _Block(nn.Sequential):
    """Two convolutions three nodes wide, (B, C_in, *grid) -> (B, C_out, *grid)."""

    def __init__(
        self, channels_in: int, channels_out: int, recipe: UNet, norm_layer: NormLayer, dim: int
    ) -> None:
        layers: list[nn.Module] = []
        for c in (channels_in, channels_out):
            # a bias before a norm cancels, and its gradient, pure rounding, would be blown up by Adam
            layers.append(CONVOLUTIONS[dim](c, channels_out, 3, padding=1, bias=recipe.norm == "none"))
            layers.append(norm_layer(channels_out))
            layers.append(ACTIVATIONS[recipe.activation]())
        super().__init__(*layers)


class _UNet(nn.Module):
    def __init__(self, recipe: UNet, norm_layer: NormLayer, channels: int, outputs: int, dim: int) -> None:
        super().__init__()
        self.recipe = recipe
        widths = [min(recipe.width * 2**k, recipe.widest) for k in range(recipe.depth + 1)]
        first = _Block(channels + dim * recipe.coordinates, widths[0], recipe, norm_layer, dim)
        down = [_Block(a, b, recipe, norm_layer, dim) for a, b in pairwise(widths)]
        self.down = nn.ModuleList([first, *down])
        self.up = nn.ModuleList(_Block(a + b, a, recipe, norm_layer, dim) for a, b in pairwise(widths))
        self.downsample = POOLS[dim](2)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.last = CONVOLUTIONS[dim](widths[0], outputs, 1, bias=False)

    def forward(self, field: Tensor) -> Tensor:
        """field (B, C_in, *grid) -> (B, C_out, *grid)."""
        grid = tuple(field.shape[2:])
        self.recipe.check(grid)
        x = _with_coordinates(field) if self.recipe.coordinates else field
        missing = [-n % 2**self.recipe.depth for n in grid]
        if any(missing):
            x = functional.pad(x, [side for n in reversed(missing) for side in (0, n)], mode="replicate")
        skips = []
        for block in self.down:
            x = block(self.downsample(x) if skips else x)  # (B, width 2^k, H / 2^k, W / 2^k)
            skips.append(x)
        skips.pop()
        for block in reversed(self.up):
            x = block(torch.cat([skips.pop(), self.upsample(x)], dim=1))
        x = self.last(x)
        return x[(..., *(slice(n) for n in grid))] if any(missing) else x


def _with_coordinates(field: Tensor) -> Tensor:
    """(B, C, *grid) -> (B, C + d, *grid): the field, and x, y, z in [-1, 1]."""
    grid = field.shape[2:]
    axes = [
        torch.linspace(-1, 1, n, dtype=field.dtype).reshape(-1, *(1,) * (len(grid) - 1 - a)).expand(grid)
        for a, n in enumerate(grid)
    ]
    return torch.cat([field, torch.stack(axes[::-1]).expand(len(field), *(-1,) * (1 + len(grid)))], dim=1)
