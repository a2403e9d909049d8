"""Boundary conditions given as plain values, laid out on the nodes of the unit square or cube."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pdekit import checks

AXES = "xyz"  # x is the last axis of an array, y the one before, z the first of three
KINDS = {"dirichlet": 1, "neumann": 1, "robin": 2, "periodic": 0}  # how many values follow each
DEFAULT = {"x0": ("dirichlet", 1.0), "x1": ("dirichlet", 0.0)}


@dataclass(frozen=True)
class Natural:
    """`nu du/dn + alpha u = flux` on one face; `alpha` and `flux` are the field's shape, zero off the face."""

    axis: int  # 0 for x, 1 for y, 2 for z
    end: int  # 0 or 1
    alpha: np.ndarray | None
    flux: np.ndarray


@dataclass(frozen=True)
class Conditions:
    """What a boundary-value problem on nodes of `shape` is told at its boundary."""

    held: np.ndarray  # bool: nodes of Dirichlet faces
    values: np.ndarray  # float64: their values, 0 elsewhere
    natural: tuple[Natural, ...]
    master: np.ndarray  # int, flat: the unknown of each node; nodes at both ends of a periodic axis share one
    periodic: bool


def face(name: str, dim: int) -> tuple[int, int, tuple]:
    """Axis (0 is x), end, and the index that takes the face from an array of `dim` axes."""
    names = [f"{axis}{end}" for axis in AXES[:dim] for end in (0, 1)]
    axis, end = AXES.index(checks.one_of("face", name, names)[0]), int(name[1])
    index: list = [slice(None)] * dim
    index[dim - 1 - axis] = -end
    return axis, end, tuple(index)


def on_face(name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    """An array of `shape` with `value` (a number, or nodal values of the face) on the face, zero elsewhere."""
    index = face(name, len(shape))[2]
    whole = np.zeros(shape)
    expected = whole[index].shape
    values = np.asarray(value, dtype=np.float64)
    if values.ndim and values.shape != expected:
        raise checks.refuse(
            name, f"a number or an array of shape {expected}", values.shape, "give one per node"
        )
    if not np.isfinite(values).all():
        raise checks.refuse(name, "finite values", value, "mend or replace them")
    whole[index] = values
    return whole


def read(faces: Mapping[str, tuple] | None, shape: tuple[int, ...]) -> Conditions:
    """The conditions of `faces`, a mapping such as `{"x0": ("dirichlet", 1.0), "y1": ("robin", 2.0, 0.5)}`.

    Kinds: ("dirichlet", value); ("neumann", flux): nu du/dn = flux; ("robin", alpha, flux): nu du/dn + alpha u =
    flux, alpha >= 0; ("periodic",) on both faces of an axis. Faces that are not named have no flux; None means
    u = 1 at x0 and u = 0 at x1. Values are numbers or arrays of nodal values of the face (the field's shape without
    the face's axis). A node on several Dirichlet faces is given the mean of their values. ValueError otherwise.
    """
    dim = len(shape)
    total, count = np.zeros(shape), np.zeros(shape)
    natural, around = [], set()
    for name, condition in (DEFAULT if faces is None else faces).items():
        axis, end, index = face(name, dim)
        kind, *values = condition if isinstance(condition, tuple | list) and len(condition) else (None,)
        if kind not in KINDS or len(values) != KINDS[kind]:
            expected = '("dirichlet", u), ("neumann", flux), ("robin", alpha, flux) or ("periodic",)'
            raise checks.refuse(name, expected, condition, "give one of these tuples")
        if kind == "dirichlet":
            total += on_face(name, values[0], shape)
            count[index] += 1
        elif kind == "periodic":
            around.add(name)
        else:
            alpha = on_face(name, values[0], shape) if kind == "robin" else None
            if alpha is not None and alpha.min() < 0:
                raise checks.refuse(name, "alpha of 0 or more", values[0], "change its sign")
            natural.append(Natural(axis, end, alpha, on_face(name, values[-1], shape)))
    master = np.arange(np.prod(shape)).reshape(shape)
    for letter in AXES[:dim]:
        ends = {f"{letter}0", f"{letter}1"} & around
        if len(ends) == 1:
            raise checks.refuse(
                letter, "both of its faces periodic", sorted(ends), "name the other face, too"
            )
        if ends:
            last, first = face(f"{letter}1", dim)[2], face(f"{letter}0", dim)[2]
            master[last] = master[first]
    master = master.ravel()
    total, count = (np.bincount(master, a.ravel(), a.size)[master] for a in (total, count))
    held = (count > 0).reshape(shape)
    values = np.divide(total, count, out=np.zeros_like(total), where=count > 0).reshape(shape)
    return Conditions(held, values, tuple(natural), master, bool(around))
