"""The command line: one line and status 2 for what cannot be; under mpiexec the same training as alone."""

import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch

import pdekit as pk
from pdekit import batch, lab, launched, processors
from pdekit.cli import main
from pdekit.cluster.launch import find_mpiexec
from pdekit.processors import Crew, cores

TINY = ["train", "--resolution", "32", "--samples", "4", "--batch", "2", "--steps", "3"]


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the machine's launcher nor the threads that `train` sets reach the next test."""
    for names in launched.LAUNCHERS:
        for name in names:
            monkeypatch.delenv(name, raising=False)
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pdekit", *arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line with which the command refuses."""
    try:
        status = main(arguments)
    except SystemExit as error:
        status = error.code
    assert status == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pdekit: ") and captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required: VERB"),
        (["trian"], "invalid choice: 'trian'"),
        (["train", "--steps", "many"], "invalid int value: 'many'"),
        (["train", "--steps", "0"], "steps: expected a whole number, at least 1, got 0"),
        (["train", "--rate", "-1"], "rate: expected"),
        (["train", "--optimizer", "magic"], "'magic'"),
        (["train", "--resolution", "17"], "nearest size that works"),
        (["train", "--threads", "0"], "threads: expected"),
        (["train", "--threads", "many"], "--threads: expected a whole number or auto, got 'many'"),
        (["train", "Experiment(speed=1)"], "'speed'"),
        (["train", "Experiment()", "--steps", "3"], "got both"),
        (["train", "--curve", "/no/such/folder/curve.csv"], "--curve: expected"),
        (["train", "--history", "/no/such/folder/run.csv"], "history: expected a file in a folder"),
        (["train", "--history", "run.xlsx"], "history: expected a file .csv or .parquet, got 'run.xlsx'"),
        (["train", "--every", "5"], "expected --checkpoints DIR with --every and --keep"),
        (["train", "--resume", "/no/such/folder", "--steps", "3"], "expected --resume alone"),
        (["train", "--resume", "/no/such/folder"], "expected a folder with checkpoints"),
        (["lab", "--port", "99999"], "port 99999"),
        (["predict", "no.safetensors", "0:4"], "required: -o/--out"),
        (["predict", "no.safetensors", "0:4", "-o", "u.h5"], "model: expected a file written by solver.save"),
        (["predict", "no.safetensors", "4:4", "-o", "u.h5"], "INPUT: expected a first sample and one behind"),
        (["predict", "no.safetensors", "0", "-o", "u.h5", "--threads", "0"], "threads: expected"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refusal(capsys, *arguments)


def test_only_the_first_rank_complains(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PMI_RANK", "1")
    monkeypatch.setenv("PMI_SIZE", "2")
    assert main(["train", "--steps", "0"]) == 2
    assert capsys.readouterr().err == ""


def test_the_command_itself_loads_nothing_heavy() -> None:
    program = """
        import sys
        from pdekit.cli import main
        main(["version"])
        print(sorted({"torch", "numpy", "mpi4py", "jupyterlab", "plotly"} & set(sys.modules)))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.splitlines() == ["0.1.0", "[]"]


def test_a_line_names_the_grid_of_a_square_or_a_cube() -> None:
    step = pk.Step(1, 0.5, 0.1, 32, 1e-3, 1.0, 0.0, 1)
    assert "  32 x 32  loss" in batch.line(step, pk.Experiment(pk.Poisson(32)))
    assert "  32 x 32 x 32  loss" in batch.line(step, pk.Experiment(pk.Poisson(32, dim=3)))


def test_train_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    curve = tmp_path / "curve.csv"
    assert main([*TINY, "--curve", str(curve)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Experiment(")
    assert lines[1].endswith(f" parameters, {Crew(1, 1, cores())}")
    assert "step      3 of 3" in lines[-3] and "32 x 32" in lines[-3]
    assert "0.0% of it in communication" in lines[-2]
    assert re.fullmatch(r"held-out error \d+\.\d\d%: .* 16 samples", lines[-1])
    with curve.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "3"]
    assert all(float(row["error"]) > 0 for row in rows)
    assert float(rows[0]["seconds"]) < float(rows[2]["seconds"])
    assert list(tmp_path.iterdir()) == [curve]  # nothing is left beside it


def test_threads_are_as_many_as_asked_for_or_as_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails if the threads are shown but not used, and if the warning is lost."""
    before = torch.get_num_threads()
    try:
        monkeypatch.setattr(processors, "cores", lambda *_: 3)
        assert main([*TINY, "--threads", "auto"]) == 0
        assert "1 rank x 3 threads on 3 cores" in capsys.readouterr().out and torch.get_num_threads() == 3
        assert main([*TINY, "--threads", "4"]) == 0
        assert "4 threads share 3 cores" in capsys.readouterr().err and torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


def test_train_keeps_its_history(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    path, folder = tmp_path / "run.csv", tmp_path / "board"
    assert main([*TINY, "--history", str(path), "--tensorboard", str(folder)]) == 0
    history = pk.History.load(path)
    assert history.number.tolist() == [1, 2, 3] and history.size == 1
    assert pk.Experiment.parse(history.experiment).problem == pk.Poisson(32)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("end", [FloatingPointError, KeyboardInterrupt])
def test_a_run_that_ends_early_keeps_its_history(
    end: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The steps of the latest update, and those after it. Fails if it is written at the end alone."""

    class Ending(pk.Solver):
        def __next__(self) -> pk.Step:
            if len(self.history) == 2:
                raise end("enough")
            return super().__next__()

    monkeypatch.setattr(pk, "Solver", Ending, raising=False)
    path = tmp_path / "run.csv"
    assert main([*TINY[:-1], "90", "--history", str(path)]) == (1 if end is FloatingPointError else 130)
    assert pk.History.load(path).number.tolist() == [1, 2]


def test_the_line_that_train_prints_can_be_given_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(TINY) == 0
    first = capsys.readouterr().out.splitlines()
    assert main(["train", first[0]]) == 0
    again = capsys.readouterr().out.splitlines()
    assert (again[0], again[-1]) == (first[0], first[-1])


def test_a_curve_that_cannot_be_finished_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curve = tmp_path / "curve.csv"
    curve.write_text("old")
    with pytest.raises(ValueError, match="format"):
        batch.write_curve(curve, [(1, 0.5, 32, 0.1), (2, 1.0, 32, "x")])  # type: ignore[list-item]
    assert curve.read_text() == "old"
    assert list(tmp_path.iterdir()) == [curve]


def test_a_run_is_gone_on_with_from_its_checkpoints(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    assert main([*TINY, "--checkpoints", str(folder), "--every", "1", "--keep", "3"]) == 0
    first = capsys.readouterr().out.splitlines()
    assert main(["train", "--resume", str(folder / "step-00000001")]) == 0
    again = capsys.readouterr().out.splitlines()
    assert (again[0], again[-1]) == (first[0], first[-1])
    assert again[2] == f"resumed after step 1, from {folder / 'step-00000001'}"
    assert "resume from it" in refusal(capsys, *TINY, "--checkpoints", str(folder))
    (folder / ".held").mkdir()
    said = {"key": "00", "pid": 7, "born": "", "host": "elsewhere", "since": "Monday"}
    (folder / ".held" / "holder.json").write_text(json.dumps(said))
    told = refusal(capsys, "train", "--resume", str(folder / "step-00000001"))
    assert "got 'process 7 on elsewhere, since Monday'" in told and f"remove {folder / '.held'}" in told


@pytest.mark.ranks
def test_train_on_two_ranks_is_train_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curve, history = tmp_path / "curve.csv", tmp_path / "run.csv"
    files = ["--curve", str(curve), "--history", str(history)]
    command = [*find_mpiexec(), "-n", "2", sys.executable, "-m", "pdekit", *TINY, *files]
    there = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert there.returncode == 0, there.stderr
    assert main(TINY) == 0
    here = capsys.readouterr().out.splitlines()
    lines = there.stdout.splitlines()
    assert lines[0] == here[0] and "2 ranks x 1 thread on " in lines[1]
    assert lines[-1] == here[-1]
    assert float(re.search(r"([\d.]+)% of it in communication", lines[-2])[1]) > 0
    assert len(curve.read_text().splitlines()) == 1 + 3
    assert (pk.History.load(history).ranks.waiting >= 0).all()


def test_predict_writes_the_fields_of_a_saved_generator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    h5py = pytest.importorskip("h5py")
    model, out = tmp_path / "rocks.safetensors", tmp_path / "u.h5"
    own = "def build(channels, outputs, dim):\n    return nn.Conv2d(channels, outputs, 3, padding=1)"
    solver = pk.Solver(pk.Experiment(pk.Poisson(16), pk.Network(own), steps=1))
    solver.save(model)
    ask = ["predict", str(model), "2:5", "-o", str(out), "--vtk", str(tmp_path / "v"), "--resolution", "32"]
    assert "pass code=True" in refusal(capsys, *ask)
    assert main([*ask, "--code"]) == 0
    assert re.fullmatch(rf"3 samples in [\d.]+ s: {out}\n", capsys.readouterr().out)
    with h5py.File(out) as store:
        np.testing.assert_array_equal(store["u"], solver.predict([2, 3, 4], 32))
    assert len(list((tmp_path / "v").iterdir())) == 3
    assert "dataset: expected none" in refusal(capsys, *ask, "--code", "--dataset", "k")


def test_a_full_disk_ends_predict_with_a_message_and_leaves_the_old_file(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    model, out = tmp_path / "rocks.safetensors", tmp_path / "u.h5"
    pk.Solver(pk.Experiment(pk.Poisson(16), pk.UNet(width=4, depth=2), steps=1)).save(model)
    out.write_text("old")
    command = [sys.executable, "-m", "pdekit", "predict", str(model), "0:16", "-o", str(out)]
    limit = "import os, resource; resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))"
    program = f"{limit}; os.execv({command[0]!r}, {command!r})"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert said.returncode == 1, said.stderr
    assert said.stderr.startswith("pdekit: ") and "File too large" in said.stderr and said.stdout == ""
    assert out.read_text() == "old" and sorted(tmp_path.iterdir()) == [model, out]


@pytest.mark.ranks
def test_a_rank_that_fails_ends_all_of_them() -> None:
    program = """
        import sys
        import pdekit
        from pdekit import launched
        from pdekit.cli import main

        class Broken(pdekit.Solver):
            def __next__(self):
                if launched.rank() == 1 and len(self.history) == 1:
                    raise RuntimeError("rank 1 fell over")
                return super().__next__()

        pdekit.Solver = Broken
        sys.exit(main(sys.argv[1:]))
    """
    command = [*find_mpiexec(), "-n", "2", sys.executable, "-c", textwrap.dedent(program), *TINY]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode != 0
    assert "rank 1 fell over" in said.stderr + said.stdout


@pytest.mark.ranks
def test_an_interrupt_in_a_message_that_never_ends_keeps_the_history(tmp_path: Path) -> None:
    """Rank 1 leaves the third step; rank 0 waits for it in MPI when it is interrupted. Fails without `rescued`."""
    program = """
        import os, signal, sys, time
        import numpy as np
        import pdekit
        from pdekit.cli import main

        class Interrupted(pdekit.Solver):
            def __next__(self):
                if not len(self.history):
                    self.processes = self.comm.allgather(np.array([os.getpid()]))
                if self.comm.rank == 1 and len(self.history) == 2:
                    time.sleep(0.5)
                    os.kill(int(self.processes[0, 0]), signal.SIGINT)
                    raise KeyboardInterrupt
                return super().__next__()

        pdekit.Solver = Interrupted
        sys.exit(main(sys.argv[1:]))
    """
    path = tmp_path / "run.csv"
    arguments = [*TINY[:-1], "90", "--history", str(path)]
    command = [*find_mpiexec(), "-n", "2", sys.executable, "-c", textwrap.dedent(program), *arguments]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode != 0
    assert pk.History.load(path).number.tolist() == [1, 2], said.stderr


@pytest.mark.ranks
def test_a_launcher_that_starts_worlds_of_one_is_refused() -> None:
    said = run(*TINY, OMPI_COMM_WORLD_RANK="0", OMPI_COMM_WORLD_SIZE="2")
    assert said.returncode == 2
    assert "expected a world of 2 ranks, as the launcher says, got 1" in said.stderr


def test_launchers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launched.world() is None
    monkeypatch.setenv("SLURM_PROCID", "0")  # as in a batch script, outside any step
    assert launched.world() is None and launched.rank() == 0
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    assert launched.world() == (0, 4)
    monkeypatch.setenv("PMI_RANK", "3")
    monkeypatch.setenv("PMI_SIZE", "8")
    assert launched.world() == (3, 8) and launched.rank() == 3


@pytest.mark.parametrize(
    ("environment", "display"),
    [({}, False), ({"DISPLAY": ":0"}, True), ({"DISPLAY": ":10", "SSH_CONNECTION": "1 2 3 4"}, False)],
)
def test_has_display(environment: dict[str, str], display: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert lab.has_display() is display


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with two lessons, as a wheel leaves it."""
    package = tmp_path / "site-packages" / "pdekit"
    (package / "lessons").mkdir(parents=True)
    (package / "lessons" / "pictures").mkdir()
    for name in ("01-first.ipynb", "02-second.ipynb", "pictures/field.png"):
        (package / "lessons" / name).write_text(json.dumps({"from": "the wheel"}))
    monkeypatch.setattr(lab, "PACKAGE", package)
    return package


def test_lessons_are_copied_without_touching_the_readers_work(installed: Path, tmp_path: Path) -> None:
    first = lab.first_lesson(tmp_path)
    assert first == tmp_path / "pdekit-lessons" / "01-first.ipynb"
    first.write_text("my own work")
    (first.parent / "02-second.ipynb").unlink()
    assert lab.first_lesson(tmp_path) == first
    assert first.read_text() == "my own work"
    assert (first.parent / "02-second.ipynb").exists()
    assert (first.parent / "pictures" / "field.png").exists()


def test_no_lesson_is_said(installed: Path, tmp_path: Path) -> None:
    shutil.rmtree(installed / "lessons")
    with pytest.raises(lab.LabError, match="no lesson"):
        lab.first_lesson(tmp_path)


def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} cannot be used" in refusal(capsys, "lab", "--port", str(port))


def test_lab_prints_an_address_that_opens_the_lesson(installed: Path, tmp_path: Path) -> None:
    """And a tunnel to it; nobody gets in without the token, and SIGTERM ends it."""
    program = f"""
        from pathlib import Path
        from pdekit import lab
        lab.PACKAGE = Path({str(installed)!r})
        lab.serve(Path({str(tmp_path)!r}), browser=False)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        try:
            said = "".join(iter(server.stdout.readline, "Ctrl-C ends JupyterLab.\n"))
            url = re.search(r"http://localhost:(\d+)/lab/tree/pdekit-lessons/01-first.ipynb\?token=\w+", said)
            assert url is not None, said
            assert f"ssh -N -L {url[1]}:localhost:{url[1]} " in said
            with urllib.request.urlopen(url[0], timeout=30) as page:
                assert "JupyterLab" in page.read().decode()
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(f"http://localhost:{url[1]}/api/contents", timeout=30)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)
