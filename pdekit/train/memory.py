"""Memory that is freed stays with the process, so that a step does not fetch it anew from the system, page by page."""

import ctypes

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
