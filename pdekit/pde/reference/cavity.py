"""Steady flow in a square cavity whose lid slides, by Taylor and Hood's elements and Newton's method."""

import numpy as np
from scipy.sparse import block_array, csr_matrix
from scipy.sparse.linalg import splu
from skfem import Basis, BilinearForm, ElementQuad1, LinearForm

from pdekit import checks
from pdekit.pde.reference.elliptic import stiffness
from pdekit.pde.reference.grids import Grid, grid
from pdekit.pde.reference.solve import solve_linear

LEAST = 32  # biquadratic elements along a side
TOLERANCE = 1e-10  # of Newton's last step, relative to the lid's speed
FACTOR = 2.5  # from one Reynolds number to the next
STEPS = 15


@BilinearForm
def transport(u, v, w):
    """`int (U . grad u) v`."""
    return (w.ux * u.grad[0] + w.uy * u.grad[1]) * v


@BilinearForm
def weighted(u, v, w):
    """`int a u v`."""
    return w.a * u * v


@BilinearForm
def divergence(u, q, w):
    """`int (du/dx_i) q`."""
    return u.grad[w.i] * q


@LinearForm
def rotated(v, w):
    """`int (-U_y, U_x) . grad v`, which is `int grad psi . grad v` for U = (psi_y, -psi_x)."""
    return w.ux * v.grad[1] - w.uy * v.grad[0]


@LinearForm
def convection(v, w):
    """`int (U . grad U_i) v`."""
    return (w.ux * w.du[0] + w.uy * w.du[1]) * v


def quadratic_interpolation(nodes: int, m: int) -> np.ndarray:
    """The matrix (nodes, 2 m + 1) that evaluates m quadratic elements on (0, 1) at evenly spaced nodes."""
    x = np.linspace(0, m, nodes)
    cell = np.minimum(x.astype(int), m - 1)
    t, rows = x - cell, np.arange(nodes)
    matrix = np.zeros((nodes, 2 * m + 1))
    for k, hat in enumerate(((1 - t) * (1 - 2 * t), 4 * t * (1 - t), t * (2 * t - 1))):
        matrix[rows, 2 * cell + k] = hat
    return matrix


class _Flow:
    """The discrete Navier-Stokes equations of the cavity; unknowns (u_x, u_y, p) stacked."""

    def __init__(self, m: int) -> None:
        self.on: Grid = grid((2 * m + 1, 2 * m + 1), order=2)
        basis: Basis = self.on.basis
        pressure = basis.with_element(ElementQuad1())
        self.n, self.pressures = basis.N, pressure.N
        self.laplace = stiffness.assemble(basis, nu=np.ones_like(basis.dx))
        self.div = [divergence.assemble(basis, pressure, i=i) for i in (0, 1)]
        x, y = basis.doflocs
        wall = np.isclose(x * (1 - x) * y * (1 - y), 0)
        # the lid's corners rest, so that nothing leaks through the sides
        lid = np.isclose(y, 1) & ~np.isclose(x * (1 - x), 0)
        self.start = np.zeros(2 * self.n + self.pressures)
        self.start[: self.n][lid] = 1.0
        self.wall = wall
        self.free = np.concatenate([~wall, ~wall, np.ones(self.pressures, dtype=bool)])
        self.free[2 * self.n] = False  # pressure is known up to a constant

    def step(self, now: np.ndarray, reynolds: float) -> np.ndarray:
        """Newton's step from `now`; `reynolds` 0 leaves convection out (Stokes)."""
        basis, n = self.on.basis, self.n
        u = [basis.interpolate(now[:n]), basis.interpolate(now[n : 2 * n])]
        around = {"ux": u[0], "uy": u[1]}
        viscous = self.laplace / (reynolds or 1.0)
        rows = [[viscous, None, -self.div[0].T], [None, viscous, -self.div[1].T], [*self.div, None]]
        matrix: csr_matrix = block_array(rows).tocsr()
        residual = matrix @ now
        if reynolds:
            carried = transport.assemble(basis, **around)
            parts = [[weighted.assemble(basis, a=u[i].grad[j]) for j in (0, 1)] for i in (0, 1)]
            parts[0][0] += carried
            parts[1][1] += carried
            empty = csr_matrix((self.pressures, self.pressures))
            matrix = matrix + block_array([[*parts[0], None], [*parts[1], None], [None, None, empty]]).tocsr()
            for i in (0, 1):
                residual[i * n : (i + 1) * n] += convection.assemble(basis, du=u[i].grad, **around)
        step = np.zeros_like(now)
        step[self.free] = splu(matrix[self.free][:, self.free].tocsc()).solve(-residual[self.free])
        return step

    def solve(self, reynolds: float) -> np.ndarray:
        """The steady flow, reached from Stokes' through growing Reynolds numbers."""
        now = self.start + self.step(self.start, 0.0)
        count = max(0, int(np.ceil(np.log(reynolds / 100) / np.log(FACTOR))))
        for target in reynolds / FACTOR ** np.arange(count, -1, -1.0):
            for _ in range(STEPS):
                step = self.step(now, target)
                now = now + step
                if abs(step[: 2 * self.n]).max() < TOLERANCE:
                    break
            else:
                raise RuntimeError(
                    f"cavity: expected Newton to settle at Re = {target:g}, its last step was "
                    f"{abs(step[: 2 * self.n]).max():.1e}; ask for more nodes"
                )
        return now

    def stream_function(self, now: np.ndarray) -> np.ndarray:
        """psi of the velocity: the projection of its rotated field, zero on the walls; (n,)."""
        basis = self.on.basis
        ux, uy = basis.interpolate(now[: self.n]), basis.interpolate(now[self.n : 2 * self.n])
        return solve_linear(
            self.laplace, rotated.assemble(basis, ux=ux, uy=uy), np.flatnonzero(self.wall), 0.0
        )


def cavity(reynolds: float, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """The stream function psi (N, N) and the velocity (2, N, N), x component first, of the lid-driven cavity; float64.

    `(u . grad) u - Lap u / Re + grad p = 0`, `div u = 0` on the unit square, u = (1, 0) on the lid y = 1 between its
    corners, which rest; no slip elsewhere; u = (d psi/dy, -d psi/dx), psi = 0 on the walls. `nodes` = N along a side.
    Biquadratic velocities and bilinear pressures (Hood and Taylor 1974, in Finite Element Methods in Flow Problems) on
    32 elements a side or more. `reynolds` > 0; steady flow is known to be stable up to about 8000. RuntimeError
    if Newton's method does not settle, which asks for a finer grid.
    """
    reynolds, nodes = checks.positive("reynolds", reynolds), checks.whole("nodes", nodes, 3)
    m = max(LEAST, nodes // 2)
    flow = _Flow(m)
    now, n = flow.solve(reynolds), flow.n
    sample = quadratic_interpolation(nodes, m)

    def field(values: np.ndarray) -> np.ndarray:
        return sample @ flow.on.vector(values).reshape(flow.on.shape) @ sample.T

    return field(flow.stream_function(now)), np.stack([field(now[:n]), field(now[n : 2 * n])])
