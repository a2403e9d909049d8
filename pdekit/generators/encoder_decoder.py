"""An encoder-decoder without skips: all that is known of the input passes through the coarsest grid.

As in Zhu and Zabaras, arXiv:1801.06879, with plain instead of dense blocks. What it can say about the fine grid comes
from its decoder alone, so it is smooth where a U-Net follows its input node by node.
"""

from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from pdekit.generators.blocks import POOLS, Block
from pdekit.generators.generator import NormLayer
from pdekit.generators.levels import Levels
from pdekit.generators.upsampled import OfUpsampled


@dataclass(frozen=True)
class EncoderDecoder(Levels):
    """The recipe of an encoder-decoder, (B, C_in, *grid) -> (B, C_out, *grid), on grids of one to three axes.

    `width` channels on the finest grid, doubled on each of `depth` coarser ones up to `widest`; the other settings are
    those of a `UNet`. Fewer levels than a U-Net: there is no way around the coarsest.
    """

    depth: int = 3

    def body(self, norm_layer: NormLayer, channels: int, dim: int) -> tuple[nn.Module, int]:
        """See `Standard.body`."""
        widths = self.widths
        layers: list[nn.Module] = [Block(channels, widths[0], self, norm_layer, dim)]
        for a, b in pairwise(widths):
            layers += [POOLS[dim](2), Block(a, b, self, norm_layer, dim)]
        for b, a in pairwise(widths[::-1]):
            # names count the places: this is where fields were made finer, and saved networks know it
            layers += [nn.Identity(), Block(b, a, self, norm_layer, dim, OfUpsampled)]
        return nn.Sequential(*layers), self.width
