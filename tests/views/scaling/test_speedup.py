"""Speed-up and parts of a step: the figures show the numbers of the fakes, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

import pdekit as pk
from pdekit.scaling.measurement import Measurement, Trial
from pdekit.scaling.series import series
from tests.views.scaling.fakes import measured, model, step


def named(figure, name: str) -> list:
    return [trace for trace in figure.data if trace.name == name]


def test_speedup_is_a_ratio_of_times_of_one_round() -> None:
    """Fails with a ratio of medians (on 4 ranks 0.9 / 0.3 = 3), or with means."""
    speedup, efficiency = named(pk.plot_speedup(measured()), "measured")
    on_four = [0.8 / 0.3, 0.9 / 0.25, 1.0 / 0.4]
    assert np.allclose(speedup.x, [1, 2, 4]) and np.allclose(speedup.y, [1, 1.8, np.median(on_four)])
    assert np.allclose(speedup.error_y.array, [0, 0.2, max(on_four) - np.median(on_four)])
    assert np.allclose(speedup.error_y.arrayminus, [0, 0.2, np.median(on_four) - min(on_four)])
    assert np.allclose(efficiency.y, speedup.y / np.array([1, 2, 4]))
    assert "300 ms (250 ms to 400 ms)" in speedup.customdata[2].replace("\N{NO-BREAK SPACE}", " ")


def test_weak_scaling_counts_the_work_that_is_done() -> None:
    speedup, efficiency = named(pk.plot_speedup(measured(), kind="weak"), "measured")
    assert np.allclose(speedup.y, [1, 2 * 0.9, 4 * 0.8]) and np.allclose(efficiency.y, [1, 0.9, 0.8])


def test_the_ideal_lines_are_straight() -> None:
    speedup, efficiency = named(pk.plot_speedup(measured(), model(), up_to=32), "ideal")
    assert np.allclose(speedup.x, [1, 32]) and np.allclose(speedup.y, [1, 32])
    assert np.allclose(efficiency.y, 1)


def test_the_model_has_a_band_and_is_dashed_beyond_the_measured_ranks() -> None:
    figure = pk.plot_speedup(measured(), model(), up_to=16)
    inside, _ = named(figure, "model, 90 % band")
    beyond, _ = named(figure, "beyond what was measured")
    assert inside.x[-1] == beyond.x[0] == 4 and beyond.x[-1] == 16
    assert inside.line.dash == "solid" and beyond.line.dash == "dash"
    message = 1e-5 + 4.9e6 / 1e9 + 36 * (1e-5 + 1e-6)
    expected = 0.8 / (0.2 + 2 * message)
    assert np.isclose(inside.y[-1], expected)
    area = next(trace for trace in figure.data if trace.fill == "toself")
    heights = sorted(y for x, y in zip(area.x, area.y, strict=True) if x == 4)
    assert np.allclose(heights, [expected / 1.25, expected / 0.8])


def test_a_line_for_each_resolution_and_a_choice_of_one() -> None:
    more = [step(p, 4 / p, resolution=128, batch=8) for p in (1, 2)]
    both = Measurement([*measured().trials, *more])
    names = {trace.name for trace in pk.plot_speedup(both).data}
    assert names >= {
        "64\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}64",
        "128\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}128",
    }
    (one, _) = named(pk.plot_speedup(both, resolution=128), "measured")
    assert np.allclose(one.y, [1, 2])


def test_a_round_that_was_cut_off_counts_where_it_was_measured() -> None:
    trials = [step(1, 1.0), step(2, 0.5), step(1, 2.0, 1)]
    (one,) = series(Measurement(trials), "strong")
    assert np.allclose(one.speedup, [[1, 2], [1, np.nan]], equal_nan=True)
    (speedup, _) = named(pk.plot_speedup(Measurement(trials)), "measured")
    assert np.allclose(speedup.y, [1, 2])


def test_of_several_batches_the_one_on_most_world_sizes() -> None:
    trials = [step(p, 1 / p, batch=8) for p in (1, 2, 4)] + [step(p, 9.0, batch=32) for p in (1, 2)]
    (one,) = series(Measurement(trials), "strong")
    assert one.batch == 8 and one.ranks.tolist() == [1, 2, 4]


def test_what_speedup_refuses() -> None:
    with pytest.raises(ValueError, match="kind: expected one of 'strong', 'weak', got 'super'"):
        pk.plot_speedup(measured(), kind="super")
    with pytest.raises(ValueError, match=r"strong scaling on 2 or more world sizes, got \[2\]"):
        pk.plot_speedup(Measurement([step(2, 0.5), step(2, 0.6, 1)]))
    with pytest.raises(ValueError, match="steps with resolution 32"):
        pk.plot_speedup(measured(), resolution=32)
    with pytest.raises(ValueError, match="more than 0 seconds"):
        pk.plot_speedup(Measurement([step(1, 0.0), step(2, 0.5)]))
    with pytest.raises(ValueError, match="up_to: expected a whole number, at least 4"):
        pk.plot_speedup(measured(), model(), up_to=2)


def test_the_parts_of_a_measured_step() -> None:
    """By hand: on 2 ranks 0.5 s, compute 0.35 and 0.3, messages 0.125 and 0.175."""
    figure = pk.plot_step(measured())
    parts = {trace.name: trace for trace in figure.data if trace.name}
    assert list(parts["compute"].x) == ["1", "2", "4"]
    assert np.isclose(parts["compute"].y[1], (0.35 + 0.3) / 2)
    assert np.isclose(parts["messages of both kinds"].y[1], 0.125) and np.isclose(
        parts["waiting"].y[1], 0.05 / 2
    )
    assert np.isclose(sum(trace.y[1] for trace in parts.values()), 0.5)
    shares = pk.plot_step(measured(), share=True)
    assert np.isclose(sum(trace.y[1] for trace in shares.data), 1)


def test_the_parts_of_the_model_beside_them() -> None:
    figure = pk.plot_step(measured(), model(), ranks=[1, 2, 3])
    norms = next(trace for trace in figure.data if trace.name == "messages of the batch norms")
    assert list(norms.x) == ["1", "2", "3"] and norms.offsetgroup == "model"
    assert np.allclose(norms.y, 36 * np.log2([1, 2, 3]) * 1.1e-5)
    waiting = [trace for trace in figure.data if trace.name == "waiting"][1]
    assert np.isclose(waiting.y[2], 0.1 * (3 - 8 / 3))  # of 8 samples one rank has 3
    assert list(figure.layout.xaxis.categoryarray) == ["1", "2", "3", "4"]


def test_the_model_alone_and_on_another_network() -> None:
    of, network = model(), object.__new__(type("Other", (), {"allreduce": lambda self, n, p: 0 * p}))
    figure = pk.plot_step(model=of, ranks=[1, 2], batch=8, resolution=64, network=network)
    assert of.steps.asked == [{"resolution": 64, "network": network, "optimizer": None}]
    gradient = next(trace for trace in figure.data if trace.name == "the gradient's message")
    assert np.allclose(gradient.y, 0)


def test_a_model_without_steps_is_refused() -> None:
    bare = SimpleNamespace(messages=None, steps=None)
    for plot in (pk.plot_speedup, pk.plot_step):
        with pytest.raises(ValueError, match="one with steps, got 'messages only'"):
            plot(measured(), bare)


def test_what_parts_refuse() -> None:
    with pytest.raises(ValueError, match="a measurement or a model, got 'neither'"):
        pk.plot_step()
    with pytest.raises(ValueError, match="ranks: expected numbers of ranks"):
        pk.plot_step(model=model(), batch=8)
    with pytest.raises(ValueError, match="batch: expected a whole number"):
        pk.plot_step(model=model(), ranks=[1, 2])
    bare = Measurement([Trial("step", 1, 0.5, resolution=64, global_batch=8)])
    with pytest.raises(ValueError, match="compute and communication of each rank"):
        pk.plot_step(bare)
    several = Measurement([*measured().trials, step(1, 0.5, resolution=32)])
    with pytest.raises(ValueError, match="one resolution and optimizer"):
        pk.plot_step(several)
