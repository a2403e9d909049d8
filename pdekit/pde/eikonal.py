"""The eikonal equation: the first arrival of a wave in a medium of variable slowness."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pdekit import checks
from pdekit.pde.fields import Field, KarhunenLoeve
from pdekit.pde.least_squares import LeastSquares
from pdekit.pde.problem import Samples
from pdekit.pde.reference.eikonal import eikonal

NEAR = 0.05  # radius around a point source where rays are taken as straight
SLOWNESS = KarhunenLoeve(terms=6, eta=0.5, bound=0.5)


@dataclass(frozen=True)
class Eikonal(LeastSquares):
    """`|grad u| = s` on the unit square, u = 0 on the face x = 0 or at a point `source = (x, y)`: first arrival times.

    The slowness s is drawn from `slowness`, a field above zero, a mild `KarhunenLoeve(6, 0.5, 0.5)` unless given. The
    residual at a node is Godunov's upwind one, `max(D-x u, -D+x u, 0)^2 + max(D-y u, -D+y u, 0)^2 - s^2` (Rouy and
    Tourin 1992, SIAM J. Numer. Anal. 29), with nothing coming in from outside; its zero is what fast sweeping finds,
    and converges with order 1. The loss of a sample is the mean over the nodes of the square (`norm="l2"`) or the
    modulus ("l1") of the residual over s^2.
    u is the time along the straight ray from the source times the exponential of the output: zero where it has to
    be, and above zero. By Fermat's principle no wave is later than the straight one, so the output learns to be
    negative. Near a point source, within 0.05 or two nodes, u is the straight time itself. Look at the kinks, where
    waves that went different ways meet.
    """

    slowness: Field | None = None
    source: str | tuple[float, float] = "x0"
    norm: str = "l2"

    given: ClassVar[str] = "slowness s"
    objectives: ClassVar[tuple[str, ...]] = ("root", "mean", "log", "asinh")
    order: ClassVar[int] = 1  # of the zero

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.one_of("norm", self.norm, ("l2", "l1"))
        if self.slowness is not None and not (isinstance(self.slowness, Field) and self.slowness.positive):
            raise checks.refuse("slowness", "a field above 0", self.slowness, "exponentiate it")
        if isinstance(self.source, str):
            checks.one_of("source", self.source, ("x0",))
            return
        expected, remedy = '"x0" or a point (x, y) of the unit square', "give (0.5, 0.5), for instance"
        if not isinstance(self.source, tuple | list) or len(self.source) != 2:
            raise checks.refuse("source", expected, self.source, remedy)
        point = tuple(checks.number("source", v) for v in self.source)
        if min(point) < 0 or max(point) > 1:
            raise checks.refuse("source", expected, self.source, remedy)
        checks.settle(self, source=point)

    @property
    def field(self) -> Field:
        """The slowness's family."""
        return self.slowness or SLOWNESS

    def free(self) -> np.ndarray:
        """Whether u is found (True) or given (False) at a node: (H, W)."""
        n = self.resolution
        y, x = np.meshgrid(*[np.linspace(0, 1, n)] * 2, indexing="ij")
        if self.source == "x0":
            return x > 0
        return np.hypot(x - self.source[0], y - self.source[1]) > max(NEAR, 2 / (n - 1))

    def operator(self, data: Tensor) -> Tensor:
        """The times along straight rays from the source for s (B, H, W), bilinear between nodes: (B, H, W)."""
        n = self.resolution
        if self.source == "x0":
            return functional.pad((data[..., 1:] + data[..., :-1]).cumsum(dim=-1) / (2 * (n - 1)), (1, 0))
        axis = torch.linspace(0, 1, n, dtype=data.dtype)
        nodes = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)  # (H, W, 2): x, y
        source = torch.tensor(self.source, dtype=data.dtype)
        mean = torch.zeros_like(data)
        for at, weight in zip(*np.polynomial.legendre.leggauss(8), strict=True):
            places = 2 * (source + (at + 1) / 2 * (nodes - source)) - 1
            places = places.expand(len(data), n, n, 2)
            mean += weight / 2 * functional.grid_sample(data[:, None], places, align_corners=True)[:, 0]
        return mean * (nodes - source).norm(dim=-1)

    def impose(self, output: Tensor, samples: Samples) -> Tensor:
        """`straight time * exp(output)`, and the straight time itself near a point source: (B, H, W)."""
        free = torch.from_numpy(self.free()).to(output.dtype)
        return samples.operator * torch.exp(free * output.squeeze(1))

    def losses(self, u: Tensor, samples: Samples) -> Tensor:
        """The mean of r^2 or |r| of each u (B, H, W) over the nodes where u is not given: (B,)."""
        r = self._residual(u, samples)[:, torch.from_numpy(self.free())]
        return (r.square() if self.norm == "l2" else r.abs()).mean(dim=1)

    def _residual(self, u: Tensor, samples: Samples) -> Tensor:
        slope = sum(_upwind(u, axis).square() for axis in (-1, -2)) * (self.resolution - 1) ** 2
        return slope / samples.data.square() - 1

    @property
    def squares(self) -> bool:
        """The modulus is no square."""
        return self.norm == "l2"

    @property
    def offsets(self) -> tuple[tuple[int, int], ...]:
        """A node and its four neighbours."""
        return ((-1, 0), (0, -1), (0, 0), (0, 1), (1, 0))

    def equations(self, u: Tensor, samples: Samples) -> Tensor:
        """The residual over s^2 where u is not given: (B, 1, H, W)."""
        return (self._residual(u, samples) * torch.from_numpy(self.free())).unsqueeze(1)

    def classical(self, data: np.ndarray) -> np.ndarray:
        """Fast sweeping of second order on twice as many intervals."""
        return eikonal(data, self.source)


def _upwind(u: Tensor, axis: int) -> Tensor:
    """How far each node of u (B, H, W) lies above the lower of its neighbours along `axis`, or 0: (B, H, W)."""
    jumps = u.diff(dim=axis)
    edge = torch.zeros_like(u.narrow(axis, 0, 1))
    return torch.maximum(torch.cat([edge, jumps], axis), torch.cat([-jumps, edge], axis)).clamp(min=0)
