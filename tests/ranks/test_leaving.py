"""One rank wishes to leave `advance`, and all leave after the same step."""

import numpy as np
import pytest

from tests.ranks.launch import on_ranks

pytestmark = pytest.mark.ranks

RUN = {"samples": 7, "batch": 3, "steps": 9, "dtype": "float64"}


@pytest.mark.parametrize(
    "way",
    [
        {},
        {"overlap": True},
        {"sharded": True},
        {"reproducible": True},
        {"optimizer": "lbfgs", "batch": 7},
    ],
    ids=["together", "overlap", "sharded", "reproducible", "lbfgs"],
)
def test_the_wish_of_one_rank_is_that_of_all_and_no_loss_changes(way: dict) -> None:
    """Fails if a rank heeds its own wish only, or hears that of the step before, or a wish outlives its call."""
    (alone,) = on_ranks(1, "left", **(RUN | way))
    for ranks in (2, 3):
        for one in on_ranks(ranks, "left", **(RUN | way)):
            assert one["taken"] == alone["taken"] == [0, 4, 3]
            np.testing.assert_allclose(one["losses"], alone["losses"], rtol=1e-9)
            assert len(one["losses"]) == 9
