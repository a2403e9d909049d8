"""Files of a checkpoint on their way to the disk: hidden until all are there, then in place by one rename."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from pdekit.train.checkpoint import DESCRIPTION, Checkpoint
from pdekit.train.hold import NAME as HELD
from pdekit.train.hold import Hold
from pdekit.train.parts import mark, name_of_part
from pdekit.train.seal import NOTE, seal


def hidden(checkpoint: Checkpoint, key: str) -> Path:
    """The folder beside it that it is written in, by the run that has the hold `key` and by no other."""
    return checkpoint.path.with_name(f".{checkpoint.path.name}-of-{checkpoint.parts}-{key}")


def part_of(checkpoint: Checkpoint, rank: int, key: str) -> Path:
    """The file that `rank` writes."""
    return hidden(checkpoint, key) / name_of_part(rank, checkpoint.parts)


def write(checkpoint: Checkpoint, rank: int, tensors: Callable[[], dict[str, Tensor]], key: str) -> None:
    """One rank's part, and on rank 0 the description: on the disk when this returns. OSError if it cannot be."""
    file = part_of(checkpoint, rank, key)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        # not save_file: a full disk is then an OSError, with a number that can be sent to the other ranks
        _put(file, seal(save(tensors(), mark(checkpoint.step, rank, checkpoint.parts) | NOTE)))
        if rank == 0:
            _put(file.with_name(DESCRIPTION), seal(checkpoint.text().encode()))
    except OSError:
        file.unlink(missing_ok=True)  # make room
        raise
    _settle(file.parent)


def publish(checkpoint: Checkpoint, hold: Hold) -> None:
    """Let it appear, whole; one of the same step from an earlier run goes. OSError if another run has the folder."""
    hold.check()
    if checkpoint.path.exists():
        checkpoint.path.rename(_old(checkpoint.path))
    hidden(checkpoint, hold.key).rename(checkpoint.path)


def tidy(latest: Checkpoint, unwanted: list[Path]) -> None:
    """Once `latest` has surely appeared: remove `unwanted` checkpoints, and what was left when a run was killed."""
    folder = latest.path.parent
    _settle(folder)
    for path in unwanted:
        if path.exists():
            path.rename(_old(path))  # out of sight at once: no reader meets half a checkpoint
    left = [p for p in folder.glob(".step-*") if int(p.name.split("-")[1]) <= latest.step]
    for path in (*left, *folder.glob(".old-*"), *folder.glob(f"{HELD}-*")):
        shutil.rmtree(path, ignore_errors=True)  # what somebody has open goes the next time


def _old(path: Path) -> Path:
    target = path.with_name(f".old-{path.name}")
    shutil.rmtree(target, ignore_errors=True)
    return target


def _put(file: Path, content: bytes) -> None:
    with file.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _settle(folder: Path) -> None:
    """Bring the names in `folder` to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
