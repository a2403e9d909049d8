"""L-BFGS: a quasi-Newton method with limited memory (Nocedal and Wright, Numerical Optimization, algorithm 7.5)."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pdekit import checks
from pdekit.optim.end import End
from pdekit.optim.outcome import Dot, Evaluate, Outcome, State, dot
from pdekit.optim.pairs import Pairs
from pdekit.optim.tolerances import Tolerances
from pdekit.optim.wolfe import CURVATURE, DECREASE, Point, Wolfe, strong_wolfe

ROUNDING = 10  # times the precision of x: the relative error of a loss
DECAY = 0.9  # of the size of earlier losses, from step to step
SURE = 1e4  # times the rounding: no accident
REPEATED = 1e-1  # the relative difference of two gradients at one point from which they are two


class Move(NamedTuple):
    """What is known after the evaluation at x + s."""

    s: Tensor
    y: Tensor
    gradient: Tensor
    products: np.ndarray


class LBFGS:
    """L-BFGS with a strong-Wolfe line search on x (P,), keeping `memory` curvature pairs.

    A step is `iterations` line searches of at most `trials` evaluations, and never more than `evaluations` in all.
    `decrease` and `curvature` are the constants of the Wolfe conditions. With tolerances above 0 a step may also say
    that it is the last: for them see `Tolerances`. ValueError for settings that cannot work.

    Every decision follows from losses, and from products of vectors, that are the same bits on every rank. One message
    of products an evaluation where each rank has its part of the vectors, none where it has them whole.
    Curvature pairs are differences of gradients of the same batch, also when each step is given another one.
    """

    line_search = staticmethod(strong_wolfe)

    def __init__(
        self,
        x: Tensor,
        memory: int = 20,
        trials: int = 25,
        decrease: float = DECREASE,
        curvature: float = CURVATURE,
        iterations: int = 1,
        evaluations: int = 100,
        gradient_tolerance: float = 0.0,
        gradient_ratio: float = 0.0,
        loss_tolerance: float = 0.0,
        loss_ratio: float = 0.0,
        dot: Dot = dot,
    ) -> None:
        self.x, self.trials = x, checks.whole("trials", trials)
        if not 0 < checks.number("decrease", decrease) < 0.5:
            raise checks.refuse("decrease", "a number between 0 and 0.5", decrease, "give decrease=1e-4")
        if not decrease < checks.number("curvature", curvature) < 1:
            expected = f"a number between decrease={decrease} and 1"
            raise checks.refuse("curvature", expected, curvature, "give curvature=0.9")
        self.decrease, self.curvature = decrease, curvature
        self.iterations = checks.whole("iterations", iterations)
        self.evaluations = checks.whole("evaluations", evaluations, least=2)
        self.tolerances = Tolerances(gradient_tolerance, gradient_ratio, loss_tolerance, loss_ratio)
        self.pairs = Pairs(checks.whole("memory", memory), dot)
        self.loss = self.least = 0.0  # at x, and of all points of this function
        self.size = 0.0  # of losses of late: what they are rounded by is in proportion

    def step(self, evaluate: Evaluate, rate: float, fresh: bool) -> Outcome:
        """Line searches, the first trial of each at `rate` (1 is the method's own); the loss is the one after them."""
        losses: list[float] = []
        end = self._start(evaluate, losses) if fresh or self.pairs.gradient is None else None
        for _ in range(self.iterations):
            if end is not None or len(losses) >= self.evaluations:
                break
            end = self._search(evaluate, rate, losses)
            if end is not None and end != End.NOT_A_FUNCTION and len(self.pairs):
                self.pairs.forget()  # the curvature, and try the gradient's own direction once
                end = self._search(evaluate, rate, losses)
            if end is None:
                end = self.tolerances.end(self.loss, self.pairs.norm, self._rounding)
        return Outcome(self.loss, self.pairs.norm, len(losses), end, tuple(losses))

    def state(self) -> State:
        """The curvature pairs, oldest first, with their products; loss and gradient at x."""
        vectors, numbers = self.pairs.state()
        own = {"loss": self.loss, "least": self.least, "size": self.size}
        return vectors, numbers | own | self.tolerances.state()

    def load(self, vectors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Go on from what `state` gave."""
        self.loss, self.least, self.size = (numbers[name] for name in ("loss", "least", "size"))
        self.pairs.load(vectors, numbers)
        self.tolerances.load(numbers)

    def _start(self, evaluate: Evaluate, losses: list[float]) -> End | None:
        """Evaluate another function at x."""
        self.loss, gradient = evaluate(self.x)
        losses.append(self.loss)
        self.pairs.look(gradient)
        self.least = self.loss
        if not (math.isfinite(self.loss) and math.isfinite(self.pairs.norm)):
            self.pairs.gradient = None
            return End.NOT_FINITE
        return self.tolerances.start(self.loss, self.pairs.norm)

    @property
    def _rounding(self) -> float:
        """By which a loss may be off."""
        return ROUNDING * torch.finfo(self.x.dtype).eps * self.size

    def _search(self, evaluate: Evaluate, rate: float, losses: list[float]) -> End | None:
        """Move x to a lower loss; it stays where it is if there is a reason not to."""
        start, before = self.x.clone(), self.pairs.gradient
        direction, slope = self.pairs.direction()
        if not slope < 0:
            return End.ROUNDING
        scale = 1.0 if self.pairs else min(1.0, 1.0 / max(self.pairs.dot(before, before.sign()), 1e-300))
        self.size = max(DECAY * self.size, abs(self.loss))
        wolfe = Wolfe(self.decrease, self.curvature, self._rounding, self.least + self._rounding)
        origin, points = Point(0.0, self.loss, slope), list[Point]()
        move: Move | None = None

        def trial(t: float) -> Point:
            nonlocal move
            torch.add(start, direction, alpha=t, out=self.x)
            loss, gradient = evaluate(self.x)
            losses.append(loss)
            s, y = self.x - start, gradient - before
            move = Move(s, y, gradient, self.pairs.products(s, y, gradient, direction))
            points.append(Point(t, loss, float(move.products[2, -1])))
            return points[-1]

        trials = min(self.trials, self.evaluations - len(losses) - 1)  # and one more may be needed below
        if trials < 1:
            return End.EVALUATIONS
        found, count = self.line_search(trial, origin, rate * scale, trials, wolfe)
        if points[-1] is not found:  # the last evaluation is at the point that is kept
            trial(found.t)
        if found is origin:
            return self._reason(origin, points, move.products, count == trials)
        self.loss = points[-1].loss
        self.least = min(self.least, self.loss)
        self.pairs.advance(*move)
        return None

    def _reason(self, origin: Point, points: list[Point], products: np.ndarray, used_up: bool) -> End:
        """Why no lower loss was found; the last of `points` is what an evaluation at x gave another time."""
        *tried, again = points
        other = products[1, -3] > (REPEATED * self.pairs.norm) ** 2
        if other or not abs(again.loss - origin.loss) <= self._rounding:
            return End.NOT_A_FUNCTION
        if not math.isfinite(min(tried).loss):
            return End.NOT_FINITE
        rising = [p for p in tried if p.loss > origin.loss + SURE * self._rounding]
        if sum(p.slope < 0.5 * origin.slope for p in rising) > 1:
            return End.WRONG_GRADIENT
        return End.EVALUATIONS if used_up and len(rising) == len(tried) else End.ROUNDING
