"""A history that needs no training."""

import pytest

import pdekit as pk


@pytest.fixture
def history() -> pk.History:
    """100 steps, 50 on either grid, two a second."""
    made = pk.History()
    for number in range(1, 101):
        grid = 32 if number <= 50 else 64
        made.append(pk.Step(number, -number / 100, number / 2, grid, 1e-3, 1.0, 0.0, 1))
    return made
