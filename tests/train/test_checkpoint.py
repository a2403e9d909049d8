"""Checkpoints of one process: what they hold, what is refused, which are kept, and what a bad disk or a kill leaves."""

import json
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import pdekit as pk
from pdekit.optim import Outcome
from pdekit.optim.end import End
from pdekit.train import checkpoints as module
from pdekit.train.seal import NOTE, seal

SMALL = {"generator": pk.UNet(width=2, depth=2), "samples": 7, "batch": 3, "steps": 9}
RUNS = {
    "sgd": {"optimizer": "sgd"},
    "adam": {"optimizer": "adam", "dtype": "float64"},
    "adamw": {"generator": pk.UNet(width=2, depth=2, dropout=0.3)},
    "lbfgs": {"optimizer": "lbfgs", "batch": 7},
    "grids": {"problem": pk.Poisson(64), "optimizer": "lbfgs", "samples": 3, "batch": 3},
    "sharded": {"sharded": True},
    "overlap": {"overlap": True},
    "reproducible": {"reproducible": True, "samples": 4, "batch": 2},
}


def experiment(**settings: object) -> pk.Experiment:
    return pk.Experiment(**({"problem": pk.Poisson(16)} | SMALL | settings))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".held")


def finish(solver: pk.Solver) -> None:
    """Run it; no checkpoint comes later than it is due, how slow the disk may ever be."""
    for _ in solver:
        solver.checkpoints.flush()


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """No file may become larger than `limit` bytes: what a full disk is to a writer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("run", RUNS)
def test_a_run_that_is_resumed_is_one_that_never_stopped(run: str, tmp_path: Path) -> None:
    """Bit by bit: losses, history, final state. Fails if an average, a curvature pair, the statistics of batch norm or
    the place in the plan of grids is left out."""
    whole = pk.Solver(experiment(**RUNS[run]))
    whole.run()
    solver = pk.Solver(whole.experiment, checkpoints=tmp_path)
    for steps in (1, 3, 5):
        solver.advance(steps)
        solver.checkpoint()
        solver = pk.Solver.resume(tmp_path)
    assert solver.done and solver.experiment == whole.experiment
    for column in ("number", "loss", "resolution", "rate", "gradient_norm", "evaluations"):
        np.testing.assert_array_equal(getattr(solver.history, column), getattr(whole.history, column))
    for name, tensor in whole.generator.state_dict().items():
        assert torch.equal(tensor, solver.generator.state_dict()[name]), name
    assert np.all(np.diff(solver.history.seconds) > 0)


def test_a_grid_that_was_left_early_is_not_gone_back_to(tmp_path: Path) -> None:
    """The first step finds no lower loss on 32 x 32. Fails if the place in the plan is taken from the step's number."""
    run = experiment(problem=pk.Poisson(64), optimizer="lbfgs", samples=2, batch=2, steps=50)
    solver = pk.Solver(run, checkpoints=tmp_path)
    solver.optimizer.step = lambda *_, **__: Outcome(0.0, 0.0, 1, end=End.ROUNDING)
    assert next(solver).resolution == 32
    solver.checkpoint()
    assert next(pk.Solver.resume(tmp_path)).resolution == 64


def test_the_last_and_the_best_are_kept(tmp_path: Path) -> None:
    """Losses fall to step 6 and rise then. Fails if the best is the last, or the first."""

    def run(solver: pk.Solver) -> None:
        step = solver.optimizer.step
        solver.optimizer.step = lambda *given: step(*given)._replace(loss=abs(len(solver.history) - 5.5))
        finish(solver)

    run(pk.Solver(experiment(steps=12), checkpoints=tmp_path, every=2, keep=2))
    assert names(tmp_path) == ["step-00000006", "step-00000010", "step-00000012"]
    assert pk.Checkpoint.best(tmp_path).step == 6 and pk.Checkpoint.newest(tmp_path).step == 12
    again = pk.Solver.resume(tmp_path / "step-00000006")
    assert (again.checkpoints.every, again.checkpoints.keep, len(again.history)) == (2, 2, 6)
    run(again)  # over the ones of the first time
    assert names(tmp_path) == ["step-00000006", "step-00000010", "step-00000012"]
    np.testing.assert_array_equal(pk.Solver.resume(tmp_path).history.number, range(1, 13))


def test_it_is_json_and_safetensors_that_say_what_wrote_them(tmp_path: Path) -> None:
    solver = pk.Solver(experiment(optimizer="adam"), checkpoints=tmp_path)
    solver.advance(2)
    path = solver.checkpoint()
    assert names(path) == ["checkpoint.json", "part-0-of-1.safetensors"]
    said = json.loads((path / "checkpoint.json").read_text())
    assert (said["format"], said["number"], said["pdekit"]) == ("pdekit checkpoint", 2, pk.__version__)
    assert pk.Experiment.parse(said["experiment"]) == solver.experiment
    tensors = load_file(path / "part-0-of-1.safetensors")
    assert torch.equal(tensors["parameters"], solver.reduction.parameters)
    assert tensors["history.loss"].tolist() == solver.history.loss.tolist()


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The newest of three checkpoints."""
    solver = pk.Solver(experiment(), checkpoints=tmp_path, every=1)
    for _ in range(3):
        solver.advance(1)
        path = solver.checkpoint()
    return path


def flip(file: Path, place: int, bit: int = 0) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1 << bit
    file.write_bytes(content)


def rewrite(path: Path, **values: object) -> None:
    """With a checksum that is right; a value None takes its name away."""
    file = path / "checkpoint.json"
    said = json.loads(file.read_text()) | values | NOTE
    text = json.dumps({name: value for name, value in said.items() if value is not None})
    file.write_bytes(seal(text.encode()))


def truncate(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


PART = "part-0-of-1.safetensors"
SPOILT = {
    "cut part": (lambda p: truncate(p / PART, 9000), r"expected a whole safetensors file"),
    "cut header": (lambda p: truncate(p / PART, 20), r"expected a whole safetensors file"),
    "empty part": (lambda p: truncate(p / PART, 0), r"expected a whole safetensors file"),
    "no part": (lambda p: (p / PART).unlink(), r"expected a whole safetensors file, got 'No such file"),
    "cut text": (lambda p: truncate(p / "checkpoint.json", 99), "expected a whole checkpoint.json"),
    "no text": (lambda p: (p / "checkpoint.json").unlink(), "expected a whole checkpoint.json"),
    "foreign": (
        lambda p: (p / "checkpoint.json").write_text("[1]"),
        "expected the format 'pdekit checkpoint'",
    ),
    "newer": (lambda p: rewrite(p, number=3, pdekit="9.0"), "got 'number 3, written by pdekit 9.0'; use the"),
    "less said": (lambda p: rewrite(p, visit=None), "expected a word on 'visit'"),
    "others": (lambda p: rewrite(p, parameters=5), "expected 5 numbers of parameters in part 0"),
    "of another step": (
        lambda p: (p / PART).write_bytes((p.with_name("step-00000001") / PART).read_bytes()),
        "a part of step-00000003",
    ),
    "other experiment": (
        lambda p: rewrite(p, experiment=str(experiment(generator=pk.UNet(width=4, depth=2)))),
        r"expected \d+ parameters of float32, as its experiment has",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_no_whole_checkpoint_is_refused(how: str, written: Path) -> None:
    """And the newest whole one before it is named, and loads; the one between is damaged, too."""
    flip(written.with_name("step-00000002") / PART, -1)
    spoil, words = SPOILT[how]
    spoil(written)
    with pytest.raises(ValueError, match=words) as refused:
        pk.Solver.resume(written.parent)
    if how != "other experiment":  # all are then
        assert str(refused.value).endswith(
            "before it, the newest whole one is " + str(written.with_name("step-00000001"))
        )
    assert len(pk.Solver.resume(written.with_name("step-00000001")).history) == 1


@pytest.mark.parametrize("name", ["checkpoint.json", PART])
def test_a_bit_that_has_flipped_is_refused(name: str, written: Path) -> None:
    """Here and there in all of the file, which is named. Fails with a checksum of the tensors alone."""
    file = written / name
    whole = file.read_bytes()
    for k, place in enumerate(range(0, len(whole), 1 + len(whole) // 300)):
        flip(file, place, k % 8)
        with pytest.raises(ValueError, match=rf"^{written}.*: expected ") as refused:
            pk.Checkpoint.read(written)
        assert name in str(refused.value)
        file.write_bytes(whole)
    assert pk.Checkpoint.read(written).step == 3


def test_a_folder_that_does_not_fit_is_refused(written: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a folder without checkpoints, got .* resume from it"):
        pk.Solver(experiment(), checkpoints=written.parent)
    with pytest.raises(ValueError, match="a folder with checkpoints"):
        pk.Solver.resume(tmp_path / "nothing")
    with pytest.raises(ValueError, match="a folder that can be made"):
        pk.Solver(experiment(), checkpoints=written / "checkpoint.json" / "below")
    with pytest.raises(ValueError, match=r"give solver\.checkpoint\('folder'\)"):
        pk.Solver(experiment()).checkpoint()
    for settings in ({"every": 0}, {"keep": 0}):
        with pytest.raises(ValueError, match="expected a whole number, at least 1"):
            pk.Solver(experiment(), checkpoints=tmp_path / "other", **settings)


def test_functions_of_a_users_are_run_only_with_code(tmp_path: Path) -> None:
    own = pk.Network("def build(channels, outputs, dim):\n    return nn.Conv2d(channels, outputs, 1)")
    solver = pk.Solver(experiment(generator=own), checkpoints=tmp_path)
    solver.checkpoint()
    with pytest.raises(ValueError, match="pass code=True if you would run them"):
        pk.Solver.resume(tmp_path)
    assert pk.Solver.resume(tmp_path, code=True).run().loss[0] == pk.Solver(solver.experiment).run().loss[0]


def test_a_disk_that_is_full_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    """Fails if a part is written in place, or if the solver's step is not taken as a whole."""
    whole = pk.Solver(experiment()).run()
    solver = pk.Solver(experiment(), checkpoints=tmp_path / "full", every=2)
    solver.advance(3)
    solver.checkpoints.flush()
    with (
        small_files(1000),
        pytest.raises(
            pk.CheckpointError,
            match=r"checkpoint of step 4: .*full, got 'File too large' on rank 0; make room",
        ),
    ):
        solver.advance(9)
    assert names(tmp_path / "full")[-1] == "step-00000002"
    np.testing.assert_array_equal(pk.Solver.resume(tmp_path / "full").run().loss, whole.loss)
    assert solver.checkpoint(tmp_path / "other").name == f"step-0000000{len(solver.history)}"
    shutil.copytree(solver.checkpoints.latest, tmp_path / "copy" / solver.checkpoints.latest.name)
    np.testing.assert_array_equal(solver.run().loss, whole.loss)
    assert names(tmp_path / "other")[-1] == "step-00000009"
    np.testing.assert_array_equal(pk.Solver.resume(tmp_path / "copy").run().loss, whole.loss)


def test_steps_go_on_while_a_checkpoint_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is due before the last is there comes later. Fails if a step waits for the disk."""
    writing, stepped, waited = module.write, threading.Event(), []
    monkeypatch.setattr(module, "write", lambda *a: (waited.append(stepped.wait(30)), writing(*a)))
    solver = pk.Solver(experiment(), checkpoints=tmp_path, every=1)
    solver.advance(4)
    assert names(tmp_path) == []
    stepped.set()
    solver.checkpoint()
    assert names(tmp_path) == ["step-00000001", "step-00000004"] and all(waited)


def test_a_run_that_diverges_leaves_no_checkpoint_that_does(tmp_path: Path) -> None:
    """The loss after the first step is not finite. Fails if a checkpoint appears before the next loss is known."""
    wild = experiment(optimizer="sgd", rate=1e30, generator=pk.UNet(width=2, depth=2, norm="none"))
    solver = pk.Solver(wild, checkpoints=tmp_path, every=1)
    with pytest.raises(FloatingPointError):
        solver.run()
    for path in pk.Checkpoint.paths(tmp_path):
        assert np.isfinite(next(pk.Solver.resume(path)).loss)


def test_what_a_killed_run_left_goes_with_the_next_checkpoint(tmp_path: Path) -> None:
    solver = pk.Solver(experiment(), checkpoints=tmp_path, every=3)
    left = [tmp_path / ".step-00000002-of-4", tmp_path / ".old-step-00000001"]
    for folder in left:
        folder.mkdir()
        (folder / "part-3-of-4.safetensors").write_bytes(b"half")
    assert pk.Checkpoint.paths(tmp_path) == []
    finish(solver)
    assert names(tmp_path) == ["step-00000003", "step-00000006", "step-00000009"]


def test_a_stop_ends_the_run_with_a_checkpoint(tmp_path: Path) -> None:
    solver = pk.Solver(experiment(), checkpoints=tmp_path)
    solver.advance(2)
    solver.stop()
    assert len(solver.run()) == 3 and not solver.done
    assert names(tmp_path) == ["step-00000003"]
    np.testing.assert_array_equal(pk.Solver.resume(tmp_path).run().loss, pk.Solver(experiment()).run().loss)


@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_a_run_may_be_killed_at_any_moment(kills: int, tmp_path: Path) -> None:
    """After each kill the newest checkpoint loads and goes on. Fails if parts are written where they are read.

    One more is killed for sure with half of a part on the disk.
    """
    command = [sys.executable, "-m", "tests.train.kills", str(tmp_path), str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 + 10 * kills, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{kills} kills" in done.stdout


def test_a_part_says_whose_it_is(written: Path) -> None:
    with safe_open(written / PART, framework="pt") as part:
        assert part.metadata()["part"] == "0 of 1"
