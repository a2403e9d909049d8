"""The discrete equations of a PDE that is given as a function, a density or a weak form, on finite elements."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
from scipy.sparse import block_array, csr_matrix
from skfem import BilinearForm, LinearForm

from pdekit.pde.reference import faces as conditions_of
from pdekit.pde.reference.elliptic import boundary_terms
from pdekit.pde.reference.grids import Grid, grid
from pdekit.pde.reference.solve import fold

Local = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray | None, np.ndarray, np.ndarray]]
"""local(e (C, 1 + d, N), x (d, N), c (N,)), e the values and gradients of C components at N points: the density of the
energy (N,) or None, its slopes (C, 1 + d, N), and their derivatives (C, 1 + d, C, 1 + d, N)."""


def _part(field: object, s: int) -> np.ndarray:
    """The value (s = 0) or a derivative of a basis function."""
    return field if s == 0 else field.grad[s - 1]


@LinearForm
def slope(v, w):
    """`int sum_s F_s e_s(v)`, e = (v, grad v)."""
    return sum(w.f[s] * _part(v, s) for s in range(len(w.f)))


@BilinearForm
def tangent(u, v, w):
    """`int sum_st T_st e_s(v) e_t(u)`."""
    size = range(len(w.t))
    return sum(w.t[s, t] * _part(u, t) * _part(v, s) for s, t in product(size, size))


class Equations:
    """The discrete equations on bilinear or trilinear elements, of all components' nodal values in one row."""

    def __init__(self, local: Local, c: np.ndarray, faces: Sequence[Mapping], held: tuple | None) -> None:
        shape, self.local, self.components = c.shape, local, len(faces)
        self.on: Grid = grid(shape, 1, 3)  # two Gauss points per axis, as in the loss
        found = [conditions_of.read(one, shape) for one in faces]
        ends = [boundary_terms(self.on, one) for one in found]
        self.load = np.concatenate([load for _, load in ends])
        none = csr_matrix((c.size, c.size))
        blocks = [[none] * len(faces) for _ in faces]
        for k, (matrix, _) in enumerate(ends):
            blocks[k][k] = none if isinstance(matrix, float) else matrix
        self.edge = block_array(blocks).tocsr()
        masters = np.concatenate([one.master + k * c.size for k, one in enumerate(found)])
        self.masters, self.index = np.unique(masters, return_inverse=True)
        fixed = np.concatenate([one.held.ravel() for one in found])
        values = np.concatenate([one.values.ravel() for one in found])
        if held is not None:
            inside = np.tile(held[0].ravel(), len(faces))
            fixed, values = fixed | inside, np.where(inside, held[1], values)
        self.fixed, self.values = fixed[self.masters], values[self.masters]
        self.c = np.asarray(self.on.interpolate(c)).ravel()
        self.x = np.asarray(self.on.basis.global_coordinates()).reshape(len(shape), -1)

    def at_points(self, u: np.ndarray) -> tuple:
        """`local` at the quadrature points of u, of its free values: each as (..., cells, points)."""
        nodal = u[self.index].reshape(self.components, -1)
        fields = [self.on.interpolate(one) for one in nodal]
        e = np.stack([np.concatenate([np.asarray(f)[None], np.asarray(f.grad)]) for f in fields])
        inside = self.on.basis.dx.shape
        found = self.local(e.reshape(*e.shape[:2], -1), self.x, self.c)
        return tuple(None if a is None else a.reshape(*a.shape[:-1], *inside) for a in found)

    def energy(self, u: np.ndarray) -> tuple[float, float]:
        """The energy, and the sum of the sizes of its parts."""
        parts, full = self.at_points(u)[0] * self.on.basis.dx, u[self.index]
        ends = 0.5 * full @ (self.edge @ full) - self.load @ full
        return float(parts.sum() + ends), float(abs(parts).sum() + abs(ends))

    def residual(self, u: np.ndarray, f: np.ndarray | None = None) -> np.ndarray:
        """The equations' left side at u, zero where u is held."""
        f = self.at_points(u)[1] if f is None else f
        inside = [self.on.vector(slope.assemble(self.on.basis, f=one)) for one in f]
        whole = np.concatenate(inside) + self.edge @ u[self.index] - self.load
        return np.where(self.fixed, 0.0, np.bincount(self.index, whole, len(self.masters)))

    def matrix(self, t: np.ndarray) -> csr_matrix:
        """Its derivative, from that of the slopes (C, 1 + d, C, 1 + d, cells, points)."""
        size = range(self.components)
        blocks = [[self.on.matrix(tangent.assemble(self.on.basis, t=t[i, :, j])) for j in size] for i in size]
        return fold((block_array(blocks) + self.edge).tocsr(), self.index)
