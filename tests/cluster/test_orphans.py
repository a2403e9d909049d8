"""However a script or a notebook's kernel ends, 30 seconds later nothing that it started is left."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from pdekit.cluster.watchdog import alive
from tests.cluster.conftest import wait_until

pytestmark = pytest.mark.ranks
ROOT = Path(__file__).parents[2]
LIMIT = 30.0

START = """
import signal, sys, time
import pdekit as pk

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and what it starts

def train():
    import numpy as np
    from pdekit.parallel import World
    world = World()
    while True:
        world.allreduce(np.ones(1))

def wait():
    while True:  # a signal that comes just before one long sleep would be handled after it
        time.sleep(0.1)

cluster = pk.Cluster(ranks={ranks}, timeout=200).start()
print("folder", cluster._engines.processes.folder, flush=True)
"""
# name: ranks, what the script does when it is told to go on, and the signal that it gets then
ENDS = {
    "SIGKILL during a call": (
        2,
        "cluster.send(train); print('on', flush=True); wait()",
        signal.SIGKILL,
    ),
    "SIGTERM during a call": (
        1,
        "cluster.send(train); print('on', flush=True); wait()",
        signal.SIGTERM,
    ),
    "SIGINT": (1, "print('on', flush=True); wait()", signal.SIGINT),
    "an exception": (1, "cluster.send(train); raise ValueError('no')", None),
    "the end without close": (1, "", None),
}
UNWOUND = (
    "SIGTERM during a call",
    "SIGINT",
    "an exception",
    "the end without close",
)  # it closes its cluster


class Script:
    """A script with a cluster."""

    def __init__(self, ranks: int, rest: str, number: signal.Signals | None) -> None:
        self.number = number
        code = f"{START.format(ranks=ranks)}\nsys.stdin.readline()\n{rest}"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.popen = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, text=True, **pipes)
        self.pid = self.popen.pid

    def folder(self) -> Path:
        said = self.popen.stdout.readline()
        assert said.startswith("folder"), f"expected a cluster, got {said!r} and the end of the script"
        return Path(said.removeprefix("folder").strip())

    def end(self) -> None:
        self.popen.stdin.write("go on\n")
        self.popen.stdin.flush()
        if self.number is not None:
            assert self.popen.stdout.readline() == "on\n"
            self.popen.send_signal(self.number)
        self.popen.wait(LIMIT)

    def close(self) -> None:
        self.popen.kill()
        self.popen.communicate()


class Kernel:
    """A notebook's kernel with a cluster that was started in a cell."""

    def __init__(self) -> None:
        from jupyter_client.manager import KernelManager

        self.manager = KernelManager()
        self.manager.start_kernel(cwd=ROOT)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.printed: list[str] = []
        self.asked = self.client.execute(START.format(ranks=1))
        self.pid = self.manager.provisioner.pid

    def folder(self) -> Path:
        while True:
            message = self.client.get_iopub_msg(timeout=200)
            if message["msg_type"] == "error":
                raise AssertionError("\n".join(message["content"]["traceback"]))
            if message["msg_type"] == "stream" and "folder" in message["content"]["text"]:
                return Path(message["content"]["text"].partition("folder")[2].strip())

    def end(self) -> None:
        self.manager.shutdown_kernel(now=True)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


Started = tuple[Script | Kernel, Path, list[psutil.Process]]


@pytest.fixture(scope="module")
def started() -> Iterator[dict[str, Started]]:
    """All of them at once, each with the folder and the processes of its cluster."""
    with ExitStack() as stack:
        owners: dict[str, Script | Kernel] = {name: Script(*end) for name, end in ENDS.items()}
        for owner in owners.values():
            stack.callback(owner.close)
        owners["a killed kernel"] = Kernel()
        stack.callback(owners["a killed kernel"].close)
        folders = {name: owner.folder() for name, owner in owners.items()}
        yield {
            name: (owner, folders[name], psutil.Process(owner.pid).children(recursive=True))
            for name, owner in owners.items()
        }


@pytest.mark.parametrize("name", [*ENDS, "a killed kernel"])
def test_nothing_is_left_after(name: str, started: dict[str, Started]) -> None:
    owner, folder, processes = started[name]
    # controller: guard, itself, heart monitor; mpiexec, its proxy, and two for each rank
    assert folder.exists() and len(processes) >= 7 and all(map(alive, processes))
    owner.end()
    if name in UNWOUND:
        assert not any(map(alive, processes))
    if name == "SIGTERM during a call":
        assert owner.popen.returncode == 128 + signal.SIGTERM
    wait_until(lambda: not any(map(alive, processes)) and not folder.exists(), LIMIT)
