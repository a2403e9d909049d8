"""How many steps to ask for: about a quarter of a second, never across a change of the grid."""

from itertools import pairwise
from types import SimpleNamespace

import pytest

from pdekit.views.dashboard.pace import Pace

PLAN = ((32, 100), (64, 150))


def steps(first: int, last: int, until: float, resolution: int) -> list[SimpleNamespace]:
    return [SimpleNamespace(number=n, seconds=until, resolution=resolution) for n in range(first, last + 1)]


def test_it_starts_with_one_step_and_grows_to_the_target() -> None:
    pace = Pace(PLAN, target=0.25)
    asked, number, seconds = [], 0, 0.0
    for _ in range(8):
        count = pace.next(number)
        number, seconds = number + count, seconds + 0.02 * count
        pace.saw(steps(number - count + 1, number, seconds, 32))
        asked.append(count)
    assert asked[0] == 1 and asked[-1] == 12
    assert all(later <= 2 * earlier for earlier, later in pairwise(asked))


def test_a_call_ends_where_the_grid_changes_and_the_next_is_shorter() -> None:
    pace = Pace(PLAN, target=1.0)
    pace.saw(steps(1, 90, 0.9, 32))
    assert [pace.next(0) for _ in range(8)] == [2, 4, 8, 16, 32, 64, 100, 100]
    assert pace.next(90) == 10
    assert [pace.next(100) for _ in range(3)] == [
        20,
        25,
        25,
    ]  # on 64 x 64 a step is taken to cost four times as much


def test_on_a_cube_a_step_is_taken_to_cost_eight_times_as_much() -> None:
    pace = Pace(PLAN, dim=3)
    pace.saw(steps(1, 50, 5.0, 32))
    assert pace.left(50) == pytest.approx(50 * 0.1 + 50 * 0.8)


def test_the_seconds_of_before_are_not_those_of_the_next_step() -> None:
    """After a pause. Fails if the time left is that of steps as long as all before together."""
    pace = Pace(PLAN, until=1000.0)
    pace.saw(steps(51, 52, 1000.2, 32))
    assert pace.left(52) == pytest.approx(48 * 0.1 + 50 * 0.4)


def test_slow_steps_are_asked_for_one_by_one() -> None:
    pace = Pace(PLAN, target=0.25)
    pace.saw(steps(1, 1, 3.0, 32))
    assert pace.next(1) == 1


def test_the_time_left_counts_the_finer_grid() -> None:
    pace = Pace(PLAN)
    assert pace.left(0) is None
    pace.saw(steps(1, 50, 5.0, 32))
    assert pace.left(50) == pytest.approx(50 * 0.1 + 50 * 0.4)
    pace.saw(steps(101, 110, 8.0, 64))  # 0.3 s a step
    assert pace.left(110) == pytest.approx(40 * 0.3)
    assert pace.left(150) == 0
