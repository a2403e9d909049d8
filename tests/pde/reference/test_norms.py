"""Norms against integrals known in closed form and scikit-fem's mass matrix."""

import numpy as np
import pytest
from skfem import Basis, BilinearForm, ElementQuad1, MeshQuad

from pdekit.pde.reference import l2_norm, relative_l2


@pytest.mark.parametrize("shape", [(5,), (4, 7), (3, 5, 4)])
def test_multilinear_fields_are_integrated_exactly(shape: tuple[int, ...]) -> None:
    axes = np.meshgrid(*[np.linspace(0, 1, n) for n in shape], indexing="ij")
    assert l2_norm(np.ones(shape)) == pytest.approx(1, rel=1e-14)
    expected = (7 / 3) ** (len(shape) / 2)  # int (1 + x)^2 = 7/3
    assert l2_norm(np.prod([1 + a for a in axes], axis=0)) == pytest.approx(expected, rel=1e-14)


def test_rough_fields_agree_with_scikit_fem() -> None:
    v = np.random.default_rng(0).normal(size=(6, 9))
    mesh = MeshQuad.init_tensor(np.linspace(0, 1, 9), np.linspace(0, 1, 6))
    basis = Basis(mesh, ElementQuad1(), intorder=4)
    x, y = np.rint(basis.doflocs * [[8], [5]]).astype(int)
    nodes = v[y, x]
    mass = BilinearForm(lambda u, t, w: u * t).assemble(basis)
    assert l2_norm(v) == pytest.approx(np.sqrt(nodes @ mass @ nodes), rel=1e-13)


def test_smooth_fields_converge_to_their_integral_at_order_two() -> None:
    errors = []
    for n in (17, 33, 65):
        x = np.linspace(0, 1, n)
        errors.append(abs(l2_norm(np.sin(np.pi * x)) - np.sqrt(0.5)))
    slope = np.polyfit(np.log([16, 32, 64]), np.log(errors), 1)[0]
    assert slope == pytest.approx(-2, abs=0.05)


def test_vectors_add_their_components_squares() -> None:
    v = np.stack([3 * np.ones((4, 5)), 4 * np.ones((4, 5))])
    assert l2_norm(v, components=True) == pytest.approx(5)
    assert relative_l2(1.1 * v, v, components=True) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="the reference's shape"):
        relative_l2(v[:1], v, components=True)
    with pytest.raises(ValueError, match="behind the axis of components"):
        l2_norm(np.ones(4), components=True)
