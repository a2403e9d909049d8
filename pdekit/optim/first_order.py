"""First-order methods: torch's own, on one flat vector."""

import torch
from torch import Tensor

from pdekit.optim.outcome import Evaluate, Outcome


class FirstOrder:
    """A `torch.optim` rule such as SGD or Adam, on x (P,)."""

    def __init__(self, x: Tensor, rule: type[torch.optim.Optimizer], **settings: float) -> None:
        self.x = x
        self.inner = rule([x], lr=1.0, fused=True, **settings)

    def step(self, evaluate: Evaluate, rate: float, fresh: bool) -> Outcome:
        """One evaluation, one update; the loss is the one before the update."""
        loss, gradient = evaluate(self.x)
        self.x.grad = gradient
        self.inner.param_groups[0]["lr"] = rate
        self.inner.step()
        return Outcome(loss, float(gradient.norm()), 1)
