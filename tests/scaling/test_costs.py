"""What runs take: by hand, on tables and networks that are small enough for it."""

import numpy as np
import pytest

import pdekit as pk

COLUMNS = [
    "problem",
    "method",
    "batch",
    "rate",
    "seed",
    "budget",
    "epoch",
    "seconds",
    "messages",
    "megabytes",
    "loss",
    "error",
]
ROWS = [  # two seeds of a run that halves its loss at each mark, twice as late; one that found the rate; another
    ("a", "adam", 8, 0.1, 0, 4, 1, 10.0, 8, 1.0, 1.0, 0.5),
    ("a", "adam", 8, 0.1, 0, 4, 4, 40.0, 32, 4.0, 0.25, 0.2),
    ("a", "adam", 8, 0.1, 1, 4, 1, 10.0, 8, 1.0, 1.0, 0.5),
    ("a", "adam", 8, 0.1, 1, 4, 4, 160.0, 32, 4.0, 0.25, 0.3),
    ("a", "adam", 8, 0.2, 0, 2, 2, 1.0, 1, 0.1, 0.01, 0.01),
    ("a", "lbfgs", 64, 1.0, 0, 4, 1, 5.0, 1, 0.5, 0.5, 0.4),
    ("a", "lbfgs", 64, 1.0, 0, 4, 4, 20.0, 4, 2.0, 0.4, 0.6),
    ("b", "adam", 8, 0.1, 0, 8, 1, 1.0, 1, 1.0, 0.1, 0.1),
]
TABLE = {name: np.array(column) for name, column in zip(COLUMNS, zip(*ROWS, strict=True), strict=True)}


def test_costs_are_medians_of_what_lies_between_the_marks_in_logarithms() -> None:
    """Fails with the run that found the rate, with marks instead of what is between, or with means of the seeds."""
    found = pk.costs(TABLE, "a", 0.5)
    assert set(found) == {("adam", 8), ("lbfgs", 64)}
    adam = found["adam", 8]  # half of the way: 1 -> 4 epochs, 10 -> 40 and 10 -> 160 seconds
    assert (adam.epochs, adam.messages, adam.batch) == (pytest.approx(2), pytest.approx(16), 8)
    assert adam.seconds == pytest.approx((20 + 40) / 2) and adam.bytes == pytest.approx(2e6)
    assert found["lbfgs", 64].seconds == 5.0  # there at its first mark
    never = pk.costs(TABLE, "a", 0.1)["adam", 8]
    assert never.seconds == never.time(1, 1.0, 1.0) == never.time(4, 1.0, 1.0) == np.inf
    assert pk.costs(TABLE, "a", 0.4, of="error")["lbfgs", 64].epochs == 1


def test_finals_are_the_last_of_each_seed() -> None:
    np.testing.assert_array_equal(pk.finals(TABLE, "a", "error")["adam", 8], [0.2, 0.3])
    with pytest.raises(ValueError, match=r"problem: expected one of 'a', 'b'"):
        pk.finals(TABLE, "c")
    with pytest.raises(ValueError, match="of: expected one of 'loss', 'error'"):
        pk.finals(TABLE, "a", "seconds")


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [
        (1, 60.0),  # no messages
        (2, 60 * 3 / 5 + 100 * 2 * 1 * 0.01 + 1 * 5e6 / 1e6),
        (3, 60 * 2 / 5 + 100 * 2 * 2 * 0.01 + 4 / 3 * 5e6 / 1e6),  # of 5 samples one rank has 2
        (5, 60 / 5 + 100 * 2 * 3 * 0.01 + 8 / 5 * 5e6 / 1e6),
        (8, 60 / 5 + 100 * 2 * 3 * 0.01 + 14 / 8 * 5e6 / 1e6),  # three of them have nothing to do
    ],
)
def test_time_on_ranks_by_hand(ranks: int, expected: float) -> None:
    cost = pk.Cost(seconds=60.0, epochs=1.0, messages=100, bytes=5e6, batch=5)
    assert cost.time(ranks, latency=0.01, bandwidth=1e6) == pytest.approx(expected)


def test_a_network_that_cannot_be_is_refused() -> None:
    cost = pk.Cost(1.0, 1.0, 1, 1, 1)
    for ranks, latency, bandwidth, name in (
        (0, 1, 1, "ranks"),
        (1, -1, 1, "latency"),
        (1, 1, 0, "bandwidth"),
    ):
        with pytest.raises(ValueError, match=name):
            cost.time(ranks, latency, bandwidth)
