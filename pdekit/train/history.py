"""What a run recorded: one row a step, and in it what each rank did."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from pdekit.optim.end import End
from pdekit.parallel import Comm
from pdekit.train import board, tables
from pdekit.train.ranks import MEASURED, Ranks


@dataclass(frozen=True)
class Step:
    """One optimizer step, as a rank saw it.

    `seconds` is training time since the start. Of this step, `communication` is the time that the rank spent in
    messages, waiting for other ranks included, `compute` the time that it spent otherwise, and `sent` the bytes that
    it handed over, in `messages` calls of MPI. `samples` is how many samples all ranks together evaluated, at each
    point that a line search tried. `end` is the number of the reason for which another step would find no lower loss
    (an `optim.End`), 0 without one.
    """

    number: int
    loss: float
    seconds: float
    resolution: int
    rate: float
    gradient_norm: float
    communication: float
    evaluations: int
    sent: int = 0
    compute: float = 0.0
    samples: int = 0
    end: int = 0
    messages: int = 0


class History:
    """The steps of a run, as columns: `history.loss`, `history.seconds`, ... are arrays of length `len(history)`.

    `history.ranks` has what every rank did in each of them. `experiment` is the text of what was trained, `versions`
    what a file was written with; the steps are those of rank `rank` of `size`.
    """

    def __init__(
        self, steps: Sequence[Step] = (), experiment: str = "", rank: int = 0, size: int = 1
    ) -> None:
        self.steps = list(steps)
        self.experiment, self.rank, self.size = experiment, rank, size
        self.versions: dict[str, str] = {}
        self._gathered: list[np.ndarray] = []  # of the first steps: (ranks, len(MEASURED)) each

    @property
    def reason(self) -> str | None:
        """Why the last step found no lower loss, or the next would not, and what can be done; None without one."""
        return str(End(self.steps[-1].end)) if self.steps and self.steps[-1].end else None

    def append(self, step: Step) -> None:
        """Add the next step, as this rank saw it."""
        self.steps.append(step)

    def extend(self, steps: Sequence[Step], ranks: np.ndarray) -> None:
        """Add the next steps, with what all ranks did in them: (len(steps), ranks, len(MEASURED))."""
        self.gather_from(self.ranks_from(self.gathered).table)  # what is not known by now will not be
        self.steps.extend(steps)
        self.gather_from(ranks)

    def go_on_from(self, steps: Sequence[Step], ranks: np.ndarray) -> None:
        """Have `steps`, those of a checkpoint, in place of all, and what the ranks did in them, as for `extend`."""
        self.steps[:], self._gathered[:] = steps, ranks

    def copy(self) -> "History":
        """The same steps; what follows comes to one of the two."""
        made = History(self.steps, self.experiment, self.rank, self.size)
        made._gathered, made.versions = list(self._gathered), dict(self.versions)
        return made

    def gather(self, comm: Comm) -> None:
        """Learn what the other ranks did in the steps since the last call: one message; asks all ranks."""
        mine = measured(self.steps[self.gathered :])
        if len(mine):
            self.gather_from(comm.allgather(mine).swapaxes(0, 1))

    def gather_from(self, table: np.ndarray) -> None:
        """Take note of what all ranks did in the next steps that are not gathered: (steps, ranks, len(MEASURED))."""
        self._gathered.extend(table)

    @property
    def gathered(self) -> int:
        """Of how many steps, from the first on, it is known what the other ranks did."""
        return len(self._gathered)

    @property
    def ranks(self) -> Ranks:
        """What every rank did in each step: arrays (steps, ranks)."""
        return self.ranks_from(0)

    def ranks_from(self, first: int) -> Ranks:
        """`ranks`, of the steps from place `first` on."""
        known = self._gathered[first:]
        width = max(
            [self.size, *(len(ranks) for ranks in known)]
        )  # a run may go on with fewer ranks, or more
        table = np.full((len(self) - first, width, len(MEASURED)), np.nan)
        for row, ranks in zip(table, known, strict=False):
            row[: len(ranks)] = ranks
        table[len(known) :, self.rank] = measured(self.steps[first + len(known) :])
        return Ranks(table)

    def save(self, path: str | Path) -> None:
        """Write it to `path`, a .csv or .parquet file, whole or not at all; `load` reads back the same numbers.

        One row a step: the columns of a Step, and `compute_0`, `communication_0`, `waiting_0`, `sent_0`, `compute_1`,
        ... of every rank (a column a rank keeps one row a step, which is what one plots; `pd.wide_to_long` makes rows
        of them). Empty where a rank is not known. Experiment and versions are the file's metadata, in a CSV lines
        with a leading "# ": `pd.read_csv(path, comment="#")`. ValueError for another suffix, or a folder that is not
        there; ModuleNotFoundError without pyarrow for a .parquet.
        """
        tables.write(Path(path), self)

    @classmethod
    def load(cls, path: str | Path) -> "History":
        """What `save` wrote to `path`. ValueError for a file that is not there, not whole, or another's."""
        return tables.read(Path(path), cls, Step)

    def to_tensorboard(self, folder: str | Path) -> None:
        """Write it to `folder` for TensorBoard; ModuleNotFoundError without tensorboardX."""
        with board.Board(folder) as one:
            one.write(self)

    def __len__(self) -> int:
        return len(self.steps)

    def __getattr__(self, name: str) -> np.ndarray:
        if name not in COLUMNS:
            raise AttributeError(f"a History has the columns {', '.join(COLUMNS)}, not {name!r}")
        return np.array([getattr(step, name) for step in self.steps])


COLUMNS = tuple(f.name for f in fields(Step))


def measured(steps: Sequence[Step]) -> np.ndarray:
    """What the rank of `steps` did in each of them: (len(steps), len(MEASURED)), float64."""
    rows = [[getattr(step, name) for name in MEASURED] for step in steps]
    return np.array(rows, dtype=np.float64).reshape(-1, len(MEASURED))
