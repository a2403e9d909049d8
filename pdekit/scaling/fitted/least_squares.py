"""Least squares of relative errors with coefficients that are not below 0: seconds of parts that add up."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

PASSES = 4
HUBER = 1.345  # standard deviations from which on an error counts less than by its square
LEAST = 0.02  # of a time: a standard deviation that is smaller is not told from chance


class Solution(NamedTuple):
    """Coefficients (k,); what each adds (n, k) and the errors (n,), both relative to the sum; the weights (n,)."""

    coefficients: np.ndarray
    columns: np.ndarray
    errors: np.ndarray
    trust: np.ndarray


def relative(columns: np.ndarray, seconds: np.ndarray) -> Solution:
    """The coefficients from 0 on for which columns (n, k) add up to the seconds (n,).

    Errors relative to the measured seconds would prefer what is too short: a few passes find weights by the sum. They
    also take less account of what lies far away, by Huber's weights (1964, Ann. Math. Statist. 35, 73-101): some times
    are those of another program. Lawson and Hanson (1974), Solving Least Squares Problems, chapter 23, by SciPy.
    """
    weights, trust = 1 / seconds, np.ones(len(seconds))
    for _ in range(PASSES):
        weighted = columns * (trust * weights)[:, None]
        norms = np.linalg.norm(weighted, axis=0)
        norms[norms == 0] = 1.0  # a column without a point: nothing of it is used
        coefficients = nnls(weighted / norms, seconds * trust * weights)[0] / norms
        total = np.maximum(columns @ coefficients, 0.1 * seconds)
        weights, logs = 1 / total, np.abs(np.log(seconds / total))
        trust = np.sqrt(
            np.minimum(1, HUBER * max(LEAST, 1.4826 * float(np.median(logs))) / np.maximum(logs, 1e-12))
        )
    errors = (columns @ coefficients - seconds) * weights
    return Solution(coefficients, columns * coefficients * weights[:, None], errors, trust)
