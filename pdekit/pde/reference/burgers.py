"""Burgers' equation by a finite-volume scheme of second order on a much finer grid: the entropy solution."""

from collections.abc import Callable

import numpy as np
from scipy.fft import dst, idst

from pdekit import checks

COURANT = 0.5


def _godunov(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The flux u^2/2 of the exact Riemann solution at the interface (LeVeque 2002, Finite Volume Methods, ch. 12)."""
    return np.maximum(np.maximum(left, 0.0) ** 2, np.minimum(right, 0.0) ** 2) / 2


def _limited(u: np.ndarray) -> np.ndarray:
    """Slopes per cell of the inner cells by the monotonised central limiter (van Leer 1977; LeVeque, ch. 6)."""
    behind, ahead = u[1:-1] - u[:-2], u[2:] - u[1:-1]
    size = np.minimum(np.minimum(2 * abs(behind), 2 * abs(ahead)), abs(behind + ahead) / 2)
    return np.where(behind * ahead > 0, np.sign(ahead) * size, 0.0)


def _rate(u: np.ndarray, h: float, inflow: float, viscous: bool) -> np.ndarray:
    """`-(u^2/2)_x` of the cell averages u (n,)."""
    # at x = 0: the inflow's state, or with viscosity the odd continuation about the value that u takes there
    before = 2 * inflow - u[1::-1] if viscous else np.full(2, inflow)
    padded = np.concatenate([before, u, u[-1:], u[-1:]])
    half = _limited(padded) / 2
    flux = _godunov(padded[1:-2] + half[:-1], padded[2:-1] - half[1:])
    return -np.diff(flux) / h


def burgers(
    average: Callable[[np.ndarray, np.ndarray], np.ndarray] | np.ndarray,
    cells: int,
    rows: int,
    end: float,
    nu: float = 0.0,
    inflow: float = 0.0,
    refine: int = 16,
) -> np.ndarray:
    """Cell averages (rows, cells) of u at the times `linspace(0, end, rows)`; float64.

    `u_t + (u^2/2)_x = nu u_xx` on (0, 1), u = `inflow` at x = 0, outflow (u_x = 0) at x = 1; the entropy solution for
    nu = 0. `average(left, right)` gives the initial averages of the cells between the edges (n,) and (n,); or it is
    an array (cells refine,) of them. `refine` times the cells are computed: MUSCL with the monotonised central
    limiter, Godunov's flux, Heun's strong-stability-preserving steps (Gottlieb, Shu and Tadmor 2001, SIAM Review 43)
    at Courant number 1/2 or less, and for nu > 0 the exact heat semigroup of the cells' differences, split after
    Strang (1968). ValueError for settings that do not fit.
    """
    cells, rows, refine = (
        checks.whole(name, value, least)
        for name, value, least in (("cells", cells, 2), ("rows", rows, 2), ("refine", refine, 1))
    )
    end, inflow, nu = checks.positive("end", end), checks.number("inflow", inflow), checks.number("nu", nu)
    if nu < 0:
        raise checks.refuse("nu", "a viscosity of 0 or more", nu, "change its sign")
    n, h = cells * refine, 1 / (cells * refine)
    edges = np.linspace(0, 1, n + 1)
    u = np.array(average(edges[:-1], edges[1:]) if callable(average) else average, dtype=np.float64)
    if u.shape != (n,) or not np.isfinite(u).all():
        raise checks.refuse("average", f"finite averages of shape ({n},)", u.shape, "give one per fine cell")
    # decay rates of sin((k + 1/2) pi x), the modes of differences with an odd left and an even right end
    decay = nu * (2 / h * np.sin((np.arange(n) + 0.5) * np.pi / (2 * n))) ** 2
    out = np.empty((rows, cells))
    for row in range(rows):
        out[row] = u.reshape(cells, refine).mean(axis=1)
        if row == rows - 1:
            break
        fastest = max(float(abs(u).max()), abs(inflow))  # the maximum principle: it never grows
        steps = max(1, int(np.ceil(end / (rows - 1) * fastest / (COURANT * h))))
        dt = end / (rows - 1) / steps
        half = np.exp(-decay * dt / 2)
        for _ in range(steps):
            if nu:
                u = inflow + idst(half * dst(u - inflow, type=4), type=4)
            once = u + dt * _rate(u, h, inflow, nu > 0)
            u = (u + once + dt * _rate(once, h, inflow, nu > 0)) / 2
            if nu:
                u = inflow + idst(half * dst(u - inflow, type=4), type=4)
    return out
