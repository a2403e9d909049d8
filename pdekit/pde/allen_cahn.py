"""One implicit step of the Allen-Cahn equation: two phases that part, and interfaces that shorten."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from pdekit import checks
from pdekit.pde.heat import Heat
from pdekit.pde.reference import newton


@dataclass(frozen=True)
class AllenCahn(Heat):
    """One implicit Euler step `(u - v) / tau = eps^2 Lap u - u^3 + u` from the state v, without flux through the faces.

    The equation of Allen and Cahn (1979, Acta Metall. 27). A step minimises `int (u - v)^2 / (2 tau) + eps^2/2
    |grad u|^2 + (u^2 - 1)^2 / 4` over bilinear elements, 2 x 2 Gauss points a cell: convex for tau < 1 (the second
    derivative of the last term is -1 or more), so that each step has one solution and is an honest energy; the
    generator gives u - v, and `roll` feeds its output back. States are `tanh(sharpness g)`, g from `state`: between
    the phases -1 and 1, about as steep as the interfaces `tanh(x / (sqrt(2) eps))` that form. Look at how interfaces
    move by their curvature, and small drops vanish.
    """

    epsilon: float = 0.04
    sharpness: float = 3.0

    linear: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.settle(self, sharpness=checks.positive("sharpness", self.sharpness))
        if self.tau >= 1:
            remedy = "take more, shorter steps"
            raise checks.refuse("tau", "a number below 1, where the energy is convex", self.tau, remedy)

    def data(self, parameters: np.ndarray) -> np.ndarray:
        """The states of the samples with `parameters` (B, m): (B, *shape), float64."""
        return np.tanh(self.sharpness * super().data(parameters))

    def density(self, u: Tensor, grad_u: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """The heat step's, and `(u^2 - 1)^2 / 4`."""
        return super().density(u, grad_u, x, c) + (u.square() - 1).square() / 4

    def classical(self, data: np.ndarray) -> np.ndarray:
        """scikit-fem's assembly, and a damped Newton method."""
        return newton.implicit_step(data, self.tau, self.epsilon, reaction=True)
