"""Where a solver on the engines keeps its checkpoints, and where it goes on when an engine has died."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import pdekit as pk
from pdekit import checks
from pdekit.cluster.errors import ClusterError

TRIES = 3  # restarts from one and the same place


@dataclass
class Kept:
    """A folder of checkpoints that this process and the engines see, and whether to `restart` from them."""

    folder: str | Path | None = None
    every: int = 100
    keep: int = 3
    restart: bool = False

    def __post_init__(self) -> None:
        checks.whole("every", self.every), checks.whole("keep", self.keep)
        if self.restart and self.folder is None:
            raise checks.refuse("restart", "checkpoints to restart from", None, "give checkpoints='folder'")
        if self.folder is not None:
            self.folder = str(Path(self.folder).absolute())  # engines may have another working directory
        self._place, self._tries = "", 0

    @property
    def settings(self) -> tuple[str | None, int, int]:
        """As an engine needs them."""
        return self.folder, self.every, self.keep

    def new(self) -> "Kept":
        """The same; ValueError if the folder has checkpoints already."""
        if self.folder is not None and pk.Checkpoint.paths(self.folder):
            remedy = "resume from it (cluster.resume(folder)), or give another"
            raise checks.refuse("checkpoints", "a folder without checkpoints", self.folder, remedy)
        return self

    @classmethod
    def of(cls, checkpoint: "pk.Checkpoint", restart: bool) -> "Kept":
        """As `checkpoint` says."""
        return cls(checkpoint.path.parent, checkpoint.every, checkpoint.keep, restart)

    def place(self, death: ClusterError) -> str | None:
        """The newest whole checkpoint, to go on from after `death`; None for the start.

        ClusterError if that was tried in vain. One that is damaged is passed over: nobody is there to be asked.
        """
        found = pk.Checkpoint.whole(self.folder)
        place = str(found.path) if found else "the start"
        latest = pk.Checkpoint.paths(self.folder)[-1:]
        passed = (
            f", the newest whole one ({latest[0].name} is not)" if latest and str(latest[0]) != place else ""
        )
        self._tries = self._tries + 1 if place == self._place else 1
        self._place = place
        why = str(death).partition(". ")[0]
        if self._tries > TRIES:
            message = f"{why}. So did {TRIES} restarts from {place} end: look at what the run does there."
            raise ClusterError(message, death.details) from death
        warnings.warn(f"{why}. The cluster restarts, and the run goes on from {place}{passed}.", stacklevel=4)
        return place if found else None
