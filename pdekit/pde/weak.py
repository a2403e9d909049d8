"""Problems without an energy: the loss of a sample is the dual norm of its weak residual over bilinear elements."""

from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import torch
from torch import Tensor

from pdekit.pde import dual
from pdekit.pde.dual import Modes
from pdekit.pde.elements import at_points, coordinates
from pdekit.pde.faces import Dirichlet, Periodic, component
from pdekit.pde.forms import DualNorm, Part, Parts, residual
from pdekit.pde.imposed import Imposed
from pdekit.pde.least_squares import LeastSquares
from pdekit.pde.problem import Samples
from pdekit.pde.wide import Offset


@dataclass(frozen=True)
class Weak(Imposed, LeastSquares):
    """`a(u; v) = 0` for all v that vanish where u is given: the base of problems that are no minimisers.

    The residual r_p is `a(u; N_p)` for each hat N_p whose node is not held, the derivative in v by automatic
    differentiation, and the loss `1/2 r^T S r`, S the inverse of the inner product `int grad u . grad v + weight u v`:
    half the squared norm of the residual as a functional on H1, `max_v a(u; v) / |v|`. The plain sum of squares
    r^T r in its place squares the condition of the discrete problem, which grows as h^-4, and sees little but the
    shortest waves; the dual norm is bounded by the error's own norm from above and below, alike on all grids
    (as least squares in dual norms: Bramble, Lazarov and Pasciak 1997, Math. Comp. 66).
    A problem of the catalogue says its `form`, its `conditions`, and its `face_form` where it has one.
    """

    objectives: ClassVar[tuple[str, ...]] = ("root", "mean", "log", "asinh")

    @property
    def weight(self) -> float:
        """What u v counts beside grad u . grad v in the inner product, above 0 unless some face is held."""
        return 1.0

    def form(self, u: Tensor, grad_u: Tensor, v: Tensor, grad_v: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """* The integrand of a(u; v) at Gauss points, shapes as in `forms.Form`."""
        raise NotImplementedError

    def face_form(self, u: Tensor, v: Tensor, x: Tensor, c: Tensor) -> Tensor | None:
        """The integrand over those faces that are neither held nor periodic; None for none."""
        return None

    def operator(self, data: Tensor) -> Parts:
        """Data at the Gauss points of cells and faces, and the inner product's modes."""
        shape = self.shape
        inside = Part(
            self.form, (slice(None),) * self.dim, shape, coordinates(shape, 1, data.dtype), at_points(data)
        )
        return Parts(
            (inside, *self._faces(data)), self._modes(data.dtype), self.weight, self._free(data.dtype)
        )

    def _faces(self, data: Tensor) -> list[Part]:
        if type(self).face_form is Weak.face_form:
            return []

        def form(u: Tensor, _: Tensor, v: Tensor, __: Tensor, x: Tensor, c: Tensor) -> Tensor:
            return self.face_form(u, v, x, c)

        parts = []
        for axis, end, one in self.conditions.items(self.dim):
            if isinstance(one, (Dirichlet, Periodic)):
                continue
            place: list[int | slice] = [slice(None)] * self.dim
            place[axis] = end
            shape = tuple(n for k, n in enumerate(self.shape) if k != self.dim + axis)
            on_face = coordinates(shape, 1, data.dtype)
            normal = torch.full_like(on_face[:1], float(-end))
            x = torch.cat([on_face[: -1 - axis], normal, on_face[-1 - axis :]])
            parts.append(Part(form, tuple(place), shape, x, at_points(data[(slice(None), *place)])))
        return parts

    def _modes(self, dtype: torch.dtype) -> tuple[Modes, ...]:
        found = []
        for c in range(self.components):
            held = [[False, False] for _ in range(self.dim)]
            for axis, end, one in self.conditions.items(self.dim):
                given = isinstance(one, Dirichlet) and component(one.value, c, self.components) is not None
                held[axis][-end] = given
            around = tuple(axis - self.dim in self.conditions.periodic(self.dim) for axis in range(self.dim))
            found.append(dual.modes(self.shape, tuple(map(tuple, held)), around, dtype))
        return tuple(found)

    @property
    def squares(self) -> bool:
        """Whether no face is periodic: the head's partition has two ends."""
        return not self.conditions.periodic(self.dim)

    @property
    def offsets(self) -> tuple[Offset, ...]:
        """A node and its next neighbours."""
        return tuple(product((-1, 0, 1), repeat=self.dim))

    def equations(self, u: Tensor, samples: Samples) -> Tensor:
        """The residual, held nodes too: (B, components, *shape)."""
        return self.residual(u, samples).view(len(u), self.components, *self.shape)

    def norm_of_equations(self, r: Tensor) -> Tensor:
        """The coefficients of the modes of r (N, components, *shape), each over the root of its value: (N, values)."""
        modes = self._modes(r.dtype)
        return torch.cat(
            [dual.root(r[:, c], of, self.weight).flatten(1) for c, of in enumerate(modes)], dim=1
        )

    def losses(self, u: Tensor, samples: Samples) -> Tensor:
        """Half the squared dual norm of the residual of each sample's u (B, *u_shape): (B,)."""
        return DualNorm.apply(u, samples.operator)

    def residual(self, u: Tensor, samples: Samples) -> Tensor:
        """a(u; N_p) of all nodes p but those of an obstacle, held ones too: (B, *u_shape)."""
        return residual(u, samples.operator)

    def _free(self, dtype: torch.dtype) -> Tensor | None:
        if self.immersed is None:
            return None
        free = torch.tensor(~self.immersed.mask(self.shape))
        return free.to(dtype).expand(self.u_shape)
