"""What the sliders of the what-if stand at, as one value, and the network that this means."""

from dataclasses import dataclass, replace

from pdekit import checks
from pdekit.scaling.link import Link
from pdekit.scaling.network.machines import Machine
from pdekit.scaling.network.topologies import read

MEASURED, OWN = "this one, as measured", "a network of your own"
TOPOLOGIES = {  # as `topologies.read` has them
    "flat": "one switch",
    "fat-tree 32 32": "fat tree",
    "fat-tree 32 8": "fat tree, 4 : 1",
    "torus 3": "torus",
    "dragonfly 4 8": "dragonfly",
}
LATENCIES, BANDWIDTHS = (1e-7, 1e-2), (1e6, 1e12)  # s, bytes/s: what the sliders span
MOST = 4096  # ranks, and samples of a batch


@dataclass(frozen=True)
class Settings:
    """`machine` is a name, `latency` in s and `bandwidth` in bytes/s its link's; `topology` words, or "" for its own.

    ValueError for one that cannot be.
    """

    machine: str = MEASURED
    latency: float = 1e-5
    bandwidth: float = 1e9
    topology: str = ""
    ranks: int = 64
    batch: int = 64
    optimizer: str = ""

    def __post_init__(self) -> None:
        for name, (low, high) in (("latency", LATENCIES), ("bandwidth", BANDWIDTHS)):
            value = checks.positive(name, getattr(self, name))
            if not low <= value <= high:
                raise checks.refuse(name, f"between {low:g} and {high:g}", value, "take the nearer of these")
        checks.whole("ranks", self.ranks, most=MOST), checks.whole("batch", self.batch, most=MOST)
        if self.topology:
            read(self.topology)

    def with_machine(self, machine: Machine) -> "Settings":
        """On a machine as it is."""
        link = machine.between
        return replace(
            self, machine=machine.name, latency=link.latency, bandwidth=link.bandwidth, topology=""
        )

    def changed(self, **values: object) -> "Settings":
        """With other values. Another network than the measured one is one of one's own."""
        if self.machine == MEASURED and {"latency", "bandwidth", "topology"} & set(values):
            values = {"machine": OWN} | values
        return replace(self, **values)

    def own_machine(self, machine: Machine) -> Machine:
        """`machine` in the topology of these settings."""
        if not self.topology:
            return machine
        return replace(machine, topology=read(self.topology, machine.topology.hop))

    @property
    def link(self) -> Link:
        """Between nodes."""
        return Link(self.latency, self.bandwidth)
