"""Inner products of long vectors, many at a time, added up in float64 whatever the vectors are."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

PIECE = 2**14  # numbers of each vector that are looked at together: they stay in the cache


class Products:
    """The same bits wherever the vectors are the same, and so on every rank.

    `torch.dot` of two float32 vectors is off by 2e-6 of their lengths and depends on where they lie in memory, so that
    two ranks might decide otherwise. Here vectors are looked at in pieces, which are brought to one place first.
    `add_up` sums an array over the ranks, in place, where each of them holds a part of every vector.
    """

    def __init__(self, add_up: Callable[[np.ndarray], None] | None = None) -> None:
        self._add_up = add_up

    def __call__(self, a: Tensor, b: Tensor) -> float:
        """The inner product of a and b, both (P,), as precise as float64."""
        pieces = zip(a.split(PIECE), b.split(PIECE), strict=True)
        return float(self._over_ranks(np.array([sum(float(x.double() @ y.double()) for x, y in pieces)]))[0])

    def of(self, left: Sequence[Tensor], right: Sequence[Tensor], rows: Tensor | None = None) -> np.ndarray:
        """Those of each of `left` with all `rows` (k, P) and each of `right`: (len(left), k + len(right)), float64.

        Vectors (P,). One pass over them, and one message. Inside a piece float32 is added up in float32, to some 1e-7
        of the lengths, and only between pieces in float64: to convert all would take four times as long.
        """
        matrix = left[0].new_empty(0, len(left[0])) if rows is None else rows
        total = np.zeros((len(left), len(matrix) + len(right)))
        for start in range(0, len(left[0]), PIECE):
            some = slice(start, start + PIECE)
            mine = torch.stack([vector[some] for vector in left])
            others = torch.stack([vector[some] for vector in right])
            total[:, : len(matrix)] += (mine @ matrix[:, some].T).numpy()
            total[:, len(matrix) :] += (mine @ others.T).numpy()
        return self._over_ranks(total)

    def _over_ranks(self, total: np.ndarray) -> np.ndarray:
        if self._add_up is not None:
            self._add_up(total)
        return total
