"""The job of ranks that stays while these tests run."""

from collections.abc import Iterator

import pytest

from tests.ranks import launch


@pytest.fixture(scope="package", autouse=True)
def _ranks_end_with_the_tests() -> Iterator[None]:
    yield
    launch.close()
