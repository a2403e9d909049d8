"""The inverse of the H1 inner product against scikit-fem's matrices."""

import numpy as np
import pytest
import torch
from skfem import Basis, BilinearForm, ElementHex1, ElementQuad1, MeshHex, MeshQuad
from skfem.helpers import dot, grad

from pdekit.pde import dual


def inner_product(shape: tuple[int, ...], weight: float) -> np.ndarray:
    """The matrix of `int grad u . grad v + weight u v` in the order of the array, dense."""
    mesh, element = (MeshQuad, ElementQuad1()) if len(shape) == 2 else (MeshHex, ElementHex1())
    basis = Basis(mesh.init_tensor(*[np.linspace(0, 1, n) for n in reversed(shape)]), element, intorder=4)
    index = [np.rint(x * (n - 1)).astype(int) for x, n in zip(basis.doflocs[::-1], shape, strict=True)]
    order = np.argsort(np.ravel_multi_index(index, shape))
    form = BilinearForm(lambda u, v, w: dot(grad(u), grad(v)) + weight * u * v)
    return form.assemble(basis).toarray()[np.ix_(order, order)]


@pytest.mark.parametrize(
    ("shape", "held"),
    [
        ((5, 7), ((False, False), (False, False))),
        ((6, 5), ((True, False), (True, True))),
        ((4, 5, 3), ((False, True), (False, False), (True, False))),
    ],
)
def test_the_inverse_on_the_free_nodes(shape: tuple[int, ...], held: tuple) -> None:
    free = np.ones(shape, dtype=bool)
    for axis, (first, last) in enumerate(held):
        along = np.moveaxis(free, axis, 0)
        along[0], along[-1] = along[0] & (not first), along[-1] & (not last)
    matrix = inner_product(shape, 2.5)[np.ix_(free.ravel(), free.ravel())]
    r = np.random.default_rng(0).normal(size=(2, *shape))
    found = dual.inverse(torch.tensor(r), dual.modes(shape, held, (False,) * len(shape), torch.float64), 2.5)
    for one, y in zip(r, found.numpy(), strict=True):
        np.testing.assert_allclose(y[free], np.linalg.solve(matrix, one[free]), rtol=0, atol=1e-10)
        assert not y[~free].any()


def test_the_ends_of_a_periodic_axis_are_one_node() -> None:
    shape, (rows, columns) = (5, 6), (5, 6)
    spread = np.zeros((rows * columns, rows * (columns - 1)))
    for i in range(rows):
        for j in range(columns):
            spread[i * columns + j, i * (columns - 1) + j % (columns - 1)] = 1
    matrix = spread.T @ inner_product(shape, 1.0) @ spread
    r = np.random.default_rng(1).normal(size=shape)
    of = dual.modes(shape, ((False, False),) * 2, (False, True), torch.float64)
    found = dual.inverse(torch.tensor(r)[None], of, 1.0)[0].numpy()
    expected = spread @ np.linalg.solve(matrix, spread.T @ r.ravel())
    np.testing.assert_allclose(found.ravel(), expected, rtol=0, atol=1e-10)
