"""Averages along a run."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def trailing_mean(loss: ArrayLike, grids: ArrayLike, window: int) -> NDArray[np.float64]:
    """Mean of the last `window` losses (n,), fewer at the start of each of the `grids` (n,): evens out batches."""
    steps = np.arange(len(loss))
    start_of_grid = np.maximum.accumulate(np.where(np.r_[True, np.diff(grids) != 0], steps, 0))
    first = np.maximum(start_of_grid, steps + 1 - window)
    total = np.r_[0.0, np.cumsum(loss)]
    return (total[steps + 1] - total[first]) / (steps + 1 - first)
