"""Problems without an energy: the loss of a sample is the dual norm of its weak residual over bilinear elements."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pdekit.pde import dual
from pdekit.pde.dual import Modes
from pdekit.pde.elements import at_points, coordinates, element, gather, scatter, spacing, table
from pdekit.pde.faces import Dirichlet, Periodic, component
from pdekit.pde.imposed import Imposed
from pdekit.pde.least_squares import LeastSquares
from pdekit.pde.points import split
from pdekit.pde.problem import Samples
from pdekit.pde.wide import Offset

Form = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""a(u, grad_u; v, grad_v; x, c) at G Gauss points of P cells: u, v (B, G, P), grad (d, B, G, P), x (d, G, P), c
(B, G, P) -> (B, G, P), linear in v and grad v. Fields of vectors have (C, B, G, P) and (C, d, B, G, P)."""


class Part(NamedTuple):
    """One integral of the residual: over the domain, or over one face."""

    form: Form
    place: tuple[int | slice, ...]  # in the grid
    shape: tuple[int, ...]
    x: Tensor  # (d, G, P)
    c: Tensor  # (B, G, P)


class Parts(NamedTuple):
    """What a batch's residual needs beside u."""

    parts: tuple[Part, ...]
    modes: tuple[Modes, ...]  # of each component
    weight: float
    free: Tensor | None  # (*u_shape): zero in the obstacle, elsewhere one; None where there is none


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
        """* The integrand of a(u; v) at Gauss points, shapes as in `Form`."""
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
        return _DualNorm.apply(u, samples.operator)

    def residual(self, u: Tensor, samples: Samples) -> Tensor:
        """a(u; N_p) of all nodes p but those of an obstacle, held ones too: (B, *u_shape)."""
        return residual(u, samples.operator)

    def _free(self, dtype: torch.dtype) -> Tensor | None:
        if self.immersed is None:
            return None
        free = torch.tensor(~self.immersed.mask(self.shape))
        return free.to(dtype).expand(self.u_shape)


def _fields(u: Tensor, part: Part) -> Tensor:
    """u (B, *u_shape) as (B C, *grid), a view."""
    return u.view(-1, *u.shape[-len(part.place) :])


def _slopes(u: Tensor, part: Part) -> tuple[Tensor, Tensor]:
    """u at a part's Gauss points, and the form's derivative in v there as a function of it: (B C, (1 + d) G, P)."""
    dim, batch = len(part.shape), len(part.c)
    weights = torch.from_numpy(element(spacing(part.shape)).weights).to(u.dtype)[:, None]
    with torch.enable_grad():
        at = _to_points(u, part)
        at = at if at.requires_grad else at.requires_grad_()
        test = torch.zeros_like(at, requires_grad=True)
        form = part.form(*split(at, batch, dim), *split(test, batch, dim), part.x, part.c)
        (slope,) = torch.autograd.grad((form * weights).sum(), test, create_graph=True)
    return at, slope


def _to_points(u: Tensor, part: Part) -> Tensor:
    on = _fields(u.contiguous(), part)[(slice(None), *part.place)]
    return torch.matmul(table(spacing(part.shape), 1, u.dtype), gather(on))


def _add(whole: Tensor, slope: Tensor, part: Part) -> None:
    """Add to `whole` (B, *u_shape) what `slope` at the Gauss points of a part means for its nodes."""
    to_points = table(spacing(part.shape), 1, slope.dtype)
    _fields(whole, part)[(slice(None), *part.place)].add_(scatter(to_points.T @ slope, part.shape))


def residual(u: Tensor, parts: Parts) -> Tensor:
    """a(u; N_p) for every node p: like u, differentiable in it."""
    whole = torch.zeros_like(u)
    for part in parts.parts:
        _add(whole, _slopes(u, part)[1], part)
    whole = _outside(whole, parts)
    return whole if u.requires_grad else whole.detach()


def _outside(whole: Tensor, parts: Parts) -> Tensor:
    return whole if parts.free is None else whole * parts.free


def represent(r: Tensor, parts: Parts) -> Tensor:
    """`S r`, the field whose inner product with N_p is r_p: like r (B, *u_shape)."""
    fields = r.view(len(r), len(parts.modes), *r.shape[-len(parts.modes[0].vectors) :])
    whole = [dual.inverse(fields[:, c], of, parts.weight) for c, of in enumerate(parts.modes)]
    return torch.stack(whole, dim=1).view(r.shape)


class _DualNorm(torch.autograd.Function):
    """Value and gradient together: with y = S r, the loss is r . y / 2 and its gradient that of a(u; y) at fixed y."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, u: Tensor, parts: Parts) -> Tensor:
        r, gradient = torch.zeros_like(u), torch.zeros_like(u)
        made = [_slopes(u.detach(), part) for part in parts.parts]
        for (_, slope), part in zip(made, parts.parts, strict=True):
            _add(r, slope, part)
        r = _outside(r, parts)
        y = _outside(represent(r, parts), parts)
        for (at, slope), part in zip(made, parts.parts, strict=True):
            (back,) = torch.autograd.grad(slope, at, _to_points(y, part))
            _add(gradient, back, part)
        ctx.save_for_backward(gradient)
        return (r * y).flatten(1).sum(dim=1) / 2

    @staticmethod
    @once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, upstream: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return upstream.view(-1, *(1,) * (gradient.dim() - 1)) * gradient, None
