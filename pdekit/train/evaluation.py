"""A batch's loss as a function of the parameters: its value, its gradient, and products with its curvature."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

from pdekit.pde.problem import Samples
from pdekit.train.curvature import GaussNewton
from pdekit.train.objectives import OBJECTIVES

if TYPE_CHECKING:
    from pdekit.train.solver import Solver


class Evaluation:
    """That of the global batch of `count` samples whose `parts` the copies of the network on this rank have."""

    def __init__(self, solver: "Solver", parts: list[Samples], count: int) -> None:
        self.solver, self.parts = solver, parts
        self.count = count  # what this rank's sum of losses is divided by
        if solver.experiment.mean == "ranks":
            self.count = max(sum(len(part.inputs) for part in parts), 1) * solver.comm.size

    def __call__(self, x: Tensor) -> tuple[float, Tensor]:
        """Loss and gradient at `x`, like `reduction.x`, summed over the ranks."""
        solver, count = self.solver, self.count
        return solver.reduction.evaluate(
            lambda k: solver.losses(k, self.parts[k])[1].double().sum() / count, x
        )

    def curvature(self) -> Callable[[Tensor], Tensor]:
        """v -> G v at the x of the last evaluation; see `GaussNewton`."""
        solver, (samples,), (flat,) = self.solver, self.parts, self.solver.reduction.flats
        objective = OBJECTIVES[solver.experiment.objective]
        return GaussNewton(
            solver.problem,
            samples,
            lambda generator: solver.output(solver.problem, samples, generator),
            flat,
            objective,
            self.count,
            solver.comm,
        )
