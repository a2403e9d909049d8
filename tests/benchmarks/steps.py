"""Seconds per step on two ranks: pdekit, torch's DDP over gloo, two threads, and a perfect machine.

    python -m tests.benchmarks.steps [--grids 64 128 256] [--batches 4 16] [--norm batch] [--seconds 25]   (make bench)

The same U-Net (the default), global batch and optimizer (fused AdamW), float32, in turns in one job of two processes:

    pdekit            two ranks, batch norm over both
    DDP               torch's DistributedDataParallel over gloo on loopback, as it comes, of the U-Net as one writes it
                      with torch's modules (plain_unet.py); each rank's batch norm its own
    DDP tuned         the same with gradient_as_bucket_view=True, broadcast_buffers=False, static_graph=True, and
                      fields and weights with their channels last
    DDP of ours       DDP tuned of pdekit's network: the same with fewer products (generators/upsampled.py)
    DDP synchronised  DDP tuned with batch norm over both ranks (sync_norm.py): the same losses as pdekit's
    perfect           two processes with half of the batch each that start together and never communicate
    meeting           the same two, had they to meet where pdekit's ranks send a message, and were messages free: each
                      stretch between two such places takes as long as it took the slower of both
    half alone        one of these, while the other sleeps: what both lose by sharing caches and the memory bus
    two threads       one process, two threads
    one               one process, one thread

All DDP but the last are another training than pdekit's, with 36 messages fewer in a step. With `--norm group` all have
group norm instead, which needs no message: all but the two halves are then the same training, and DDP synchronised,
which would be DDP tuned, is left out.

A ratio is that of seconds per step in the same round: median, and quartiles over the rounds. Seconds per step of the
perfect machine are the batch by the sum of both processes' samples per second. "In communication" includes
waiting for the slower rank. Peak memory is the process's, the library included; that of "one" includes what it holds
for its part in the two. About five minutes. `--seconds` are for each grid and batch, if five rounds fit in.
"""

import argparse
import tempfile
import time

import numpy as np
import torch

from pdekit.parallel import Serial
from tests.benchmarks.race import answer, machine, on_ranks, peak, race, spread

TUNED = {
    "gradient_as_bucket_view": True,
    "broadcast_buffers": False,
    "static_graph": True,
    "memory_format": torch.channels_last,
}


class Stamped(Serial):
    """One rank that notes when it would meet the others."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def allreduce(self, array: np.ndarray) -> None:
        """Alone, and noted."""
        self.times.append(time.perf_counter())
        super().allreduce(array)


class Stretches:
    """The stretches between two meetings of a solver that meets nobody."""

    def __init__(self, solver: object, comm: Stamped) -> None:
        self.solver, self.comm = solver, comm
        self.turns: list[np.ndarray] = []  # seconds of each stretch of a step

    def advance(self, steps: int) -> None:
        """A turn."""
        self.comm.times = [time.perf_counter()]
        self.solver.advance(steps)
        self.turns.append(np.diff([*self.comm.times, time.perf_counter()]) / steps)

    def slower(self) -> list[float]:
        """Seconds of a step in each turn but the first, each stretch as long as that of the slowest rank."""
        from mpi4py import MPI

        everyone = MPI.COMM_WORLD.allgather(self.turns[1:])
        return [float(np.maximum.reduce(turn).sum()) for turn in zip(*everyone, strict=True)]


def measure(resolution: int, batch: int, norm: str, seconds: float, store: str) -> dict[str, dict]:
    """Times, on every rank of a job of two: {contender: {"seconds": (rounds,), ...}}."""
    from torch import distributed

    import pdekit as pk
    from tests.benchmarks.ddp import Distributed
    from tests.benchmarks.sync_norm import SyncNorm

    torch.set_num_threads(1)
    both = pk.World()

    def experiment(batch: int) -> pk.Experiment:
        setting = {"samples": 4 * batch, "batch": batch, "steps": 10**6, "grids": "single"}
        return pk.Experiment(pk.Poisson(resolution), pk.UNet(norm=norm), **setting)

    pdekit = pk.Solver(experiment(batch), both)
    pdekit.advance(2)
    peaks = {"pdekit": peak()}
    alone = pk.Solver(experiment(batch)) if both.rank == 0 else None
    if alone:
        alone.advance(2)
        peaks["one"] = peak()
    half = pk.Solver(experiment(batch // 2))
    half.advance(2)
    stamped = Stamped()
    stretches = Stretches(pk.Solver(experiment(batch // 2), stamped), stamped)
    stretches.solver.advance(2)
    distributed.init_process_group("gloo", f"file://{store}/gloo", rank=both.rank, world_size=2)
    ddp = {"DDP": {}, "DDP tuned": TUNED, "DDP of ours": {**TUNED, "memory_format": None}}
    if norm == "batch":
        ddp["DDP synchronised"] = {"batch_norm": SyncNorm, **TUNED}
    ddp = {name: Distributed(experiment(batch), both.rank, 2, **options) for name, options in ddp.items()}
    for contender in ddp.values():
        contender.advance(2)

    def threads(steps: int) -> None:
        torch.set_num_threads(2)
        alone.advance(steps)
        torch.set_num_threads(1)

    before = pdekit.seconds, pdekit.comm.seconds
    times = race(
        {
            "pdekit": pdekit.advance,
            **{name: contender.advance for name, contender in ddp.items()},
            "perfect": half.advance,
            "meeting": stretches.advance,
            "half alone": half.advance if alone else None,
            "two threads": threads if alone else None,
            "one": alone.advance if alone else None,
        },
        seconds,
    )
    distributed.destroy_process_group()
    found = {
        name: {"seconds": np.nanmax(of, axis=1).tolist(), "peak": peaks.get(name)}
        for name, of in times.items()
    }
    found["perfect"]["seconds"] = together(times["perfect"]).tolist()
    slower = stretches.slower()
    found["meeting"] |= {"seconds": slower, "kept": (together(times["meeting"]) / slower).tolist()}
    waited, spent = pdekit.comm.seconds - before[1], pdekit.seconds - before[0]
    found["pdekit"]["waited"] = waited / spent
    return found


def together(times: np.ndarray) -> np.ndarray:
    """Seconds per step of the whole batch from those of each half's (rounds, 2)."""
    return 2 / (1 / times).sum(axis=1)


def show(resolution: int, batch: int, found: dict[str, dict]) -> None:
    """One table."""
    ours = np.array(found["pdekit"]["seconds"])
    print(f"\n{resolution}^2, global batch {batch}, {len(ours)} rounds")
    print(f"{'':16}  s/step  samples/s   pdekit's time / its       in communication   peak GB/rank")
    for name, row in found.items():
        times = np.array(row["seconds"])
        ratio = spread(ours / times) if name != "pdekit" else ""
        waited = f"{100 * row['waited']:.1f} %" if "waited" in row else ""
        held = f"{row['peak']:.2f}" if row["peak"] else ""
        rate = batch / (2 if name == "half alone" else 1) / np.median(times)
        print(
            f"{name:16} {np.median(times):7.3f} {rate:10.1f}   {ratio:24} {waited:>16} {held:>14}", flush=True
        )
    perfect = np.array(found["perfect"]["seconds"])
    throughput = perfect / ours
    speedup = np.array(found["one"]["seconds"]) / ours
    shared = perfect / np.array(found["half alone"]["seconds"])
    print(f"of the perfect machine's throughput: {spread(throughput)}; speed-up over one: {spread(speedup)}")
    print(f"of that, if two that meet as often had free messages: {spread(found['meeting']['kept'])}")
    print(f"two processes at once / one of them alone: {spread(shared)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grids", nargs="+", type=int, default=[64, 128, 256])
    parser.add_argument("--batches", nargs="+", type=int, default=[4, 16])
    parser.add_argument("--norm", choices=("batch", "group"), default="batch")
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--rank", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rank:
        resolution, batch, norm, seconds, store = arguments.rank
        answer(measure(int(resolution), int(batch), norm, float(seconds), store))
        return
    if any(batch < 2 or batch % 2 for batch in arguments.batches):
        parser.error("--batches: expected even numbers, so that both ranks have the same work")
    print(f"default U-Net, {arguments.norm} norm, float32; {machine()}")
    for resolution in arguments.grids:
        for batch in arguments.batches:
            with tempfile.TemporaryDirectory() as store:
                found = on_ranks(2, "steps", resolution, batch, arguments.norm, arguments.seconds, store)
            show(resolution, batch, found)


if __name__ == "__main__":
    main()
