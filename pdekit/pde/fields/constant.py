"""A number a sample: a field that is the same everywhere."""

from dataclasses import dataclass

import numpy as np

from pdekit import checks
from pdekit.pde.fields.field import Field, check_indices, sobol


@dataclass(frozen=True)
class Constant(Field):
    """One number a sample, log-uniform between `low` and `high`, everywhere; points of a scrambled Sobol sequence.

    The parameters are the numbers, (B, 1); a field of any shape holds its sample's number at every node.
    """

    low: float = 0.1
    high: float = 10.0

    def __post_init__(self) -> None:
        checks.settle(self, low=checks.positive("low", self.low), high=checks.positive("high", self.high))
        if self.low > self.high:
            raise checks.refuse("high", f"a number from low={self.low} on", self.high, "exchange the two")

    @property
    def positive(self) -> bool:
        """True: low is."""
        return True

    def parameters(self, indices: np.ndarray, seed: int) -> np.ndarray:
        """The numbers of the samples `indices` (B,): (B, 1), in [low, high]."""
        drawn = sobol(check_indices(indices), 1, checks.whole("seed", seed, least=0))
        return (self.low * (self.high / self.low) ** drawn).clip(self.low, self.high)

    def values(self, parameters: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The fields of numbers (B, 1): (B, *shape), each constant; of shape (1,) the numbers alone."""
        shape = shape if shape == (1,) else self.check_shape(shape)
        rows = self.check_rows(parameters, 1)
        return np.broadcast_to(rows.reshape(-1, *(1,) * len(shape)), (len(rows), *shape)).copy()
