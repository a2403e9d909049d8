"""What the same bits on any number of ranks cost, and what the checksum of the parameters does.

    python -m tests.benchmarks.reproducible [--batches 8 32] [--grid 64] [--seconds 40]       (make bench-bits)

The default U-Net, float32, on one rank and on two, in turns in one job; ratios are those of the same round, median and
quartiles. The checksum is taken every 10th step. About two minutes.
"""

import argparse
import time

import numpy as np

from tests.benchmarks.race import answer, machine, on_ranks, race, spread


def measure(resolution: int, batch: int, seconds: float) -> dict[str, list[float]]:
    """Seconds per step (rounds,) of "together 1" and so on, and seconds of a checksum, on every rank of two."""
    import torch

    import pdekit as pk

    torch.set_num_threads(1)
    both = pk.World()
    ways = {}
    for name, bits in (("together", False), ("reproducible", True)):
        setting = {"samples": 4 * batch, "batch": batch, "steps": 10**6, "grids": "single"}
        experiment = pk.Experiment(pk.Poisson(resolution), **setting, reproducible=bits)
        for ranks, comm in ((2, both), (1, pk.Serial())):
            solver = pk.Solver(experiment, comm) if both.rank < ranks else None
            if solver:
                solver.advance(2)
            ways[f"{name} {ranks}"] = solver.advance if solver else None
    found = {name: np.nanmax(of, axis=1).tolist() for name, of in race(ways, seconds).items()}
    return found | {"checksum": checksums()}


def checksums() -> list[float]:
    """Seconds that the checksum of the default U-Net's parameters takes."""
    import torch

    from pdekit.parallel.drift import checksum

    x, seconds = torch.randn(1_226_304), []
    for _ in range(20):
        start = time.perf_counter()
        checksum(x)
        seconds.append(time.perf_counter() - start)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", nargs="+", type=int, default=[8, 32])
    parser.add_argument("--grid", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rank", nargs=3, type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rank:
        resolution, batch, seconds = arguments.rank
        answer(measure(int(resolution), int(batch), seconds))
        return
    print(f"default U-Net, {arguments.grid}^2, float32; {machine()}")
    print("batch  ranks   together s/step   reproducible s/step   reproducible / together   a checksum")
    for batch in arguments.batches:
        found = {
            name: np.array(t)
            for name, t in on_ranks(2, "reproducible", arguments.grid, batch, arguments.seconds).items()
        }
        for ranks in (1, 2):
            fast, bits = found[f"together {ranks}"], found[f"reproducible {ranks}"]
            check = np.median(found["checksum"])
            share = f"{1e3 * check:.2f} ms, {10 * check / np.median(fast):.2f} % of the steps' time"
            times = f"{np.median(fast):17.3f} {np.median(bits):21.3f}"
            print(f"{batch:5} {ranks:6} {times}   {spread(bits / fast):24}{share}", flush=True)


if __name__ == "__main__":
    main()
