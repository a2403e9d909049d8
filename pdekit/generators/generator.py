"""The face of a generator's recipe: what an experiment may ask of any of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

from torch import nn

from pdekit import checks

NormLayer = Callable[[int], nn.Module]
"""channels -> a norm of (B, channels, *grid), over the samples of all ranks where it is a batch norm."""


@dataclass(frozen=True)
class Generator:
    """The recipe of a network (B, channels, *grid) -> (B, outputs, *grid): plain values only.

    A recipe is checked when it is made, and builds the same network wherever torch's seed is the same.
    """

    norm: ClassVar[str] = "batch"  # what the norm layer that is passed in has to be
    runs_code: ClassVar[bool] = False  # whether to build it is to run a user's text
    hint: ClassVar[str] = "take a larger grid"
    channels_last: ClassVar[bool] = (
        True  # whether 2D weights, too, lie with the channels of a node side by side
    )

    @property
    def least(self) -> int:
        """Nodes that each side of a grid needs at least."""
        return 1

    @property
    def bare(self) -> Self:
        """The same without what leaves its tensors alone."""
        return self

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether the network takes a grid of `shape`."""
        return all(n >= self.least for n in shape)

    def check(self, shape: tuple[int, ...]) -> None:
        """ValueError, naming the nearest size that works, if a grid of `shape` does not fit."""
        if not self.fits(shape):
            expected = f"sides of at least {self.least} for {self!r}"
            remedy = f"the nearest size that works is {self.least} (or {self.hint})"
            raise checks.refuse("resolution", expected, shape, remedy)

    def try_out(self, channels: int, outputs: int, shapes: tuple[tuple[int, ...], ...]) -> None:
        """ValueError if it cannot be trained on grids of `shapes`, smallest first; the library's own always can."""

    def build(
        self, norm_layer: NormLayer, channels: int = 1, outputs: int = 1, dim: int = 2, zero: bool = True
    ) -> nn.Module:
        """The network from `channels` to `outputs` fields on grids of `dim` axes; its random numbers are torch's.

        Its norm layers are made by `norm_layer(channels)`; with `zero` it starts as the function zero.
        """
        raise NotImplementedError
