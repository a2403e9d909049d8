"""Takes the pictures of live figures that README and lessons show, in Voila (needs a Chromium).

PYTHONPATH=. python .make/picture.py [dashboard] [what-if]     (both by default)
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import nbformat
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CELLS, KERNEL, QUIET, serving
from tests.browser.screen import ROOT, Screen

PICTURES = Path(__file__).parents[1] / "notebooks" / "pictures"
TRAINED = 75  # seconds
WHAT_IF = """import pdekit as pk
costs = pk.costs(pk.table("optimizers"), "galerkin-64", 4e-3)
model = pk.fit(pk.Measurement.named("scaling-example"))
sliders = pk.WhatIf(model, costs=costs, goal="a gap of 0.4 %", resolution=64)
sliders.set(machine="InfiniBand HDR", ranks=64, batch=64, optimizer="lbfgs")
sliders"""


def train(page: Page) -> None:
    """The default experiment on two ranks."""
    screen = Screen(page)
    screen.wait()
    screen.button("Train").click()
    page.wait_for_timeout(1000 * TRAINED)


def settle(page: Page) -> None:
    """The first answer of the what-if."""
    page.locator(".barlayer .trace").first.wait_for()
    page.wait_for_timeout(2000)


# name: the cells, what to wait for, what is in the picture, and how wide the page is (pixels)
Picture = tuple[tuple[str, ...], Callable[[Page], None], str, int]
ALL: dict[str, Picture] = {
    "dashboard": (CELLS, train, ROOT, 1120),
    "what-if": ((WHAT_IF,), settle, ".widget-box:has(.pdekit-figure)", 1240),
}


def take(name: str) -> None:
    """Write the picture of that name anew."""
    sources, ready, shown, width = ALL[name]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        notebook = Path(folder) / f"{name}.ipynb"
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), notebook)
        with serving("voila", str(notebook), "--Voila.ip=127.0.0.1", folder=Path(folder)) as served:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
            page = browser.new_page(viewport={"width": width, "height": 900}, device_scale_factor=1.5)
            page.goto(served.address)
            ready(page)
            page.locator(shown).first.screenshot(path=PICTURES / f"{name}.png")
            browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", nargs="*", help=f"{' or '.join(ALL)}; all by default")
    chosen = parser.parse_args().name or [*ALL]
    if unknown := set(chosen) - set(ALL):
        parser.error(f"expected {' or '.join(ALL)}, got {', '.join(sorted(unknown))}")
    for each in chosen:
        take(each)
