"""L-BFGS on mini-batches, where the function is another one at each step.

Both gradients of a curvature pair are of one batch, so that y is curvature and not the difference of two samplings
(Schraudolph, Yu and Guenter 2007, A stochastic quasi-Newton method for online convex optimization, AISTATS, section
3.2; the full overlap of Berahas, Nocedal and Takac 2016, arXiv:1605.06049). A line search asks for a loss of the batch
that is low enough and for nothing else (Bollapragada et al. 2018, arXiv:1802.05374, section 2.2): a condition on the
slope would solve each batch well at the cost of the others.
"""

import math
from collections.abc import Callable

from torch import Tensor

from pdekit.optim.end import End
from pdekit.optim.lbfgs import LBFGS
from pdekit.optim.outcome import Dot, Evaluate, Outcome, dot
from pdekit.optim.wolfe import DECREASE, Point, Wolfe

SHORTEST, LONGEST = 0.1, 0.5  # the next trial, times the last


def backtrack(
    trial: Callable[[float], Point], origin: Point, first: float, trials: int, wolfe: Wolfe
) -> tuple[Point, int]:
    """The first point whose loss is low enough, and its number, the first at t = `first`; else `origin`, and `trials`.

    As `strong_wolfe`, without the condition on the slope: shorter and shorter steps, never a longer one.
    """
    t = first
    for count in range(1, trials + 1):
        point = trial(t)
        if wolfe.decreased(origin, point):
            return point, count
        t = shorter(origin, point)
    return origin, trials


def shorter(origin: Point, point: Point) -> float:
    """The minimiser of the parabola through both losses and the first slope, safeguarded (Nocedal and Wright, 3.58).

    The shortest step allowed where the loss is not finite.
    """
    bend = point.loss - origin.loss - point.t * origin.slope
    minimiser = -0.5 * origin.slope * point.t**2 / bend if 0 < bend < math.inf else 0.0
    return min(max(minimiser, SHORTEST * point.t), LONGEST * point.t)


class StochasticLBFGS(LBFGS):
    """L-BFGS on x (P,) for functions that change, keeping `memory` curvature pairs through all of them.

    A step is `iterations` moves on its batch, each with the first trial at the rate and at most `trials` of them: with
    one evaluation at x, `iterations + 1` in all where the first trials are good. ValueError for settings that cannot
    work. A step on a function that is fresh gives no reason to end: the next function may fall again.
    """

    line_search = staticmethod(backtrack)

    def __init__(
        self,
        x: Tensor,
        memory: int = 20,
        iterations: int = 8,
        trials: int = 10,
        decrease: float = DECREASE,
        dot: Dot = dot,
    ) -> None:
        super().__init__(x, memory, trials, decrease, iterations=iterations, dot=dot)

    def step(self, evaluate: Evaluate, rate: float, fresh: bool) -> Outcome:
        """Moves, the first trial of each at `rate` (1 is the method's own); the loss is the one after them."""
        outcome = super().step(evaluate, rate, fresh)
        return outcome._replace(end=None) if fresh and outcome.end != End.NOT_FINITE else outcome
