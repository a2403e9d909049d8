"""Norms of nodal fields on the unit interval, square or cube, as the integrals that they stand for."""

import numpy as np

from pdekit import checks


def _mass(v: np.ndarray, axis: int) -> np.ndarray:
    """The consistent mass matrix of linear elements, `h/6 (1 4 1)` with halved ends, applied along `axis`."""
    v = np.moveaxis(v, axis, 0)
    out = 4 * v
    out[0] -= 2 * v[0]
    out[-1] -= 2 * v[-1]
    out[1:] += v[:-1]
    out[:-1] += v[1:]
    return np.moveaxis(out / (6 * (len(v) - 1)), 0, axis)


def l2_norm(field: np.ndarray, components: bool = False) -> float:
    """`sqrt(int |v|^2)` of the (multi)linear interpolant of nodal values, exactly.

    `field` is (W,), (H, W) or (D, H, W); with `components` a vector field whose first axis counts its components,
    (C, W), (C, H, W) or (C, D, H, W). Nodes are evenly spaced and include both ends. On a tensor grid the mass
    matrix is the tensor product of those of the axes (Ciarlet, The Finite Element Method, section 2.2).
    """
    v = np.asarray(field, dtype=np.float64)
    first = int(components)
    if not 1 <= v.ndim - first <= 3 or min(v.shape[first:]) < 2:
        expected = "1 to 3 axes of at least 2 nodes" + (
            " behind the axis of components" if components else ""
        )
        raise checks.refuse("field", expected, v.shape, "give one sample, without a batch axis")
    weighted = v
    for axis in range(first, v.ndim):
        weighted = _mass(weighted, axis)
    return float(np.sqrt(max(np.vdot(v, weighted), 0.0)))


def relative_l2(u: np.ndarray, u_reference: np.ndarray, components: bool = False) -> float:
    """`|u - u_reference| / |u_reference|` in L2 (see `l2_norm` for the shapes, which must be equal)."""
    if np.shape(u) != np.shape(u_reference):
        expected = f"the reference's shape {np.shape(u_reference)}"
        raise checks.refuse("u", expected, np.shape(u), "compare fields on the same nodes")
    return l2_norm(np.subtract(u, u_reference), components) / l2_norm(u_reference, components)
