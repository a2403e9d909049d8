"""Seconds of the classical solver, by a clock that only solving moves."""

from collections.abc import Iterator

import numpy as np
import pytest

import pdekit as pk
from pdekit.pde.reference import cost


@pytest.mark.parametrize(
    ("takes", "expected", "tries"),
    [
        ([0.05, 0.01, 0.02], 0.01, 3),  # the first made the grid
        ([0.09, 0.02, 0.001], 0.02, 2),
        ([7.0, 0.01], 7.0, 1),  # nobody waits for it twice
    ],
)
def test_quick_ones_are_tried_again(takes: list[float], expected: float, tries: int) -> None:
    now, left = [100.0], list(takes)

    def solve() -> None:
        now[0] += left.pop(0)

    assert cost.seconds(solve, lambda: now[0]) == pytest.approx(expected)
    assert len(takes) - len(left) == tries


class Counted(pk.Poisson):
    """Counts what it solves."""

    def classical(self, data: np.ndarray) -> np.ndarray:
        SOLVED.append(data)
        return super().classical(data)


SOLVED: list[np.ndarray] = []


@pytest.fixture(autouse=True)
def _none_solved() -> Iterator[None]:
    SOLVED.clear()
    yield


def test_a_reference_is_solved_afresh_though_it_is_remembered() -> None:
    """Fails if the cache answers, or if another sample or grid is solved."""
    problem = Counted(33)
    problem.reference(7)
    before = len(SOLVED)
    taken = problem.reference_seconds(7)
    assert 0 < taken < 60 and 1 <= len(SOLVED) - before <= cost.TRIES
    np.testing.assert_array_equal(SOLVED[-1], problem.coefficient(7))
    problem.at(17).reference_seconds(7)
    assert SOLVED[-1].shape == (17, 17)
    with pytest.raises(ValueError, match="sample: expected a whole number, at least 0"):
        problem.reference_seconds([1, 2])
