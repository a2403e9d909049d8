"""Blocks of the batch on one process: threads, failures, the fixed tree. On ranks: tests/ranks/test_reductions.py."""

import numpy as np
import pytest
import torch

import pdekit as pk
from pdekit.parallel import blocks
from pdekit.parallel.blocks import BlockComm, Meeting, tree


def losses_of(threads: int) -> list[float]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        setting = {"samples": 10, "batch": 10, "optimizer": "lbfgs", "steps": 2, "reproducible": True}
        history = pk.Solver(pk.Experiment(pk.Poisson(32), pk.UNet(width=8, depth=2), **setting)).run()
    finally:
        torch.set_num_threads(before)
    return history.loss.tolist() + history.gradient_norm.tolist()


def test_the_number_of_threads_makes_no_difference() -> None:
    """Fails if blocks, or their samples, are computed with as many as there are."""
    assert losses_of(1) == losses_of(2)


def test_a_block_that_fails_frees_those_that_wait_for_it() -> None:
    meeting = Meeting(pk.Serial(), blocks.COUNT)

    def work(k: int) -> None:
        if k == 5:
            raise KeyError("block 5")
        BlockComm(meeting, k, k).allgather(np.zeros(1))

    for _ in range(2):
        with pytest.raises(KeyError, match="block 5"):
            meeting.run(work)
    gathered = []
    meeting.run(lambda k: gathered.append(BlockComm(meeting, k, k).allgather(np.array([k]))))
    assert all(one.ravel().tolist() == list(range(blocks.COUNT)) for one in gathered)


def test_the_tree_adds_neighbours_first() -> None:
    rng = np.random.default_rng(0)
    a, b, c, d = parts = [rng.normal(size=100).astype(np.float32) for _ in range(4)]
    expected = (a + b) + (c + d)
    assert not np.array_equal(expected, ((a + b) + c) + d)
    np.testing.assert_array_equal(tree([p.copy() for p in parts]), expected)


def test_more_ranks_than_blocks_are_refused() -> None:
    class Nine(pk.Serial):
        size = 9

    with pytest.raises(
        ValueError, match="ranks with reproducible=True: expected a whole number, between 1 and 8"
    ):
        blocks.Blocks(lambda comm: torch.nn.Linear(1, 1), Nine())


@pytest.mark.parametrize(
    "pair", [{"sharded": True, "overlap": True}, {"reproducible": True, "sharded": True}]
)
def test_one_way_to_add_up_the_ranks_at_a_time(pair: dict[str, bool]) -> None:
    with pytest.raises(ValueError, match="reduction: expected one way at most"):
        pk.Experiment(**pair)
    for name in pair:
        one = pk.Experiment(**{name: True})
        assert pk.Experiment.parse(str(one)) == one
