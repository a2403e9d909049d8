"""A cluster, an experiment and a history that need no engines."""

from types import SimpleNamespace

import pytest

from tests.views.fakes import FakeCluster, FakeExperiment, FakeHistory


@pytest.fixture
def cluster() -> FakeCluster:
    """Two engines that are ready and take 10 ms a step."""
    return FakeCluster()


@pytest.fixture
def experiment() -> FakeExperiment:
    """400 steps, the first half on 32 x 32."""
    return FakeExperiment()


@pytest.fixture
def history() -> FakeHistory:
    """100 steps, 50 on either grid, two a second."""
    made = FakeHistory()
    for number in range(1, 101):
        grid = 32 if number <= 50 else 64
        made.steps.append(
            SimpleNamespace(number=number, loss=-number / 100, seconds=number / 2, resolution=grid)
        )
    return made
