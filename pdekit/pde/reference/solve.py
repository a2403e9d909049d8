"""Sparse linear systems: a factorisation where that is quick, multigrid where it is not."""

import numpy as np
import pyamg
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.linalg import cg, splu

from pdekit.pde.reference.faces import Conditions

DIRECT_LIMIT = (
    257**2
)  # unknowns up to which a factorisation of a 2D Q1 matrix is faster than setting up multigrid
NEIGHBOURS = 9  # entries per row of such a matrix; the fill of denser ones grows with the square of theirs
TOLERANCE = 1e-12  # of the residual, relative to the right-hand side
ACCEPTED = 1e-9  # where rounding stops the iteration before


def factorise(matrix: csr_matrix) -> object:
    """scipy's sparse LU of a structurally symmetric matrix, ordered for it; its `.solve(rhs)` solves."""
    return splu(
        matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}, diag_pivot_thresh=0.01
    )


def is_small(matrix: csr_matrix) -> bool:
    """Whether a factorisation of `matrix` is cheap enough."""
    n = matrix.shape[0]
    return n * max(matrix.nnz / max(n, 1) / NEIGHBOURS, 1.0) ** 2 <= DIRECT_LIMIT


def solve_spd(matrix: csr_matrix, rhs: np.ndarray) -> np.ndarray:
    """x of `matrix x = rhs` for a symmetric positive definite matrix of a scalar elliptic problem.

    Small systems are factorised. Large ones take conjugate gradients, preconditioned by a V-cycle of Ruge-Stueben
    multigrid (Ruge and Stueben 1987, in Multigrid Methods, SIAM, chapter 4), to a relative residual of 1e-12;
    RuntimeError if that stalls above 1e-9.
    """
    size = np.linalg.norm(rhs)
    if size == 0.0:
        return np.zeros_like(rhs)
    if is_small(matrix):
        return factorise(matrix).solve(rhs)
    hierarchy = pyamg.ruge_stuben_solver(matrix.tocsr(), max_coarse=500)
    x, _ = cg(matrix, rhs, rtol=TOLERANCE, maxiter=200, M=hierarchy.aspreconditioner())
    reached = np.linalg.norm(matrix @ x - rhs) / size
    if not reached <= ACCEPTED:
        raise RuntimeError(
            f"multigrid: expected a relative residual of {TOLERANCE:g}, got {reached:.1e} after 200 iterations; "
            "use a coarser grid or a coefficient of less contrast"
        )
    return x


def solve_linear(
    matrix: csr_matrix,
    rhs: np.ndarray,
    fixed_dofs: np.ndarray,
    values: np.ndarray | float,
    direct: bool = False,
) -> np.ndarray:
    """x (n,) of the rows of `matrix x = rhs` that are not fixed, with x = `values` at `fixed_dofs`.

    `matrix` (n, n) symmetric, positive definite on the free unknowns; `rhs` (n,); `fixed_dofs` whole numbers (k,);
    `values` (k,) or a number. `direct` factorises at any size: for systems, which multigrid for a scalar field
    does not suit.
    """
    x = np.zeros(matrix.shape[0])
    x[fixed_dofs] = values
    free = np.ones(len(x), dtype=bool)
    free[fixed_dofs] = False
    rows = matrix.tocsr()[free]
    inner, load = rows[:, free], rhs[free] - rows @ x
    x[free] = factorise(inner).solve(load) if direct else solve_spd(inner, load)
    return x


def solve_with(conditions: Conditions, matrix: csr_matrix, rhs: np.ndarray) -> np.ndarray:
    """`solve_linear` in the order of the flat array, with `conditions`' Dirichlet values and periodic pairs."""
    held, values = conditions.held.ravel(), conditions.values.ravel()
    if not conditions.periodic:
        return solve_linear(matrix, rhs, np.flatnonzero(held), values[held])
    masters, index = np.unique(conditions.master, return_inverse=True)
    load = np.bincount(index, rhs, len(masters))
    held, values = held[masters], values[masters]
    return solve_linear(fold(matrix, index), load, np.flatnonzero(held), values[held])[index]


def fold(matrix: csr_matrix, index: np.ndarray) -> csr_matrix:
    """The matrix in which unknowns of the same `index` are one: their rows and columns are added."""
    entries = matrix.tocoo()
    size = int(index.max()) + 1
    return coo_matrix((entries.data, (index[entries.row], index[entries.col])), shape=(size, size)).tocsr()
