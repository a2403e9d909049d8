"""Checks of the numbers of ranks and bytes that the models are asked about, many at a time."""

import numpy as np
from numpy.typing import ArrayLike

from pdekit import checks


def whole_numbers(name: str, values: ArrayLike) -> np.ndarray:
    """`values` as float64; ValueError unless all are whole numbers, at least 1."""
    p = np.asarray(values, dtype=float)
    wrong = ~((p >= 1) & (p == np.floor(p)) & np.isfinite(p))
    if wrong.any():
        raise checks.refuse(
            name, "whole numbers, at least 1", p[wrong].flat[0].item(), f"give {name}=[1, 2, 4]"
        )
    return p


def sizes(bytes: ArrayLike) -> np.ndarray:
    """`bytes` as float64; ValueError unless all are finite and at least 0."""
    n = np.asarray(bytes, dtype=float)
    wrong = ~((n >= 0) & np.isfinite(n))
    if wrong.any():
        raise checks.refuse(
            "bytes", "finite numbers, at least 0", n[wrong].flat[0].item(), "give bytes=4e6, for instance"
        )
    return n
