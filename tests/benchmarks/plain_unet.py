"""The U-Net as one writes it with torch's modules alone: what DDP is given, and what ours is checked against."""

from itertools import pairwise

import torch
from torch import Tensor, nn

import pdekit as pk
from pdekit.generators.generator import NormLayer
from pdekit.generators.standard import with_coordinates


def block(channels_in: int, channels_out: int, norm: NormLayer) -> nn.Sequential:
    """Two convolutions, each with norm and activation."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        norm(channels_out),
        nn.GELU(),
        nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
        norm(channels_out),
        nn.GELU(),
    )


class PlainUNet(nn.Module):
    """(B, 1, H, W) -> (B, 1, H, W), with GELU and coordinates, for sides that `recipe` need not pad.

    Its tensors are those of `recipe`'s network. With `memory_format=torch.channels_last` fields and weights are laid
    out as torch advises for CPUs.
    """

    def __init__(
        self, recipe: pk.UNet, norm: NormLayer, memory_format: torch.memory_format = torch.contiguous_format
    ) -> None:
        super().__init__()
        self.memory_format = memory_format
        widths = recipe.widths
        self.down = nn.ModuleList(
            [block(3, widths[0], norm), *(block(a, b, norm) for a, b in pairwise(widths))]
        )
        self.up = nn.ModuleList(block(a + b, a, norm) for a, b in pairwise(widths))
        self.downsample = nn.AvgPool2d(2)
        self.upsample = nn.Upsample(scale_factor=2)
        self.last = nn.Conv2d(widths[0], 1, 1, bias=False)
        self.to(memory_format=memory_format)

    def forward(self, field: Tensor) -> Tensor:
        """field (B, 1, H, W)."""
        x = with_coordinates(field).contiguous(memory_format=self.memory_format)
        skips = []
        for layer in self.down:
            x = layer(self.downsample(x) if skips else x)
            skips.append(x)
        skips.pop()
        for layer in reversed(self.up):
            x = layer(torch.cat([skips.pop(), self.upsample(x)], dim=1))
        return self.last(x)

    def start_like(self, network: nn.Module) -> None:
        """Take the numbers of `network`, ours."""
        state = {name.removeprefix("body."): value for name, value in network.state_dict().items()}
        apart = self.load_state_dict(state, strict=False)
        missing = [name for name in apart.missing_keys if not name.endswith("num_batches_tracked")]
        assert not missing and not apart.unexpected_keys, "another network than the one written here"
