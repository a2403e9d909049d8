"""When training pays: by hand, and as a figure."""

import math

import numpy as np
import pytest

import pdekit as pk


def test_the_first_sample_that_pays() -> None:
    case = pk.BreakEven(10.0, 0.25, 0.75)
    assert case.samples == 21  # after 20 both have taken 15 s
    n = np.array([20.0, 21.0])
    assert np.allclose(case.generator(n)[1], [15, 15.25]) and np.allclose(case.classical(n)[1], [15, 15.75])


@pytest.mark.parametrize(("inference", "expected"), [(0.75, math.inf), (1.0, math.inf), (0.25, 21)])
def test_never_where_inference_is_not_cheaper(inference: float, expected: float) -> None:
    assert pk.BreakEven(10.0, inference, 0.75).samples == expected


def test_the_band_holds_the_luckiest_and_the_unluckiest() -> None:
    case = pk.BreakEven([9.0, 10.0, 12.0], [0.25, 0.25, 0.5], [0.75, 1.0, 0.5])
    assert case.samples == 21 and case.band == (math.floor(9 / 0.75) + 1, math.inf)
    assert "21 solutions on (13 with luck, never without)" in str(case)
    assert "never pays" in str(pk.BreakEven(10.0, 1.0, 0.5))
    assert "with luck" in str(pk.BreakEven(10.0, [0.4, 0.6, 0.7], 0.5))


def test_two_errors_are_two_products() -> None:
    assert pk.BreakEven(1.0, 1.0, 2.0).same_product is None
    assert pk.BreakEven(1.0, 1.0, 2.0, 0.02, 1e-8).same_product is False
    assert pk.BreakEven(1.0, 1.0, 2.0, 0.02, 0.015).same_product is True


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, [], [1.0, 0.0]])
def test_seconds_that_cannot_be_are_refused(bad: object) -> None:
    for name in ("training_seconds", "inference_seconds", "classical_seconds"):
        seconds = {"training_seconds": 1.0, "inference_seconds": 1.0, "classical_seconds": 1.0} | {name: bad}
        with pytest.raises(ValueError, match=name):
            pk.BreakEven(**seconds)
    with pytest.raises(ValueError, match="generator_error"):
        pk.BreakEven(1.0, 1.0, 1.0, generator_error=-0.02)


def test_the_figure_marks_the_crossing_or_says_that_there_is_none() -> None:
    cases = {
        "multigrid to 1e-8": pk.BreakEven(10.0, 0.25, 0.75, 0.02, 1e-8),
        "multigrid to 2 %": pk.BreakEven(10.0, 0.25, 0.2, 0.02, 0.018),
    }
    figure = pk.plot_break_even(cases)
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert set(lines) == {
        "generator, error 2 %", "multigrid to 1e-8, error 1e-08", "multigrid to 2 %, error 1.8 %",
    }  # fmt: skip
    generator = lines["generator, error 2 %"]
    assert np.allclose(generator.y, 10 + 0.25 * generator.x)
    (mark,) = (trace for trace in figure.data if trace.mode == "markers+text")
    assert mark.x[0] == 21 and np.isclose(mark.y[0], 21 * 0.75) and mark.text == ("21",)
    (note,) = figure.layout.annotations
    said = " ".join(note.text.split())
    first, second = said.replace("<br>", " ").split("multigrid to 2 %")
    assert "from 21 solutions on" in first and "more than a million times as large" in first
    assert "never pays" in second and "product" not in second


def test_a_figure_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="cases: expected at least one"):
        pk.plot_break_even({})
    with pytest.raises(ValueError, match="most: expected a finite number, at least 2"):
        pk.plot_break_even(pk.BreakEven(1.0, 1.0, 2.0), most=0)


def test_a_range_of_seconds_is_a_band() -> None:
    figure = pk.plot_break_even(pk.BreakEven([9.0, 10.0, 12.0], 0.25, 0.75), most=100)
    (area,) = (trace for trace in figure.data if trace.fill == "toself")
    assert np.isclose(min(area.y), 9.25) and np.isclose(max(area.y), 12 + 25)


ROWS = """what,generator,classical,batch,seconds,set_up,assembly,error
training,plain,0,16,100,0,0,0.02
training,galerkin,0,16,120,0,0,0.005
inference,plain,0,1,0.5,0,0,0.02
inference,plain,0,16,0.2,0,0,0.02
inference,plain,0,16,0.3,0,0,0.02
inference,galerkin,0,16,0.4,0,0,0.005
multigrid,,1,1,0.5,0.125,0.5,1e-9
multigrid,,1,1,0.75,0.125,0.5,1e-9
stopped,plain,1,1,0.25,0.125,0.5,0.015
stopped,galerkin,1,1,0.375,0.125,0.5,0.004"""


def test_cases_from_the_table() -> None:
    names, *rows = (line.split(",") for line in ROWS.splitlines())
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    words = ("what", "generator")
    table = {k: np.array(v if k in words else [float(x) for x in v]) for k, v in columns.items()}
    table["grid"] = np.array(["64 x 64"] * len(rows))
    cases = pk.break_evens(table, "64 x 64")
    assert cases == {
        "multigrid": pk.BreakEven(100.0, [0.2, 0.3], [1.125, 1.375], 0.02, 1e-9),
        "stopped": pk.BreakEven(100.0, [0.2, 0.3], 0.875, 0.02, 0.015),
    }
    case = pk.break_evens(table, "64 x 64", batch=1, assembly=False)["multigrid"]
    assert case == pk.BreakEven(100.0, 0.5, [0.625, 0.875], 0.02, 1e-9)
    case = pk.break_evens(table, "64 x 64", "galerkin")["stopped"]
    assert case == pk.BreakEven(120.0, 0.4, 1.0, 0.005, 0.004)
    with pytest.raises(ValueError, match="grid: expected one of '64 x 64'"):
        pk.break_evens(table, "8 x 8")
    with pytest.raises(ValueError, match="generator: expected one of 'plain', 'galerkin'"):
        pk.break_evens(table, "64 x 64", "other")
    with pytest.raises(ValueError, match=r"batch: expected one of \[1, 16\]"):
        pk.break_evens(table, "64 x 64", batch=4)
