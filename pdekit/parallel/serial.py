"""One rank: a Comm whose messages have nobody to go to."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pdekit.parallel.comm import Pending


class Arrived:
    """A message that took no time."""

    def poke(self) -> bool:
        """It has."""
        return True

    def wait(self) -> None:
        """At once."""


class Serial:
    """One rank."""

    rank, size, seconds, sent, messages = 0, 1, 0.0, 0, 0

    def allreduce(self, array: np.ndarray) -> None:
        """The sum over one rank is the array itself."""

    def start_allreduce(self, array: np.ndarray) -> "Pending":
        """Nothing is under way."""
        return Arrived()

    def allgather(self, array: np.ndarray) -> np.ndarray:
        """(1, *array.shape)."""
        return array[None]

    def reduce_scatter(self, array: np.ndarray) -> np.ndarray:
        """The whole array."""
        return array

    def gather_parts(self, array: np.ndarray) -> None:
        """The only part is the whole."""

    def exchange(self, array: np.ndarray, partner: int) -> np.ndarray:
        """A rank that is its own partner."""
        return array

    def bounce(self, array: np.ndarray, partner: int) -> None:
        """It is there, and back."""
