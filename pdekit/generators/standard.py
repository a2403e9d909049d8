"""What the library's own generators share: coordinates, grids of any size, a last layer that may start at zero."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from pdekit import checks
from pdekit.generators.generator import Generator, NormLayer

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky": lambda: nn.LeakyReLU(0.2),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
NORMS = ("batch", "rank", "instance", "group", "none")
CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


@dataclass(frozen=True, kw_only=True)
class Standard(Generator):
    """`activation` is one of relu, leaky, gelu, silu, tanh; `norm` one of batch, instance, group, none, and rank.

    "rank" is a batch norm that knows the samples of its own rank only, so that results depend on their number: to see
    it go wrong.
    With `coordinates` the network is also shown the x, y, z of each node. `dropout` is the probability that a
    channel of a sample is left out of a training step, behind each block.
    """

    activation: str = "gelu"
    norm: str = "batch"
    coordinates: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        checks.settle(
            self, coordinates=bool(self.coordinates), dropout=checks.fraction("dropout", self.dropout)
        )
        checks.one_of("activation", self.activation, ACTIVATIONS)
        checks.one_of("norm", self.norm, NORMS)

    @property
    def bare(self) -> Self:
        """The same without dropout."""
        return replace(self, dropout=0.0)

    @property
    def multiple(self) -> int:
        """What the sides of a grid are padded to a multiple of."""
        return 1

    @property
    def channels_last(self) -> bool:
        """Whether (B, C, H, W) is kept with the channels of a node side by side, which suits convolutions."""
        return self.norm != "instance"  # which would be slower by more

    def body(self, norm_layer: NormLayer, channels: int, dim: int) -> tuple[nn.Module, int]:
        """The network but for its last layer, and how many channels it returns."""
        raise NotImplementedError

    def build(
        self, norm_layer: NormLayer, channels: int = 1, outputs: int = 1, dim: int = 2, zero: bool = True
    ) -> nn.Module:
        """See `Generator.build`."""
        body, width = self.body(norm_layer, channels + dim * self.coordinates, dim)
        network = _Network(self, body, width, outputs, dim)
        if zero:
            nn.init.zeros_(network.last.weight)
        return network


class _Network(nn.Module):
    """body, and a last layer without bias: where the mean of a residual is zero, a bias's gradient is rounding."""

    def __init__(self, recipe: Standard, body: nn.Module, width: int, outputs: int, dim: int) -> None:
        super().__init__()
        self.recipe, self.body = recipe, body
        self.last = CONVOLUTIONS[dim](width, outputs, 1, bias=False)

    def forward(self, field: Tensor) -> Tensor:
        """field (B, C_in, *grid) -> (B, C_out, *grid)."""
        grid = tuple(field.shape[2:])
        self.recipe.check(grid)
        x = with_coordinates(field) if self.recipe.coordinates else field
        missing = [-n % self.recipe.multiple for n in grid]
        if any(missing):
            x = functional.pad(x, [side for n in reversed(missing) for side in (0, n)], mode="replicate")
        if x.dim() == 4 and self.recipe.channels_last:
            # `contiguous` would leave a single channel as it is, and convolutions would take it for the other layout
            x = x.clone(memory_format=torch.channels_last)
        x = self.last(self.body(x))
        return x[(..., *(slice(n) for n in grid))] if any(missing) else x


def with_coordinates(field: Tensor) -> Tensor:
    """(B, C, *grid) -> (B, C + d, *grid): the field, and x, y, z in [-1, 1]."""
    grid = field.shape[2:]
    axes = [
        torch.linspace(-1, 1, n, dtype=field.dtype).reshape(-1, *(1,) * (len(grid) - 1 - a)).expand(grid)
        for a, n in enumerate(grid)
    ]
    return torch.cat([field, torch.stack(axes[::-1]).expand(len(field), *(-1,) * (1 + len(grid)))], dim=1)
