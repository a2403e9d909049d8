"""Poisson's equation with a random log-permeability, the steady flow through a porous square or cube."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pdekit import checks
from pdekit.pde import formula, reference
from pdekit.pde.conditions import Dirichlet, Obstacle
from pdekit.pde.faces import Faces
from pdekit.pde.fields import Field, KarhunenLoeve
from pdekit.pde.ritz import Ritz, diffusion
from pdekit.pde.stencil import Quadratic

THROUGH = Faces(x0=Dirichlet(1.0), x1=Dirichlet(0.0))


@dataclass(frozen=True)
class Poisson(Ritz):
    """`-div(nu grad u) = f` on the unit square or cube, u = 1 at x = 0, u = 0 at x = 1, no flux through other faces.

    `nu = exp(sum_i w_i l_i e_i(x) e_i(y))` with `terms` Karhunen-Loeve terms of correlation length `eta` and
    Sobol parameters w in [-bound, bound]^terms (arXiv:2104.14538, section 2), or another `permeability`;
    `f = source`, a number or a formula; other `faces`; an `obstacle` at whose nodes u is given. The loss of a
    sample is its Ritz energy `1/2 int nu |grad u|^2 - int f u` of (tri)linear elements, or of biquadratic ones
    with `order=2` in 2D: what it has in excess of its minimum is half the squared energy norm of the error.
    Look at how u bends around regions of low permeability.
    """

    dim: int = 2
    terms: int = 6
    eta: float = 0.5
    bound: float = 3.0
    source: float | str = 0.0
    order: int = 1
    permeability: Field | None = None
    faces: Faces = THROUGH
    obstacle: Obstacle | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        family = KarhunenLoeve(self.terms, self.eta, self.bound)
        checks.settle(
            self,
            terms=family.terms,
            eta=family.eta,
            bound=family.bound,
            dim=checks.whole("dim", self.dim, least=2, most=3),
            order=checks.whole("order", self.order, most=2),
            source=formula.checked("source", self.source),
        )
        self.field.check_shape(self.shape)
        if self.permeability is not None and not self.permeability.positive:
            raise checks.refuse("permeability", "a field above 0", self.permeability, "exponentiate it")
        if self.order == 2 and (self.dim == 3 or self.resolution % 2 == 0):
            got = f"dim={self.dim}, resolution={self.resolution}"
            raise checks.refuse(
                "order=2", "a square with an odd number of nodes a side", got, "use 65, for instance"
            )
        if self.order == 2 and not self.faces.homogeneous:
            raise checks.refuse("faces", "no flux with order=2", self.faces, "use order=1")
        if not any(isinstance(one, Dirichlet) for _, _, one in self.faces.items(self.dim)):
            remedy = "give one of them Dirichlet(...), else u is known up to a constant only"
            raise checks.refuse("faces", "a face where u is given", self.faces, remedy)

    @property
    def field(self) -> Field:
        """The permeability's family."""
        return self.permeability or KarhunenLoeve(self.terms, self.eta, self.bound)

    @property
    def forcing(self) -> float | str:
        """f."""
        return self.source

    @property
    def objectives(self) -> tuple[str, ...]:
        """The logarithm, where the energy of every admissible u is above zero; the best first."""
        if self.source != 0.0 or not self.faces.homogeneous:
            return "asinh", "mean"
        given = {one.value for _, _, one in self.faces.items(self.dim) if isinstance(one, Dirichlet)}
        given |= {self.obstacle.value} if self.obstacle else set()
        same = len(given) == 1 and not isinstance(given.pop(), str)  # then u is constant, without energy
        return ("root", "mean", "asinh") if same else ("log", "mean", "root", "asinh")

    def density(self, u: Tensor, grad_u: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """`nu |grad u|^2 / 2`."""
        return c * grad_u.square().sum(dim=0) / 2

    def assemble(self, data: Tensor) -> Quadratic:
        """The stencil, straight from the nodes of nu."""
        return self.driven(Quadratic(diffusion(data)))

    def classical(self, data: np.ndarray) -> np.ndarray:
        """scikit-fem's assembly, and a sparse factorisation or multigrid."""
        held = None if self.obstacle is None else (self.obstacle.mask(self.shape), self.obstacle.value)
        source = formula.on_nodes(self.source, self.shape)
        return reference.poisson(data, source, self.faces.plain(self.shape), held, self.order)
