"""The order of the checks, their threads, and the browser that some of them need."""

import os
import shutil

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_configure() -> None:
    """One thread, as an engine has: spinning OpenMP threads take many times as long on a busy machine."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick ones first: unit tests (and marked so), rank tests, lessons, browser; a failure is then seen early."""

    def place(item: pytest.Item) -> int:
        if item.path.suffix == ".ipynb":
            return 2
        return 3 if item.get_closest_marker("browser") else 1 if item.get_closest_marker("ranks") else 0

    items.sort(key=place)
    for item in items:
        if place(item) == 0:
            item.add_marker("unit")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; without one the test is skipped, and fails on a build server (CI=true)."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        message = f"no browser ({', '.join(CHROMIUM)}) on PATH; install one, e.g. apt install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found
