"""Contenders that are timed in turns in one job, so that whatever else the machine does befalls all of them.

A rank that has no part in a turn sleeps: one that waited busily would slow the one that is being timed.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tests.benchmarks.namespaces import Network

Advance = Callable[[int], object]
"""Takes that many steps."""
TURN = 0.4  # seconds that a turn lasts at least, in whole steps


def race(contenders: Mapping[str, Advance | None], seconds: float, least: int = 5) -> dict[str, np.ndarray]:
    """Seconds per step (rounds, ranks) of each contender; nan where a rank sleeps, for which it is None.

    All ranks call it with the same names, after warming up. There are as many rounds as fit into `seconds`, at
    least `least` and at most 40.
    """
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    once = np.nanmax(np.array(world.allgather([_turn(a, 1) for a in contenders.values()])), axis=0)
    steps = max(1, round(TURN / once.min()))
    rounds = min(max(least, round(seconds / (steps * once.sum()))), 40)
    times = [[_turn(advance, steps) for advance in contenders.values()] for _ in range(rounds)]
    everyone = np.array(world.allgather(times))  # (ranks, rounds, contenders)
    return {name: everyone[:, :, k].T for k, name in enumerate(contenders)}


def _turn(advance: Advance | None, steps: int) -> float:
    meet()
    if advance is None:
        return np.nan
    start = time.perf_counter()
    advance(steps)
    return (time.perf_counter() - start) / steps


def meet() -> None:
    """Wait for all ranks, asleep, and go on at the same time."""
    from mpi4py import MPI

    there = MPI.COMM_WORLD.Ibarrier()
    while not there.Test():
        time.sleep(0.005)
    MPI.COMM_WORLD.Barrier()  # the last is at most one nap late


def spread(values: np.ndarray) -> str:
    """Median and quartiles of (rounds,)."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.3f} ({low:.3f}..{high:.3f})"


def peak() -> float:
    """Peak resident memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def answer(value: object) -> None:
    """Hand `value` of rank 0 to the process that called `on_ranks`."""
    from mpi4py import MPI

    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps(value))


def on_ranks(ranks: int, module: str, *options: object, network: "Network | None" = None) -> object:
    """What rank 0 of `python -m tests.benchmarks.MODULE --rank OPTIONS` answers; on the nodes of `network`, if any."""
    from pdekit.cluster.launch import find_mpiexec, mpi_environment

    command = [
        *(network.mpiexec(find_mpiexec()) if network else find_mpiexec()),
        "-n",
        str(ranks),
        sys.executable,
        "-m",
        f"tests.benchmarks.{module}",
        "--rank",
    ]
    environment = {"OMP_WAIT_POLICY": "passive", "GLOO_SOCKET_IFNAME": "lo"} | mpi_environment()
    environment["OMP_NUM_THREADS"] = "1"
    if network:
        environment = network.environment(environment)
    done = subprocess.run(
        [*command, *map(str, options)], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> str:
    """One line on the machine, its load included: figures taken on a busy one are worth little."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start"
