"""The controller: ipyparallel's own, listening on this machine only."""

import socket
from pathlib import Path

PORTS = 24  # it listens on 18


def serve(folder: Path, encrypted: bool) -> None:
    """Route messages between client and engines until this process is ended; connection files in `folder`."""
    from ipyparallel.controller.app import main

    held = hold(PORTS)
    main(
        [
            f"--profile-dir={folder}",
            "--ip=127.0.0.1",
            "--location=127.0.0.1",
            f"--ports={','.join(str(each.getsockname()[1]) for each in held)}",
            "--log-level=ERROR",
            "--usethreads",  # two processes instead of nine
            "--nodb",  # else the controller keeps copies of all results
            f"--IPController.enable_curve={encrypted}",
            "--HeartMonitor.period=250",  # ms: engines register at a beat, and the default is 3 s
            "--HeartMonitor.max_heartmonitor_misses=120",
        ]
    )


def hold(count: int) -> list[socket.socket]:
    """Sockets on so many free ports, which nobody else is given as long as we hold them.

    ipyparallel looks for free ports by itself, lets go of them, and listens there a second later: a port that
    another process was given meanwhile is the end of it. ZeroMQ listens beside a socket that, like its own, may
    share its address and does not listen.
    """
    held = []
    for _ in range(count):
        each = socket.socket()
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.bind(("", 0))
        held.append(each)
    return held
