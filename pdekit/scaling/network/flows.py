"""An allreduce as rounds of messages that go through a network all at once and share its cables.

    tree, link = FatTree(hosts=28, uplinks=20), Link(latency=2e-6, bandwidth=12e9)
    flows.seconds(tree, flows.ring(1024), link, bytes=4.9e6)

A round begins when the last one is over on all ranks. It takes the latency of its longest way, and the time in which
the fullest cable lets through what it carries; then the ranks add up what they got. On a flat network, where no cable
carries two messages, these are the costs of allreduce.py.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pdekit import checks
from pdekit.scaling.link import Link
from pdekit.scaling.network.cables import Topology


@dataclass(frozen=True)
class Round:
    """Messages that are under way at once, from ranks `src` to `dst` (messages,); `times` such rounds in all.

    For each byte that is reduced a message has `share` bytes, and a rank adds up `summed` afterwards.
    """

    src: np.ndarray
    dst: np.ndarray
    share: float
    summed: float = 0.0
    times: int = 1


def ring(ranks: int) -> Iterator[Round]:
    """Each rank to the next, a P-th at a time: P - 1 rounds that add up, P - 1 that hand on what was added up.

    Patarasuk and Yuan (2009), J. Parallel Distrib. Comput. 69, 117-124.
    """
    every = np.arange(checks.whole("ranks", ranks))
    if ranks > 1:
        yield Round(every, (every + 1) % ranks, 1 / ranks, 1 / ranks, times=ranks - 1)
        yield Round(every, (every + 1) % ranks, 1 / ranks, times=ranks - 1)


def recursive_doubling(ranks: int) -> Iterator[Round]:
    """Pairs at distances 1, 2, 4, ... exchange all of it: log2 P rounds, and two more if P is not a power of two.

    Thakur, Rabenseifner and Gropp (2005), Int. J. High Perform. Comput. Appl. 19, 49-66, section 4.5.
    """
    place, before, after = _folded(ranks)
    yield from before
    for k in range(len(place).bit_length() - 1):
        yield Round(*_pairs(place, 2**k), 1.0, 1.0)
    yield from after


def rabenseifner(ranks: int) -> Iterator[Round]:
    """Pairs at distances 1, 2, 4, ... exchange halves, quarters, ... and add up, then back: 2 log2 P rounds, or 2 more.

    Thakur, Rabenseifner and Gropp (2005), section 4.5: recursive halving at doubling distances, so that the largest
    messages go to the nearest.
    """
    place, before, after = _folded(ranks)
    distances = [2**k for k in range(len(place).bit_length() - 1)]
    yield from before
    for distance in distances:
        share = 1 / (2 * distance)
        yield Round(*_pairs(place, distance), share, share)
    for distance in reversed(distances):
        yield Round(*_pairs(place, distance), 1 / (2 * distance))
    yield from after


Algorithm = Callable[[int], Iterator[Round]]

ALGORITHMS: dict[str, Algorithm] = {
    "ring": ring,
    "recursive doubling": recursive_doubling,
    "rabenseifner": rabenseifner,
}


def hierarchical(ranks: int, per_node: int, across: Algorithm) -> Iterator[Round]:
    """A ring in each node up to where a rank has its part of the node's sum, those parts `across` the nodes, and back.

    All ranks of a node talk to their peers on other nodes at once. ValueError if the last node were not full.
    """
    nodes, rest = divmod(checks.whole("ranks", ranks), checks.whole("per_node", per_node))
    if rest:
        raise checks.refuse(
            "ranks", f"a multiple of {per_node}", ranks, f"give ranks={(nodes + 1) * per_node}"
        )
    within, parts = np.arange(per_node), list(ring(per_node))
    first = per_node * np.arange(nodes)[:, None]

    def everywhere(one: Round) -> Round:
        src, dst = ((first + ranks).ravel() for ranks in (one.src, one.dst))
        return Round(src, dst, one.share, one.summed, one.times)

    yield from map(everywhere, parts[:1])
    for one in across(nodes):
        src, dst = ((per_node * nodes[:, None] + within).ravel() for nodes in (one.src, one.dst))
        yield Round(src, dst, one.share / per_node, one.summed / per_node, one.times)
    yield from map(everywhere, parts[1:])


@dataclass(frozen=True)
class Carried:
    """What a network carries in each of the rounds, whatever its links: all (rounds,)."""

    times: np.ndarray
    summed: np.ndarray  # for each byte that is reduced
    inside: np.ndarray  # the same, of a message within a node; 0 if there is none
    switches: np.ndarray  # on the longest way, after the first; -1 if nothing leaves a node
    load: np.ndarray  # of the fullest cable

    def price(self, link: Link, inside: Link | None, hop: float) -> tuple[float, float]:
        """Seconds of all rounds for nothing, and for each byte; see `costs`."""
        inside = inside or link
        alpha = np.where(self.switches >= 0, link.latency + hop * self.switches, 0.0)
        alpha = np.maximum(alpha, np.where(self.inside > 0, inside.latency, 0.0))
        beta = np.maximum(self.load / link.bandwidth, self.inside / inside.bandwidth)
        return float(self.times @ alpha), float(self.times @ (beta + self.summed * link.summing))


def carried(topology: Topology, rounds: Iterable[Round], per_node: int = 1) -> Carried:
    """What the rounds put on the network, with `per_node` ranks on each host; ValueError for fewer than one."""
    checks.whole("per_node", per_node)
    found = [(1, 0.0, 0.0, -1, 0.0)]  # nothing at all, on one rank
    for one in rounds:
        src, dst = one.src // per_node, one.dst // per_node
        away = src != dst
        switches, load = -1, 0.0
        if away.any():
            ways = topology.routes(src[away], dst[away], int(max(src.max(), dst.max())) + 1)
            switches, load = int(ways.switches.max()) - 1, float(ways.load(one.share).max())
        found.append((one.times, one.summed, 0.0 if away.all() else one.share, switches, load))
    return Carried(*np.array(found).T)


def costs(
    topology: Topology,
    rounds: Iterable[Round],
    link: Link,
    per_node: int = 1,
    inside: Link | None = None,
) -> tuple[float, float]:
    """Seconds of the rounds for nothing, and for each byte that is reduced.

    There are `per_node` ranks on each host of the topology, one host after the other; `link` is what a host has to the
    network, shared by its ranks, and `inside` (the same, if None) what any two ranks of a host have to themselves.
    ValueError for fewer than one rank a node.
    """
    return carried(topology, rounds, per_node).price(link, inside, topology.hop)


def seconds(
    topology: Topology,
    rounds: Iterable[Round],
    link: Link,
    bytes: ArrayLike,
    per_node: int = 1,
    inside: Link | None = None,
) -> np.ndarray:
    """Seconds of an allreduce of `bytes` in these rounds; see `costs`."""
    latency, per_byte = costs(topology, rounds, link, per_node, inside)
    return latency + per_byte * np.asarray(bytes, dtype=float)


def _folded(ranks: int) -> tuple[np.ndarray, list[Round], list[Round]]:
    """The ranks that take part, as many as the power of two below; what the others give before and get after."""
    power = 1 << (checks.whole("ranks", ranks).bit_length() - 1)
    extra = ranks - power
    if not extra:
        return np.arange(ranks), [], []
    given = 2 * np.arange(extra)  # rank 0 to rank 1, rank 2 to rank 3, ...
    place = np.concatenate([given + 1, np.arange(2 * extra, ranks)])
    return place, [Round(given, given + 1, 1.0, 1.0)], [Round(given + 1, given, 1.0)]


def _pairs(place: np.ndarray, distance: int) -> tuple[np.ndarray, np.ndarray]:
    return place, place[np.arange(len(place)) ^ distance]
