"""Plane-strain linear elasticity of a square of uneven stiffness."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pdekit import checks
from pdekit.pde import stencil
from pdekit.pde.conditions import Dirichlet, Periodic, Robin
from pdekit.pde.elements import cells, element, gather, spacing
from pdekit.pde.faces import Faces
from pdekit.pde.fields import Field, Inclusions
from pdekit.pde.reference.elasticity import elasticity
from pdekit.pde.ritz import Ritz
from pdekit.pde.stencil import Quadratic

PULLED = Faces(x0=Dirichlet((0.0, 0.0)), x1=Dirichlet((0.1, 0.0)))


@dataclass(frozen=True)
class Elasticity(Ritz):
    """`-div sigma = 0` on the unit square, clamped at x = 0, pulled by (0.1, 0) at x = 1, free at y = 0 and y = 1.

    `sigma = lambda tr(e) I + 2 mu e` with e the symmetric gradient of the displacement u = (u_x, u_y), lambda =
    E r / ((1 + r)(1 - 2 r)), mu = E / (2 (1 + r)): plane strain (Braess, Finite Elements, chapter VI, section 3), r the
    `poisson_ratio` in (-1, 1/2), E > 0 drawn from `young` (default: `Inclusions()`), without units. Other `faces`: a
    Dirichlet value is a pair, None for a free component, and a Neumann flux the traction sigma n. The loss of a sample
    is its elastic energy `int lambda/2 tr(e)^2 + mu e : e`, less the work of tractions, of bilinear elements, which
    lock as r comes near 1/2. Look at how soft inclusions stretch, and how stiff ones move as one piece.
    """

    poisson_ratio: float = 0.3
    young: Field | None = None
    faces: Faces = PULLED

    given: ClassVar[str] = "Young's modulus E"
    components: ClassVar[int] = 2
    orders: ClassVar[tuple[float, ...]] = (2.0,)  # of the L2 error of the minimiser

    def __post_init__(self) -> None:
        super().__post_init__()
        r = checks.number("poisson_ratio", self.poisson_ratio)
        if not -1 < r < 0.5:
            expected = "a number between -1 and 1/2, both excluded"
            raise checks.refuse("poisson_ratio", expected, r, "give 0.3, for instance")
        checks.settle(self, poisson_ratio=r)
        if not self.field.positive:
            raise checks.refuse("young", "a field above 0", self.young, "exponentiate it")
        if any(isinstance(one, Robin) for _, _, one in self.faces.items(self.dim)):
            raise checks.refuse("faces", "no Robin conditions", self.faces, "use Dirichlet or Neumann")
        if not _held(self.faces):
            expected = "Dirichlet values that stop both shifts and the turn"
            raise checks.refuse("faces", expected, self.faces, "hold one face in x and y, for instance")

    @property
    def field(self) -> Field:
        """The family of Young's moduli."""
        return self.young or Inclusions()

    @property
    def objectives(self) -> tuple[str, ...]:
        """The logarithm, where no traction makes energies negative."""
        return ("log", "mean", "root", "asinh") if self.faces.homogeneous else ("asinh", "mean")

    @property
    def moduli(self) -> tuple[float, float]:
        """lambda and mu for E = 1."""
        r = self.poisson_ratio
        return r / ((1 + r) * (1 - 2 * r)), 1 / (2 * (1 + r))

    def density(self, u: Tensor, grad_u: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """`lambda/2 tr(e)^2 + mu e : e`."""
        lam, mu = self.moduli
        (xx, xy), (yx, yy) = grad_u
        return c * (lam / 2 * (xx + yy).square() + mu * (xx.square() + yy.square() + (xy + yx).square() / 2))

    def assemble(self, data: Tensor) -> Quadratic:
        """The stencil of 2 x 2 blocks, straight from the nodes of E: one small product a cell."""
        of_pairs = torch.matmul(_pairs_of_nodes(self.shape, *self.moduli, data.dtype), gather(data))
        of_pairs = of_pairs.unflatten(1, (2, 2, -1)).unflatten(-1, cells(self.shape))
        return self.driven(Quadratic(stencil.assemble(of_pairs, self.shape)))

    def classical(self, data: np.ndarray) -> np.ndarray:
        """scikit-fem's assembly, and a sparse factorisation or multigrid."""
        return elasticity(data, self.poisson_ratio, self.faces.plain(self.shape, components=2))


@lru_cache(maxsize=8)
def _pairs_of_nodes(shape: tuple[int, int], lam: float, mu: float, dtype: torch.dtype) -> Tensor:
    """`-int N_c (lambda d_i N_p d_j N_q + mu (d_j N_p d_i N_q + delta_ij grad N_p . grad N_q))`: (i j pairs, c)."""
    cell = element(spacing(shape))
    p, q = (list(one) for one in zip(*stencil.pairs(len(shape)), strict=True))
    slopes = cell.table[1:]  # (d, G, nodes)
    products = np.einsum("g,gc,igk,jgk->ijkc", cell.weights, cell.table[0], slopes[..., p], slopes[..., q])
    trace = np.einsum("iikc->kc", products)
    whole = lam * products + mu * (products.swapaxes(0, 1) + np.eye(2)[:, :, None, None] * trace)
    return torch.from_numpy(-whole.reshape(-1, whole.shape[-1])).to(dtype)


def _held(faces: Faces) -> bool:
    """Whether the Dirichlet values determine both shifts and, without periodic faces, the turn."""
    motions = []  # of a held component: (1, 0, -y) in x, (0, 1, x) in y
    for axis, end, one in faces.items(2):
        if not isinstance(one, Dirichlet):
            continue
        parts = one.value if isinstance(one.value, tuple) else (one.value,) * 2
        for along in (0.0, 1.0):
            x, y = (-end, along) if axis == -1 else (along, -end)
            rows = ((1.0, 0.0, -y), (0.0, 1.0, x))
            motions += [row for row, value in zip(rows, parts, strict=False) if value is not None]
    periodic = any(isinstance(one, Periodic) for _, _, one in faces.items(2))
    count = 2 if periodic else 3
    return bool(motions) and np.linalg.matrix_rank(np.array(motions)[:, :count]) == count
