"""Blocks: a partition, contiguous, sizes that differ by at most one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdekit.parallel import Serial, block, share


@given(count=st.integers(0, 50), size=st.integers(1, 12))
def test_blocks_are_a_partition_into_nearly_equal_parts(count: int, size: int) -> None:
    blocks = [block(count, size, rank) for rank in range(size)]
    assert [i for b in blocks for i in b] == list(range(count))
    lengths = [len(b) for b in blocks]
    assert max(lengths) - min(lengths) <= 1


def test_one_rank_has_everything() -> None:
    np.testing.assert_array_equal(share(np.array([4, 2, 7]), Serial()), [4, 2, 7])


def test_serial_keeps_the_face_of_a_comm() -> None:
    comm, array = Serial(), np.array([1.0, 2.0])
    comm.allreduce(array)
    np.testing.assert_array_equal(array, [1.0, 2.0])
    assert comm.allgather(array).shape == (1, 2)
    assert comm.size == 1 and comm.rank == pytest.approx(0)
