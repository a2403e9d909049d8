"""The tables in data/ are still what their provenance says."""

from pathlib import Path

import numpy as np

import pdekit as pk
from tests.pde.test_poisson import independent_matrix

HELD_OUT = np.load(Path(__file__).parents[1] / "data" / "poisson-64-held-out.npz")


def test_held_out_samples_are_drawn_as_they_were() -> None:
    problem = pk.Poisson(64, terms=6)
    assert HELD_OUT["indices"].tolist() == list(problem.held_out(16))
    np.testing.assert_allclose(problem.parameters(HELD_OUT["indices"]), HELD_OUT["parameters"], atol=1e-12)


def test_held_out_solutions_fulfil_an_independently_assembled_system() -> None:
    problem = pk.Poisson(64, terms=6)
    for i, u in zip(HELD_OUT["indices"][:4], HELD_OUT["solutions"][:4], strict=True):
        matrix = independent_matrix(problem.coefficient(int(i)))
        residual = (matrix @ u.ravel()).reshape(64, 64)[:, 1:-1]
        assert np.abs(residual).max() < 1e-9 * np.abs(matrix).max()
        assert np.all(u[:, 0] == 1) and np.all(u[:, -1] == 0)
