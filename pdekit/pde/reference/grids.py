"""scikit-fem's bases on the evenly spaced nodes of an array, and the order of their unknowns."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from skfem import Basis, ElementHex1, ElementQuad1, ElementQuad2, FacetBasis, MeshHex, MeshQuad

from pdekit import checks

REMEMBERED = 200_000  # nodes up to which a basis is kept: a larger one takes hundreds of megabytes


@dataclass(frozen=True, eq=False)
class Grid:
    """A basis on the unit square or cube; `place[dof]` is the position of a degree of freedom in the flat array."""

    shape: tuple[int, ...]
    order: int
    degree: int
    basis: Basis
    place: np.ndarray

    def interpolate(self, field: np.ndarray, basis: Basis | None = None) -> np.ndarray:
        """A nodal field at the quadrature points of `basis` (default: this one's)."""
        return (basis or self.basis).interpolate(np.asarray(field, dtype=np.float64).ravel()[self.place])

    def facets(self, axis: int, end: int) -> FacetBasis:
        """The basis on the face where coordinate number `axis` is `end`."""
        mesh = self.basis.mesh
        facets = mesh.facets_satisfying(lambda x: np.isclose(x[axis], end), boundaries_only=True)
        return FacetBasis(mesh, self.basis.elem, facets=facets, intorder=self.degree)

    def vector(self, assembled: np.ndarray) -> np.ndarray:
        """An assembled vector, in the order of the flat array."""
        out = np.empty_like(assembled)
        out[self.place] = assembled
        return out

    def matrix(self, assembled: csr_matrix) -> csr_matrix:
        """An assembled matrix, in the order of the flat array."""
        entries = assembled.tocoo()
        where = self.place[entries.row], self.place[entries.col]
        return coo_matrix((entries.data, where), shape=assembled.shape).tocsr()


def grid(shape: tuple[int, ...], order: int = 1, intorder: int | None = None) -> Grid:
    """The grid whose nodes are those of an array (H, W) or (D, H, W), x along the last axis, both ends included.

    `order` 1: bilinear or trilinear elements between neighbouring nodes. `order` 2, (H, W) odd: biquadratic ones,
    three nodes along a side: vertices at even indices, edge midpoints and centres at odd ones. `intorder` is the
    degree that the quadrature integrates exactly per axis; the default suffices for int nu grad u . grad v with nu
    interpolated like u. ValueError for shapes that do not fit.
    """
    shape = tuple(shape)
    checks.whole("order", order, 1, 2)
    if len(shape) not in (2, 3) or min(shape) < 2:
        raise checks.refuse(
            "shape", "(H, W) or (D, H, W) with 2 nodes or more each", shape, "give a 2D or 3D field"
        )
    if order == 2 and (len(shape) != 2 or any(n % 2 == 0 for n in shape)):
        expected = "an odd number of nodes along both axes of (H, W)"
        raise checks.refuse("shape", expected, shape, "add a node, or use order=1")
    degree = 3 * order if intorder is None else intorder
    if np.prod(shape) <= REMEMBERED:
        return _remembered(shape, order, degree)
    return _build(shape, order, degree)


def _build(shape: tuple[int, ...], order: int, degree: int) -> Grid:
    lines = [np.linspace(0, 1, (n - 1) // order + 1) for n in reversed(shape)]  # x, y, z
    mesh = (MeshQuad if len(shape) == 2 else MeshHex).init_tensor(*lines)
    element = {(2, 1): ElementQuad1, (2, 2): ElementQuad2, (3, 1): ElementHex1}[len(shape), order]()
    basis = Basis(mesh, element, intorder=degree)
    place = np.zeros(basis.N, dtype=np.int64)
    for axis in reversed(range(len(shape))):  # z slowest, x fastest
        nodes = shape[len(shape) - 1 - axis]
        place = place * nodes + np.rint(basis.doflocs[axis] * (nodes - 1)).astype(np.int64)
    return Grid(shape, order, degree, basis, place)


@lru_cache(maxsize=4)
def _remembered(shape: tuple[int, ...], order: int, degree: int) -> Grid:
    return _build(shape, order, degree)
