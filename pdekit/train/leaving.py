"""Leaving an `advance` before all its steps are taken: one rank wishes it, and all leave after the same step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from pdekit.parallel import Comm

Leave = Callable[[], bool]
"""Whether this rank wishes to leave; asked before each step."""


class Leaving:
    """What the ranks of `comm` agree on: a wish rides along with the loss, as who leaves alone lets the others wait."""

    def __init__(self, comm: Comm) -> None:
        self.comm, self.agreed = comm, False
        self._wish: Leave | None = None

    @contextmanager
    def heeding(self, wish: Leave | None) -> Iterator[None]:
        """Inside, all ranks leave where one wishes it. Every rank gives a wish, or none does."""
        self._wish = wish
        try:
            if wish is not None:
                said = np.array([self.says()])
                self.comm.allreduce(said)
                self.hear(said[0])
            yield
        finally:
            self._wish, self.agreed = None, False

    def says(self) -> float:
        """What this rank sends along with the next loss."""
        return float(self._wish is not None and self._wish())

    def hear(self, said: float) -> None:
        """Take note of the sum of what all ranks said, the same everywhere."""
        self.agreed = said > 0
