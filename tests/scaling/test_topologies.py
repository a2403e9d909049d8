"""The cables of a network: the graph that is drawn is the oracle of the ways that messages take."""

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

from pdekit.scaling.network.cables import Topology, bisection, hops
from pdekit.scaling.network.dragonfly import Dragonfly
from pdekit.scaling.network.topologies import FatTree, Flat, read
from pdekit.scaling.network.torus import Torus

SOME = [
    (Flat(), 9),
    (FatTree(hosts=4, uplinks=4), 16),
    (FatTree(hosts=6, uplinks=2), 20),
    (Torus(dimensions=1), 7),
    (Torus(dimensions=2), 12),
    (Torus(dimensions=3), 27),
    (Torus(dimensions=3, sides=(2, 4, 3)), 24),
    (Dragonfly(hosts=2, routers=3, cables=1), 24),
    (Dragonfly(hosts=1, routers=4, cables=2), 14),
    (Dragonfly(hosts=2, routers=2, cables=5), 12),
    (Dragonfly(hosts=3, routers=1, cables=2), 9),
]
IDS = [f"{topology!r} {nodes}" for topology, nodes in SOME]


def pairs(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Every host to every other."""
    src, dst = np.divmod(np.arange(nodes**2), nodes)
    return src[src != dst], dst[src != dst]


@pytest.mark.parametrize(("topology", "nodes"), SOME, ids=IDS)
def test_a_graph_has_hosts_with_one_cable_and_switches(topology: Topology, nodes: int) -> None:
    graph = topology.graph(nodes)
    kinds = nx.get_node_attributes(graph, "kind")
    assert len(kinds) == len(graph) and set(kinds.values()) == {"host", "switch"}
    assert [node for node, kind in kinds.items() if kind == "host"] == list(range(nodes))
    assert all(graph.degree[host] == 1 for host in range(nodes))
    assert nx.is_connected(graph)
    assert all(isinstance(capacity, int) for *_, capacity in graph.edges(data="capacity"))


@pytest.mark.parametrize(("topology", "nodes"), SOME, ids=IDS)
def test_messages_take_the_shortest_ways_of_the_graph(topology: Topology, nodes: int) -> None:
    """Fails if a way is longer or shorter, if bytes are lost on it, or with another diameter."""
    graph, (src, dst) = topology.graph(nodes), pairs(nodes)
    lengths = dict(nx.all_pairs_shortest_path_length(graph))
    expected = np.array([lengths[a][b] for a, b in zip(src, dst, strict=True)])
    if isinstance(topology, Dragonfly):  # never by a third group, though that may be shorter
        expected = np.array([dragonfly(topology, graph, a, b)[0] for a, b in zip(src, dst, strict=True)])
    ways = topology.routes(src, dst, nodes)
    np.testing.assert_array_equal(ways.switches + 1, expected)
    on_cables = np.bincount(ways.flow, ways.share, len(src))
    np.testing.assert_allclose(on_cables, expected, rtol=1e-12)
    assert topology.diameter(nodes) == expected.max()


def dragonfly(topology: Dragonfly, graph: nx.Graph, a: int, b: int) -> tuple[int, dict]:
    """Cables between two hosts, and the share of each, in the two groups alone: all shortest ways alike."""
    (first,), (last,) = graph[a], graph[b]
    routers = [node for node in graph if not isinstance(node, int) and node[0] in (first[0], last[0])]
    part = graph.subgraph([*routers, a, b])
    ways = list(nx.all_shortest_paths(part, a, b))
    edges = [list(pairwise(way)) for way in ways]
    weights = np.array([np.prod([graph.edges[e]["capacity"] for e in way]) for way in edges], dtype=float)
    shares: dict[tuple, float] = {}
    for way, weight in zip(edges, weights / weights.sum(), strict=True):
        for edge in way:
            shares[edge] = shares.get(edge, 0.0) + weight
    return len(ways[0]) - 1, shares


@pytest.mark.parametrize(("topology", "nodes"), [one for one in SOME if isinstance(one[0], Dragonfly)])
def test_a_dragonfly_loads_its_cables_evenly(topology: Dragonfly, nodes: int) -> None:
    """Random messages: the fullest cable. Fails if bytes are not spread over all cables that are as near."""
    graph, random = topology.graph(nodes), np.random.default_rng(0)
    src = np.arange(nodes)
    dst = (src + random.integers(1, nodes, nodes)) % nodes
    bytes = random.random(nodes)
    expected: dict[tuple, float] = {}
    for a, b, n in zip(src, dst, bytes, strict=True):
        for edge, share in dragonfly(topology, graph, a, b)[1].items():
            expected[edge] = expected.get(edge, 0.0) + n * share / graph.edges[edge]["capacity"]
    found = topology.routes(src, dst, nodes).load(bytes)
    np.testing.assert_allclose(np.sort(found)[-3:], np.sort(list(expected.values()))[-3:], rtol=1e-12)


def test_a_fat_tree_shares_its_uplinks() -> None:
    """Six hosts of a leaf on two uplinks: three messages on each cable; by networkx, over all shortest ways."""
    tree, src = FatTree(hosts=6, uplinks=2), np.arange(12)
    found = tree.routes(src, (src + 6) % 12, 12).load(1.0)
    graph, expected = tree.graph(12), {}
    for host in src:
        ways = list(nx.all_shortest_paths(graph, host, (host + 6) % 12))
        for way in ways:
            for edge in pairwise(way):
                expected[edge] = expected.get(edge, 0.0) + 1 / len(ways)
    assert found.max() == pytest.approx(max(expected.values())) == 3
    assert tree.routes(src, src ^ 1, 12).load(1.0).max() == 1  # nothing leaves its leaf


@pytest.mark.parametrize(
    ("side", "distance", "load"), [(8, 1, 1), (8, 3, 3), (8, 5, 3), (8, 4, 2), (7, 3, 3)]
)
def test_a_ring_carries_what_goes_past(side: int, distance: int, load: float) -> None:
    """All hosts to the one `distance` further: that many messages on each cable, or half, if both ways are as short."""
    src = np.arange(side)
    for sides, stride in (((side,), 1), ((side, 2), 2)):
        torus = Torus(dimensions=len(sides), sides=sides)
        found = torus.routes(src * stride, (src + distance) % side * stride, side * stride).load(1.0)
        assert found.max() == load


@pytest.mark.parametrize("sides", [(5, 3, 4), (4, 6), (7,)])
def test_a_torus_turns_at_each_dimension(sides: tuple[int, ...]) -> None:
    """Random messages, walked switch by switch along the graph's cables: each of them carries what it should."""
    torus, random = Torus(len(sides), sides=sides), np.random.default_rng(1)
    nodes = int(np.prod(sides))
    graph, carried = torus.graph(nodes), {}
    src = np.arange(nodes)
    dst = (src + random.integers(1, nodes, nodes)) % nodes
    bytes = random.random(nodes)

    def walk(at: tuple[int, ...], to: tuple[int, ...], n: float) -> None:
        if at == to:
            return
        axis = next(k for k, side in enumerate(sides) if at[k] != to[k])
        ahead, side = (to[axis] - at[axis]) % sides[axis], sides[axis]
        ways = [sign for sign in (1, -1) if (ahead if sign == 1 else side - ahead) <= side / 2]
        for sign in ways:
            here = at
            while here[axis] != to[axis]:
                there = (*here[:axis], (here[axis] + sign) % side, *here[axis + 1 :])
                assert graph.has_edge(here, there)
                carried[here, there] = carried.get((here, there), 0.0) + n / len(ways)
                here = there
        walk((*at[:axis], to[axis], *at[axis + 1 :]), to, n)

    for a, b, n in zip(src, dst, bytes, strict=True):
        at, to = (tuple(map(int, np.unravel_index(host, sides))) for host in (a, b))
        walk(at, to, n)
    found = torus.routes(src, dst, nodes).load(bytes)[2 * nodes :]
    np.testing.assert_allclose(np.sort(found[found > 0]), np.sort(list(carried.values())), rtol=1e-12)


def test_a_torus_is_nearly_a_cube() -> None:
    assert Torus(3).shape(4096) == (16, 16, 16)
    assert Torus(3).shape(128) == (6, 5, 5)
    assert Torus(2).shape(12) == (4, 3)
    assert Torus(3, sides=(2, 3, 4)).shape(20) == (2, 3, 4)


@pytest.mark.parametrize(
    ("topology", "nodes", "cables"),
    [
        (Flat(), 10, 5),
        (FatTree(hosts=8, uplinks=8), 32, 16),
        (FatTree(hosts=8, uplinks=4), 32, 8),  # two leaves of four uplinks each
        (Torus(1), 8, 2),
        (Torus(3, sides=(4, 4, 4)), 64, 32),  # 2 k^(n - 1), and as many hosts
        (Torus(2, sides=(8, 4)), 32, 8),
        (Dragonfly(hosts=4, routers=4, cables=1), 64, 4),  # two groups to two others
    ],
)
def test_bisection(topology: Topology, nodes: int, cables: int) -> None:
    assert bisection(topology, nodes) == cables


def test_hops() -> None:
    """By hand: three in its leaf of four, the rest behind a spine; on a ring, ever further, then nearer."""
    np.testing.assert_array_equal(hops(FatTree(4, 4), 12), [2] * 3 + [4] * 8)
    np.testing.assert_array_equal(hops(Torus(1, sides=(6,)), 6), [3, 4, 5, 4, 3])
    np.testing.assert_array_equal(hops(FatTree(4, 4), 8, host=5), [4] * 4 + [2] * 3)
    with pytest.raises(ValueError, match="host: expected a whole number, between 0 and 7"):
        hops(Flat(), 8, host=8)


def test_words_name_topologies() -> None:
    assert read("flat") == Flat()
    assert read("fat-tree 28 20", hop=1e-7) == FatTree(28, 20, hop=1e-7)
    assert read("torus 2") == Torus(2) and read("dragonfly 2 32 2") == Dragonfly(2, 32, 2)
    with pytest.raises(ValueError, match="topology: expected one of 'flat'"):
        read("hypercube 3")
    with pytest.raises(ValueError, match="expected whole numbers after its name, got 'torus three'"):
        read("torus three")


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="uplinks: expected a whole number"):
        FatTree(uplinks=0)
    with pytest.raises(ValueError, match="cables: expected a whole number"):
        Dragonfly(cables=0)
    with pytest.raises(ValueError, match="hop: expected a finite number"):
        Flat(hop=-1.0)
    with pytest.raises(ValueError, match="sides: expected 3 lengths"):
        Torus(3, sides=(2, 2))
    with pytest.raises(ValueError, match="nodes: expected a whole number, between 1 and 4"):
        Torus(2, sides=(2, 2)).shape(5)
    with pytest.raises(ValueError, match="nodes: expected a whole number, at least 1"):
        Flat().graph(0)
