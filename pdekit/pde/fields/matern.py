"""Gaussian random fields of Matern covariance, as cosine series: rough or smooth by one number.

The field solves `(kappa^2 - Laplace)^(alpha / 2) g = white noise` with Neumann conditions, `alpha = nu + d / 2`. On
the whole space the solution has the Matern covariance of smoothness nu (Lindgren, Rue, Lindstroem, "An explicit link
between Gaussian fields and Gaussian Markov random fields", J. R. Statist. Soc. B 73 (2011) 423, eq. 1 and 2). On the
unit cube it has the same covariance folded at the faces, as their appendix on boundaries has it for an interval: the
sum over all mirror images of one of the two points.
"""

from dataclasses import dataclass

import numpy as np

from pdekit import checks
from pdekit.pde.fields.field import Field, check_indices, nodes, normals

MOST_MODES = {1: 4096, 2: 1024, 3: 128}  # along an axis: about a million parameters at most


@dataclass(frozen=True)
class Matern(Field):
    """`exp(g)`, or `g` itself without `exponential`, with g a Gaussian random field of Matern covariance.

    Its correlation at distance r is `2^(1 - nu) / Gamma(nu) (kappa r)^nu K_nu(kappa r)`, `kappa = sqrt(2 nu) / length`,
    with nu = `smoothness` (1/2: exp(-r / length), continuous and rough; large: the Gaussian bell of that length)
    (Rasmussen and Williams, "Gaussian processes for machine learning", 2006, eq. 4.14). `modes` cosines along an axis
    are kept: 3 / length of them hold over 99 % of the variance at smoothness 3/2 and over 90 % at 1/2, and what is lost
    is made good by scaling. `g` has the mean `mean`, and the variance `sigma^2` on average over the domain: Neumann
    conditions double it at a face and quadruple it at an edge, over about one `length`, so that it is lower in the
    middle (0.66 `sigma^2` as set here). `length` is in sides of the domain. The parameters are the standard normal
    coefficients of the cosines, (B, modes^dimension), the last axis of cosines fastest.
    """

    smoothness: float = 1.5
    length: float = 0.2
    sigma: float = 1.0
    mean: float = 0.0
    modes: int = 32
    exponential: bool = True
    dimension: int = 2

    def __post_init__(self) -> None:
        dimension = checks.whole("dimension", self.dimension, most=3)
        if not isinstance(self.exponential, bool | np.bool_):
            raise checks.refuse("exponential", "True or False", self.exponential, "choose one of these")
        checks.settle(
            self,
            smoothness=checks.positive("smoothness", self.smoothness),
            length=checks.positive("length", self.length),
            sigma=checks.positive("sigma", self.sigma),
            mean=checks.number("mean", self.mean),
            modes=checks.whole("modes", self.modes, most=MOST_MODES[dimension]),
            exponential=bool(self.exponential),
            dimension=dimension,
        )
        if self.exponential and abs(self.mean) + 30 * self.sigma > 700:
            got = f"mean={self.mean!r} and sigma={self.sigma!r}"
            raise checks.refuse(
                "Matern", "|mean| + 30 sigma up to 700", got, "exp would overflow: lower them"
            )

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The one number of axes of these fields."""
        return (self.dimension,)

    @property
    def positive(self) -> bool:
        """Whether the values are exponentials."""
        return self.exponential

    def parameters(self, indices: np.ndarray, seed: int) -> np.ndarray:
        """Coefficients of samples `indices` (B,), standard normal: (B, modes^dimension)."""
        return normals(check_indices(indices), self.modes**self.dimension, seed)

    def values(self, parameters: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The fields of coefficients (B, modes^dimension) at the nodes: (B, *shape)."""
        shape = self.check_shape(shape)
        rows = self.check_rows(parameters, self.modes**self.dimension)
        bases = [cosines(self.modes, x.ravel()) for x in nodes(shape)]
        amplitudes = self.amplitudes()
        field = np.empty((len(rows), *shape))
        for one, row in zip(field, rows, strict=True):  # alone: no product that depends on the batch
            series = amplitudes * row.reshape(amplitudes.shape)
            for basis in bases:  # the first axis goes, and comes back in nodes as the last one
                series = np.einsum("k...,kn->...n", series, basis)  # no BLAS, so no threads
            one[...] = self.mean + series
        return np.exp(field, out=field) if self.exponential else field

    def amplitudes(self) -> np.ndarray:
        """Standard deviations of the coefficients of the cosines k: (modes, ...), one axis per dimension.

        `sigma (1 + |pi k|^2 / kappa^2)^(-(nu + d / 2) / 2)`, scaled: their squares have the sum sigma^2.
        """
        k = np.pi * np.arange(self.modes) * self.length / np.sqrt(2 * self.smoothness)  # pi k / kappa
        squares = sum(np.square(one) for one in np.meshgrid(*(k,) * self.dimension, indexing="ij"))
        spectrum = (1 + squares) ** (-(self.smoothness + self.dimension / 2) / 2)
        size = np.sqrt(np.square(spectrum).sum())  # norm() calls BLAS: other bits with more threads
        return self.sigma * spectrum / size

    def _other_dimension(self) -> str:
        return ", or Matern(dimension=...)"


def cosines(modes: int, x: np.ndarray) -> np.ndarray:
    """Neumann eigenfunctions of the interval, `1` and `sqrt(2) cos(pi k x)`, orthonormal in L2: (modes, len(x))."""
    basis = np.sqrt(2) * np.cos(np.pi * np.arange(modes)[:, None] * x)
    basis[0] = 1.0
    return basis
