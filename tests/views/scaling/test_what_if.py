"""The what-if: the fitted model's own answer, whichever way it is asked, in traces that alone change."""

import asyncio
import re
from dataclasses import replace

import numpy as np
import pytest
from plotly.io.json import to_json_plotly

import pdekit as pk
from pdekit.scaling.goal.answer import RANKS
from pdekit.scaling.network.topologies import Torus
from pdekit.views.scaling.what_if.settings import MEASURED, OWN
from tests.scaling.synthetic import SIZES, Training, allreduces, both_ways, rabenseifner

LAW = rabenseifner(2e-6, 1e-10)
COSTS = {
    ("adam", 8): pk.Cost(100.0, 10.0, 640, 3e9, 8),
    ("lbfgs", 64): pk.Cost(30.0, 10.0, 32, 1e8, 64),
    ("sgd", 64): pk.Cost(np.inf, np.inf, np.inf, np.inf, 64),
}


@pytest.fixture(scope="module")
def model() -> object:
    """Fitted to a machine whose times are formulas."""
    steps = Training(LAW).steps(both_ways((1, 2, 4, 8), (64, 128)))
    return pk.fit(pk.Measurement([*allreduces(LAW, (2, 4, 8), sizes=SIZES).trials, *steps.trials]))


@pytest.fixture
def what(model: object) -> pk.WhatIf:
    """On three machines."""
    all_of_them = pk.machines()
    names = ("InfiniBand EDR", "AWS hpc6a.48xlarge, EFA", "Ethernet 1 Gb/s")
    return pk.WhatIf(model, {name: all_of_them[name] for name in names}, costs=COSTS)


@pytest.mark.parametrize("name", sorted(pk.machines()))
def test_ways_that_are_kept_answer_as_the_machine(name: str) -> None:
    """Fails where a link is taken for another's, or the ways of one topology for those of another."""
    machine, ranks = pk.machines()[name], np.array([1, 2, 3, 12, 36, 48, 96, 192])
    for link in (machine.between, pk.Link(3e-5, 2e8, 1e-10), pk.Link(1e-7, 1e11)):
        other = replace(machine, between=link)
        for size in (8.0, 1e4, 5e6):
            assert np.allclose(machine.over(link).allreduce(size, ranks), other.allreduce(size, ranks))


def test_large_numbers_are_said_without_an_exponent(model: object) -> None:
    """Thousands of times as fast, thousands of dollars."""
    dear = {("adam", 4096): pk.Cost(1e9, 10.0, 640, 3e9, 4096)}
    what = pk.WhatIf(model, {"AWS": pk.machines()["AWS hpc6a.48xlarge, EFA"]}, costs=dear)
    what.set(machine="AWS", batch=4096, ranks=4096, optimizer="adam")
    assert re.search(r" \d,\d{3} times as fast", what.words) and re.search(r"\d,\d{3} US dollars", what.words)
    assert "e+" not in what.words


def test_the_mark_of_the_chosen_ranks_lies_inside_its_axis_or_plotly_hides_it(what: pk.WhatIf) -> None:
    what.set(ranks=16)
    scatters = what._panels.widget.select_traces({"type": "scatter"})
    (mark,) = (trace for trace in scatters if trace.marker.symbol == "triangle-down")
    axis = what._panels.widget.layout[f"yaxis{mark.yaxis.removeprefix('y')}"]
    assert list(mark.x) == [RANKS.index(16)]
    assert 1 < mark.y[0] < axis.range[1]  # above the bars, which end at 1


def test_ways_of_one_topology_are_not_kept_for_another() -> None:
    machine = pk.machines()["Ethernet 1 Gb/s"]
    flat = machine.allreduce(5e6, 64, "recursive doubling")
    ring = replace(machine, topology=Torus(1, sides=(64,)))
    assert ring.allreduce(5e6, 64, "recursive doubling") > 4 * flat


def test_the_answer_is_the_models_own(model: object) -> None:
    machine = pk.machines()["AWS hpc6a.48xlarge, EFA"]
    cost = COSTS["lbfgs", 64]
    answer = pk.what_if(model, 64, machine, ranks=[1, 16, 192], resolution=64, cost=cost)
    alone = model.steps.predict(1, 64, resolution=64, network=machine).seconds
    there = model.steps.predict([1, 16, 192], 64, resolution=64, network=machine)
    assert np.allclose(answer.speedup, alone / there.seconds)
    assert np.allclose(answer.low, alone / there.high) and np.allclose(answer.high, alone / there.low)
    assert np.allclose(answer.efficiency, answer.speedup / [1, 16, 192])
    seconds = pk.time_to_loss(cost, [1, 16, 192], machine, model.steps, 64)
    assert np.allclose(answer.to_loss, seconds)
    assert np.allclose(
        answer.dollars, np.array([1, 1, 2]) * machine.price * seconds / 3600
    )  # 96 ranks a node
    assert np.allclose(answer.core_hours, np.array([1, 16, 192]) * seconds / 3600)


def test_without_a_cost_or_a_price_there_is_no_time_and_no_money(model: object) -> None:
    answer = pk.what_if(model, 8, pk.machines()["InfiniBand EDR"], cost=COSTS["adam", 8])
    assert np.isfinite(answer.to_loss).all() and np.isnan(answer.dollars).all()
    answer = pk.what_if(model, 16)
    assert np.isnan(answer.to_loss).all() and answer.ranks.tolist() == list(RANKS)
    with pytest.raises(ValueError, match="cost: expected one of batch 16, got 8"):
        pk.what_if(model, 16, cost=COSTS["adam", 8])
    for call in (pk.WhatIf, lambda m: pk.what_if(m, 8)):
        with pytest.raises(ValueError, match="model: expected one with steps"):
            call(replace(model, steps=None))


def traces(what: pk.WhatIf) -> np.ndarray:
    """x and y of all, one after the other."""
    return np.concatenate([np.asarray(of, float) for trace in what.widget.data for of in (trace.x, trace.y)])


def test_the_traces_hold_the_answer(what: pk.WhatIf) -> None:
    answer = what.set(machine="AWS hpc6a.48xlarge, EFA", optimizer="lbfgs", batch=64, ranks=192)
    drawn = [np.asarray(trace.y, float) for trace in what.widget.data if trace.y is not None]
    for numbers in (answer.speedup, answer.to_loss, answer.dollars):
        assert any(len(y) == len(numbers) and np.allclose(y, numbers) for y in drawn)
    bars = [trace for trace in what.widget.data if trace.type == "bar"]
    shown = np.isin(answer.ranks, RANKS)  # 192 is between two bars
    shares = {"compute": answer.step.compute, "waiting": answer.step.waiting}
    for name, seconds in shares.items():
        (bar,) = (bar for bar in bars if bar.name == name)
        assert np.allclose(bar.y, (seconds / answer.step.seconds)[shown])
    assert np.allclose(sum(bar.y for bar in bars), 1)
    assert np.allclose(bars[1].base, bars[0].y) and np.allclose(bars[2].base, bars[0].y + bars[1].y)
    assert what.words.startswith("192 ranks") and "US dollars" in what.words


def test_a_slider_says_the_same_as_set(what: pk.WhatIf) -> None:
    what.set(machine="InfiniBand EDR")
    what.sliders["latency"].value = 50.0
    what.sliders["bandwidth"].value = 10.0
    what.sliders["ranks"].value = 256
    moved = traces(what)
    assert what.settings | {"latency": 0, "bandwidth": 0} == {
        "machine": "InfiniBand EDR", "latency": 0, "bandwidth": 0, "topology": "", "ranks": 256,
        "batch": 64, "optimizer": "lbfgs",
    }  # fmt: skip
    assert what.settings["latency"] == pytest.approx(5e-5)
    assert what.settings["bandwidth"] == pytest.approx(1.25e9)
    what.set(machine="InfiniBand EDR", latency=1e-6, ranks=1)
    assert not np.allclose(traces(what), moved)
    what.set(machine="InfiniBand EDR", latency=5e-5, bandwidth=1.25e9, ranks=256)
    assert np.allclose(traces(what), moved)


def test_a_machine_brings_its_network_and_a_moved_slider_leaves_the_measured_one(what: pk.WhatIf) -> None:
    assert what.settings["machine"] == MEASURED
    what.set(machine="Ethernet 1 Gb/s")
    link = pk.machines()["Ethernet 1 Gb/s"].between
    assert (what.settings["latency"], what.settings["bandwidth"]) == (link.latency, link.bandwidth)
    assert what.sliders["latency"].value == pytest.approx(1e6 * link.latency)
    what.set(machine=MEASURED)
    assert np.allclose(what.answer.speedup, pk.what_if(what.model, 64, ranks=what.answer.ranks).speedup)
    what.sliders["latency"].value = 20.0
    assert what.settings["machine"] == OWN == what.sliders["machine"].value


def test_another_cabling_is_another_answer(what: pk.WhatIf) -> None:
    machine = what.machines["InfiniBand EDR"]
    answer = what.set(machine="InfiniBand EDR", topology="torus 3")
    torus = replace(machine, topology=Torus(3, hop=machine.topology.hop))
    assert np.allclose(
        answer.to_loss, pk.what_if(what.model, 64, torus, ranks=answer.ranks, cost=COSTS["lbfgs", 64]).to_loss
    )
    assert what.set(**what.settings).speedup.tolist() == answer.speedup.tolist()


def test_only_traces_change(what: pk.WhatIf) -> None:
    """Voila loses what is changed of a layout."""
    before = to_json_plotly(what.widget.layout)
    count = len(what.widget.data)
    for values in (
        {"machine": "AWS hpc6a.48xlarge, EFA"},
        {"batch": 16},
        {"ranks": 4096},
        {"optimizer": "sgd"},
    ):
        what.set(**values)
    assert to_json_plotly(what.widget.layout) == before and len(what.widget.data) == count


def test_what_nobody_measured_is_said(what: pk.WhatIf) -> None:
    what.set(batch=16)
    assert "Nobody measured" in what.words
    what.set(batch=64, optimizer="sgd")
    assert "nobody reached" in what.words


def test_settings_that_cannot_be_change_nothing(what: pk.WhatIf) -> None:
    before, drawn = what.settings, traces(what)
    for values, words in (
        ({"speed": 1}, "setting: expected one of"), ({"machine": "Cray-1"}, "machine: expected one of"),
        ({"latency": 1.0}, "latency: expected between"), ({"ranks": 5000}, "ranks: expected a whole number"),
        ({"optimizer": "bfgs"}, "optimizer"), ({"topology": "star"}, "topology"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            what.set(**values)
    assert what.settings == before and np.array_equal(traces(what), drawn)


def test_where_the_model_says_nothing_there_is_no_curve(model: object) -> None:
    what = pk.WhatIf(model, {}, costs=COSTS, resolution=4096)
    assert "resolution" in what.words
    assert all(not len(trace.y) for trace in what.widget.data if trace.type == "bar")


def test_messages_on_one_world_size_tell_nothing_of_a_thousand_ranks() -> None:
    """So on two cores: the speed-up's curve ends where the measurement does, and the what-if has a network given."""
    measurement = pk.Measurement(
        [*allreduces(LAW, (2,), sizes=SIZES).trials, *Training(LAW).steps(both_ways((1, 2), (64,))).trials]
    )
    model = pk.fit(measurement)
    what = pk.WhatIf(model, {}, costs=COSTS)
    assert what.settings["machine"] == OWN and what.words.startswith("64 ranks")
    with pytest.raises(ValueError, match="world size"):
        what.set(machine=MEASURED)
    ends = [max(trace.x) for trace in pk.plot_speedup(measurement, model).data if trace.mode == "lines"]
    assert ends and max(ends) == 2
    with pytest.raises(ValueError, match="world size"):
        pk.plot_speedup(measurement, model, up_to=8)


def test_without_messages_there_is_no_measured_network(model: object) -> None:
    what = pk.WhatIf(replace(model, messages=None), {}, costs=COSTS)
    assert what.sliders["machine"].options == (OWN,) and what.words.startswith("64 ranks")
    with pytest.raises(ValueError, match="machine: expected one of"):
        what.set(machine=MEASURED)


def test_a_slider_that_moves_on_leaves_no_queue(model: object) -> None:
    """In a kernel, five moves before the loop comes round are one answer, that of the last."""

    async def drag() -> tuple[int, pk.WhatIf]:
        what = pk.WhatIf(model, {}, costs=COSTS)
        paints, paint = [], what._panels.paint
        what._panels.paint = lambda *of: paints.append(paint(*of))
        for latency in (5.0, 6.0, 7.0, 8.0, 9.0):
            what.sliders["latency"].value = latency
        assert not paints
        await asyncio.sleep(0.01)
        return len(paints), what

    paints, what = asyncio.run(drag())
    assert paints == 1 and what.settings["latency"] == pytest.approx(9e-6)
    drawn = traces(what)
    what.set(**what.settings)
    assert np.array_equal(traces(what), drawn)
