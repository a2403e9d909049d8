"""The coarse partition of unity of the Galerkin head: hats on few cells, whose corners are nodes of the grid."""

import math
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import product

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Partition:
    """Hats h_j on a grid: products of piecewise linear functions of one coordinate, which add up to 1 everywhere.

    A *cell* of the partition is a window of the grid, all windows of the same size; where a cell is smaller, its window
    hangs over into the next, and what lies there is not its own.
    """

    values: tuple[Tensor, ...]  # (hats, nodes) along each axis
    local: Tensor  # (cells, 2^d, *window): the 2^d hats of each cell in its window, zero elsewhere
    numbers: Tensor  # (cells, 2^d): which of all hats they are
    nodes: tuple[Tensor, ...]  # (cells along the axis, window) along each axis: the nodes of the windows
    around: bool  # whether the first axis is periodic
    own: tuple[
        tuple[Tensor, Tensor], ...
    ]  # along each axis, for nodes and for steps between them: 1 where the cell's own

    @property
    def shape(self) -> tuple[int, ...]:
        """How many hats along each axis."""
        return tuple(len(v) for v in self.values)

    @property
    def rows(self) -> int:
        """How many rows of hats there are that meet their neighbours only: one, if the first axis is periodic."""
        return 1 if self.around else self.shape[0]

    def places(self, basis: int) -> Tensor:
        """Where the products of each cell's local functions belong among the blocks of `gram`, flat: (cells F F,).

        First the blocks on the diagonal, then those below it, then a last one for what lies above it.
        """
        in_row = math.prod(self.shape) // self.rows
        size = basis * in_row
        row, place = self.numbers // in_row, self.numbers % in_row  # (cells, 2^d)
        row = row[:, None, :].expand(-1, basis, -1).flatten(1)
        place = (torch.arange(basis)[None, :, None] * in_row + place[:, None, :]).flatten(1)  # (cells, F)
        left, right = row[:, :, None], row[:, None, :]
        above = torch.full_like(left - right, 2 * self.rows - 1)
        block = torch.where(left == right, left, torch.where(left > right, self.rows + right, above))
        return (block * size**2 + place[:, :, None] * size + place[:, None, :]).flatten()

    def window(self, functions: Tensor) -> Tensor:
        """(B, K, C, *shape) -> (B, cells, K, C, *window)."""
        return self._cut(functions, self.nodes)

    def edge_window(self, edges: Tensor, direction: tuple[int, ...]) -> Tensor:
        """Edge weights in `direction` (B, ..., *edges) -> (B, cells, ..., *edges of a window); an edge in one cell."""
        indices, own = [], []
        for nodes, (of_nodes, of_steps), d, n in zip(
            self.nodes, self.own, direction, edges.shape[-len(direction) :], strict=True
        ):
            indices.append((nodes[:, :-1] if d else nodes).clamp(max=n - 1))
            own.append(of_steps if d else of_nodes)
        cut = self._cut(edges, tuple(indices))
        mask = reduce(_outer, own)
        return cut * mask.view(len(mask), *(1,) * (cut.dim() - 1 - mask.dim()), *mask.shape[1:])

    @staticmethod
    def _cut(array: Tensor, indices: tuple[Tensor, ...]) -> Tensor:
        """Windows of the last axes of `array` (B, ..., *grid): (B, cells, ..., *window)."""
        dim = len(indices)
        lead = array.dim() - dim
        for k, index in enumerate(indices):
            axis = lead + 2 * k
            array = array.index_select(axis, index.flatten()).unflatten(axis, tuple(index.shape))
        order = [0, *range(lead, lead + 2 * dim, 2), *range(1, lead), *range(lead + 1, lead + 2 * dim, 2)]
        return array.permute(order).flatten(1, dim)


def _outer(mask: Tensor, one: Tensor) -> Tensor:
    """(cells, *window) and (cells along one more axis, n) -> (all cells, *window, n)."""
    whole = torch.tensordot(mask, one, dims=0)  # (cells, *window, more, n)
    return whole.movedim(-2, 1).flatten(0, 1)


@lru_cache(maxsize=16)
def partition(shape: tuple[int, ...], cells: int, periodic: tuple[int, ...], dtype: torch.dtype) -> Partition:
    """The partition of a grid of `shape` with `cells` cells along each axis; `periodic` axes count from the last."""
    values, local, numbers, nodes, own = [], [], [], [], []
    for axis, n in enumerate(shape):
        count = min(cells, n - 1)
        corners = np.rint(np.linspace(0, n - 1, count + 1)).astype(int)
        size = int(np.diff(corners).max())
        window = np.minimum(corners[:-1, None] + np.arange(size + 1), n - 1)
        hats = np.stack([np.interp(np.arange(n), corners, np.eye(count + 1)[j]) for j in range(count + 1)])
        inside = np.arange(size + 1) <= np.diff(corners)[:, None]
        of_cell = np.stack(
            [hats[j : j + 2, window[j]] * inside[j] for j in range(count)]
        )  # (cells, 2, window)
        number = np.arange(count)[:, None] + np.arange(2)
        if axis - len(shape) in periodic:
            hats = np.concatenate([hats[:1] + hats[-1:], hats[1:-1]])
            number %= count
        steps = np.arange(size) < np.diff(corners)[:, None]
        of_nodes = np.arange(size + 1) < np.diff(corners)[:, None]
        of_nodes[-1, corners[-1] - corners[-2]] = True
        values.append(torch.tensor(hats, dtype=dtype))
        nodes.append(torch.tensor(window))
        own.append((torch.tensor(of_nodes, dtype=dtype), torch.tensor(steps, dtype=dtype)))
        local.append(of_cell)
        numbers.append((number, len(hats)))
    dim = len(shape)
    letters = "xyz"[:dim]
    whole_local, whole_numbers = [], []
    for cell in product(*(range(len(one)) for one in local)):
        parts = [local[a][cell[a]] for a in range(dim)]  # (2, window) each
        spec = ",".join(f"{p}{x}" for p, x in zip("abc", letters, strict=False)) + f"->{'abc'[:dim]}{letters}"
        whole_local.append(np.einsum(spec, *parts).reshape(2**dim, *(p.shape[1] for p in parts)))
        numbered = np.zeros((1,), dtype=int)
        for a in range(dim):
            number, total = numbers[a]
            numbered = (numbered[:, None] * total + number[cell[a]][None]).ravel()
        whole_numbers.append(numbered)
    return Partition(
        tuple(values),
        torch.tensor(np.stack(whole_local), dtype=dtype),
        torch.tensor(np.stack(whole_numbers)),
        tuple(nodes),
        -len(shape) in periodic,
        tuple(own),
    )
