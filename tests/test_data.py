"""The tables in data/ are still what their provenance says, and can be read."""

import csv
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import pdekit as pk
from pdekit.scaling import runs
from tests.benchmarks.optimizers import Case, Counting
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


DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("path", sorted(DATA.glob("*.csv")), ids=lambda path: path.stem)
def test_a_table_has_its_source_and_reads_as_the_csv_module_reads_it(path: Path) -> None:
    """Fails if words become numbers, if a comment is taken for a row, or without a line in data/README.md."""
    columns = pk.table(path.stem)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if line[0] != "#"))
    for name, column in columns.items():
        cells = [row[name] for row in rows]
        expected = [float(cell or "nan") for cell in cells] if column.dtype.kind == "f" else cells
        np.testing.assert_array_equal(column, expected)
    assert set(columns) == set(rows[0]) and f"`{path.name}`" in (DATA / "README.md").read_text()


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"table: expected one of .*'ghia-1982'.* got 'ghia'"):
        pk.table("ghia")
    with pytest.raises(ValueError, match=r"measurement: expected one of .*'scaling-example'.* got 'scaling'"):
        pk.Measurement.named("scaling")


def test_the_example_of_a_measurement_has_what_a_model_needs() -> None:
    """Lesson 14 asks it for steps on 1024 x 1024; fails without a line in data/README.md."""
    model = pk.fit(pk.Measurement.named("scaling-example"))
    seconds = model.steps.predict(1, 1, 1024).seconds / model.steps.predict(1, 1, 64).seconds
    assert 30 < seconds < 3000  # 256 times the nodes
    assert "`scaling-example.jsonl`" in (DATA / "README.md").read_text()


@pytest.mark.parametrize("case", [Case("poisson", "lbfgs", 64), Case("galerkin", "muon", 64)])
def test_runs_of_the_optimizers_begin_as_the_table_says(case: Case) -> None:
    """The first three marks of one run, trained again. Fails if a method, a loss or a count of messages changes."""
    (run, *_) = runs(pk.table("optimizers"), case.problem)[case.method, case.batch]
    again = islice(case.run(run["rate"][0], 0, int(run["budget"][0]), 100.0, Counting()), 3)
    for k, row in enumerate(again):
        assert row.messages == run["messages"][k]
        for name in ("epoch", "megabytes", "loss", "error"):
            assert getattr(row, name) == pytest.approx(run[name][k], rel=1e-2), name


def test_runs_on_two_ranks_are_those_on_one() -> None:
    """The losses of the first five epochs, and the ends: float32 parts them by some per cent in 80 epochs."""
    one, two = (runs(pk.table(name), "galerkin-64") for name in ("optimizers", "optimizers-2-ranks"))
    for case in (("adam", 8), ("lbfgs", 64)):
        for a, b in zip(one[case], two[case], strict=True):
            first = a["epoch"] <= 5
            np.testing.assert_array_equal(a["epoch"][first], b["epoch"][b["epoch"] <= 5])
            np.testing.assert_allclose(b["loss"][: first.sum()], a["loss"][first], rtol=0.01)
            assert b["loss"][-1] == pytest.approx(a["loss"][-1], rel=0.1)
