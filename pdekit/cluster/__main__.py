"""`python -m pdekit.cluster controller|engine ...`: what the processes that `processes.py` starts run."""

import sys
from pathlib import Path

from pdekit.cluster import watchdog


def main(role: str, owner: str, folder: str, option: str, timeout: str) -> None:
    """Become an engine (`option`: threads) or the controller (`option`: "encrypted" or "plain"), watched."""

    def work() -> None:
        if role == "engine":
            from pdekit.cluster.engine import serve

            serve(Path(folder), int(option), float(timeout))
        else:
            from pdekit.cluster.controller import serve

            serve(Path(folder), option == "encrypted")

    watchdog.guard(role, int(owner), Path(folder), work)


if __name__ == "__main__":
    main(*sys.argv[1:])
