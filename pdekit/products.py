"""Inner products of long vectors, many at a time, in float64 whatever the vectors are."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

PIECE = 2**14  # numbers of each vector that are looked at together: they stay in the cache


class Products:
    """The same bits wherever the vectors are the same, and so on every rank.

    `torch.dot` of two float32 vectors is off by 2e-6 of their lengths and depends on where they lie in memory, so that
    two ranks might decide otherwise. Here each piece of the vectors is first brought to one place, as float64.
    `add_up` sums an array over the ranks, in place, where each of them holds a part of every vector.
    """

    def __init__(self, add_up: Callable[[np.ndarray], None] | None = None) -> None:
        self._add_up = add_up

    def __call__(self, a: Tensor, b: Tensor) -> float:
        """The inner product of a and b, both (P,)."""
        return float(self.of([a], [b])[0, 0])

    def of(self, left: Sequence[Tensor], right: Sequence[Tensor]) -> np.ndarray:
        """Those of each of `left` with each of `right`, vectors (P,): (len(left), len(right)), float64.

        One pass over the vectors, a vector that is in both is read once; one message.
        """
        vectors = list({id(v): v for v in (*left, *right)}.values())
        place = {id(v): k for k, v in enumerate(vectors)}
        rows, columns = ([place[id(v)] for v in side] for side in (left, right))
        length = len(vectors[0])
        piece = torch.empty(len(vectors), min(PIECE, max(length, 1)), dtype=torch.float64)
        total = np.zeros((len(left), len(vectors)))
        for start in range(0, length, PIECE):
            stop = min(start + PIECE, length)
            some = piece[:, : stop - start]
            for row, vector in zip(some, vectors, strict=True):
                row.copy_(vector[start:stop])
            total += (some[rows] @ some.T).numpy()
        total = np.ascontiguousarray(total[:, columns])
        if self._add_up is not None:
            self._add_up(total)
        return total
