"""Two runs in one folder of checkpoints: who is refused, who is not, and that nothing is lost either way."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import pdekit as pk
from pdekit.train.hold import Hold, Holder, _put_away, born

EXPERIMENT = pk.Experiment(
    pk.Poisson(16), pk.UNet(width=2, depth=2), optimizer="sgd", samples=4, batch=2, steps=6
)
HOLDING = """
import sys
from pathlib import Path
from pdekit.train.hold import Hold
hold = Hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def held_by(folder: Path, **values: object) -> None:
    """Leave the word that a run has `folder`; it is this process unless `values` say otherwise."""
    (folder / ".held").mkdir(parents=True)
    (folder / ".held" / "holder.json").write_text(json.dumps(asdict(replace(Holder.me(), **values))))


def test_a_second_run_is_refused_while_the_first_lives_and_not_when_it_was_killed(tmp_path: Path) -> None:
    """Fails if the process is not looked at, and if one that is dead but not waited for counts as alive."""
    command = [sys.executable, "-c", HOLDING, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        solver = pk.Solver(EXPERIMENT, checkpoints=tmp_path)
        words = rf"{tmp_path} without another run that writes there, got 'process {first.pid} on .*, since 20.* UTC'"
        for take in (lambda: solver.advance(1), solver.checkpoint):
            with pytest.raises(
                ValueError, match=f"checkpoints: expected {words}; wait for its end"
            ) as refused:
                take()
            assert ".held" not in str(refused.value)  # its end can be seen from here
        assert len(solver.history) == 0
        assert [path.name for path in tmp_path.iterdir()] == [".held"]
        first.kill()
        assert os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT).si_status == 9  # a zombie now
        np.testing.assert_array_equal(solver.run().loss, pk.Solver(EXPERIMENT).run().loss)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000006"]


def test_a_run_on_another_host_has_to_be_looked_at_by_the_user(tmp_path: Path) -> None:
    """Fails if a process of another machine is looked for on this one."""
    held_by(tmp_path, host="elsewhere", pid=2**22 + 1)
    solver = pk.Solver(EXPERIMENT, checkpoints=tmp_path)
    words = rf"on elsewhere, .* if it has died, which cannot be seen from .*, remove {tmp_path}/\.held$"
    with pytest.raises(ValueError, match=words):
        solver.run()
    (tmp_path / ".held" / "holder.json").write_text("")  # a machine that went down
    with pytest.raises(ValueError, match=rf"if no run writes to {tmp_path}, remove {tmp_path}/\.held$"):
        solver.run()
    (tmp_path / ".held" / "holder.json").unlink()
    assert len(solver.run()) == 6


def test_a_number_of_a_process_that_is_used_again_holds_nothing(tmp_path: Path) -> None:
    """As in containers, where a run that restarts has the number of the one before. Fails without `born`."""
    parent = os.getppid()
    held_by(tmp_path / "b", pid=parent, born=born(parent))
    with pytest.raises(ValueError, match=f"got 'process {parent} on"):
        Hold(tmp_path / "b")
    held_by(tmp_path / "a", pid=parent, born="another time")
    Hold(tmp_path / "a").check()


def test_who_has_lost_the_folder_writes_nothing_there_and_loses_nothing(tmp_path: Path) -> None:
    """A second solver of this process takes it over, as when a cell is run again; then somebody removes `.held`.

    Fails if a checkpoint appears without a look at who holds the folder.
    """
    expected = pk.Solver(EXPERIMENT).run().loss
    first = pk.Solver(EXPERIMENT, checkpoints=tmp_path / "a", every=2)
    first.advance(2)
    first.checkpoint()
    second = pk.Solver.resume(tmp_path / "a")
    second.predict(0), second.error([1])
    second.advance(1)
    with pytest.raises(
        pk.CheckpointError, match=r"got 'another run that holds the folder, .* on rank 0"
    ) as lost:
        first.run()
    assert f"by process {os.getpid()} on" in str(lost.value.__cause__)
    assert [path.name for path in pk.Checkpoint.paths(tmp_path / "a")] == ["step-00000002"]
    first.checkpoint(tmp_path / "b")
    np.testing.assert_array_equal(first.run().loss, expected)
    for solver in (pk.Solver.resume(tmp_path / "b"), second):
        np.testing.assert_array_equal(solver.run().loss, expected)
    third = pk.Solver.resume(tmp_path / "a" / "step-00000002")
    third.advance(1)
    Hold(tmp_path / "a").release()
    with pytest.raises(pk.CheckpointError, match="or nobody"):
        third.checkpoint()
    assert pk.Checkpoint.newest(tmp_path / "a").step == 6


def test_looking_at_a_run_that_goes_on_holds_nothing(tmp_path: Path) -> None:
    """Fails if to resume is to hold."""
    solver = pk.Solver(EXPERIMENT, checkpoints=tmp_path)
    solver.advance(1)
    solver.checkpoint()
    other = pk.Solver.resume(tmp_path)
    assert np.isfinite(other.error([1]))
    solver.checkpoints._hold.check()
    solver.run()
    assert pk.Checkpoint.newest(tmp_path).step == 6


def test_a_run_that_came_and_went_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    """Fails if the folder is looked at only when the solver is made."""
    late = pk.Solver(EXPERIMENT, checkpoints=tmp_path)
    pk.Solver(EXPERIMENT, checkpoints=tmp_path).run()
    with pytest.raises(ValueError, match="a folder without checkpoints"):
        late.run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000006"]


def test_who_looked_before_another_took_it_does_not_put_that_one_away(tmp_path: Path) -> None:
    """Fails if a hold is put away by its name alone."""
    held_by(tmp_path, born="long ago", pid=os.getppid())
    dead = Holder.of(tmp_path)
    fresh = Hold(tmp_path)
    _put_away(tmp_path, dead.key)
    fresh.check()


def test_one_of_many_gets_what_a_dead_run_has_left(tmp_path: Path) -> None:
    """Eight processes at a time. Fails if a hold is looked for and then written."""
    command = [sys.executable, "-m", "tests.train.race", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(done.stdout.splitlines()) == {"0 1"}
