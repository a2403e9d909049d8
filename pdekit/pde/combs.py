"""Systems of a span whose maps look a few nodes far: all local functions at once, many in one array.

Hats of a partition that are far enough apart have images that do not touch: their sum, a comb, is treated as one
function, and in each cell of the partition it is known whose image is meant.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from pdekit.pde.banded import banded, solve
from pdekit.pde.gram import AT_ONCE
from pdekit.pde.partition import Partition, partition
from pdekit.pde.wide import Offset, Wide


@dataclass(frozen=True)
class Combs:
    """The combs of a partition for maps that read across at most one cell on either side."""

    hats: Partition
    values: Tensor  # (Q, *shape)
    numbers: Tensor  # (cells, Q): the hat that is meant, or the number of hats where there is none
    at_nodes: Tensor  # (Q, *shape): the same for the cell that each node is in

    @property
    def count(self) -> int:
        """How many hats there are."""
        return math.prod(self.hats.shape)

    def functions(self, fields: Tensor) -> Tensor:
        """Fields (B, K, C, *shape) times all combs: (B, K Q, C, *shape)."""
        return (fields.unsqueeze(2) * self.values.unsqueeze(1)).flatten(1, 2)

    def apart(self, images: Tensor, basis: int) -> Tensor:
        """The image of each local function: (B, K Q, C, *shape) -> (B, K hats, C, *shape)."""
        images = images.unflatten(1, (basis, -1))
        whole = images.new_zeros(*images.shape[:2], self.count + 1, *images.shape[3:])
        whole.scatter_(2, self.at_nodes.unsqueeze(1).expand_as(images), images)
        return whole[:, :, :-1].flatten(1, 2)

    def system(self, left: Tensor, right: Tensor, r: Tensor, basis: int) -> tuple[Tensor, Tensor]:
        """`sum over nodes of left_f right_g` and `- sum of left_f r`: (B, K hats, K hats) and (B, K hats), float64.

        left and right (B, K Q, C, *shape) are images of combs, r is (B, C, *shape).
        """
        own = self.hats.edge_window(left, (0,) * len(self.hats.shape)).flatten(3)  # (B, cells, K Q, C window)
        other = own if right is left else self.hats.window(right).flatten(3)
        places, size = self._places(basis), basis * self.count
        none = places == size
        flat = torch.where(
            none[:, :, None] | none[:, None], size**2, places[:, :, None] * size + places[:, None]
        )
        matrix = torch.zeros(len(left), size**2 + 1, dtype=torch.float64)
        matrix.index_add_(1, flat.flatten(), torch.matmul(own, other.mT).flatten(1).double())
        rhs = torch.zeros(len(left), size + 1, dtype=torch.float64)
        moments = torch.matmul(own, self.hats.window(r.unsqueeze(1)).flatten(2).unsqueeze(3))
        rhs.index_add_(1, places.flatten(), moments.flatten(1).double())
        return matrix[:, :-1].view(-1, size, size), -rhs[:, :-1]

    def _places(self, basis: int) -> Tensor:
        """The number of each local function in each cell, K hats where there is none: (cells, K Q)."""
        k = torch.arange(basis)[None, :, None] * self.count
        return torch.where(
            self.numbers[:, None] < self.count, k + self.numbers[:, None], basis * self.count
        ).flatten(1)


def best(functions: Tensor, span: Combs, curvature: Wide, slope: Tensor) -> Tensor:
    """Coefficients a (B, K, *hats) of the least `1/2 a^T A a + slope^T phi a` with `A = phi^T curvature phi`."""
    basis = functions.shape[1]
    slope = slope.view(len(slope), *functions.shape[2:])

    def system(some: slice) -> tuple[Tensor, Tensor]:
        phi = span.functions(functions[some])
        return span.system(phi, curvature.of(some).product(phi), slope[some], basis)

    return solved(system, functions, span)


def solved(system: Callable[[slice], tuple[Tensor, Tensor]], functions: Tensor, span: Combs) -> Tensor:
    """Solutions (B, K, *hats) of the systems (matrix, right side) of some samples at a time."""
    at_once = max(1, AT_ONCE // (functions[0].numel() * len(span.values)))
    found = []
    for start in range(0, len(functions), at_once):
        matrix, rhs = system(slice(start, start + at_once))
        found.append(solve(banded(matrix), rhs))
    a = torch.cat(found)
    return a.view(len(a), functions.shape[1], *span.hats.shape).to(functions.dtype)


def fitting(shape: tuple[int, ...], cells: int, offsets: tuple[Offset, ...]) -> int:
    """How many cells a side, at most `cells`, are large enough for maps of these `offsets`."""
    furthest = [max(1, *(abs(o[axis]) for o in offsets)) for axis in range(len(shape))]
    return max(1, min(cells, *((n - 1) // far for n, far in zip(shape, furthest, strict=True))))


@lru_cache(maxsize=16)
def combs(shape: tuple[int, ...], cells: int, offsets: tuple[Offset, ...], dtype: torch.dtype) -> Combs:
    """The combs of the partition of a grid of `shape` with `cells` cells a side, for maps of these `offsets`."""
    hats = partition(shape, cells, (), dtype)
    values, numbers, at_nodes = [], [], []
    for axis, of_axis in enumerate(hats.values):
        # a cell has its first node and not its last, which its nodes may read all the same
        behind, ahead = any(o[axis] < 0 for o in offsets), any(o[axis] > 1 for o in offsets)
        kinds, count = 2 + behind + ahead, len(of_axis)
        values.append(torch.stack([of_axis[q::kinds].sum(dim=0) for q in range(kinds)], dim=1))
        first = torch.arange(count - 1)[:, None] - int(behind)  # the hats of a cell are first, first + 1, ...
        meant = first + (torch.arange(kinds) - first) % kinds  # (cells, kinds)
        numbers.append(torch.where((meant < 0) | (meant >= count), count, meant))
        starts = hats.nodes[axis][:, 0].contiguous()
        at_nodes.append(numbers[-1][torch.searchsorted(starts, torch.arange(shape[axis]), right=True) - 1])
    whole = values[0]
    for one in values[1:]:
        whole = (whole[:, None, :, None] * one[None, :, None, :]).flatten(2, 3).flatten(0, 1)  # (nodes, Q)
    return Combs(
        hats,
        whole.T.reshape(-1, *shape),
        _numbers(numbers, hats.shape),
        _numbers(at_nodes, hats.shape).T.reshape(-1, *shape),
    )


def _numbers(axes: list[Tensor], counts: tuple[int, ...]) -> Tensor:
    """Numbers among all hats of those along the axes, (X, kinds) each: (all X, Q); the count of hats for none."""
    whole, none = torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, 1, dtype=torch.bool)
    for one, count in zip(axes, counts, strict=True):
        whole = (whole[:, None, :, None] * count + one[None, :, None, :]).flatten(2, 3).flatten(0, 1)
        none = (none[:, None, :, None] | (one == count)[None, :, None, :]).flatten(2, 3).flatten(0, 1)
    return torch.where(none, math.prod(counts), whole)
