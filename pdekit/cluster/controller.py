"""The controller: ipyparallel's own, listening on this machine only."""

from pathlib import Path


def serve(folder: Path, encrypted: bool) -> None:
    """Route messages between client and engines until this process is ended; connection files in `folder`."""
    from ipyparallel.controller.app import main

    main(
        [
            f"--profile-dir={folder}",
            "--ip=127.0.0.1",
            "--location=127.0.0.1",
            "--log-level=ERROR",
            "--usethreads",  # two processes instead of nine
            "--nodb",  # else the controller keeps copies of all results
            f"--IPController.enable_curve={encrypted}",
            "--HeartMonitor.period=250",  # ms: engines register at a beat, and the default is 3 s
            "--HeartMonitor.max_heartmonitor_misses=120",
        ]
    )
