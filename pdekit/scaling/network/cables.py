"""The cables of a network: which of them messages take, how loaded they are, and how many join its two halves."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import maximum_flow

from pdekit import checks


@dataclass(frozen=True)
class Routes:
    """By which links some messages go: message `flow` puts `share` of its bytes on `link`: (entries,) each.

    `switches` (messages,) is how many it passes; `capacity` (links,) how many cables a link has, which share evenly.
    """

    flow: np.ndarray
    link: np.ndarray
    share: np.ndarray
    switches: np.ndarray
    capacity: np.ndarray

    def load(self, bytes: ArrayLike) -> np.ndarray:
        """Bytes on each cable of each link: (links,), of messages of `bytes`, one number or one for each of them."""
        each = np.broadcast_to(np.asarray(bytes, dtype=float), self.switches.shape)
        return np.bincount(self.link, self.share * each[self.flow], len(self.capacity)) / self.capacity


class Topology(Protocol):
    """What a network has to know of its cables; `hop` is what each switch after the first adds to a latency, in s.

    Hosts are numbered in the order in which ranks are placed on them. A cable carries a link's bandwidth each way at
    once.
    """

    hop: float

    def graph(self, nodes: int) -> nx.Graph:
        """Hosts 0 to nodes - 1 and switches; all have a `kind`, "host" or "switch", edges a `capacity` in cables."""
        ...

    def routes(self, src: np.ndarray, dst: np.ndarray, nodes: int) -> Routes:
        """The ways of messages from hosts `src` to other hosts `dst`: (messages,) each."""
        ...

    def diameter(self, nodes: int) -> int:
        """The most cables that lie between two hosts."""
        ...


Entry = tuple[np.ndarray, np.ndarray, ArrayLike]
"""Messages, the links between switches that they take, and the shares of their bytes on them."""


def join(
    src: np.ndarray,
    dst: np.ndarray,
    nodes: int,
    switches: np.ndarray,
    entries: Iterable[Entry],
    capacity: ArrayLike,
) -> Routes:
    """The ways of messages whose links between switches are known: the cables of the hosts, and these."""
    every = np.arange(len(src))
    parts: list[Entry] = [(every, src - 2 * nodes, 1.0), (every, dst - nodes, 1.0), *entries]
    flow = np.concatenate([flow for flow, _, _ in parts])
    link = np.concatenate([link for _, link, _ in parts]) + 2 * nodes
    share = np.concatenate([np.broadcast_to(share, np.shape(flow)) for flow, _, share in parts])
    return Routes(flow, link, share, switches, np.concatenate([np.ones(2 * nodes), capacity]))


def hosts(nodes: int) -> nx.Graph:
    """A graph of that many hosts without cables. ValueError for fewer than one."""
    graph = nx.Graph()
    graph.add_nodes_from(range(checks.whole("nodes", nodes)), kind="host")
    return graph


def hops(topology: Topology, nodes: int, host: int = 0) -> np.ndarray:
    """How many cables lie between `host` and each of the others, in their order: (nodes - 1,)."""
    checks.whole("host", host, least=0, most=checks.whole("nodes", nodes) - 1)
    others = np.delete(np.arange(nodes), host)
    return topology.routes(np.full(nodes - 1, host), others, nodes).switches + 1


def bisection(topology: Topology, nodes: int) -> int:
    """How many cables join the first half of the hosts to the others: the smallest cut between them (Ford, Fulkerson).

    `nodes // 2` if nothing is in the way. Times a link's bandwidth, the bisection bandwidth each way.
    """
    graph = topology.graph(nodes)
    half = nodes // 2
    graph.add_edges_from((("first half", host) for host in range(half)), capacity=1)
    graph.add_edges_from((("other half", host) for host in range(half, nodes)), capacity=1)
    order = {node: k for k, node in enumerate(graph)}
    matrix = nx.to_scipy_sparse_array(graph, weight="capacity", dtype=np.int32, format="csr")
    return int(maximum_flow(matrix, order["first half"], order["other half"]).flow_value)
