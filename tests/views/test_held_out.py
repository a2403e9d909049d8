"""The sample on show, for problems of every shape: maps, lines, cubes, vectors, a single number."""

import numpy as np
import pytest

import pdekit as pk
from pdekit.views.held_out import HeldOut
from pdekit.views.live import LiveFigure


@pytest.mark.parametrize(
    "problem",
    [pk.Poisson(16), pk.Poisson(9, dim=3), pk.Burgers(16), pk.Elasticity(16), pk.Heat(16), pk.Cavity(17)],
    ids=lambda p: type(p).__name__,
)
def test_every_problem_can_be_shown(problem) -> None:
    """Nothing to be seen is missing, and the error is the problem's own."""
    figure = LiveFigure(problem.given, problem.positive)
    shown = HeldOut(problem, figure)
    sample = shown.indices[0]
    shown.show(sample, problem.resolution)
    reference = problem.reference(sample)
    assert shown.paint(1.1 * reference, step=1) == pytest.approx(0.1)
    for trace in figure.widget.data[:4]:
        assert np.asarray(trace.z, dtype=float).shape == problem.shape[-2:]
        assert np.isfinite(np.asarray(trace.z, dtype=float)).all()
