"""The solver on the engines: verbs and numbers as in this process, and none taken for another."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pdekit as pk
from pdekit.cluster import remote

pytestmark = pytest.mark.ranks


@pytest.fixture
def local(experiment: pk.Experiment) -> pk.Solver:
    """The same run in this process."""
    solver = pk.Solver(experiment)
    solver.run()
    return solver


@pytest.mark.parametrize("ranks", [1, 2, 3, None])
def test_it_trains_as_a_solver_in_one_process(
    cluster: pk.Cluster, experiment: pk.Experiment, local: pk.Solver, ranks: int | None
) -> None:
    solver = cluster.solver(experiment, ranks)
    assert solver.ranks == (ranks or 3) and solver.experiment == experiment
    assert solver.parameters == local.parameters and not solver.done
    first = solver.advance(2)
    assert [step.number for step in first] == [1, 2] and all(isinstance(step, pk.Step) for step in first)
    history = solver.run()
    assert history is solver.history and solver.done and solver.resolution == local.resolution
    np.testing.assert_allclose(history.loss, local.history.loss, rtol=1e-12)
    waiting = history.ranks.waiting
    assert waiting.shape == (6, solver.ranks) and (waiting >= 0).all()
    np.testing.assert_array_equal(history.ranks.communication[:, 0], history.communication)
    assert history.experiment == str(experiment)
    assert solver.advance(1) == []
    np.testing.assert_allclose(solver.predict(7), local.predict(7), rtol=1e-9)
    assert solver.predict([7, 8], resolution=32).shape == (2, 32, 32)
    nu = experiment.problem.coefficient(7)
    np.testing.assert_allclose(solver.predict(nu), local.predict(7), rtol=1e-9)
    held_out = experiment.problem.held_out(3)
    assert solver.error(held_out) == pytest.approx(local.error(held_out), rel=1e-9)


def test_it_is_an_iterator_of_steps_that_trains_no_further_than_asked(
    cluster: pk.Cluster, experiment: pk.Experiment
) -> None:
    solver = cluster.solver(experiment)
    for step in solver:
        if step.number == 2:
            break
    assert len(solver.history) == 2
    assert [step.number for step in solver] == [3, 4, 5, 6]


@pytest.mark.parametrize("ranks", [0, 4, 2.5])
def test_ranks_that_do_not_fit_are_refused_and_the_old_solver_stays(
    cluster: pk.Cluster, experiment: pk.Experiment, ranks: object
) -> None:
    solver = cluster.solver(experiment)
    with pytest.raises(ValueError, match="ranks: expected a whole number, between 1 and 3, got"):
        cluster.solver(experiment, ranks)
    assert len(solver.advance(1)) == 1


def test_a_k_that_does_not_fit_is_refused(cluster: pk.Cluster, experiment: pk.Experiment) -> None:
    solver = cluster.solver(experiment)
    with pytest.raises(ValueError, match="k: expected a whole number"):
        solver.advance(-1)
    assert solver.advance(0) == []


def test_many_steps_are_asked_for_in_calls_that_no_time_limit_ends(
    cluster: pk.Cluster, experiment: pk.Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    solver, asked = cluster.solver(experiment), []
    take_off = solver._take_off
    monkeypatch.setattr(remote, "TARGET", 1e-9)
    monkeypatch.setattr(solver, "_take_off", lambda k: asked.append(k) or take_off(k))
    assert [step.number for step in solver.advance(4)] == [1, 2, 3, 4] and asked == [1, 1, 1, 1]
    assert len(solver.run()) == 6


def test_an_experiment_is_what_prints_as_one(cluster: pk.Cluster, experiment: pk.Experiment) -> None:
    assert cluster.solver(str(experiment)).experiment == experiment
    with pytest.raises(ValueError, match="experiment: expected"):
        cluster.solver("resolution=64")


def test_a_newer_solver_takes_the_place_of_the_old(cluster: pk.Cluster, experiment: pk.Experiment) -> None:
    old = cluster.solver(experiment, ranks=3)
    new = cluster.solver(experiment, ranks=1)
    assert cluster.apply(held) == [True, False, False]
    for verb in (lambda: old.advance(1), lambda: old.predict(0), lambda: old.error([0])):
        with pytest.raises(
            pk.ClusterError, match=r"a newer one, .* took its place; make one with cluster\.solver"
        ):
            verb()
    assert len(new.advance(1)) == 1


def test_it_saves_what_pk_load_reads_here(
    cluster: pk.Cluster,
    experiment: pk.Experiment,
    local: pk.Solver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solver = cluster.solver(experiment, ranks=2)
    solver.run()
    monkeypatch.chdir(tmp_path)  # where the engines are not
    solver.save("rocks.safetensors")
    there = pk.load("rocks.safetensors")
    assert there.experiment == experiment and there.steps == 6
    np.testing.assert_allclose(there.predict(7), local.predict(7), rtol=1e-9)
    with pytest.raises(pk.ClusterError, match="path: expected a file in a folder that can be written"):
        solver.save("no/such/folder.safetensors")
    begin = str(tmp_path / "rocks.safetensors")
    again = cluster.solver(pk.Experiment(experiment.problem, experiment.generator, steps=2, start=begin))
    np.testing.assert_allclose(again.predict(7), local.predict(7), atol=1e-5)  # it is float32


def held() -> bool:
    """On an engine: whether it holds a solver."""
    from pdekit.cluster import engine

    return engine.slot.solver is not None


def test_a_run_that_diverges_is_told_once_and_the_engines_live_on(
    cluster: pk.Cluster, experiment: pk.Experiment
) -> None:
    wild = pk.Experiment(
        experiment.problem, experiment.generator, optimizer="sgd", rate=1e30, samples=6, batch=3, steps=50
    )
    solver = cluster.solver(wild)
    with pytest.raises(
        pk.ClusterError, match=r"^Ranks 0, 1, 2 raised FloatingPointError: step \d+: expected a finite"
    ) as error:
        asyncio.run(solver.advance_async(50))
    assert cluster.state == "ready" and "blame" in error.value.details
    step = int(re.search(r"step (\d+):", str(error.value))[1])
    assert step > 1 and solver.history.number.tolist() == list(range(1, step))  # those before are not lost
    assert np.isfinite(solver.history.ranks.compute).all()
    assert len(cluster.solver(experiment).run()) == 6


def test_the_verbs_can_be_awaited(cluster: pk.Cluster, experiment: pk.Experiment, local: pk.Solver) -> None:
    async def main() -> None:
        solver = await cluster.solver_async(experiment, ranks=2)
        assert [step.number for step in await solver.advance_async(4)] == [1, 2, 3, 4]
        assert [step.number for step in await solver.advance_async(4)] == [5, 6]
        np.testing.assert_allclose(await solver.predict_async(7), local.predict(7), rtol=1e-9)
        assert await solver.error_async([7]) == pytest.approx(local.error([7]), rel=1e-9)

    asyncio.run(main())


def test_steps_of_a_cancelled_wait_are_not_lost(cluster: pk.Cluster, experiment: pk.Experiment) -> None:
    async def main() -> None:
        solver = cluster.solver(experiment)
        task = asyncio.ensure_future(solver.advance_async(2))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(solver.history) == 0
        assert [step.number for step in await solver.advance_async(2)] == [3, 4]
        assert list(solver.history.number) == [1, 2, 3, 4]

    asyncio.run(main())


def test_steps_that_are_asked_for_ahead_come_home_in_order(
    cluster: pk.Cluster, experiment: pk.Experiment
) -> None:
    """Fails if the second call waits for the first to land, or takes its steps."""

    async def main() -> None:
        solver = await cluster.solver_async(experiment)
        solver.send_ahead(1), solver.send_ahead(2)
        assert len(solver.history) == 0
        assert [step.number for step in await solver.landed_async()] == [1]
        solver.send_ahead(1)
        assert [step.number for step in await solver.landed_async()] == [2, 3]
        assert [step.number for step in await solver.advance_async(1)] == [5]  # behind what was under way
        assert await solver.landed_async() == []
        assert list(solver.history.number) == [1, 2, 3, 4, 5]
        with pytest.raises(ValueError, match="k: expected"):
            solver.send_ahead(0)

    asyncio.run(main())


def test_what_is_under_way_is_halted_and_what_comes_later_is_not(
    cluster: pk.Cluster, experiment: pk.Experiment
) -> None:
    """Fails if the engines do not hear it, if calls of later do, or if the rest is asked for again."""
    many = replace(experiment, steps=100_000)

    async def main() -> None:
        solver = await cluster.solver_async(many)
        await solver.advance_async(1)
        solver.halt()  # of nothing
        solver.send_ahead(50_000), solver.send_ahead(10)
        behind = asyncio.ensure_future(solver.advance_async(20))
        await asyncio.sleep(0.5)
        solver.halt()
        assert await behind == []
        taken = len(solver.history)
        assert 1 < taken < 50_000
        assert [step.number for step in await solver.advance_async(2)] == [taken + 1, taken + 2]
        long = asyncio.ensure_future(solver.advance_async(50_000))
        await asyncio.sleep(0.5)
        solver.halt()
        assert 0 < len(await long) < 50_000
        taken = len(solver.history)
        newer = await cluster.solver_async(many)
        newer.send_ahead(50_000)
        newer.halt(), solver.halt()  # of one that is not there any more
        await newer.landed_async()
        assert len(newer.history) < 50_000 and len(await newer.advance_async(3)) == 3
        assert solver.history.number.tolist() == list(range(1, taken + 1))

    asyncio.run(main())
    expected = pk.Solver(many).advance(3)
    solver = cluster.solver(many)
    np.testing.assert_allclose([s.loss for s in solver.advance(3)], [s.loss for s in expected], rtol=1e-12)


def test_calls_of_two_tasks_do_not_mix_their_steps(cluster: pk.Cluster, experiment: pk.Experiment) -> None:
    async def main() -> None:
        solver = cluster.solver(experiment)
        pieces = await asyncio.gather(*(solver.advance_async(2) for _ in range(3)), solver.predict_async(7))
        assert [[step.number for step in piece] for piece in pieces[:3]] == [[1, 2], [3, 4], [5, 6]]
        assert list(solver.history.number) == [1, 2, 3, 4, 5, 6]

    asyncio.run(main())
