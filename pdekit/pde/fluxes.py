"""Marching steps for `u_t + (u^2/2)_x = nu u_xx` on cell averages: five ways to take a derivative, side by side.

LeVeque, Finite Volume Methods for Hyperbolic Problems (2002): conservative form and shocks, ch. 12; limiters, ch. 6.
A conservative scheme adds to a cell what leaves its neighbour, so that its shocks move as Rankine and Hugoniot say.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

COURANT = 0.5  # of a step with limited slopes, for |u| up to 1
DIFFUSION = 0.25  # nu dt / h^2 of a step


def pad(u: Tensor, viscous: bool) -> Tensor:
    """u (..., N) and two more cells at either end, for u = 0 coming in at x = 0 and outflow at x = 1: (..., N + 4).

    With viscosity the cells before continue u oddly, so that u = 0 at the face itself.
    """
    before = -u[..., :2].flip(-1) if viscous else torch.zeros_like(u[..., :2])
    return torch.cat([before, u, u[..., -1:], u[..., -1:]], dim=-1)


def godunov(left: Tensor, right: Tensor) -> Tensor:
    """The flux u^2/2 of the exact Riemann solution between two states (LeVeque, section 12.2)."""
    return torch.maximum(left.clamp(min=0).square(), right.clamp(max=0).square()) / 2


def limited(u: Tensor) -> Tensor:
    """Slopes of the inner cells of u (..., M), times their width, by the monotonised central limiter: (..., M - 2).

    The central slope, but at most twice each one-sided one, and zero at extrema (van Leer 1977; LeVeque, section 6.9).
    """
    jumps = u.diff(dim=-1)
    behind, ahead = jumps[..., :-1], jumps[..., 1:]
    size = torch.minimum(2 * torch.minimum(behind.abs(), ahead.abs()), (behind + ahead).abs() / 2)
    return torch.where(behind * ahead > 0, ahead.sign() * size, 0.0)


def _central(p: Tensor, h: float, dt: float) -> Tensor:
    return -p[..., 2:-2] * (p[..., 3:-1] - p[..., 1:-3]) / (2 * h)


def _upwind(p: Tensor, h: float, dt: float) -> Tensor:
    u, jumps = p[..., 2:-2], p[..., 1:-1].diff(dim=-1)
    return -(u.clamp(min=0) * jumps[..., :-1] + u.clamp(max=0) * jumps[..., 1:]) / h


def _godunov(p: Tensor, h: float, dt: float) -> Tensor:
    return -godunov(p[..., 1:-2], p[..., 2:-1]).diff(dim=-1) / h


def _lax_friedrichs(p: Tensor, h: float, dt: float) -> Tensor:
    flux, jumps = p.square() / 2, p[..., 1:-1].diff(dim=-1)  # LeVeque, eq. 4.21: speed h / dt
    middle = (flux[..., 1:-2] + flux[..., 2:-1]) / 2 - h / (2 * dt) * jumps
    return -middle.diff(dim=-1) / h


def _muscl(p: Tensor, h: float, dt: float) -> Tensor:
    half = limited(p) / 2
    return -godunov(p[..., 1:-2] + half[..., :-1], p[..., 2:-1] - half[..., 1:]).diff(dim=-1) / h


Rate = Callable[[Tensor, float, float], Tensor]
RESIDUALS: dict[str, tuple[Rate, bool]] = {
    "muscl": (_muscl, True),  # conservative, second order
    "godunov": (_godunov, False),  # conservative
    "lax-friedrichs": (_lax_friedrichs, False),  # conservative
    "upwind": (_upwind, False),  # first order, but its shocks are slow
    "central": (_central, False),  # second order in space, and unstable
}
"""The rates `-(u^2/2)_x` of padded u (..., N + 4) by name, and whether steps are Heun's (else Euler's)."""


def stable(h: float, dt: float, nu: float) -> int:
    """How many steps in a time dt are stable."""
    return max(math.ceil(dt / (COURANT * h) - 1e-9), math.ceil(nu * dt / (DIFFUSION * h * h) - 1e-9), 1)


def reach(residual: str, h: float, dt: float, nu: float) -> int:
    """How many cells away the map `march` looks, on either side: a limited slope looks at two in each of two stages."""
    return (4 if RESIDUALS[residual][1] else 1) * stable(h, dt, nu)


def march(u: Tensor, residual: str, h: float, dt: float, nu: float = 0.0) -> Tensor:
    """u (..., N) on cells of width h, a time dt later: the scheme's map Phi, as many equal steps as are stable.

    `residual` names one of `RESIDUALS`. Heun's steps are the strong-stability-preserving ones of order 2 (Gottlieb,
    Shu and Tadmor 2001, SIAM Review 43, eq. 4.1). Viscosity is a central difference. Steps are short enough for
    |u| <= 1.
    """
    rate, heun = RESIDUALS[residual]
    steps = stable(h, dt, nu)
    dt = dt / steps

    def euler(u: Tensor) -> Tensor:
        padded = pad(u, nu > 0)
        change = rate(padded, h, dt)
        if nu:
            change = change + nu / (h * h) * padded[..., 1:-1].diff(n=2, dim=-1)
        return u + dt * change

    for _ in range(steps):
        u = (u + euler(euler(u))) / 2 if heun else euler(u)
    return u
