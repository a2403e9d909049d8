"""A line search for the strong Wolfe conditions (Nocedal and Wright, Numerical Optimization, 3.5 and 3.6).

Near a minimum losses differ by less than their rounding, and no comparison of them finds a lower one; slopes still
do. There the difference of two losses is taken from the slopes, by the trapezoidal rule. The condition of
sufficient decrease then reads `slope(t) <= (2 decrease - 1) slope(0)`: the approximate Wolfe conditions of Hager and
Zhang (2005, SIAM J. Optim. 16, 170-192, section 4), and the cubic goes over into the secant of the slopes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

DECREASE, CURVATURE = 1e-4, 0.9


class Point(NamedTuple):
    """Loss and slope at step t along the line."""

    t: float
    loss: float
    slope: float


@dataclass(frozen=True)
class Wolfe:
    """The conditions. Losses that differ by at most `rounding` are compared by slopes, up to the loss `ceiling`."""

    decrease: float = DECREASE
    curvature: float = CURVATURE
    rounding: float = 0.0
    ceiling: float = math.inf

    def rise(self, a: Point, b: Point) -> float:
        """The loss at b less that at a."""
        difference = b.loss - a.loss
        if abs(difference) <= self.rounding:
            return 0.5 * (b.t - a.t) * (a.slope + b.slope)
        return difference

    def decreased(self, origin: Point, point: Point) -> bool:
        """Whether the loss at `point` is enough below that at `origin`."""
        if not (math.isfinite(point.loss) and math.isfinite(point.slope)) or point.loss > self.ceiling:
            return False
        return self.rise(origin, point) <= self.decrease * point.t * origin.slope

    def flat(self, origin: Point, point: Point) -> bool:
        """Whether the slope at `point` is enough below that at `origin`."""
        return abs(point.slope) <= -self.curvature * origin.slope


def strong_wolfe(
    trial: Callable[[float], Point], origin: Point, first: float, trials: int, wolfe: Wolfe = Wolfe()
) -> tuple[Point, int]:
    """A point that fulfils the conditions of `wolfe`, and the number of trials it took, the first at t = `first`.

    `trial(t)` evaluates; the slope at `origin`, where t = 0, is negative. If no such point is found within `trials`,
    the lowest is returned that lowers the loss enough, and by more than rounding, or `origin` if none does. Steps at
    which the loss is not finite are treated as too long.
    """
    best, before, t = origin, origin, first
    low = high = None
    close = False
    for count in range(1, trials + 1):
        point = trial(t)
        decreased = wolfe.decreased(origin, point)
        if decreased and wolfe.flat(origin, point):
            return point, count
        if decreased and point.loss < best.loss - wolfe.rounding:
            best = point
        if low is None:  # still looking for an interval that holds such a step
            if not decreased or (count > 1 and wolfe.rise(before, point) >= 0):
                low, high = before, point
            elif point.slope >= 0:
                low, high = point, before
            else:
                before, t = point, _extrapolate(before, point, wolfe)
                continue
        elif not decreased or wolfe.rise(low, point) >= 0:
            high = point
        else:
            if point.slope * (high.t - low.t) >= 0:
                high = low
            low = point
        if abs(high.t - low.t) * abs(origin.slope) <= 1e-16 * abs(origin.loss):
            break
        t, close = _interpolate(low, high, close, wolfe)
    return best, count


def _cubic(a: Point, b: Point, wolfe: Wolfe) -> float:
    """The minimiser of the cubic through losses and slopes at a and b (equation 3.59); nan if there is none."""
    d1 = a.slope + b.slope - 3 * wolfe.rise(a, b) / (b.t - a.t)
    discriminant = d1 * d1 - a.slope * b.slope
    if not discriminant >= 0:
        return math.nan
    d2 = math.copysign(math.sqrt(discriminant), b.t - a.t)
    denominator = b.slope - a.slope + 2 * d2
    return b.t - (b.t - a.t) * (b.slope + d2 - d1) / denominator if denominator else math.nan


def _extrapolate(before: Point, point: Point, wolfe: Wolfe) -> float:
    """The next, longer trial: the cubic's minimiser, but no more than 10 times the step so far."""
    t = _cubic(before, point, wolfe)
    least, most = point.t + 0.01 * (point.t - before.t), 10 * point.t
    return min(max(t, least), most) if math.isfinite(t) else 0.5 * (least + most)


def _interpolate(low: Point, high: Point, close: bool, wolfe: Wolfe) -> tuple[float, bool]:
    """The next trial inside, the cubic's minimiser, and whether it is close to an end of the interval.

    It may be once; after that it is kept a tenth of the interval away, so that the interval shrinks.
    """
    left, right = sorted((low.t, high.t))
    t = _cubic(low, high, wolfe)
    if not math.isfinite(t):
        return 0.5 * (left + right), False
    margin = 0.1 * (right - left)
    if left + margin <= t <= right - margin:
        return t, False
    if left < t < right and not close:
        return t, True
    return min(max(t, left + margin), right - margin), False
