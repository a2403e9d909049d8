"""Topologies as drawings: everything is in them once, in the same place each time."""

import numpy as np
import pytest

import pdekit as pk

DRAWN = [
    (pk.Flat(), 16, 1, 16),
    (pk.FatTree(8, 4), 32, 8, 32 + 4 * 4),
    (pk.Torus(2), 16, 16, 16 + 2 * 16),
    (pk.Torus(3), 27, 27, 27 + 3 * 27),
    (pk.Dragonfly(2, 4), 16, 8, 16 + 2 * 6 + 1),
]


@pytest.mark.parametrize(
    ("topology", "nodes", "switches", "cables"), DRAWN, ids=lambda one: type(one).__name__
)
def test_hosts_switches_and_cables_are_drawn(
    topology: object, nodes: int, switches: int, cables: int
) -> None:
    """Cables by hand: one for each host, and those between switches; a torus's that close a ring are two ends."""
    figure = pk.plot_topology(topology, nodes)
    of_hosts, of_switches = (trace for trace in figure.data if trace.mode == "markers")
    assert (len(of_hosts.x), len(of_switches.x)) == (nodes, switches)
    assert of_hosts.name == f"{nodes} hosts" and of_switches.name.startswith(f"{switches} switch")
    places = set(zip(of_hosts.x + of_switches.x, of_hosts.y + of_switches.y, strict=True))
    assert len(places) == nodes + switches  # none hides another
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    pieces = sum(int(np.isnan(np.asarray(line.x, float)).sum()) for line in lines)
    closing = {2: 8, 3: 27}[topology.dimensions] if isinstance(topology, pk.Torus) else 0
    assert pieces == cables + closing
    again = pk.plot_topology(topology, nodes)
    assert all(
        one.x == other.x and one.y == other.y for one, other in zip(figure.data, again.data, strict=True)
    )


def test_the_title_has_hops_and_bisection() -> None:
    """By hand: of 32 hosts, 16 are on two leaves, which have four cables each; up, across a spine, and down."""
    title = pk.plot_topology(pk.FatTree(8, 4), 32).layout.title.text
    assert title == "FatTree(hosts=8, uplinks=4)<br><sup>4 hops at most, bisection 8 of 16 cables</sup>"
    assert pk.plot_topology(pk.Flat(), 4, title="mine").layout.title.text == "mine"


def test_a_topology_of_ones_own_is_drawn_in_storeys() -> None:
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Pair(pk.Flat):
        pass

    hosts, (switch,) = (
        list(trace.y) for trace in pk.plot_topology(Pair(), 4).data if trace.mode == "markers"
    )
    assert hosts == [0.0] * 4 and switch == 1.0


@pytest.mark.parametrize("nodes", [1, 257, 2.5])
def test_too_few_and_too_many_are_refused(nodes: object) -> None:
    with pytest.raises(ValueError, match="nodes: expected a whole number, between 2 and 256"):
        pk.plot_topology(pk.Flat(), nodes)
