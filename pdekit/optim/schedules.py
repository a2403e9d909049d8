"""Learning-rate schedules: a factor on the rate as a function of progress, from 0 (first step) to 1 (end).

Progress and not steps, so that a schedule fits a run of any length, and its grids, each of which has the same share.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pdekit import checks

if TYPE_CHECKING:
    from pdekit.optim.plateau import Plateau

SAME = 1e-9  # progress is a quotient: two values so near are one


@dataclass(frozen=True)
class Schedule:
    """The constant one, and the face of all: plain values, checked when it is made (ValueError)."""

    def factor(self, progress: float, plateaus: int = 0) -> float:
        """What the rate is multiplied by at `progress` in [0, 1), after so many `plateaus`."""
        return 1.0

    @property
    def plateau(self) -> "Plateau | None":
        """What it makes of losses, if it looks at them."""
        return None

    def settled(self, **values: object) -> Self:
        """Store checked `values`."""
        checks.settle(self, **values)
        return self


def share(name: str, value: object) -> float:
    """`value` as a float above 0 and below 1; ValueError otherwise."""
    if not checks.fraction(name, value):
        raise checks.refuse(name, "a number above 0 and below 1", value, f"give {name}=0.1, for instance")
    return float(value)


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Times `by` each time that the share `every` of the work is done, as `torch.optim.lr_scheduler.StepLR`."""

    every: float = 0.25
    by: float = 0.3

    def __post_init__(self) -> None:
        self.settled(every=share("every", self.every), by=share("by", self.by))

    def factor(self, progress: float, plateaus: int = 0) -> float:
        """by^k after k times."""
        return self.by ** math.floor(progress / self.every + SAME)


@dataclass(frozen=True)
class MultiStepDecay(Schedule):
    """Times `by` at each share of the work in `at`, as `torch.optim.lr_scheduler.MultiStepLR`."""

    at: tuple[float, ...] = (0.5, 0.75, 0.9)
    by: float = 0.3

    def __post_init__(self) -> None:
        if not isinstance(self.at, (tuple, list)) or not self.at or list(self.at) != sorted(self.at):
            raise checks.refuse("at", "shares of the work in order", self.at, "give at=(0.5, 0.75)")
        self.settled(at=tuple(share("at", one) for one in self.at), by=share("by", self.by))

    def factor(self, progress: float, plateaus: int = 0) -> float:
        """by^k after k of them."""
        return self.by ** sum(progress + SAME >= one for one in self.at)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """From 1 to `end` in equal ratios, as `torch.optim.lr_scheduler.ExponentialLR` with gamma = end^(1 / steps)."""

    end: float = 0.01

    def __post_init__(self) -> None:
        self.settled(end=share("end", self.end))

    def factor(self, progress: float, plateaus: int = 0) -> float:
        """end^progress."""
        return self.end**progress


@dataclass(frozen=True)
class Cosine(Schedule):
    """From 1 to `end` along half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5)."""

    end: float = 0.0

    def __post_init__(self) -> None:
        self.settled(end=checks.fraction("end", self.end))

    def factor(self, progress: float, plateaus: int = 0) -> float:
        """See there, with one period."""
        wave = 0.5 * (1 + math.cos(math.pi * progress))
        return self.end + (1 - self.end) * wave if self.end else wave
