"""How many steps to ask for next, and how long the rest will take."""

from collections.abc import Sequence
from typing import Any

ANSWER = 0.5  # seconds that what is asked while it trains may wait for the calls under way
TARGET = 0.2  # seconds of a call
Plan = Sequence[tuple[int, int]]


class Pace:
    """Learns how long a step takes, so that one call lasts about `target` seconds.

    With the prediction that is asked for after each call, 0.2 s make about four repaints a second.

    `plan` is the experiment's: (resolution, number of the last step on it), in order. A step's cost is taken
    to grow with the number of nodes, on grids of `dim` axes, until the finer grid has been measured.
    """

    def __init__(self, plan: Plan, dim: int = 2, target: float = TARGET, until: float = 0.0) -> None:
        """`until`: training seconds of the steps that were taken before."""
        self.plan, self.dim, self.target = plan, dim, target
        self._asked = 0
        self._seconds: dict[int, float] = {}  # a step's seconds by resolution
        self._until = until  # training seconds of the last step seen

    def next(self, number: int) -> int:
        """How many steps to ask for after step `number`: 1 or more, and never across a change of the grid."""
        resolution, last = next((stage for stage in self.plan if number < stage[1]), self.plan[-1])
        seconds = self._cost(resolution)
        wanted = self.target / seconds if seconds else 1
        # At most twice as many as before, so that one lucky timing does not become a long wait.
        self._asked = max(1, min(round(wanted), 2 * max(1, self._asked), last - number))
        return self._asked

    @property
    def quick(self) -> bool:
        """Whether steps are known to be so short that two calls under way last no longer than an answer may take."""
        return 0 < self._cost(max(self._seconds, default=0)) < ANSWER / 2

    def saw(self, steps: Sequence[Any]) -> None:
        """Learn from the records of the steps of one call."""
        if steps:
            seconds, resolution = (steps[-1].seconds - self._until) / len(steps), steps[-1].resolution
            before = self._seconds.get(resolution, seconds)
            self._seconds[resolution], self._until = (before + seconds) / 2, steps[-1].seconds

    def left(self, number: int) -> float | None:
        """Seconds that the steps after `number` will take; None while nothing is known."""
        if not self._seconds:
            return None
        first, total = number, 0.0
        for resolution, last in self.plan:
            total += max(0, last - first) * self._cost(resolution)
            first = max(first, last)
        return total

    def _cost(self, resolution: int) -> float:
        if not self._seconds:
            return 0.0
        nearest = min(self._seconds, key=lambda known: abs(known - resolution))
        return self._seconds[nearest] * (resolution / nearest) ** self.dim
