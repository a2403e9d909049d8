"""The processes of one start of a cluster: controller and engines, what became of them, and their end."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from pdekit.cluster.errors import ClusterError
from pdekit.cluster.launch import Plan
from pdekit.cluster.watchdog import alive, in_words

PATIENCE = 3.0  # seconds for processes to end before they are killed


class Processes:
    """Starts the controller and all engines at once, without waiting; their files are in a private folder."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.owner = plan, os.getpid()
        self.folder = Path(tempfile.mkdtemp(prefix="pdekit-"))
        self.connection_file = self.folder / "security" / "ipcontroller-client.json"
        self.ranks: dict[int, int] = {}  # process -> MPI rank, once the engines have answered
        self._environment = plan.environment(self.folder)
        started: list[subprocess.Popen[bytes]] = []
        try:
            started += [self._start("engine", str(plan.threads), *plan.mpiexec, "-n", str(plan.ranks))]
            started += [self._start("controller", "encrypted" if plan.encrypted else "plain")]
        except OSError as error:
            for popen in started:
                _signal_group(popen, signal.SIGKILL)
                popen.wait(PATIENCE)
            shutil.rmtree(self.folder, ignore_errors=True)
            got = f"got {error}; `pdekit doctor` looks for causes"
            raise ClusterError(f"start: expected to start processes from {self.folder}, {got}") from error
        self._engines, self._controller = started

    def _start(self, role: str, option: str, *launcher: str) -> subprocess.Popen[bytes]:
        arguments = [role, str(self.owner), str(self.folder), option, str(self.plan.timeout)]
        with (self.folder / f"{role}.log").open("wb") as log:
            return subprocess.Popen(
                [*launcher, sys.executable, "-m", "pdekit.cluster", *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # no Ctrl-C that is meant for us, and one process group to kill
            )

    @property
    def listening(self) -> bool:
        """Whether the controller is up. It writes the engines' file last: then ours is whole."""
        return self.connection_file.with_name("ipcontroller-engine.json").exists()

    def failure(self) -> str | None:
        """None while all of them run; otherwise which one ended first, and why."""
        notes = sorted(self.folder.glob("ended-*"), key=lambda note: note.stat().st_mtime_ns)
        if notes:
            _, role, process = notes[0].name.split("-")
            name = f"rank {self.ranks[int(process)]}" if int(process) in self.ranks else f"the {role}"
            return f"{name} (process {process}) {notes[0].read_text()}"
        for name, popen in ((self.plan.mpiexec[0], self._engines), ("the controller", self._controller)):
            if popen.poll() is not None:
                return f"{name} {in_words(popen.returncode)}"
        return None

    def log(self, lines: int = 20) -> str:
        """The end of what controller and engines printed, which is little unless something went wrong."""
        texts = [
            (self.folder / f"{role}.log").read_text(errors="replace") for role in ("controller", "engine")
        ]
        return "\n".join(line for text in texts for line in text.splitlines()[-lines:])

    def terminate(self) -> None:
        """Ask all of them to end, without waiting."""
        _signal_group(self._engines, signal.SIGTERM)  # mpiexec then ends the engines
        _signal_group(self._controller, signal.SIGKILL)

    def ending(self) -> Iterator[None]:
        """End all of them and remove the folder; yields while it waits, at most twice `PATIENCE` seconds."""
        ours = [process for process in psutil.process_iter() if self._started(process)]
        self.terminate()
        yield from _until_gone(ours)
        _signal_group(self._engines, signal.SIGKILL)
        for process in filter(alive, ours):
            process.kill()
        yield from _until_gone(ours)
        for popen in (self._engines, self._controller):
            popen.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)

    def end(self) -> None:
        """`ending`, waiting here; nothing in a fork of the process that started them."""
        if os.getpid() == self.owner:
            for _ in self.ending():
                time.sleep(0.02)

    def _started(self, process: psutil.Process) -> bool:
        """Whether it carries our folder in its command line: also those whose parent has ended."""
        try:
            return process.pid != self.owner and str(self.folder) in process.cmdline()
        except psutil.Error:  # gone meanwhile, or another user's
            return False


def _signal_group(leader: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if leader.returncode is None:  # else its number may be another's by now
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, number)


def _until_gone(processes: list[psutil.Process]) -> Iterator[None]:
    deadline = time.monotonic() + PATIENCE
    while any(map(alive, processes)) and time.monotonic() < deadline:
        yield
