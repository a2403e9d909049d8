"""Differences of second order on the nodes of the unit interval, square or cube: what a strong residual is made of."""

import torch
from torch import Tensor

from pdekit import checks
from pdekit.pde import formula
from pdekit.pde.conditions import Neumann, Robin
from pdekit.pde.faces import Faces

# (offset, factor) of the one-sided formulas at the first node, in units of 1/h and 1/h^2 (Fornberg 1988, Math. Comp.
# 51, table 3): exact for polynomials of degree 2 and 3.
FIRST = (-1.5, 2.0, -0.5)
SECOND = (2.0, -5.0, 4.0, -1.0)
LEAST = 4  # nodes along an axis


class Differences:
    """Derivatives of nodal fields (..., *shape): `d.x(u)`, `d.yy(u)`, `d.xy(u)`, `d.laplacian(u)`, shaped like u.

    x runs along the last axis. Central differences inside; at the ends of an axis one-sided ones, of the same
    order; a `periodic` axis (counted from the last, as in `Faces.periodic`), whose last node is its first, wraps.
    """

    def __init__(self, dim: int, periodic: tuple[int, ...] = ()) -> None:
        self.dim, self._periodic = dim, periodic

    def x(self, u: Tensor) -> Tensor:
        """du/dx."""
        return self.first(u, -1)

    def y(self, u: Tensor) -> Tensor:
        """du/dy."""
        return self.first(u, -2)

    def z(self, u: Tensor) -> Tensor:
        """du/dz."""
        return self.first(u, -3)

    def xx(self, u: Tensor) -> Tensor:
        """The second derivative along x."""
        return self.second(u, -1)

    def yy(self, u: Tensor) -> Tensor:
        """The second derivative along y."""
        return self.second(u, -2)

    def zz(self, u: Tensor) -> Tensor:
        """The second derivative along z."""
        return self.second(u, -3)

    def xy(self, u: Tensor) -> Tensor:
        """The mixed derivative along x and y."""
        return self.x(self.y(u))

    def xz(self, u: Tensor) -> Tensor:
        """The mixed derivative along x and z."""
        return self.x(self.z(u))

    def yz(self, u: Tensor) -> Tensor:
        """The mixed derivative along y and z."""
        return self.y(self.z(u))

    def laplacian(self, u: Tensor) -> Tensor:
        """The sum of the second derivatives."""
        return sum(self.second(u, -1 - k) for k in range(self.dim))

    def div_grad(self, c: Tensor, u: Tensor) -> Tensor:
        """`div(c grad u)` from the fluxes halfway between nodes: unlike `d.x(c * d.x(u)) + ...` it sees a zigzag."""
        return sum(self._flux(c, u, -1 - k) for k in range(self.dim))

    def first(self, u: Tensor, axis: int) -> Tensor:
        """The first derivative along `axis`, counted from the last: -1 is x."""
        u, h = self._along(u, axis)
        if axis in self._periodic:
            inside = u[..., :-1]
            return self._closed((inside.roll(-1, -1) - inside.roll(1, -1)) / (2 * h), axis)
        inside = (u[..., 2:] - u[..., :-2]) / (2 * h)
        ends = (sign * sum(f * u[..., n] for n, f in _side(FIRST, sign)) / h for sign in (1, -1))
        return self._whole(inside, *ends, axis)

    def second(self, u: Tensor, axis: int) -> Tensor:
        """The second derivative along `axis`, counted from the last: -1 is x."""
        u, h = self._along(u, axis)
        if axis in self._periodic:
            inside = u[..., :-1]
            return self._closed((inside.roll(-1, -1) - 2 * inside + inside.roll(1, -1)) / h**2, axis)
        inside = (u[..., 2:] - 2 * u[..., 1:-1] + u[..., :-2]) / h**2
        ends = (sum(f * u[..., n] for n, f in _side(SECOND, sign)) / h**2 for sign in (1, -1))
        return self._whole(inside, *ends, axis)

    def _flux(self, c: Tensor, u: Tensor, axis: int) -> Tensor:
        """`d/dx (c du/dx)` along `axis`."""
        at_ends = c * self.second(u, axis) + self.first(c, axis) * self.first(u, axis)
        at_ends = at_ends.movedim(axis, -1)
        (c, h), (u, _) = self._along(c, axis), self._along(u, axis)
        flux = (c[..., 1:] + c[..., :-1]) / 2 * (u[..., 1:] - u[..., :-1]) / h
        if axis in self._periodic:
            return self._closed((flux - flux.roll(1, -1)) / h, axis)
        return self._whole((flux[..., 1:] - flux[..., :-1]) / h, at_ends[..., 0], at_ends[..., -1], axis)

    def _along(self, u: Tensor, axis: int) -> tuple[Tensor, float]:
        """u with `axis` as its last one, and the distance between its nodes."""
        if -axis > self.dim:
            raise checks.refuse("derivative", f"one along {'xyz'[: self.dim]}", "xyz"[-axis - 1], "use dim=3")
        n = u.shape[axis] if u.dim() >= self.dim else 0
        if n < LEAST:
            remedy = "differentiate fields on the nodes, such as u and c"
            raise checks.refuse("derivative", f"at least {LEAST} nodes along an axis", tuple(u.shape), remedy)
        return u.movedim(axis, -1), 1.0 / (n - 1)

    @staticmethod
    def _whole(inside: Tensor, first: Tensor, last: Tensor, axis: int) -> Tensor:
        return torch.cat([first.unsqueeze(-1), inside, last.unsqueeze(-1)], dim=-1).movedim(-1, axis)

    @staticmethod
    def _closed(values: Tensor, axis: int) -> Tensor:
        return torch.cat([values, values[..., :1]], dim=-1).movedim(-1, axis)


def _side(factors: tuple[float, ...], sign: int) -> list[tuple[int, float]]:
    """(node, factor) of a one-sided formula from the first node, or mirrored from the last."""
    return [(n if sign > 0 else -1 - n, f) for n, f in enumerate(factors)]


def at_faces(r: Tensor, u: Tensor, faces: Faces, d: Differences) -> Tensor:
    """The residual r (B, *shape) with `du/dn + alpha u - flux` at the nodes of natural faces, those of x first."""
    shape = tuple(u.shape[1:])
    for axis, end, one in faces.items(len(shape))[::-1]:
        if not isinstance(one, (Neumann, Robin)):
            continue
        alpha, flux = (
            torch.tensor(formula.on_nodes(value, shape)).to(u.dtype)
            for value in (getattr(one, "alpha", 0.0), one.flux)
        )
        outward = d.first(u, axis) if end else -d.first(u, axis)
        on_face = torch.zeros(shape, dtype=torch.bool)
        on_face.select(axis, end).fill_(True)
        r = torch.where(on_face, outward + alpha * u - flux, r)
    return r
