"""What is kept of a measurement that is interrupted, and what is refused when it goes on."""

from pathlib import Path

import pytest

import pdekit as pk
from pdekit.measure.machine import machine
from pdekit.measure.record import Record
from pdekit.scaling import measurement
from tests.measure.conftest import EXPERIMENT, QUIET, described


def trial_of(record: Record, turn: int) -> pk.Trial:
    """A trial as `take` makes it, of that turn."""
    number, piece = record.turns[turn]
    names = ("kind", "ranks", "threads", "nodes", "resolution", "global_batch", "optimizer")
    values = {name: getattr(piece, name) for name in names}
    size = 4711 if piece.kind == "step" else piece.bytes  # a step's bytes are measured
    return pk.Trial(seconds=1.0 + turn, round=number, bytes=size, **values)


def test_it_goes_on_behind_the_last_whole_trial(plan: pk.Plan, quiet: dict, tmp_path: Path) -> None:
    """Killed while it wrote its sixth. Fails if that is read, if one before is lost, or if one is measured twice."""
    file = tmp_path / "a.jsonl"
    record = Record(plan, quiet, file)
    record.begin({"a": QUIET})
    for turn in range(5):
        record.add(trial_of(record, turn), 0.1)
    assert pk.Measurement.load(file).column("seconds").tolist() == [1, 2, 3, 4, 5]  # before any end
    with file.open("a") as half:
        half.write('{"kind": "step", "ranks": 1, "sec')
    again = Record(plan, quiet, file)
    assert again.todo() == list(range(5, 28)) and len(again.measurement) == 5
    again.add(trial_of(again, 5), 0.1)
    assert pk.Measurement.load(file).column("seconds").tolist() == [1, 2, 3, 4, 5, 6]
    while again.todo():
        again.add(trial_of(again, again.todo()[0]), 0.1)
    again.end_round({"a": QUIET})
    assert Record(plan, quiet, file).todo() == []
    assert pk.Measurement.load(file).machine["during"][-1] == {"a": QUIET}


def test_of_two_that_go_on_with_one_file_the_second_to_write_stops(
    plan: pk.Plan, quiet: dict, tmp_path: Path
) -> None:
    """Fails if it writes over what the other has measured meanwhile, in a turn or at the end of a round."""
    file = tmp_path / "a.jsonl"
    Record(plan, quiet, file).add(trial_of(Record(plan, quiet), 0), 0.1)
    one, other = Record(plan, quiet, file), Record(plan, quiet, file)
    one.add(trial_of(one, 1), 0.1)
    for write in (lambda: other.add(trial_of(other, 1), 0.1), lambda: other.end_round({"a": QUIET})):
        with pytest.raises(OSError, match="another job writes there as well"):
            write()
    one.add(trial_of(one, 2), 0.1)
    assert pk.Measurement.load(file).column("seconds").tolist() == [1, 2, 3]


def test_what_another_writes_during_its_own_writing_is_noticed(
    plan: pk.Plan, quiet: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk takes a while, in which the size of the file may grow by more than a trial of its own."""
    record = Record(plan, quiet, tmp_path / "a.jsonl")

    def slowly(path: Path, trials: list[pk.Trial]) -> int:
        measurement.append(path, trials)
        return measurement.append(path, trials)

    monkeypatch.setattr("pdekit.measure.record.append", slowly)
    record.add(trial_of(record, 0), 0.1)
    with pytest.raises(OSError, match="another job writes there as well"):
        record.add(trial_of(record, 1), 0.1)


def test_it_says_how_much_is_done_and_left(plan: pk.Plan, quiet: dict) -> None:
    """7 pieces a round. Fails if the time left is said before it can be known, or without the rounds to come."""
    record = Record(plan, quiet)
    assert record.standing(0) == (0, 28, "round 1, ping-pong of 8 B, 2 ranks")
    for turn in range(7):
        record.add(trial_of(record, turn), 2.0)
    assert record.standing(7) == (7, 28, "round 2, sgd, grid 16, batch 8, 2 ranks; about 42 s left")
    for turn in range(7, 28):
        record.add(trial_of(record, turn), 200.0)
    assert record.todo() == []


def test_the_warnings_are_in_the_file(plan: pk.Plan, quiet: dict, tmp_path: Path) -> None:
    record = Record(plan, quiet, tmp_path / "a.jsonl")
    record.add(trial_of(record, 0), 0.1)
    record.end_round({"a": QUIET | {"others": 2.0}})
    found = pk.Measurement.load(tmp_path / "a.jsonl")
    assert found.warnings == ["a: others kept 2.0 of 4 cores busy in the worst of 2 rounds"]
    assert len(found) == 1


def test_another_plan_or_machine_is_refused(plan: pk.Plan, quiet: dict, tmp_path: Path) -> None:
    """Fails if trials of two plans, machines or MPI libraries come into one file; and if it is spoilt by the try."""
    file = tmp_path / "a.jsonl"
    Record(plan, quiet, file)
    before = file.read_bytes()
    other = pk.Plan((1, 2), (16,), global_batch=8, optimizers=("sgd",), bytes=(8,), experiment=EXPERIMENT)
    with pytest.raises(
        ValueError, match=r"global_batch: expected the plan of a\.jsonl, in which it is 4, got 8; go"
    ):
        Record(other, quiet, file)
    ranks = [described(model="Slow 1"), described()]
    with pytest.raises(
        ValueError, match=r"machine: expected that of a\.jsonl, with a, model 'Fast 9000', got 'Slow"
    ):
        Record(plan, machine(plan, ranks, {"MPI": "mpich 5"}), file)
    with pytest.raises(ValueError, match=r"with MPI 'mpich 5', got 'Open MPI 5'"):
        Record(plan, machine(plan, [described(), described()], {"MPI": "Open MPI 5"}), file)
    assert file.read_bytes() == before


def test_a_file_that_cannot_be_is_refused(plan: pk.Plan, quiet: dict, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="file: expected a file in a folder that can be written"):
        Record(plan, quiet, tmp_path / "no" / "a.jsonl")
    (tmp_path / "b.jsonl").write_text("hello\n")
    with pytest.raises(ValueError, match="begins with 'pdekit scaling'"):
        Record(plan, quiet, tmp_path / "b.jsonl")
    assert (tmp_path / "b.jsonl").read_text() == "hello\n"
