"""Time and money to a loss, by hand."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

import pdekit as pk
from pdekit.scaling import Link, fit_messages, fit_steps, offers, time_to_loss
from pdekit.scaling.allreduce import rabenseifner
from tests.scaling import synthetic

COST = pk.Cost(seconds=60.0, epochs=1.0, messages=100, bytes=5e6, batch=8)


@dataclass(frozen=True)
class Machine:
    link: Link
    price: float | None = None
    per_node: int = 1

    def allreduce(self, bytes, ranks):
        return rabenseifner(bytes, ranks, self.link)


@pytest.mark.parametrize("ranks", [1, 2, 4, 8])
def test_over_rabenseifners_it_is_the_time_of_the_cost(ranks: int) -> None:
    network = Machine(Link(0.01, 1e6))
    assert time_to_loss(COST, ranks, network) == pytest.approx(COST.time(ranks, 0.01, 1e6))
    never = pk.Cost(math.inf, math.inf, math.inf, math.inf, 8)
    assert (time_to_loss(never, [1, ranks], network) == math.inf).all()


def test_few_messages_win_on_a_slow_network_and_lose_on_a_fast_one() -> None:
    """What L-BFGS is for: twice the computing, a fiftieth of the messages."""
    adam, lbfgs = pk.Cost(30.0, 1, 3000, 3e9, 64), pk.Cost(60.0, 1, 60, 6e7, 64)
    fast, slow = Machine(Link(2e-6, 1e10)), Machine(Link(1e-4, 1e8))
    ranks = np.array([1, 16])
    assert (time_to_loss(adam, ranks, fast) < time_to_loss(lbfgs, ranks, fast)).all()
    assert time_to_loss(adam, 16, slow) > time_to_loss(lbfgs, 16, slow)


def test_with_fitted_steps_the_fixed_part_is_not_shared() -> None:
    training = synthetic.Training(synthetic.rabenseifner(1e-6, 1e-10))
    training.fixed, training.bus, training.jitter = 36e-3, 0.0, 0.0
    messages = fit_messages(synthetic.allreduces(training.law, (2, 4)))
    steps = fit_steps(training.steps(synthetic.both_ways((1, 2, 4), (64,)), noise=1e-3), messages, 16)
    free = Machine(Link(1e-12, 1e18))
    found = time_to_loss(COST, [1, 2, 8], free, steps)  # (36 + 12 n) ms with n of 8 samples
    np.testing.assert_allclose(found, [60, 60 * 84 / 132, 60 * 48 / 132], rtol=0.02)


def test_the_cheapest_is_not_the_quickest() -> None:
    machines = {
        "slow": Machine(Link(1e-3, 1e8), price=1.0, per_node=4),
        "fast": Machine(Link(1e-6, 1e10), price=3.0, per_node=4),
        "free of charge": Machine(Link(1e-6, 1e10)),
    }
    found = offers(COST, machines, [1, 4, 8])
    assert [o.machine for o in found].count("free of charge") == 0 and len(found) == 6
    best = pk.cheapest(COST, machines, ranks=[1, 4, 8])
    by_hand = 60 / 4 + 100 * rabenseifner(5e4, 4, Link(1e-3, 1e8))
    assert (best.machine, best.ranks) == ("slow", 4)
    assert best.seconds == pytest.approx(by_hand) and best.money == pytest.approx(by_hand / 3600)
    sooner = pk.cheapest(COST, machines, within=8.0, ranks=[1, 4, 8])
    assert (sooner.machine, sooner.ranks) == ("fast", 8)
    assert sooner.money == pytest.approx(2 * 3.0 * sooner.seconds / 3600)
    assert pk.cheapest(COST, machines, within=1.0, ranks=[1, 4, 8]) is None
    assert pk.cheapest(pk.Cost(math.inf, 1, 1, 1, 8), machines) is None


def test_machines_of_the_table_without_a_price_make_no_offer() -> None:
    found = offers(COST, pk.machines(), [8])
    assert sorted(o.machine for o in found) == sorted(n for n, m in pk.machines().items() if m.price)


def test_ranks_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^ranks: expected whole numbers"):
        time_to_loss(COST, [1, 0], Machine(Link(1e-3, 1e8)))
