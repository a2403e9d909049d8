"""Fields that jump take the values they should, where they should."""

import numpy as np
import pytest
from scipy.stats import kstest

from pdekit.pde.fields import Checkerboard, Inclusions


def test_cells_have_one_of_two_values_at_even_odds() -> None:
    field = Checkerboard(cells=4, low=0.5, high=3.0)
    cells = field.parameters(np.arange(500), 0)
    assert cells.shape == (500, 16) and set(np.unique(cells)) == {0.5, 3.0}
    high = (cells == 3.0).mean(axis=0)
    assert np.abs(high - 0.5).max() < 4.5 * 0.5 / np.sqrt(500)  # each cell, over the samples
    assert set(np.unique(field.values(cells[:9], (21, 33)))) == {0.5, 3.0}


def test_cells_lie_as_the_grid_does() -> None:
    cells = np.arange(1.0, 7.0)  # 2 along y, then 3 along x would be 6: this board has 3 x 3
    board = np.concatenate([cells, [7.0, 8.0, 9.0]])[None]
    values = Checkerboard(cells=3).values(board, (7, 13))[0]
    for row, column in np.ndindex(7, 13):
        cell = min(row // 2, 2), min(column // 4, 2)  # an interface belongs to the cell after it
        assert values[row, column] == 1 + 3 * cell[0] + cell[1]
    cube = np.arange(8.0)[None]
    np.testing.assert_array_equal(Checkerboard(cells=2, dimension=3).values(cube, (2, 2, 2)).ravel(), cube[0])


@pytest.mark.parametrize("cells", [3, 7, 10])
def test_interfaces_stay_where_they_are_on_grids_that_round(cells: int) -> None:
    """0.3 * 10 is not 3 in floating point: a node of an interface may not change sides on a finer grid."""
    field = Checkerboard(cells=cells)
    w = field.parameters(np.arange(4), 0)
    for n in (cells + 1, 2 * cells + 1, 11, 71):
        coarse, fine = field.values(w, (n, n)), field.values(w, (3 * n - 2, 3 * n - 2))
        np.testing.assert_array_equal(fine[:, ::3, ::3], coarse)


def test_positive_is_told_by_the_values() -> None:
    assert Checkerboard().positive and not Checkerboard(low=0.0).positive
    assert not Checkerboard(low=-1.0).positive and Inclusions().positive


@pytest.mark.parametrize("shape", [(41,), (21, 41), (9, 21, 15)])
def test_inclusions_are_balls_of_their_contrast_in_a_background(shape: tuple[int, ...]) -> None:
    field = Inclusions(count=4, radius=(0.1, 0.3), background=2.0)
    rows = field.parameters(np.arange(3), 1)
    for row, values in zip(rows, field.values(rows, shape), strict=True):
        for place in np.ndindex(*shape):
            point = [k / (n - 1) for k, n in zip(place, shape, strict=True)][::-1]  # x, y, z
            expected = 2.0
            for *centre, radius, contrast in row.reshape(4, 5):
                if np.linalg.norm(np.array(point) - centre[: len(point)]) <= radius:
                    expected = 2.0 * contrast  # the later one is on top
            assert values[place] == expected


def test_inclusions_lie_inside_and_have_their_distributions() -> None:
    field = Inclusions(count=2, radius=(0.05, 0.3), contrast=(0.01, 4.0))
    drawn = field.parameters(np.arange(1000), 0).reshape(-1, 5)
    centre, radius, contrast = drawn[:, :3], drawn[:, 3], drawn[:, 4]
    assert (centre - radius[:, None]).min() >= 0 and (centre + radius[:, None]).max() <= 1
    assert radius.min() >= 0.05 and radius.max() <= 0.3 and contrast.min() >= 0.01 and contrast.max() <= 4
    assert kstest((radius - 0.05) / 0.25, "uniform").pvalue > 1e-3
    assert kstest(np.log(contrast / 0.01) / np.log(400), "uniform").pvalue > 1e-3
    for axis in range(3):
        assert kstest((centre[:, axis] - radius) / (1 - 2 * radius), "uniform").pvalue > 1e-3


def test_ranges_of_one_value_are_kept_exactly() -> None:
    drawn = Inclusions(radius=(0.1, 0.1), contrast=(7.0, 7.0)).parameters(np.arange(50), 0).reshape(-1, 5)
    assert set(drawn[:, 3]) == {0.1} and set(drawn[:, 4]) == {7.0}


@pytest.mark.parametrize(
    ("recipe", "bad"),
    [
        (Checkerboard, {"cells": 0}),
        (Checkerboard, {"low": np.inf}),
        (Checkerboard, {"high": "much"}),
        (Checkerboard, {"dimension": 0}),
        (Inclusions, {"count": 0}),
        (Inclusions, {"radius": 0.1}),
        (Inclusions, {"radius": (0.2, 0.1)}),
        (Inclusions, {"radius": (0.2, 0.6)}),
        (Inclusions, {"radius": (0.0, 0.1)}),
        (Inclusions, {"background": 0.0}),
        (Inclusions, {"contrast": (-1.0, 1.0)}),
    ],
)
def test_settings_that_cannot_be_are_refused(recipe: type, bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(bad))}: expected"):
        recipe(**bad)


def test_a_list_becomes_a_tuple_of_plain_numbers() -> None:
    field = Inclusions(radius=[np.float32(0.125), 0.25])
    assert repr(field) == repr(Inclusions(radius=(0.125, 0.25))) and hash(field)
