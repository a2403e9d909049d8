"""Runs a function of `tests/ranks/programs.py` on n ranks and brings its results back.

The launching process never imports MPI (a process that has cannot launch mpiexec). A rank that fails, by an
assertion or otherwise, prints its traceback and ends the whole job, so that no other rank waits for it.

To start a rank takes longer than what most tests ask of it: up to 4 ranks are those of one job that stays, asleep
between its tasks, and makes a world of as many as are asked for.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pdekit.cluster.launch import find_mpiexec, mpi_environment

LIMIT = 240  # seconds for one task
ROOT = Path(__file__).parents[2]
STAY = 4  # ranks of the job that stays
NAP = 0.01  # seconds


class Job:
    """`ranks` ranks that wait for tasks; all are ended by `close`, or with this process."""

    def __init__(self, ranks: int) -> None:
        self._folder, self._tasks = tempfile.TemporaryDirectory(ignore_cleanup_errors=True), 0
        self._path = Path(self._folder.name)
        command = [*find_mpiexec(), "-n", str(ranks), sys.executable, "-m", "tests.ranks.launch"]
        environment = mpi_environment() | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
        with (self._path / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, str(self._path), str(os.getpid())],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=ROOT,
            )  # fmt: skip

    @property
    def up(self) -> bool:
        """Whether it takes tasks."""
        return self._process.poll() is None

    def run(self, ranks: int, program: str, arguments: dict, limit: float) -> list:
        """What `program(comm, **arguments)` returns on each of the first `ranks` ranks; see `on_ranks`."""
        log, place = self._path / "log", self._path / str(self._tasks)
        said = log.stat().st_size
        place.mkdir()
        _write(place / "task.json", [ranks, program, arguments])
        self._tasks += 1
        answers = [place / f"{rank}.json" for rank in range(ranks)]
        deadline = time.monotonic() + limit
        while not all(answer.exists() for answer in answers):
            ended, late = not self.up, time.monotonic() > deadline
            if ended or late:
                words = "failed" if ended else f"not done in {limit} s"
                printed = log.read_bytes()[said:].decode(errors="replace")
                self.close()
                raise AssertionError(f"{program} on {ranks} ranks: {words}\n{printed}")
            time.sleep(NAP)
        return [json.loads(answer.read_text()) for answer in answers]

    def close(self) -> None:
        """End it; once more does no harm."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._folder.cleanup()


_staying: list[Job] = []


def on_ranks(
    ranks: int, program: str, limit: float = LIMIT, alone: bool = False, **arguments: object
) -> list:
    """The values that `program(comm, **arguments)` returns on each of `ranks` ranks, in their order.

    With `alone` in a job of its own: for what leaves traces in the process. AssertionError with everything that was
    printed if any rank fails or the time is up.
    """
    if alone or ranks > STAY:
        job = Job(ranks)
        try:
            return job.run(ranks, program, arguments, limit)
        finally:
            job.close()
    if not (_staying and _staying[-1].up):
        _staying[:] = [Job(STAY)]
    return _staying[-1].run(ranks, program, arguments, limit)


def close() -> None:
    """End the job that stays, if there is one."""
    while _staying:
        _staying.pop().close()


def serve(folder: Path, owner: int) -> None:
    """One rank of a job: its tasks, one by one, until the process `owner` is gone."""
    import traceback

    import torch
    from mpi4py import MPI

    import pdekit as pk
    from tests.ranks import programs

    world, number = MPI.COMM_WORLD, 0
    while True:
        place = folder / str(number)
        while not (place / "task.json").exists():
            os.kill(owner, 0)  # an error, which ends all ranks, if it is gone
            time.sleep(NAP)
        ranks, program, arguments = json.loads((place / "task.json").read_text())
        number += 1
        if world.rank >= ranks:
            continue
        torch.set_num_threads(1)
        try:
            value = getattr(programs, program)(pk.World(ranks), **arguments)
            _write(place / f"{world.rank}.json", value)
        except BaseException:
            print(f"rank {world.rank} of {ranks}:", traceback.format_exc(), file=sys.stderr, flush=True)
            world.Abort(1)


def _write(path: Path, value: object) -> None:
    """Whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(value))
    draft.rename(path)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
