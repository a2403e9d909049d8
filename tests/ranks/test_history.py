"""What the ranks know of one another: who computed, who waited, and who was late."""

from pathlib import Path

import numpy as np
import pytest

import pdekit as pk
from tests.ranks.launch import on_ranks

pytestmark = pytest.mark.ranks


def test_the_rank_that_is_late_makes_the_other_wait(tmp_path: Path) -> None:
    """Rank 1 sleeps 50 ms before each step: rank 0 waits about as long, rank 1 hardly; both know of both.

    Fails if ranks are mixed up (`swapaxes` left out), if communication is taken for waiting, and if an error of all
    ranks ends a run before they have asked one another.
    """
    first, second = on_ranks(2, "histories_of_ranks", late=1, steps=6, folder=str(tmp_path))
    assert first["table"] == second["table"] and first["waiting"] == second["waiting"]
    table, waiting = np.array(first["table"]), np.array(first["waiting"])
    assert table.shape == (6, 2, 3)
    for rank, one in enumerate((first, second)):
        np.testing.assert_array_equal(table[:, rank], one["own"])
        assert one["alone"] == [18 * (rank == 1), 18 * (rank == 0)]  # before they asked one another
    np.testing.assert_array_equal(waiting.min(axis=1), 0)
    assert np.median(waiting[:, 0]) > 0.03 > np.median(waiting[:, 1])
    compute, _, sent = table.T
    assert (compute > 0).all() and len(set(sent.ravel())) == 1
    for rank in range(2):
        loaded = pk.History.load(tmp_path / f"{rank}.csv")
        np.testing.assert_array_equal(loaded.ranks.table, table)
        np.testing.assert_array_equal(loaded.compute, table[:, rank, 0])
        np.testing.assert_allclose(np.cumsum(loaded.compute + loaded.communication), loaded.seconds)
    for steps, known in (first["diverged"], second["diverged"]):
        assert steps == known > 0  # those before an error of all ranks


def test_a_slow_rank_computes_longer_and_the_other_waits() -> None:
    """Rank 1 ten times as long from step 6 on. Fails if the sleep counts as communication, or rank 0 does not wait."""
    plain, slow = (on_ranks(2, "lagging", rank=1, factor=factor, steps=5) for factor in (1.0, 10.0))
    assert plain[0]["losses"] == plain[1]["losses"] == slow[0]["losses"] == slow[1]["losses"]
    compute, waiting = np.array(slow[0]["compute"]), np.array(slow[0]["waiting"])
    ratio = np.median(compute[5:] / compute[5:, :1], axis=0)
    assert ratio[1] > 5
    assert np.median(waiting[5:, 0]) > 0.5 * np.median(compute[5:, 1] - compute[5:, 0])
    assert np.median(waiting[5:, 1]) < 0.1 * np.median(waiting[5:, 0])
