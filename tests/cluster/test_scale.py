"""Measuring on the engines: what a notebook asks for, stops, and goes on with."""

import asyncio
from pathlib import Path

import pytest

import pdekit as pk
from pdekit.cluster import ClusterError
from tests.cluster import on_engines
from tests.measure.conftest import EXPERIMENT

pytestmark = pytest.mark.ranks


@pytest.fixture
def plan() -> pk.Plan:
    return pk.Plan(
        (1, 2),
        (16,),
        4,
        ("strong",),
        ("sgd",),
        (8, 4096),
        rounds=2,
        threads=(2,),
        seconds=0.02,
        experiment=EXPERIMENT,
    )


async def tick(beats: list[int]) -> None:
    """Count for as long as the event loop is free."""
    while True:
        beats.append(len(beats))
        await asyncio.sleep(0.01)


def test_it_measures_beside_a_solver(
    cluster: pk.Cluster, experiment: pk.Experiment, plan: pk.Plan, tmp_path: Path
) -> None:
    """Two of three engines. Fails if the solver or the engines' threads are lost, and if progress comes afterwards."""
    solver, said = cluster.solver(experiment), []
    before = cluster.apply(on_engines.threads)
    found = cluster.scale(plan, tmp_path / "a.jsonl", lambda *words: said.append(words))
    assert len(found) == len(plan.turns()) == len(said) == 12
    assert [done for done, _, _ in said] == list(range(12)) and "round 1, ping-pong of 8 B, 2 ranks" in said[
        0
    ]
    assert found.text() == (tmp_path / "a.jsonl").read_text()
    assert len(found.machine["ranks"]) == 2 and found.machine["versions"]["MPI"]
    host = found.machine["ranks"][0]
    assert len(found.machine["during"]) == 2 and host in found.machine["before"]
    assert {len(t.compute) for t in found.of("step", ranks=2).trials} == {2}
    assert cluster.apply(on_engines.threads) == before
    assert solver.held and [step.number for step in solver.advance(2)] == [1, 2]


def test_a_task_that_is_cancelled_leaves_what_it_measured(
    cluster: pk.Cluster, plan: pk.Plan, tmp_path: Path
) -> None:
    """Fails if the loop is blocked, if the engines are lost, or if what was measured is measured again."""
    file, said = tmp_path / "a.jsonl", []

    async def main() -> None:
        def progress(done: int, of: int, words: str) -> None:
            said.append(done)
            if done == 5:
                task.cancel()

        task = asyncio.ensure_future(cluster.scale_async(plan, file, progress))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(pk.Measurement.load(file)) == 5
        beats: list[int] = []
        ticking = asyncio.ensure_future(tick(beats))
        found = await cluster.scale_async(plan, file, lambda done, *_: said.append(done))
        ticking.cancel()
        assert len(beats) > 10
        assert len(found) == 12 and said == [0, 1, 2, 3, 4, 5, *range(5, 12)]

    asyncio.run(main())


def test_what_the_engines_cannot_measure_is_refused(
    cluster: pk.Cluster, plan: pk.Plan, tmp_path: Path
) -> None:
    with pytest.raises(
        ValueError, match="ranks: expected at most the 3 of this cluster, got 4; start as many"
    ):
        cluster.scale(pk.Plan((1, 4), experiment=EXPERIMENT, resolutions=(16,)))
    with pytest.raises(ValueError, match="file: expected a file in a folder"):
        cluster.scale(plan, tmp_path / "no" / "a.jsonl")
    with pytest.raises(ClusterError):
        pk.Cluster(ranks=2).scale(plan)
