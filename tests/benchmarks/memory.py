"""Bytes per rank with the optimizer's state whole and in parts, from the tensors that are held; what that takes.

    python -m tests.benchmarks.memory [--ranks 1 2 4] [--grid 32]                             (make bench-memory)

The default U-Net, float32, each line a job of its own; the largest rank's. State is every tensor that the optimizer
holds beside the parameters and the message: two moments (adamw), 20 curvature pairs and a gradient (lbfgs, after 26
steps). Peak is the process's resident memory, the library included. Then seconds of an evaluation with its part of
the optimizer's work, on two ranks, in parts by whole, in turns in one job: 64 samples for L-BFGS, all pairs in use.
About three minutes.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

import pdekit as pk
from tests.benchmarks.race import answer, machine, on_ranks, peak, race, spread

STEPS = {"adamw": 3, "lbfgs": 26}
BATCH = {"adamw": 8, "lbfgs": 64}


def held(thing: object) -> list[Tensor]:
    """All tensors that can be reached from `thing` through attributes, mappings and sequences."""
    if isinstance(thing, Tensor):
        return [thing]
    if isinstance(thing, (str, bytes, type)) or callable(thing):
        return []
    if isinstance(thing, Mapping):
        return [t for pair in thing.items() for part in pair for t in held(part)]
    if isinstance(thing, Iterable):
        return [t for part in thing for t in held(part)]
    return held(vars(thing)) if hasattr(thing, "__dict__") else []


def measure(optimizer: str, sharded: bool, resolution: int) -> dict[str, float]:
    """Bytes on the rank that holds most, on rank 0."""
    torch.set_num_threads(1)
    comm = pk.World()
    setting = {"optimizer": optimizer, "samples": 8, "batch": 8, "steps": 1000, "grids": "single"}
    solver = pk.Solver(pk.Experiment(pk.Poisson(resolution), **setting, sharded=sharded), comm)
    solver.advance(STEPS[optimizer])
    flat = solver.reduction.flats[0]
    elsewhere = {t.untyped_storage().data_ptr() for t in (flat.parameters, flat.message)}
    if optimizer == "adamw":  # its latest gradient, in parts an array of its own, is the message
        elsewhere.add(solver.optimizer.x.grad.untyped_storage().data_ptr())
    state = {t.untyped_storage().data_ptr(): t for t in held(solver.optimizer)}
    found = {
        "parameters": flat.parameters.nbytes,
        "message": flat.message.nbytes,
        "state": sum(t.untyped_storage().nbytes() for at, t in state.items() if at not in elsewhere),
        "peak": peak(),
    }
    ranks = comm.allgather(torch.tensor(list(found.values()), dtype=torch.float64).numpy())
    return dict(zip(found, ranks.max(axis=0).tolist(), strict=True))


def times(optimizer: str, resolution: int) -> list[float]:
    """Seconds of an evaluation, in parts by whole: one ratio a round, on rank 0 of two."""
    torch.set_num_threads(1)
    comm = pk.World()
    batch = BATCH[optimizer]
    setting = {"optimizer": optimizer, "samples": batch, "batch": batch, "steps": 10**6, "grids": "single"}

    evaluations: dict[str, list[float]] = {"sharded": [], "together": []}

    def contender(way: str) -> Callable[[int], object]:
        experiment = pk.Experiment(pk.Poisson(resolution), **setting, sharded=way == "sharded")
        solver = pk.Solver(experiment, comm)
        solver.advance(STEPS[optimizer])
        return lambda count: evaluations[way].append(
            sum(step.evaluations for step in solver.advance(count)) / count
        )

    found = race({way: contender(way) for way in evaluations}, 40.0, least=15)
    each = {way: found[way].max(axis=1) / evaluations[way][1:] for way in found}  # the first are a trial
    return (each["sharded"] / each["together"]).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--grid", type=int, default=32)
    parser.add_argument("--rank", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rank:
        optimizer, way, resolution = arguments.rank
        both = way == "both"
        answer(
            times(optimizer, int(resolution))
            if both
            else measure(optimizer, way == "sharded", int(resolution))
        )
        return
    print(f"default U-Net, float32, {arguments.grid}^2, global batch 8, MB per rank; {machine()}")
    print("optimizer   state      ranks   parameters    message      state   of whole   peak, all")
    for optimizer in STEPS:
        whole = None
        for way in ("together", "sharded"):
            for ranks in arguments.ranks:
                found = on_ranks(ranks, "memory", optimizer, way, arguments.grid)
                whole = whole or found["state"]
                sizes = "".join(f"{found[k] / 1e6:11.2f}" for k in ("parameters", "message", "state"))
                part = f"{found['state'] / whole:10.3f} {1e3 * found['peak']:11.0f}"
                print(f"{optimizer:10} {way:10} {ranks:5}  {sizes} {part}", flush=True)
    for optimizer in STEPS:
        ratios = np.array(on_ranks(2, "memory", optimizer, "both", arguments.grid))
        print(
            f"{optimizer}: seconds of an evaluation on 2 ranks, in parts / whole {spread(ratios)}", flush=True
        )


if __name__ == "__main__":
    main()
