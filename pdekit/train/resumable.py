"""A run that can be stopped, and gone on with from a checkpoint."""

from dataclasses import replace
from pathlib import Path
from typing import Self

from pdekit.parallel import Comm
from pdekit.train.checkpoint import Checkpoint
from pdekit.train.checkpoints import Checkpoints
from pdekit.train.experiment import Experiment
from pdekit.train.snapshot import restore


class Resumable:
    """What a Solver does with its `checkpoints`."""

    checkpoints: Checkpoints

    @classmethod
    def resume(cls, folder: str | Path, comm: Comm | None = None, code: bool = False) -> Self:
        """The solver of the newest checkpoint in `folder`, or of that checkpoint, on any number of ranks.

        It goes on with the losses of a run that never stopped, and writes on into the same folder. ValueError for what
        is no whole checkpoint of this format (it names the newest that is), and, without `code=True`, for one with
        functions of a user's; at the next step, if another run writes into the folder.
        """
        checkpoint = Checkpoint.newest(folder)
        experiment = Experiment.parse(checkpoint.experiment, code)
        solver = cls(replace(experiment, start=None), comm)  # what it started from is not needed any more
        solver.experiment, solver.history.experiment = experiment, checkpoint.experiment
        restore(solver, checkpoint)
        solver.checkpoints.go_on(checkpoint)
        return solver

    def checkpoint(self, folder: str | Path | None = None) -> Path:
        """Write one now, to `folder` from now on if given, and wait until it is there: its path. Asks all ranks.

        CheckpointError if a rank cannot write; ValueError for a folder with checkpoints of another run, or one that
        another run writes to.
        """
        return self.checkpoints.now(self, folder)

    def stop(self) -> None:
        """End the run on all ranks after the next step, at any rank's wish; with a checkpoint if there is a folder."""
        self.checkpoints.stopping = True
