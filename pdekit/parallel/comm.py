"""Communication between ranks: the only door to mpi4py. One process is the case of one rank, not another code path."""

import time
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pdekit import checks

if TYPE_CHECKING:
    from mpi4py import MPI


class Comm(Protocol):
    """What the rest of the library may ask of the ranks. Arrays are contiguous numpy, torch's memory included."""

    rank: int
    size: int
    seconds: float  # spent in communication, waiting included, since the start
    sent: int  # bytes handed over for communication since the start

    def allreduce(self, array: np.ndarray) -> None:
        """Replace `array` by its sum over the ranks, in place."""
        ...

    def allgather(self, array: np.ndarray) -> np.ndarray:
        """(size, *array.shape): the arrays of all ranks, in the order of the ranks."""
        ...


class Serial:
    """One rank."""

    rank, size, seconds, sent = 0, 1, 0.0, 0

    def allreduce(self, array: np.ndarray) -> None:
        """The sum over one rank is the array itself."""

    def allgather(self, array: np.ndarray) -> np.ndarray:
        """(1, *array.shape)."""
        return array[None]


class _Ranks:
    """Ranks of an MPI communicator."""

    def __init__(self, mpi: "MPI.Comm", in_place: object) -> None:
        self.rank, self.size = mpi.rank, mpi.size
        self.seconds, self.sent = 0.0, 0
        self._mpi, self._in_place = mpi, in_place

    def allreduce(self, array: np.ndarray) -> None:
        start = time.perf_counter()
        self._mpi.Allreduce(self._in_place, array)
        self.seconds += time.perf_counter() - start
        self.sent += array.nbytes

    def allgather(self, array: np.ndarray) -> np.ndarray:
        start = time.perf_counter()
        gathered = np.empty((self.size, *array.shape), dtype=array.dtype)
        self._mpi.Allgather(array, gathered)
        self.seconds += time.perf_counter() - start
        self.sent += array.nbytes
        return gathered


def World(size: int | None = None) -> Comm | None:  # noqa: N802 (reads as the thing it makes)
    """The first `size` ranks of this MPI world (all by default); None on a rank outside. Starts MPI.

    Only the ranks inside take part in the call. ValueError if there are not that many ranks.
    """
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    size = world.size if size is None else checks.whole("ranks", size, most=world.size)
    if world.rank >= size:
        return None
    if size == 1:
        return Serial()
    return _Ranks(world.Create_group(world.group.Incl(range(size))), MPI.IN_PLACE)
