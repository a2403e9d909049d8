"""Plane-strain linear elasticity of a square of uneven stiffness."""

from collections.abc import Mapping

import numpy as np
from scipy.sparse import block_array
from skfem import BilinearForm

from pdekit import checks
from pdekit.pde.reference import faces as conditions_of
from pdekit.pde.reference.elliptic import boundary_terms, coefficient, moments, nodal
from pdekit.pde.reference.grids import grid
from pdekit.pde.reference.solve import fold, solve_linear


@BilinearForm
def product(u, v, w):
    """`int a (du/dx_i) (dv/dx_j)`."""
    return w.a * u.grad[w.i] * v.grad[w.j]


def _faces(faces: Mapping[str, tuple], component: int) -> dict[str, tuple]:
    """The scalar conditions of one component, as `faces.read` takes them."""
    found = {}
    for name, condition in faces.items():
        kind, *values = condition
        if kind == "periodic":
            found[name] = condition
            continue
        pair = values[0] if len(values) == 1 and isinstance(values[0], tuple | list) else ()
        if kind not in ("dirichlet", "neumann") or len(pair) != 2:
            expected = '("dirichlet", (ux, uy)), ("neumann", (tx, ty)) or ("periodic",)'
            raise checks.refuse(name, expected, condition, "give a pair; None leaves a component free")
        value = pair[component]
        found[name] = ("neumann", 0.0) if value is None else (kind, value)
    return found


def elasticity(
    young: np.ndarray,
    poisson_ratio: float,
    faces: Mapping[str, tuple],
    force: tuple[float | np.ndarray, float | np.ndarray] = (0.0, 0.0),
) -> np.ndarray:
    """The displacement u (2, H, W), x component first, with `-div sigma = force`; float64.

    `sigma = lambda tr(e) I + 2 mu e`, e the symmetric gradient of u, lambda = E r / ((1 + r)(1 - 2 r)) and mu =
    E / (2 (1 + r)) (plane strain; Braess, Finite Elements, chapter VI, section 3), E = `young` (H, W) > 0 nodal and
    interpolated bilinearly, r = `poisson_ratio` in (-1, 1/2). Bilinear elements, integrated exactly, and a sparse
    factorisation. `faces` maps names to ("dirichlet", (ux, uy)) with None for a free component, ("neumann", (tx, ty))
    with the traction sigma n, or ("periodic",); values are numbers or nodal values of the face; faces that are not
    named are free. ValueError for data that do not fit, or that leave the square free to move or turn.
    """
    young = coefficient("young", young)
    r = checks.number("poisson_ratio", poisson_ratio)
    if not -1 < r < 0.5:
        raise checks.refuse(
            "poisson_ratio", "a number between -1 and 1/2, both excluded", r, "give 0.3, for instance"
        )
    on = grid(young.shape)
    n, inside = young.size, np.asarray(on.interpolate(young))
    mu, lam = inside / (2 * (1 + r)), inside * r / ((1 + r) * (1 - 2 * r))

    def part(a: np.ndarray, i: int, j: int):
        return on.matrix(product.assemble(on.basis, a=a, i=i, j=j))

    xx = part(lam + 2 * mu, 0, 0) + part(mu, 1, 1)
    yy = part(lam + 2 * mu, 1, 1) + part(mu, 0, 0)
    # the test function is x's: int lambda (du_y/dy)(dv_x/dx) + mu (du_y/dx)(dv_x/dy)
    xy = part(lam, 1, 0) + part(mu, 0, 1)
    matrix = block_array([[xx, xy], [xy.T, yy]]).tocsr()

    found = [conditions_of.read(_faces(faces, c), young.shape) for c in (0, 1)]
    loads = []
    for conditions, f in zip(found, force, strict=True):
        values = on.interpolate(nodal("force", f, young.shape))
        loads.append(boundary_terms(on, conditions)[1] + on.vector(moments.assemble(on.basis, f=values)))
    masters, index = np.unique(np.concatenate([found[0].master, found[1].master + n]), return_inverse=True)
    held = np.concatenate([c.held.ravel() for c in found])[masters]
    _refuse_free_motion(held, masters, young.shape, found[0].periodic)
    values = np.concatenate([c.values.ravel() for c in found])[masters]
    load = np.bincount(index, np.concatenate(loads), len(masters))
    u = solve_linear(fold(matrix, index), load, np.flatnonzero(held), values[held], direct=True)
    return u[index].reshape(2, *young.shape)


def _refuse_free_motion(
    held: np.ndarray, masters: np.ndarray, shape: tuple[int, int], periodic: bool
) -> None:
    """ValueError unless the held unknowns determine both shifts and, without periodic faces, the turn."""
    y, x = (a.ravel() for a in np.meshgrid(*[np.linspace(0, 1, m) for m in shape], indexing="ij"))
    one, zero = np.ones_like(x), np.zeros_like(x)
    motions = [np.concatenate([one, zero]), np.concatenate([zero, one]), np.concatenate([-y, x])]
    motions = np.stack(motions[: 2 if periodic else 3], axis=1)[masters][held]
    if len(motions) == 0 or np.linalg.matrix_rank(motions) < motions.shape[1]:
        expected = "Dirichlet values that stop both shifts and the turn"
        raise checks.refuse("faces", expected, int(held.sum()), "hold one face in x and y, for instance")
