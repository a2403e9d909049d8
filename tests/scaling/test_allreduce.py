"""Costs of algorithms against rounds that are done one by one, with numbers that have to add up."""

import math

import numpy as np
import pytest

from pdekit.scaling import Link, allreduce
from tests.scaling.rounds import simulate

LINK = Link(latency=3.0, bandwidth=0.5, summing=0.25)


@pytest.mark.parametrize("name", list(allreduce.ALGORITHMS))
@pytest.mark.parametrize("ranks", range(1, 18))
def test_the_cost_is_that_of_the_rounds_which_add_up(name: str, ranks: int) -> None:
    """Fails with one round less, with the pieces of a ring of P - 1 ranks, without the step for what is left over."""
    n = ranks * 16 if name == "ring" else 32
    vectors = np.random.default_rng(ranks).integers(0, 100, (ranks, n)).astype(float)
    have, seconds = simulate(name, vectors, LINK.latency, 1 / LINK.bandwidth, LINK.summing)
    np.testing.assert_array_equal(have, np.broadcast_to(vectors.sum(axis=0), have.shape))
    assert allreduce.ALGORITHMS[name](n, ranks, LINK) == pytest.approx(seconds)


def test_a_hierarchy_is_a_ring_around_the_best_between_the_nodes() -> None:
    """4 nodes of 3 ranks, done by hand: in its midst three allreduces of a third each share the node's link."""
    inside, between = Link(1.0, 10.0, 0.1), Link(5.0, 2.0, 0.1)
    n = 12.0
    ring = 2 * (2 * 1.0 + 2 * (n / 3) / 10) + 2 * (n / 3) * 0.1
    doubling = 2 * (5.0 + (n / 3) / (2.0 / 3) + (n / 3) * 0.1)
    assert allreduce.hierarchical(n, 4, 3, between, inside) == pytest.approx(ring + doubling)
    assert allreduce.hierarchical(n, 4, 1, between, inside) == allreduce.best(n, 4, between)[1]
    assert allreduce.hierarchical(n, 1, 3, between, inside) == allreduce.ring(n, 3, inside)


def test_the_best_depends_on_the_size() -> None:
    link = Link(1e-6, 1e9)
    names, seconds = allreduce.best([[8.0], [1e9]], [1, 6, 64], link)
    assert names.shape == seconds.shape == (2, 3)
    assert names[0, 2] == "recursive doubling" and names[1, 1] == "ring" and (seconds[:, 0] == 0).all()
    every = [algorithm(1e9, 6, link) for algorithm in allreduce.ALGORITHMS.values()]
    assert seconds[1, 1] == min(every)


@pytest.mark.parametrize(
    ("bytes", "ranks", "name"),
    [(8, 0, "ranks"), (8, [2, 2.5], "ranks"), (-1, 2, "bytes"), (math.nan, 2, "bytes")],
)
def test_what_cannot_be_is_refused(bytes: float, ranks: object, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected .* at least"):
        allreduce.ring(bytes, ranks, LINK)
