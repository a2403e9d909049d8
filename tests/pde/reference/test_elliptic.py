"""Diffusion against a dense assembly by hand, exact solutions, and fitted orders of convergence."""

import numpy as np
import pytest

from pdekit.pde.reference import energy_norm, l2_norm, poisson, solve
from tests.pde.reference import dense


def rough(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(size=shape))


def nodes(*shape: int) -> list[np.ndarray]:
    """Coordinates in the order x, y, z."""
    return np.meshgrid(*[np.linspace(0, 1, n) for n in shape], indexing="ij")[::-1]


@pytest.mark.parametrize(("shape", "order"), [((5, 7), 1), ((4, 3, 5), 1), ((7, 5), 2)])
def test_default_faces_agree_with_a_dense_assembly(shape: tuple[int, ...], order: int) -> None:
    nu, source = rough(shape), rough(shape, 1) - 1
    stiffness, mass = dense.assemble(nu, order)
    held, values = np.zeros(shape, dtype=bool), np.zeros(shape)
    held[..., [0, -1]], values[..., 0] = True, 1.0
    expected = dense.solve(stiffness, mass @ source.ravel(), held, values)
    np.testing.assert_allclose(poisson(nu, source, order=order), expected, rtol=0, atol=1e-11)


def test_a_number_as_source_is_a_constant_field() -> None:
    nu = rough((6, 6))
    np.testing.assert_allclose(poisson(nu, 2.5), poisson(nu, np.full((6, 6), 2.5)), atol=1e-12)


def test_energy_norm_agrees_with_the_dense_matrix() -> None:
    nu, v = rough((5, 6)), rough((5, 6), 1)
    assert energy_norm(v, nu) == pytest.approx(
        np.sqrt(v.ravel() @ dense.assemble(nu)[0] @ v.ravel()), rel=1e-12
    )


@pytest.mark.parametrize(("dim", "order", "expected"), [(2, 1, 2), (3, 1, 2), (2, 2, 3)])
def test_order_of_convergence_with_every_kind_of_face(dim: int, order: int, expected: float) -> None:
    """-div(nu grad u) = f for a chosen u and nu; Dirichlet, flux, Robin; the error is the interpolant's."""
    sizes, errors = ([9, 17, 33] if dim == 2 else [5, 9, 17]), []
    for n in sizes:
        x, y, *z = nodes(*[n] * dim)
        z = z[0] if z else np.zeros_like(x)
        nu = 1 + x * y / 2
        u = np.sin(2 * x + 1) * np.cos(y) * np.cos(z)
        ux, uy, uz = (
            np.cos(2 * x + 1) * 2 * np.cos(y) * np.cos(z),
            -np.sin(2 * x + 1) * np.sin(y) * np.cos(z),
            0,
        )
        uz = -np.sin(2 * x + 1) * np.cos(y) * np.sin(z)
        source = nu * (5 + (dim == 3)) * u - (y / 2) * ux - (x / 2) * uy
        faces = {
            "x0": ("dirichlet", u[..., 0]),
            "x1": ("neumann", (nu * ux)[..., -1]),
            "y0": ("dirichlet", u[..., 0, :]),
            "y1": ("robin", 2 + x[..., -1, :], (nu * uy + (2 + x) * u)[..., -1, :]),
        }
        if dim == 3:
            faces |= {"z0": ("neumann", (-nu * uz)[0]), "z1": ("dirichlet", u[-1])}
        # for Q2 the nodal error superconverges: it is the field's error that is bounded by h^3
        errors.append(l2_norm(poisson(nu, source, faces, order=order) - u))
    slope = -np.polyfit(np.log(np.array(sizes) - 1), np.log(errors), 1)[0]
    assert expected - 0.15 < slope < (expected + 0.25 if order == 1 else 4.3)


def test_periodic_faces_against_the_exact_solution() -> None:
    errors = []
    for n in (9, 17, 33):
        x, y = nodes(n, n)
        u = np.sin(np.pi * x) * np.sin(2 * np.pi * y + 0.3)
        faces = {"x0": ("dirichlet", 0.0), "x1": ("dirichlet", 0.0), "y0": ("periodic",), "y1": ("periodic",)}
        got = poisson(np.ones((n, n)), 5 * np.pi**2 * u, faces)
        np.testing.assert_array_equal(got[0], got[-1])
        errors.append(l2_norm(got - u))
    assert -np.polyfit(np.log([8, 16, 32]), np.log(errors), 1)[0] == pytest.approx(2, abs=0.15)


def test_periodic_faces_do_not_care_where_the_square_is_cut() -> None:
    nu, source = rough((9, 9)), rough((9, 9), 1)
    nu[-1], source[-1] = nu[0], source[0]
    faces = {"x0": ("robin", 1.0, 0.0), "y0": ("periodic",), "y1": ("periodic",)}

    def turned(v: np.ndarray) -> np.ndarray:
        v = np.roll(v[:-1], 3, axis=0)
        return np.concatenate([v, v[:1]])

    u = poisson(nu, source, faces)
    np.testing.assert_allclose(poisson(turned(nu), turned(source), faces), turned(u), atol=1e-12)


def test_corners_of_two_dirichlet_faces_take_the_mean_and_immersed_nodes_their_own() -> None:
    mask = np.zeros((6, 6), dtype=bool)
    mask[2:4, 2:4] = mask[0, 0] = True
    faces = {"x0": ("dirichlet", 1.0), "y1": ("dirichlet", 4.0)}
    u = poisson(np.ones((6, 6)), 1.0, faces, fixed=(mask, 7.0))
    assert u[-1, 0] == 2.5 and (u[mask] == 7).all()
    held, values = mask.copy(), np.where(mask, 7.0, 0.0)
    held[:, 0] = held[-1] = True
    values[1:-1, 0], values[-1, 1:], values[-1, 0] = 1, 4, 2.5
    stiffness, mass = dense.assemble(np.ones((6, 6)))
    np.testing.assert_allclose(u, dense.solve(stiffness, mass.sum(1), held, values), atol=1e-12)


@pytest.mark.parametrize(("shape", "order"), [((33, 41), 1), ((9, 8, 10), 1), ((33, 33), 2)])
def test_multigrid_agrees_with_the_factorisation(
    shape: tuple[int, ...], order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nu = rough(shape) ** (2 if order == 1 else 0.2)
    faces = {"x0": ("dirichlet", 2.0), "y0": ("periodic",), "y1": ("periodic",)}
    direct = poisson(nu, 1.5, faces, order=order)
    monkeypatch.setattr(solve, "DIRECT_LIMIT", 0)
    monkeypatch.setattr(solve, "factorise", None)
    np.testing.assert_allclose(poisson(nu, 1.5, faces, order=order), direct, rtol=1e-9)


def test_a_system_that_multigrid_cannot_solve_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "DIRECT_LIMIT", 0)
    monkeypatch.setattr(solve, "TOLERANCE", 0.5)
    monkeypatch.setattr(solve, "ACCEPTED", 1e-14)
    with pytest.raises(RuntimeError, match="relative residual"):
        poisson(rough((40, 40)), 1.0)


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        ({"y0": ("neumann", 1.0)}, "free up to a constant"),
        ({"x2": ("dirichlet", 1.0)}, "one of 'x0', 'x1', 'y0', 'y1'"),
        ({"x0": ("dirichlet", np.ones(4))}, "array of shape \\(5,\\)"),
        ({"x0": ("dirichlet", np.nan)}, "finite"),
        ({"x0": ("dirichlet",)}, '"dirichlet", u'),
        ({"x0": ("robin", -1.0, 0.0)}, "alpha of 0 or more"),
        ({"x0": ("dirichlet", 0.0), "y0": ("periodic",)}, "both of its faces periodic"),
    ],
)
def test_faces_that_cannot_be_are_refused(faces: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        poisson(np.ones((5, 7)), faces=faces)


def test_data_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="odd number of nodes"):
        poisson(np.ones((6, 7)), order=2)
    with pytest.raises(ValueError, match="above 0"):
        poisson(np.zeros((6, 7)))
    with pytest.raises(ValueError, match="biquadratic interpolant"):
        poisson(rough((7, 7)) ** 3, order=2)
    with pytest.raises(ValueError, match="array of shape"):
        poisson(np.ones((6, 7)), np.ones((7, 6)))
    with pytest.raises(ValueError, match="bool array"):
        poisson(np.ones((6, 7)), fixed=(np.ones((6, 7)), 1.0))
