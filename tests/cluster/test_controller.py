"""The controller's ports: held from the moment they are chosen, so that no other process is given them."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
import zmq

import pdekit as pk
from pdekit.cluster.controller import hold
from pdekit.cluster.engines import CONNECT, Engines
from tests.cluster.conftest import wait_until

GREEDY = """
import sys
from pathlib import Path
from ipyparallel import util
from pdekit.cluster.controller import serve

def none(count):
    raise OSError("no other port is to be had")

util.select_random_ports = none
serve(Path(sys.argv[1]), encrypted=False)
"""


def test_zeromq_listens_on_a_port_that_is_held_and_nobody_else_does() -> None:
    """Fails if the ports are let go of, as ipyparallel does, and if ours may not be shared."""
    held = hold(3)
    ports = [each.getsockname()[1] for each in held]
    for port in ports:
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
            router.bind(f"tcp://127.0.0.1:{port}")
    assert len(set(ports)) == 3
    for each in held:
        each.close()


def test_the_controller_looks_for_no_port_itself(tmp_path: Path) -> None:
    """Fails if it is given none, or too few."""
    with subprocess.Popen(
        [sys.executable, "-c", GREEDY, str(tmp_path)], stderr=subprocess.PIPE
    ) as controller:
        try:
            file = tmp_path / "security" / "ipcontroller-engine.json"
            wait_until(lambda: file.exists() or controller.poll() is not None, 60.0)
            assert file.exists(), controller.stderr.read().decode()
        finally:
            controller.kill()


@pytest.mark.ranks
def test_a_controller_that_answers_late_is_waited_for() -> None:
    """On busy cores it may take longer than one try. Fails if that is an error."""
    owner = type("Owner", (), {})()
    engines = Engines(pk.Cluster(ranks=1, timeout=60.0).plan, owner)
    try:
        connecting = engines.connecting()
        while not engines.processes.listening:
            next(connecting)
        (controller,) = psutil.Process(engines.processes._controller.pid).children()
        controller.suspend()
        threading.Timer(1.5 * CONNECT, controller.resume).start()
        for _ in connecting:
            pass
        assert engines.failure() is None
    finally:
        for _ in engines.ending():
            pass
