"""An allreduce as rounds of messages: its sums are right, and its costs those that are known without contention."""

import numpy as np
import pytest

from pdekit.scaling.link import Link
from pdekit.scaling.network import flows
from pdekit.scaling.network.dragonfly import Dragonfly
from pdekit.scaling.network.topologies import FatTree, Flat
from pdekit.scaling.network.torus import Torus

LINK = Link(latency=3e-6, bandwidth=2e9, summing=1e-10)
INSIDE = Link(latency=2e-7, bandwidth=9e9, summing=1e-10)
COUNTS = range(1, 18)


def closed_form(name: str, ranks: int, n: float, link: Link) -> float:
    """Thakur, Rabenseifner and Gropp (2005), section 4; before and after it, all bytes of the ranks left over."""
    log = ranks.bit_length() - 1
    extra = ranks != 2**log
    others = 1 - 0.5**log
    rounds, moved, summed = {
        "ring": (2 * (ranks - 1), 2 * (ranks - 1) / ranks, (ranks - 1) / ranks),
        "recursive doubling": (log + 2 * extra, log + 2 * extra, log + extra),
        "rabenseifner": (2 * (log + extra), 2 * (others + extra), others + extra),
    }[name]
    return rounds * link.latency + n * (moved / link.bandwidth + summed * link.summing)


@pytest.mark.parametrize("name", flows.ALGORITHMS)
@pytest.mark.parametrize("ranks", COUNTS)
def test_without_contention_costs_are_those_of_the_literature(name: str, ranks: int) -> None:
    """Fails if a round, a byte or a sum is missing or counted twice."""
    for n in (0.0, 1e6):
        found = flows.seconds(Flat(), flows.ALGORITHMS[name](ranks), LINK, n)
        assert found == pytest.approx(closed_form(name, ranks, n, LINK), rel=1e-12)


@pytest.mark.parametrize("name", flows.ALGORITHMS)
def test_every_rank_hears_of_every_other(name: str) -> None:
    """Who knows of whom after the rounds, if a message carries all that its sender knows: everyone of everyone."""
    for ranks in COUNTS:
        knows = np.eye(ranks, dtype=bool)
        for one in flows.ALGORITHMS[name](ranks):
            for _ in range(one.times):
                news = np.zeros_like(knows)
                np.logical_or.at(news, one.dst, knows[one.src])
                knows |= news
        assert knows.all()


def test_two_uplinks_for_four_hosts_take_twice_as_long() -> None:
    """Eight ranks by recursive doubling: two rounds stay in the leaf, in the third all four of a leaf leave it."""
    n, hop = 1e6, 5e-7
    tree = FatTree(hosts=4, uplinks=2, hop=hop)
    found = flows.seconds(tree, flows.recursive_doubling(8), LINK, n)
    expected = 3 * LINK.latency + 2 * hop + n * ((1 + 1 + 2) / LINK.bandwidth + 3 * LINK.summing)
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_ring_meets_no_contention_in_a_tree() -> None:
    """One message at a time leaves a leaf; only the switches on its way count."""
    tree = FatTree(hosts=4, uplinks=1, hop=5e-7)
    found = flows.seconds(tree, flows.ring(16), LINK, 1e6)
    assert found == pytest.approx(closed_form("ring", 16, 1e6, LINK) + 30 * 2 * 5e-7, rel=1e-12)


def test_a_torus_carries_far_messages_on_many_cables() -> None:
    """Partners on a ring of 16, 1, 2 and 4 away: so many on each cable; 8 away: four of either way round."""
    found = flows.seconds(Torus(1, sides=(16,)), flows.recursive_doubling(16), LINK, 1e6)
    moved = 1 + 2 + 4 + 4
    expected = 4 * LINK.latency + 1e6 * (moved / LINK.bandwidth + 4 * LINK.summing)
    assert found == pytest.approx(expected, rel=1e-12)


def test_ranks_of_a_node_share_its_link() -> None:
    """Four a node, eight in all: the first two rounds are inside, in the third all four use the node's link."""
    n = 1e6
    found = flows.seconds(Flat(), flows.recursive_doubling(8), LINK, n, per_node=4, inside=INSIDE)
    inside = 2 * (INSIDE.latency + n / INSIDE.bandwidth)
    expected = inside + LINK.latency + 4 * n / LINK.bandwidth + 3 * n * LINK.summing
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", flows.ALGORITHMS)
def test_a_hierarchy_sends_each_byte_of_a_node_once(name: str) -> None:
    """A ring inside the nodes around the algorithm between them, each rank with its part of the bytes."""
    n, nodes, per_node = 1e6, 8, 4
    rounds = flows.hierarchical(nodes * per_node, per_node, flows.ALGORITHMS[name])
    found = flows.seconds(Flat(), rounds, LINK, n, per_node, INSIDE)
    alone = Link(LINK.latency, LINK.bandwidth, LINK.summing / per_node)
    ring = closed_form("ring", per_node, n, INSIDE)
    assert found == pytest.approx(ring + closed_form(name, nodes, n, alone), rel=1e-12)


def test_an_unfilled_node_has_no_hierarchy() -> None:
    with pytest.raises(ValueError, match=r"ranks: expected a multiple of 4, got 10; give ranks=12"):
        list(flows.hierarchical(10, 4, flows.ring))
    with pytest.raises(ValueError, match="per_node: expected a whole number"):
        flows.costs(Flat(), flows.ring(2), LINK, per_node=0)
    with pytest.raises(ValueError, match="ranks: expected a whole number"):
        list(flows.recursive_doubling(0))


@pytest.mark.parametrize("topology", [FatTree(28, 20), Torus(3), Dragonfly(4, 16)], ids=repr)
@pytest.mark.parametrize("name", flows.ALGORITHMS)
def test_thousands_of_ranks_cost_no_less_than_without_contention(topology: object, name: str) -> None:
    for ranks in (1000, 4096):
        found = flows.seconds(topology, flows.ALGORITHMS[name](ranks), LINK, 1e6)
        assert closed_form(name, ranks, 1e6, LINK) * (1 - 1e-12) <= found < 1.0
