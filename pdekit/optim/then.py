"""One method after another, such as Adam, which comes near a minimum, and L-BFGS, which gets there."""

from dataclasses import dataclass

from torch import Tensor

from pdekit import checks
from pdekit.optim.layers import Split
from pdekit.optim.menu import OPTIMIZERS, method
from pdekit.optim.named import short
from pdekit.optim.outcome import Dot, Optimizer
from pdekit.optim.recipe import Recipe


@dataclass(frozen=True)
class Then(Recipe):
    """`first` for the share `after` of all steps, and then `second`, which starts anew, at the constant `rate`.

    Methods are names or recipes; `rate` left out is the second one's own. Rate, schedule and batch of an experiment
    are the first one's, and the schedule runs over its steps; a second one that wants all samples at once, such as
    L-BFGS, gets them. ValueError for bad settings, and for a Then in a Then.
    """

    words = "one method, and from some step on another"

    first: Recipe | str = "adam"
    second: Recipe | str = "lbfgs"
    after: float = 0.95
    rate: float | None = None

    def __post_init__(self) -> None:
        methods = {"first": method(self.first, "first"), "second": method(self.second, "second")}
        for name, one in methods.items():
            if isinstance(one, Then):
                raise checks.refuse(name, "a method that does not change", one, "give one of the two in it")
        after = checks.fraction("after", self.after)
        rate = methods["second"].default_rate if self.rate is None else checks.positive("rate", self.rate)
        self.settled(
            after=after, rate=rate, **{name: short(one, OPTIMIZERS) for name, one in methods.items()}
        )

    @property
    def default_rate(self) -> float:
        """The first one's."""
        return method(self.first).default_rate

    @property
    def full_batch(self) -> bool:
        """Of the first one."""
        return method(self.first).full_batch

    @property
    def growth(self) -> float:
        """That of the first one."""
        return method(self.first).growth

    @property
    def repeats(self) -> bool:
        """Of the first one."""
        return method(self.first).repeats

    @property
    def layers(self) -> bool:
        """Of either."""
        return method(self.first).layers or self.last.layers

    @property
    def last(self) -> Recipe:
        """The second one."""
        return method(self.second)

    @property
    def last_rate(self) -> float:
        """That of the second one."""
        return self.rate

    def turn(self, steps: int) -> int:
        """See `Recipe.turn`; with one step or more for each where there are two."""
        return min(max(round(self.after * steps), 1), max(steps - 1, 1))

    def make(self, x: Tensor, dot: Dot, split: Split) -> Optimizer:
        """The first one's; that of `last` follows it."""
        return method(self.first).make(x, dot, split)
