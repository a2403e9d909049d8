"""Allreduces done by hand, round by round, with the numbers that travel: the oracle of what they cost.

Written from the descriptions of the algorithms, not from `pdekit.scaling.allreduce`. A round is a list of sends
(source, destination, slice, add); all of a round happen at once, with what the ranks had before it.
"""

from collections.abc import Iterator

import numpy as np

Send = tuple[int, int, slice, bool]


def ring(p: int, n: int) -> Iterator[list[Send]]:
    size = n // p
    for step in range(2 * (p - 1)):
        yield [
            (r, (r + 1) % p, slice((b := (r - step) % p) * size, (b + 1) * size), step < p - 1)
            for r in range(p)
        ]


def folded(p: int, n: int, inner) -> Iterator[list[Send]]:
    """The ranks beyond a power of two hand over what they have, and get the sum in the end."""
    q = 1 << (p.bit_length() - 1)
    everything = slice(0, n)
    if q < p:
        yield [(2 * k, 2 * k + 1, everything, True) for k in range(p - q)]
    names = [2 * k + 1 for k in range(p - q)] + list(range(2 * (p - q), p))
    for sends in inner(q, n):
        yield [(names[a], names[b], part, add) for a, b, part, add in sends]
    if q < p:
        yield [(2 * k + 1, 2 * k, everything, False) for k in range(p - q)]


def _doubling(q: int, n: int) -> Iterator[list[Send]]:
    away = 1
    while away < q:
        yield [(r, r ^ away, slice(0, n), True) for r in range(q)]
        away *= 2


def _halving(q: int, n: int) -> Iterator[list[Send]]:
    mine = [(0, n)] * q
    away, steps = q // 2, []
    while away:
        sends = []
        for r in range(q):
            low, high = mine[r]
            middle = (low + high) // 2
            keep, give = ((low, middle), (middle, high)) if r & away == 0 else ((middle, high), (low, middle))
            sends.append((r, r ^ away, slice(*give), True))
            mine[r] = keep
        yield sends
        steps.append(away)
        away //= 2
    for away in reversed(steps):
        yield [(r, r ^ away, slice(*mine[r]), False) for r in range(q)]
        mine = [(min(mine[r][0], mine[r ^ away][0]), max(mine[r][1], mine[r ^ away][1])) for r in range(q)]


ROUNDS = {
    "ring": ring,
    "recursive doubling": lambda p, n: folded(p, n, _doubling),
    "rabenseifner": lambda p, n: folded(p, n, _halving),
}


def simulate(
    name: str, vectors: np.ndarray, alpha: float, beta: float, gamma: float
) -> tuple[np.ndarray, float]:
    """What every rank (p, n) has in the end, and after how many seconds; beta and gamma for each number."""
    have, seconds = vectors.copy(), 0.0
    for sends in ROUNDS[name](*vectors.shape):
        assert len({s[0] for s in sends}) == len(sends) == len({s[1] for s in sends}), (
            "one message in, one out"
        )
        before, slowest = have.copy(), 0.0
        for source, destination, part, add in sends:
            n = part.stop - part.start
            have[destination, part] = before[source, part] + (before[destination, part] if add else 0)
            slowest = max(slowest, alpha + n * beta + (n * gamma if add else 0.0))
        seconds += slowest
    return have, seconds
