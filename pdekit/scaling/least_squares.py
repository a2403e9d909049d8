"""Least squares of relative errors with coefficients that are not below 0: seconds of parts that add up."""

import numpy as np
from scipy.optimize import nnls

PASSES = 3


def relative(columns: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients (k,) of columns (n, k); what each adds (n, k), and the errors (n,), relative to their sum.

    Errors relative to the measured seconds (n,) would prefer what is too short: a few passes find weights by the sum.
    Lawson and Hanson (1974), Solving Least Squares Problems, chapter 23, by SciPy.
    """
    weights = 1 / seconds
    for _ in range(PASSES):
        weighted = columns * weights[:, None]
        norms = np.linalg.norm(weighted, axis=0)
        norms[norms == 0] = 1.0  # a column without a point: nothing of it is used
        coefficients = nnls(weighted / norms, seconds * weights)[0] / norms
        weights = 1 / np.maximum(columns @ coefficients, 0.1 * seconds)
    return (
        coefficients,
        columns * coefficients * weights[:, None],
        (columns @ coefficients - seconds) * weights,
    )
