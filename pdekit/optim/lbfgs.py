"""L-BFGS: a quasi-Newton method with limited memory (Nocedal and Wright, Numerical Optimization, algorithm 7.5)."""

import math
from collections import deque

import torch
from torch import Tensor

from pdekit.optim.outcome import Dot, Evaluate, Outcome, State, dot
from pdekit.optim.wolfe import strong_wolfe


class LBFGS:
    """L-BFGS with a strong-Wolfe line search on x (P,), keeping `memory` curvature pairs.

    Every decision follows from losses, and from `dot`s of gradients, that are the same bits on every rank.
    Curvature pairs are differences of gradients of the same batch, also when each step is given another one.
    """

    def __init__(self, x: Tensor, memory: int = 20, trials: int = 25, dot: Dot = dot) -> None:
        self.x, self.trials, self.dot = x, trials, dot
        self.pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=memory)
        self.loss = 0.0
        self.gradient: Tensor | None = None

    def step(self, evaluate: Evaluate, rate: float, fresh: bool) -> Outcome:
        """One line search, its first trial at `rate` (1 is the method's own); the loss is the one after it."""
        evaluations = 0
        if fresh or self.gradient is None:
            self._evaluate(evaluate)
            evaluations = 1
        outcome = self._search(evaluate, rate)
        if outcome.stalled and self.pairs:  # forget the curvature and try the gradient's own direction once
            evaluations += outcome.evaluations
            self.pairs.clear()
            outcome = self._search(evaluate, rate)
        return outcome._replace(evaluations=evaluations + outcome.evaluations)

    def state(self) -> State:
        """The curvature pairs, oldest first, and loss and gradient at x."""
        vectors = {} if self.gradient is None else {"gradient": self.gradient}
        numbers = {"loss": self.loss}
        for k, (s, y, rho) in enumerate(self.pairs):
            vectors |= {f"s{k}": s, f"y{k}": y}
            numbers[f"rho{k}"] = rho
        return vectors, numbers

    def load(self, vectors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave."""
        self.loss, self.gradient = numbers["loss"], vectors.get("gradient")
        self.pairs.clear()
        for k in range(sum(name.startswith("rho") for name in numbers)):
            self.pairs.append((vectors[f"s{k}"], vectors[f"y{k}"], numbers[f"rho{k}"]))

    def _evaluate(self, evaluate: Evaluate) -> None:
        self.loss, gradient = evaluate(self.x)
        self.gradient = gradient.clone()

    def _search(self, evaluate: Evaluate, rate: float) -> Outcome:
        start, loss, gradient = self.x.clone(), self.loss, self.gradient
        direction = self._direction(gradient)
        slope = self.dot(gradient, direction)
        scale = 1.0 if self.pairs else min(1.0, 1.0 / max(self.dot(gradient, gradient.sign()), 1e-300))
        at = 0.0

        def trial(t: float) -> tuple[float, float]:
            nonlocal at
            at = t
            torch.add(start, direction, alpha=t, out=self.x)
            self._evaluate(evaluate)
            return self.loss, self.dot(self.gradient, direction)

        t, evaluations = (
            strong_wolfe(trial, loss, slope, rate * scale, self.trials) if slope < 0 else (0.0, 0)
        )
        if at != t:  # the last evaluation has to be at the point that is kept
            trial(t)
            evaluations += 1
        if t == 0.0:
            return Outcome(
                self.loss, math.sqrt(self.dot(self.gradient, self.gradient)), evaluations, stalled=True
            )
        s, y = self.x - start, self.gradient - gradient
        curvature = self.dot(s, y)
        if curvature > torch.finfo(y.dtype).eps * self.dot(
            y, y
        ):  # skip a pair that would spoil positive definiteness
            self.pairs.append((s, y, 1.0 / curvature))
        return Outcome(self.loss, math.sqrt(self.dot(self.gradient, self.gradient)), evaluations)

    def _direction(self, gradient: Tensor) -> Tensor:
        """The two-loop recursion (algorithm 7.4)."""
        q = -gradient
        coefficients = []
        for s, y, rho in reversed(self.pairs):
            coefficients.append(rho * self.dot(s, q))
            q.add_(y, alpha=-coefficients[-1])
        if self.pairs:
            _, y, rho = self.pairs[-1]
            q.mul_(1.0 / (rho * self.dot(y, y)))
        for s, y, rho in self.pairs:
            q.add_(s, alpha=coefficients.pop() - rho * self.dot(y, q))
        return q
