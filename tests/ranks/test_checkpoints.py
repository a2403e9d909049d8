"""Checkpoints of several ranks: resumed on other numbers of them, a bad disk, a late rank, a dead one, a warning.

Each test names the sabotage that makes it fail.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

import pdekit as pk
from pdekit.cluster.launch import find_mpiexec, mpi_environment
from tests.ranks.launch import ROOT, on_ranks

pytestmark = pytest.mark.ranks

EVERY_STEP = """
import sys
import pdekit as pk
pk.Solver(pk.Experiment.parse(sys.argv[1]), pk.World(), checkpoints=sys.argv[2], every=1).run()
"""
UNET, STEPS = pk.UNet(width=2, depth=2), 10
RUNS = {  # batches of 3 leave ranks without samples
    "sgd": {"optimizer": "sgd"},
    "adam": {"optimizer": "adam", "overlap": True},
    "adamw": {"generator": pk.UNet(width=2, depth=2, dropout=0.2), "sharded": True},
    "lbfgs": {"optimizer": "lbfgs", "batch": 7},
    "bits": {"dtype": "float32", "reproducible": True},
}


def experiment(**settings: object) -> pk.Experiment:
    given = {"problem": pk.Poisson(16), "generator": UNET, "samples": 7, "batch": 3, "dtype": "float64"}
    return pk.Experiment(**(given | {"steps": STEPS} | settings))


@contextmanager
def started(ranks: int, *command: str) -> Iterator[subprocess.Popen]:
    """mpiexec with `ranks` ranks of `python *command`; ended in any case."""
    environment = mpi_environment() | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    whole = [*find_mpiexec(), "-n", str(ranks), sys.executable, *command]
    with subprocess.Popen(whole, env=environment, cwd=ROOT, **pipes) as job:
        try:
            yield job
        finally:
            job.kill()


def wait_for(condition: Callable[[], object], limit: float = 60.0) -> None:
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < limit, f"not within {limit} s"
        time.sleep(0.005)


def ranks_of(job: subprocess.Popen) -> list[psutil.Process]:
    """The processes that are ranks, in no order."""
    family = psutil.Process(job.pid).children(recursive=True)
    return [one for one in family if one.name().startswith("python")]


def test_runs_resume_on_any_number_of_ranks(tmp_path: Path) -> None:
    """1, 2, 3, 4 ranks, then 1, two steps each, against one process that never stops.

    Fails if a rank reads its own part only, or writes another's; with an optimizer that starts anew; with a
    reproducible run whose bits change. A line search amplifies rounding errors, whether it is resumed or not.
    What each rank did stays known, also where they had not asked one another: fails if ranks are mixed up.
    """
    folders = {name: str(tmp_path / name) for name in RUNS}
    expected = {name: pk.Solver(experiment(**run)).run().loss for name, run in RUNS.items()}
    for name, run in RUNS.items():
        solver = pk.Solver(experiment(**run), checkpoints=folders[name])
        solver.advance(2)
        solver.checkpoint()
        solver.checkpoints.release()
    for ranks in (2, 3, 4):
        everyone = on_ranks(ranks, "go_on", folders=list(folders.values()), steps=2)
        assert all(str(one) == str(everyone[0]) for one in everyone)  # NaN is no other than NaN
    for k, (name, folder) in enumerate(folders.items()):
        resumed = pk.Solver.resume(folder)
        table = resumed.history.ranks.table  # steps 1, 2 of one rank, 3, 4 of two, ...
        np.testing.assert_array_equal(table, everyone[0]["tables"][k])
        np.testing.assert_array_equal(np.isfinite(table).all(axis=2).sum(axis=1), [1, 1, 2, 2, 3, 3, 4, 4])
        losses = resumed.run().loss
        assert len(losses) == STEPS
        if RUNS[name].get("reproducible"):
            np.testing.assert_array_equal(losses, expected[name])
        else:
            limit = 1e-10 if "lbfgs" in name else 1e-12
            np.testing.assert_allclose(losses, expected[name], rtol=0, atol=limit, err_msg=name)


def test_a_late_rank_holds_up_no_step_and_a_full_disk_is_told_everywhere(tmp_path: Path) -> None:
    """Fails if ranks decide by their own writer alone, or if the failure of one is not sent to the others."""
    one = experiment(steps=12)
    expected = pk.Solver(one).run().loss
    told = on_ranks(2, "bad_disk", alone=True, experiment=str(one), folder=str(tmp_path))
    assert told[0]["said"] == told[1]["said"]
    step, said = told[0]["said"].split(": ", 1)
    assert told[0]["refused"] == told[1]["refused"]  # a folder that another run holds
    assert "got 'process " in told[0]["refused"] and " on elsewhere, since" in told[0]["refused"]
    assert said.startswith("checkpoint of step 4: expected room and a disk that works") and int(step) >= 5
    assert "got 'File too large' on rank 1; make room, or go on in another folder" in said
    assert (
        told[1]["in time"] and told[0]["seen"] == 0
    )  # no step waited for rank 1, nor did a checkpoint appear
    assert [path.name for path in pk.Checkpoint.paths(tmp_path / "full")] == [
        "step-00000002",
        "step-00000003",
    ]
    for losses in (told[0]["losses"], told[1]["losses"], pk.Solver.resume(tmp_path / "full").run().loss):
        np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-12)
    assert pk.Checkpoint.newest(tmp_path / "other").step == 12


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_a_dead_rank_ends_the_job_and_the_newest_checkpoint_goes_on(kills: int, tmp_path: Path) -> None:
    """Killed at a random moment. Fails if rank 0 lets a checkpoint appear before all have written it."""
    one = experiment(steps=100_000, schedule="constant")
    rng = random.Random(0)
    for k in range(kills):
        folder = tmp_path / str(k)
        with started(3, "-c", EVERY_STEP, str(one), str(folder)) as job:
            wait_for(lambda place=folder: pk.Checkpoint.paths(place))
            time.sleep(rng.uniform(0, 0.3))
            rng.choice(ranks_of(job)).kill()
            job.communicate(timeout=20)
            assert job.returncode != 0
        solver = pk.Solver.resume(folder)
        solver.checkpoints.folder = None
        solver.advance(2)
        expected = pk.Solver(one)
        expected.advance(len(solver.history))
        np.testing.assert_allclose(solver.history.loss, expected.history.loss, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_a_rank_that_is_ten_seconds_late_is_waited_for(tmp_path: Path) -> None:
    """The run goes on, with the same losses, and its history says who waited. Fails if there is a limit of time."""
    one = str(experiment(steps=6, generator=pk.UNet(width=2, depth=2, norm="none"), batch=7))
    late, prompt = (on_ranks(2, "late_once", experiment=one, late=seconds) for seconds in (10.0, 0.0))
    for rank in range(2):
        assert late[rank]["losses"] == prompt[rank]["losses"]
        waiting = np.array(late[rank]["waiting"])
        assert 9.5 < waiting[2, 0] < 12 and waiting[2, 1] == 0
        assert np.delete(waiting, 2, axis=0).max() < 5


def test_sigterm_to_one_rank_ends_all_with_a_checkpoint(tmp_path: Path) -> None:
    """Slurm's warning. Fails if the rank ends alone, or if the others do not hear of it."""
    folder = tmp_path / "checkpoints"
    one = str(experiment(steps=100_000))
    with started(2, "-m", "pdekit", "train", one, "--checkpoints", str(folder), "--every", "3") as job:
        wait_for(lambda: pk.Checkpoint.paths(folder))
        os.kill(ranks_of(job)[1].pid, signal.SIGTERM)
        said, _ = job.communicate(timeout=30)
    step = pk.Checkpoint.newest(folder).step
    assert f"stopped by SIGTERM after step {step}; go on with: pdekit train --resume {folder}" in said
    assert job.returncode == 143 and said.count("stopped by") == 1 and "Traceback" not in said
