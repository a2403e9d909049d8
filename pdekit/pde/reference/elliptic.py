"""Diffusion, `-div(nu grad u) = f`, by scikit-fem's assembly: shares no code with the losses that it judges."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix
from skfem import BilinearForm, LinearForm
from skfem.helpers import dot, grad

from pdekit import checks
from pdekit.pde.reference import faces as conditions_of
from pdekit.pde.reference.faces import Conditions
from pdekit.pde.reference.grids import Grid, grid
from pdekit.pde.reference.solve import solve_with


@BilinearForm
def stiffness(u, v, w):
    """`int nu grad u . grad v`."""
    return w.nu * dot(grad(u), grad(v))


@BilinearForm
def weighted_mass(u, v, w):
    """`int a u v`."""
    return w.a * u * v


@LinearForm
def moments(v, w):
    """`int f v`."""
    return w.f * v


def coefficient(name: str, values: np.ndarray) -> np.ndarray:
    """`values` as float64 if finite and above zero; ValueError otherwise."""
    values = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(values) & (values > 0)).all():
        raise checks.refuse(name, "finite values above 0", float(values.min()), "mend or replace the values")
    return values


def nodal(name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    """A number, or an array of `shape`, as an array of `shape`; ValueError otherwise."""
    values = np.asarray(value, dtype=np.float64)
    if (values.ndim and values.shape != shape) or not np.isfinite(values).all():
        got = values.shape if values.ndim else value
        raise checks.refuse(
            name, f"a finite number or an array of shape {shape}", got, "give a value per node"
        )
    return np.broadcast_to(values, shape)


def conditions(mapping: Mapping | None, fixed: tuple | None, shape: tuple[int, ...]) -> Conditions:
    """The conditions of `mapping` (see `faces.read`) with the nodes of `fixed` = (mask, value) held as well.

    A held node off the faces and one on them take the value of `fixed`. ValueError if nothing holds u in place.
    """
    found = conditions_of.read(mapping, shape)
    if fixed is not None:
        mask = np.asarray(fixed[0])
        if mask.dtype != bool or mask.shape != shape:
            expected, got = f"a bool array of shape {shape}", (mask.dtype.name, mask.shape)
            raise checks.refuse("fixed", expected, got, "mark the nodes that are held")
        mask = np.bincount(found.master, mask.ravel(), mask.size)[found.master].reshape(shape) > 0
        values = np.where(mask, nodal("fixed value", fixed[1], shape), found.values)
        found = replace(found, held=found.held | mask, values=values.ravel()[found.master].reshape(shape))
    robin = any(side.alpha is not None and side.alpha.max() > 0 for side in found.natural)
    if not robin and not found.held.any():
        raise checks.refuse(
            "faces", "a Dirichlet or Robin face", mapping, "u is free up to a constant: hold it once"
        )
    return found


def boundary_terms(on: Grid, found: Conditions) -> tuple[csr_matrix | float, np.ndarray]:
    """What natural conditions add to matrix and load: `int alpha u v` and `int flux v` over their faces."""
    matrix, load = 0.0, np.zeros(int(np.prod(on.shape)))
    for side in found.natural:
        if side.alpha is None and not side.flux.any():
            continue
        basis = on.facets(side.axis, side.end)
        load = load + on.vector(moments.assemble(basis, f=on.interpolate(side.flux, basis)))
        if side.alpha is not None:
            added = weighted_mass.assemble(basis, a=on.interpolate(side.alpha, basis))
            matrix = matrix + on.matrix(added)
    return matrix, load


def stiffness_matrix(nu: np.ndarray, order: int = 1) -> csr_matrix:
    """The matrix of `int nu grad u . grad v` for nodal nu (H, W) or (D, H, W), rows in the order of `nu.ravel()`."""
    on = grid(nu.shape, order)
    inner = on.interpolate(nu)
    if order == 2 and np.min(inner) <= 0:  # a parabola through positive values may dip below zero
        raise checks.refuse(
            "nu", "a biquadratic interpolant above 0", float(np.min(inner)), "use a finer grid or order=1"
        )
    return on.matrix(stiffness.assemble(on.basis, nu=inner))


def poisson(
    nu: np.ndarray,
    source: float | np.ndarray = 0.0,
    faces: Mapping[str, tuple] | None = None,
    fixed: tuple[np.ndarray, float | np.ndarray] | None = None,
    order: int = 1,
) -> np.ndarray:
    """u with `-div(nu grad u) = source`, like `nu` (H, W) or (D, H, W); float64.

    `nu` > 0 holds nodal values and is interpolated like u: (multi)linear elements, or biquadratic ones with
    `order=2` (see `grids.grid`); so is `source`, a number or nodal values. `faces` is described at `faces.read`; None
    means u = 1 at x = 0, u = 0 at x = 1, no flux elsewhere. `fixed` = (mask, value) holds the nodes of a bool mask at
    a number or at nodal values, before what the faces say. ValueError for data that do not fit.
    """
    nu = coefficient("nu", nu)
    on = grid(nu.shape, order)
    found = conditions(faces, fixed, nu.shape)
    matrix, load = boundary_terms(on, found)
    inside = stiffness_matrix(nu, order)
    matrix = inside if isinstance(matrix, float) else inside + matrix
    source = nodal("source", source, nu.shape)
    if source.any():
        load = load + on.vector(moments.assemble(on.basis, f=on.interpolate(source)))
    return solve_with(found, matrix, load).reshape(nu.shape)


def energy_norm(field: np.ndarray, nu: np.ndarray) -> float:
    """`sqrt(int nu |grad v|^2)` of the (multi)linear interpolant of nodal values, like `nu` (H, W) or (D, H, W)."""
    v = np.asarray(field, dtype=np.float64).ravel()
    return float(np.sqrt(max(v @ (stiffness_matrix(nu) @ v), 0.0)))


def relative_energy(u: np.ndarray, u_reference: np.ndarray, nu: np.ndarray) -> float:
    """`|u - u_reference| / |u_reference|` in the energy norm of nu, all of one shape."""
    return energy_norm(np.subtract(u, u_reference), nu) / energy_norm(u_reference, nu)
