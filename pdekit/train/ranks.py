"""What each rank did in each step: computed, sent, and waited for the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pdekit.parallel import Comm
from pdekit.train.faults import SHARED

if TYPE_CHECKING:
    from pdekit.train.history import History

MEASURED = ("compute", "communication", "sent")
SHOWN = ("compute", "communication", "waiting", "sent")  # of each rank, where others read it


@dataclass(frozen=True)
class Ranks:
    """Arrays (steps, ranks), float64: seconds, and bytes for `sent`; NaN where a rank has not been asked, or was none.

    `communication` is `transfer`, which is the same for all ranks of a step, and `waiting`. `table` holds what was
    measured: (steps, ranks, len(MEASURED)).
    """

    table: np.ndarray

    @property
    def compute(self) -> np.ndarray:
        """Seconds of a step outside messages."""
        return self.table[..., 0]

    @property
    def communication(self) -> np.ndarray:
        """Seconds of a step in messages, waiting for other ranks included."""
        return self.table[..., 1]

    @property
    def sent(self) -> np.ndarray:
        """Bytes handed over in a step."""
        return self.table[..., 2]

    @property
    def transfer(self) -> np.ndarray:
        """(steps,): the communication of the rank with the least of it.

        Who comes last to a message waits for nobody. Where that is the same rank for all messages of a step, this is
        what the messages themselves take; else they take less, and more of the time is waiting. A barrier before each
        message would tell the two apart, and slow down every step.
        """
        some = np.isfinite(self.communication)
        least = np.where(some, self.communication, np.inf).min(axis=1)
        # one of several that is known alone has nobody to be compared with
        return np.where(some.sum(axis=1) < min(2, some.shape[1]), np.nan, least)

    @property
    def waiting(self) -> np.ndarray:
        """Seconds of a step in messages beyond those of the rank with the least: the time that others were late."""
        return self.communication - self.transfer[:, None]


@contextmanager
def gathering(history: "History", comm: Comm) -> Iterator[None]:
    """Steps taken inside are gathered on leaving, also by an error that all ranks raise; asks all ranks."""
    try:
        yield
    except SHARED:
        history.gather(comm)
        raise
    history.gather(comm)
