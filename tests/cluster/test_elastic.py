"""Checkpoints of a solver on the engines, and a run that goes on by itself when one of them has died."""

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import pdekit as pk
from pdekit.cluster.elastic import TRIES, Kept
from tests.cluster import on_engines


@pytest.mark.ranks
def test_a_run_whose_engine_dies_goes_on_from_its_newest_checkpoint(
    cluster: pk.Cluster, experiment: pk.Experiment, tmp_path: Path
) -> None:
    """Killed while idle, then during a call; then resumed on all engines. Fails if steps are lost or come twice."""
    local = pk.Solver(experiment)
    local.run()
    solver = cluster.solver(experiment, ranks=2, checkpoints=tmp_path / "run", every=2, restart=True)
    solver.advance(3)
    assert solver.checkpoint() == tmp_path / "run" / "step-00000003"
    os.kill(cluster.apply(on_engines.who)[1][1], signal.SIGKILL)
    with pytest.warns(UserWarning, match=r"^Rank 1 .* was killed .* goes on from .*step-00000003\.$"):
        assert [step.number for step in solver.advance(1)] == [4]

    async def main() -> list[int]:
        victim = (await cluster.apply_async(on_engines.who))[0][1]
        task = asyncio.ensure_future(solver.advance_async(1))
        await asyncio.sleep(0)
        os.kill(victim, signal.SIGKILL)
        return [step.number for step in await task]

    with pytest.warns(UserWarning, match=r"^Rank 0 .* was killed .* goes on from .*step-0000000[345]\.$"):
        assert asyncio.run(main()) == [5]
    again = cluster.resume(tmp_path / "run", ranks=3)
    steps = len(again.history)
    assert (
        np.isfinite(again.history.ranks.waiting).sum(axis=1).tolist() == [2] * steps
    )  # of the two there were
    assert again.experiment == experiment and len(again.history) in (3, 4, 5) and not again.done
    history = again.run()
    assert history.number.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(history.loss, local.history.loss, rtol=1e-12)
    np.testing.assert_allclose(solver.history.loss, local.history.loss[:5], rtol=1e-12)
    assert pk.Checkpoint.newest(tmp_path / "run").step == 6
    with pytest.raises(ValueError, match=r"a folder without checkpoints, got .*cluster\.resume\(folder\)"):
        cluster.solver(experiment, checkpoints=tmp_path / "run")
    assert again.advance(1) == []  # it is still there

    async def once_more() -> Path:
        last = await cluster.resume_async(tmp_path / "run")
        assert last.done and last.experiment == experiment
        np.testing.assert_array_equal(last.history.loss, history.loss)
        return await last.checkpoint_async(tmp_path / "copy")

    assert asyncio.run(once_more()) == tmp_path / "copy" / "step-00000006"
    assert pk.Checkpoint.newest(tmp_path / "copy").step == 6


def test_restarts_that_lead_nowhere_come_to_an_end(tmp_path: Path) -> None:
    kept, death = Kept(tmp_path, restart=True), pk.ClusterError("Rank 1 was killed. All is lost.")
    for _ in range(TRIES):
        with pytest.warns(
            UserWarning, match=r"^Rank 1 was killed\. The cluster restarts, .* from the start\.$"
        ):
            assert kept.place(death) is None
    with pytest.raises(
        pk.ClusterError, match=rf"^Rank 1 was killed\. So did {TRIES} restarts from the start"
    ):
        kept.place(death)


def test_a_restart_passes_over_a_damaged_checkpoint(experiment: pk.Experiment, tmp_path: Path) -> None:
    """Nobody is there to choose another. Fails if the newest is taken without a look."""
    solver = pk.Solver(experiment, checkpoints=tmp_path)
    for _ in range(2):
        solver.advance(1)
        path = solver.checkpoint()
    content = bytearray((path / "part-0-of-1.safetensors").read_bytes())
    content[-1] ^= 1
    (path / "part-0-of-1.safetensors").write_bytes(content)
    kept, death = Kept(tmp_path, restart=True), pk.ClusterError("Rank 1 was killed.")
    words = r"goes on from .*step-00000001, the newest whole one \(step-00000002 is not\)\.$"
    with pytest.warns(UserWarning, match=words):
        assert kept.place(death) == str(path.with_name("step-00000001"))


def test_a_restart_needs_a_folder() -> None:
    with pytest.raises(ValueError, match="restart: expected checkpoints"):
        Kept(restart=True)
    with pytest.raises(ValueError, match="every: expected"):
        Kept("folder", every=0)
