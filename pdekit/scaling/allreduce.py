"""What an allreduce costs by the algorithm that does it, without contention: each rank has a link of its own.

With P ranks, n bytes on each of them, and alpha, beta = 1 / bandwidth and gamma of `Link`, an allreduce takes
`rounds alpha + n (moved beta + added gamma)`. What `COUNTS` says of the three, with P' the largest power of two that is
not above P:

    ring                2 (P - 1),   2 (P - 1) / P,    (P - 1) / P
    recursive doubling  log2 P',     log2 P',          log2 P'
    rabenseifner        2 log2 P',   2 (P' - 1) / P',  (P' - 1) / P'

and for the last two, where P is no power of two, (2, 2, 1) on top: P - P' ranks first hand all that they have to a
neighbour, who adds it up, and get the sum in the end, as MPICH does.

The ring: Patarasuk and Yuan (2009), Bandwidth optimal all-reduce algorithms for clusters of workstations, J. Parallel
Distrib. Comput. 69, 117-124. The others, and numbers of ranks that are no powers of two: Thakur, Rabenseifner and Gropp
(2005), Optimization of collective communication operations in MPICH, Int. J. High Perform. Comput. Appl. 19, 49-66,
"Reduce and Allreduce" in section 4.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from pdekit.scaling.arguments import sizes, whole_numbers
from pdekit.scaling.link import Link

Counts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rounds, and in units of the message the bytes that a rank sends one after the other, and those that it adds up."""


def ring(bytes: ArrayLike, ranks: ArrayLike, link: Link) -> np.ndarray:
    """Seconds of a reduce-scatter and an allgather around a ring; `bytes` and `ranks` broadcast, 0 on one rank.

    Moves the fewest bytes that are possible, in the most rounds. ValueError for ranks that are no whole numbers from 1
    on, or bytes below 0.
    """
    return _seconds(_ring, bytes, ranks, link)


def recursive_doubling(bytes: ArrayLike, ranks: ArrayLike, link: Link) -> np.ndarray:
    """Seconds of an exchange of everything with partners 1, 2, 4, ... ranks away; arguments and errors as `ring`.

    The fewest rounds, and so the quickest for messages of a few bytes.
    """
    return _seconds(_recursive_doubling, bytes, ranks, link)


def rabenseifner(bytes: ArrayLike, ranks: ArrayLike, link: Link) -> np.ndarray:
    """Seconds of a reduce-scatter by recursive halving and an allgather by doubling; arguments and errors as `ring`."""
    return _seconds(_rabenseifner, bytes, ranks, link)


def hierarchical(
    bytes: ArrayLike, nodes: ArrayLike, per_node: ArrayLike, between: Link, inside: Link
) -> np.ndarray:
    """Seconds where `per_node` ranks on each of the `nodes` share the node's link to the others; all broadcast.

    A ring inside each node adds up and shares out; in its midst each rank has 1 / per_node of the bytes and sums them
    with its peers on the other nodes by the quickest algorithm over as much of the node's bandwidth. So does Horovod
    with its hierarchical allreduce (Sergeev and Del Balso 2018, arXiv:1802.05799; NCCL inside, MPI between).
    ValueError as `ring`.
    """
    n, nodes, per_node = sizes(bytes), whole_numbers("nodes", nodes), whole_numbers("per_node", per_node)
    across = []
    for counts in COUNTS.values():
        rounds, moved, added = counts(nodes)
        across.append(
            rounds * between.latency + n * (moved / between.bandwidth + added * between.summing / per_node)
        )
    return ring(n, per_node, inside) + np.min(np.broadcast_arrays(*across), axis=0)


def best(bytes: ArrayLike, ranks: ArrayLike, link: Link) -> tuple[np.ndarray, np.ndarray]:
    """The name in `ALGORITHMS` of the quickest, and its seconds, both of the shape of `bytes` and `ranks` broadcast."""
    seconds = np.stack([algorithm(bytes, ranks, link) for algorithm in ALGORITHMS.values()])
    return np.array(list(ALGORITHMS))[seconds.argmin(axis=0)], seconds.min(axis=0)


def _seconds(
    counts: Callable[[np.ndarray], Counts], bytes: ArrayLike, ranks: ArrayLike, link: Link
) -> np.ndarray:
    n, (rounds, moved, added) = sizes(bytes), counts(whole_numbers("ranks", ranks))
    return rounds * link.latency + n * (moved / link.bandwidth + added * link.summing)


def _ring(p: np.ndarray) -> Counts:
    others = (p - 1) / p
    return 2 * (p - 1), 2 * others, others


def _recursive_doubling(p: np.ndarray) -> Counts:
    log, left_over = _power_of_two(p)
    return log + 2 * left_over, log + 2 * left_over, log + left_over


def _rabenseifner(p: np.ndarray) -> Counts:
    log, left_over = _power_of_two(p)
    others = 1 - 0.5**log
    return 2 * log + 2 * left_over, 2 * others + 2 * left_over, others + left_over


def _power_of_two(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log2 of the largest power of two that is not above p, and whether p is more than that."""
    log = np.frexp(p)[1] - 1.0
    return log, (p > 2**log).astype(float)


COUNTS: dict[str, Callable[[np.ndarray], Counts]] = {
    "recursive doubling": _recursive_doubling,
    "rabenseifner": _rabenseifner,
    "ring": _ring,
}

ALGORITHMS: dict[str, Callable[[ArrayLike, ArrayLike, Link], np.ndarray]] = {
    "recursive doubling": recursive_doubling,
    "rabenseifner": rabenseifner,
    "ring": ring,
}
