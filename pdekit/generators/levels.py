"""What the generators that go down to coarser grids and up again share."""

from dataclasses import dataclass
from typing import ClassVar

from pdekit import checks
from pdekit.generators.standard import Standard


@dataclass(frozen=True)
class Levels(Standard):
    """`width` channels on the finest grid, doubled on each of `depth` coarser ones up to `widest`."""

    width: int = 16
    depth: int = 4
    widest: int = 128

    hint: ClassVar[str] = "choose a smaller depth"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.settle(
            self,
            width=checks.whole("width", self.width),
            depth=checks.whole("depth", self.depth, most=10),
            widest=checks.whole("widest", self.widest, least=self.width),
        )

    @property
    def widths(self) -> list[int]:
        """Channels on each level, the finest first."""
        return [min(self.width * 2**k, self.widest) for k in range(self.depth + 1)]

    @property
    def least(self) -> int:
        """Down to two nodes on the coarsest level."""
        return 2 ** (self.depth + 1)

    @property
    def multiple(self) -> int:
        """Each level halves."""
        return 2**self.depth
