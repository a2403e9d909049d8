"""Random coefficient fields: a Karhunen-Loeve sum whose parameters are drawn from a Sobol sequence.

The sum has the eigenpairs of the covariance exp(-|x - x'| / eta) on (0, 1) (arXiv:2104.14538, section 2):
`e_i(x) = eta a_i cos(a_i x) + sin(a_i x)`, `l_i = 2 eta / (1 + (eta a_i)^2)`.
"""

from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import qmc


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


@lru_cache(maxsize=32)
def modes(eta: float, terms: int, resolution: int) -> np.ndarray:
    """`l_i e_i(x) e_i(y)` at the nodes of the unit square: (terms, resolution, resolution), float64, read-only."""
    a = roots(eta, terms)[:, None]
    x = np.linspace(0.0, 1.0, resolution)
    e = eta * a * np.cos(a * x) + np.sin(a * x)
    variance = 2 * eta / (1 + (eta * a) ** 2)
    products = (variance * e)[:, :, None] * e[:, None, :]
    products.setflags(write=False)
    return products


def log_field(parameters: np.ndarray, eta: float, resolution: int) -> np.ndarray:
    """Log-coefficients `sum_i w_i l_i e_i(x) e_i(y)` of parameters w (B, terms): (B, resolution, resolution).

    Summed term by term, not by a matrix product, so that a sample has the same bits in any batch.
    """
    field = np.zeros((len(parameters), resolution, resolution))
    for w, mode in zip(parameters.T, modes(eta, parameters.shape[1], resolution), strict=True):
        field += w[:, None, None] * mode
    return field


def sobol(indices: np.ndarray, terms: int, seed: int) -> np.ndarray:
    """Points number `indices` (any order) of the scrambled Sobol sequence of `seed` in [0, 1)^terms: (B, terms)."""
    wanted, place = np.unique(indices, return_inverse=True)
    engine = qmc.Sobol(terms, scramble=True, rng=seed)
    points = [np.empty((0, terms))]
    for run in np.split(wanted, np.flatnonzero(np.diff(wanted) > 1) + 1):
        count = len(run)
        if count and run[0] > engine.num_generated:
            engine.fast_forward(int(run[0]) - engine.num_generated)
        elif count:
            points.append(engine.random(1))  # alone: SciPy warns of a first draw that is not a power of 2
            count -= 1
        points.append(engine.random(count))
    return np.concatenate(points)[place]
