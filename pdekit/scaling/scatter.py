"""How far new measurements lie from a fit: bands that hold a share of them."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from pdekit import checks


@dataclass(frozen=True)
class Scatter:
    """Logarithms (n,) of what was measured over what a fit without that piece of work predicted for it.

    They hold what varies from one round to the next as well as what the model lacks between the sizes and the world
    sizes that it was fitted to: the band of a cross-validation, which needs no law of the errors (Barber, Candes,
    Ramdas and Tibshirani 2021, Predictive inference with the jackknife+, Ann. Statist. 49, 486-507).
    """

    logs: np.ndarray

    @property
    def size(self) -> float:
        """Root mean square: 0.1 is about 10 % of a time."""
        return float(np.sqrt(np.mean(self.logs**2)))

    def limits(self, level: float, further: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Factors (low, high) to multiply a prediction by, so that a new measurement lies between with chance `level`.

        They are quantiles of `logs`, and where there are too few of them for that, those of Student's t. `further` is a
        standard deviation of the logarithm that comes on top: of what lies outside of what was measured. ValueError for
        a level outside (0, 1).
        """
        level = checks.positive("level", checks.fraction("level", level))
        n, tail = len(self.logs), (1 - level) / 2
        if (n + 1) * tail >= 1:  # the rank of a new one among them is even: Vovk's conformal quantiles
            ordered = np.sort(self.logs)
            below = math.floor((n + 1) * tail) - 1
            low, high = ordered[below], ordered[n - 1 - below]
        else:
            mean, deviation = np.mean(self.logs), np.std(self.logs, ddof=1)
            reach = stats.t.ppf(1 - tail, n - 1) * deviation * math.sqrt(1 + 1 / n)
            low, high = mean - reach, mean + reach
        wider = stats.norm.ppf(1 - tail) * np.asarray(further)
        low, high = min(low, 0.0), max(high, 0.0)  # the prediction itself is inside
        return np.exp(-np.hypot(low, wider)), np.exp(np.hypot(high, wider))


def doublings_outside(values: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """How often `values` have to be doubled or halved to be among the `measured`; 0 within their range."""
    values = np.maximum(values, np.finfo(float).tiny)
    return np.maximum(np.log2(values / measured.max()), 0) + np.maximum(np.log2(measured.min() / values), 0)
