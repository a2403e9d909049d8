"""Who writes into a folder of checkpoints: one run at a time.

A run holds the folder while `.held` is in it, a folder with a file that says who it is. It is made beside and renamed:
of several renames onto one name the file system lets the first succeed, as the others would replace a folder that is
not empty (POSIX rename), on NFS too; locks such as flock's do not reach over every network file system. What a dead
process of this machine has left is put away. Whoever has lost the folder nevertheless, say because somebody removed
`.held`, finds out before its next checkpoint appears.
"""

import errno
import json
import os
import secrets
import shutil
import socket
import sys
import weakref
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pdekit import checks

NAME, SAID = ".held", "holder.json"
TRIES = 10  # others may come and go meanwhile


@dataclass(frozen=True)
class Holder:
    """A run that writes into a folder, by the process that is its rank 0."""

    key: str  # of this hold alone
    pid: int
    born: str  # when the process started: the system uses numbers again
    host: str
    since: str

    @classmethod
    def me(cls) -> "Holder":
        """This process, from now on."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return cls(secrets.token_hex(8), os.getpid(), born(os.getpid()) or "", socket.gethostname(), now)

    @classmethod
    def of(cls, folder: Path) -> "Holder | None":
        """Of `folder`; None if nobody holds it. ValueError if what is there says nothing."""
        file = folder / NAME / SAID
        try:
            return cls(**json.loads(file.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            remedy = f"if no run writes to {folder}, remove {file.parent}"
            raise checks.refuse(str(file), "the name of a run", str(error), remedy) from error

    @property
    def gone(self) -> bool:
        """Whether it surely writes no more: a process of this machine that has ended, or this one itself."""
        here = self.host == socket.gethostname()
        return here and (self.pid == os.getpid() or born(self.pid) != self.born)

    def refusal(self, folder: Path) -> ValueError:
        """The error for whoever else would write there."""
        got = f"process {self.pid} on {self.host}, since {self.since}"
        remedy = "wait for its end or its solver.checkpoints.release(), or give another folder"
        if self.host != socket.gethostname():
            remedy += (
                f"; if it has died, which cannot be seen from {socket.gethostname()}, remove {folder / NAME}"
            )
        return checks.refuse("checkpoints", f"{folder} without another run that writes there", got, remedy)


class Hold:
    """This process's hold of `folder`, until `release`, the end of this object or of the process.

    ValueError if another run holds it. OSError where nothing can be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.key = folder, _take(folder, Holder.me())
        self.release = weakref.finalize(self, _release, folder, self.key, os.getpid())

    def check(self) -> None:
        """OSError (ENOLCK) unless it still is."""
        holder = Holder.of(self.folder)
        if holder is None or holder.key != self.key:
            who = f"process {holder.pid} on {holder.host} since {holder.since}" if holder else "nobody"
            raise OSError(errno.ENOLCK, f"no longer held by this run, but by {who}", str(self.folder))


def born(pid: int) -> str | None:
    """When process `pid` of this machine started, as far as the system tells; None if it has ended."""
    try:
        if sys.platform == "linux":
            state, *others = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return None if state in "ZX" else others[18]  # starttime, field 22 of proc(5)
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:  # somebody else's
        pass
    return ""


def _take(folder: Path, me: Holder) -> str:
    draft, held = folder / f"{NAME}-{me.key}", folder / NAME
    draft.mkdir()
    try:
        with (draft / SAID).open("w") as file:
            json.dump(asdict(me), file)
            file.flush()
            os.fsync(file.fileno())
        for _ in range(TRIES):
            failed: OSError | None = None
            try:
                draft.rename(held)
            except OSError as error:
                failed = error
            # who it is now, not whether that failed: a reply of NFS may be lost, and the rename done
            holder = Holder.of(folder)
            if holder is None:
                continue
            if holder.key == me.key:
                return me.key
            if not holder.gone:
                raise holder.refusal(folder)
            _put_away(folder, holder.key)
        raise failed or OSError(errno.EAGAIN, "others take it again and again", str(held))
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # there only if another's is in place


def _put_away(folder: Path, key: str) -> Path:
    """Take the hold `key` out of the way: where it is then.

    It stays there until the next checkpoint, so that nobody who has looked earlier puts a newer one away in its place.
    """
    away = folder / f"{NAME}-{key}"
    with suppress(OSError):  # somebody else was first
        (folder / NAME).rename(away)
    return away


def _release(folder: Path, key: str, pid: int) -> None:
    if os.getpid() != pid:  # a fork of the process has none of its holds
        return
    with suppress(ValueError):
        holder = Holder.of(folder)
        if holder is not None and holder.key == key:
            shutil.rmtree(_put_away(folder, key), ignore_errors=True)
