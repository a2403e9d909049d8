"""Machines as data: what their networks take for an allreduce, and what they cost; one's own by `Machine(...)`.

The table data/machines.csv says where each figure comes from, what exactly was quoted, and what is but nominal.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from pdekit import checks
from pdekit.scaling.arguments import sizes, whole_numbers
from pdekit.scaling.goal.cost import dollars
from pdekit.scaling.link import Link
from pdekit.scaling.network import flows
from pdekit.scaling.network.cables import Topology
from pdekit.scaling.network.topologies import Flat, read
from pdekit.tabled import table

FLAT = Flat()
ACROSS = {name: f"hierarchical, {name}" for name in flows.ALGORITHMS}
"""Algorithms between nodes, and their names where a ring within the nodes goes around them."""


@dataclass(frozen=True)
class Machine:
    """Nodes of `per_node` ranks: a link `between` a node and the network, and one `inside` for any two of its ranks.

    latencies in seconds, bandwidths in bytes per second and direction; `inside` is as `between` if None. The nodes are
    cabled as `topology` says, and ranks fill them in order. `price` in US dollars for an hour of a node, None where
    it is not public. A `Network`. ValueError for fewer than one rank a node, or a price that is not above 0.
    """

    name: str
    between: Link
    inside: Link | None = None
    per_node: int = 1
    topology: Topology = FLAT
    price: float | None = None
    source: str = ""
    _carried: dict[tuple[str, int], flows.Carried] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        checks.whole("per_node", self.per_node)
        if self.price is not None:
            checks.positive("price", self.price)

    def allreduce(self, bytes: ArrayLike, ranks: ArrayLike, algorithm: str | None = None) -> np.ndarray:
        """Seconds of an allreduce of `bytes` on `ranks` ranks, broadcast against each other; 0 on one rank.

        `algorithm` is one of "ring", "recursive doubling" and "rabenseifner" over all ranks, or "hierarchical": a ring
        in each node around the quickest of these between the nodes (only where all nodes are full; else, and on one
        node, what is quickest over all ranks). None: the quickest of all. ValueError for another, ranks that are no
        whole numbers from 1 on, or bytes below 0.
        """
        if algorithm is not None:
            checks.one_of("algorithm", algorithm, (*flows.ALGORITHMS, "hierarchical"))
        n, p = np.broadcast_arrays(sizes(bytes), whole_numbers("ranks", ranks))
        seconds = np.zeros(n.shape)
        for count in np.unique(p[p > 1]).astype(int):
            some = p == count
            each = [self._costs(name, count) for name in self._choices(algorithm, count)]
            seconds[some] = np.min([latency + per_byte * n[some] for latency, per_byte in each], axis=0)
        return seconds

    def over(self, link: Link) -> Self:
        """The machine with another link between its nodes. Which cables are how full is worked out once for both."""
        other = replace(self, between=link)
        object.__setattr__(other, "_carried", self._carried)
        return other

    def nodes(self, ranks: ArrayLike) -> np.ndarray:
        """How many nodes that many ranks take."""
        return -(-np.asarray(ranks) // self.per_node)

    def dollars(self, ranks: ArrayLike, seconds: ArrayLike) -> np.ndarray:
        """What whole nodes for `ranks` ranks cost in `seconds` seconds; nan without a price."""
        return dollars(self, np.asarray(ranks), np.asarray(seconds, dtype=float))

    def _choices(self, algorithm: str | None, ranks: int) -> Iterator[str]:
        full = self.per_node > 1 and ranks > self.per_node and ranks % self.per_node == 0
        if algorithm in flows.ALGORITHMS:
            yield algorithm
            return
        if full:
            yield from ACROSS.values()
        if algorithm is None or not full:
            yield from flows.ALGORITHMS

    def _costs(self, name: str, ranks: int) -> tuple[float, float]:
        """Seconds for nothing, and for each byte."""
        if (name, ranks) not in self._carried:
            if name in flows.ALGORITHMS:
                rounds = flows.ALGORITHMS[name](ranks)
            else:
                across = next(one for one, whole in ACROSS.items() if whole == name)
                rounds = flows.hierarchical(ranks, self.per_node, flows.ALGORITHMS[across])
            self._carried[name, ranks] = flows.carried(self.topology, rounds, self.per_node)
        return self._carried[name, ranks].price(self.between, self.inside, self.topology.hop)


def machines() -> dict[str, Machine]:
    """The machines of data/machines.csv by their names."""
    columns = table("machines")
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return {str(row["machine"]): _machine(row) for row in rows}


def _machine(row: dict[str, np.generic]) -> Machine:
    def link(latency: str, bandwidth: str) -> Link:
        return Link(1e-6 * float(row[latency]), 1e9 * float(row[bandwidth]))

    return Machine(
        str(row["machine"]),
        link("latency_us", "bandwidth_gbs"),
        None if np.isnan(row["inside_latency_us"]) else link("inside_latency_us", "inside_bandwidth_gbs"),
        int(row["per_node"]),
        read(str(row["topology"]), hop=1e-9 * float(row["hop_ns"])),
        None if np.isnan(row["price"]) else float(row["price"]),
        str(row["source"]),
    )
