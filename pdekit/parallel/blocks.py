"""The same bits on any number of ranks: the global batch in a fixed number of blocks, each a rank of its own.

A block has a graph, a copy of the network and a place in the order of all sums, whichever rank hosts it. A rank
computes its blocks one at a time, each in a thread; where a block has to hear from the others (batch norm), it waits,
and the next one goes on until all are there. Gradients are added along a fixed binary tree.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Condition

import numpy as np
import torch
from torch import Tensor

from pdekit import checks
from pdekit.parallel.comm import Comm, Serial
from pdekit.parallel.flat import FlatModule
from pdekit.parallel.reduction import Build, Share, Together
from pdekit.parallel.shares import block
from pdekit.products import Products

COUNT = 8  # blocks, and so the most ranks


class Blocks(Together):
    """Loss, gradient and batch norm with the same bits on 1 to `COUNT` ranks, of any global batch.

    From then on this process computes with one thread: sums, those of its samples too, depend on how many there are.
    """

    def __init__(self, build: Build, comm: Comm, riders: int = 0) -> None:
        checks.whole("ranks with reproducible=True", comm.size, most=COUNT)
        self.comm = comm
        torch.set_num_threads(1)
        self._hosted = block(COUNT, comm.size, comm.rank)
        self._meeting = Meeting(comm, len(self._hosted))
        self.flats: list[FlatModule] = []
        for b in self._hosted:
            module = build(BlockComm(self._meeting, b, b - self._hosted.start))
            like = self.flats[0] if self.flats else None
            self.flats.append(FlatModule(module, riders, like, place=b, places=COUNT))
        self.parameters = self.flats[0].parameters
        self.ride = torch.zeros(riders, dtype=self.parameters.dtype)
        self.riders = self.flats[0].riders
        self.dot = Products()

    def shares(self, indices: np.ndarray) -> list[np.ndarray]:
        """The samples of each block that this rank hosts."""
        return [indices[list(block(len(indices), COUNT, b))] for b in self._hosted]

    def evaluate(self, share: Share, x: Tensor) -> tuple[float, Tensor]:
        """Loss and gradient, the same bits on all ranks and on any number of them."""
        self._go_to(x)

        def work(k: int) -> None:
            torch.set_num_threads(1)  # of this thread: each has its own number
            self.flats[k].backward(share(k), self.ride if k == 0 else None)

        self._meeting.run(work)
        self._add_up([flat.message.numpy() for flat in self.flats])
        return self.flats[0].loss, self.flats[0].gradient

    def _add_up(self, messages: list[np.ndarray]) -> None:
        """The sum over all blocks, in the first message; in place where the ranks split the tree evenly."""
        size = self.comm.size
        if COUNT % size:
            whole = self._meeting.gather(np.stack(messages))
            messages[0][:] = tree([*whole])
            return
        total, step = tree(messages), 1
        while step < size:
            total += self.comm.exchange(total, self.comm.rank ^ step)
            step *= 2


def tree(parts: list[np.ndarray]) -> np.ndarray:
    """The sum of a power of two of arrays, neighbours first, in place of the first."""
    step = 1
    while step < len(parts):
        for k in range(0, len(parts), 2 * step):
            parts[k] += parts[k + step]
        step *= 2
    return parts[0]


class Meeting:
    """Where the blocks of this rank meet, and those of the other ranks."""

    def __init__(self, comm: Comm, count: int) -> None:
        self.comm, self.count = comm, count
        self._turn = Condition()  # held by the block that computes
        self._brought: dict[int, np.ndarray] = {}
        self._found: np.ndarray | None = None
        self._meetings, self._failed = 0, False
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="pdekit-block")

    def run(self, work: Callable[[int], None]) -> None:
        """`work(k)` for each block of this rank, one at a time. Raises what the first that fails raises."""
        self._brought, self._failed = {}, False
        tasks = [self._pool.submit(self._take_turn, work, k) for k in range(self.count)]
        errors = [error for task in tasks if (error := task.exception()) is not None]
        if errors:
            raise next((e for e in errors if not isinstance(e, BrokenMeetingError)), errors[0])

    def _take_turn(self, work: Callable[[int], None], k: int) -> None:
        with self._turn:
            try:
                work(k)
            except BaseException:
                self._failed = True
                self._turn.notify_all()
                raise

    def bring(self, place: int, array: np.ndarray) -> np.ndarray:
        """(COUNT, *array.shape): the arrays of all blocks; waits for those of this rank and of the others."""
        self._brought[place] = array
        if len(self._brought) == self.count:
            self._found = self.gather(np.stack([self._brought[k] for k in range(self.count)]))
            self._brought = {}
            self._meetings += 1
            self._turn.notify_all()
            return self._found
        meeting = self._meetings
        self._turn.wait_for(lambda: self._failed or self._meetings > meeting)
        if self._failed:
            raise BrokenMeetingError("another block of this rank has failed")
        return self._found

    def gather(self, mine: np.ndarray) -> np.ndarray:
        """The arrays (hosted, ...) of all ranks' blocks in the order of the blocks: (COUNT, ...)."""
        counts = [len(block(COUNT, self.comm.size, rank)) for rank in range(self.comm.size)]
        padded = np.concatenate([mine, np.zeros((max(counts) - len(mine), *mine.shape[1:]), mine.dtype)])
        return np.concatenate([of[:n] for of, n in zip(self.comm.allgather(padded), counts, strict=True)])


class BrokenMeetingError(RuntimeError):
    """A block waited for one that has failed."""


class BlockComm(Serial):
    """A block's own view of the ranks: there are `COUNT`, and it is one of them."""

    size = COUNT

    def __init__(self, meeting: Meeting, rank: int, place: int) -> None:
        self.rank, self._meeting, self._place = rank, meeting, place

    def allgather(self, array: np.ndarray) -> np.ndarray:
        """(COUNT, *array.shape)."""
        return self._meeting.bring(self._place, array)

    def allreduce(self, array: np.ndarray) -> None:
        """The sum over the blocks, in their order."""
        array[...] = self._meeting.bring(self._place, array.copy()).sum(axis=0)
