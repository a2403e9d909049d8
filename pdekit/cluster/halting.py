"""A word to engines that compute: the calls up to a number are to end with the next step that begins, if any does.

A call in a queue cannot be taken back on all ranks alike, and who computes does not look into the queue. So the word
lies in the cluster's folder.
"""

from pathlib import Path

from pdekit.cluster.files import leave

NAME = "halt"


def say(folder: Path, number: int) -> None:
    """To the engines of the cluster in `folder`."""
    leave(folder / NAME, str(number))


def said(folder: Path) -> int:
    """The number of the last call that is to end; 0 while nothing was said."""
    try:
        return int((folder / NAME).read_text())
    except FileNotFoundError:
        return 0
