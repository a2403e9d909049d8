"""The sample on show, for problems of every shape: maps, lines, cubes, vectors, a single number."""

from types import SimpleNamespace

import numpy as np
import pytest

import pdekit as pk
from pdekit.views.dashboard.held_out import HeldOut, figure_of
from tests.views.engines import FakeCluster


@pytest.mark.parametrize(
    "problem",
    [pk.Poisson(16), pk.Poisson(9, dim=3), pk.Burgers(16), pk.Elasticity(16), pk.Heat(16), pk.Cavity(17)],
    ids=lambda p: type(p).__name__,
)
def test_every_problem_can_be_shown(problem) -> None:
    """Nothing to be seen is missing, and the error is the problem's own."""
    figure = figure_of(problem)
    shown = HeldOut(problem, figure)
    sample = shown.indices[0]
    shown.show(sample, problem.resolution)
    reference = problem.reference(sample)
    assert shown.paint(1.1 * reference, step=1) == pytest.approx(0.1)
    for trace in figure.widget.data[:4]:
        assert np.asarray(trace.z, dtype=float).shape == problem.shape[-2:]
        assert np.isfinite(np.asarray(trace.z, dtype=float)).all()


@pytest.mark.parametrize(
    ("problem", "title"),
    [
        (pk.Poisson(16), "coefficient ν, log<sub>10</sub>"),
        (pk.Poisson(16, bound=0.2), "coefficient ν"),  # less than a decade
        (pk.Cavity(17), "Reynolds number"),  # one number a sample
        (pk.Burgers(16), "initial condition"),
    ],
    ids=["wide", "narrow", "number", "signed"],
)
def test_the_dashboard_and_plot_fields_colour_by_one_rule(problem, title: str) -> None:
    figure, sample = figure_of(problem), problem.held_out(1)[0]
    assert figure.widget.data[-1].text[0] == title
    still = pk.plot_fields(
        problem.coefficient(sample), problem.reference(sample), given=problem.given, shape=problem.shape
    )
    assert still.layout.annotations[0].text == title


def test_data_that_may_be_negative_are_never_shown_by_their_logarithm() -> None:
    """Those on show may all be positive: another grid's need not be."""

    class Signed(pk.Poisson):
        positive = False

    assert figure_of(Signed(16)).widget.data[-1].text[0] == "coefficient ν"


def test_the_grid_of_a_cube_has_three_sides() -> None:
    """On the figure's marks, among the dashboard's choices, and beside its error."""
    sides = "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}".join(["32"] * 3)
    dash = pk.Dashboard(FakeCluster(), pk.Poisson(32, dim=3, terms=1))
    history = pk.History([pk.Step(k, 0.5, k, n, 1e-3, 1.0, 0.0, 1) for k, n in ((1, 16), (2, 32))])
    dash.figure.show_loss(history, window=1)
    assert sides in dash.figure.widget.data[8].text
    assert (sides, 32) in dash.form.panel["problem.resolution"].widget.options
    dash.status.show_error(0.1, 32)
    assert f"on {sides}<" in dash.status.going.value
    dash._display.say_training(
        SimpleNamespace(number=1, resolution=16), SimpleNamespace(plan=((16, 1), (32, 2)))
    )
    assert f"then {sides}." in dash.message


def test_each_sample_keeps_the_curve_of_its_error_and_a_change_of_grid_is_seen_on_both() -> None:
    """Fails if a look at another sample costs the curve, or if only the first error after a step is kept."""
    problem = pk.Poisson(32)
    figure = figure_of(problem)
    shown = HeldOut(problem, figure)
    first, second = shown.indices[:2]

    def paint(sample: int, grid: int, step: int, error: float) -> None:
        shown.show(sample, grid)
        shown.paint((1 + error) * problem.at(grid).reference(sample), step)

    def drawn() -> list[tuple[float, float]]:
        trace = figure.widget.data[6]
        return [(x, round(float(y), 4)) for x, y in zip(trace.x, trace.y, strict=True)]

    paint(first, 16, 10, 0.2), paint(first, 16, 20, 0.1), paint(first, 32, 20, 0.3), paint(first, 32, 20, 0.4)
    assert drawn() == [(10, 20), (20, 10), (20, 30)]
    paint(second, 32, 30, 0.5)
    assert drawn() == [(30, 50)]
    shown.show(first, 32)
    assert drawn() == [(10, 20), (20, 10), (20, 30)]
    paint(first, 32, 40, 0.25)
    assert drawn()[-1] == (40, 25)
    shown.forget(), shown.show(first, 16)
    assert drawn() == []
