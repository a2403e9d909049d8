"""The coarse partition of unity of the Galerkin head: hats on few cells, whose corners are nodes of the grid."""

import math
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import product

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)  # one of a kind, see `partition`
class Partition:
    """Hats h_j on a grid: products of piecewise linear functions of one coordinate, which add up to 1 everywhere.

    A *cell* of the partition is a window of the grid, all windows of the same size; where a cell is smaller, its window
    hangs over into the next, and what lies there is not its own.
    """

    values: tuple[Tensor, ...]  # (hats, nodes) along each axis
    local: Tensor  # (cells, 2^d, *window): the 2^d hats of each cell in its window, zero elsewhere
    numbers: Tensor  # (cells, 2^d): which of all hats they are
    nodes: tuple[Tensor, ...]  # (cells along the axis, window) along each axis: the nodes of the windows
    own: tuple[
        tuple[Tensor, Tensor], ...
    ]  # along each axis, for nodes and for steps between them: 1 where the cell's own

    @property
    def shape(self) -> tuple[int, ...]:
        """How many hats along each axis."""
        return tuple(len(v) for v in self.values)

    def window(self, functions: Tensor) -> Tensor:
        """(B, K, C, *shape) -> (B, cells, K, C, *window)."""
        return self._cut(functions, self.nodes)

    def edge_window(self, edges: Tensor, direction: tuple[int, ...]) -> Tensor:
        """Edge weights in `direction` (B, ..., *edges) -> (B, cells, ..., *edges of a window); an edge in one cell."""
        indices = tuple(
            (nodes[:, :-1] if d else nodes).clamp(max=n - 1)
            for nodes, d, n in zip(self.nodes, direction, edges.shape[-len(direction) :], strict=True)
        )
        cut, mask = self._cut(edges, indices), _own(self, direction)
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


@lru_cache(maxsize=64)
def places(hats: Partition, basis: int) -> tuple[int, int, Tensor]:
    """Where the products of each cell's local functions belong in the bands of `gram`, flat: (cells F F,).

    With the number of local functions and the width of the band, before it. What lies above the diagonal goes to one
    place behind the bands.
    """
    number = hats.numbers[:, None, :] * basis + torch.arange(basis)[None, :, None]  # (cells, basis, 2^d)
    number = number.flatten(1)  # (cells, F)
    row, column = number[:, :, None], number[:, None, :]
    n, width = basis * math.prod(hats.shape), int((row - column).max()) + 1
    return n, width, torch.where(row >= column, column * width + row - column, n * width).flatten()


@lru_cache(maxsize=64)
def _own(hats: Partition, direction: tuple[int, ...]) -> Tensor:
    """1 at the edges in `direction` that are a cell's own, 0 at the others of its window: (cells, *edges)."""
    return reduce(
        _outer,
        [of_steps if d else of_nodes for (of_nodes, of_steps), d in zip(hats.own, direction, strict=True)],
    )


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
        tuple(own),
    )
