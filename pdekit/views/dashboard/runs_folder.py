"""Where the runs of a dashboard keep their checkpoints: they outlive the kernel, so that a run can, too."""

import hashlib
import itertools
import os
import shutil
import tempfile
import time
from pathlib import Path

from pdekit import checks
from pdekit.train.checkpoint import Checkpoint
from pdekit.train.hold import Hold, Holder

WEEK = 7 * 86400.0  # seconds after which what an ended kernel has left is removed


class RunsFolder:
    """The folder `given`, or one in the system's temporary folder, in a place for notebooks of this working directory.

    There a dashboard has a folder of its own from its first run on, for as long as it lives. ValueError where somebody
    else owns that place.
    """

    def __init__(self, given: str | Path | None) -> None:
        self.temporary = given is None
        self._folder = None if given is None else Path(given)
        self._place = _place() if given is None else Path(given)
        if self.temporary:
            self._tidy()

    @property
    def folder(self) -> Path:
        """Of this dashboard's runs."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(dir=self._place))
            self._hold = Hold(self._folder)
        return self._folder

    def new(self, number: int) -> Path:
        """A folder for run `number`, or the next one that has a name which is free."""
        names = (self.folder / f"run-{k}" for k in itertools.count(number))
        return next(name for name in names if not name.exists())

    def left(self) -> Path | None:
        """The last checkpoint of the run that nobody has any more, such as that of a kernel that has ended."""
        folders = (
            [one for one in self._place.glob("*") if not _lived_in(one)] if self.temporary else [self._place]
        )
        runs = [run for one in folders for run in one.glob("run-*") if not _lived_in(run)]
        newest = [checkpoint for run in runs for checkpoint in Checkpoint.paths(run)[-1:]]
        return max(newest, key=lambda checkpoint: checkpoint.stat().st_mtime, default=None)

    def _tidy(self) -> None:
        for one in self._place.glob("*"):
            if not _lived_in(one) and time.time() - one.stat().st_mtime > WEEK:
                shutil.rmtree(one, ignore_errors=True)


def _place() -> Path:
    """Of this user and this working directory; nobody else may read it."""
    mine = Path(tempfile.gettempdir(), f"pdekit-runs-{os.getuid()}")
    mine.mkdir(mode=0o700, exist_ok=True)
    if mine.stat().st_uid != os.getuid():
        raise checks.refuse("folder", f"{mine} to be yours", "another user's", "give a folder for the runs")
    place = mine / hashlib.sha256(str(Path.cwd()).encode()).hexdigest()[:16]
    place.mkdir(exist_ok=True)
    return place


def _lived_in(folder: Path) -> bool:
    """Whether a process that lives holds `folder`; one of another machine may."""
    holder = Holder.of(folder)
    return holder is not None and (holder.pid == os.getpid() or not holder.gone)
