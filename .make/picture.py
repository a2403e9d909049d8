"""Trains in the dashboard for a while and keeps the picture of it that README and first lesson show.

PYTHONPATH=. python .make/picture.py [SECONDS]     (default 75; needs a Chromium)
"""

import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

from tests.browser.conftest import CELLS, KERNEL, QUIET, serving
from tests.browser.screen import ROOT, Screen

PICTURE = Path(__file__).parents[1] / "notebooks" / "pictures" / "dashboard.png"


def main(seconds: float = 75) -> None:
    """Train the default experiment on two ranks for `seconds`, then take the picture."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        notebook = Path(folder) / "dashboard.ipynb"
        cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), notebook)
        with serving("voila", str(notebook), "--Voila.ip=127.0.0.1", folder=Path(folder)) as served:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
            page = browser.new_page(viewport={"width": 1120, "height": 900}, device_scale_factor=1.5)
            page.goto(served.address)
            screen = Screen(page)
            screen.wait()
            screen.button("Train").click()
            page.wait_for_timeout(1000 * seconds)
            page.locator(ROOT).screenshot(path=PICTURE)
            print(screen.message(), "|", page.locator(ROOT).inner_text()[-200:])
            browser.close()


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
