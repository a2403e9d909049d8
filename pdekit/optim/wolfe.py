"""A line search for the strong Wolfe conditions (Nocedal and Wright, Numerical Optimization, 3.5 and 3.6)."""

import math
from collections.abc import Callable
from typing import NamedTuple

DECREASE, CURVATURE = 1e-4, 0.9


class _Point(NamedTuple):
    t: float
    loss: float
    slope: float


def strong_wolfe(
    trial: Callable[[float], tuple[float, float]], loss: float, slope: float, first: float, trials: int
) -> tuple[float, int]:
    """A step t > 0 for which loss and slope fulfil the strong Wolfe conditions, and the number of trials it took.

    `trial(t)` gives loss and slope at t; `loss` and `slope` < 0 are those at 0. If no such step is found
    within `trials`, the lowest point that lowers the loss enough is returned, or 0 if none does. Steps at
    which the loss is not finite are treated as too long.
    """
    origin = _Point(0.0, loss, slope)
    best, before, t = origin, origin, first
    low = high = None
    for count in range(1, trials + 1):
        point = _Point(t, *trial(t))
        decreased = math.isfinite(point.loss) and point.loss <= loss + DECREASE * t * slope
        if decreased and point.loss < best.loss:
            best = point
        if decreased and abs(point.slope) <= -CURVATURE * slope:
            return t, count
        if low is None:  # still looking for an interval that holds such a step
            if not decreased or (count > 1 and point.loss >= before.loss):
                low, high = before, point
            elif point.slope >= 0:
                low, high = point, before
            else:
                before, t = point, _extrapolate(before, point)
                continue
        elif not decreased or point.loss >= low.loss:
            high = point
        else:
            if point.slope * (high.t - low.t) >= 0:
                high = low
            low = point
        if abs(high.t - low.t) * abs(slope) <= 1e-16 * abs(loss):
            break
        t = _interpolate(low, high)
    return best.t, count


def _cubic(a: _Point, b: _Point) -> float:
    """The minimiser of the cubic through losses and slopes at a and b (equation 3.59); nan if there is none."""
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    discriminant = d1 * d1 - a.slope * b.slope
    if not discriminant >= 0:
        return math.nan
    d2 = math.copysign(math.sqrt(discriminant), b.t - a.t)
    denominator = b.slope - a.slope + 2 * d2
    return b.t - (b.t - a.t) * (b.slope + d2 - d1) / denominator if denominator else math.nan


def _extrapolate(before: _Point, point: _Point) -> float:
    """The next, longer trial: the cubic's minimiser, kept between 2 and 10 times the step so far."""
    t = _cubic(before, point)
    return min(max(t, 2 * point.t), 10 * point.t) if math.isfinite(t) else 2 * point.t


def _interpolate(low: _Point, high: _Point) -> float:
    """The next trial inside: the cubic's minimiser, kept a tenth of the interval away from its ends."""
    t = _cubic(low, high)
    margin = 0.1 * abs(high.t - low.t)
    left, right = sorted((low.t, high.t))
    return min(max(t, left + margin), right - margin) if math.isfinite(t) else 0.5 * (left + right)
