"""Newton's method with the Gauss-Newton matrix, its systems solved by conjugate gradients and damped.

Martens 2010, Deep learning via Hessian-free optimization: the damping of section 4.1, the end of the conjugate
gradients of section 4.4, their start from the step before of section 4.5.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pdekit import checks
from pdekit.optim.end import End
from pdekit.optim.outcome import Dot, Evaluate, Outcome, State, dot

Product = Callable[[Tensor], Tensor]
DECREASE = 1e-4  # of what the slope promises, at least
HALVINGS = 10  # of a step, before it is given up
SYSTEMS = 3  # with more and more damping, before a search is given up
KEPT = 0.95  # of the last step, from which the next system's solution begins
SETTLED = 5e-4  # relative gain of the model, an iteration, below which another one is not worth it


class Model(NamedTuple):
    """A step d, and what the quadratic model says about it: g^T d and d^T G d."""

    move: Tensor
    slope: float
    curvature: float


class NewtonCG:
    """Gauss-Newton steps on x (P,): `(G + damping I) d = -g` by at most `iterations` of conjugate gradients.

    The damping falls where the model foretells the loss well and rises where it does not (Levenberg 1944, Marquardt
    1963). Needs an `evaluate` with the method `curvature()`, which gives v -> G v at the x of the last evaluation.
    ValueError for settings that cannot work.
    """

    def __init__(self, x: Tensor, iterations: int = 20, damping: float = 1e-3, dot: Dot = dot) -> None:
        self.x, self.dot = x, dot
        self.iterations = checks.whole("iterations", iterations)
        self.damping = checks.positive("damping", damping)
        self.last = torch.zeros_like(x)
        self.loss = self.norm = 0.0
        self.gradient: Tensor | None = None

    def step(self, evaluate: Evaluate, rate: float, fresh: bool) -> Outcome:
        """One system, and `rate` of its step, or a half of that, a quarter..., until the loss falls enough."""
        losses: list[float] = []
        if fresh or self.gradient is None:
            self._evaluate(evaluate, losses)
        if not (math.isfinite(self.loss) and math.isfinite(self.norm)):
            self.gradient = None
            return self._outcome(losses, End.NOT_FINITE)
        if self.norm == 0:
            return self._outcome(losses, End.GRADIENT_SMALL)
        start, loss, gradient = self.x.clone(), self.loss, self.gradient
        product = evaluate.curvature()
        for _ in range(SYSTEMS):
            model = self._solve(product, gradient)
            for halved in range(HALVINGS):
                t = rate / 2**halved
                torch.add(start, model.move, alpha=t, out=self.x)
                self._evaluate(evaluate, losses)
                if math.isfinite(self.norm) and self.loss <= loss + DECREASE * t * model.slope:
                    foretold = t * model.slope + t * t * model.curvature / 2
                    self._learn(0.0 if halved else (self.loss - loss) / foretold)
                    self.last = model.move
                    return self._outcome(losses, None)
            self.damping *= 100
            self.last = torch.zeros_like(self.x)  # a step for this gradient alone goes down
        self.x.copy_(start)
        self._evaluate(evaluate, losses)  # the last evaluation is at the point that is kept
        return self._outcome(losses, End.ROUNDING)

    def state(self) -> State:
        """The last step, the gradient and the loss at x, and the damping."""
        vectors = {"last": self.last} | ({} if self.gradient is None else {"gradient": self.gradient})
        return vectors, {"loss": self.loss, "norm": self.norm, "damping": self.damping}

    def load(self, vectors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave."""
        self.last, self.gradient = vectors["last"], vectors.get("gradient")
        self.loss, self.norm, self.damping = (numbers[name] for name in ("loss", "norm", "damping"))

    def _evaluate(self, evaluate: Evaluate, losses: list[float]) -> None:
        self.loss, gradient = evaluate(self.x)
        self.gradient = gradient.clone()
        self.norm = math.sqrt(self.dot(gradient, gradient))
        losses.append(self.loss)

    def _outcome(self, losses: list[float], end: End | None) -> Outcome:
        return Outcome(self.loss, self.norm, len(losses), end, tuple(losses))

    def _learn(self, ratio: float) -> None:
        """From the fall of the loss by that of the model."""
        if ratio > 0.75:
            self.damping /= 2
        elif ratio < 0.25:
            self.damping *= 2

    def _solve(self, product: Product, gradient: Tensor) -> Model:
        """Conjugate gradients for `(G + damping I) d = -g`."""
        move = KEPT * self.last
        rest = -gradient  # of the equation at `move`
        if self.last.any():
            rest = rest - product(move) - self.damping * move
        along, squared = rest.clone(), self.dot(rest, rest)
        values: list[float] = []  # of the damped model, g^T d + d^T (G + damping) d / 2 = (g - rest)^T d / 2
        for k in range(self.iterations):
            image = product(along).add_(along, alpha=self.damping)
            bend = self.dot(along, image)
            if not (squared > 0 and bend > 0):
                break
            length = squared / bend
            move.add_(along, alpha=length)
            rest.sub_(image, alpha=length)
            values.append(self.dot(gradient - rest, move) / 2)
            window = max(5, k // 10)
            if k >= window and values[-1] < 0 and values[-1] / values[-1 - window] - 1 < window * SETTLED:
                break
            before, squared = squared, self.dot(rest, rest)
            along.mul_(squared / before).add_(rest)
        slope = self.dot(gradient, move)
        damped = -slope - self.dot(rest, move)  # d^T (G + damping) d
        return Model(move, slope, damped - self.damping * self.dot(move, move))
