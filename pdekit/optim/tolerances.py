"""When a loss is low enough."""

from collections import deque

from pdekit import checks
from pdekit.optim.end import End

WINDOW = 5  # steps over which the fall of the loss is averaged: one of them may be short by chance
PATIENCE = 20  # steps without any gain that could be told from rounding


class Tolerances:
    """Limits below which a search ends; those that are 0 never end one, except that a gradient of 0 does.

    The gradient's norm is held against `gradient` and against `gradient_ratio` times its norm where the function was
    first evaluated; the mean fall of the loss over the last five steps against `loss` and against `loss_ratio` times
    the loss. ValueError for one below 0.
    """

    def __init__(self, gradient: float, gradient_ratio: float, loss: float, loss_ratio: float) -> None:
        given = {
            "gradient_tolerance": gradient,
            "gradient_ratio": gradient_ratio,
            "loss_tolerance": loss,
            "loss_ratio": loss_ratio,
        }
        for name, value in given.items():
            if checks.number(name, value) < 0:
                raise checks.refuse(name, "a number from 0 on", value, f"give {name}=0.0 for none")
        self.gradient, self.gradient_ratio, self.loss, self.loss_ratio = given.values()
        self.first = self.low = self.small = 0.0  # norm at the start; loss and norm at the latest gain
        self.idle = 0  # steps since then
        self.losses: deque[float] = deque(maxlen=WINDOW + 1)

    def start(self, loss: float, norm: float) -> End | None:
        """At the first evaluation of a function."""
        self.first = norm
        self.low, self.small, self.idle = loss, norm, 0
        self.losses.clear()
        return self.end(loss, norm, 0.0)

    def end(self, loss: float, norm: float, rounding: float) -> End | None:
        """After a step to this loss, which is precise to `rounding`, and to a gradient of this norm."""
        self.losses.append(loss)
        if norm <= max(self.gradient, self.gradient_ratio * self.first):
            return End.GRADIENT_SMALL
        least = max(self.loss, self.loss_ratio * abs(loss))
        if least and len(self.losses) > WINDOW and self.losses[0] - loss <= WINDOW * least:
            return End.LOSS_SETTLED
        self.idle += 1
        if loss < self.low - rounding or norm < 0.5 * self.small:
            self.low, self.small, self.idle = loss, norm, 0
        return End.ROUNDING if self.idle >= PATIENCE else None

    def state(self) -> dict[str, float]:
        """What the next answer depends on."""
        gains = {"low": self.low, "small": self.small, "idle": float(self.idle), "first norm": self.first}
        return gains | {f"loss {k}": loss for k, loss in enumerate(self.losses)}

    def load(self, numbers: dict[str, float]) -> None:
        """Go on from what `state` gave."""
        self.first, self.low, self.small = (numbers[name] for name in ("first norm", "low", "small"))
        self.idle = int(numbers["idle"])
        self.losses.clear()
        self.losses.extend(numbers[f"loss {k}"] for k in range(WINDOW + 1) if f"loss {k}" in numbers)
