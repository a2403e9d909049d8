"""The guard of a process: notes how that ended, and ends it with its owner or its launcher. Without engines."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pdekit.cluster.processes import Processes
from pdekit.cluster.watchdog import alive, in_words
from tests.cluster.conftest import wait_until

ROOT = Path(__file__).parents[2]
SLEEP = "import time; print(__import__('os').getpid(), flush=True); time.sleep(60)"


def guarded(folder: Path, work: str, owner: int, launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """A process that runs the code `work` under a guard."""
    code = f"""
from pathlib import Path
from pdekit.cluster import watchdog
def work():
    exec({work!r}, {{}})
watchdog.guard("engine", {owner}, Path({str(folder)!r}), work)
"""
    return subprocess.Popen(
        [*launcher, sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def notes(folder: Path) -> list[str]:
    return [note.read_text() for note in folder.glob("ended-engine-*")]


@pytest.mark.parametrize(
    ("work", "words"),
    [
        ("pass", "ended with exit code 0"),
        ("raise SystemExit(3)", "ended with exit code 3"),
        ("import os; os._exit(4)", "ended with exit code 4"),
        ("import os; os.kill(os.getpid(), 11)", "was killed by SIGSEGV"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "was killed (SIGKILL: by hand, or by the system because memory ran out)",
        ),
    ],
)
def test_an_end_is_noted(tmp_path: Path, work: str, words: str) -> None:
    with guarded(tmp_path, work, os.getpid()) as process:
        process.wait(10)
    assert notes(tmp_path) == [words]


def test_the_process_and_what_it_started_end_with_the_owner(tmp_path: Path) -> None:
    work = f"import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True)\n{SLEEP}"
    with subprocess.Popen(["sleep", "60"]) as owner, guarded(tmp_path, work, owner.pid) as process:
        family = [psutil.Process(int(process.stdout.readline())) for _ in range(2)]
        assert all(map(alive, family))
        owner.kill()  # and not waited for: a zombie counts as gone
        wait_until(lambda: not any(map(alive, family)), 3.0)
    assert notes(tmp_path) == []


def test_the_process_ends_with_its_launcher_which_is_noted(tmp_path: Path) -> None:
    launcher = ("sh", "-c", '"$@" & wait', "launcher")
    with guarded(tmp_path, SLEEP, os.getpid(), launcher) as process:
        worker = psutil.Process(int(process.stdout.readline()))
        process.kill()
        wait_until(lambda: not alive(worker), 3.0)
    assert notes(tmp_path) == ["lost the process that launched it"]


def test_the_process_ends_with_its_guard(tmp_path: Path) -> None:
    with guarded(tmp_path, SLEEP, os.getpid()) as guard:
        worker = psutil.Process(int(guard.stdout.readline()))
        guard.kill()
        wait_until(lambda: not alive(worker), 3.0)


def test_a_guard_without_an_owner_starts_nothing_that_stays(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait(10)
    with guarded(tmp_path, SLEEP, gone.pid) as guard:
        guard.wait(10)
    assert notes(tmp_path) == []


def test_the_first_to_end_is_the_one_that_is_named(tmp_path: Path) -> None:
    processes = object.__new__(Processes)
    processes.folder, processes.ranks = tmp_path, {10: 0, 20: 1}
    for process, words in ((20, "was killed by SIGSEGV"), (10, "ended with exit code 15")):
        (tmp_path / f"ended-engine-{process}").write_text(words)
        time.sleep(0.02)
    assert processes.failure() == "rank 1 (process 20) was killed by SIGSEGV"


def test_a_signal_has_a_name() -> None:
    assert in_words(-signal.SIGTERM) == "was killed by SIGTERM"
