"""Solutions of a PDE that is given as a function: Newton's method on finite elements, and on a residual at nodes."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
from scipy.optimize import NoConvergence, newton_krylov
from scipy.sparse import block_array, coo_matrix, csr_matrix
from scipy.sparse.linalg import LinearOperator, splu
from skfem import BilinearForm, LinearForm

from pdekit.pde.reference import faces as conditions_of
from pdekit.pde.reference.elliptic import boundary_terms
from pdekit.pde.reference.grids import Grid, grid
from pdekit.pde.reference.solve import fold

Local = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray | None, np.ndarray, np.ndarray]]
"""local(e (C, 1 + d, N), x (d, N), c (N,)), e the values and gradients of C components at N points: the density of the
energy (N,) or None, its slopes (C, 1 + d, N), and their derivatives (C, 1 + d, C, 1 + d, N)."""

STEPS = 60
SETTLED = 1e-10  # length of a step, relative to u, that is the last
REACH = 3  # nodes along an axis over which a residual couples, for the preconditioner


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


class _System:
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


def newton(
    local: Local, c: np.ndarray, faces: Sequence[Mapping], held: tuple | None, start: np.ndarray
) -> np.ndarray:
    """u (C, *shape) of the PDE whose density or weak form is `local`, by damped Newton steps from `start` (C, *shape).

    c (*shape) is interpolated like u; `faces` are those of each component as in `faces.read`; `held` = (mask
    (*shape), value) holds nodes besides. An energy has to fall along each step (Armijo's rule; where a step goes up,
    its matrix is shifted towards `int u v + grad u . grad v` until it goes down), a form's residual has to shrink.
    RuntimeError if there is no convergence within 60 steps.
    """
    system = _System(local, c, faces, held)
    u = np.where(system.fixed, system.values, start.ravel()[system.masters])
    free = ~system.fixed
    unit = np.eye(c.ndim + 1)[None, :, None, :, None, None] * np.eye(len(faces))[:, None, :, None, None, None]
    near = None
    for _ in range(STEPS):
        density, f, t = system.at_points(u)
        r, matrix, shift = system.residual(u, f), system.matrix(t), 0.0
        while True:
            if shift and near is None:
                near = system.matrix(np.broadcast_to(unit, t.shape))
            shifted = matrix + shift * near if shift else matrix
            step = np.zeros_like(u)
            step[free] = _solve(shifted[free][:, free], -r[free])
            if np.isfinite(step).all() and (density is None or r @ step <= 0):
                break
            shift = 10 * shift if shift else 1e-3 * (float(np.abs(t).max()) or 1.0)
            if density is None or not np.isfinite(shift):
                raise _lost("a singular matrix")
        if np.abs(step).max(initial=0.0) <= SETTLED * max(1.0, np.abs(u).max()):
            return (u + step)[system.index].reshape(start.shape)
        u = u + _length(system, u, step, r, density is not None) * step
    raise _lost(f"a last step of {np.abs(step).max():.1e} after {STEPS} steps")


def _length(system: _System, u: np.ndarray, step: np.ndarray, r: np.ndarray, by_energy: bool) -> float:
    """The first of 1, 1/2, 1/4, ... that is a gain."""
    length, (now, size) = 1.0, system.energy(u) if by_energy else (float(np.linalg.norm(r)), 0.0)
    while length > 1e-10:
        if by_energy:
            good = system.energy(u + length * step)[0] <= now + 1e-4 * length * (r @ step) + 1e-14 * size
        else:
            good = np.linalg.norm(system.residual(u + length * step)) <= (1 - 1e-4 * length) * now
        if good:
            return length
        length /= 2
    raise _lost("no gain along its step")


def _solve(matrix: csr_matrix, rhs: np.ndarray) -> np.ndarray:
    """The solution; NaN where the matrix is singular."""
    try:
        return splu(matrix.tocsc()).solve(rhs)
    except RuntimeError:  # scipy's word for an exactly singular matrix
        return np.full_like(rhs, np.nan)


def _lost(got: str) -> RuntimeError:
    remedy = "check that the PDE has one solution near its boundary values"
    return RuntimeError(f"reference: expected Newton's method to converge, got {got}; {remedy}")


class _Preconditioner(LinearOperator):
    """The factorised Jacobian of a residual, from differences of nodes so far apart that they do not meet.

    Curtis, Powell and Reid 1974, J. Inst. Math. Appl. 13: one residual for each colour, not for each node.
    """

    def __init__(self, residual: Callable[[np.ndarray], np.ndarray], u: np.ndarray, free: np.ndarray) -> None:
        self.residual, self.free = residual, free  # (B, C, *shape) -> (B, C, *shape); (C, *shape) bool
        super().__init__(np.float64, (int(free.sum()),) * 2)
        self.whole = u.copy()
        self.update(u[free], None)

    def update(self, x: np.ndarray, f: object) -> None:
        """The same at other values x of the free nodes."""
        u = self.whole
        u[self.free] = x
        components, shape = len(u), u.shape[1:]
        places = np.indices(shape)
        numbers = np.arange(u.size).reshape(u.shape)
        here, side = self.residual(u[None])[0], 2 * REACH + 1
        epsilon = 1e-6 * max(1.0, float(np.abs(u).max()))
        rows, columns, entries = [], [], []
        for k, colour in product(range(components), product(range(side), repeat=len(shape))):
            pushed = u.copy()
            pushed[k][tuple(slice(first, None, side) for first in colour)] += epsilon
            change = (self.residual(pushed[None])[0] - here) / epsilon
            column = [p + REACH - (p - first + REACH) % side for p, first in zip(places, colour, strict=True)]
            inside = np.logical_and.reduce([(j >= 0) & (j < n) for j, n in zip(column, shape, strict=True)])
            of_column = numbers[k][tuple(np.where(inside, j, 0) for j in column)]
            for row in range(components):
                some = inside & (change[row] != 0)
                rows.append(numbers[row][some])
                columns.append(of_column[some])
                entries.append(change[row][some])
        where = np.concatenate(rows), np.concatenate(columns)
        matrix = coo_matrix((np.concatenate(entries), where), shape=(u.size, u.size)).tocsr()
        free = np.flatnonzero(self.free)
        try:
            self.factor = splu(matrix[free][:, free].tocsc())
        except RuntimeError as error:
            raise _lost("a singular matrix") from error

    def _matvec(self, x: np.ndarray) -> np.ndarray:
        return self.factor.solve(x.ravel())


def krylov(residual: Callable[[np.ndarray], np.ndarray], start: np.ndarray, free: np.ndarray) -> np.ndarray:
    """u (C, *shape), equal to `start` off `free` (C, *shape), with `residual` zero on `free`: a scheme's own zero.

    `residual` maps (B, C, *shape) to the same. Newton-Krylov iterations (Knoll and Keyes 2004, J. Comput. Phys. 193)
    of scipy, preconditioned by the factorised Jacobian; RuntimeError if they do not converge.
    """
    whole = start.copy()

    def of_free(x: np.ndarray) -> np.ndarray:
        whole[free] = x
        return residual(whole[None])[0][free]

    first = of_free(start[free])
    if not first.any():
        return start.copy()
    try:
        near = _Preconditioner(residual, start, free)
        whole[free] = newton_krylov(
            of_free, start[free], f_tol=1e-9 * float(np.abs(first).max()), maxiter=STEPS, inner_M=near
        )
    except (NoConvergence, ValueError) as error:
        raise _lost(f"none within {STEPS} steps of scipy's newton_krylov") from error
    return whole.copy()
