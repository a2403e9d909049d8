"""Waves of one frequency in an uneven medium, leaving the square through its faces."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pdekit import checks
from pdekit.pde import formula
from pdekit.pde.elements import at_points
from pdekit.pde.fields import Field, Matern
from pdekit.pde.reference.helmholtz import helmholtz
from pdekit.pde.weak import Weak


@dataclass(frozen=True)
class Helmholtz(Weak):
    """`-Lap u - (k/c)^2 u = f` on the unit square, `du/dn = i (k/c) u` on all faces; u is (2, H, W), complex.

    Real part first. Waves exp(-i k t) of wave number k where the speed of sound c is 1 (Ihlenburg, Finite Element
    Analysis of Acoustic Scattering, 1998, chapters 1 and 4); the faces absorb what meets them head on (Engquist and
    Majda 1977, Math. Comp. 31, first order). c > 0 is drawn from `speed`, by default smooth and within some 30 % of
    1; `f = source`, a number or a formula, by default a Gaussian. u is no minimiser: the loss of a sample is half the
    squared dual norm of the residual of bilinear elements, 2 x 2 Gauss points a cell, in the inner product `int grad
    u . grad v + k^2 u v`. Waves need some 10 nodes a wavelength 2 pi c / k, and more as k grows: the error is of
    order k^3 h^2 (Ihlenburg and Babuska 1995, Comput. Math. Appl. 30). Look at wave fronts that bend around slow
    regions, and gather behind them.
    """

    k: float = 12.0
    source: float | str = "100*exp(-((x-0.5)**2 + (y-0.5)**2)/0.02)"
    speed: Field | None = None

    given: ClassVar[str] = "speed of sound c"
    components: ClassVar[int] = 2
    linear: ClassVar[bool] = True
    orders: ClassVar[tuple[float, ...]] = (2.0,)  # of the L2 error of the residual's zero

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.settle(self, k=checks.positive("k", self.k), source=formula.checked("source", self.source))
        if not self.field.positive:
            raise checks.refuse("speed", "a field above 0", self.speed, "exponentiate it")

    @property
    def field(self) -> Field:
        """The family of speeds of sound."""
        return self.speed or Matern(smoothness=2.5, length=0.3, sigma=0.15, modes=16)

    @property
    def weight(self) -> float:
        """k^2: both parts of the norm of a wave are alike then."""
        return self.k**2

    def form(self, u: Tensor, grad_u: Tensor, v: Tensor, grad_v: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """`grad u . grad v - (k/c)^2 u v - f v`, real and imaginary equation added."""
        f = _source(self.source, self.shape, u.dtype)
        waves = (grad_u * grad_v).sum(dim=(0, 1)) - (self.k / c).square() * (u * v).sum(dim=0)
        return waves - f * v[0]

    def face_form(self, u: Tensor, v: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """`-i (k/c) u v`, likewise."""
        return self.k / c * (u[1] * v[0] - u[0] * v[1])

    def classical(self, data: np.ndarray) -> np.ndarray:
        """scikit-fem's assembly, 3 x 3 Gauss points a cell, and a sparse factorisation."""
        return helmholtz(data, self.k, formula.on_nodes(self.source, self.shape))


@lru_cache(maxsize=8)
def _source(source: float | str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """f at the Gauss points, bilinear between its nodes: (G, P)."""
    return at_points(torch.tensor(formula.on_nodes(source, shape), dtype=dtype)[None])[0]
