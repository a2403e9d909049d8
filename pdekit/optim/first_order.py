"""First-order methods: one evaluation and one update a step; torch's own rules on one flat vector."""

import math

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from pdekit.optim.outcome import Dot, Evaluate, Outcome, State, dot


class FirstOrder:
    """What all have in common: x (P,), averages of its kind by name, and the number of updates taken."""

    def __init__(self, x: Tensor, dot: Dot = dot) -> None:
        self.x, self.dot = x, dot
        self.averages: dict[str, Tensor] = {}
        self.taken = 0

    def step(self, evaluate: Evaluate, rate: float, fresh: bool) -> Outcome:
        """One evaluation, one update; the loss is the one before the update. None where it is not finite."""
        loss, gradient = evaluate(self.x)
        outcome = Outcome(loss, math.sqrt(self.dot(gradient, gradient)), 1)
        if math.isfinite(loss) and math.isfinite(outcome.gradient_norm):
            self.taken += 1
            self.update(gradient, rate)
            increment_version(self.x)  # which fused rules forget, and who shares x has to know
        return outcome

    def update(self, gradient: Tensor, rate: float) -> None:
        """Move x by the rule."""
        raise NotImplementedError

    def average(self, name: str) -> Tensor:
        """The average called `name`, like x; zero at first."""
        if name not in self.averages:
            self.averages[name] = torch.zeros_like(self.x)
        return self.averages[name]

    def state(self) -> State:
        """The averages, and the number of updates."""
        return self.averages, {"taken": float(self.taken)}

    def load(self, vectors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave."""
        self.averages, self.taken = dict(vectors), int(numbers["taken"])


class OfTorch(FirstOrder):
    """A `torch.optim` rule such as SGD or Adam."""

    def __init__(
        self, x: Tensor, rule: type[torch.optim.Optimizer], dot: Dot = dot, **settings: object
    ) -> None:
        super().__init__(x, dot)
        self.inner = rule([x], lr=1.0, fused=True, **settings)

    def update(self, gradient: Tensor, rate: float) -> None:
        """torch's."""
        self.x.grad = gradient
        self.inner.param_groups[0]["lr"] = rate
        self.inner.step()

    def state(self) -> State:
        """torch's own: averages like x, and the number of updates."""
        held = self.inner.state[self.x].items() if self.x in self.inner.state else ()
        vectors = {name: value for name, value in held if value is not None and value.dim()}
        return vectors, {name: float(value) for name, value in held if value is not None and not value.dim()}

    def load(self, vectors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave."""
        self.inner.state[self.x] = vectors | {name: torch.tensor(value) for name, value in numbers.items()}
