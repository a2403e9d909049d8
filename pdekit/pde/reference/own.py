"""Solutions of a PDE that is given as a function: Newton's method on finite elements, and on a residual at nodes."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
from scipy.optimize import NoConvergence, newton_krylov
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.linalg import LinearOperator, splu

from pdekit.pde.reference.equations import Equations, Local

STEPS = 60
SETTLED = 1e-10  # length of a step, relative to u, that is the last
REACH = 3  # nodes along an axis over which a residual couples, for the preconditioner


def newton(
    local: Local, c: np.ndarray, faces: Sequence[Mapping], held: tuple | None, start: np.ndarray
) -> np.ndarray:
    """u (C, *shape) of the PDE whose density or weak form is `local`, by damped Newton steps from `start` (C, *shape).

    c (*shape) is interpolated like u; `faces` are those of each component as in `faces.read`; `held` = (mask
    (*shape), value) holds nodes besides. An energy has to fall along each step (Armijo's rule; where a step goes up,
    its matrix is shifted towards `int u v + grad u . grad v` until it goes down), a form's residual has to shrink.
    RuntimeError if there is no convergence within 60 steps.
    """
    system = Equations(local, c, faces, held)
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


def _length(system: Equations, u: np.ndarray, step: np.ndarray, r: np.ndarray, by_energy: bool) -> float:
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
        for k, *lead in product(range(components), *(range(side),) * (len(shape) - 1)):
            pushed = np.repeat(u[None], side, axis=0)  # all colours along the last axis in one call
            for last in range(side):
                pushed[last, k][tuple(slice(first, None, side) for first in (*lead, last))] += epsilon
            changes = (self.residual(pushed) - here) / epsilon
            for last, change in enumerate(changes):
                colour = zip(places, (*lead, last), strict=True)
                column = [p + REACH - (p - first + REACH) % side for p, first in colour]
                inside = np.logical_and.reduce(
                    [(j >= 0) & (j < n) for j, n in zip(column, shape, strict=True)]
                )
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
