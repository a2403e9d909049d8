"""Burgers' equation in one space dimension, a picture of space and time: shocks, and which residual gets them right."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor
from torch.nn import functional

from pdekit import checks
from pdekit.pde import fluxes
from pdekit.pde.least_squares import LeastSquares
from pdekit.pde.problem import Samples
from pdekit.pde.reference.burgers import burgers
from pdekit.pde.waves import RaisedCosines

REFINE = 16  # cells of the reference to one of ours


@dataclass(frozen=True)
class Burgers(LeastSquares):
    """`u_t + u u_x = viscosity u_xx` for x in (0, 1), t in (0, `final`), u(x, 0) = b(x), u(0, t) = 0, outflow at x = 1.

    The example of arXiv:2007.12792: b is a raised cosine `(1 - cos(2 pi c x)) / 2`, c random in `frequencies`, or a
    weighted mean of several `waves`; with `evenly`, that many evenly spaced c are trained on, and random ones held
    out. The data of a sample are the averages of b over N = `resolution` cells of width 1/N, and u is the picture of
    cell averages at the times n `final` / (N - 1), rows n = 0, ..., N - 1. The loss is the mean square (`norm="l2"`)
    or the mean modulus ("l1") of `(u_(n+1) - Phi(u_n)) / dt`, where Phi is a step of a marching scheme
    (`fluxes.RESIDUALS`) named by `residual`: its exact zero is the marched solution, which `march` gives, so that
    what the scheme does and what the generator adds can be told apart. For "godunov" and "lax-friedrichs" the l1
    loss is an honest error measure: times `final` it bounds the L1 distance to the marched last row, as monotone
    schemes bring no two solutions further apart (Crandall and Majda 1980, Math. Comp. 34). `boundary="hard"` is
    u = b + (t / `final`) output; "soft" adds `factor` times the mean squared deviations at t = 0 and, extrapolated
    from three cells, at x = 0. Look at the shocks, which form at t = 1 / (pi c): conservative residuals move them
    with the right speed, the others do not, and a small loss says nothing about that.
    """

    viscosity: float = 0.0
    final: float = 0.2
    frequencies: tuple[float, float] = (3.0, 6.0)
    evenly: int | None = None
    waves: int = 1
    residual: str = "muscl"
    boundary: str = "hard"
    factor: float = 64.0
    norm: str = "l2"

    objectives: ClassVar[tuple[str, ...]] = ("root", "mean", "log", "asinh")
    positive: ClassVar[bool] = False
    grids: ClassVar[str] = (
        "single"  # measured: a coarse grid smears the shocks, and the fine one has to unlearn it
    )
    given: ClassVar[str] = "initial condition"
    orders: ClassVar[dict[str, int]] = {"muscl": 2, "godunov": 1}  # of the zero, in L1, before the shock

    def __post_init__(self) -> None:
        super().__post_init__()
        field = self.field  # refuses what cannot be
        checks.settle(
            self,
            resolution=checks.whole("resolution", self.resolution, least=4),
            viscosity=checks.number("viscosity", self.viscosity),
            final=checks.positive("final", self.final),
            frequencies=field.frequencies,
            evenly=field.evenly,
            waves=field.waves,
            factor=checks.positive("factor", self.factor),
        )
        if self.viscosity < 0:
            raise checks.refuse("viscosity", "0 or more", self.viscosity, "change its sign")
        checks.one_of("residual", self.residual, fluxes.RESIDUALS)
        checks.one_of("boundary", self.boundary, ("hard", "soft"))
        checks.one_of("norm", self.norm, ("l2", "l1"))

    @property
    def field(self) -> RaisedCosines:
        """The family of initial conditions."""
        return RaisedCosines(self.frequencies, self.evenly, self.waves)

    @property
    def data_shape(self) -> tuple[int, ...]:
        """(N,): the averages of b."""
        return (self.resolution,)

    @property
    def axes(self) -> dict[str, np.ndarray]:
        """The times of the rows, and the centres of the cells."""
        n = self.resolution
        return {"t": np.linspace(0.0, self.final, n), "x": (np.arange(n) + 0.5) / n}

    @property
    def spacing(self) -> tuple[float, float]:
        """Width of a cell, and time between two rows."""
        return 1 / self.resolution, self.final / (self.resolution - 1)

    def check(self, data: np.ndarray) -> np.ndarray:
        """The same, and ValueError for |b| > 1, for which the marching steps are not made."""
        data = super().check(data)
        if np.abs(data).max() > 1 + 1e-9:
            most, remedy = float(np.abs(data).max()), "divide it by its maximum a, and look at time a t"
            raise checks.refuse("coefficient", "an initial condition in [-1, 1]", most, remedy)
        return data

    def inputs(self, data: np.ndarray) -> np.ndarray:
        """b (B, N) at all times: (B, 1, N, N)."""
        n = self.resolution
        return np.broadcast_to(data[:, None, None], (len(data), 1, n, n)).copy()

    def impose(self, output: Tensor, samples: Samples) -> Tensor:
        """`b + (t / final) output`, (B, N, N); the output itself for a soft boundary."""
        u = output.squeeze(1)
        if self.boundary == "soft":
            return u
        return samples.data[:, None] + torch.linspace(0, 1, self.resolution, dtype=u.dtype)[:, None] * u

    def losses(self, u: Tensor, samples: Samples) -> Tensor:
        """The mean of r^2 or |r| over the steps of each u (B, N, N), and the soft terms: (B,)."""
        r = self._steps(u)
        loss = (r.square() if self.norm == "l2" else r.abs()).mean(dim=(1, 2))
        if self.boundary == "hard":
            return loss
        start = (u[:, 0] - samples.data).square().mean(dim=1)
        # a parabola's value at the face from its averages over three cells
        inflow = ((11 * u[..., 0] - 7 * u[..., 1] + 2 * u[..., 2]) / 6).square().mean(dim=1)
        return loss + self.factor * (start + inflow)

    def _steps(self, u: Tensor) -> Tensor:
        """`(u_(n+1) - Phi(u_n)) / dt`: (B, N, N) -> (B, N - 1, N)."""
        h, dt = self.spacing
        return (u[:, 1:] - fluxes.march(u[:, :-1], self.residual, h, dt, self.viscosity)) / dt

    @property
    def squares(self) -> bool:
        """The modulus is no square; a soft boundary has terms of its own."""
        return self.norm == "l2" and self.boundary == "hard"

    @property
    def offsets(self) -> tuple[tuple[int, int], ...]:
        """A cell at the time after, and those around it."""
        far = min(fluxes.reach(self.residual, *self.spacing, self.viscosity), self.resolution - 1)
        return ((1, 0), *((0, k) for k in range(-far, far + 1)))

    def equations(self, u: Tensor, samples: Samples) -> Tensor:
        """The steps' residuals, each at the earlier time: (B, 1, N, N)."""
        return functional.pad(self._steps(u), (0, 0, 0, 1)).unsqueeze(1)

    def march(self, data: np.ndarray) -> np.ndarray:
        """The residual's exact zero for data (N,) or (B, N), step by step from b: (..., N, N), float64."""
        rows = [torch.from_numpy(self.check(data))]
        for _ in range(self.resolution - 1):
            rows.append(fluxes.march(rows[-1], self.residual, *self.spacing, self.viscosity))
        return torch.stack(rows, dim=-2).numpy()

    def classical(self, data: np.ndarray) -> np.ndarray:
        """The entropy solution on 16 times finer cells, whose first averages a spline of the integral of b gives."""
        n = self.resolution
        integral = CubicSpline(np.arange(n + 1) / n, np.append(0.0, np.cumsum(data)) / n)
        fine = np.diff(integral(np.arange(n * REFINE + 1) / (n * REFINE))) * n * REFINE
        return burgers(fine, n, n, self.final, self.viscosity, refine=REFINE)

    def error(self, u: np.ndarray, u_reference: np.ndarray) -> float:
        """Relative L2 error of one sample's cell averages (N, N)."""
        return float(np.linalg.norm(u - u_reference) / np.linalg.norm(u_reference))
