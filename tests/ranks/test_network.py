"""The shaped network of the benchmarks: what is sent goes over its cables, at their speed, and nothing of it stays."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pdekit.cluster.launch import find_mpiexec, mpi_environment
from tests.benchmarks import namespaces
from tests.benchmarks.namespaces import Network, lacking
from tests.benchmarks.shaped import check_counters

PROGRAM = """
    import numpy as np
    import pdekit as pk
    comm, array = pk.World(), np.ones(2**18)
    comm.allreduce(array[:1])
    before = comm.seconds
    comm.allreduce(array)
    if comm.rank == 0:
        print(comm.size, array[-1], comm.sent, comm.seconds - before)
"""


@pytest.fixture
def possible() -> None:
    if reason := lacking():
        pytest.skip(reason)


def ours() -> list[str]:
    """Namespaces of this process."""
    names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout.split()
    return [name for name in names if name.startswith(f"{namespaces.NAME}-{os.getpid()}-")]


@pytest.mark.ranks
@pytest.mark.parametrize("around", [False, True])
def test_messages_take_the_cable_and_its_time(possible: None, around: bool) -> None:
    """2 MB at 200 Mb/s are 84 ms. Fails if the counters are not looked at, or the cable is not shaped."""
    with Network(nodes=2) as network:
        network.shape(200)
        before = network.sent()
        environment = network.environment(mpi_environment())
        if around:  # as left to itself: through the memory that the nodes share
            environment["UCX_TLS"] = "sm,self"
        command = [
            *network.mpiexec(find_mpiexec()),
            "-n",
            "2",
            sys.executable,
            "-c",
            textwrap.dedent(PROGRAM),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=100, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        size, last, sent, seconds = map(float, done.stdout.split())
        assert (size, last, sent) == (2, 2.0, 2**21 + 8)
        if around:
            with pytest.raises(RuntimeError, match=r"expected the messages on the cable, got 0\.0"):
                check_counters(before, network.sent(), sent)
        else:
            assert 1 < check_counters(before, network.sent(), sent) < 1.1
            assert seconds > 0.9 * 0.084
    assert ours() == []


def test_nothing_stays_after_an_error(possible: None) -> None:
    """In the body, and half-way through setting up. Fails if only what was finished is taken down."""
    network = Network(nodes=1)
    with pytest.raises(ZeroDivisionError), network:
        folder = network._ssh.parent
        assert len(ours()) == 2 and folder.exists()
        sleeper = subprocess.Popen(["ip", "netns", "exec", ours()[0], "sleep", "60"])
        while not namespaces._ip("netns", "pids", ours()[0]):
            pass
        raise ZeroDivisionError
    assert sleeper.wait(timeout=10) < 0  # what ran in it is gone, too
    assert ours() == [] and not folder.exists()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(subprocess.CalledProcessError):
        patch.setattr(namespaces, "ADDRESS", "nowhere.{}")
        with network:
            pass
    assert ours() == []


def test_what_a_killed_process_left_is_swept(possible: None) -> None:
    left = f"{namespaces.NAME}-{2**22 + 1}-1"  # above any process's number
    namespaces._ip("netns", "add", left)
    with Network(nodes=1):
        assert left not in namespaces._ip("netns", "list").split()


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert lacking() == "ip and tc not found; apt-get install iproute2"
    monkeypatch.setattr(shutil, "which", lambda name: f"/sbin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert lacking() == "network namespaces need root"
