"""Measuring on several ranks: a small plan, what is said between its turns, and ranks that have nothing to do."""

from pathlib import Path

import pytest

import pdekit as pk
from tests.measure.conftest import EXPERIMENT
from tests.ranks.launch import on_ranks

pytestmark = pytest.mark.ranks
PLAN = pk.Plan(
    (1, 2), (16,), 4, optimizers=("lbfgs",), bytes=(8, 4096), rounds=2, seconds=0.02, experiment=EXPERIMENT
)


def test_a_plan_is_measured_on_some_of_the_ranks_and_known_to_all(tmp_path: Path) -> None:
    """3 ranks, of which one has nothing to do. Fails if a piece or a rank is left out, or if ranks differ."""
    file = tmp_path / "a.jsonl"
    answers = on_ranks(3, "scaled", plan=PLAN.values(), file=str(file))
    assert len({answer["text"] for answer in answers}) == 1 and answers[0]["text"] == file.read_text()
    found = pk.Measurement.load(file)
    turns = len(PLAN.turns())
    assert len(found) == turns and [len(answer["said"]) for answer in answers] == [turns, 0, 0]
    assert [done for done, _, _ in answers[0]["said"]] == list(range(turns))
    assert (
        found.machine["ranks"] == [found.machine["ranks"][0]] * 2
        and "mpi" in str(found.machine["versions"]).lower()
    )
    assert len(found.machine["during"]) == 2 and found.machine["plan"]["rounds"] == 2
    for trial in found.trials:
        assert trial.seconds > 0 and trial.nodes == 1
    by = {(t.ranks, t.global_batch, t.optimizer): t for t in found.of("step", round=1).trials}
    assert set(by) == {(p, b, "lbfgs") for p, b in ((1, 4), (2, 4), (2, 8))}
    for (ranks, _, _), trial in by.items():
        assert len(trial.compute) == len(trial.communication) == len(trial.memory) == ranks
        assert min(trial.memory) > 1e8 and trial.seconds >= max(trial.compute)
        assert (trial.messages > 0) == (trial.bytes > trial.gradient > 0) == (ranks > 1)


def test_it_goes_on_and_is_refused_on_all_ranks(tmp_path: Path) -> None:
    """Fails, by waiting for ever, if one rank alone refuses or takes a turn that is done."""
    file = tmp_path / "a.jsonl"
    messages = pk.Plan((2,), (16,), bytes=(8, 64), scaling=(), seconds=0.1, rounds=3, experiment=EXPERIMENT)
    on_ranks(2, "scaled", plan=messages.values(), file=str(file))
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:6]) + '\n{"kind": "allre')
    again = on_ranks(2, "scaled", plan=messages.values(), file=str(file))
    assert len(again[0]["said"]) == 12 - 5
    assert file.read_text().splitlines()[1:6] == lines[1:6] and len(pk.Measurement.load(file)) == 12
    other = pk.Plan((2,), (16,), bytes=(8, 64), scaling=(), seconds=0.1, rounds=4, experiment=EXPERIMENT)
    said = on_ranks(2, "refused", plan=other.values(), file=str(file))
    assert said[0] == said[1] and said[0].startswith(
        "rounds: expected the plan of a.jsonl, in which it is 3, got 4"
    )
    few = on_ranks(2, "refused", plan=pk.Plan((1, 3)).values())
    assert few[0] == few[1] and few[0].startswith("ranks: expected at most the 2 of this job, got 3")


def test_messages_on_and_between_machines() -> None:
    """Ranks 0 and 1 on one machine, rank 2 on another. Fails if the ping-pong between them is not one of rank 2."""
    plan = pk.Plan((2, 3), (16,), bytes=(8,), scaling=(), rounds=1, seconds=0.1, experiment=EXPERIMENT)
    texts = on_ranks(3, "on_machines", plan=plan.values(), hosts=["a", "a", "b"])
    found = pk.Measurement.parse(texts[0])
    assert texts == [texts[0]] * 3
    assert [(t.kind, t.ranks, t.nodes) for t in found.trials] == [
        ("ping-pong", 2, 1), ("ping-pong", 2, 2), ("allreduce", 2, 1), ("allreduce", 3, 2)
    ]  # fmt: skip
    assert set(found.machine["hosts"]) == set(found.machine["during"][0]) == {"a", "b"}
    assert found.machine["ranks"] == ["a", "a", "b"]


def test_a_rank_without_a_part_sleeps() -> None:
    """Fails if it waits in MPI, which keeps its core busy."""
    first, *others = on_ranks(3, "asleep", seconds=1.0)
    assert min(others) > max(first, 5)


def test_what_ranks_say_to_each_other() -> None:
    for answer in on_ranks(3, "words"):
        assert answer == {"all": ["", "µ", "µµ"], "first": "rank 0 of µ"}
    assert on_ranks(3, "bounced") == [[5.0] * 3, [5.0] * 3, [7.0] * 3]
