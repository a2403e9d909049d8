"""Communication between ranks: the only door to mpi4py. One process is the case of one rank, not another code path."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pdekit import checks
from pdekit.parallel.serial import Serial
from pdekit.parallel.shares import block

if TYPE_CHECKING:
    from mpi4py import MPI


class Pending(Protocol):
    """A message under way."""

    def poke(self) -> bool:
        """Let it move on, and say at once whether it is there: most MPI libraries work only while they are called."""
        ...

    def wait(self) -> None:
        """Return when it has arrived."""
        ...


class Comm(Protocol):
    """What the rest of the library may ask of the ranks. Arrays are contiguous numpy, torch's memory included.

    All ranks make the same calls in the same order. A *part* of an array is a rank's `shares.block` of it.
    """

    rank: int
    size: int
    seconds: float  # spent in communication, waiting included, since the start
    sent: int  # bytes handed over for communication since the start
    messages: int  # in which they were

    def allreduce(self, array: np.ndarray) -> None:
        """Replace `array` by its sum over the ranks, in place."""
        ...

    def start_allreduce(self, array: np.ndarray) -> Pending:
        """`allreduce` that returns at once; `array` is left alone until the message has arrived."""
        ...

    def allgather(self, array: np.ndarray) -> np.ndarray:
        """(size, *array.shape): the arrays of all ranks, in the order of the ranks."""
        ...

    def reduce_scatter(self, array: np.ndarray) -> np.ndarray:
        """This rank's part of the sum of `array` (n,) over the ranks."""
        ...

    def gather_parts(self, array: np.ndarray) -> None:
        """Fill `array` (n,) in place from the parts of all ranks, of which each has its own: the adjoint."""
        ...

    def exchange(self, array: np.ndarray, partner: int) -> np.ndarray:
        """The array of the rank `partner`, which gets this one's."""
        ...

    def bounce(self, array: np.ndarray, partner: int) -> None:
        """Let `array` of the lower of two ranks travel to the other, and back."""
        ...


class _Ranks:
    """Ranks of an MPI communicator."""

    def __init__(self, mpi: "MPI.Comm", in_place: object) -> None:
        self.rank, self.size = mpi.rank, mpi.size
        self.seconds, self.sent, self.messages = 0.0, 0, 0
        self._mpi, self._in_place = mpi, in_place

    @contextmanager
    def _counted(self, array: np.ndarray) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - start
        self.sent += array.nbytes
        self.messages += 1

    def allreduce(self, array: np.ndarray) -> None:
        with self._counted(array):
            self._mpi.Allreduce(self._in_place, array)

    def start_allreduce(self, array: np.ndarray) -> Pending:
        with self._counted(array):
            return _UnderWay(self, self._mpi.Iallreduce(self._in_place, array))

    def allgather(self, array: np.ndarray) -> np.ndarray:
        gathered = np.empty((self.size, *array.shape), dtype=array.dtype)
        with self._counted(array):
            self._mpi.Allgather(array, gathered)
        return gathered

    def reduce_scatter(self, array: np.ndarray) -> np.ndarray:
        counts = [len(block(len(array), self.size, rank)) for rank in range(self.size)]
        part = np.empty(counts[self.rank], dtype=array.dtype)
        with self._counted(array):
            self._mpi.Reduce_scatter(array, part, counts)
        return part

    def gather_parts(self, array: np.ndarray) -> None:
        blocks = [block(len(array), self.size, rank) for rank in range(self.size)]
        counts, starts = [len(b) for b in blocks], [b.start for b in blocks]
        with self._counted(array[: counts[self.rank]]):
            self._mpi.Allgatherv(self._in_place, [array, counts, starts, array.dtype.char])

    def exchange(self, array: np.ndarray, partner: int) -> np.ndarray:
        other = np.empty_like(array)
        with self._counted(array):
            self._mpi.Sendrecv(array, partner, recvbuf=other, source=partner)
        return other

    def bounce(self, array: np.ndarray, partner: int) -> None:
        with self._counted(array):
            if self.rank > partner:
                self._mpi.Recv(array, partner)
            self._mpi.Send(array, partner)
            if self.rank < partner:
                self._mpi.Recv(array, partner)


class _UnderWay:
    """A request of MPI; the time spent on it is communication."""

    def __init__(self, ranks: _Ranks, request: "MPI.Request") -> None:
        self._ranks, self._request = ranks, request

    def poke(self) -> bool:
        with self._timed():
            return self._request.Test()

    def wait(self) -> None:
        with self._timed():
            self._request.Wait()

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._ranks.seconds += time.perf_counter() - start


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


def library() -> str:
    """The MPI library that mpi4py has loaded, in its own words, one line. Starts MPI."""
    from mpi4py import MPI

    return " ".join(MPI.Get_library_version().split("\n")[0].split())
