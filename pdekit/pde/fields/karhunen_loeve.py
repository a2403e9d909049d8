"""Smooth positive fields of a few numbers: a Karhunen-Loeve sum whose parameters are drawn from a Sobol sequence.

The sum has the eigenpairs of the covariance exp(-|x - x'| / eta) on (0, 1) (arXiv:2104.14538, section 2):
`e_i(x) = eta a_i cos(a_i x) + sin(a_i x)`, `l_i = 2 eta / (1 + (eta a_i)^2)`. Not a field of that covariance in 2D
and 3D: it keeps the diagonal products `e_i(x) e_i(y)` only. See `Matern` for fields of a given covariance.
"""

from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
from scipy.optimize import brentq

from pdekit import checks
from pdekit.pde.fields.field import Field, check_indices, nodes, sobol


@dataclass(frozen=True)
class KarhunenLoeve(Field):
    """`exp(sum_i w_i sqrt(l_i)^d e_i(x) e_i(y) ...)` in d dimensions (arXiv:2104.14538, section 2), d = 1, 2 or 3.

    The parameters are w in [-bound, bound]^terms, points of a scrambled Sobol sequence; `eta` is the correlation
    length, in sides of the domain. Smooth fields of a few numbers, of moderate contrast.
    """

    terms: int = 6
    eta: float = 0.5
    bound: float = 3.0

    def __post_init__(self) -> None:
        checks.settle(
            self,
            terms=checks.whole("terms", self.terms, most=1000),
            eta=checks.positive("eta", self.eta),
            bound=checks.positive("bound", self.bound),
        )

    @property
    def positive(self) -> bool:
        """True: an exponential."""
        return True

    def parameters(self, indices: np.ndarray, seed: int) -> np.ndarray:
        """The parameters w of samples `indices` (B,): (B, terms), in [-bound, bound]."""
        which, seed = check_indices(indices), checks.whole("seed", seed, least=0)
        return self.bound * (2 * sobol(which, self.terms, seed) - 1)

    def values(self, parameters: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The fields of w (B, terms) at the nodes: (B, *shape)."""
        shape = self.check_shape(shape)
        return np.exp(log_field(self.check_rows(parameters, self.terms), self.eta, shape))


def roots(eta: float, terms: int) -> np.ndarray:
    """The first `terms` positive roots of `(eta^2 a^2 - 1) tan(a) = 2 eta a`, ascending.

    The k-th root is the only one in ((k - 1) pi, k pi) and solves `a = (k - 1) pi + 2 arctan(1 / (eta a))`,
    whose two sides cross once: no pole of the tangent to step around, for any eta > 0.
    """
    return np.array(
        [
            brentq(
                lambda a, k=k: a - k * np.pi - 2 * np.arctan2(1.0, eta * a),
                k * np.pi,
                (k + 1) * np.pi,
                xtol=1e-14,
            )
            for k in range(terms)
        ]
    )


@lru_cache(maxsize=8)  # one entry per grid in use: 64^3 nodes and 6 terms are 12.6 MB
def modes(eta: float, terms: int, shape: tuple[int, ...]) -> np.ndarray:
    """`sqrt(l_i)^d e_i(x) e_i(y) ...` at the nodes of the d axes of `shape`: (terms, *shape), float64, read-only."""
    a = roots(eta, terms).reshape(-1, *(1,) * len(shape))
    variance = 2 * eta / (1 + (eta * a) ** 2)
    factors = [eta * a * np.cos(a * x) + np.sin(a * x) for x in nodes(shape)]
    products = reduce(np.multiply, factors, variance ** (len(shape) / 2))
    products.setflags(write=False)
    return products


def log_field(parameters: np.ndarray, eta: float, shape: tuple[int, ...] | int) -> np.ndarray:
    """Log-coefficients `sum_i w_i sqrt(l_i)^d e_i(x) e_i(y) ...` of parameters w (B, terms): (B, *shape).

    A number n for `shape` is the square grid (n, n). Summed term by term, not by a matrix product, so that a
    sample has the same bits in any batch.
    """
    shape = (shape, shape) if isinstance(shape, int) else shape
    field = np.zeros((len(parameters), *shape))
    for w, mode in zip(parameters.T, modes(eta, parameters.shape[1], shape), strict=True):
        field += w.reshape(-1, *(1,) * len(shape)) * mode
    return field
