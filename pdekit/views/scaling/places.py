"""Where the hosts and switches of a topology are drawn, and how the cables between them run: the same each time."""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

import numpy as np

from pdekit.scaling.network.cables import Topology
from pdekit.scaling.network.topologies import Dragonfly, Torus

if TYPE_CHECKING:
    import networkx as nx

Place = tuple[float, float]
Places = dict[Hashable, Place]
Line = Callable[[Hashable, Hashable], list[Place]]
"""The points of a cable between two nodes, with a gap (nan, nan) at its end."""

GAP = (np.nan, np.nan)
STUB = 0.3  # of the distance of two neighbours: what is drawn of a cable that closes a ring
ASIDE = np.array([[1.0, 0.0], [0.0, 1.0], [0.42, 0.3], [0.2, 0.45]])  # where a torus's dimensions lead


def places_of(topology: Topology, graph: "nx.Graph", nodes: int) -> tuple[Places, Line]:
    """Tori as grids, dragonflies as groups on a circle, all else in storeys."""
    if isinstance(topology, Torus):
        places = _in_rows(graph, topology.shape(nodes))
        return places, lambda a, b: _straight(places, a, b) if _near(a, b) else _stubs(places, a, b)
    places = _in_groups(graph, topology) if isinstance(topology, Dragonfly) else _in_storeys(graph)
    return places, lambda a, b: _straight(places, a, b)


def _in_storeys(graph: "nx.Graph") -> Places:
    """Hosts below, switches as high as they are far from the nearest host; each storey evenly across."""
    import networkx as nx

    hosts = [node for node, data in graph.nodes(data=True) if data["kind"] == "host"]
    height = nx.multi_source_dijkstra_path_length(graph, hosts, weight=None)
    storeys: dict[int, list[Hashable]] = {}
    for node in graph:
        storeys.setdefault(height[node], []).append(node)
    return {
        node: ((k + 0.5) / len(storey), float(level))
        for level, storey in storeys.items()
        for k, node in enumerate(storey)
    }


def _in_rows(graph: "nx.Graph", shape: tuple[int, ...]) -> Places:
    """A grid of switches, further dimensions to the back; each host beside its switch."""
    aside = ASIDE[np.arange(len(shape)) % len(ASIDE)]
    places: Places = {}
    for host, at in enumerate(np.ndindex(shape)):
        x, y = np.array(at[::-1]) @ aside
        places[at] = (float(x), float(y))
        if host in graph:
            places[host] = (float(x) - 0.12, float(y) - 0.16)
    return places


def _in_groups(graph: "nx.Graph", topology: Dragonfly) -> Places:
    """Groups on a circle, the switches of each on a small one, their hosts around them."""
    routers = [node for node, data in graph.nodes(data=True) if data["kind"] == "switch"]
    groups = 1 + max(group for group, _ in routers)
    radius = 0.8 * np.sin(np.pi / max(groups, 3))  # of a group: they do not touch
    places: Places = {}
    for group, k in routers:
        middle = np.exp(2j * np.pi * group / groups) if groups > 1 else 0
        hosts = sorted(node for node in graph.neighbors((group, k)) if not isinstance(node, tuple))
        turns = [group / groups + k / topology.routers]
        turns += [
            turns[0] + ((n + 0.5) / len(hosts) - 0.5) * 0.75 / topology.routers for n in range(len(hosts))
        ]
        for node, turn, far in zip([(group, k), *hosts], turns, [0.6] + [1.0] * len(hosts), strict=True):
            at = middle + far * radius * np.exp(2j * np.pi * turn)
            places[node] = (at.real, at.imag)
    return places


def _straight(places: Places, a: Hashable, b: Hashable) -> list[Place]:
    return [places[a], places[b], GAP]


def _stubs(places: Places, a: Hashable, b: Hashable) -> list[Place]:
    """The ends of a cable from one side of the grid to the other, as if it left the drawing."""
    (start, end), length = (np.array(places[node]) for node in (a, b)), _distance(a, b)
    out = STUB * (end - start) / length
    return [places[a], tuple(start - out), GAP, places[b], tuple(end + out), GAP]


def _near(a: Hashable, b: Hashable) -> bool:
    return not (isinstance(a, tuple) and isinstance(b, tuple)) or _distance(a, b) == 1


def _distance(a: Hashable, b: Hashable) -> int:
    """Switches along a ring."""
    return int(np.abs(np.subtract(a, b)).max())
