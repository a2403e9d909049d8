"""The benchmark of repaints still runs: it shares the figure's script with a page of its own."""

import re
import sys

import pytest

from tests.benchmarks import repaint

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def test_the_benchmark_of_repaints_runs(
    chromium: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["repaint", "--rounds=1", "--count=5"])
    repaint.main()
    assert re.search(r"whole +\d+ ms.*\nsketch +\d+ ms.*\nratio +[\d.]+\n", capsys.readouterr().out)
