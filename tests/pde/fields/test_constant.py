"""Numbers as fields."""

import numpy as np
import pytest

import pdekit as pk
from pdekit.pde.fields import Constant


def test_numbers_follow_from_seed_and_index_and_fill_their_range() -> None:
    field = Constant(50.0, 400.0)
    rows = field.parameters(np.array([7, 3, 11]), 0)
    np.testing.assert_array_equal(field.parameters(np.array([3]), 0)[0], rows[1])
    assert not np.array_equal(field.parameters(np.array([3]), 1)[0], rows[1])
    many = field.parameters(np.arange(256), 0)
    assert many.shape == (256, 1) and many.min() >= 50 and many.max() <= 400
    quarters = np.histogram(np.log(many), bins=np.log(50) + np.log(8) * np.linspace(0, 1, 5))[0]
    assert abs(quarters - 64).max() <= 2


def test_a_field_is_the_same_everywhere() -> None:
    field = Constant()
    values = field.values(np.array([[2.0], [3.0]]), (4, 5))
    assert values.shape == (2, 4, 5) and (values[0] == 2).all() and (values[1] == 3).all()
    assert field.values(np.array([[2.0]]), (1,)).shape == (1, 1)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="low: expected a finite number above 0"):
        Constant(low=0.0)
    with pytest.raises(ValueError, match="high: expected a number from low=20"):
        Constant(low=20.0)


def test_an_experiment_with_numbers_reads_back() -> None:
    experiment = pk.Experiment(pk.Poisson(32, permeability=pk.Constant(0.5, 2.0)))
    assert pk.Experiment.parse(str(experiment)) == experiment
    u = experiment.problem.reference(0)  # u = 1 - x, whatever the number
    np.testing.assert_allclose(u, np.broadcast_to(np.linspace(1, 0, 32), (32, 32)), atol=1e-12)
