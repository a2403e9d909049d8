"""Kills a run that checkpoints every step, at random moments, and looks after each what its newest checkpoint is worth.

    python -m tests.train.kills FOLDER COUNT

The runs are forks of this process, which has loaded torch: a kill costs some tenths of a second.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import pdekit as pk
from pdekit.train import writer

STEPS = 60
LIMIT = 30  # seconds for one more checkpoint
EXPERIMENT = pk.Experiment(
    pk.Poisson(16), pk.UNet(width=2, depth=2), optimizer="adam", samples=4, batch=2, steps=STEPS
)


def train(folder: Path) -> None:
    """From the newest checkpoint, or from the start, until killed."""
    if pk.Checkpoint.paths(folder):
        solver = pk.Solver.resume(folder)
    else:
        solver = pk.Solver(EXPERIMENT, checkpoints=folder, every=1)
    solver.run()


def killed_while_writing(folder: Path, expected: np.ndarray) -> None:
    """One whose writer has half of the third checkpoint on the disk: the second is the newest, and whole."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        put = writer._put

        def half(file: Path, content: bytes) -> None:
            put(file, content[: len(content) // 2] if late() else content)
            if late():
                os.write(tell, b".")
                signal.pause()

        def late() -> bool:
            return newest(folder) == 2

        writer._put = half
        solver = pk.Solver(EXPERIMENT, checkpoints=folder, every=1)
        for _ in solver:
            if newest(folder) < 2:
                solver.checkpoints.flush()
        os._exit(1)
    os.read(told, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    left = [path for path in folder.glob(".step-*") if list(path.glob("part-*"))]
    assert len(left) == 1 and newest(folder) == 2
    solver = pk.Solver.resume(folder)
    solver.checkpoints.folder = None
    assert np.array_equal(solver.advance(2) and solver.history.loss, expected[:4])
    solver = pk.Solver.resume(folder)
    solver.advance(1)
    solver.checkpoint()
    assert not list(folder.glob(".step-*"))


def newest(folder: Path) -> int:
    """The step of the newest checkpoint, 0 if there is none."""
    return max((int(path.name[5:]) for path in pk.Checkpoint.paths(folder)), default=0)


def main(folder: Path, count: int) -> None:
    expected = pk.Solver(EXPERIMENT).run().loss
    killed_while_writing(folder / "half", expected)
    rng, resumed, run, during = random.Random(0), 0, 0, 0
    for _ in range(count):
        place, patient = folder / str(run), rng.random() < 0.8  # else at the start
        child = os.fork()
        if child == 0:
            train(place)
            os._exit(0)
        before, end = newest(place), time.monotonic() + LIMIT
        while patient and newest(place) == before < STEPS and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert status in (0, signal.SIGKILL), "the run has failed by itself"
        during += any(place.glob(".*")) if place.exists() else 0
        if pk.Checkpoint.paths(place):
            solver = pk.Solver.resume(place)
            solver.checkpoints.folder = None  # only look
            resumed = len(solver.history)
            solver.advance(3)
            assert np.array_equal(solver.history.loss, expected[: len(solver.history)])
            run += resumed == STEPS
    print(
        f"{count} kills, {during} of them while writing; {run} runs to the end, the last one to step {resumed}"
    )
    assert resumed > 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
