"""Initial conditions of Burgers' equation: raised cosines, as averages over the cells of a finite-volume grid."""

from dataclasses import dataclass

import numpy as np

from pdekit import checks
from pdekit.pde.fields import FIRST_HELD_OUT, Field, uniforms
from pdekit.pde.fields.field import check_indices


@dataclass(frozen=True)
class RaisedCosines(Field):
    """`sum_k w_k (1 - cos(2 pi c_k x)) / 2` on (0, 1) with `waves` terms, the weights w_k > 0 adding up to 1.

    Unlike other fields these are averages over n cells of width 1/n, exact ones: those of a coarse grid are the
    means of those of a finer one. The parameters are the frequencies c, uniform in `frequencies`, and, for more than
    one wave, the weights, uniform on the simplex (Devroye, Non-Uniform Random Variate Generation, 1986, section
    V.2.1): (B, 1) or (B, 2 waves). With `evenly`, sample i below FIRST_HELD_OUT has frequency number i mod `evenly` of
    as many evenly spaced ones instead. Values lie in [0, 1].
    """

    frequencies: tuple[float, float] = (3.0, 6.0)
    evenly: int | None = None
    waves: int = 1

    dimensions = (1,)

    def __post_init__(self) -> None:
        expected, remedy = "(lowest, highest), both above 0", "give (3.0, 6.0), for instance"
        if not isinstance(self.frequencies, tuple | list) or len(self.frequencies) != 2:
            raise checks.refuse("frequencies", expected, self.frequencies, remedy)
        low, high = (checks.positive("frequencies", c) for c in self.frequencies)
        if low > high:
            raise checks.refuse("frequencies", expected, self.frequencies, remedy)
        checks.settle(self, frequencies=(low, high), waves=checks.whole("waves", self.waves, most=100))
        if self.evenly is not None:
            checks.settle(self, evenly=checks.whole("evenly", self.evenly, least=2))
            if self.waves > 1:
                got = f"evenly={self.evenly} and waves={self.waves}"
                raise checks.refuse("evenly", "None for more than one wave", got, "leave out one of them")

    @property
    def positive(self) -> bool:
        """False: zero where the cosine is 1."""
        return False

    def parameters(self, indices: np.ndarray, seed: int) -> np.ndarray:
        """Frequencies, then weights, of samples `indices` (B,): (B, 1) or (B, 2 waves)."""
        which, (low, high) = check_indices(indices), self.frequencies
        drawn = uniforms(which, 2 * self.waves, seed)
        c = low + (high - low) * drawn[:, : self.waves]
        if self.evenly is not None:
            even = np.linspace(low, high, self.evenly)[which % self.evenly]
            c = np.where(which < FIRST_HELD_OUT, even, c[:, 0])[:, None]
        if self.waves == 1:
            return c
        spacings = -np.log1p(-drawn[:, self.waves :])
        return np.hstack([c, spacings / spacings.sum(axis=1, keepdims=True)])

    def values(self, parameters: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Averages over n cells of the sums with `parameters`, (B, 1) or (B, 2 waves): (B, n)."""
        (n,) = self.check_shape(shape)
        rows = self.check_rows(parameters, 1 if self.waves == 1 else 2 * self.waves)
        weights = rows[:, self.waves :] if self.waves > 1 else np.ones_like(rows)
        edges = np.arange(n + 1) / n
        b = np.zeros((len(rows), n))
        for c, w in zip(rows[:, : self.waves].T, weights.T, strict=True):
            sine = np.sin(2 * np.pi * c[:, None] * edges) / (2 * np.pi * c[:, None])
            b += w[:, None] * (1 - n * np.diff(sine, axis=1)) / 2
        return b
