"""What may be changed while a run is under way, between two of its steps."""

from typing import TYPE_CHECKING

from pdekit import checks

if TYPE_CHECKING:
    from pdekit.parallel.laggard import Laggard
    from pdekit.train.course import Course
    from pdekit.train.history import History


class Adjustable:
    """What a Solver lets its user change; the experiment stays what it was, and every Step says its rate."""

    course: "Course"
    history: "History"
    laggard: "Laggard"

    def change_rate(self, rate: float, step: int | None = None) -> None:
        """From the next step on the learning rate is `rate`, times the factor of the schedule. Every rank calls it.

        It is the rate of the method that takes step number `step` (the next one unless given), and of no other: with
        `pk.Then`, the rate of a second method is left alone until that one is at work, and has no schedule.
        Checkpoints carry it. ValueError for a rate that is not positive and finite; nothing has changed then.
        """
        self.course.change_rate(rate, len(self.history) + 1 if step is None else step)

    def slow(self, factor: float, rank: int | None = None) -> None:
        """To see the others wait: from the next step on this rank computes `factor` times as long (1: as it is).

        With `rank`, that one does, and all others go at their own pace. It sleeps before its messages; losses are the
        same bits, and steps count the sleep as `compute`. ValueError for a factor that is not finite or below 1.
        """
        factor = checks.number("factor", factor, least=1)
        self.laggard.lag(factor if rank in (None, self.laggard.rank) else 1.0)
