"""Memory that is freed stays with the process, so that a step does not fetch it anew from the system, page by page."""

import ctypes
import resource
import sys
from pathlib import Path

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # parameters of mallopt, from glibc's malloc.h


def keep_memory() -> None:
    """Tell glibc's malloc, for the whole process, to hold on to freed memory; nothing where there is another malloc.

    By default arrays above a limit (at most 32 MiB) are mapped when they are made and unmapped when they are freed,
    and the end of the heap is given back as well: each step then touches pages that the system has to clear first.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_MAX, 0)
        mallopt(TRIM_THRESHOLD, -1)


def give_back() -> None:
    """Hand what is free back to the system: after a run, before another. Nothing where there is another malloc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def resident() -> int:
    """Bytes of this process in main memory: now, which with `keep_memory` is soon the most that a run needs.

    Where the system does not tell (it is not Linux): the most so far.
    """
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on a Mac
