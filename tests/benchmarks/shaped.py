"""Gradients after backward or during it on a real network of 1000 to 100 Mb/s, and what `Slow` says of the same one.

    python -m tests.benchmarks.shaped [--megabits 1000 300 100] [--seconds 10] [--out FILE.csv]    (make bench-shaped)

Two ranks in network namespaces behind shaped cables (namespaces.py: root, Linux, iproute2), mpich over TCP; then two
ranks on this machine whose messages `parallel.slow.Slow` delays, with the latency that was measured and the bandwidth
that is left for the payload of full frames. The default U-Net with batch norm over all ranks and with group norm, 64^2,
global batch 8, float32; all ways in turns in one job, ratios of the same round, median and quartiles. Columns:

    megabits          of frames, each way
    bytes             of the gradient, loss and riders: the message
    alone_s, slow_s   one message, on the network and by the model
    behind_s          a blocking message of 1 kB right after the same bytes in buckets, under way
    asleep_s, poked_s waiting for these buckets after half as long again as one message takes, spent asleep: MPI
                      was not called meanwhile, or poked 20 times
    on_wire           bytes that the kernel counted on the cable, for each that `Comm.sent` counted
    norm              batch or group
    together_s        a step with one message after backward
    together_wait_s, overlap_wait_s   of a step, in communication, on rank 0
    low, overlap, high    a step with buckets during backward / together_s; below 1 overlap pays
    slow_*            the same six by Slow

Fails if MPI has gone another way than over the cable. About two minutes.
"""

import argparse
import csv
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from tests.benchmarks.namespaces import Network, lacking
from tests.benchmarks.race import answer, machine, meet, on_ranks, race

if TYPE_CHECKING:
    from pdekit.parallel import Comm
    from pdekit.parallel.comm import Pending

PAYLOAD = 1448 / 1514  # of a full frame of Ethernet: 1500 bytes, less 52 of IP and TCP, and 14 of its own
NORMS = ("batch", "group")
REPEATS = 9
POKES = 20
WARM = 2  # steps before the race
BUCKET = 2**20  # bytes, as in a step


def measure(bandwidth: float, latency: float, seconds: float) -> dict:
    """On each rank; `bandwidth` in bytes/s and `latency` in s of Slow, or 0 for the network that there is."""
    import torch

    import pdekit as pk
    from pdekit.parallel.slow import Slow

    torch.set_num_threads(1)
    comm = pk.World()
    if bandwidth:
        comm = Slow(comm, latency, bandwidth)
    solvers = {}
    for norm in NORMS:
        setting = {
            "samples": 32,
            "batch": 8,
            "steps": 10**6,
            "grids": "single",
            "generator": pk.UNet(norm=norm),
        }
        for way in (False, True):
            solvers[f"{norm}, {'overlap' if way else 'together'}"] = pk.Solver(
                pk.Experiment(**setting, overlap=way), comm
            )
    length = solvers["batch, together"].reduction.flats[0].message.nbytes
    found = {"length": length} | ({} if bandwidth else messages(comm, length))
    for solver in solvers.values():
        solver.advance(WARM)
    times = race({name: solver.advance for name, solver in solvers.items()}, seconds)
    return found | {
        "sent": comm.sent,
        "times": {name: of.max(axis=1).tolist() for name, of in times.items()},
        "waits": {name: float(np.median(s.history.communication[WARM:])) for name, s in solvers.items()},
    }


def messages(comm: "Comm", length: int) -> dict[str, float]:
    """Median seconds of the table's messages, of `length` bytes in all; the `latency` is that of 8 bytes."""
    tiny, small, large = (np.zeros(n, dtype=np.uint8).view(np.float32) for n in (8, 1024, length))
    pieces = np.array_split(large, -(-length // BUCKET))
    taken = {name: [] for name in ("latency", "alone", "behind", "asleep", "poked")}

    def timed(name: str, wait: Callable[[], object]) -> None:
        start = time.perf_counter()
        wait()
        taken[name].append(time.perf_counter() - start)

    for _ in range(REPEATS):
        meet()
        timed("latency", lambda: comm.allreduce(tiny))
        timed("alone", lambda: comm.allreduce(large))
        flying = [comm.start_allreduce(piece) for piece in pieces]
        timed("behind", lambda: comm.allreduce(small))
        arrive(flying)
        pause = comm.allgather(np.array(1.5 * np.median(taken["alone"]))).max() / POKES
        for name in ("asleep", "poked"):
            meet()
            flying = [comm.start_allreduce(piece) for piece in pieces]
            for _ in range(POKES):
                time.sleep(pause)
                if name == "poked":
                    for pending in flying:
                        pending.poke()
            timed(name, partial(arrive, flying))
    return {name: float(np.median(of)) for name, of in taken.items()}


def arrive(flying: "list[Pending]") -> None:
    for pending in flying:
        pending.wait()


def compare(network: Network, megabits: float, seconds: float) -> list[dict]:
    """A row for each norm. RuntimeError if MPI did not use the cable."""
    network.shape(megabits)
    before = network.sent()
    real = on_ranks(2, "shaped", 0, 0, seconds, network=network)
    on_wire = check_counters(before, network.sent(), real["sent"])
    bandwidth = megabits * 1e6 / 8 * PAYLOAD
    slow = on_ranks(2, "shaped", bandwidth, real["latency"], seconds)
    shared = {
        "megabits": megabits,
        "bytes": real["length"],
        "alone_s": real["alone"],
        "slow_s": real["latency"] + real["length"] / bandwidth,
        "behind_s": real["behind"],
        "asleep_s": real["asleep"],
        "poked_s": real["poked"],
        "on_wire": on_wire,
    }
    return [shared | {"norm": n} | steps(real, n, "") | steps(slow, n, "slow_") for n in NORMS]


def check_counters(before: list[int], after: list[int], sent: int) -> float:
    """Bytes on each of two nodes' cables for each that `Comm.sent` counted on a rank. RuntimeError if far from 1."""
    on_wire = float((np.array(after) - before).min()) / sent
    if not 0.98 < on_wire < 1.2:
        raise RuntimeError(f"expected the messages on the cable, got {on_wire:.2f} of their bytes there")
    return on_wire


def steps(found: dict, norm: str, name: str) -> dict[str, float]:
    ways = [f"{norm}, {way}" for way in ("together", "overlap")]
    together, overlap = (np.array(found["times"][way]) for way in ways)
    waits = [found["waits"][way] for way in ways]
    low, middle, high = np.quantile(overlap / together, (0.25, 0.5, 0.75))
    columns = ("together_s", "together_wait_s", "overlap_wait_s", "low", "overlap", "high")
    values = (float(np.median(together)), *waits, low, middle, high)
    return {f"{name}{column}": value for column, value in zip(columns, values, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabits", nargs="+", type=float, default=[1000, 300, 100])
    parser.add_argument("--seconds", type=float, default=10.0, help="for each bandwidth, there and with Slow")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rank", nargs=3, type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rank:
        answer(measure(*arguments.rank))
        return
    if reason := lacking():
        print(f"skipped: {reason}")
        return
    title = f"python -m tests.benchmarks.shaped --seconds {arguments.seconds:g}; {machine()}"
    print(title)
    rows = []
    with Network(nodes=2) as network:
        for megabits in arguments.megabits:
            rows += compare(network, megabits, arguments.seconds)
            write(rows[-2:], sys.stdout, heading=len(rows) == 2)
    if arguments.out:
        with arguments.out.open("w", newline="") as file:
            file.write(f"# {title}\n")
            write(rows, file)


def write(rows: list[dict], file: TextIO, heading: bool = True) -> None:
    table = csv.DictWriter(file, rows[0], lineterminator="\n")
    if heading:
        table.writeheader()
    table.writerows({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    file.flush()


if __name__ == "__main__":
    main()
