"""The p-Laplace equation: flow whose resistance depends on its own speed."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from pdekit import checks
from pdekit.pde import formula
from pdekit.pde.conditions import Dirichlet
from pdekit.pde.faces import Faces
from pdekit.pde.fields import Field, KarhunenLoeve
from pdekit.pde.poisson import THROUGH
from pdekit.pde.reference import newton
from pdekit.pde.ritz import Ritz

LEAST, MOST = 1.5, 4.0  # exponents for which minimisers and references are tested


@dataclass(frozen=True)
class PLaplace(Ritz):
    """`-div(nu (|grad u|^2 + delta^2)^((p-2)/2) grad u) = f` on the unit square, u = 1 at x = 0, u = 0 at x = 1.

    The regularised p-Laplacian (Barrett and Liu 1993, Math. Comp. 61), with p from 1.5 to 4: the flow of a power-law
    fluid, or turbulent filtration. `nu` is drawn from `permeability` (default: `KarhunenLoeve()`); `f = source`, a
    number or a formula; other `faces`, whose flux is that of the equation. The loss of a sample is its Ritz energy
    `int nu/p (|grad u|^2 + delta^2)^(p/2) - f u` of bilinear elements, 2 x 2 Gauss points a cell: convex, not
    quadratic, so that there is no stencil to assemble and no linear system to solve. Look at how u sharpens where
    p is small and the flow seeks a few channels, and how p = 4 spreads it.
    """

    p: float = 3.0
    delta: float = 0.01
    source: float | str = 0.0
    permeability: Field | None = None
    faces: Faces = THROUGH

    linear: ClassVar[bool] = False
    orders: ClassVar[tuple[float, ...]] = (2.0,)  # of the L2 error of the minimiser

    def __post_init__(self) -> None:
        super().__post_init__()
        p = checks.positive("p", self.p)
        if not LEAST <= p <= MOST:
            raise checks.refuse("p", f"a number from {LEAST} to {MOST}", self.p, "give p=3.0, for instance")
        source = formula.checked("source", self.source)
        checks.settle(self, p=p, delta=checks.positive("delta", self.delta), source=source)
        if not self.field.positive:
            raise checks.refuse("permeability", "a field above 0", self.permeability, "exponentiate it")
        if not any(isinstance(one, Dirichlet) for _, _, one in self.faces.items(self.dim)):
            remedy = "give one of them Dirichlet(...), else u is known up to a constant only"
            raise checks.refuse("faces", "a face where u is given", self.faces, remedy)

    @property
    def field(self) -> Field:
        """The permeability's family."""
        return self.permeability or KarhunenLoeve()

    @property
    def forcing(self) -> float | str:
        """f."""
        return self.source

    @property
    def objectives(self) -> tuple[str, ...]:
        """The logarithm, where the energy of every admissible u is above zero."""
        driven = self.source != 0.0 or not self.faces.homogeneous
        return ("asinh", "mean") if driven else ("log", "mean", "root", "asinh")

    def density(self, u: Tensor, grad_u: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """`nu/p (|grad u|^2 + delta^2)^(p/2)`."""
        return c / self.p * (grad_u.square().sum(dim=0) + self.delta**2) ** (self.p / 2)

    def classical(self, data: np.ndarray) -> np.ndarray:
        """scikit-fem's assembly, and a damped Newton method."""
        source = formula.on_nodes(self.source, self.shape)
        return newton.p_laplace(data, self.p, self.delta, source, self.faces.plain(self.shape))
