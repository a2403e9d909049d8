"""Shares: which part of a batch is whose."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pdekit.parallel.comm import Comm


def block(count: int, size: int, rank: int) -> range:
    """The places in 0..count-1 that belong to `rank` of `size`: contiguous blocks that differ by at most one."""
    least, larger = divmod(count, size)
    start = rank * least + min(rank, larger)
    return range(start, start + least + (rank < larger))


def share(indices: np.ndarray, comm: "Comm") -> np.ndarray:
    """This rank's part of the global `indices`, possibly empty."""
    mine = block(len(indices), comm.size, comm.rank)
    return indices[mine.start : mine.stop]
