"""Loss, error and scaling curves: what is drawn, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

import pdekit as pk
from pdekit.averages import trailing_mean


def test_loss_is_shown_against_steps_and_seconds(history: pk.History) -> None:
    steps, seconds = pk.plot_loss(history).data
    assert np.array_equal(steps.x, history.number) and np.array_equal(seconds.x, history.seconds)
    assert np.allclose(steps.y, history.loss) and np.allclose(seconds.y, history.loss)
    (only,) = pk.plot_loss(history, by="seconds").data
    assert np.array_equal(only.x, history.seconds)


def test_a_negative_loss_has_a_linear_axis(history: pk.History) -> None:
    assert all(axis.type in (None, "linear") for axis in pk.plot_loss(history).select_yaxes())


def test_a_line_marks_where_the_grid_changes(history: pk.History) -> None:
    figure = pk.plot_loss(history)
    lines = [(line.x0, line.x1, line.xref) for line in figure.layout.shapes]
    assert lines == [(51, 51, "x"), (25.5, 25.5, "x2")]
    assert [note.text.split() for note in figure.layout.annotations] == [["64", "×", "64"]] * 2


def test_several_runs_differ_in_colour_and_dashes(history: pk.History) -> None:
    figure = pk.plot_loss({"1 rank": history, "2 ranks": history}, by="steps")
    one, two = figure.data
    assert (one.name, two.name) == ("1 rank", "2 ranks")
    assert one.line.color != two.line.color and one.line.dash != two.line.dash
    assert len(figure.layout.shapes) == 1  # the change at the same step is drawn once


def test_a_window_evens_out_the_batches_but_not_over_a_change_of_the_grid() -> None:
    loss, grids = np.array([1.0, 3, 5, 7, 0, 2]), np.array([8, 8, 8, 8, 16, 16])
    assert np.allclose(trailing_mean(loss, grids, 1), loss)
    assert np.allclose(trailing_mean(loss, grids, 2), [1, 2, 4, 6, 0, 1])
    assert np.allclose(trailing_mean(loss, grids, 100), [1, 2, 3, 4, 0, 1])


def test_with_a_window_the_losses_themselves_are_points(history: pk.History) -> None:
    points, line = pk.plot_loss(history, by="steps", window=10).data
    assert points.mode == "markers" and np.allclose(points.y, history.loss)
    assert line.mode == "lines" and np.allclose(line.y, trailing_mean(history.loss, history.resolution, 10))


def test_strong_scaling() -> None:
    ideal, measured, full, efficiency = pk.plot_scaling([4, 1, 2], [0.5, 1.0, 0.6]).data
    assert np.allclose(measured.x, [1, 2, 4]) and np.allclose(measured.y, [1, 0.6, 0.5])
    assert np.allclose(ideal.y, [1, 0.5, 0.25]) and np.allclose(full.y, 1)
    assert np.allclose(efficiency.y, [1, 1 / 1.2, 0.5])


def test_weak_scaling() -> None:
    ideal, _, _, efficiency = pk.plot_scaling([2, 4], [1.0, 1.25], kind="weak").data
    assert np.allclose(ideal.y, 1) and np.allclose(efficiency.y, [1, 0.8])


def test_error_against_seconds_in_percent() -> None:
    figure = pk.plot_error([0, 10, 90], [0.5, 0.1, 0.02])
    assert np.allclose(figure.data[0].y, [50, 10, 2]) and figure.layout.yaxis.type == "log"
    several = pk.plot_error({"one": ([1], [0.5]), "two": ([1, 2], [0.5, 0.2])})
    assert [trace.name for trace in several.data] == ["one", "two"]


def test_refusals(history: pk.History) -> None:
    with pytest.raises(
        ValueError, match="by: expected one of 'both', 'steps', 'seconds', 'samples', got 'epochs'"
    ):
        pk.plot_loss(history, by="epochs")
    with pytest.raises(ValueError, match="history: expected at least one step, got 0; train first"):
        pk.plot_loss(pk.History())
    with pytest.raises(ValueError, match="window: expected a whole number"):
        pk.plot_loss(history, window=0)
    history.steps[3] = replace(history.steps[3], loss=np.nan)
    with pytest.raises(ValueError, match="expected finite losses, got '1 that are not'; lower the rate"):
        pk.plot_loss(history)
    with pytest.raises(
        ValueError, match=r"two arrays of one length, 1 or more, got 'shapes \(2,\) and \(1,\)'"
    ):
        pk.plot_scaling([1, 2], [0.1])
    with pytest.raises(ValueError, match="seconds: expected finite numbers above 0, got '0 at index 1'"):
        pk.plot_scaling([1, 2], [0.1, 0.0])
    with pytest.raises(ValueError, match="kind: expected one of 'strong', 'weak', got 'super'"):
        pk.plot_scaling([1], [1], kind="super")
    with pytest.raises(ValueError, match="error: expected finite numbers above 0, got 'nan at index 0'"):
        pk.plot_error([1], [np.nan])
