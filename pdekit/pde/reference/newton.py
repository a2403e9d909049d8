"""Minimisers of convex energies of finite elements by a damped Newton method."""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.sparse import csr_matrix
from skfem import BilinearForm, LinearForm
from skfem.helpers import dot, grad

from pdekit import checks
from pdekit.pde.reference.elliptic import boundary_terms, coefficient, conditions, nodal
from pdekit.pde.reference.faces import Conditions
from pdekit.pde.reference.grids import Grid, grid
from pdekit.pde.reference.solve import fold, solve_linear

DECREMENT = 1e-13  # the Newton decrement, relative to the energy's size, at which the minimum is reached
STEPS = 100


@LinearForm
def slope(v, w):
    """`int a grad u . grad v + b v`, the first variation of an energy density with those derivatives."""
    return w.a * dot(w.du, grad(v)) + w.b * v


@BilinearForm
def curvature(u, v, w):
    """`int a grad u . grad v + c (du . grad u)(du . grad v) + e u v`, its second variation."""
    return w.a * dot(grad(u), grad(v)) + w.c * dot(w.du, grad(u)) * dot(w.du, grad(v)) + w.e * u * v


Density = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, ...]]


def minimise(on: Grid, found: Conditions, density: Density, start: np.ndarray) -> np.ndarray:
    """The minimiser, in `start`'s shape, of `int W(u, |grad u|^2) + boundary terms` for a convex energy density.

    `density(u, s)` returns at the quadrature points W, a = 2 dW/ds, b = dW/du, c = 4 d2W/ds2 and e = d2W/du2. Newton's
    steps are damped until the energy falls by Armijo's rule (Boyd and Vandenberghe, Convex Optimization, algorithm
    9.5) and end when their decrement is lost in rounding. RuntimeError if that takes more than 100 steps.
    """
    masters, index = np.unique(found.master, return_inverse=True)
    held = np.flatnonzero(found.held.ravel()[masters])
    u = np.where(found.held, found.values, start).ravel()[masters]
    edge_matrix, edge_load = boundary_terms(on, found)
    weights = on.basis.dx

    def inside(u: np.ndarray) -> tuple:
        field = on.interpolate(u[index])
        gradient = np.asarray(field.grad)
        return gradient, density(np.asarray(field), np.sum(gradient**2, axis=0))

    def energy(u: np.ndarray) -> tuple[float, float]:
        """The energy, and the sum of the sizes of its parts, of which 1e-16 is lost in rounding."""
        full = u[index]
        robin = 0.0 if isinstance(edge_matrix, float) else 0.5 * full @ (edge_matrix @ full)
        parts = inside(u)[1][0] * weights
        return float(parts.sum() + robin - edge_load @ full), float(
            abs(parts).sum() + robin + abs(edge_load @ full)
        )

    now, size = energy(u)
    for _ in range(STEPS):
        du, (_, a, b, c, e) = inside(u)
        residual = on.vector(slope.assemble(on.basis, a=a, b=b, du=du)) - edge_load
        hessian: csr_matrix = on.matrix(curvature.assemble(on.basis, a=a, c=c, e=e, du=du))
        if not isinstance(edge_matrix, float):
            residual, hessian = residual + edge_matrix @ u[index], hessian + edge_matrix
        residual = np.bincount(index, residual, len(masters))
        step = solve_linear(fold(hessian, index), -residual, held, 0.0)
        decrement = -residual @ step
        if decrement <= DECREMENT * size:
            return (u + step)[index].reshape(start.shape)
        length = 1.0
        while True:
            after, size = energy(u + length * step)
            if after <= now - 1e-4 * length * decrement + 1e-15 * size:
                break
            length /= 2
            if length < 1e-12:
                raise RuntimeError(
                    "Newton: expected a convex energy to fall along its step, got none; refine the grid"
                )
        u, now = u + length * step, after
    raise RuntimeError(
        f"Newton: expected a minimum within {STEPS} steps, got a decrement of {decrement:.1e}; use a larger delta"
    )


def p_laplace(
    nu: np.ndarray,
    p: float,
    delta: float,
    source: float | np.ndarray = 0.0,
    faces: Mapping[str, tuple] | None = None,
    fixed: tuple | None = None,
    intorder: int = 3,
) -> np.ndarray:
    """The minimiser of `int nu/p (|grad u|^2 + delta^2)^(p/2) - f u`, like nu (H, W) or (D, H, W); float64.

    Its equation is `-div(nu (|grad u|^2 + delta^2)^((p-2)/2) grad u) = f`, the regularised p-Laplacian (Barrett and
    Liu 1993, Math. Comp. 61). p > 1 (tested from 1.5 to 4), delta > 0; `source`, `faces` (a flux is that of this
    equation) and `fixed` as in `elliptic.poisson`; (multi)linear elements. The energy is not a polynomial: `intorder`
    3 means 2 Gauss points per axis, 5 means 3. From p = 2 and a delta like the gradient's size, p is reached in steps
    of at most 1/2, then delta in one.
    """
    nu, p, delta = coefficient("nu", nu), checks.number("p", p), checks.positive("delta", delta)
    if p <= 1:
        raise checks.refuse("p", "a number above 1", p, "give p=3.0, for instance")
    on, found = grid(nu.shape, 1, intorder), conditions(faces, fixed, nu.shape)
    nu_inside, f_inside = (np.asarray(on.interpolate(v)) for v in (nu, nodal("source", source, nu.shape)))

    def density(q: float, d: float) -> Density:
        def at(u: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, ...]:
            r = s + d**2
            a = nu_inside * r ** (q / 2 - 1)
            return a * r / q - f_inside * u, a, -f_inside, (q - 2) * a / r, np.zeros_like(u)

        return at

    u = minimise(on, found, density(2.0, delta), np.zeros(nu.shape))
    squares = np.sum(np.asarray(on.interpolate(u).grad) ** 2, axis=0) * on.basis.dx
    d = max(delta, float(np.sqrt(squares.sum())))
    for q in np.linspace(2.0, p, 1 + int(np.ceil(2 * abs(p - 2))))[1:]:
        u = minimise(on, found, density(q, d), u)
    if p != 2 and d > delta:
        u = minimise(on, found, density(p, delta), u)
    return u


def implicit_step(previous: np.ndarray, tau: float, epsilon: float, reaction: bool) -> np.ndarray:
    """The minimiser of `int (u - v)^2 / (2 tau) + eps^2/2 |grad u|^2 [+ (u^2 - 1)^2 / 4]`, v = `previous`; float64.

    One implicit Euler step of length `tau` of the heat equation `u_t = eps^2 Lap u`, or with `reaction` of Allen and
    Cahn's `u_t = eps^2 Lap u - u^3 + u` (1979, Acta Metall. 27), without flux through the faces. `previous` (H, W)
    or (D, H, W) holds nodal values; (multi)linear elements, integrated exactly. tau < 1 with a reaction: the energy
    is then convex (ValueError otherwise).
    """
    v = np.asarray(previous, dtype=np.float64)
    tau, epsilon = checks.positive("tau", tau), checks.positive("epsilon", epsilon)
    if reaction and tau >= 1:
        raise checks.refuse(
            "tau", "a number below 1, where the energy is convex", tau, "take more, shorter steps"
        )
    on = grid(v.shape, 1, 5)
    free = Conditions(np.zeros(v.shape, bool), np.zeros(v.shape), (), np.arange(v.size), False)
    before = np.asarray(on.interpolate(nodal("previous", v, v.shape)))
    kind = float(bool(reaction))

    def density(u: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, ...]:
        energy = (u - before) ** 2 / (2 * tau) + epsilon**2 * s / 2 + kind * (u**2 - 1) ** 2 / 4
        slope_u, curve_u = (u - before) / tau + kind * u * (u**2 - 1), 1 / tau + kind * (3 * u**2 - 1)
        a = np.full_like(s, epsilon**2)
        return energy, a, slope_u, np.zeros_like(s), curve_u

    return minimise(on, free, density, v)
