"""Messages: points, curves, bands, and what is on hover; and the map of algorithms."""

from types import SimpleNamespace

import numpy as np
import pytest

import pdekit as pk
from pdekit.scaling.link import Link
from pdekit.scaling.measurement import Measurement, Trial
from pdekit.views.scaling.algorithms import boundaries
from tests.views.scaling.fakes import Messages, measured, step


def test_points_are_medians_with_their_range() -> None:
    figure = pk.plot_messages(measured())
    ping, two, four = figure.data
    sizes = np.array([1e3, 1e4, 1e6])
    assert np.allclose(ping.x, sizes) and np.allclose(ping.y, 2 * (1e-5 + sizes / 1e9))
    assert np.allclose(four.y, 2 * 4 * (1e-5 + sizes / 1e9)) and two.name == "2 ranks"
    assert np.allclose(four.error_y.array, four.y / 2) and np.allclose(four.error_y.arrayminus, four.y / 2)
    assert ping.customdata[2].replace("\N{NO-BREAK SPACE}", " ") == "495 MB/s"  # 1 MB in 2.02 ms


def test_the_model_has_curves_bands_and_more_world_sizes() -> None:
    figure = pk.plot_messages(measured(), Messages(), ranks=(4, 8))
    curves = {trace.name: trace for trace in figure.data if trace.mode == "lines" and trace.name}
    assert set(curves) == {"2 ranks, model", "4 ranks, model", "8 ranks, model"}
    eight = curves["8 ranks, model"]
    assert (
        eight.line.dash == "dash" and eight.showlegend and eight.x[0] == 1e3 and np.isclose(eight.x[-1], 1e6)
    )
    assert np.allclose(eight.y, 3 * (1e-5 + eight.x / 1e9))
    areas = [trace for trace in figure.data if trace.fill == "toself"]
    assert len(areas) == 3 and np.isclose(max(areas[-1].y), 1.1 * 3 * (1e-5 + 1e-3))


def test_what_messages_refuse() -> None:
    with pytest.raises(ValueError, match="a model with messages, got 'steps only'"):
        pk.plot_messages(measured(), SimpleNamespace(messages=None))
    with pytest.raises(ValueError, match="ping-pongs or allreduces, got 'none'"):
        pk.plot_messages(Measurement([step(1, 0.5)]))
    with pytest.raises(ValueError, match="a byte and a time above 0"):
        pk.plot_messages(Measurement([Trial("allreduce", 2, 0.0, bytes=8)]))


def test_the_map_names_the_quickest() -> None:
    figure = pk.plot_algorithms(Link(1e-5, 1e9), bytes=[8.0, 1e4, 1e9], ranks=[2, 64])
    (tiles,) = (trace for trace in figure.data if trace.type == "heatmap")
    assert "recursive doubling" in tiles.customdata[0][1]  # few bytes: few rounds
    assert "recursive doubling" not in tiles.customdata[2][1]  # many: few bytes
    assert {trace.name for trace in figure.data if trace.name} <= {
        "recursive doubling",
        "rabenseifner",
        "ring",
    }
    lines = (trace for trace in figure.data if trace.type == "scatter" and trace.mode == "lines+text")
    marks = {line.text[0]: line.y[0] for line in lines}
    assert list(marks.values()) == [4_905_252, 1_032] and "4.91" in next(iter(marks))


def test_a_boundary_runs_between_cells_of_two_numbers() -> None:
    x, y = boundaries(np.array([[0, 1], [0, 0]]), np.array([1.0, 2, 3]), np.array([10.0, 20, 30]))
    assert x == [2.0, 2.0, None, 2.0, 3.0, None] and y == [10.0, 20.0, None, 20.0, 20.0, None]


def test_networks_against_ranks() -> None:
    slow = Messages(Link(1e-3, 1e8))
    quick, other = pk.plot_allreduce({"quick": Messages(), "slow": slow}, 1e6, [2, 4, 8]).data
    assert np.allclose(quick.y, [1.01e-3, 2.02e-3, 3.03e-3]) and np.allclose(other.y, [11e-3, 22e-3, 33e-3])
    assert quick.name == "quick" and quick.line.color != other.line.color
    with pytest.raises(ValueError, match="ranks: expected two or more rising"):
        pk.plot_allreduce(slow, ranks=[4, 2])
    with pytest.raises(ValueError, match="bytes"):
        pk.plot_allreduce(slow, bytes=0)
