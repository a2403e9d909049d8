"""Classical solutions and norms of errors, by scikit-fem's assembly: an oracle that shares no code with the losses."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyamg
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu
from skfem import Basis, BilinearForm, ElementQuad1, LinearForm, MeshQuad, condense
from skfem.helpers import dot, grad

if TYPE_CHECKING:
    from pdekit.pde.poisson import Poisson

DIRECT_LIMIT = 257**2  # unknowns up to which a sparse factorisation is faster than setting up multigrid


@BilinearForm
def stiffness(u, v, w):
    """`int nu grad u . grad v`."""
    return w.nu * dot(grad(u), grad(v))


@BilinearForm
def mass(u, v, w):
    """`int u v`."""
    return u * v


@LinearForm
def moments(v, w):
    """`int v`."""
    return v


@lru_cache(maxsize=8)
def _grid(height: int, width: int) -> tuple[Basis, np.ndarray]:
    """The Q1 basis on the unit square and, for each degree of freedom, its place in a flattened (H, W) array."""
    mesh = MeshQuad.init_tensor(np.linspace(0, 1, width), np.linspace(0, 1, height))
    basis = Basis(mesh, ElementQuad1(), intorder=3)
    x, y = basis.doflocs
    return basis, np.rint(y * (height - 1)).astype(int) * width + np.rint(x * (width - 1)).astype(int)


def stiffness_matrix(nu: np.ndarray) -> csr_matrix:
    """The matrix of `int nu grad u . grad v` for nodal, bilinearly interpolated nu (H, W), in scikit-fem's ordering."""
    basis, place = _grid(*nu.shape)
    return stiffness.assemble(basis, nu=basis.interpolate(nu.ravel()[place]))


def poisson(nu: np.ndarray, source: float = 0.0) -> np.ndarray:
    """u (H, W) with `-div(nu grad u) = source`, u = 1 at x = 0, u = 0 at x = 1, no flux elsewhere; nu (H, W), float64.

    A sparse factorisation on small grids; on large ones conjugate gradients with Ruge-Stuben multigrid, to
    1e-12.
    """
    basis, place = _grid(*nu.shape)
    u = np.zeros(nu.size)
    x = basis.doflocs[0]
    left, right = np.flatnonzero(x == 0.0), np.flatnonzero(x == 1.0)
    u[left] = 1.0
    matrix, rhs, _, inner = condense(
        stiffness_matrix(nu), source * moments.assemble(basis), x=u, D=np.concatenate([left, right])
    )
    if nu.size <= DIRECT_LIMIT:
        u[inner] = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A").solve(rhs)
    else:
        u[inner] = pyamg.ruge_stuben_solver(matrix.tocsr()).solve(rhs, tol=1e-12, accel="cg", maxiter=100)
    field = np.empty(nu.size)
    field[place] = u
    return field.reshape(nu.shape)


@lru_cache(maxsize=512)
def of_sample(problem: "Poisson", i: int) -> np.ndarray:
    """The solution of global sample i, remembered; read-only."""
    field = poisson(problem.coefficient(i), problem.source)
    field.setflags(write=False)
    return field


@lru_cache(maxsize=8)
def _mass_matrix(height: int, width: int) -> csr_matrix:
    return mass.assemble(_grid(height, width)[0])


def l2_norm(field: np.ndarray) -> float:
    """`sqrt(int v^2)` over the unit square of the bilinear interpolant of nodal values (H, W)."""
    v = field.ravel()[_grid(*field.shape)[1]]
    return float(np.sqrt(v @ (_mass_matrix(*field.shape) @ v)))


def energy_norm(field: np.ndarray, nu: np.ndarray) -> float:
    """`sqrt(int nu |grad v|^2)` over the unit square of the bilinear interpolant of nodal values (H, W)."""
    v = field.ravel()[_grid(*field.shape)[1]]
    return float(np.sqrt(v @ (stiffness_matrix(nu) @ v)))


def relative_l2(u: np.ndarray, u_reference: np.ndarray) -> float:
    """`|u - u_reference| / |u_reference|` in L2, both (H, W)."""
    return l2_norm(u - u_reference) / l2_norm(u_reference)


def relative_energy(u: np.ndarray, u_reference: np.ndarray, nu: np.ndarray) -> float:
    """`|u - u_reference| / |u_reference|` in the energy norm of nu, all (H, W)."""
    return energy_norm(u - u_reference, nu) / energy_norm(u_reference, nu)
