"""The blocks that the convolutional generators are made of."""

from torch import nn

from pdekit.generators.dropout import Dropout
from pdekit.generators.generator import NormLayer
from pdekit.generators.standard import ACTIVATIONS, CONVOLUTIONS, Standard
from pdekit.generators.upsampled import OfUpsampled

POOLS = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}


def convolution(
    channels_in: int, channels_out: int, recipe: Standard, norm_layer: NormLayer, dim: int, dilation: int = 1
) -> list[nn.Module]:
    """A convolution three nodes wide and its norm."""
    # a bias before a norm cancels, and its gradient, pure rounding, would be blown up by Adam
    layer = CONVOLUTIONS[dim](
        channels_in, channels_out, 3, padding=dilation, dilation=dilation, bias=recipe.norm == "none"
    )
    return [layer, norm_layer(channels_out)]


class Block(nn.Sequential):
    """Two convolutions three nodes wide, each with norm and activation: (B, C_in, *grid) -> (B, C_out, *grid).

    With `first` the first one is that of fields from coarser grids, which the block then takes.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        recipe: Standard,
        norm_layer: NormLayer,
        dim: int,
        first: type[OfUpsampled] | None = None,
    ) -> None:
        layers: list[nn.Module] = []
        for c in (channels_in, channels_out):
            layers += convolution(c, channels_out, recipe, norm_layer, dim)
            layers.append(ACTIVATIONS[recipe.activation]())
        if first is not None:
            layers[0] = first(layers[0])
        super().__init__(*layers, *dropout(recipe))


def dropout(recipe: Standard) -> list[nn.Module]:
    """The layer behind a block, where `recipe` asks for it."""
    return [Dropout(recipe.dropout)] if recipe.dropout else []
