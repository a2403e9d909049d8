"""The face of a method's recipe: what an experiment may ask of any of them."""

from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor

from pdekit import checks
from pdekit.optim.layers import Split
from pdekit.optim.outcome import Dot, Optimizer


@dataclass(frozen=True)
class Recipe:
    """A method and its settings: plain values, checked when it is made; `make` gives the optimiser.

    Without settings every one of them is what its name alone means.
    """

    words: ClassVar[str]  # what it is, in one line
    default_rate: ClassVar[float]  # where a run starts if nothing is said
    full_batch: ClassVar[bool] = False  # whether it wants all samples at once
    layers: ClassVar[bool] = False  # whether it has to see whole layers, and so the whole of x
    products: ClassVar[bool] = False  # whether it asks for products with the curvature of the loss
    growth: ClassVar[float] = 1.0  # of the batch, from one epoch to the next
    repeats: ClassVar[bool] = False  # whether a step evaluates its batch several times
    vectors: ClassVar[float] = 2.0  # like x, that its optimiser holds or works on: here two averages

    def make(self, x: Tensor, dot: Dot, split: Split) -> Optimizer:
        """The optimiser of x (P,), which it changes in place; `split` cuts vectors like x into the parameters."""
        raise NotImplementedError

    def turn(self, steps: int) -> int:
        """The last of `steps` steps that the method itself takes, and not `last`."""
        return steps

    @property
    def last(self) -> "Recipe":
        """The method of the last steps."""
        return self

    @property
    def last_rate(self) -> float:
        """The rate of the steps after `turn`."""
        return self.last.default_rate

    def settled(self, **values: object) -> Self:
        """Store checked `values`."""
        checks.settle(self, **values)
        return self


def pair(name: str, value: object) -> tuple[float, float]:
    """Two numbers in [0, 1), such as the decay rates of two averages; ValueError otherwise."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise checks.refuse(name, "two numbers from 0 on, below 1", value, f"give {name}=(0.9, 0.999)")
    return checks.fraction(name, value[0]), checks.fraction(name, value[1])
