"""Classical solutions of Poisson's equation, piece by piece, so that each can be timed, and stopped early."""

import time
from typing import NamedTuple

import numpy as np
import pyamg
from scipy.ndimage import zoom
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import cg, splu

import pdekit as pk
from pdekit.pde.reference.elliptic import stiffness_matrix

TIGHT, EXACT = 1e-8, 1e-13  # of the residual


class Timed(NamedTuple):
    """A solution (*grid), and seconds: of the matrix, of what does not need the right-hand side, of the rest."""

    u: np.ndarray
    assembly: float
    set_up: float
    seconds: float


class System:
    """`A u = f` of one coefficient (*grid), with u = 1 at x = 0 and u = 0 at x = 1 taken out."""

    def __init__(self, nu: np.ndarray) -> None:
        start = time.perf_counter()
        matrix = stiffness_matrix(nu)
        x = np.broadcast_to(np.linspace(1.0, 0.0, nu.shape[-1]), nu.shape)
        self.free = ((x > 0) & (x < 1)).ravel()
        self.given = np.where((x < 1), 0.0, 1.0)
        rows = matrix.tocsr()[self.free]
        self.matrix: csr_matrix = rows[:, self.free].tocsr()
        self.load = -rows @ self.given.ravel()
        self.assembly = time.perf_counter() - start

    def multigrid(self, tolerance: float, most: int = 200) -> Timed:
        """Conjugate gradients with a V-cycle of Ruge-Stueben multigrid, `most` of them at most."""
        start = time.perf_counter()
        cycle = pyamg.ruge_stuben_solver(self.matrix, max_coarse=500).aspreconditioner()
        ready = time.perf_counter()
        x, _ = cg(self.matrix, self.load, rtol=tolerance, maxiter=most, M=cycle)
        return Timed(self._field(x), self.assembly, ready - start, time.perf_counter() - ready)

    def factorisation(self) -> Timed:
        """Sparse LU, as `pdekit.pde.reference.solve.factorise`."""
        start = time.perf_counter()
        options = {"permc_spec": "MMD_AT_PLUS_A", "options": {"SymmetricMode": True}}
        factors = splu(self.matrix.tocsc(), diag_pivot_thresh=0.01, **options)
        ready = time.perf_counter()
        x = factors.solve(self.load)
        return Timed(self._field(x), self.assembly, ready - start, time.perf_counter() - ready)

    def _field(self, inner: np.ndarray) -> np.ndarray:
        u = self.given.ravel().copy()
        u[self.free] = inner
        return u.reshape(self.given.shape)


def stopped(system: System, problem: pk.Poisson, exact: np.ndarray, error: float) -> Timed:
    """Multigrid with the fewest iterations whose error is at most `error`. RuntimeError if 100 do not do."""
    for most in range(1, 100):
        found = system.multigrid(0.0, most)
        if problem.error(found.u, exact) <= error:
            return found
    raise RuntimeError(f"multigrid: expected an error of {error:.2g} within 100 iterations; use a finer grid")


def coarser(nu: np.ndarray, problem: pk.Poisson, exact: np.ndarray, error: float) -> Timed | None:
    """A factorisation on the coarsest grid whose interpolated solution is good enough; None if none is."""
    cells = 4
    while cells < len(nu) - 1:
        start = time.perf_counter()
        system = System(zoom(nu, (cells + 1) / len(nu), order=1))
        ready = time.perf_counter()
        found = system.factorisation()
        u = zoom(found.u, len(nu) / (cells + 1), order=1)
        if problem.error(u, exact) <= error:
            rest = time.perf_counter() - ready - found.set_up
            return Timed(u, ready - start, found.set_up, rest)
        cells *= 2
    return None
