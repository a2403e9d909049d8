"""The conditions on all faces of the unit square or cube, and what they and an obstacle mean on a grid.

Essential conditions hold by construction, `u = lifting + mask * output`: the mask is zero where u is given.
Natural ones are part of the energy: `nu du/dn + alpha u = flux` adds `1/2 int alpha u^2 - int flux u` over the
face.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from scipy.ndimage import distance_transform_edt

from pdekit import checks
from pdekit.pde import formula
from pdekit.pde.conditions import Condition, Dirichlet, Neumann, Obstacle, Periodic, Robin, component

BLEND = 0.25  # distance from an obstacle over which its value gives way to that of the faces
CLOSED = Neumann()  # no flux
NAMES = ("x0", "x1", "y0", "y1", "z0", "z1")


@dataclass(frozen=True, repr=False)
class Faces:
    """The condition on each face: `x0` is the face x = 0, `x1` the face x = 1. What is left out has no flux."""

    x0: Condition = CLOSED
    x1: Condition = CLOSED
    y0: Condition = CLOSED
    y1: Condition = CLOSED
    z0: Condition = CLOSED
    z1: Condition = CLOSED

    def __post_init__(self) -> None:
        for f in fields(self):
            one = getattr(self, f.name)
            if not isinstance(one, Condition):
                expected = "Dirichlet, Neumann, Robin or Periodic"
                raise checks.refuse(f.name, expected, one, f"give {f.name}=pk.Dirichlet(0.0), for instance")
        for axis in "xyz":
            two = [isinstance(getattr(self, axis + side), Periodic) for side in "01"]
            if any(two) and not all(two):
                missing = axis + str(two.index(False))
                raise checks.refuse(
                    missing, "Periodic() like its opposite", getattr(self, missing), "give both"
                )

    def __repr__(self) -> str:
        """What is said about faces; nothing about those without flux."""
        said = [f"{name}={getattr(self, name)!r}" for name in NAMES if getattr(self, name) != CLOSED]
        return f"Faces({', '.join(said)})"

    def items(self, dim: int) -> list[tuple[int, int, Condition]]:
        """(axis counted from the last, 0 or -1, condition) of each face in `dim` dimensions; x is axis -1."""
        return [(-1 - k // 2, -(k % 2), getattr(self, name)) for k, name in enumerate(NAMES[: 2 * dim])]

    def periodic(self, dim: int) -> tuple[int, ...]:
        """The periodic axes, counted from the last."""
        return tuple(axis for axis, end, one in self.items(dim) if end == 0 and isinstance(one, Periodic))

    def plain(self, shape: tuple[int, ...], components: int = 1) -> dict[str, tuple]:
        """The same as `reference.poisson` takes them: {"x0": ("dirichlet", nodal values of the face), ...}."""

        def nodal(value: object, axis: int, end: int) -> object:
            parts = [component(value, k, components) for k in range(components)]
            arrays = [
                None if v is None else np.take(formula.on_nodes(v, shape), end, axis=axis) for v in parts
            ]
            return tuple(arrays) if components > 1 else arrays[0]

        mapping: dict[str, tuple] = {}
        for name, (axis, end, one) in zip(NAMES, self.items(len(shape)), strict=False):
            match one:
                case Dirichlet(value=value):
                    mapping[name] = ("dirichlet", nodal(value, axis, end))
                case Neumann(flux=flux) if flux != 0.0:
                    mapping[name] = ("neumann", nodal(flux, axis, end))
                case Robin(alpha=alpha, flux=flux):
                    on_face = np.take(formula.on_nodes(alpha, shape), end, axis=axis)
                    mapping[name] = ("robin", on_face, nodal(flux, axis, end))
                case Periodic():
                    mapping[name] = ("periodic",)
        return mapping

    @property
    def homogeneous(self) -> bool:
        """Whether all natural conditions are without flux."""
        natural = [getattr(self, n) for n in NAMES if isinstance(getattr(self, n), (Neumann, Robin))]
        return all(n.flux == 0.0 and getattr(n, "alpha", 0.0) == 0.0 for n in natural)


@lru_cache(maxsize=32)
def lifting_and_mask(
    faces: Faces, obstacle: Obstacle | None, shape: tuple[int, ...], components: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Two read-only arrays (components, *shape) with `u = lifting + mask * anything` right on all essential faces.

    With d_j the distance from face j, the lifting is `sum g_j w_j / sum w_j`, `w_j = prod over i != j of d_i`
    (transfinite interpolation by inverse distances, Rvachev and Sheiko 1995), in a corner of two faces the mean
    of both values; the mask is the product of the d_j, scaled to 1 at its largest.
    """
    lifting, mask = np.zeros((components, *shape)), np.ones((components, *shape))
    dim = len(shape)
    for c in range(components):
        given: list[tuple[np.ndarray, np.ndarray]] = []  # value, spread along the normal, and distance
        axes = []
        for axis, end, one in faces.items(dim):
            value = component(one.value, c, components) if isinstance(one, Dirichlet) else None
            if value is None:
                continue
            n = shape[axis]
            distance = np.arange(n) / (n - 1)
            distance = distance[::-1] if end else distance
            distance = np.broadcast_to(distance.reshape(-1, *(1,) * (-1 - axis)), shape)
            on_face = np.take(formula.on_nodes(value, shape), [end], axis=axis)
            given.append((np.broadcast_to(on_face, shape), distance))
            axes.append(axis)
        scale = 4.0 ** (len(axes) - len(set(axes)))  # x (1 - x) is 1/4 at its largest
        inside = np.zeros(shape, dtype=bool) if obstacle is None else obstacle.mask(shape)
        if obstacle is not None:
            far = distance_transform_edt(~inside, sampling=[1.0 / (n - 1) for n in shape])
            given.append((np.full(shape, obstacle.value), np.minimum(far / BLEND, 1.0)))
        if given:
            distances = np.stack([d for _, d in given])
            on = distances == 0.0  # on a face its own value counts alone, in a corner the mean of both
            others = np.stack([np.delete(distances, k, axis=0).prod(axis=0) for k in range(len(given))])
            shares = np.where(on.any(axis=0), on, others)
            lifting[c] = (np.stack([g for g, _ in given]) * shares).sum(axis=0) / shares.sum(axis=0)
            mask[c] = distances.prod(axis=0) * scale
        if obstacle is not None:
            lifting[c][inside] = obstacle.value
    lifting.setflags(write=False)
    mask.setflags(write=False)
    return lifting, mask
