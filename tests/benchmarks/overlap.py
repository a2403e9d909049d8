"""Gradients in one message after backward, or in buckets during it, on networks from 10 to 0.1 Gb/s.

    python -m tests.benchmarks.overlap [--ranks 2] [--buckets 256 1024 4096] [--seconds 30]   (make bench-overlap)

The default U-Net, 64^2, global batch 8, float32. The network is `parallel.slow.Slow`: messages take the time of the
alpha-beta model, and those that are under way go on while the rank computes; shaped.py compares it with a real one.
"this machine" is without it. All ways in turns in one job; ratios are those of the same round, median and quartiles.
Buckets in kB: where a ratio is below 1, overlap pays. About three minutes.
"""

import argparse
from unittest.mock import patch

import numpy as np

from tests.benchmarks.race import answer, machine, on_ranks, race, spread

BANDWIDTHS = (10, 3, 1, 0.3, 0.1)  # Gb/s


def measure(bandwidth: float, latency: float, buckets: list[int], seconds: float) -> dict[str, list[float]]:
    """Seconds per step (rounds,) of each way; a `bandwidth` of 0 is this machine's own."""
    import torch

    import pdekit as pk
    from pdekit.parallel.slow import Slow

    torch.set_num_threads(1)
    comm = pk.World()
    if bandwidth:
        comm = Slow(comm, latency, bandwidth * 1e9 / 8)
    setting = {"samples": 32, "batch": 8, "steps": 10**6, "grids": "single"}
    solvers = {"together": pk.Solver(pk.Experiment(**setting), comm)}
    for bucket in buckets:
        with patch("pdekit.parallel.reduction.BUCKET", 1000 * bucket):
            solvers[f"{bucket}"] = pk.Solver(pk.Experiment(**setting, overlap=True), comm)
    for solver in solvers.values():
        solver.advance(2)
    times = race({name: solver.advance for name, solver in solvers.items()}, seconds)
    return {name: of.max(axis=1).tolist() for name, of in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--buckets", nargs="+", type=int, default=[256, 1024, 4096])
    parser.add_argument("--latency", type=float, default=20e-6, help="seconds (default 20e-6)")
    parser.add_argument("--bandwidths", nargs="+", type=float, default=BANDWIDTHS, help="Gb/s")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each bandwidth")
    parser.add_argument("--rank", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rank:
        bandwidth, latency, seconds, *buckets = map(float, arguments.rank)
        answer(measure(bandwidth, latency, [int(b) for b in buckets], seconds))
        return
    print(f"default U-Net, 64^2, batch 8, {arguments.ranks} ranks; {machine()}")
    print("                together        overlap's time / together's, by bucket (kB)")
    print("network           s/step  " + "".join(f"{bucket:>24}" for bucket in arguments.buckets))
    for bandwidth in (0, *arguments.bandwidths):
        given = (bandwidth, arguments.latency, arguments.seconds, *arguments.buckets)
        found = {
            name: np.array(t) for name, t in on_ranks(arguments.ranks, "overlap", *map(float, given)).items()
        }
        together = found.pop("together")
        ratios = "".join(f"{spread(times / together):>24}" for times in found.values())
        network = f"{bandwidth:g} Gb/s" if bandwidth else "this machine"
        print(f"{network:14} {np.median(together):9.3f}  {ratios}", flush=True)


if __name__ == "__main__":
    main()
