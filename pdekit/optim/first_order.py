"""First-order methods: torch's own, on one flat vector."""

import math

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from pdekit.optim.outcome import Dot, Evaluate, Outcome, State, dot


class FirstOrder:
    """A `torch.optim` rule such as SGD or Adam, on x (P,)."""

    def __init__(
        self, x: Tensor, rule: type[torch.optim.Optimizer], dot: Dot = dot, **settings: float
    ) -> None:
        self.x, self.dot = x, dot
        self.inner = rule([x], lr=1.0, fused=True, **settings)

    def step(self, evaluate: Evaluate, rate: float, fresh: bool) -> Outcome:
        """One evaluation, one update; the loss is the one before the update. None where it is not finite."""
        loss, gradient = evaluate(self.x)
        outcome = Outcome(loss, math.sqrt(self.dot(gradient, gradient)), 1)
        if math.isfinite(loss) and math.isfinite(outcome.gradient_norm):
            self.x.grad = gradient
            self.inner.param_groups[0]["lr"] = rate
            self.inner.step()
            increment_version(self.x)  # which fused rules forget, and who shares x has to know
        return outcome

    def state(self) -> State:
        """torch's own: averages like x, and the number of updates."""
        held = self.inner.state[self.x].items() if self.x in self.inner.state else ()
        vectors = {name: value for name, value in held if value is not None and value.dim()}
        return vectors, {name: float(value) for name, value in held if value is not None and not value.dim()}

    def load(self, vectors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave."""
        self.inner.state[self.x] = vectors | {name: torch.tensor(value) for name, value in numbers.items()}
