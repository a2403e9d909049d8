"""How the nodes of a machine are cabled, drawn: hosts, switches, and the cables between them."""

from dataclasses import fields

import numpy as np
import plotly.graph_objects as go

from pdekit import checks
from pdekit.scaling.network.cables import Topology, bisection
from pdekit.views import axes, theme
from pdekit.views.scaling.places import places_of

MOST = 256  # nodes: more are a blot
CABLE = "#b8c1cb"  # of a host


def plot_topology(topology: Topology, nodes: int = 16, *, title: str = "") -> go.Figure:
    """Hosts (circles), switches (squares) and cables of a machine with so many nodes; thick where cables are parallel.

    The title has the hops of the longest way, and the bisection: the cables that join one half of the hosts, in their
    order, to the other, of the half as many that would never be in the way. The cables that close the rings of a torus
    are cut.

    Raises ValueError for fewer than 2 nodes, or more than 256.
    """
    checks.whole("nodes", nodes, 2, MOST)
    graph = topology.graph(nodes)
    places, line = places_of(topology, graph, nodes)
    figure = go.Figure()
    host = {node: data["kind"] == "host" for node, data in graph.nodes(data=True)}
    cables: dict[tuple[bool, int], list] = {}
    for a, b, data in graph.edges(data=True):
        cables.setdefault((host[a] or host[b], data["capacity"]), []).extend(line(a, b))
    for (of_host, capacity), points in sorted(cables.items(), reverse=True):
        x, y = zip(*points, strict=True)
        look = {"color": CABLE if of_host else theme.COLOURS[4], "width": 1.2 + 1.4 * np.log2(capacity)}
        figure.add_scatter(x=x, y=y, mode="lines", line=look, hoverinfo="skip", showlegend=False)
    for kind, symbol, size, colour in (
        ("host", "circle", 8, theme.COLOURS[0]),
        ("switch", "square", 11, theme.COLOURS[1]),
    ):
        mine = [node for node in graph if host[node] == (kind == "host")]
        words = [f"{kind} {node}, cables: {graph.degree(node, 'capacity')}" for node in mine]
        plural = {"host": "s", "switch": "es"}[kind] if len(mine) > 1 else ""
        x, y = zip(*(places[node] for node in mine), strict=True)
        figure.add_scatter(
            x=x, y=y, mode="markers", name=f"{len(mine)} {kind}{plural}", hovertext=words,
            hovertemplate="%{hovertext}<extra></extra>",
            marker={"symbol": symbol, "size": size, "color": colour, "line": {"color": "white", "width": 1}},
        )  # fmt: skip
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    across = f"{bisection(topology, nodes)} of {nodes // 2} cables"
    said = f"{_name(topology)}<br><sup>{topology.diameter(nodes)} hops at most, bisection {across}</sup>"
    margin = {"l": 20, "r": 20, "t": 75, "b": 20}
    return axes.finish(figure, title or said, 1, hovermode="closest", width=620, height=400, margin=margin)


def _name(topology: Topology) -> str:
    """The constructor's words that say how it is cabled: FatTree(hosts=8, uplinks=4)."""
    said = [f"{f.name}={getattr(topology, f.name)!r}" for f in fields(topology) if f.name != "hop"]
    return f"{type(topology).__name__}({', '.join(word for word in said if not word.endswith('=None'))})"
