"""The rivals of `make bench-break-even` solve the generator's problem, and stop where they are said to."""

import numpy as np
import pytest
from scipy.ndimage import zoom

import pdekit as pk
from tests.benchmarks.classical import EXACT, TIGHT, System, coarser, stopped
from tests.pde.test_poisson import independent_matrix

PROBLEM = pk.Poisson(32)
SAMPLE = PROBLEM.held_out(1)[0]
NU, EXACTLY = PROBLEM.coefficient(SAMPLE), PROBLEM.reference(SAMPLE)


def test_both_solve_an_independently_assembled_system() -> None:
    system, matrix = System(NU), independent_matrix(NU)
    for found in (system.multigrid(EXACT), system.factorisation()):
        residual = (matrix @ found.u.ravel()).reshape(NU.shape)[:, 1:-1]
        assert np.abs(residual).max() < 1e-9 * np.abs(matrix).max()
        assert np.all(found.u[:, 0] == 1) and np.all(found.u[:, -1] == 0)
        assert min(found[1:]) > 0


def test_in_three_dimensions_too() -> None:
    problem = pk.Poisson(8, dim=3)
    system = System(problem.coefficient(0))
    assert problem.error(system.multigrid(EXACT).u, problem.reference(0)) < 1e-9


@pytest.mark.parametrize("error", [0.1, 0.01, 1e-4])
def test_multigrid_stops_as_soon_as_it_is_good_enough(error: float) -> None:
    system = System(NU)
    errors = [PROBLEM.error(system.multigrid(0.0, most).u, EXACTLY) for most in range(1, 12)]
    reached = PROBLEM.error(stopped(system, PROBLEM, EXACTLY, error).u, EXACTLY)
    assert reached == pytest.approx(next(one for one in errors if one <= error), rel=1e-6)
    assert PROBLEM.error(system.multigrid(TIGHT).u, EXACTLY) < 1e-6


def test_the_coarsest_grid_that_is_good_enough() -> None:
    """By hand: nu at the nodes of each grid, its solution in between, and their errors."""

    def error(cells: int) -> float:
        u = System(zoom(NU, (cells + 1) / 32, order=1)).factorisation().u
        return PROBLEM.error(zoom(u, 32 / (cells + 1), order=1), EXACTLY)

    four, eight = error(4), error(8)
    assert eight < four
    found = coarser(NU, PROBLEM, EXACTLY, (four * eight) ** 0.5)
    assert PROBLEM.error(found.u, EXACTLY) == pytest.approx(eight) and found.u.shape == NU.shape
    assert coarser(NU, PROBLEM, EXACTLY, 1e-9) is None
