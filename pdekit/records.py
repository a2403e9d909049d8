"""The records that a batch run leaves: its history in a file, and for TensorBoard."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from pdekit import checks
from pdekit.interrupt import rescued
from pdekit.train import board, tables
from pdekit.train.ranks import gathering

if TYPE_CHECKING:
    from pdekit.train import Solver


class Records:
    """Written by rank 0 now and then, at the end, and also when the run ends early.

    ValueError, or ModuleNotFoundError, for what cannot be written, before anything is trained.
    """

    def __init__(self, history: Path | None = None, tensorboard: Path | None = None) -> None:
        if history is not None:
            tables.check(history)
        if tensorboard is not None:
            board.check()
            if tensorboard.exists() and not tensorboard.is_dir():
                raise checks.refuse("--tensorboard", "a folder", str(tensorboard), "choose another name")
        self.history, self.tensorboard = history, tensorboard
        self._board: board.Board | None = None
        self._one = Lock()  # an interrupt may come while it writes

    @contextmanager
    def kept(self, solver: "Solver") -> Iterator[None]:
        """Whatever ends the steps of `solver` inside, what they recorded is written."""
        with ExitStack() as stack:
            if self.tensorboard is not None and solver.comm.rank == 0:
                self._board = stack.enter_context(board.Board(self.tensorboard))
            stack.callback(self.write, solver)
            stack.enter_context(gathering(solver.history, solver.comm))
            if solver.comm.size > 1 and solver.comm.rank == 0:
                stack.enter_context(rescued(lambda: self.write(solver)))
            yield

    def update(self, solver: "Solver") -> None:
        """Write what there is by now; asks all ranks."""
        if self.history is not None or self.tensorboard is not None:
            solver.gather_ranks()
            self.write(solver)

    def write(self, solver: "Solver") -> None:
        """Write what this rank knows, on rank 0."""
        with self._one:
            if self.history is not None and solver.comm.rank == 0:
                solver.history.save(self.history)
            if self._board is not None:
                self._board.write(solver.history)
