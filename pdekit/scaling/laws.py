"""Laws of scaling: what P ranks can gain, and what measured times say of it. All broadcast; P counts the ranks."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from pdekit import checks

MOST_WORK = 1e15  # times the least: beyond it no problem is solved


def speed_up(ranks: ArrayLike, seconds: ArrayLike) -> np.ndarray:
    """How many times faster than on one rank: P_0 T_0 / T with P_0 the fewest ranks measured, taken for perfect.

    `ranks` and `seconds` are (n,). ValueError for times or ranks that are not above 0.
    """
    ranks, seconds = _above_zero("ranks", ranks), _above_zero("seconds", seconds)
    first = ranks.argmin()
    return ranks[first] * seconds[first] / seconds


def efficiency(ranks: ArrayLike, seconds: ArrayLike, kind: str = "strong") -> np.ndarray:
    """Of what is ideal (1): `speed_up / P`, or of "weak" scaling T_0 / T, where the work grows with the ranks.

    ValueError as `speed_up`, and for another kind.
    """
    checks.one_of("kind", kind, ("strong", "weak"))
    ranks, seconds = _above_zero("ranks", ranks), _above_zero("seconds", seconds)
    if kind == "strong":
        return speed_up(ranks, seconds) / ranks
    return seconds[ranks.argmin()] / seconds


def amdahl(serial: ArrayLike, ranks: ArrayLike) -> np.ndarray:
    """Speed-up 1 / (s + (1 - s) / P) of work of a fixed size whose share s cannot be divided; at most 1 / s.

    Amdahl (1967), AFIPS Conf. Proc. 30, 483-485. ValueError for a share outside [0, 1], or ranks below 1.
    """
    serial, ranks = _share("serial", serial), _ranks(ranks)
    return 1 / (serial + (1 - serial) / ranks)


def gustafson(serial: ArrayLike, ranks: ArrayLike) -> np.ndarray:
    """Scaled speed-up P - s (P - 1) of work that grows with the ranks; s is the serial share of the time on P ranks.

    Gustafson (1988), Comm. ACM 31, 532-533. ValueError as `amdahl`.
    """
    serial, ranks = _share("serial", serial), _ranks(ranks)
    return ranks - serial * (ranks - 1)


def karp_flatt(speedup: ArrayLike, ranks: ArrayLike) -> np.ndarray:
    """The serial fraction (1 / speed-up - 1 / P) / (1 - 1 / P) that a measured speed-up shows; nan on one rank.

    Where it grows with P, the loss is not serial work but overhead: messages, waiting, a shared memory bus. Below 0 the
    speed-up is more than P (caches). Karp and Flatt (1990), Comm. ACM 33, 539-543, equation 2. ValueError for a
    speed-up that is not above 0, or ranks below 1.
    """
    speedup, ranks = np.broadcast_arrays(_above_zero("speedup", speedup), _ranks(ranks))
    found = np.full(ranks.shape, math.nan)
    several = ranks > 1
    p = ranks[several]
    found[several] = (1 / speedup[several] - 1 / p) / (1 - 1 / p)
    return found


def iso_efficiency(
    seconds: Callable[[float, float], float],
    ranks: ArrayLike,
    efficiency: float,
    least: float = 1.0,
) -> np.ndarray:
    """The work, from `least` on, that P ranks need to reach an efficiency; inf where no work is enough.

    `seconds(work, P)` is a model of the time; the efficiency is seconds(W, 1) / (P seconds(W, P)) and has to grow with
    W. A function that grows slowly with P is that of an algorithm that scales well: Grama, Gupta and Kumar (1993), IEEE
    Parallel & Distributed Technology 1, 12-21. ValueError for an efficiency outside (0, 1), or ranks below 1.
    """
    wanted = checks.positive("efficiency", checks.fraction("efficiency", efficiency))
    least = checks.positive("least", least)

    def work(p: float) -> float:
        def above(log: float) -> float:
            w = math.exp(log)
            return float(seconds(w, 1.0)) / (p * float(seconds(w, p))) - wanted

        low, high = math.log(least), math.log(least * MOST_WORK)
        if above(low) >= 0:
            return least
        return math.inf if above(high) < 0 else math.exp(brentq(above, low, high, xtol=1e-12))

    return np.vectorize(work, otypes=[float])(_ranks(ranks))


def _ranks(ranks: ArrayLike) -> np.ndarray:
    p = np.asarray(ranks, dtype=float)
    if not ((p >= 1) & np.isfinite(p)).all():
        raise checks.refuse("ranks", "finite numbers, at least 1", ranks, "give ranks=[1, 2, 4]")
    return p


def _share(name: str, value: ArrayLike) -> np.ndarray:
    share = np.asarray(value, dtype=float)
    if not ((share >= 0) & (share <= 1)).all():
        raise checks.refuse(name, "shares between 0 and 1", value, f"give {name}=0.05, for instance")
    return share


def _above_zero(name: str, value: ArrayLike) -> np.ndarray:
    numbers = np.asarray(value, dtype=float)
    if not ((numbers > 0) & np.isfinite(numbers)).all():
        raise checks.refuse(name, "finite numbers above 0", value, "leave out what was not measured")
    return numbers
