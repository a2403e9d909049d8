"""What is changed while a run is under way on the engines."""

import asyncio
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

import pdekit as pk
from pdekit.cluster import engine
from pdekit.cluster.elastic import Kept
from pdekit.cluster.remote import RemoteSolver
from tests.cluster import on_engines


@pytest.fixture
def constant() -> pk.Experiment:
    """Eight steps of milliseconds."""
    generator = pk.UNet(width=2, depth=2)
    settings = {"samples": 6, "batch": 3, "steps": 8, "dtype": "float64", "schedule": "constant"}
    return pk.Experiment(pk.Poisson(16), generator, **settings)


@pytest.mark.ranks
def test_the_rate_changes_on_all_ranks_behind_the_steps_under_way(
    cluster: pk.Cluster, constant: pk.Experiment
) -> None:
    """Fails if the change overtakes steps, if one rank is left out, or if the asking waits."""
    local = pk.Solver(constant)
    local.advance(2), local.change_rate(0.1), local.advance(3), local.change_rate(0.02), local.run()

    async def main() -> RemoteSolver:
        solver = await cluster.solver_async(constant)
        flying = asyncio.ensure_future(solver.advance_async(2))
        await asyncio.sleep(0)
        start = time.monotonic()
        solver.change_rate(0.1)
        assert time.monotonic() - start < 0.5 and len(solver.history) == 0
        await flying
        await solver.advance_async(3)
        await solver.change_rate_async(0.02)
        await solver.advance_async(3)
        return solver

    history = asyncio.run(main()).history
    np.testing.assert_array_equal(history.rate, local.history.rate)
    assert history.rate.tolist() == [constant.rate] * 2 + [0.1] * 3 + [0.02] * 3
    np.testing.assert_allclose(history.loss, local.history.loss, rtol=1e-12)


@pytest.mark.ranks
def test_a_slow_rank_is_seen_and_the_memory_of_each(cluster: pk.Cluster, constant: pk.Experiment) -> None:
    """Rank 1 twenty times as long for 3 steps. Fails if it is another, all of them, or for ever; if a memory is left
    out, or another process's."""
    solver = cluster.solver(constant, ranks=2)
    assert solver.memory == []
    plain = pk.Solver(constant).run()
    for rank, factor, steps in ((1, 20.0, 3), (None, 1.0, 5)):
        solver.slow(rank, factor)
        solver.advance(steps)
    np.testing.assert_allclose(solver.history.loss, plain.loss, rtol=1e-12)
    late = solver.history.ranks.compute[:, 1] / solver.history.ranks.compute[:, 0]
    assert np.median(late[:3]) > 5 > np.median(late[3:])
    processes = [psutil.Process(process) for _, process in cluster.apply(on_engines.who)[:2]]
    assert solver.memory == pytest.approx([one.memory_info().rss for one in processes], rel=0.05)
    for wrong in (2, -1, 0.5):
        with pytest.raises(ValueError, match="rank: expected a whole number, between 0 and 1, got"):
            solver.slow(wrong, 2.0)
    with pytest.raises(ValueError, match="factor: expected a finite number, at least 1"):
        solver.slow(0, 0.5)


@pytest.mark.ranks
def test_an_engine_can_say_what_the_classical_solver_takes(cluster: pk.Cluster) -> None:
    """So that a kernel stays free meanwhile: a problem travels."""
    (taken,) = cluster.apply(pk.Poisson(33).reference_seconds, 7, ranks=1)
    assert 0 < taken < 60


class Records:
    """A cluster of 2 ranks that keeps what it is asked, and dies of its third call."""

    ranks, state = 2, "ready"

    def __init__(self) -> None:
        self.asked: list[tuple] = []
        self.numbers = count(1)

    def send(self, function: object, *arguments: object, ranks: int | None = None) -> object:
        self.asked.append((function, *arguments))
        return SimpleNamespace()

    def gather(self, call: object) -> list:
        if len(self.asked) == 3:
            self.state = "dead"
            raise pk.ClusterError("Rank 1 was killed.")
        history = pk.History()
        return [(9, 16, len(self.asked) > 3, 0.003, [], history.ranks.table)]

    def restart(self) -> None:
        self.state = "ready"

    def hold(self, solver: object) -> None:
        self.held = solver

    def holds(self, solver: object) -> bool:
        return solver is self.held


def test_engines_that_take_the_place_of_dead_ones_are_told_again(
    constant: pk.Experiment, tmp_path: Path
) -> None:
    """Fails if a rate is lost with the engines, or comes before they have a solver."""
    cluster = Records()
    solver = RemoteSolver(cluster, constant, 2, Kept(tmp_path, restart=True))
    solver.built(cluster.gather(solver.build()))
    solver.change_rate(0.1)
    with pytest.warns(UserWarning, match="Rank 1 was killed"):
        solver.advance(1)
    told = (engine.adjust, [("change_rate", (0.1, 1))])
    assert [ask[0] for ask in cluster.asked] == [
        engine.build, engine.adjust, engine.advance, engine.build, engine.adjust,
    ]  # fmt: skip
    assert cluster.asked[1] == cluster.asked[4] == told
    assert solver.rate == 0.1
    cluster.state = "dead"
    solver.slow(1, 2.0)
    assert len(cluster.asked) == 5
    cluster.state = "ready"
    solver._wish_again()
    assert cluster.asked[5] == (engine.adjust, [("change_rate", (0.1, 1)), ("slow", (2.0, 1))])


@pytest.mark.parametrize("rate", [0.0, float("inf"), "fast"])
def test_a_rate_that_is_none_is_refused_before_anybody_is_asked(
    constant: pk.Experiment, rate: object
) -> None:
    cluster = Records()
    solver = RemoteSolver(cluster, constant)
    with pytest.raises(ValueError, match="rate: expected a finite number above 0"):
        solver.change_rate(rate)
    assert cluster.asked == []
