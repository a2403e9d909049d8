"""How far new measurements lie from a fit: bands that hold a share of them."""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from pdekit import checks

WITHIN = 2.0  # doublings
MEAN_TO_DEVIATION = math.sqrt(math.pi / 2)  # of the absolute values of normal numbers


@dataclass(frozen=True)
class Scatter:
    """Logarithms (n,) of what was measured over what a fit without that piece of work predicted for it.

    They hold what varies from one round to the next as well as what the model lacks between the sizes and the world
    sizes that it was fitted to: the band of a cross-validation, which needs no law of the errors (Barber, Candes,
    Ramdas and Tibshirani 2021, Predictive inference with the jackknife+, Ann. Statist. 49, 486-507). `at` (n,) are
    doublings of a size: short messages scatter more than long ones, so each is measured by those within some doublings.
    """

    logs: np.ndarray = field(repr=False)
    at: np.ndarray = field(repr=False)

    def size(self, at: np.ndarray | float) -> np.ndarray:
        """Standard deviation of the logarithms around `at`, of any shape: 0.1 is about 10 % of a time."""
        near = np.clip(np.asarray(at, float), self.at.min(), self.at.max())
        weights = np.exp(-0.5 * ((near[..., None] - self.at) / WITHIN) ** 2)
        return MEAN_TO_DEVIATION * (weights @ np.abs(self.logs)) / weights.sum(axis=-1)

    def limits(
        self, level: float, at: np.ndarray, further: np.ndarray | float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Factors (low, high) to multiply a prediction by, so that a new measurement lies between with chance `level`.

        They are quantiles of all logarithms in units of `size`, and where there are too few of them for that, those of
        Student's t. `further` is a standard deviation of the logarithm that comes on top: of what lies outside of what
        was measured. ValueError for a level outside (0, 1).
        """
        level = checks.positive("level", checks.fraction("level", level))
        n, tail = len(self.logs), (1 - level) / 2
        units = self.logs / np.maximum(self.size(self.at), np.finfo(float).tiny)
        if (n + 1) * tail >= 1:  # the rank of a new one among them is even: Vovk's conformal quantiles
            ordered = np.sort(units)
            below = math.floor((n + 1) * tail) - 1
            low, high = ordered[below], ordered[n - 1 - below]
        else:
            reach = stats.t.ppf(1 - tail, n - 1) * np.std(units, ddof=1) * math.sqrt(1 + 1 / n)
            low, high = np.mean(units) - reach, np.mean(units) + reach
        wider, size = stats.norm.ppf(1 - tail) * np.asarray(further), self.size(at)
        low, high = min(low, 0.0) * size, max(high, 0.0) * size  # the prediction itself is inside
        return np.exp(-np.hypot(low, wider)), np.exp(np.hypot(high, wider))


def doublings(bytes: np.ndarray) -> np.ndarray:
    """Of a byte: (n,); none for a message without one."""
    return np.log2(np.maximum(bytes, 1))


def doublings_outside(values: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """How often `values` have to be doubled or halved to be among the `measured`; 0 within their range."""
    values = np.maximum(values, np.finfo(float).tiny)
    return np.maximum(np.log2(values / measured.max()), 0) + np.maximum(np.log2(measured.min() / values), 0)
