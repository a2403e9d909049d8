"""Freed memory is used again without the system's help."""

import ctypes
import resource

import pytest
import torch

from pdekit.train.memory import keep


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another malloc than glibc's")
def test_a_large_array_that_was_freed_is_made_again_without_page_faults() -> None:
    """Half of the pages, so that one may find its place. Fails if arrays are unmapped, or the end is given back."""
    keep()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.ones(2**24)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert faults < 8 * 2**26 / resource.getpagesize() / 2
