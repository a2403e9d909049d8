"""A machine whose messages have found their ways, so that another latency or bandwidth is answered at once."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from pdekit.scaling import flows
from pdekit.scaling.link import Link
from pdekit.scaling.machines import Machine


class Routed:
    """`over(link)` is the machine with another link between its nodes: what `Machine.allreduce` says, sooner.

    Which cables are how full does not depend on the link. It is worked out for each number of ranks when it is asked
    for first, and kept as long as this object.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._rounds: dict[int, list[np.ndarray]] = {}

    def over(self, link: Link) -> "Over":
        """A `Network`, with the price of the machine."""
        return Over(self, link)

    def rounds(self, ranks: int) -> list[np.ndarray]:
        """Of each algorithm (rounds, 5): how many such, summed, inside, switches, load of a cable.

        `inside` is the share that travels within nodes (0 if none does), `switches` those passed after the first (-1
        if nothing leaves a node).
        """
        if ranks not in self._rounds:
            each = _algorithms(ranks, self.machine.per_node)
            self._rounds[ranks] = [np.array([self._round(one) for one in rounds]) for rounds in each]
        return self._rounds[ranks]

    def _round(self, one: flows.Round) -> tuple[float, ...]:
        src, dst = one.src // self.machine.per_node, one.dst // self.machine.per_node
        away = src != dst
        switches, load = -1, 0.0
        if away.any():
            nodes = int(max(src.max(), dst.max())) + 1
            ways = self.machine.topology.routes(src[away], dst[away], nodes)
            switches, load = int(ways.switches.max()) - 1, float(ways.load(one.share).max())
        return one.times, one.summed, 0.0 if away.all() else one.share, switches, load


class Over:
    """The machine of `routed` with that link between its nodes."""

    def __init__(self, routed: Routed, link: Link) -> None:
        self.price, self.per_node = routed.machine.price, routed.machine.per_node
        self._routed, self._link = routed, link
        self._costs: dict[int, np.ndarray] = {}

    def allreduce(self, bytes: ArrayLike, ranks: ArrayLike) -> np.ndarray:
        """Seconds by the quickest algorithm, as `Machine.allreduce`."""
        n, p = np.broadcast_arrays(np.asarray(bytes, dtype=float), np.asarray(ranks, dtype=float))
        seconds = np.zeros(n.shape)
        for count in np.unique(p[p > 1]).astype(int).tolist():
            some = p == count
            latency, per_byte = self._of(count)
            seconds[some] = np.min(latency[:, None] + per_byte[:, None] * n[some], axis=0)
        return seconds

    def _of(self, ranks: int) -> np.ndarray:
        """Seconds for nothing, and for each byte: (2, algorithms)."""
        if ranks not in self._costs:
            inside = self._routed.machine.inside or self._link
            hop = self._routed.machine.topology.hop
            each = []
            for rounds in self._routed.rounds(ranks):
                times, summed, within, switches, load = rounds.T
                alpha = np.where(switches >= 0, self._link.latency + hop * switches, 0.0)
                alpha = np.maximum(alpha, np.where(within > 0, inside.latency, 0.0))
                beta = np.maximum(load / self._link.bandwidth, within / inside.bandwidth)
                each.append((times @ alpha, times @ (beta + summed * self._link.summing)))
            self._costs[ranks] = np.array(each).T
        return self._costs[ranks]


def _algorithms(ranks: int, per_node: int) -> Iterator[Iterable[flows.Round]]:
    """The rounds of all that `Machine.allreduce` chooses from."""
    if per_node > 1 and ranks > per_node and ranks % per_node == 0:
        yield from (flows.hierarchical(ranks, per_node, across) for across in flows.ALGORITHMS.values())
    yield from (algorithm(ranks) for algorithm in flows.ALGORITHMS.values())
