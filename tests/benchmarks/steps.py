"""Seconds per step on one rank and on two, interleaved in one job: samples per second, communication, memory.

    python tests/benchmarks/steps.py [--batch 8] [--rounds 5] [RESOLUTION ...]

For each resolution one job of two ranks trains the default U-Net in turns on both ranks and on the first
alone, the same global batch, a few steps each; the medians over the rounds are printed. Peak memory is the
process's, the library included, and for one rank also what it holds for its part in the two.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np


def measure(resolution: int, batch: int, rounds: int) -> list[dict[str, float]] | None:
    """One row for two ranks and one for one, on rank 0; None elsewhere. Runs on every rank of a job of two."""
    import torch

    import pdekit as pk

    torch.set_num_threads(1)
    both = pk.World()
    experiment = pk.Experiment(
        pk.Poisson(resolution), samples=4 * batch, batch=batch, steps=1000, grids="single"
    )
    solvers = [(2, pk.Solver(experiment, both))]
    solvers[0][1].advance(1)
    peaks = [peak()]
    if both.rank == 0:
        solvers.append((1, pk.Solver(experiment)))
        solvers[1][1].advance(1)
        peaks.append(peak())
    times = {ranks: [] for ranks, _ in solvers}
    for _ in range(rounds):
        for ranks, solver in solvers:
            before, waited = solver.seconds, solver.comm.seconds
            solver.advance(2)
            times[ranks].append(((solver.seconds - before) / 2, (solver.comm.seconds - waited) / 2))
        meet()
    if both.rank:
        return None
    rows = []
    for (ranks, _), memory in zip(solvers, peaks, strict=True):
        seconds, waited = np.median(times[ranks], axis=0)
        rows.append(
            {"ranks": ranks, "resolution": resolution, "seconds": seconds, "waited": waited, "peak": memory}
        )
    ratios = [two[0] / one[0] for two, one in zip(times[2], times[1], strict=True)]
    rows[0]["speedup"] = float(1 / np.median(ratios))
    return rows


def meet() -> None:
    """Wait for all ranks, asleep: a rank that waits busily would slow the one that is being timed."""
    from mpi4py import MPI

    there = MPI.COMM_WORLD.Ibarrier()
    while not there.Test():
        time.sleep(0.005)


def peak() -> float:
    """Peak resident memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("resolutions", nargs="*", type=int, default=[64, 128, 256])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rank:
        rows = measure(arguments.resolutions[0], arguments.batch, arguments.rounds)
        if rows:
            print(json.dumps(rows))
        return
    from pdekit.cluster.launch import find_mpiexec, mpi_environment

    print(f"global batch {arguments.batch}, float32, one thread a rank, {os.cpu_count()} cores")
    print("grid      ranks  s/step  samples/s  communication  peak GB/rank  speed-up")
    for resolution in arguments.resolutions:
        options = [str(resolution), "--batch", str(arguments.batch), "--rounds", str(arguments.rounds)]
        command = [*find_mpiexec(), "-n", "2", sys.executable, __file__, "--rank", *options]
        environment = mpi_environment() | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=1200, check=True, env=environment
        )
        for row in sorted(json.loads(done.stdout), key=lambda row: row["ranks"]):
            rate, waited = arguments.batch / row["seconds"], 100 * row["waited"] / row["seconds"]
            speedup = f"{row['speedup']:10.2f}" if "speedup" in row else ""
            print(
                f"{row['resolution']:4}^2 {row['ranks']:9} {row['seconds']:8.3f} {rate:9.1f}"
                f" {waited:12.1f} % {row['peak']:12.2f} {speedup}"
            )


if __name__ == "__main__":
    main()
