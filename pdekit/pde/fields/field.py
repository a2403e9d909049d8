"""What a field is: the face of every recipe in this package, and the random numbers and nodes that they share."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from scipy.stats import qmc

from pdekit import checks

FIRST_HELD_OUT = 2**20  # samples from here on are never trained on


class Field(ABC):
    """A family of random fields on the unit interval, square or cube; its sample i has `parameters`, a few numbers.

    Every recipe is a frozen dataclass of plain values, whose repr reads back. The parameters of a sample follow
    from (seed, global index) alone, and its values from its parameters alone: same bits in any batch and order, and
    the same function at any resolution. Values live at the nodes of a grid that includes both ends: (n,) in 1D,
    (H, W) with y along H and x along W, (D, H, W) with z, y, x. Without units.
    """

    dimensions: tuple[int, ...] = (1, 2, 3)  # numbers of axes that this recipe has fields for

    @property
    @abstractmethod
    def positive(self) -> bool:
        """Whether all values are above 0, as a coefficient must be."""

    @abstractmethod
    def parameters(self, indices: np.ndarray, seed: int) -> np.ndarray:
        """Parameters of the global samples `indices` (B,), any order: (B, m), float64.

        Samples from FIRST_HELD_OUT on are held out of every training. ValueError if an index or the seed is not a
        whole number from 0 on.
        """

    @abstractmethod
    def values(self, parameters: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The fields of `parameters` (B, m) at the nodes of a grid of `shape`: (B, *shape), float64, C order.

        ValueError if the parameters are not (B, m) finite numbers, or this recipe has no field of such a shape.
        """

    def check_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """`shape` as ints if this recipe has fields of that shape, of 2 nodes or more an axis; ValueError otherwise."""
        name, allowed = type(self).__name__, " or ".join(map(str, self.dimensions))
        if not isinstance(shape, tuple) or len(shape) not in self.dimensions:
            remedy = "give a grid of as many axes, or another field" + self._other_dimension()
            raise checks.refuse(f"shape of {name}", f"a tuple of {allowed} numbers of nodes", shape, remedy)
        return tuple(checks.whole(f"nodes of {name}", n, least=2) for n in shape)

    def _other_dimension(self) -> str:
        """How to have this recipe in another dimension, where that is a setting: the end of a sentence."""
        return ""

    def check_rows(self, parameters: np.ndarray, m: int) -> np.ndarray:
        """`parameters` as a float64 array if they are (B, m) finite numbers; ValueError otherwise."""
        rows = np.asarray(parameters, dtype=np.float64)
        name = f"parameters of {type(self).__name__}"
        if rows.ndim != 2 or rows.shape[1] != m:
            raise checks.refuse(name, f"an array (B, {m})", rows.shape, "take them from field.parameters")
        if not np.isfinite(rows).all():
            place = tuple(int(k) for k in np.argwhere(~np.isfinite(rows))[0])
            raise checks.refuse(name, "finite numbers", f"{rows[place]} at {place}", "mend this number")
        return rows


def check_indices(indices: np.ndarray) -> np.ndarray:
    """`indices` (B,) if they are whole numbers from 0 on, or none; ValueError otherwise."""
    which = np.asarray(indices)
    if which.ndim == 1 and which.size == 0:
        return which.astype(np.int64)
    if which.ndim != 1 or not np.issubdtype(which.dtype, np.integer) or which.min() < 0:
        raise checks.refuse("samples", "a list of whole numbers from 0 on", indices, "give global indices")
    return which


def nodes(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Coordinates of the nodes along each axis of `shape`, in its order (z, y, x): arrays (n,) from 0 to 1, float64.

    Each broadcasts against the grid: (n, 1, 1), (n, 1), (n,) for three axes.
    """
    last = len(shape) - 1
    return [np.linspace(0.0, 1.0, n).reshape(-1, *(1,) * (last - axis)) for axis, n in enumerate(shape)]


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


def normals(indices: np.ndarray, m: int, seed: int) -> np.ndarray:
    """`m` standard normal numbers for each of the samples `indices` (B,): (B, m), float64; see `streams`."""
    drawn = [stream.standard_normal(m) for stream in streams(indices, seed)]
    return np.array(drawn).reshape(len(drawn), m)


def uniforms(indices: np.ndarray, m: int, seed: int) -> np.ndarray:
    """`m` numbers, uniform in [0, 1), for each of the samples `indices` (B,): (B, m), float64; see `streams`."""
    drawn = [stream.random(m) for stream in streams(indices, seed)]
    return np.array(drawn).reshape(len(drawn), m)


def streams(indices: np.ndarray, seed: int) -> Iterator[np.random.Generator]:
    """A random stream of its own for each of the samples `indices`: the Philox generator with the key (seed, index).

    Counter-based generators make streams of different keys independent (Salmon, Moraes, Dror, Shaw, "Parallel
    random numbers: as easy as 1, 2, 3", SC11). ValueError if the seed is not in [0, 2^64).
    """
    seed = checks.whole("seed", seed, least=0, most=2**64 - 1)
    for index in check_indices(indices):
        yield np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))
