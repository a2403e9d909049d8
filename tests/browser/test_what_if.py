"""The what-if in JupyterLab, in a real browser: its sliders, with the keyboard, and its lists."""

import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import KERNEL
from tests.browser.screen import Served
from tests.browser.test_dashboard import open_in_lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

CELLS = ("import pdekit as pk", 'pk.WhatIf(pk.fit(pk.Measurement.named("scaling-example")))')
FIGURE = ".pdekit-figure"
# All lines, bars and marks of the figure, as they are drawn.
DRAWN = f"""() => [...document.querySelectorAll("{FIGURE} .scatterlayer path, {FIGURE} .barlayer path")]
    .map(path => path.getAttribute("d"))"""


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
    """Each is moved; the words and what is drawn follow. What the model cannot say is told in words."""
    screen = open_in_lab(page, lab, "what-if.ipynb", FIGURE)
    words = page.locator(".jp-OutputArea-output .widget-html-content").first
    said: list[str] = []
    drawn: list[list[str]] = []

    def followed() -> bool:
        """Whether words or figure are others than at the last look, and take note of them."""
        now, lines = words.inner_text(), page.evaluate(DRAWN)
        if said and now == said[-1] and lines == drawn[-1]:
            return False
        said.append(now), drawn.append(lines)
        return True

    def labelled(kind: str, label: str):
        return page.locator(f".jp-OutputArea-output .widget-{kind}", has_text=re.compile(f"^{label}"))

    screen.until(lambda: "a step" in words.inner_text(), limit=20)
    assert followed() and len(drawn[0]) > 10
    labelled("dropdown", "machine").locator("select").select_option("InfiniBand HDR")
    screen.until(followed, limit=10)
    labelled("dropdown", "optimizer").locator("select").select_option("lbfgs")
    screen.until(followed, limit=10)
    for label, key in (("ranks", "ArrowRight"), ("latency", "ArrowRight"), ("bandwidth", "ArrowLeft")):
        handle = labelled("hslider", label).locator(".noUi-handle")
        handle.focus()
        for _ in range(8):
            handle.press(key)
        screen.until(followed, limit=10)
    labelled("dropdown", "cabling").locator("select").select_option("fat tree, 4 : 1")
    screen.until(followed, limit=10)
    assert re.match(r"[\d,]+ ranks: ", said[-1]) and "US dollars" not in said[-1]
    page.screenshot(path=artifacts / "what-if.png")
    assert not screen.complaints()
