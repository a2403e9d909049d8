"""The three ways to write a PDE of one's own: as an energy, as a weak form, as a strong residual."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pdekit import checks
from pdekit.pde import formula, trial
from pdekit.pde.differences import LEAST, Differences, at_faces
from pdekit.pde.elements import at_points, coordinates
from pdekit.pde.faces import Neumann, Robin, component
from pdekit.pde.forms import Part
from pdekit.pde.imposed import Imposed
from pdekit.pde.least_squares import LeastSquares
from pdekit.pde.own import PDE, one_component
from pdekit.pde.problem import Samples
from pdekit.pde.reference.own import krylov
from pdekit.pde.ritz import Ritz
from pdekit.pde.weak import Weak


@dataclass(frozen=True, kw_only=True, repr=False)
class OfEnergy(PDE, Ritz):
    """The minimiser of an energy of the user's."""

    @property
    def objectives(self) -> tuple[str, ...]:
        """The logarithm where the user says that the energy stays above zero: trying it out is no proof."""
        return ("log", "mean", "root", "asinh") if self.positive_energy else ("asinh", "mean")

    @property
    def linear(self) -> bool:
        """Whether psi is quadratic, so that its energy is a stencil; found by trying it out."""
        return trial.quadratic(self.energy, self.dim, self.components, self.positive)

    def density(self, u: Tensor, grad_u: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """The user's psi."""
        return self.function(u, grad_u, x, c)

    def slopes(self, e: Tensor, x: Tensor, c: Tensor) -> tuple[Tensor | None, Tensor]:
        """psi, and its derivatives."""
        psi = self.function(*self.arguments(e), x, c)
        (slopes,) = torch.autograd.grad(psi.sum(), e, create_graph=True)
        return psi.flatten(), slopes


@dataclass(frozen=True, kw_only=True, repr=False)
class OfWeakForm(PDE, Weak):
    """The zero of a weak form of the user's, with what flows through the faces."""

    objectives: ClassVar[tuple[str, ...]] = ("root", "mean", "asinh")

    def form(self, u: Tensor, grad_u: Tensor, v: Tensor, grad_v: Tensor, x: Tensor, c: Tensor) -> Tensor:
        """The user's form."""
        if not u.numel():  # a rank without samples
            return c * (u.sum() + grad_u.sum()) * (v.sum() + grad_v.sum())
        return self.function(u, grad_u, v, grad_v, x, c)

    def _faces(self, data: Tensor) -> list[Part]:
        """`(alpha u - flux) v` on each Neumann and Robin face."""
        parts = []
        for axis, end, one in self.faces.items(self.dim):
            if not isinstance(one, (Neumann, Robin)):
                continue
            place: list[int | slice] = [slice(None)] * self.dim
            place[axis] = end
            found = []
            for k in range(self.components):
                for value in (getattr(one, "alpha", 0.0), component(one.flux, k, self.components)):
                    nodal = formula.on_nodes(value, self.shape)[tuple(place)]
                    found.append(at_points(torch.tensor(nodal, dtype=data.dtype)[None]))
            alpha, flux = torch.stack(found[::2]), torch.stack(found[1::2])  # (C, 1, G, P)
            if not (alpha.any() or flux.any()):
                continue
            shape = tuple(n for k, n in enumerate(self.shape) if k != self.dim + axis)
            on_face = at_points(data[(slice(None), *place)])
            nowhere = coordinates(shape, 1, data.dtype)
            parts.append(Part(partial(_through, alpha, flux), tuple(place), shape, nowhere, on_face))
        return parts

    def slopes(self, e: Tensor, x: Tensor, c: Tensor) -> tuple[Tensor | None, Tensor]:
        """What multiplies v and grad v."""
        test = torch.zeros_like(e, requires_grad=True)
        form = self.function(*self.arguments(e), *self.arguments(test), x, c)
        (slopes,) = torch.autograd.grad(form.sum(), test, create_graph=True)
        return None, slopes


def _through(
    alpha: Tensor, flux: Tensor, u: Tensor, _: Tensor, v: Tensor, __: Tensor, x: Tensor, c: Tensor
) -> Tensor:
    """`(alpha u - flux) v` at the Gauss points of a face."""
    if u.dim() == c.dim():
        return (alpha[0] * u - flux[0]) * v
    return ((alpha * u - flux) * v).sum(dim=0)


@dataclass(frozen=True, kw_only=True, repr=False)
class OfResidual(PDE, Imposed, LeastSquares):
    """The zero of a strong residual of the user's, by differences at the nodes."""

    objectives: ClassVar[tuple[str, ...]] = ("root", "mean", "asinh")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resolution < LEAST:
            raise checks.refuse("resolution", f"at least {LEAST}", self.resolution, "use a finer grid")

    @property
    def free(self) -> Tensor:
        """(*u_shape) bool: the nodes whose u is not given, those at the end of a periodic axis once."""
        free = self.lifting_and_mask(torch.float64)[1] != 0
        for axis in self.faces.periodic(self.dim):
            free.select(axis, -1).fill_(False)
        return free

    def residual(self, u: Tensor, c: Tensor) -> Tensor:
        """The user's residual of u (B, *u_shape) for c (B, *shape), on natural faces their conditions'; like u."""
        d = Differences(self.dim, self.faces.periodic(self.dim))
        axes = [torch.linspace(0.0, 1.0, n, dtype=u.dtype) for n in self.shape]
        x = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1])
        if self.components == 1:
            return at_faces(self.function(u, d, x, c), u, self.faces, d)
        r = self.function(u.movedim(1, 0), d, x, c)
        parts = (
            at_faces(r[k], u[:, k], one_component(self.faces, k, self.components), d)
            for k in range(self.components)
        )
        return torch.stack(list(parts), dim=1)

    def losses(self, u: Tensor, samples: Samples) -> Tensor:
        """The mean square of the residual over the nodes that are free: (B,)."""
        if not len(u):  # a rank without samples
            return u.flatten(1).sum(dim=1)
        return self.residual(u, samples.data)[:, self.free].square().mean(dim=1)

    @property
    def squares(self) -> bool:
        """Whether no face is periodic: the head's partition has two ends."""
        return not self.faces.periodic(self.dim)

    def equations(self, u: Tensor, samples: Samples) -> Tensor:
        """The residual at the nodes that are free: (B, components, *shape)."""
        r = self.residual(u, samples.data) * self.free
        return r if self.components > 1 else r.unsqueeze(1)

    def classical(self, data: np.ndarray) -> np.ndarray:
        """The scheme's own zero, by scipy's `newton_krylov` from the lifting."""
        c, shape = torch.from_numpy(data)[None], (self.components, *self.shape)

        def residual(u: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                whole = self.close(torch.from_numpy(u).reshape(-1, *self.u_shape))
                return self.residual(whole, c.expand(len(u), *self.shape)).numpy().reshape(u.shape)

        lifting, _ = self.lifting_and_mask(torch.float64)
        u = krylov(residual, lifting.numpy().reshape(shape), self.free.numpy().reshape(shape))
        return self.close(torch.from_numpy(u).reshape(self.u_shape)).numpy()


KINDS: dict[str, type[PDE]] = {"energy": OfEnergy, "weak": OfWeakForm, "strong": OfResidual}
