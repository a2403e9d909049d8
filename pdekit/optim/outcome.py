"""The face of an optimiser."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from torch import Tensor

from pdekit.optim.end import End
from pdekit.products import Products

Evaluate = Callable[[Tensor], tuple[float, Tensor]]
"""x (P,) -> loss and gradient (P,). The gradient's memory is overwritten by the next call."""


Dot = Products
"""Inner products of vectors like x, the same bits on every rank: `dot(a, b)`, and `dot.of` for many in one message."""

dot = Products()  # of whole vectors


State = tuple[dict[str, Tensor], dict[str, float]]
"""Tensors and numbers, by name. Tensors shaped like x go with it, cut where x is; others are the same on all ranks."""


class Outcome(NamedTuple):
    """What one step did."""

    loss: float
    gradient_norm: float  # Euclidean, where `loss` was measured
    evaluations: int
    end: End | None = None  # why another step on the same function would find no lower loss
    trials: tuple[float, ...] = ()  # the losses of all evaluations, in their order

    @property
    def stalled(self) -> bool:
        """Whether there is a reason to end."""
        return self.end is not None


class Optimizer(Protocol):
    """Made with the vector x (P,) that it changes in place, so that its version counts up."""

    def step(self, evaluate: Evaluate, rate: float, fresh: bool) -> Outcome:
        """One step. `fresh`: `evaluate` is another function than in the last step (the next mini-batch).

        The last evaluation of a step is at the point that the step is about: x before it for a first-order
        method, x after it for a line search.
        """
        ...

    def state(self) -> State:
        """What the next step depends on beside x: not copied, to be read before it is taken."""
        ...

    def load(self, vectors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave; the vectors are kept."""
        ...
