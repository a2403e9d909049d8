"""Freed memory is used again without the system's help."""

import ctypes
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, torch
from pdekit.train.memory import keep_memory
keep_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
size = int(sys.argv[1])
before = faults()
for _ in range(10):
    torch.ones(size)
print((faults() - before) / (10 * 4 * size / resource.getpagesize()))
"""


KEPT = """
import torch
from pdekit.train.memory import give_back, keep_memory, resident
keep_memory()
none = resident()
held = torch.ones(2**25)
full = resident()
del held
free = resident()
give_back()
print(none, full, free, resident())
"""

GLIBC = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another malloc than glibc's")


@GLIBC
def test_freed_memory_is_resident_until_it_is_given_back() -> None:
    """128 MiB, in a fresh process. Fails if `resident` is another size than that in main memory."""
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    none, full, free, back = (int(word) / 2**20 for word in done.stdout.split())
    assert full - none == pytest.approx(128, abs=8) and free == pytest.approx(full, abs=8)
    assert back == pytest.approx(none, abs=32)


@GLIBC
@pytest.mark.parametrize("size", [2**21, 2**24])
def test_an_array_that_was_freed_is_made_again_without_page_faults(size: int) -> None:
    """The share of its pages, in a fresh process. Fails if arrays are unmapped, or the end of the heap given back."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(size)], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 0.5
