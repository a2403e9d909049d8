"""How the nodes of a machine are cabled: one switch, a fat tree, a torus, a dragonfly; see `cables.Topology`."""

from dataclasses import dataclass

import networkx as nx
import numpy as np

from pdekit import checks
from pdekit.scaling.network.cables import Routes, Topology, hosts, join
from pdekit.scaling.network.dragonfly import Dragonfly
from pdekit.scaling.network.torus import Torus

__all__ = ["Dragonfly", "FatTree", "Flat", "Torus", "read"]


@dataclass(frozen=True)
class Flat:
    """All nodes at one switch that is never in the way. ValueError for a hop below 0."""

    hop: float = 0.0

    def __post_init__(self) -> None:
        checks.number("hop", self.hop, least=0)

    def graph(self, nodes: int) -> nx.Graph:
        """See `Topology`."""
        graph = hosts(nodes)
        graph.add_node("switch", kind="switch")
        graph.add_edges_from(((host, "switch") for host in range(nodes)), capacity=1)
        return graph

    def routes(self, src: np.ndarray, dst: np.ndarray, nodes: int) -> Routes:
        """See `Topology`."""
        return join(src, dst, nodes, np.ones(len(src), dtype=int), [], [])

    def diameter(self, nodes: int) -> int:
        """See `Topology`."""
        return 2


@dataclass(frozen=True)
class FatTree:
    """Leaf switches with `hosts` nodes and `uplinks` cables each, one to every spine: hosts/uplinks oversubscribed.

    A folded Clos network (Leiserson 1985, IEEE Trans. Comput. C-34, 892-901). What goes up is spread over all cables.
    Thousands of nodes take spines of many ports, which are small trees themselves: hops that are not counted here.
    ValueError for hosts or uplinks below 1, or a hop below 0.
    """

    hosts: int = 32
    uplinks: int = 32
    hop: float = 0.0

    def __post_init__(self) -> None:
        checks.whole("hosts", self.hosts), checks.whole("uplinks", self.uplinks)
        checks.number("hop", self.hop, least=0)

    def graph(self, nodes: int) -> nx.Graph:
        """See `Topology`."""
        graph = hosts(nodes)
        leaves = [("leaf", k) for k in range(-(-nodes // self.hosts))]
        spines = [("spine", k) for k in range(self.uplinks)]
        graph.add_nodes_from(leaves + spines, kind="switch")
        graph.add_edges_from(((host, leaves[host // self.hosts]) for host in range(nodes)), capacity=1)
        graph.add_edges_from(((leaf, spine) for leaf in leaves for spine in spines), capacity=1)
        return graph

    def routes(self, src: np.ndarray, dst: np.ndarray, nodes: int) -> Routes:
        """See `Topology`; the cables of a leaf are one link of `uplinks`, as they share evenly."""
        leaves = -(-nodes // self.hosts)
        away = np.flatnonzero(src // self.hosts != dst // self.hosts)
        up, down = src[away] // self.hosts, leaves + dst[away] // self.hosts
        switches = np.ones(len(src), dtype=int)
        switches[away] = 3
        capacity = np.full(2 * leaves, float(self.uplinks))
        return join(src, dst, nodes, switches, [(away, up, 1.0), (away, down, 1.0)], capacity)

    def diameter(self, nodes: int) -> int:
        """See `Topology`."""
        return 2 if nodes <= self.hosts else 4


KINDS = {"flat": Flat, "fat-tree": FatTree, "torus": Torus, "dragonfly": Dragonfly}


def read(text: str, hop: float = 0.0) -> Topology:
    """The topology that a few words say: "flat", "fat-tree 28 20", "torus 3" or "dragonfly 4 8 1".

    The numbers are the first ones of its constructor. ValueError for other words.
    """
    kind, *numbers = text.split()
    checks.one_of("topology", kind, tuple(KINDS))
    if not all(number.isdecimal() for number in numbers):
        raise checks.refuse("topology", "whole numbers after its name", text, "give 'fat-tree 32 32', say")
    return KINDS[kind](*map(int, numbers), hop=hop)
