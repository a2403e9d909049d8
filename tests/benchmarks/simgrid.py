"""The model of an allreduce on large networks against SimGrid, which simulates each of its messages.

    python -m tests.benchmarks.simgrid [--hosts 16 32 64 128] [--more 256 512 1024] [--out FILE.csv]

make bench-simgrid. SMPI, SimGrid's MPI (Degomme et al. 2017, IEEE Trans. Parallel Distrib. Syst. 28, 2387-2400), has
the allreduces of a trace done on networks of 12.5 GB/s and 1 us a cable, whose platform files are written here. Needs
`smpirun` 3.32 (Debian: `apt-get install libsimgrid-dev`); without it says so and ends. Columns:

    settings   plain: messages cost what cables say, SMPI's own factors off; grid5000: its factors for TCP on 1 Gb/s
               Ethernet, by which the latency and bandwidth of a message depend on its size; the model is told them
    topology   as `scaling.topologies.read` has it, but a torus by the lengths of its rings
    hosts      one rank each
    algorithm  recursive doubling (SMPI's rdb) or ring (lr)
    messages   one allreduce, or the 37 of a step of training, one after the other: 36 of 1 kB for the batch norms of
               the default U-Net, and its gradient (recursive doubling only)
    bytes      of all of them
    simgrid_s, model_s, ratio    seconds, and model_s / simgrid_s

Both are alpha-beta models, so that plain settings compare algorithms, ways and contention: SimGrid sends each message
when its rank is ready, not in rounds; its fat trees choose the uplink by the receiver's number (D-mod-k), so that 16
hosts on 12 uplinks fill some twice and others once, where the model spreads them; its tori go one way round where both
are as short, the model both. SMPI's other allreduces crash in a replay (rab, mvapich2). Recursive doubling goes on to
`--more` hosts, where a ring would take minutes. About two minutes.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from pdekit.scaling.link import Link
from pdekit.scaling.network import flows
from pdekit.scaling.network.cables import Topology
from pdekit.scaling.network.dragonfly import Dragonfly
from pdekit.scaling.network.topologies import FatTree, Flat
from pdekit.scaling.network.torus import Torus
from tests.benchmarks.shaped import write

LATENCY, BANDWIDTH = 1e-6, 12.5e9  # of a cable: s, bytes/s
ALONE = tuple((bytes,) for bytes in (1024, 65536, 2**20, 4905252, 2**24))
STEP = (1024,) * 36 + (4905252,)
SELECTORS = {"recursive doubling": "rdb", "ring": "lr"}
LARGE = ("flat", "fat-tree 16 16", "fat-tree 16 8")  # networks of more than 128 hosts
SIDES = {16: (4, 2, 2), 32: (4, 4, 2), 64: (4, 4, 4), 128: (8, 4, 4)}  # SimGrid fills its tori
PLAIN = "0:1"
# SMPI's defaults: above so many bytes, so many times the latency, and the bandwidth.
LATENCIES = (
    "65472:11.6436;15424:3.48845;9376:2.59299;5776:2.18796;3484:1.88101;1426:1.61075;732:1.9503;257:1.95341;"
    "0:2.01467"
)
BANDWIDTHS = (
    "65472:0.940694;15424:0.697866;9376:0.58729;5776:1.08739;3484:0.77493;1426:0.608902;732:0.341987;257:0.338112;"
    "0:0.812084"
)
SETTINGS = {"plain": (PLAIN, PLAIN), "grid5000": (LATENCIES, BANDWIDTHS)}


def lacking() -> str:
    """Why nothing can be simulated here; empty if it can."""
    return "" if shutil.which("smpirun") else "smpirun not found; apt-get install libsimgrid-dev"


def networks(hosts: int) -> Iterator[tuple[str, Topology, Link, str]]:
    """Name, topology and link for the model, and what SimGrid's cluster tag has to say, of networks of `hosts` hosts.

    A host's cable and that of the other are one latency of two cables; each further switch adds a cable.
    """
    hop, link = LATENCY, Link(2 * LATENCY, BANDWIDTH)
    yield "flat", Flat(hop), link, 'topology="FLAT"'
    for leaf, up in ((16, 16), (16, 8), (16, 12), (8, 1)):
        leaves = -(-hosts // leaf)
        cables = f'topology="FAT_TREE" topo_parameters="2;{leaf},{leaves};1,{up};1,1"'
        yield f"fat-tree {leaf} {up}", FatTree(leaf, up, hop), link, cables
    if hosts in SIDES:
        sides = SIDES[hosts]
        quickest_first = ",".join(map(str, reversed(sides)))
        cables = f'topology="TORUS" topo_parameters="{quickest_first}"'
        at_its_switch = Link(1e-12, BANDWIDTH)  # SimGrid's hosts are the switches
        yield f"torus {'x'.join(map(str, sides))}", Torus(3, sides, hop), at_its_switch, cables
    if hosts <= 128:
        fly = Dragonfly(hosts=2, routers=8, cables=1, hop=hop)
        cables = f'topology="DRAGONFLY" topo_parameters="{fly.groups(hosts)},1;1,1;8,1;2"'
        yield "dragonfly 2 8 1", fly, link, cables


def simulate(cables: str, hosts: int, selector: str, sizes: Sequence[int], factors: tuple[str, str]) -> float:
    """Seconds of allreduces of so many bytes, one after the other, by SMPI. RuntimeError with its words if it fails."""
    with tempfile.TemporaryDirectory(prefix="pdekit-simgrid-") as name:
        folder = Path(name)
        (folder / "platform.xml").write_text(
            '<?xml version="1.0"?>\n<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">\n'
            f'<platform version="4.1"><cluster id="all" prefix="h" radical="0-{hosts - 1}" suffix="" speed="100Gf" '
            f'bw="{BANDWIDTH}Bps" lat="{LATENCY}s" sharing_policy="SPLITDUPLEX" {cables}/></platform>\n'
        )
        (folder / "hosts").write_text("".join(f"h{host}\n" for host in range(hosts)))
        lines = (
            f"{r} {action}\n"
            for r in range(hosts)
            for action in ("init", *(f"allreduce {bytes} 0" for bytes in sizes), "finalize")
        )
        (folder / "trace").write_text("".join(lines))
        (folder / "list").write_text("trace\n")
        settings = {
            "smpi/host-speed": "100Gf",
            "smpi/simulate-computation": "no",
            "smpi/allreduce": selector,
            "smpi/lat-factor": factors[0],
            "smpi/bw-factor": factors[1],
            "network/crosstraffic": "0",  # acknowledgements cost nothing
        }
        chosen = [f"--cfg={key}:{value}" for key, value in settings.items()]
        command = ["smpirun", "-np", str(hosts), "-platform", "platform.xml", "-hostfile", "hosts", *chosen]
        done = subprocess.run(
            [*command, "--log=root.fmt:%.9r%e%m%n", "-replay", "list"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    said = (done.stdout + done.stderr).splitlines()
    times = [line.split()[0] for line in said if "Simulation time" in line]
    if done.returncode or not times:
        raise RuntimeError(f"smpirun failed: {said[-1] if said else done.returncode}")
    return float(times[-1])


def modelled(
    topology: Topology, hosts: int, algorithm: str, sizes: Sequence[int], link: Link, factors: tuple[str, str]
) -> float:
    """Seconds by the model, each round with the latency and bandwidth that messages of its size have."""
    total = 0.0
    for bytes, often in Counter(sizes).items():
        for one in flows.ALGORITHMS[algorithm](hosts):
            latency, bandwidth = (factor(text, one.share * bytes) for text in factors)
            slowed = Link(link.latency * latency, link.bandwidth * bandwidth)
            hops = replace(topology, hop=topology.hop * latency)
            total += often * float(flows.seconds(hops, [one], slowed, bytes))
    return total


def factor(text: str, bytes: float) -> float:
    """What SMPI multiplies by for a message of that size."""
    pairs = [tuple(map(float, pair.split(":"))) for pair in text.split(";")]
    return next(value for least, value in sorted(pairs, reverse=True) if bytes > least)


def rows(few: list[int], more: list[int]) -> Iterator[dict]:
    for hosts in (*few, *more):
        for name, topology, link, cables in networks(hosts):
            cases = product(SETTINGS.items(), SELECTORS.items(), (*ALONE, STEP))
            for (settings, factors), (algorithm, selector), sizes in cases:
                beyond, ring = hosts in more, algorithm == "ring"
                if (beyond and name not in LARGE) or (ring and (beyond or sizes is STEP)):
                    continue
                if settings != "plain" and name != "fat-tree 16 16":
                    continue
                simulated = simulate(cables, hosts, selector, sizes, factors)
                model = modelled(topology, hosts, algorithm, sizes, link, factors)
                yield {
                    "settings": settings,
                    "topology": name,
                    "hosts": hosts,
                    "algorithm": algorithm,
                    "messages": len(sizes),
                    "bytes": sum(sizes),
                    "simgrid_s": simulated,
                    "model_s": model,
                    "ratio": model / simulated,
                }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", nargs="+", type=int, default=[16, 32, 64, 128])
    parser.add_argument("--more", nargs="*", type=int, default=[256, 512, 1024])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if reason := lacking():
        print(f"skipped: {reason}")
        return
    found = list(rows(arguments.hosts, arguments.more))
    if arguments.out:
        command = " ".join(["python -m tests.benchmarks.simgrid", *sys.argv[1:]])
        with arguments.out.open("w") as file:
            file.write(f"# {command}; SimGrid 3.32\n")
            write(found, file)
    groups = {(row["settings"], row["topology"], row["algorithm"]): [] for row in found}
    for row in found:
        groups[row["settings"], row["topology"], row["algorithm"]].append(row["ratio"])
    print(f"{'model / SimGrid':50} least  median  most")
    for group, ratios in groups.items():
        print(f"{', '.join(group):50} {min(ratios):5.2f}  {np.median(ratios):6.2f}  {max(ratios):4.2f}")


if __name__ == "__main__":
    main()
