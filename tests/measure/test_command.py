"""`pdekit scale` as a user starts it: measured, interrupted, killed, gone on with, shown, compared, refused."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pdekit as pk
from pdekit import launched
from pdekit.cli import main
from pdekit.scaling.piece import Piece
from tests.measure.conftest import EXPERIMENT

SMALL = [
    "--resolutions",
    "16",
    "--batch",
    "4",
    "--optimizers",
    "sgd",
    "--bytes",
    "8",
    "4096",
    "--seconds",
    "0.02",
    "--rounds",
]
PYTHON = [sys.executable, "-m", "pdekit", "scale"]


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No launcher, a folder of one's own, and threads that do not reach the next test."""
    for names in launched.LAUNCHERS:
        for name in names:
            monkeypatch.delenv(name, raising=False)
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the command with some options, in a group of processes of its own, which ends with the test."""
    jobs = []

    def started(*options: str) -> "subprocess.Popen[str]":
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        jobs.append(subprocess.Popen([*PYTHON, *options], start_new_session=True, **pipes))
        return jobs[-1]

    yield started
    for job in jobs:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
            job.communicate()


def wait_for(file: Path, least: int) -> None:
    """Until so many trials are in the file."""
    deadline = time.monotonic() + 120
    while not file.exists() or len(file.read_text().splitlines()) <= least:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.ranks
def test_who_is_ended_goes_on(start: Start, tmp_path: Path) -> None:
    """Ctrl-C of a terminal, which reaches every process; then the end of all of them at once; then to the end.

    Fails if a trial is lost, if one is measured again, or if nothing says how to go on.
    """
    file = tmp_path / "a.jsonl"
    job = start("--ranks", "1", "2", "--out", str(file), *SMALL, "1000", "--experiment", EXPERIMENT)
    wait_for(file, 9)
    os.killpg(job.pid, signal.SIGINT)
    printed, _ = job.communicate(timeout=60)
    assert job.returncode != 0 and "Traceback" not in printed
    assert f"interrupted; what was measured is in {file}: pdekit scale --resume {file}" in printed
    first = pk.Measurement.load(file).trials
    assert len(first) >= 9

    job = start("--resume", str(file))
    wait_for(file, len(first) + 3)
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate(timeout=60)
    second = pk.Measurement.load(file).trials
    assert second[: len(first)] == first and len(second) >= len(first) + 3

    rounds = second[-1].round + 2
    file.write_text(file.read_text().replace('"rounds": 1000', f'"rounds": {rounds}'))  # or it takes for ever
    job = start("--resume", str(file))
    printed, _ = job.communicate(timeout=120)
    assert job.returncode == 0, printed
    found = pk.Measurement.load(file).trials
    assert found[: len(second)] == second
    assert len(found) == 7 * rounds == len({(trial.round, Piece.of(trial)) for trial in found})
    assert "strong scaling: sgd, grid 16, batch 4" in printed and "weak scaling" in printed
    assert "allreduce, 2 ranks: 8 B" in printed and "What the model says:" in printed


def test_one_rank_needs_no_launcher(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Then shown, and compared with itself; and never written over."""
    options = ["scale", "--ranks", "1", "--experiment", EXPERIMENT, *SMALL, "2"]
    assert main([*options, "--out", "a.jsonl"]) == 0
    assert len(pk.Measurement.load("a.jsonl")) == 2
    before = Path("a.jsonl").read_bytes()
    assert main(["scale", "--show", "a.jsonl", "--compare", "a.jsonl"]) == 0
    assert "0 of 1 pieces changed by more than their rounds differ" in capfd.readouterr().out
    assert main([*options, "--out", "a.jsonl"]) == 2
    assert "--out: expected a file that is not there yet, got 'a.jsonl'" in capfd.readouterr().err
    assert Path("a.jsonl").read_bytes() == before
    assert main(options) == 0
    (named,) = Path().glob("scaling-*.jsonl")
    assert len(pk.Measurement.load(named)) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ranks", "0"], "ranks: expected a whole number, at least 1"),
        (["--optimizers", "magic"], "optimizers: expected one of"),
        (["--bytes", "7"], "bytes: expected multiples of 4"),
        (["--steps-only", "--messages-only"], "not allowed with"),
        (["--messages-only", "--ranks", "1"], "expected something to measure"),
        (["--out", "/no/such/folder/a.jsonl"], "--out: expected a file in a folder"),
        (["--resume", "no.jsonl"], "expected a file that `pdekit scale` wrote"),
        (["--show", "no.jsonl"], "expected a file that `pdekit scale` wrote"),
        (["--compare", "no.jsonl"], "expected a file that `pdekit scale` wrote"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["scale", *options])
    except SystemExit as error:
        status = error.code
    said = capsys.readouterr()
    assert status == 2 and said.out == "" and words in said.err and said.err.count("\n") == 1


def test_resume_has_the_plan_of_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    pk.Measurement([], {"plan": pk.Plan((1,), experiment=EXPERIMENT, resolutions=(16,)).values()}).save(
        "a.jsonl"
    )
    assert main(["scale", "--resume", "a.jsonl", "--rounds", "3"]) == 2
    assert "expected --resume alone" in capsys.readouterr().err
    pk.Measurement().save("b.jsonl")
    assert main(["scale", "--resume", "b.jsonl"]) == 2
    assert "with its plan" in capsys.readouterr().err


def test_a_reader_that_has_read_enough_ends_it_quietly(tmp_path: Path) -> None:
    """As in `pdekit scale --show FILE | head`. Fails if a traceback is printed."""
    shown = str(Path(__file__).parents[2] / "data" / "scaling-example.jsonl")
    reader, writer = os.pipe()
    os.close(reader)
    job = subprocess.Popen([*PYTHON, "--show", shown], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    _, complaint = job.communicate(timeout=60)
    assert complaint == "" and job.returncode == 1


@pytest.mark.ranks
def test_a_file_that_another_job_writes_to_stays_as_it_is(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    job = start("--ranks", "1", "2", "--out", str(file), *SMALL, "1000", "--experiment", EXPERIMENT)
    wait_for(file, 2)
    with file.open("a") as other:
        other.write(file.read_text().splitlines()[1] + "\n")
    printed, _ = job.communicate(timeout=60)
    assert job.returncode != 0 and "Traceback" not in printed
    assert "another job writes there as well" in printed and len(pk.Measurement.load(file)) >= 3
