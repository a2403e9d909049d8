"""Bytes per rank as `pk.footprint` foretells them, and the peak resident memory of real steps.

    python -m tests.benchmarks.footprint [--ranks 1 2] [--grids 64 128 256]

Each line is a job of its own: three steps on the finest grid alone, the rank that needs most. About five minutes, and
5 GB for the largest.
"""

import argparse

import numpy as np

import pdekit as pk
from tests.benchmarks.race import answer, machine, on_ranks, peak

RUNS = {
    "adamw": {},
    "lbfgs": {"optimizer": "lbfgs", "steps": 22},  # until all curvature pairs are there
    "galerkin": {"head": "galerkin"},
    "fno": {"generator": pk.FNO()},
    "instance": {"generator": pk.UNet(norm="instance")},
    "reproducible": {"reproducible": True},
    "3d": {},
}


def experiment(run: str, resolution: int, batch: int) -> pk.Experiment:
    settings = {"samples": batch, "batch": batch, "steps": 3, "grids": "single"} | RUNS[run]
    problem = pk.Poisson(resolution, dim=3) if run == "3d" else pk.Poisson(resolution)
    return pk.Experiment(problem, **settings)


def measure(run: str, resolution: int, batch: int) -> float:
    """GB of the rank that needs most, on rank 0."""
    comm = pk.World()
    pk.Solver(experiment(run, resolution, batch), comm).run()
    return float(comm.allgather(np.array([peak()])).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--grids", nargs="+", type=int, default=[64, 128, 256])
    parser.add_argument("--batches", nargs="+", type=int, default=[4, 16])
    parser.add_argument("--runs", nargs="+", default=list(RUNS))
    parser.add_argument("--rank", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rank:
        run, resolution, batch = arguments.rank
        answer(measure(run, int(resolution), int(batch)))
        return
    print(f"default U-Net where nothing is said, float32, GB per rank; {machine()}")
    print("run           ranks  grid  batch  foretold  measured   ratio")
    for run in arguments.runs:
        for ranks in arguments.ranks:
            for grid in arguments.grids:
                for batch in arguments.batches:
                    foretold = pk.footprint(experiment(run, grid, batch), ranks).total / 1e9
                    found = on_ranks(ranks, "footprint", run, grid, batch)
                    row = f"{run:13} {ranks:5} {grid:5} {batch:6} {foretold:9.2f} {found:9.2f}"
                    print(f"{row} {foretold / found:7.2f}", flush=True)


if __name__ == "__main__":
    main()
