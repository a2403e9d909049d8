"""A residual network (He, Zhang, Ren and Sun, arXiv:1512.03385) on the finest grid alone.

An elliptic solution depends on its coefficient everywhere, so each node has to see the whole grid. Without coarser
grids that is what dilation is for (Yu and Koltun, arXiv:1511.07122): the spacing of a block's stencils doubles
from block to block, 1, 2, 4, ..., and begins anew.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from pdekit import checks
from pdekit.generators.blocks import convolution, dropout
from pdekit.generators.generator import NormLayer
from pdekit.generators.standard import ACTIVATIONS, CONVOLUTIONS, Standard


@dataclass(frozen=True)
class ResNet(Standard):
    """The recipe of a residual network, (B, C_in, *grid) -> (B, C_out, *grid), on grids of one to three axes.

    `blocks` residual blocks of two convolutions with `width` channels, dilated by 1, 2, 4, ... up to `dilation` and
    then from 1 on again: with the defaults a node sees 65 others in each direction, all of a 64 x 64 grid. The
    spacing is in nodes, so on a grid twice as fine it is half as long. The other settings are those of a `UNet`.
    """

    width: int = 16
    blocks: int = 6
    dilation: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.settle(
            self,
            width=checks.whole("width", self.width),
            blocks=checks.whole("blocks", self.blocks),
            dilation=checks.whole("dilation", self.dilation),
        )

    @property
    def dilations(self) -> list[int]:
        """The spacing of each block's stencils: powers of two up to `dilation`, again and again."""
        cycle = self.dilation.bit_length()
        return [2 ** (k % cycle) for k in range(self.blocks)]

    def body(self, norm_layer: NormLayer, channels: int, dim: int) -> tuple[nn.Module, int]:
        """See `Standard.body`."""
        lifting = CONVOLUTIONS[dim](channels, self.width, 3, padding=1)
        blocks = [_Residual(self, norm_layer, dim, d) for d in self.dilations]
        return nn.Sequential(lifting, *blocks), self.width


class _Residual(nn.Module):
    """x + two convolutions of x, the activation after the sum."""

    def __init__(self, recipe: ResNet, norm_layer: NormLayer, dim: int, dilation: int) -> None:
        super().__init__()
        first, second = (
            convolution(recipe.width, recipe.width, recipe, norm_layer, dim, dilation) for _ in range(2)
        )
        self.change = nn.Sequential(*first, ACTIVATIONS[recipe.activation](), *second)
        self.end = nn.Sequential(ACTIVATIONS[recipe.activation](), *dropout(recipe))

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, *grid) -> (B, width, *grid)."""
        return self.end(x + self.change(x))
