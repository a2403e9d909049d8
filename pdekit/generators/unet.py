"""A U-Net (Ronneberger, Fischer and Brox, arXiv:1505.04597), the generator of arXiv:2007.12792."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

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
    """The recipe of a U-Net, (B, 1, H, W) -> (B, 1, H, W), for any H and W that are multiples of 2^depth.

    `width` channels on the finest grid, doubled on each of `depth` coarser ones up to `widest`; `activation`
    is one of relu, leaky, gelu, silu, tanh; `norm` one of batch, instance, group, none. With `coordinates`
    the network is also shown the x and y of each node. The last layer starts at zero, so that training starts
    from the lifting.
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
        return all(n % 2**self.depth == 0 and n >= 2 ** (self.depth + 1) for n in shape)

    def check(self, shape: tuple[int, ...]) -> None:
        """ValueError, naming the nearest sizes that work, if a grid of `shape` does not fit."""
        if self.fits(shape):
            return
        unit, least = 2**self.depth, 2 ** (self.depth + 1)
        nearest = sorted({max(least, n // unit * unit + k * unit) for n in shape for k in (0, 1)})
        expected = f"sides that are multiples of 2^depth = {unit}, at least {least}"
        remedy = (
            f"the nearest sizes that work are {' and '.join(map(str, nearest))} (or choose another depth)"
        )
        raise checks.refuse("resolution", expected, shape, remedy)

    def build(self, norm_layer: NormLayer) -> nn.Module:
        """The network, its norm layers made by `norm_layer(channels)`; random numbers from torch's generator."""
        return _UNet(self, norm_layer)


class _Block(nn.Sequential):
    """Two 3x3 convolutions, (B, C_in, H, W) -> (B, C_out, H, W)."""

    def __init__(self, channels_in: int, channels_out: int, recipe: UNet, norm_layer: NormLayer) -> None:
        layers: list[nn.Module] = []
        for c in (channels_in, channels_out):
            # a bias before a norm cancels, and its gradient, pure rounding, would be blown up by Adam
            layers.append(nn.Conv2d(c, channels_out, 3, padding=1, bias=recipe.norm == "none"))
            layers.append(norm_layer(channels_out))
            layers.append(ACTIVATIONS[recipe.activation]())
        super().__init__(*layers)


class _UNet(nn.Module):
    def __init__(self, recipe: UNet, norm_layer: NormLayer) -> None:
        super().__init__()
        self.recipe = recipe
        widths = [min(recipe.width * 2**k, recipe.widest) for k in range(recipe.depth + 1)]
        first = _Block(3 if recipe.coordinates else 1, widths[0], recipe, norm_layer)
        down = [_Block(a, b, recipe, norm_layer) for a, b in pairwise(widths)]
        self.down = nn.ModuleList([first, *down])
        self.up = nn.ModuleList(_Block(a + b, a, recipe, norm_layer) for a, b in pairwise(widths))
        self.downsample = nn.AvgPool2d(2)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.last = nn.Conv2d(widths[0], 1, 1, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, field: Tensor) -> Tensor:
        """field (B, 1, H, W) -> (B, 1, H, W)."""
        self.recipe.check(tuple(field.shape[-2:]))
        x = _with_coordinates(field) if self.recipe.coordinates else field
        skips = []
        for block in self.down:
            x = block(self.downsample(x) if skips else x)  # (B, width 2^k, H / 2^k, W / 2^k)
            skips.append(x)
        skips.pop()
        for block in reversed(self.up):
            x = block(torch.cat([skips.pop(), self.upsample(x)], dim=1))
        return self.last(x)


def _with_coordinates(field: Tensor) -> Tensor:
    """(B, 1, H, W) -> (B, 3, H, W): the field, and x and y in [-1, 1]."""
    batch, _, height, width = field.shape
    x = torch.linspace(-1, 1, width, dtype=field.dtype).expand(batch, 1, height, width)
    y = torch.linspace(-1, 1, height, dtype=field.dtype)[:, None].expand(batch, 1, height, width)
    return torch.cat([field, x, y], dim=1)
