"""The what-if in JupyterLab, in a real browser: its sliders, with the keyboard, and its lists."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page

from tests.browser.conftest import KERNEL
from tests.browser.screen import Served
from tests.browser.test_dashboard import open_in_lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

CELLS = ("import pdekit as pk", 'pk.WhatIf(pk.fit(pk.Measurement.named("scaling-example")))')
FIGURE = ".pdekit-figure"
# All lines, bars and marks of the figure, and where they are.
DRAWN = f"""() => [...document.querySelectorAll("{FIGURE} .scatterlayer path, {FIGURE} .barlayer path")]
    .map(path => path.getAttribute("d") + path.getAttribute("transform"))"""


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """A folder with a notebook that shows the what-if."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), folder / "what-if.ipynb"
    )
    return folder


def test_its_sliders_and_lists(page: Page, lab: Served, artifacts: Path) -> None:
    """Each is moved, and what is drawn follows; the words say what it means. Fails where one of them does nothing."""
    screen = open_in_lab(page, lab, "what-if.ipynb", FIGURE)
    words = page.locator(".jp-OutputArea-output .widget-html-content").first
    screen.until(lambda: "a step" in words.inner_text(), limit=20)
    said, lines = settled(page, words)
    assert len(lines) > 10
    all_said = {said}

    def move(kind: str, label: str, act: Callable[[Locator], object]) -> None:
        """Move the control with that label, and wait until what is drawn is something else."""
        nonlocal said, lines
        before = lines
        act(page.locator(f".jp-OutputArea-output .widget-{kind}", has_text=re.compile(f"^{label}")))
        until = time.monotonic() + 10
        while page.evaluate(DRAWN) == before:
            assert time.monotonic() < until, f"{label} was moved, and the figure stays as it was"
            page.wait_for_timeout(50)
        said, lines = settled(page, words)
        all_said.add(said)

    def choose(option: str) -> Callable[[Locator], object]:
        return lambda control: control.locator("select").select_option(option)

    def press(key: str) -> Callable[[Locator], object]:
        return lambda control: [control.locator(".noUi-handle").press(key) for _ in range(8)]

    move("dropdown", "machine", choose("InfiniBand HDR"))
    move("dropdown", "optimizer", choose("lbfgs"))
    move("hslider", "ranks", press("ArrowRight"))
    move("hslider", "latency", press("ArrowRight"))
    move("hslider", "bandwidth", press("ArrowLeft"))
    move("hslider", "global batch", press("ArrowRight"))
    move("dropdown", "cabling", choose("fat tree, 4 : 1"))
    assert re.match(r"[\d,]+ ranks: ", said) and "US dollars" not in said
    assert len(all_said) >= 5
    page.screenshot(path=artifacts / "what-if.png")
    assert not screen.complaints()


def settled(page: Page, words: Locator) -> tuple[str, list[str]]:
    """What it says and what is drawn, once neither changes any more."""
    before = None
    while (now := (words.inner_text(), page.evaluate(DRAWN))) != before:
        before = now
        page.wait_for_timeout(400)
    return now
