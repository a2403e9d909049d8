"""A history that needs no training; and runs of dashboards leave nothing on this machine."""

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


@pytest.fixture(autouse=True)
def _runs_in_a_folder_of_the_test(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("tmp")))
