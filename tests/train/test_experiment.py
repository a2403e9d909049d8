"""A run is a value: it prints as one line, reads back, and refuses what cannot work."""

import re
from dataclasses import replace

import numpy as np
import pytest

import pdekit as pk


@pytest.mark.parametrize(
    "experiment",
    [
        pk.Experiment(),
        pk.Experiment(
            pk.Poisson(32, terms=4, eta=0.25), pk.UNet(width=8, norm="group"), optimizer="lbfgs", samples=16
        ),
        pk.Experiment(
            pk.Poisson(48, source=1.0), objective="mean", rate=1e-4, dtype="float64", grids="single"
        ),
    ],
)
def test_it_prints_as_one_line_and_reads_back(experiment: pk.Experiment) -> None:
    assert "\n" not in str(experiment)
    assert pk.Experiment.parse(str(experiment)) == experiment
    assert pk.Experiment.parse("pk.Experiment(pk.Poisson(resolution=32))") == pk.Experiment(pk.Poisson(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Experiment(",
        "__import__('os').system('true')",
        "Poisson()",
        "Experiment(colour='red')",
        "Experiment(seed=1+x)",
    ],
)
def test_other_text_is_refused_and_never_executed(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        pk.Experiment.parse(text)


LINE = str(pk.Experiment())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LINE.replace("UNet(", "UNett("), "got 'UNett'; did you mean UNet?"),
        (LINE.replace("UNet(", "unet("), "did you mean UNet?"),
        (LINE.replace("UNet(", "Zorro("), "dir(pdekit) lists them"),
        (LINE.replace("batch=", "bacth="), "got 'bacth'; did you mean batch?"),
        (LINE.replace(", steps=", ", steps 4="), "steps 4="),
        (LINE[:-1], "Experiment(problem=Poisson("),
        (LINE.replace("64", "64 +"), "64 +"),
        ("Experiment(1, " + "2, " * 40 + "3)", "positional arguments"),
    ],
)
def test_a_line_with_a_slip_says_where_and_is_not_repeated(text: str, words: str) -> None:
    with pytest.raises(ValueError) as refused:
        pk.Experiment.parse(text)
    said = str(refused.value)
    assert words in said
    quoted = re.search(r"got (['\"])(.*)\1; ", said)
    assert quoted and len(quoted[2]) <= 66
    assert len(said) < 320


def test_the_place_of_a_slip_is_counted_over_the_lines() -> None:
    with pytest.raises(ValueError, match=r"got 'Experiment\(\\nseed=1 2\)'; .* at character 18"):
        pk.Experiment.parse("Experiment(\nseed=1 2)")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"problem": pk.Poisson(20)}, "nearest size that works is 32"),
        ({"rate": -1.0}, "rate: expected a finite number above 0, got -1.0"),
        ({"rate": float("nan")}, "rate: expected"),
        ({"optimizer": "adamm"}, "optimizer: expected one of 'sgd', 'adam', .*'lamb', .*got 'adamm'"),
        ({"batch": 0}, "batch: expected a whole number, between 1 and 512, got 0"),
        ({"batch": 513}, "nearest that works is 512"),
        ({"steps": 2.5}, "steps: expected a whole number"),
        ({"samples": True}, "samples: expected a whole number"),
        ({"dtype": "float16"}, "dtype: expected one of"),
        ({"generator": "unet"}, "generator: expected a Generator"),
        (
            {"problem": pk.Poisson(source=1.0), "objective": "log"},
            "one of 'asinh', 'mean' for Poisson, got 'log'",
        ),
        ({"head": "ritz"}, "head: expected one of 'plain', 'galerkin'"),
        ({"problem": pk.Burgers(64, norm="l1"), "head": "galerkin"}, "a sum of squares"),
        ({"grids": "x"}, "grids: expected one of 'single'"),
        ({"schedule": "linear"}, "schedule: expected one of"),
    ],
)
def test_a_bad_setting_is_refused_with_a_remedy(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pk.Experiment(**settings)


def test_what_is_left_out_is_what_suits_the_optimizer() -> None:
    default, lbfgs = pk.Experiment(), pk.Experiment(optimizer="lbfgs")
    assert (default.rate, default.schedule, default.samples, default.batch) == (3e-3, "cosine", 512, 8)
    assert (lbfgs.rate, lbfgs.schedule, lbfgs.samples, lbfgs.batch) == (1.0, "constant", 64, 64)
    assert pk.Experiment(samples=5).batch == 5
    assert default.with_optimizer("lbfgs") == lbfgs and lbfgs.with_optimizer("adamw") == default
    assert pk.Experiment(samples=9).with_optimizer("sgd") == pk.Experiment(samples=9, optimizer="sgd")


def test_the_best_objective_is_one_that_the_loss_has() -> None:
    """A logarithm for energies above zero; where u may be constant, or a source pulls, there is none."""
    constant = pk.Poisson(faces=pk.Faces(x0=pk.Dirichlet(1.0)))
    problems = (pk.Poisson(), pk.Poisson(source=1.0), constant, pk.Burgers())
    assert [pk.Experiment(p).objective for p in problems] == ["log", "asinh", "root", "root"]
    solver = pk.Solver(pk.Experiment(replace(constant, resolution=32), samples=8, steps=2))
    assert np.all(solver.run().loss < 1e-3)  # it starts at the solution, where a root has no slope


def test_numpy_numbers_are_as_good_as_pythons() -> None:
    n, x = np.int64(32), np.float64(0.25)
    experiment = pk.Experiment(
        pk.Poisson(n, terms=n, eta=x), pk.UNet(width=n, depth=np.int64(2)), rate=x, steps=n, seed=n
    )
    assert "np." not in str(experiment) and pk.Experiment.parse(str(experiment)) == experiment


def test_coarse_grids_share_the_work_and_end_on_the_problems_own() -> None:
    plan = pk.Experiment(pk.Poisson(128), steps=2100).plan
    assert plan == ((32, 1600), (64, 2000), (128, 2100))
    assert pk.Experiment(pk.Poisson(48), steps=10).plan == ((48, 10),)  # 24 is too coarse
    assert pk.Experiment(pk.Poisson(64), grids="single", steps=10).plan == ((64, 10),)
    assert pk.Experiment(pk.Poisson(64), steps=1).resolution_at(1) == 64  # too few steps for a coarse grid


def test_progress_is_the_share_of_the_work() -> None:
    experiment = pk.Experiment(pk.Poisson(64), steps=1000)  # 800 on 32^2, 200 on 64^2
    assert [experiment.progress(n) for n in (1, 401, 801, 901)] == [0, 0.25, 0.5, 0.75]
