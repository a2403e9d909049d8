"""Processes that want one and the same folder at the same moment, from which a dead one has gone: how many got it
and lost it again, and how many have it.

python -m tests.train.race FOLDER
"""

import json
import os
import random
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from pdekit.train.hold import Hold, Holder

ROUNDS, MANY = 15, 8


def attempt(folder: Path, start: float, told: int, end: int) -> int:
    """0 unless this process gets it, 1 if another one has it when all have tried, else 2."""
    look = Holder.of
    Holder.of = lambda place: (look(place), time.sleep(random.uniform(0, 0.01)))[0]  # time for others to act
    while time.monotonic() < start:
        pass
    try:
        hold = Hold(folder)
    except ValueError:
        hold = None
    os.write(told, b".")
    os.read(end, 1)
    if hold is None:
        return 0
    try:
        hold.check()
    except OSError:
        return 1
    return 2


def main(folder: Path) -> None:
    for k in range(ROUNDS):
        place = folder / str(k)
        (place / ".held").mkdir(parents=True)
        dead = replace(Holder.me(), pid=os.getppid(), born="long ago")
        (place / ".held" / "holder.json").write_text(json.dumps(asdict(dead)))
        (tells, told), (end, ends) = os.pipe(), os.pipe()
        start, children = time.monotonic() + 0.02, []
        for _ in range(MANY):
            child = os.fork()
            if child == 0:
                os._exit(attempt(place, start, told, end))
            children.append(child)
        for _ in range(MANY):
            os.read(tells, 1)
        os.write(ends, b"." * MANY)
        got = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(got.count(1), got.count(2))
        for descriptor in (tells, told, end, ends):
            os.close(descriptor)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
