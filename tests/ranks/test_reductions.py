"""Ways to add up the ranks: the same bits, the same state in parts, gradients on their way; drift, and who is to blame.

Each test names the sabotage that makes it fail.
"""

import numpy as np
import pytest

from tests.ranks.launch import on_ranks

pytestmark = pytest.mark.ranks

BITS = [  # float32; batches that do not divide, more blocks than samples, masks, a line search, systems, smaller grids
    {"optimizer": "adamw", "samples": 11, "batch": 5, "steps": 7, "dropout": 0.2},
    {"optimizer": "lbfgs", "samples": 9, "batch": 9, "steps": 2},
    {"optimizer": "adam", "samples": 10, "batch": 10, "steps": 1, "head": "galerkin", "resolution": 17},
]
WAYS = [
    {"optimizer": "adam", "samples": 7, "batch": 3, "steps": 11, "dtype": "float64", "dropout": 0.1},
    {"optimizer": "sgd", "samples": 7, "batch": 5, "steps": 5, "dtype": "float64"},
    {"optimizer": "lbfgs", "samples": 7, "batch": 7, "steps": 6, "dtype": "float64"},
    {"optimizer": "slbfgs", "samples": 7, "batch": 3, "steps": 2, "dtype": "float64"},
]


def with_all(runs: list[dict], **more: bool) -> list[dict]:
    return [run | more for run in runs]


def test_reproducible_runs_have_the_same_bits_on_1_to_8_ranks() -> None:
    """Losses and final state, bit by bit, on 1, 2, 3, 4 and 8 ranks.

    Fails with sums in the order of the ranks (`tree` replaced by `sum`, `exchange` by `allreduce`), with batch norm
    moments summed over a rank's samples first, and with a mask drawn by rank.
    """
    runs = with_all(BITS, reproducible=True)
    expected = on_ranks(1, "losses", runs=runs)[0]
    for ranks in (2, 4, 8):
        for one in on_ranks(ranks, "losses", runs=runs):
            assert one == expected, f"{ranks} ranks"
    for one in on_ranks(3, "losses", runs=runs[:1]):  # a tree that the ranks do not split evenly
        assert one == expected[:1]


def test_reproducible_losses_are_those_of_the_fast_way() -> None:
    """To rounding in float64. Fails if a block is counted twice, or divided by its own number of samples."""
    runs = [
        {"optimizer": "adam", "samples": 11, "batch": 5, "steps": 4, "dtype": "float64", "dropout": 0.2},
        {"optimizer": "lbfgs", "samples": 9, "batch": 9, "steps": 2, "dtype": "float64"},
    ]
    fast = on_ranks(1, "losses", runs=runs)[0]
    bits = on_ranks(2, "losses", runs=with_all(runs, reproducible=True))[0]
    for a, b in zip(fast, bits, strict=True):
        np.testing.assert_allclose(b["losses"], a["losses"], rtol=0, atol=1e-11)


@pytest.fixture(scope="module")
def together() -> list[dict]:
    return on_ranks(1, "losses", runs=WAYS)[0]


@pytest.mark.parametrize("way", ["sharded", "overlap"])
@pytest.mark.parametrize("ranks", [1, 3])
def test_other_ways_have_the_same_losses(way: str, ranks: int, together: list[dict]) -> None:
    """Fails if a rank moves its part by another's gradient, if parts are not gathered before an evaluation, or if a
    bucket leaves before its last gradient is there."""
    everyone = on_ranks(ranks, "losses", runs=with_all(WAYS, **{way: True}))
    for k, run in enumerate(WAYS):
        limit = 1e-9 if run["optimizer"] in ("lbfgs", "slbfgs") else 1e-12
        np.testing.assert_allclose(everyone[0][k]["losses"], together[k]["losses"], rtol=0, atol=limit)
        assert len({one[k]["digest"] for one in everyone}) == 1, "the replicas differ"


def test_200_steps_of_adam_agree_to_1e_10() -> None:
    """Batch norm on, 7 samples in batches of 3. Fails with a batch norm per rank and with a mean of means."""
    run = {"optimizer": "adam", "samples": 7, "batch": 3, "steps": 200, "dtype": "float64"}
    expected = on_ranks(1, "losses", runs=[run])[0][0]["losses"]
    losses = on_ranks(3, "losses", runs=[run])[0][0]["losses"]
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-10)


def test_a_replica_that_has_drifted_by_one_bit_is_named() -> None:
    """Within 10 steps. Fails if checksums do not ride along, or if each rank compares its own with itself."""
    for one in on_ranks(3, "drift", astray=[1], steps=20):
        assert one.startswith("9: step 10: expected the same parameters on all ranks, got others on rank 1;")
    for one in on_ranks(2, "drift", astray=[1], steps=20):
        assert "got others on the ranks (checksums" in one


@pytest.mark.parametrize("sharded", [False, True])
def test_a_sample_that_is_not_finite_is_named_with_its_rank(sharded: bool) -> None:
    """Sample 4 of 6 is rank 1's of two. The parameters stay as they were. Fails if an update comes before the check."""
    for one in on_ranks(2, "spoilt", sample=4, value=1e5, sharded=sharded):
        assert one.startswith(
            "2: step 3: expected a finite loss and gradient, got a loss of nan, first in the input"
        )
        assert "of sample 4 on rank 1; mend the sample's data" in one


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_each_primitive_has_its_adjoint(ranks: int) -> None:
    """<A x, y> = <x, A^T y>. Fails if a part is another rank's, or counted twice."""
    for one in on_ranks(ranks, "adjoints"):
        for name, deviation in one.items():
            assert deviation < 1e-12, name


def test_a_slow_network_brings_the_same_numbers(together: list[dict]) -> None:
    """Gradients on their way over it. Fails if a message is left out, or waited for without the real one."""
    for one in on_ranks(2, "slow", run=WAYS[0] | {"overlap": True}):
        assert max(one["adjoints"].values()) < 1e-12
        np.testing.assert_allclose(one["losses"], together[0]["losses"], rtol=0, atol=1e-12)


def test_lbfgs_sends_one_message_of_products_an_evaluation_where_it_is_sharded_and_none_where_not() -> None:
    """Half of the history on each of two ranks, the same path. Fails with products sent one by one."""
    whole, _ = on_ranks(2, "messages", sharded=False, steps=8)
    assert [calls for _, calls in whole["rows"]] == [evaluations for evaluations, _ in whole["rows"]]
    parts = on_ranks(2, "messages", sharded=True, steps=8)
    for part in parts:
        (first, calls), *rows = part["rows"]
        assert calls == 2 * first + 1  # loss and products; and once the gradient's sum of absolute values
        assert [calls for _, calls in rows] == [2 * evaluations for evaluations, _ in rows]
        np.testing.assert_allclose(part["losses"], whole["losses"], rtol=0, atol=1e-9)
        assert max(part["small"]) < 2000
    assert sum(part["held"] for part in parts) == whole["held"]
