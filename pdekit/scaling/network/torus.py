"""Nodes on rings: each has a switch of its own, cabled to its neighbours."""

from dataclasses import dataclass

import networkx as nx
import numpy as np

from pdekit import checks
from pdekit.scaling.network.cables import Routes, hosts, join


@dataclass(frozen=True)
class Torus:
    """A switch at each node, and cables to its neighbours along `dimensions` rings, as near to a cube as can be.

    Messages go along one dimension after the other, the shorter way round (half each way if both are as short), as on
    Blue Gene (Adiga et al. 2005, IBM J. Res. Dev. 49, 265-276). `sides` fixes the lengths of the rings instead.
    ValueError for dimensions below 1, a hop below 0, or more nodes than the sides hold.
    """

    dimensions: int = 3
    sides: tuple[int, ...] | None = None
    hop: float = 0.0

    def __post_init__(self) -> None:
        checks.whole("dimensions", self.dimensions), checks.number("hop", self.hop, least=0)
        if self.sides is not None and len(self.sides) != self.dimensions:
            expected = f"{self.dimensions} lengths, one for each dimension"
            raise checks.refuse("sides", expected, self.sides, "give as many as dimensions")
        for side in self.sides or ():
            checks.whole("side", side)

    def shape(self, nodes: int) -> tuple[int, ...]:
        """The lengths of the rings; the last changes quickest from host to host."""
        checks.whole("nodes", nodes)
        if self.sides is not None:
            checks.whole("nodes", nodes, most=int(np.prod(self.sides)))
            return self.sides
        sides: list[int] = []
        for left in range(self.dimensions, 0, -1):
            rest = -(-nodes // int(np.prod(sides, initial=1)))
            sides.append(next(side for side in range(1, rest + 1) if side**left >= rest))
        return tuple(sides)

    def graph(self, nodes: int) -> nx.Graph:
        """See `Topology`."""
        graph, shape = hosts(nodes), self.shape(nodes)
        switches = list(np.ndindex(shape))
        graph.add_nodes_from(switches, kind="switch")
        graph.add_edges_from(zip(range(nodes), switches, strict=False), capacity=1)
        for at in switches:
            for axis, side in enumerate(shape):
                other = (*at[:axis], (at[axis] + 1) % side, *at[axis + 1 :])
                if side > 1:  # a ring of two has both of its cables between the same switches
                    graph.add_edge(at, other, capacity=2 if side == 2 else 1)
        return graph

    def routes(self, src: np.ndarray, dst: np.ndarray, nodes: int) -> Routes:
        """See `Topology`."""
        shape = self.shape(nodes)
        at, to = np.array(np.unravel_index(src, shape)), np.array(np.unravel_index(dst, shape))
        entries, switches = [], np.ones(len(src), dtype=int)
        for axis, side in enumerate(shape):
            ahead = (to[axis] - at[axis]) % side
            steps = np.minimum(ahead, side - ahead)
            for way, sign in enumerate((1, -1)):
                tie = 2 * ahead == side
                goes = np.flatnonzero((steps > 0) & (tie | ((ahead == steps) == (sign == 1))))
                flow = np.repeat(goes, steps[goes])
                done = np.arange(len(flow)) - np.repeat(np.cumsum(steps[goes]) - steps[goes], steps[goes])
                here = at[:, flow]
                here[axis] = (here[axis] + sign * done) % side
                link = (np.ravel_multi_index(tuple(here), shape) * len(shape) + axis) * 2 + way
                entries.append((flow, link, np.where(tie[flow], 0.5, 1.0)))
            switches += steps
            at[axis] = to[axis]
        return join(src, dst, nodes, switches, entries, np.ones(2 * len(shape) * int(np.prod(shape))))

    def diameter(self, nodes: int) -> int:
        """See `Topology`; of all switches, if some have no host."""
        return 2 + sum(side // 2 for side in self.shape(nodes))
