"""Groups of switches, cabled all to all within, and all groups to all others."""

from dataclasses import dataclass

import networkx as nx
import numpy as np

from pdekit import checks
from pdekit.scaling.network.cables import Routes, hosts, join


@dataclass(frozen=True)
class Dragonfly:
    """Groups of `routers` switches with `hosts` nodes each: all cabled to all in a group, all groups to all others.

    Between two groups there are `cables`; each is at a router of its own as far as there are as many. A message takes
    the fewest hops: at most one in its group, one between groups, one in the other (Kim, Dally, Scott and Abts 2008,
    ISCA, 77-88); cables that are as near share it. ValueError for numbers below 1, or a hop below 0.
    """

    hosts: int = 4
    routers: int = 8
    cables: int = 1
    hop: float = 0.0

    def __post_init__(self) -> None:
        for name in ("hosts", "routers", "cables"):
            checks.whole(name, getattr(self, name))
        checks.number("hop", self.hop, least=0)

    def groups(self, nodes: int) -> int:
        """How many groups it takes."""
        return -(-nodes // (self.hosts * self.routers))

    def gateway(self, group: np.ndarray, other: np.ndarray, cable: np.ndarray) -> np.ndarray:
        """The router of `group` at which that cable to the `other` group ends."""
        return (other + cable) % self.routers

    def graph(self, nodes: int) -> nx.Graph:
        """See `Topology`."""
        graph, groups = hosts(nodes), range(self.groups(nodes))
        for group in groups:
            routers = [(group, k) for k in range(self.routers)]
            graph.add_nodes_from(routers, kind="switch")
            pairs = ((a, b) for a in routers for b in routers if a < b)
            graph.add_edges_from(pairs, capacity=1)
        for host in range(nodes):
            router = host // self.hosts
            graph.add_edge(host, (router // self.routers, router % self.routers), capacity=1)
        for a in groups:
            for b in range(a):
                for cable in range(self.cables):
                    ends = (a, self.gateway(a, b, cable)), (b, self.gateway(b, a, cable))
                    before = graph.get_edge_data(*ends, {"capacity": 0})["capacity"]
                    graph.add_edge(*ends, capacity=before + 1)
        return graph

    def routes(self, src: np.ndarray, dst: np.ndarray, nodes: int) -> Routes:
        """See `Topology`."""
        groups, per = self.groups(nodes), self.routers
        (a, i), (b, j) = np.divmod(src // self.hosts, per), np.divmod(dst // self.hosts, per)
        within = np.flatnonzero((a == b) & (i != j))
        entries = [(within, self._local(a, i, j)[within], 1.0)]
        cable = np.arange(self.cables)[:, None]
        out, into = self.gateway(a, b, cable), self.gateway(b, a, cable)  # (cables, messages)
        hops = 1 + (out != i) + (into != j).astype(int)
        near = (hops == hops.min(axis=0)) & (a != b)
        k, flow = np.nonzero(near)
        share = 1 / near.sum(axis=0)[flow]
        start, end = out[k, flow], into[k, flow]
        first, last = start != i[flow], end != j[flow]
        local = groups * per * per
        entries += [
            (flow[first], self._local(a[flow], i[flow], start)[first], share[first]),
            (flow, local + (a[flow] * groups + b[flow]) * self.cables + k, share),
            (flow[last], self._local(b[flow], end, j[flow])[last], share[last]),
        ]
        switches = 1 + np.where(a == b, i != j, hops.min(axis=0))
        return join(src, dst, nodes, switches, entries, np.ones(local + groups**2 * self.cables))

    def _local(self, group: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """The link between two routers of a group."""
        return (group * self.routers + start) * self.routers + end

    def diameter(self, nodes: int) -> int:
        """See `Topology`; of all switches, if some have no host."""
        if self.groups(nodes) == 1:
            return 2 if nodes <= self.hosts else 3
        return 3 if self.routers == 1 else 4 if self.cables >= self.routers else 5
