"""The steady flow in a square cavity whose lid slides, for a range of Reynolds numbers."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pdekit import checks
from pdekit.pde import biharmonic
from pdekit.pde.fields.constant import Constant
from pdekit.pde.least_squares import LeastSquares
from pdekit.pde.problem import Samples
from pdekit.pde.reference.cavity import cavity

LARGEST = 1000.0  # steady solutions exist beyond, but not on grids that are trained on


@dataclass(frozen=True)
class Cavity(LeastSquares):
    """`u . grad omega = Lap omega / Re`, u = (d psi/dy, -d psi/dx), omega = -Lap psi: steady flow under a lid.

    The lid, of speed 1, is y = 1 of the unit square, the other walls rest; the stream function psi is zero on all of
    them, and u is free of divergence whatever the generator says (Ghia, Ghia and Shin 1982, J. Comput. Phys. 48). A
    sample is a number, Re, log-uniform between the two of `reynolds`. The residual r is that of differences of second
    order, `div(u omega)` in conservative form and Thom's vorticity on the walls, and the loss of a sample `1/2 int
    |grad y|^2` with `y = Re B^-1 r`, B the clamped biharmonic operator: half the squared velocity of the Stokes flow
    that r drives, for small Re that of the error itself. In the plain sum of squares, four derivatives of the error,
    the corners of the lid would be all that counts. psi starts as Stokes' flow, with which r has nothing but
    transport left. Look at the vortex that moves to the centre as Re grows, and at the eddies in the lower corners.
    The generator sees one number, so that batch norm over samples costs digits: `UNet(norm="group")` serves better.
    """

    reynolds: tuple[float, float] = (50.0, 400.0)

    given: ClassVar[str] = "Reynolds number"
    objectives: ClassVar[tuple[str, ...]] = ("root", "mean", "log", "asinh")
    orders: ClassVar[tuple[float, ...]] = (2.0,)

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.settle(self, resolution=checks.whole("resolution", self.resolution, least=6))
        pair = self.reynolds
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            remedy = "give reynolds=(50.0, 400.0), for instance"
            raise checks.refuse("reynolds", "two numbers, the least and the most", pair, remedy)
        low, high = (checks.positive("reynolds", one) for one in pair)
        if not low <= high <= LARGEST:
            raise checks.refuse(
                "reynolds", f"the least, then the most, up to {LARGEST:g}", pair, "lower them"
            )
        checks.settle(self, reynolds=(low, high))

    @property
    def field(self) -> Constant:
        """Reynolds numbers, log-uniform."""
        return Constant(*self.reynolds)

    @property
    def data_shape(self) -> tuple[int, ...]:
        """One number."""
        return (1,)

    def inputs(self, data: np.ndarray) -> np.ndarray:
        """The logarithm of Re as a constant image, from -1 at the least to 1 at the most: (B, 1, *shape)."""
        low, high = np.log(self.reynolds)
        level = (np.log(data) - (low + high) / 2) / (max(high - low, 1e-9) / 2)
        return np.broadcast_to(level[:, :, None, None], (len(data), 1, *self.shape)).copy()

    def impose(self, output: Tensor, samples: Samples) -> Tensor:
        """Stokes' flow, and an output that leaves psi and its slope on the walls as they are."""
        stokes, mask = _stokes_and_mask(self.resolution, output.dtype)
        return torch.addcmul(stokes, mask, output.squeeze(1))

    def losses(self, u: Tensor, samples: Samples) -> Tensor:
        """Half the squared norm of the velocity by which Stokes' flow would mend the residual: (B,)."""
        return _speeds(self.correction(u, samples)).square().sum(dim=1) / 2

    def equations(self, u: Tensor, samples: Samples) -> Tensor:
        """Re times the residual: (B, 1, H, W)."""
        reynolds = samples.data[:, :, None]
        return functional.pad(reynolds * residual(u, reynolds), (1, 1, 1, 1)).unsqueeze(1)

    def norm_of_equations(self, r: Tensor) -> Tensor:
        """The velocity of the Stokes flow that r (N, 1, H, W) drives: (N, values)."""
        return _speeds(biharmonic.solve(r[:, 0, 1:-1, 1:-1], biharmonic.clamped(self.resolution, r.dtype)))

    def correction(self, u: Tensor, samples: Samples) -> Tensor:
        """`Re B^-1 r` at the inner nodes, B the clamped biharmonic operator: (B, H - 2, W - 2)."""
        reynolds = samples.data[:, :, None]
        r = residual(u, reynolds)
        return biharmonic.solve(reynolds * r, biharmonic.clamped(self.resolution, u.dtype))

    def velocity(self, psi: np.ndarray) -> np.ndarray:
        """u and v (..., 2, H, W) of stream functions psi (..., H, W), by central differences; corners rest."""
        h = 1.0 / (self.resolution - 1)
        u, v = np.zeros_like(psi), np.zeros_like(psi)
        u[..., 1:-1, 1:-1] = (psi[..., 2:, 1:-1] - psi[..., :-2, 1:-1]) / (2 * h)
        v[..., 1:-1, 1:-1] = -(psi[..., 1:-1, 2:] - psi[..., 1:-1, :-2]) / (2 * h)
        u[..., -1, 1:-1] = 1.0
        return np.stack([u, v], axis=-3)

    def classical(self, data: np.ndarray) -> np.ndarray:
        """psi of Taylor and Hood's elements and Newton's method."""
        return cavity(float(data[0]), self.resolution)[0]


def _speeds(y: Tensor) -> Tensor:
    """Differences along both axes of y (N, H - 2, W - 2), zero at the walls: (N, values)."""
    y = functional.pad(y, (1, 1, 1, 1))
    return torch.cat([y.diff(dim=1).flatten(1), y.diff(dim=2).flatten(1)], dim=1)


def vorticity(psi: Tensor) -> Tensor:
    """-Lap psi (B, n, n), on the walls Thom's: with the value beyond them that their speed asks for."""
    h = 1.0 / (psi.shape[-1] - 1)
    beyond = [psi[:, 1:2], psi[:, -2:-1] + 2 * h]
    tall = torch.cat([beyond[0], psi, beyond[1]], dim=1)
    wide = torch.cat([psi[:, :, 1:2], psi, psi[:, :, -2:-1]], dim=2)
    return (4 * psi - tall[:, 2:] - tall[:, :-2] - wide[:, :, 2:] - wide[:, :, :-2]) / h**2


def residual(psi: Tensor, reynolds: Tensor | float) -> Tensor:
    """`div(u omega) - Lap omega / Re` at the inner nodes, central differences: (B, n, n) -> (B, n - 2, n - 2)."""
    h = 1.0 / (psi.shape[-1] - 1)
    omega = vorticity(psi)
    carried = [_still(_dy(psi, h)) * omega, _still(-_dx(psi, h)) * omega]
    return _dx(carried[0], h) + _dy(carried[1], h) - _laplacian(omega, h) / reynolds


def _dx(f: Tensor, h: float) -> Tensor:
    return (f[:, 1:-1, 2:] - f[:, 1:-1, :-2]) / (2 * h)


def _dy(f: Tensor, h: float) -> Tensor:
    return (f[:, 2:, 1:-1] - f[:, :-2, 1:-1]) / (2 * h)


def _laplacian(f: Tensor, h: float) -> Tensor:
    around = f[:, 2:, 1:-1] + f[:, :-2, 1:-1] + f[:, 1:-1, 2:] + f[:, 1:-1, :-2]
    return (around - 4 * f[:, 1:-1, 1:-1]) / h**2


def _still(inner: Tensor) -> Tensor:
    """Zero on the walls; what the lid carries, it carries along itself, where no inner node sees it."""
    return functional.pad(inner, (1, 1, 1, 1))


@lru_cache(maxsize=8)
def _stokes_and_mask(n: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Stokes' stream function (n, n), and what an output is multiplied by: zero like d^2 at walls and corners."""
    load = _laplacian(vorticity(torch.zeros(1, n, n, dtype=torch.float64)), 1.0 / (n - 1))
    stokes = functional.pad(biharmonic.solve(load, biharmonic.clamped(n, torch.float64)), (1, 1, 1, 1))[0]
    x = torch.linspace(0, 1, n, dtype=torch.float64)
    d = (4 * x * (1 - x)).square()
    both = d[:, None] + d
    mask = 2 * d[:, None] * d / torch.where(both > 0, both, 1.0)
    return stokes.to(dtype), mask.to(dtype)
