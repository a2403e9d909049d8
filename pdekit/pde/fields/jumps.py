"""Fields that jump: two materials in cells, and inclusions in a background."""

from dataclasses import dataclass

import numpy as np

from pdekit import checks
from pdekit.pde.fields.field import Field, check_indices, nodes, uniforms


@dataclass(frozen=True)
class Checkerboard(Field):
    """`cells` equal cells along each axis, each with the value `low` or `high` at random, even odds.

    The parameters are the values of the cells, (B, cells^dimension), in the order of the grid (x fastest). A node on
    an interface belongs to the cell after it; the last nodes of an axis to the last cell.
    """

    cells: int = 4
    low: float = 0.1
    high: float = 10.0
    dimension: int = 2

    def __post_init__(self) -> None:
        checks.settle(
            self,
            cells=checks.whole("cells", self.cells, most=100),
            low=checks.number("low", self.low),
            high=checks.number("high", self.high),
            dimension=checks.whole("dimension", self.dimension, most=3),
        )

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The one number of axes of these fields."""
        return (self.dimension,)

    @property
    def positive(self) -> bool:
        """Whether both values are above 0."""
        return min(self.low, self.high) > 0

    def parameters(self, indices: np.ndarray, seed: int) -> np.ndarray:
        """Values of the cells of samples `indices` (B,): (B, cells^dimension), `low` or `high`."""
        coins = uniforms(check_indices(indices), self.cells**self.dimension, seed)
        return np.where(coins < 0.5, self.low, self.high)

    def values(self, parameters: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The fields of cell values (B, cells^dimension) at the nodes: (B, *shape)."""
        shape = self.check_shape(shape)
        rows = self.check_rows(parameters, self.cells**self.dimension)
        # In whole numbers: rounding would put a node of an interface in one cell here, in the other on a finer grid.
        at = [np.minimum(np.arange(n) * self.cells // (n - 1), self.cells - 1) for n in shape]
        boards = rows.reshape(len(rows), *(self.cells,) * self.dimension)
        return boards[np.ix_(np.arange(len(rows)), *at)]

    def _other_dimension(self) -> str:
        return ", or Checkerboard(dimension=...)"


@dataclass(frozen=True)
class Inclusions(Field):
    """`count` discs (balls in 3D, intervals in 1D) inside the domain, of another value than the `background`.

    An inclusion has the value `background` times a contrast that is log-uniform in `contrast` (least, most); its radius
    is uniform in `radius` (least, most; in sides of the domain, up to 1/2), and its centre uniform among the places
    where it touches no face from outside. Where two overlap, the later one is on top. The parameters are (x, y, z,
    radius, contrast) of each: (B, 5 count); in 2D z is not used, in 1D neither is y.
    """

    count: int = 3
    radius: tuple[float, float] = (0.08, 0.2)
    background: float = 1.0
    contrast: tuple[float, float] = (0.1, 10.0)

    def __post_init__(self) -> None:
        checks.settle(
            self,
            count=checks.whole("count", self.count, most=10_000),
            radius=_between("radius", self.radius, most=0.5),
            background=checks.positive("background", self.background),
            contrast=_between("contrast", self.contrast, most=np.inf),
        )

    @property
    def positive(self) -> bool:
        """True: a positive background, times positive contrasts."""
        return True

    def parameters(self, indices: np.ndarray, seed: int) -> np.ndarray:
        """(x, y, z, radius, contrast) of each inclusion of samples `indices` (B,): (B, 5 count)."""
        drawn = uniforms(check_indices(indices), 5 * self.count, seed).reshape(-1, self.count, 5)
        radius = self.radius[0] + (self.radius[1] - self.radius[0]) * drawn[:, :, 3:4]
        centre = radius + (1 - 2 * radius) * drawn[:, :, :3]
        low, high = np.log(self.contrast)
        contrast = np.exp(low + (high - low) * drawn[:, :, 4:]).clip(*self.contrast)
        return np.concatenate([centre, radius, contrast], axis=2).reshape(-1, 5 * self.count)

    def values(self, parameters: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The fields of inclusions (B, 5 count) at the nodes: (B, *shape)."""
        shape = self.check_shape(shape)
        rows = self.check_rows(parameters, 5 * self.count)
        axes = nodes(shape)[::-1]  # x, y, z, as the parameters have them
        field = np.full((len(rows), *shape), self.background)
        for one, row in zip(field, rows, strict=True):
            for *centre, radius, contrast in row.reshape(self.count, 5):
                distance = sum(np.square(x - c) for x, c in zip(axes, centre, strict=False))
                one[distance <= radius**2] = self.background * contrast
        return field


def _between(name: str, value: object, most: float) -> tuple[float, float]:
    """`value` as (least, most) of a range of positive numbers up to `most`; ValueError otherwise."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise checks.refuse(name, "two numbers, the least and the most", value, f"give {name}=(0.1, 0.2)")
    low, high = (checks.positive(name, one) for one in value)
    if not low <= high <= most:
        limit = "" if most == np.inf else f", up to {most}"
        raise checks.refuse(name, f"the least, then the most{limit}", value, f"give {name}=(0.1, 0.2)")
    return low, high
