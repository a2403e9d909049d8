"""Histories in files: the same numbers back, what is refused, and what other programs find in them."""

import csv
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

import pdekit as pk
from pdekit.train import board
from pdekit.train.history import COLUMNS
from pdekit.train.ranks import Ranks

NUMBERS = [0.1 + 0.2, 1 / 3, -1e-300, 5e-324, np.nextafter(1.0, 2.0), 1.2345678901234567e38]


@pytest.fixture
def history() -> pk.History:
    """Six steps on two ranks, the last two of them not gathered; numbers that are easily spoilt."""
    made = pk.History(experiment="Experiment(problem=Poisson(16))", rank=1, size=2)
    for number, loss in enumerate(NUMBERS, start=1):
        made.append(pk.Step(number, loss, number / 3, 16, 1e-3 / 3, 0.1, 0.7, 2, 2**53 - 1, 0.1 * number, 7))
    others = [[[0.2 * n, 0.3, 5], [0.1 * n, 0.7, 2**53 - 1]] for n in range(1, 5)]
    made.gather_from(np.array(others))
    return made


@pytest.fixture(params=[".csv", ".parquet"])
def suffix(request: pytest.FixtureRequest) -> str:
    if request.param == ".parquet":
        pytest.importorskip("pyarrow")
    return request.param


def test_a_file_holds_the_same_bits(history: pk.History, suffix: str, tmp_path: Path) -> None:
    """Fails with a number of digits (`%.16g`), and with float32 columns."""
    path = tmp_path / f"run{suffix}"
    history.save(path)
    again = pk.History.load(path)
    assert again.steps == history.steps  # dataclasses: all fields, exactly
    assert [type(value) for value in vars(again.steps[0]).values()] == [
        type(value) for value in vars(history.steps[0]).values()
    ]
    np.testing.assert_array_equal(again.ranks.table, history.ranks.table)
    assert (again.experiment, again.rank, again.size) == (history.experiment, 1, 2)
    assert again.versions["pdekit"] == pk.__version__ and "torch" in again.versions
    assert list(tmp_path.iterdir()) == [path]


def test_a_history_without_steps_is_a_file_too(suffix: str, tmp_path: Path) -> None:
    pk.History(experiment="Experiment()").save(tmp_path / f"run{suffix}")
    again = pk.History.load(tmp_path / f"run{suffix}")
    assert len(again) == 0 and again.experiment == "Experiment()"


def test_any_program_reads_the_csv(history: pk.History, tmp_path: Path) -> None:
    history.save(tmp_path / "run.csv")
    with (tmp_path / "run.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert [float(row["loss"]) for row in rows] == NUMBERS
    assert [row["sent_0"] for row in rows] == ["5"] * 4 + [""] * 2
    assert [float(row["waiting_1"]) for row in rows[:4]] == [0.7 - 0.3] * 4 and rows[5]["waiting_1"] == ""
    assert [float(row["compute_1"]) for row in rows] == [0.1 * number for number in range(1, 7)]


def test_pyarrow_finds_types_and_metadata(history: pk.History, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    history.save(tmp_path / "run.parquet")
    schema = parquet.read_schema(tmp_path / "run.parquet")
    assert schema.metadata[b"pdekit.experiment"].decode() == history.experiment
    types = {name: str(schema.field(name).type) for name in ("number", "loss", "sent_0", "waiting_1")}
    assert types == {"number": "int64", "loss": "double", "sent_0": "int64", "waiting_1": "double"}
    assert parquet.read_table(tmp_path / "run.parquet")["sent_0"].to_pylist() == [5] * 4 + [None] * 2


def test_a_file_that_cannot_be_finished_leaves_the_old_one(
    history: pk.History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails if `save` writes to the file itself."""
    path = tmp_path / "run.csv"
    path.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("pdekit.train.formats.csv.writer", full)
    with pytest.raises(OSError, match="no space"):
        history.save(path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def spoilt(text: str, how: str) -> str:
    """The text of a CSV after an accident."""
    lines = text.splitlines(keepends=True)
    return {
        "cut in a line": text[:-3],
        "cut between lines": "".join(lines[:-1]),
        "cut in the header": "".join(lines[:4]),
        "foreign": "a,b\n1,2\n",
        "empty": "",
        "newer": text.replace("# number: 1\n", "# number: 2\n"),
        "no number": text.replace(",16,", ",sixteen,"),
        "no column": text.replace("gradient_norm", "norm"),
        "no rank": text.replace("sent_1", "sent_2"),
    }[how]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("cut in a line", "expected a last line that ends"),
        ("cut between lines", "expected '?6 steps'?, got 5; give one that History.save wrote, whole"),
        ("cut in the header", "expected metadata rank, ranks, steps"),
        ("foreign", "expected a pdekit history, got 'another file'"),
        ("empty", "last line that ends"),
        ("newer", "expected format number 1, got '2'; read it with the pdekit that wrote it"),
        ("no number", "run.csv, line 9: expected numbers, got"),
        ("no column", "expected the columns gradient_norm, got 'number, loss"),
        ("no rank", "expected the columns sent_1"),
    ],
)
def test_a_csv_that_is_not_whole_or_anothers_is_refused(
    history: pk.History, tmp_path: Path, how: str, words: str
) -> None:
    path = tmp_path / "run.csv"
    history.save(path)
    path.write_text(spoilt(path.read_text(), how))
    with pytest.raises(ValueError, match=words):
        pk.History.load(path)


def test_a_parquet_that_is_not_whole_or_anothers_is_refused(history: pk.History, tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "run.parquet"
    history.save(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="expected a Parquet file"):
        pk.History.load(path)
    parquet.write_table(pyarrow.table({"loss": [1.0]}), path)
    with pytest.raises(ValueError, match="expected a pdekit history, got 'another file'"):
        pk.History.load(path)
    (tmp_path / "run.csv").write_bytes(b"\xff\xfe\x00")  # a picture, say
    with pytest.raises(ValueError, match="expected text, got"):
        pk.History.load(tmp_path / "run.csv")


def test_names_that_cannot_be_are_refused(history: pk.History, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"history: expected a file \.csv or \.parquet, got '.*run\.xlsx'"):
        history.save(tmp_path / "run.xlsx")
    with pytest.raises(ValueError, match="folder that can be written"):
        history.save(tmp_path / "no" / "run.csv")
    for name in ("run.csv", "run.xlsx"):
        with pytest.raises(ValueError, match=r"run\.\w+'; check the path"):
            pk.History.load(tmp_path / name)


def test_without_the_packages_the_remedy_is_said(
    history: pk.History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyarrow", "pyarrow.parquet", "tensorboardX"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        ModuleNotFoundError, match=r"package pyarrow, got 'none'; pip install pdekit\[history"
    ):
        history.save(tmp_path / "run.parquet")
    with pytest.raises(ModuleNotFoundError, match=r"package tensorboardX, .* pip install pdekit\[history\]"):
        history.to_tensorboard(tmp_path)


def test_waiting_is_what_goes_beyond_the_fastest_rank() -> None:
    nan = np.nan
    talked = np.array([[0.5, 0.2, 0.3], [0.1, 0.4, nan], [0.3, nan, nan]])
    ranks = Ranks(np.stack([np.ones_like(talked), talked, np.ones_like(talked)], axis=-1))
    np.testing.assert_array_equal(ranks.transfer, [0.2, 0.1, nan])  # the last step is not gathered
    np.testing.assert_allclose(ranks.waiting, [[0.3, 0, 0.1], [0, 0.3, nan], [nan] * 3])
    alone = Ranks(np.ones((2, 1, 3)))
    np.testing.assert_array_equal(alone.waiting, 0)


def test_a_run_that_goes_on_with_fewer_ranks_keeps_all_columns() -> None:
    history = pk.History(size=1)
    step = pk.Step(1, 0.0, 0.1, 16, 1e-3, 1.0, 0.2, 1, 8, 0.3, 4)
    history.extend([step], np.array([[[1.0, 0.2, 8], [2.0, 0.1, 8]]]))
    history.append(step)
    np.testing.assert_array_equal(history.ranks.compute, [[1.0, 2.0], [0.3, np.nan]])


def test_one_rank_knows_all_there_is_without_a_message() -> None:
    experiment = pk.Experiment(pk.Poisson(16), pk.UNet(width=4, depth=2), samples=7, batch=3, steps=4)
    solver = pk.Solver(experiment)
    steps = [next(solver), next(solver)]
    ranks = solver.history.ranks
    np.testing.assert_array_equal(ranks.compute[:, 0], [step.compute for step in steps])
    np.testing.assert_array_equal(ranks.waiting, np.zeros((2, 1)))
    np.testing.assert_allclose(solver.history.compute.cumsum(), solver.history.seconds)
    assert solver.run().ranks.compute.shape == (4, 1)
    assert solver.history.samples.tolist() == [3, 3, 1, 3]
    assert pk.Experiment.parse(solver.history.experiment) == experiment


def test_compare_says_what_it_took_to_reach_a_loss(tmp_path: Path) -> None:
    """The losses on the coarse grid do not count, and a run that never gets there has none."""

    def run(losses: list[float], grids: list[int]) -> pk.History:
        made = pk.History(size=2)
        for k, (loss, grid) in enumerate(zip(losses, grids, strict=True), start=1):
            step = pk.Step(k, loss, 0.5 * k, grid, 1e-3, 1.0, 0.1, 1, 10, 0.3, 4, messages=37)
            made.extend([step], np.array([[[0.3, 0.1, 10], [0.2, 0.2, 30]]]))
        return made

    first, second = run([3.0, 0.1, 2.0, 0.5], [8, 8, 16, 16]), run([4.0, 3.0, 1.0], [16] * 3)
    second.save(tmp_path / "second.csv")
    table = pk.compare({"first": first, "second": tmp_path / "second.csv"}, at=[0.5, 1.0])
    one, two = table["first"], table["second"]
    assert (one["steps"], one["seconds"], one["samples"], one["bytes"]) == (4, 2.0, 16, 160)
    assert (one["messages"], one["messages to 0.5"], two["messages to 1"]) == (148, 148, 111)
    assert one["communication"] == pytest.approx(0.3 / 0.8) and one["loss"] == 0.5
    assert (one["steps to 0.5"], one["seconds to 0.5"], one["bytes to 0.5"]) == (4, 2.0, 160)
    assert (two["steps to 0.5"], two["steps to 1"], two["bytes to 1"]) == (None, 3, 120)
    assert pk.compare({"second": second}, at=2, window=2)["second"]["steps to 2"] == 3
    lines = repr(table).splitlines()
    assert lines[0].split()[:4] == ["run", "grid", "ranks", "steps"] and lines[2].split()[-1] == "120"
    assert "<td>second</td>" in table._repr_html_()
    with pytest.raises(ValueError, match="history empty: expected at least one step"):
        pk.compare({"empty": pk.History()})
    with pytest.raises(ValueError, match="histories: expected one run at least"):
        pk.compare({})
    with pytest.raises(ValueError, match="at: expected a finite number"):
        pk.compare({"first": first}, at=float("nan"))


def test_a_loaded_history_is_plotted_against_samples_too(history: pk.History, tmp_path: Path) -> None:
    history.save(tmp_path / "run.csv")
    loaded = pk.History.load(tmp_path / "run.csv")
    one, two = pk.plot_loss({"there": history, "loaded": loaded}, by="samples").data
    assert two.x.tolist() == one.x.tolist() == [7, 14, 21, 28, 35, 42]
    np.testing.assert_array_equal(two.y, one.y)


def events(folder: Path) -> list:
    """What is in TensorBoard's file: records of length, its checksum, the data, its checksum."""
    event = pytest.importorskip("tensorboardX.proto.event_pb2")
    (file,) = folder.iterdir()
    data, found, place = file.read_bytes(), [], 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        found.append(event.Event.FromString(data[place + 12 : place + 12 + length]))
        place += 12 + length + 4
    return found


def test_tensorboard_gets_every_number_once(history: pk.History, tmp_path: Path) -> None:
    """Written in three pieces, as a run does; the steps that are not gathered have no seconds of ranks."""
    pytest.importorskip("tensorboardX")
    growing = pk.History(experiment=history.experiment, rank=1, size=2)
    with board.Board(tmp_path) as one:
        for step in history.steps[:3]:
            growing.append(step)
        one.write(growing)
        growing.gather_from(history.ranks.table[:2])
        one.write(growing)
        for step in history.steps[3:]:
            growing.append(step)
        one.write(growing)
    found = events(tmp_path)
    scalars = [
        (v.tag, e.step, v.simple_value, e.wall_time)
        for e in found
        for v in e.summary.value
        if not v.metadata.plugin_data.plugin_name
    ]
    losses = [(step, value) for tag, step, value, _ in scalars if tag == "loss"]
    np.testing.assert_array_equal(
        losses, [(n, np.float32(x)) for n, x in zip(range(1, 7), NUMBERS, strict=True)]
    )
    waiting = [(step, value) for tag, step, value, _ in scalars if tag == "waiting/rank_1"]
    np.testing.assert_allclose(waiting, [(1, 0.4), (2, 0.4)], rtol=1e-6)
    times = [time for tag, _, _, time in scalars if tag == "loss"]
    np.testing.assert_allclose(np.diff(times), 1 / 3, atol=1e-5)
    assert {tag for tag, *_ in scalars} >= {"gradient_norm", "rate", "compute/rank_0", "sent/rank_1"}
    assert len({(tag, step) for tag, step, *_ in scalars}) == len(scalars)
    assert any(b"Experiment(" in t for e in found for v in e.summary.value for t in v.tensor.string_val)


def test_every_column_of_a_step_is_a_column_of_the_history(history: pk.History) -> None:
    assert {name: len(getattr(history, name)) for name in COLUMNS} == dict.fromkeys(COLUMNS, 6)
