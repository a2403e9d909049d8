"""A U-Net (Ronneberger, Fischer and Brox, arXiv:1505.04597), the generator of arXiv:2007.12792."""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from pdekit.generators.blocks import POOLS, Block
from pdekit.generators.generator import NormLayer
from pdekit.generators.levels import Levels
from pdekit.generators.upsampled import OfBoth


@dataclass(frozen=True)
class UNet(Levels):
    """The recipe of a U-Net, (B, C_in, *grid) -> (B, C_out, *grid), on grids of one, two or three axes.

    `width` channels on the finest grid, doubled on each of `depth` coarser ones up to `widest`; `activation`
    is one of relu, leaky, gelu, silu, tanh; `norm` one of batch, instance, group, none. With `coordinates`
    the network is also shown the x, y, z of each node. Sides that are no multiples of 2^depth are padded with
    their last values and cut again. `dropout` is the probability that a channel is left out behind a block.
    """

    def body(self, norm_layer: NormLayer, channels: int, dim: int) -> tuple[nn.Module, int]:
        """See `Standard.body`."""
        return _UNet(self, norm_layer, channels, dim), self.width


class _UNet(nn.Module):
    def __init__(self, recipe: UNet, norm_layer: NormLayer, channels: int, dim: int) -> None:
        super().__init__()
        widths = recipe.widths
        first = Block(channels, widths[0], recipe, norm_layer, dim)
        down = [Block(a, b, recipe, norm_layer, dim) for a, b in pairwise(widths)]
        self.down = nn.ModuleList([first, *down])
        self.up = nn.ModuleList(Block(a + b, a, recipe, norm_layer, dim, OfBoth) for a, b in pairwise(widths))
        self.downsample = POOLS[dim](2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, *grid) -> (B, width, *grid)."""
        skips = []
        for block in self.down:
            x = block(self.downsample(x) if skips else x)  # (B, width 2^k, H / 2^k, W / 2^k)
            skips.append(x)
        skips.pop()
        for block in reversed(self.up):
            x = block((skips.pop(), x))
        return x
