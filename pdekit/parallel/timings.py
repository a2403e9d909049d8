"""What messages take between these ranks, by trying."""

import time
from collections.abc import Callable

import numpy as np

from pdekit import checks
from pdekit.parallel.comm import Comm

SECONDS = 0.03  # of one size
WARM = 3  # calls that are dropped: buffers are touched, connections made
LEAST, MOST = 3, 200  # calls that count


def ping_pong(comm: Comm, bytes: int, partner: int = 1, seconds: float = SECONDS) -> float:
    """Half the time in which `bytes` travel from rank 0 to `partner` and back, the same on both.

    Measured as for `allreduce_seconds`; here only these two ranks make the call. ValueError where there is no such
    rank, or for bytes that are not whole float32 numbers.
    """
    array = _buffer(bytes)
    if comm.size < 2:
        raise checks.refuse("ping-pong", "two ranks", comm.size, "start at least two: mpiexec -n 2")
    partner = checks.whole("partner", partner, most=comm.size - 1)
    return _median(comm, lambda: comm.bounce(array, partner if comm.rank == 0 else 0), seconds, partner) / 2


def allreduce_seconds(comm: Comm, bytes: int, seconds: float = SECONDS) -> float:
    """What an allreduce of `bytes` in float32 takes: the median of 3 to 200 calls on the slowest rank, same on all.

    As many calls as fit into about `seconds`, after some that warm up. They follow each other without a barrier, as
    those of a step do. All ranks make the call. ValueError for bytes that are not whole float32 numbers.
    """
    array = _buffer(bytes)
    return _median(comm, lambda: comm.allreduce(array), seconds)


def _buffer(bytes: int) -> np.ndarray:
    if checks.whole("bytes", bytes) % 4:
        raise checks.refuse("bytes", "a multiple of 4, float32 numbers", bytes, f"give {-(-bytes // 4) * 4}")
    return np.zeros(bytes // 4, dtype=np.float32)


def _median(comm: Comm, call: Callable[[], None], seconds: float, partner: int | None = None) -> float:
    first = _slowest(comm, min(_timed(call, WARM)), partner)
    times = _timed(call, int(np.clip(seconds / max(first, 1e-7), LEAST, MOST)))
    return _slowest(comm, float(np.median(times)), partner)


def _timed(call: Callable[[], None], count: int) -> list[float]:
    times = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def _slowest(comm: Comm, mine: float, partner: int | None) -> float:
    """The larger of what the ranks say, the same on all: of rank 0 and `partner` where there is one."""
    if partner is None:
        return float(comm.allgather(np.array([mine])).max())
    other = comm.exchange(np.array([mine]), partner if comm.rank == 0 else 0)
    return max(mine, float(other[0]))
