"""A warm-up in front of another schedule, and the table of schedules that have a name."""

from dataclasses import dataclass

from pdekit import checks
from pdekit.optim.named import look_up, short
from pdekit.optim.plateau import Plateau
from pdekit.optim.schedules import SAME, Cosine, ExponentialDecay, MultiStepDecay, Schedule, StepDecay, share

PLAIN: dict[str, Schedule] = {
    "constant": Schedule(),
    "step": StepDecay(),
    "multi-step": MultiStepDecay(),
    "exponential": ExponentialDecay(),
    "cosine": Cosine(),
    "plateau": Plateau(),
}


@dataclass(frozen=True)
class WarmUp(Schedule):
    """From `start` to 1 in equal steps over the share `over` of the work, and then the schedule `then` for the rest.

    As `torch.optim.lr_scheduler.LinearLR` in front (Goyal et al. 2017, arXiv:1706.02677, section 2.2).
    """

    over: float = 0.05
    start: float = 0.01
    then: Schedule | str = "cosine"

    def __post_init__(self) -> None:
        if isinstance(self.then, WarmUp):
            raise checks.refuse(
                "then", "a schedule that starts at the full rate", self.then, 'give then="cosine"'
            )
        then = short(look_up("then", self.then, Schedule, PLAIN), PLAIN)
        self.settled(over=share("over", self.over), start=share("start", self.start), then=then)

    def factor(self, progress: float, plateaus: int = 0) -> float:
        """The line, and then the other's."""
        if progress + SAME < self.over:
            return self.start + (1 - self.start) * progress / self.over
        return self._then.factor(max(progress - self.over, 0.0) / (1 - self.over), plateaus)

    @property
    def plateau(self) -> Plateau | None:
        """That of the other."""
        return self._then.plateau

    @property
    def _then(self) -> Schedule:
        return look_up("then", self.then, Schedule, PLAIN)


SCHEDULES: dict[str, Schedule] = PLAIN | {"warm-up": WarmUp()}
