"""How the nodes of a machine are cabled, drawn: hosts, switches, and the cables between them."""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from pdekit import checks
from pdekit.scaling.cables import Topology, bisection
from pdekit.scaling.topologies import Dragonfly, Torus
from pdekit.views import axes, theme

if TYPE_CHECKING:
    import networkx as nx

Places = dict[Hashable, tuple[float, float]]
MOST = 256  # nodes: more are a blot


def plot_topology(topology: Topology, nodes: int = 16, *, title: str = "") -> go.Figure:
    """Hosts (circles), switches (squares) and cables of a machine with so many nodes; thick where cables are parallel.

    The title has the hops of the longest way, and the bisection: the cables that join one half of the hosts, in their
    order, to the other, of the half as many that would never be in the way.

    Raises ValueError for fewer than 2 nodes, or more than 256.
    """
    checks.whole("nodes", nodes, 2, MOST)
    graph = topology.graph(nodes)
    places = _layout(topology, nodes)(graph)
    figure = go.Figure()
    host = {node: data["kind"] == "host" for node, data in graph.nodes(data=True)}
    for capacity in sorted({data["capacity"] for *_, data in graph.edges(data=True)}):
        for of_hosts in (True, False):
            cables = [
                (a, b)
                for a, b, data in graph.edges(data=True)
                if data["capacity"] == capacity and (host[a] or host[b]) == of_hosts
            ]
            colour = "#b8c1cb" if of_hosts else theme.COLOURS[4]
            x, y = (
                np.array([[places[a][k], places[b][k], np.nan] for a, b in cables]).ravel() for k in (0, 1)
            )
            figure.add_scatter(
                x=x, y=y, mode="lines", line={"color": colour, "width": 1.2 + 1.4 * np.log2(capacity)},
                hoverinfo="skip", showlegend=False,
            )  # fmt: skip
    for kind, symbol, size, colour in (
        ("host", "circle", 8, theme.COLOURS[0]),
        ("switch", "square", 11, theme.COLOURS[1]),
    ):
        mine = [node for node in graph if host[node] == (kind == "host")]
        words = [f"{kind} {node}, {graph.degree(node)} cables" for node in mine]
        name = f"{len(mine)} {kind}{'es' if kind == 'switch' else 's'}"
        x, y = zip(*(places[node] for node in mine), strict=True)
        figure.add_scatter(
            x=x, y=y, mode="markers", name=name, hovertext=words, hovertemplate="%{hovertext}<extra></extra>",
            marker={"symbol": symbol, "size": size, "color": colour, "line": {"color": "white", "width": 1}},
        )  # fmt: skip
    off = {"visible": False}
    figure.update_xaxes(off).update_yaxes(off | {"scaleanchor": None})
    across = f"{bisection(topology, nodes)} of {nodes // 2} cables"
    said = f"{topology}<br><sup>{topology.diameter(nodes)} hops at most, bisection {across}</sup>"
    margin = {"l": 20, "r": 20, "t": 75, "b": 20}
    return axes.finish(figure, title or said, 1, hovermode="closest", width=620, height=400, margin=margin)


def _layout(topology: Topology, nodes: int) -> Callable[["nx.Graph"], Places]:
    """Where everything is drawn, the same each time."""
    if isinstance(topology, Torus):
        return lambda graph: _in_rows(graph, topology.shape(nodes))
    if isinstance(topology, Dragonfly):
        return lambda graph: _in_groups(graph, topology)
    return _in_storeys


def _in_storeys(graph: "nx.Graph") -> Places:
    """Hosts below, switches as high as they are far from the nearest host; each storey evenly across."""
    import networkx as nx

    hosts = [node for node, data in graph.nodes(data=True) if data["kind"] == "host"]
    height = nx.multi_source_dijkstra_path_length(graph, hosts, weight=None)
    storeys: dict[float, list[Any]] = {}
    for node in graph:
        storeys.setdefault(height[node], []).append(node)
    return {
        node: ((k + 0.5) / len(storey), float(level))
        for level, storey in storeys.items()
        for k, node in enumerate(storey)
    }


def _in_rows(graph: "nx.Graph", shape: tuple[int, ...]) -> Places:
    """A grid of switches, further dimensions to the back; each host beside its switch."""
    aside = np.array([[1.0, 0.0], [0.0, 1.0], [0.42, 0.3], [0.2, 0.45]])
    places: Places = {}
    for host, at in enumerate(np.ndindex(shape)):
        x, y = np.array(at[::-1]) @ aside[: len(shape)]
        places[at] = (float(x), float(y))
        if host in graph:
            places[host] = (float(x) - 0.16, float(y) - 0.13)
    return places


def _in_groups(graph: "nx.Graph", topology: Dragonfly) -> Places:
    """Groups on a circle, the switches of each on a small one, their hosts around them."""
    routers = [node for node, data in graph.nodes(data=True) if data["kind"] == "switch"]
    groups = max(group for group, _ in routers) + 1
    around = 0.8 * np.sin(np.pi / max(groups, 3))
    places: Places = {}
    for group, k in routers:
        middle = np.exp(2j * np.pi * group / groups) * (groups > 1)
        turn = np.exp(2j * np.pi * (k / topology.routers + group / groups))
        at = middle + 0.6 * around * turn
        places[group, k] = (at.real, at.imag)
        hosts = [node for node in graph.neighbors((group, k)) if node not in routers]
        for number, host in enumerate(sorted(hosts)):
            spread = (number - (len(hosts) - 1) / 2) * 1.5 / (topology.routers * max(len(hosts), 1))
            there = middle + around * turn * np.exp(2j * np.pi * spread * 0.5)
            places[host] = (there.real, there.imag)
    return places
