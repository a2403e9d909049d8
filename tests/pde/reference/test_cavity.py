"""The lid-driven cavity against the tables of Ghia, Ghia and Shin (1982), and what must hold for any flow in it."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from pdekit.pde.reference.cavity import cavity, quadratic_interpolation

TABLE = Path(__file__).parents[3] / "data" / "ghia-1982.csv"
MISPRINT = ("400", "v", 0.9063)  # -0.23827 between -0.22847 and -0.44993: not the curve of its neighbours
flow = cache(cavity)


@pytest.mark.parametrize("reynolds", [100, 400])
def test_centre_lines_agree_with_ghia(reynolds: int) -> None:
    _, velocity = flow(reynolds, 65)
    x = np.linspace(0, 1, 65)
    lines = {"u": CubicSpline(x, velocity[0, :, 32]), "v": CubicSpline(x, velocity[1, 32])}
    compared = 0
    with TABLE.open() as file:
        for row in csv.DictReader(file):
            where = float(row["coordinate"])
            if row["reynolds"] != str(reynolds) or (row["reynolds"], row["component"], where) == MISPRINT:
                continue
            computed = lines[row["component"]](round(where * 128) / 128)
            assert computed == pytest.approx(float(row["value"]), abs=0.01), row
            compared += 1
    assert compared == (34 if reynolds == 100 else 33)


@pytest.mark.parametrize(
    ("reynolds", "least", "y", "x"), [(100, -0.103423, 0.7344, 0.6172), (400, -0.113909, 0.6055, 0.5547)]
)
def test_the_primary_vortex_agrees_with_ghia(reynolds: int, least: float, y: float, x: float) -> None:
    """Their table III: psi's minimum and its place."""
    psi, _ = flow(reynolds, 65)
    assert psi.min() == pytest.approx(least, rel=2e-3)
    assert np.unravel_index(psi.argmin(), psi.shape) == (
        pytest.approx(64 * y, abs=1),
        pytest.approx(64 * x, abs=1),
    )


def test_walls_and_lid() -> None:
    psi, velocity = flow(100, 65)
    assert (velocity[0, -1, 1:-1] == 1).all() and (velocity[1, -1] == 0).all()
    for side in (velocity[:, 0], velocity[:, :, 0], velocity[:, :, -1]):
        np.testing.assert_allclose(side, 0, atol=1e-15)
    np.testing.assert_allclose(np.concatenate([psi[0], psi[-1], psi[:, 0], psi[:, -1]]), 0, atol=1e-15)


def test_velocity_is_the_rotated_slope_of_psi_and_mass_is_kept() -> None:
    psi, velocity = flow(100, 65)
    h, inner = 1 / 64, (slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(np.gradient(psi, h, axis=0)[inner], velocity[0][inner], atol=4e-3)
    np.testing.assert_allclose(-np.gradient(psi, h, axis=1)[inner], velocity[1][inner], atol=4e-3)
    # no net flow through any horizontal line: int v dx = 0 (Simpson's rule is exact for quadratic elements)
    simpson = np.ones(65)
    simpson[1:-1:2], simpson[2:-1:2] = 4, 2
    assert abs(velocity[1, 32] @ simpson / 192) < 1e-4


def test_slow_flow_is_symmetric() -> None:
    """Stokes flow, Re -> 0: psi is even and v odd about x = 1/2; its minimum is -0.100076."""
    psi, velocity = flow(1e-6, 65)
    np.testing.assert_allclose(psi, psi[:, ::-1], atol=1e-7)
    np.testing.assert_allclose(velocity[1], -velocity[1, :, ::-1], atol=1e-7)
    assert psi.min() == pytest.approx(-0.100076, abs=5e-5)


def test_even_numbers_of_nodes_are_the_same_flow() -> None:
    psi, _ = flow(100, 22)
    np.testing.assert_allclose(psi[::7, ::7], flow(100, 64)[0][::21, ::21], atol=1e-12)


def test_the_interpolation_is_exact_for_quadratics() -> None:
    x, fine = np.linspace(0, 1, 11), np.linspace(0, 1, 9)
    np.testing.assert_allclose(
        quadratic_interpolation(11, 4) @ (3 * fine**2 - fine), 3 * x**2 - x, atol=1e-14
    )


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="reynolds"):
        cavity(0.0, 33)
