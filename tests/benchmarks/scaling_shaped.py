"""Allreduces between two to eight nodes on shaped cables: fitted on some sizes and world sizes, predicted on the rest.

    python -m tests.benchmarks.scaling_shaped [--megabits 1000 300 100] [--nodes 2 3 4 6 8] [--out FILE.csv]

make bench-scaling-shaped. A rank in each of several network namespaces behind cables of that speed (namespaces.py:
root, Linux, iproute2), mpich over TCP. `scaling.fit_messages` is given the trials of the `FITTED` sizes and world
sizes; the others are predicted. Columns:

    megabits    of frames, each way
    kind        allreduce, or ping-pong between the first two nodes
    ranks, bytes
    held_out    1 if the fit has not seen this size, or not this world size
    seconds     median over the rounds, of the slowest rank
    predicted_s, low_s, high_s    by the fit, with its band of 90 %
    model_s     by `scaling.allreduce`, with the latency of 4 bytes between two nodes and the bandwidth that frames
                leave for their payload: nothing fitted. Of recursive doubling and Rabenseifner's algorithm, between
                which MPICH chooses, the quicker
    on_wire     bytes that the kernels counted on all cables / the fewest that an allreduce can do with, 2 (P - 1) n
                (Patarasuk and Yuan 2009, J. Parallel Distrib. Comput. 69, 117-124); ping-pong: / those that were sent

Fails if MPI has gone another way than over the cables. All ranks share this machine's cores and wait busily: more of
them than cores wait for their turn, too, a few ms in small messages. What is let through at once after a pause (70 kB,
namespaces.py) makes small messages quicker than the cable. Now and then a large message takes up to half as long
again, more often with more ranks, with no packet lost: hence several rounds. About fifteen minutes.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np

from pdekit.processors import cores
from pdekit.scaling.allreduce import rabenseifner, recursive_doubling
from pdekit.scaling.fitted.messages import Messages, fit_messages
from pdekit.scaling.link import Link
from pdekit.scaling.measurement import Measurement, Trial
from tests.benchmarks.namespaces import DEVICE, Network, lacking
from tests.benchmarks.race import answer, machine, on_ranks
from tests.benchmarks.shaped import PAYLOAD, write

SIZES = (
    1024,
    4096,
    16384,
    65536,
    262144,
    2**20,
    2**21,
    2**22,
    4905252,
    2**24,
)  # 4.9 MB: the U-Net's gradient
FITTED = (1024, 16384, 262144, 2**20, 2**22, 2**24), (2, 3, 4)  # sizes, world sizes
ROUNDS = 5
FEW, LARGE = 3, 2**20  # so many rounds have to do from so many bytes on
SMALLEST = 4  # bytes: the latency
# With UCX's rendezvous, messages of 8 MB and more that cross each other often take turns: twice the time.
EAGER = {"UCX_RNDV_THRESH": "inf"}


def measure(seconds: float) -> list[dict]:
    """On each rank: what every size took in every round, on all ranks, and what the kernels counted meanwhile."""
    import pdekit as pk
    from pdekit.parallel.timings import allreduce_seconds, ping_pong

    comm = pk.World()
    found = []

    def timed(kind: str, bytes: int, number: int) -> None:
        before, handed = sent_by_device(), comm.sent
        if kind == "allreduce":
            took = allreduce_seconds(comm, bytes, seconds)
            handed = 2 * (comm.size - 1) * (comm.sent - handed)
        else:
            took = ping_pong(comm, bytes, seconds=seconds) if comm.rank < 2 else 0.0
            handed = 2 * (comm.sent - handed)
        counted = comm.allgather(np.array([sent_by_device() - before, took]))
        wire = counted[:, 0].sum() / handed
        found.append(
            {"kind": kind, "bytes": bytes, "round": number, "seconds": counted[:, 1].max(), "wire": wire}
        )

    for number in range(ROUNDS):
        for bytes in (SMALLEST, *SIZES):
            if number < FEW or bytes < LARGE:
                if comm.size == 2:
                    timed("ping-pong", bytes, number)
                if bytes > SMALLEST:
                    timed("allreduce", bytes, number)
    return [one | {"ranks": comm.size} for one in found]


def sent_by_device() -> float:
    """Bytes that this node's cable has carried away, by the kernel's count."""
    lines = Path("/proc/self/net/dev").read_text().splitlines()
    return float(next(line.split()[9] for line in lines if line.split()[0] == f"{DEVICE}:"))


def compare(found: list[dict], megabits: float) -> list[dict]:
    """A row for each kind, size and world size. RuntimeError if MPI has not used the cables, or far too much."""
    trials = [Trial(t["kind"], t["ranks"], t["seconds"], t["round"], bytes=t["bytes"]) for t in found]
    messages = Measurement(trials)
    fitted = [t for t in messages.of("allreduce").trials if t.bytes in FITTED[0] and t.ranks in FITTED[1]]
    fit = fitted_to(fitted)
    latency = np.median(messages.of("ping-pong", bytes=SMALLEST).column("seconds"))
    link = Link(float(latency), megabits * 1e6 / 8 * PAYLOAD)
    rows = []
    for (kind, ranks, bytes), group in messages.groups("kind", "ranks", "bytes").items():
        wires = [t["wire"] for t in found if (t["kind"], t["ranks"], t["bytes"]) == (kind, ranks, bytes)]
        row = {
            "megabits": megabits,
            "kind": kind,
            "ranks": ranks,
            "bytes": bytes,
            "held_out": int(bytes not in FITTED[0] or ranks not in FITTED[1]),
            "seconds": float(np.median(group.column("seconds"))),
        }
        if kind == "allreduce":
            modelled = min(recursive_doubling(bytes, ranks, link), rabenseifner(bytes, ranks, link))
        else:
            row["held_out"], modelled = "", link.latency + bytes / link.bandwidth
        predicted = low = high = float("nan")
        if fit and kind == "allreduce":
            predicted, (low, high) = fit.allreduce(bytes, ranks), fit.band(bytes, ranks)
        row |= {
            "predicted_s": float(predicted),
            "low_s": float(low),
            "high_s": float(high),
            "model_s": float(modelled),
            "on_wire": float(np.median(wires)),
        }
        rows.append(row)
    on_wire = [row["on_wire"] for row in rows if row["bytes"] >= 65536]
    if not all(0.98 < one < 3 for one in on_wire):
        got = ", ".join(f"{one:.2f}" for one in on_wire)
        raise RuntimeError(
            f"expected the messages on the cables, got these parts of their bytes there: {got}"
        )
    print(
        f"{megabits:g} Mb/s: looks like {fit.algorithm if fit else 'nothing'}; latency {1e6 * latency:.0f} us"
    )
    return rows


def fitted_to(trials: list[Trial]) -> Messages | None:
    """None, and why, where a busy machine has spoilt the times: what was measured is written all the same."""
    try:
        return fit_messages(Measurement(trials), cores())
    except ValueError as error:
        print(f"no fit: {error}")
        return None


def report(rows: list[dict]) -> None:
    """Errors of what was held out, by the size."""
    print(
        "Mb/s   bytes              error of the fit          in its band   error of the model, nothing fitted"
    )
    allreduces = [row for row in rows if row["kind"] == "allreduce"]
    for megabits in dict.fromkeys(row["megabits"] for row in rows):
        for name, least, most in (("below 1 MB", 0, 2**20), ("from 1 MB", 2**20, np.inf)):
            some = [r for r in allreduces if r["megabits"] == megabits and least <= r["bytes"] < most]
            held = [row for row in some if row["held_out"]]
            fit, model = (
                np.array([abs(row[column] / row["seconds"] - 1) for row in of])
                for column, of in (("predicted_s", held), ("model_s", some))
            )
            inside = np.mean([row["low_s"] <= row["seconds"] <= row["high_s"] for row in held])
            print(
                f"{megabits:4g}   {name:10}  median {np.median(fit):4.0%}, most {fit.max():4.0%}"
                f"   {inside:16.0%}   median {np.median(model):4.0%}, most {model.max():4.0%}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabits", nargs="+", type=float, default=[1000, 300, 100])
    parser.add_argument("--nodes", nargs="+", type=int, default=[2, 3, 4, 6, 8])
    parser.add_argument(
        "--seconds", type=float, default=0.05, help="for each size and round, at least six calls"
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rank", nargs=1, type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rank:
        answer(measure(*arguments.rank))
        return
    if reason := lacking():
        print(f"skipped: {reason}")
        return
    os.environ.update(EAGER)
    about, rows = machine(), []
    with Network(max(arguments.nodes)) as network:
        for megabits in arguments.megabits:
            network.shape(megabits)
            found: list[dict] = []
            for nodes in arguments.nodes:
                found += on_ranks(nodes, "scaling_shaped", arguments.seconds, network=network)
            rows += compare(found, megabits)
    if arguments.out:
        command = " ".join(["python -m tests.benchmarks.scaling_shaped", *sys.argv[1:]])
        with arguments.out.open("w") as file:
            file.write(f"# {command}; {about}\n")
            write(rows, file)
    report(rows)


if __name__ == "__main__":
    main()
