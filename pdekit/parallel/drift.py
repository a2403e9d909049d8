"""Replicas that should be the same bits: a number that says so, and that fits into a message of floats."""

import numpy as np
import torch
from torch import Tensor


class DriftError(RuntimeError):
    """The ranks no longer have the same parameters."""


def checksum(x: Tensor) -> float:
    """The bits of x (P,), as whole numbers, summed modulo the largest that its dtype holds exactly."""
    bits = x.detach().view(torch.int32 if x.dtype == torch.float32 else torch.int64)
    return float(int(bits.sum(dtype=torch.int64)) % int(1 / torch.finfo(x.dtype).eps))


def compare(checksums: np.ndarray, step: int) -> None:
    """DriftError, on every rank, if those of the ranks (size,) differ; it names the ranks that are fewer."""
    values, counts = np.unique(checksums, return_counts=True)
    if len(values) == 1:
        return
    astray = np.flatnonzero(checksums != values[counts.argmax()])
    ranks = f"rank{'s' if len(astray) > 1 else ''} {', '.join(map(str, astray))}"
    if 2 * len(astray) >= len(checksums):
        ranks = f"the ranks (checksums {', '.join(f'{c:.0f}' for c in checksums)})"
    raise DriftError(
        f"step {step}: expected the same parameters on all ranks, got others on {ranks}; resume from the last "
        "checkpoint, and look for what a rank does alone"
    )
