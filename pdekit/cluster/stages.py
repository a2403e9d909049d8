"""What engines are doing while they start: each leaves a word in the cluster's folder, and who waits reads them."""

import os
from collections.abc import Sequence
from pathlib import Path

from pdekit.cluster.files import leave

STAGES = ("starting Python", "importing torch", "joining MPI", "connecting")
"""In their order. An engine says all but the first, which it is in while it has said nothing."""


def say(folder: Path, stage: str) -> None:
    """On an engine: it is in `stage` from now on."""
    leave(folder / f"stage-{os.getpid()}", stage)


def said(folder: Path) -> list[str]:
    """The stages of the engines that have said one."""
    return [note.read_text() for note in folder.glob("stage-*")]


def in_words(stages: Sequence[str], ranks: int, answered: int) -> str:
    """The stage of those who are furthest behind, such as "importing torch on 1 of 2 ranks"; "" when all have answered.

    `answered` of the `ranks` have done with all of them.
    """
    places = [STAGES.index(stage) for stage in stages] + [0] * (ranks - len(stages))
    waiting = sorted(places)[: ranks - answered]
    if not waiting:
        return ""
    return f"{STAGES[waiting[0]]} on {waiting.count(waiting[0])} of {ranks} rank{'s' if ranks > 1 else ''}"
