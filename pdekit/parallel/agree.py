"""What goes wrong on one rank is known to all, before any of them waits for it."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from pdekit.parallel.comm import Comm

LENGTH = 2000  # bytes of a message that the other ranks get
KINDS = {"ValueError": ValueError, "OSError": OSError}
T = TypeVar("T")


def together(comm: Comm, work: Callable[[], T]) -> T:
    """What `work()` returns on this rank, once it is done on all; if it raises on one, then all raise.

    A rank that has an error of its own raises that. The others raise what the first of these says: a ValueError where
    it is one, so that bad input is refused alike everywhere; otherwise an OSError or a RuntimeError with the rank.
    """
    try:
        done = work()
    except Exception as error:
        _compare(comm, _told(comm.rank, error))
        raise
    told = _compare(comm, "")
    if told:
        kind, _, message = told.partition(" ")
        raise KINDS.get(kind, RuntimeError)(message)
    return done


def _compare(comm: Comm, mine: str) -> str:
    """What the first rank that has anything to say says; empty if none has. All ranks make the call."""
    text = mine.encode()[:LENGTH]
    lengths = comm.allgather(np.array([len(text)]))[:, 0]
    if not lengths.any():
        return ""
    first = int(np.flatnonzero(lengths)[0])
    everyone = comm.allgather(np.frombuffer(text.ljust(LENGTH, b"\0"), dtype=np.uint8))
    return everyone[first, : lengths[first]].tobytes().decode(errors="replace")


def _told(rank: int, error: Exception) -> str:
    """The kind of error that the others raise, a blank, and what they say of it."""
    if isinstance(error, ValueError):
        return f"ValueError {error}"
    kind = "OSError" if isinstance(error, OSError) else "RuntimeError"
    return f"{kind} rank {rank}: {type(error).__name__}: {error}"
