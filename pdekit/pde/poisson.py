"""Poisson's equation with a random log-permeability, the steady flow through a porous square."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pdekit import checks
from pdekit.pde import bilinear, fields, reference

FIRST_HELD_OUT = 2**20  # samples from here on are never trained on


class Samples(NamedTuple):
    """A batch of samples on the grid: what the generator sees, and what the loss needs."""

    inputs: Tensor  # (B, 1, H, W): log nu
    coefficient: Tensor  # (B, H, W): nu


@dataclass(frozen=True)
class Poisson:
    """`-div(nu grad u) = f` on the unit square, u = 1 at x = 0, u = 0 at x = 1, no flux through y = 0 and y = 1.

    `nu = exp(sum_i w_i l_i e_i(x) e_i(y))` with `terms` Karhunen-Loeve terms of correlation length `eta` and
    Sobol parameters w in [-bound, bound]^terms (arXiv:2104.14538, section 2); `f = source` is constant. The
    loss of a sample is its Ritz energy `1/2 int nu |grad u|^2 - int f u` of bilinear finite elements: what it
    has in excess of its minimum is half the squared energy norm of the error. Look at how u bends around
    regions of low permeability. `resolution` is the number of nodes along a side, ends included; fields are
    (H, W) with y along H and x along W, without units.
    """

    resolution: int = 64
    terms: int = 6
    eta: float = 0.5
    bound: float = 3.0
    source: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        checks.settle(
            self,
            resolution=checks.whole("resolution", self.resolution, least=3),
            terms=checks.whole("terms", self.terms, most=1000),
            eta=checks.positive("eta", self.eta),
            bound=checks.positive("bound", self.bound),
            source=checks.number("source", self.source),
            seed=checks.whole("seed", self.seed, least=0),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the grid."""
        return self.resolution, self.resolution

    @property
    def positive(self) -> bool:
        """Whether the energy of every admissible u is above zero, so that its logarithm can be a loss."""
        return self.source == 0.0

    def at(self, resolution: int) -> "Poisson":
        """The same problem, and the same samples, on a finer or coarser grid."""
        return replace(self, resolution=resolution)

    def held_out(self, count: int = 16) -> range:
        """Indices of `count` samples that no training run uses."""
        return range(FIRST_HELD_OUT, FIRST_HELD_OUT + checks.whole("count", count))

    def parameters(self, indices: int | Sequence[int]) -> np.ndarray:
        """Karhunen-Loeve parameters w of global samples `indices`: (B, terms), float64, in [-bound, bound]."""
        which = np.atleast_1d(np.asarray(indices))
        if (
            which.ndim != 1
            or not np.issubdtype(which.dtype, np.integer)
            or which.size == 0
            or which.min() < 0
        ):
            raise checks.refuse(
                "samples", "whole numbers from 0 on", indices, "give an index, or a list of them"
            )
        return self.bound * (2 * fields.sobol(which, self.terms, self.seed) - 1)

    def coefficient(self, i: int | Sequence[int]) -> np.ndarray:
        """nu of global sample i (H, W), or of several (B, H, W); float64."""
        nu = np.exp(fields.log_field(self.parameters(i), self.eta, self.resolution))
        return nu[0] if np.ndim(i) == 0 else nu

    def reference(self, i: int | Sequence[int]) -> np.ndarray:
        """The classical finite-element solution of global sample i (H, W), or of several (B, H, W); float64."""
        if np.ndim(i) == 0:
            return reference.of_sample(self, int(i))
        return np.stack([reference.of_sample(self, int(k)) for k in i])

    def solve(self, nu: np.ndarray) -> np.ndarray:
        """The classical finite-element solution for a coefficient of your own (H, W) or (B, H, W); float64."""
        nu = self.check(nu)
        solved = [reference.poisson(one, self.source) for one in nu.reshape(-1, *self.shape)]
        return np.stack(solved).reshape(nu.shape)

    def energy(self, u: np.ndarray, nu: np.ndarray) -> float:
        """The loss of one field u (H, W) for the coefficient nu (H, W): its Ritz energy. Look at it, or plot it."""
        nu, u = self.check(nu), np.array(u, dtype=np.float64, order="C")
        if not nu.shape == u.shape == self.shape:
            raise checks.refuse(
                "u and nu", f"two fields of shape {self.shape}", (u.shape, nu.shape), "give one of each"
            )
        samples = Samples(torch.empty(0), torch.from_numpy(nu)[None])
        return float(self.losses(torch.from_numpy(u)[None], samples))

    def check(self, nu: np.ndarray) -> np.ndarray:
        """`nu` as float64 if it is a coefficient of this problem; ValueError if shape, sign or finiteness is wrong."""
        nu = np.array(nu, dtype=np.float64, order="C")
        if nu.ndim not in (2, 3) or nu.shape[-2:] != self.shape:
            expected = f"an array of shape {self.shape} or (B, {self.resolution}, {self.resolution})"
            raise checks.refuse(
                "coefficient", expected, nu.shape, "sample it at the nodes, or use problem.at(resolution)"
            )
        bad = ~(np.isfinite(nu) & (nu > 0))
        if bad.any():
            place = tuple(int(k) for k in np.argwhere(bad)[0])
            got = f"{nu[place]} at index {place}"
            raise checks.refuse("coefficient", "finite values above 0", got, "mend or replace these values")
        return nu

    def samples(self, parameters: np.ndarray, dtype: torch.dtype) -> Samples:
        """The batch of the samples with Karhunen-Loeve `parameters` (B, terms), in `dtype`."""
        log_nu = fields.log_field(parameters, self.eta, self.resolution)
        return Samples(
            torch.from_numpy(log_nu).to(dtype).unsqueeze(1), torch.from_numpy(np.exp(log_nu)).to(dtype)
        )

    def inputs(self, nu: np.ndarray, dtype: torch.dtype) -> Tensor:
        """What the generator sees of coefficients `nu` (B, H, W): (B, 1, H, W)."""
        return torch.from_numpy(np.log(nu)).to(dtype).unsqueeze(1)

    def impose(self, output: Tensor) -> Tensor:
        """u (B, H, W) of the generator's output (B, 1, H, W): exact boundary values, by a lifting and a mask."""
        x = torch.linspace(0.0, 1.0, output.shape[-1], dtype=output.dtype)
        return (1 - x) + 4 * x * (1 - x) * output.squeeze(1)

    def losses(self, u: Tensor, samples: Samples) -> Tensor:
        """The Ritz energy of each sample's u (B, H, W): (B,)."""
        energy = bilinear.energy(u, bilinear.edge_weights(samples.coefficient))
        if self.source == 0.0:
            return energy
        h = 1 / (self.resolution - 1)
        return energy - (bilinear.load(torch.full_like(u, self.source), h, h) * u).sum(dim=(1, 2))
