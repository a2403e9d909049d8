"""Runs a function of `tests/ranks/programs.py` on n ranks and brings its results back.

The launching process never imports MPI (a process that has cannot launch mpiexec). A rank that fails, by an
assertion or otherwise, prints its traceback and ends the whole job, so that no other rank waits for it.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from pdekit.cluster.launch import find_mpiexec, mpi_environment

LIMIT = 240  # seconds for one job
ROOT = Path(__file__).parents[2]


def on_ranks(ranks: int, program: str, limit: float = LIMIT, **arguments: object) -> list:
    """The values that `program(comm, **arguments)` returns on each of `ranks` ranks, in their order.

    AssertionError with everything that was printed if any rank fails or the time is up.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [*find_mpiexec(), "-n", str(ranks), sys.executable, "-m", "tests.ranks.launch"]
        environment = mpi_environment() | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
        try:
            done = subprocess.run(
                [*command, program, json.dumps(arguments), folder],
                capture_output=True, text=True, timeout=limit, env=environment, cwd=ROOT,
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            raise AssertionError(
                f"{program} on {ranks} ranks: not done in {limit} s\n{late.stdout}{late.stderr}"
            ) from late
        assert done.returncode == 0, f"{program} on {ranks} ranks failed\n{done.stdout}{done.stderr}"
        return [json.loads((Path(folder) / f"{rank}.json").read_text()) for rank in range(ranks)]


def main(program: str, arguments: str, folder: str) -> None:
    """One rank of the job."""
    import traceback

    import torch
    from mpi4py import MPI

    import pdekit as pk
    from tests.ranks import programs

    torch.set_num_threads(1)
    world = MPI.COMM_WORLD
    try:
        value = getattr(programs, program)(pk.World(), **json.loads(arguments))
        (Path(folder) / f"{world.rank}.json").write_text(json.dumps(value))
    except BaseException:
        print(f"rank {world.rank} of {world.size}:", traceback.format_exc(), file=sys.stderr, flush=True)
        world.Abort(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
