"""Checkpoints of a run: when one is taken, how the ranks learn that all have written it, and which are kept.

A step waits only while tensors are copied; a thread of each rank writes. How far it is rides along with the loss, so
that all ranks know at the same step, without a message more. Then rank 0 renames the folder. By then the loss at those
parameters is known, too: a run that diverges leaves none that does.
"""

import errno
import os
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pdekit import checks
from pdekit.parallel import Comm
from pdekit.parallel.agree import together
from pdekit.train.checkpoint import Checkpoint, name_of
from pdekit.train.hold import Hold
from pdekit.train.shelf import Shelf
from pdekit.train.snapshot import take
from pdekit.train.writer import part_of, publish, tidy, write

if TYPE_CHECKING:
    from pdekit.train.solver import Solver

WRITING, WRITTEN, FAILED = 0, 1, 2  # what a rank says; FAILED + the system's number of the error

TAKEN = "another run that holds the folder, or nobody, as .held is gone"


class CheckpointError(OSError):
    """A checkpoint was not written, on all ranks at the same step; the solver and earlier checkpoints are whole."""


class Checkpoints:
    """Those of one solver, in `folder` (None: none), one every `every` steps and at the end.

    The last `keep` and the best stay. ValueError for a folder that has the checkpoints of another run. From the first
    step to the last one no other run may write there, see `hold`.
    """

    def __init__(self, comm: Comm, folder: str | Path | None, every: int, keep: int) -> None:
        self.comm, self.folder = comm, None
        self.every, self.keep = checks.whole("every", every), checks.whole("keep", keep)
        self.stopping = self.stopped = False  # this rank wishes to end; all ranks end
        self.latest: Path | None = None  # the last that has appeared
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pdekit-checkpoint")
        self._jobs: list[Future] = []
        self._flying: Checkpoint | None = None  # not all ranks are known to have written it
        self._due, self._since = False, 0
        self._shelf = Shelf(self.keep)  # rank 0 only
        self._hold: Hold | None = None  # rank 0 only
        self._key = ""  # of it, on all ranks
        if folder is not None:
            self._use(Path(folder).absolute())

    def says(self) -> list[float]:
        """What this rank sends along with the next loss (size + 1,): how far its writer is, and its wish to end.

        Before the first step, ValueError if another run holds the folder.
        """
        self.claim()
        slots = [0.0] * (self.comm.size + 1)
        slots[self.comm.rank], slots[-1] = self._status(), self.stopping
        return slots

    def claim(self) -> None:
        """Hold the folder from now on; asks all ranks, once. ValueError on all of them if another run does."""
        if self.folder is None or self._key:
            return
        self._hold = together(self.comm, self._take if self.comm.rank == 0 else lambda: None)
        mine = np.frombuffer(bytes.fromhex(self._hold.key if self._hold else "00" * 8), dtype=np.uint8)
        self._key = self.comm.allgather(mine)[0].tobytes().hex()

    def release(self) -> None:
        """Leave the folder to others."""
        if self._hold is not None:
            self._hold.release()
        self._hold, self._key = None, ""

    def after(self, solver: "Solver", heard: list[float]) -> None:
        """After a step: take note of what all ranks said (size + 1,), take a checkpoint if it is time for one.

        CheckpointError if a rank could not write the last one.
        """
        self.stopped = heard[-1] > 0
        self._due |= len(solver.history) % self.every == 0
        self._hear(heard[:-1])
        if self.folder is None:
            return
        if solver.done or self.stopped:
            self.now(solver)
            self.release()
        elif self._due and self._flying is None:  # a slow disk makes them rarer, not the steps slower
            self._begin(solver)

    def now(self, solver: "Solver", folder: str | Path | None = None) -> Path:
        """Write one, from now on to `folder` if given, and wait until it is there; asks all ranks."""
        self.flush()
        if folder is not None and Path(folder).absolute() != self.folder:
            self._use(Path(folder).absolute())
        if self.folder is None:
            raise checks.refuse("checkpoint", "a folder", None, "give solver.checkpoint('folder')")
        if self.latest != self.folder / name_of(len(solver.history)):
            self.claim()
            self._begin(solver)
            self.flush()
        return self.latest

    def flush(self) -> None:
        """Wait until what is being written is there, or CheckpointError; asks all ranks."""
        for _ in range(2):  # then for rank 0, which lets it appear
            wait(self._jobs)
            self._hear(self.comm.allgather(np.array([float(self._status())]))[:, 0].tolist())

    def go_on(self, checkpoint: Checkpoint) -> None:
        """After a resume from `checkpoint`: in its folder, at its pace."""
        self.folder, self.latest = checkpoint.path.parent, checkpoint.path
        self.every, self.keep, self._since = checkpoint.every, checkpoint.keep, checkpoint.step
        self._shelf = Shelf(self.keep)
        if self.comm.rank == 0:
            self._shelf.find(self.folder, checkpoint.step)

    def _use(self, folder: Path) -> None:
        if Checkpoint.paths(folder):
            raise _occupied(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise checks.refuse(
                "checkpoints", "a folder that can be made", str(folder), str(error)
            ) from error
        self.release()
        self.folder, self.latest, self._shelf = folder, None, Shelf(self.keep)

    def _take(self) -> Hold:
        try:
            hold = Hold(self.folder)
        except OSError as error:
            expected = "a folder that can be written"
            raise checks.refuse("checkpoints", expected, str(self.folder), str(error)) from error
        if self.latest is None and Checkpoint.paths(self.folder):  # of a run that came and went since `_use`
            hold.release()
            raise _occupied(self.folder)
        return hold

    def _begin(self, solver: "Solver") -> None:
        tensors, self._flying = take(solver, self.folder, self._since)
        self._due, self._since = False, self._flying.step
        self._jobs.append(self._pool.submit(write, self._flying, self.comm.rank, tensors, self._key))

    def _status(self) -> int:
        error = self._error()
        if error is not None:
            return FAILED + ((error.errno or 0) if isinstance(error, OSError) else 0)
        return WRITTEN if self._flying is not None and all(job.done() for job in self._jobs) else WRITING

    def _error(self) -> BaseException | None:
        """What this rank's first job that failed has raised."""
        raised = (job.exception() for job in self._jobs if job.done())
        return next((error for error in raised if error is not None), None)

    def _hear(self, said: list[float]) -> None:
        """Act on what all ranks said (size,), the same everywhere."""
        if max(said) >= FAILED:
            error = self._error()
            raise self._failure(said) from error
        if self._flying is None or min(said) != WRITTEN:
            return
        flying, self._flying, self._jobs = self._flying, None, []
        self.latest = flying.path
        if self.comm.rank == 0:
            self._jobs = [self._pool.submit(publish, flying, self._hold)]
            if self._jobs[0].exception() is None:  # waits for a rename
                self._jobs.append(self._pool.submit(tidy, flying, self._shelf.put(flying)))

    def _failure(self, said: list[float]) -> CheckpointError:
        """The error that all ranks raise; clears the way for another try."""
        rank, number = next((rank, int(s) - FAILED) for rank, s in enumerate(said) if s >= FAILED)
        why = os.strerror(number) if number else "an error that is not the disk's, see its own message"
        why = TAKEN if number == errno.ENOLCK else why
        what = f"checkpoint of step {self._since}"
        self._jobs = [job for job in self._jobs if not job.done()]
        if self._flying is not None:
            self._jobs.append(
                self._pool.submit(part_of(self._flying, self.comm.rank, self._key).unlink, missing_ok=True)
            )
        self._flying = self.latest = None
        return CheckpointError(
            f"{what}: expected room and a disk that works in {self.folder}, got {why!r} on rank {rank}; make room, "
            "or go on in another folder with solver.checkpoint(folder); the checkpoints before it are whole, and so is "
            "the solver"
        )


def _occupied(folder: Path) -> ValueError:
    remedy = f"resume from it (Solver.resume({str(folder)!r})), or give another"
    return checks.refuse("checkpoints", "a folder without checkpoints", str(folder), remedy)
