"""What the figures ask of arrays: checks in words, ranges for colour bars, and the L2 norm of a field."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdekit.checks import refuse

Field = NDArray[np.floating]


def checked_field(name: str, field: ArrayLike, shape: tuple[int, ...] | None = None) -> NDArray[np.float64]:
    """`field` as an (H, W) float64 array of finite numbers, 2 x 2 or larger; ValueError otherwise.

    With a `shape`, that of a grid, it may also be (*shape), (components, *shape), or a line or a number, which
    are repeated over the grid.
    """
    values = np.asarray(field, dtype=np.float64)
    if shape is None and (values.ndim != 2 or min(values.shape) < 2):
        remedy = "pass one sample, such as fields[0]" if values.ndim > 2 else "pass a field on a grid"
        remedy += ", or shape=problem.shape where it is no map"
        raise refuse(name, "an (H, W) array, 2 x 2 or larger", values.shape, remedy)
    fitting = ((), (1,), shape[-1:], shape, (*values.shape[:1], *shape)) if shape else ()
    if shape is not None and (len(shape) not in (2, 3) or values.shape not in fitting):
        expected = f"one sample on the grid {shape}, (H, W) or (D, H, W), with or without components in front"
        raise refuse(name, expected, values.shape, "pass one sample, such as fields[0]")
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        got = f"{bad} NaN or infinite of {values.size}"
        raise refuse(name, "finite values", got, "look for a hole in the data or a training that diverged")
    return values if shape is None or values.ndim >= len(shape) else np.broadcast_to(values, shape)


def picture(values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """What to show of one sample's data or solution on a grid of `shape`, as an (H, W) map.

    Of a cube its middle plane, of a field of vectors their length; a line (W,) is repeated along the other axis
    (an initial condition over time), a single number fills the map.
    """
    field = length(values, shape)
    field = np.broadcast_to(field.reshape(field.shape if field.ndim else (1,)), shape)
    return field[shape[0] // 2] if field.ndim == 3 else field


def length(values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """One sample's field on a grid of `shape`; of a field of vectors (components, *shape) their length (*shape)."""
    field = np.asarray(values, dtype=np.float64)
    return np.sqrt(np.square(field).sum(axis=0)) if field.ndim == len(shape) + 1 else field


def by_log(*fields: Field, dim: int = 2) -> bool:
    """Whether such fields are best coloured by log10: all are above 0, and one of them spans a decade or more.

    Fields with fewer than `dim` axes, initial conditions and numbers, never are: these may well have another sign.
    """
    if any(field.ndim < dim for field in fields):
        return False
    ranges = [(field.min(), field.max()) for field in fields]
    return all(low > 0 for low, _ in ranges) and any(high >= 10 * low for low, high in ranges)


def coloured(given: str, log: bool) -> str:
    """The title of a map of what is `given`, by its logarithm or as it is."""
    return f"{given}, log<sub>10</sub>" if log else given


def log10(name: str, values: Field) -> NDArray[np.float64]:
    """log10 of a positive field; ValueError where it is not positive."""
    if values.min() <= 0:
        raise refuse(name, "values above 0 for a log scale", float(values.min()), "plot it on a linear scale")
    return np.log10(values)


def checked_pair(
    x_name: str, x: ArrayLike, y_name: str, y: ArrayLike | None, *, zero_x: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two float64 arrays of one length, finite and above 0 (x from 0 on with `zero_x`); else ValueError."""
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or first.size == 0:
        got = f"shapes {first.shape} and {second.shape}"
        raise refuse(f"{x_name} and {y_name}", "two arrays of one length, 1 or more", got, "pair them up")
    for name, values, zero in ((x_name, first, zero_x), (y_name, second, False)):
        bad = ~(np.isfinite(values) & ((values >= 0) if zero else (values > 0)))
        if bad.any():
            place = int(np.argmax(bad))
            got = f"{values[place]:g} at index {place}"
            expected = "finite numbers from 0 on" if zero else "finite numbers above 0"
            raise refuse(name, expected, got, "leave that point out")
    return first, second


def common_range(*fields: Field) -> tuple[float, float]:
    """Smallest and largest value over all fields (0 and 1 without any), for one colour bar."""
    low = min((float(field.min()) for field in fields), default=0.0)
    return low, max((float(field.max()) for field in fields), default=1.0)


def symmetric_range(field: Field) -> tuple[float, float]:
    """The range about zero that holds all values, so that the middle colour means no error."""
    bound = float(np.abs(field).max()) or 1.0
    return -bound, bound


def relative_error(prediction: Field, reference: Field, dim: int = 2) -> float:
    """`|prediction - reference| / |reference|` in the L2 norm of `l2_norm`; ValueError for two shapes."""
    if prediction.shape != reference.shape:
        expected = f"the reference's shape {reference.shape}"
        raise refuse("prediction", expected, prediction.shape, "predict on the reference's grid")
    norm = l2_norm(reference, dim)
    return l2_norm(prediction - reference, dim) / norm if norm > 0 else float("inf")


def l2_norm(field: Field, dim: int = 2) -> float:
    """`sqrt(int |v|^2)` over the unit square or cube of the (multi)linear interpolant of nodal values.

    The last `dim` axes are the grid's; one before them, if there is one, counts the components.
    """
    v = np.asarray(field, dtype=np.float64)
    product = v
    for axis in range(-dim, 0):
        product = np.moveaxis(_mass(np.moveaxis(product, axis, 0)), 0, axis)
    return float(np.sqrt(np.sum(v * product)))


def _mass(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mass matrix h/6 tridiag(1, 4, 1) of hat functions, halved at the ends, along the first axis."""
    product = 4 * v
    product[[0, -1]] /= 2
    product[1:] += v[:-1]
    product[:-1] += v[1:]
    return product / (6 * (len(v) - 1))
