"""JupyterLab and Voila on a free port with folders of their own, and Debian's Chromium to look at them."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, sync_playwright

from pdekit.cluster.controller import hold
from tests.browser.screen import Served

ROOT = Path(__file__).resolve().parents[2]
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LAB = ("--allow-root", "--IdentityProvider.token=", "--ServerApp.ip=127.0.0.1")
SCREEN = {"width": 1440, "height": 800}  # a laptop's, less the bars of the browser
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
CELLS = ("import pdekit as pk", "cluster = pk.Cluster(ranks=2)", "pk.Dashboard(cluster)")
SETTINGS = {  # no question on the first start, no traffic; a cell keeps its output where it is not in sight
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """The folder for screenshots: PDEKIT_ARTIFACTS, or tests/artifacts."""
    folder = Path(os.environ.get("PDEKIT_ARTIFACTS", ROOT / "tests" / "artifacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def say(
    record_property: Callable[[str, object], None], request: pytest.FixtureRequest
) -> Callable[[str], None]:
    """Note a measurement: in the report, and on the screen with -s."""

    def note(words: str) -> None:
        record_property("measured", words)
        print(f"\n{request.node.name}: {words}")

    return note


@pytest.fixture
def page(request: pytest.FixtureRequest, chromium: str, artifacts: Path) -> Iterator[Page]:
    """A page of a headless Chromium; what it showed at the end of the test is kept."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(viewport=SCREEN)
        page.set_default_timeout(60_000)
        try:
            yield page
        finally:
            page.screenshot(path=artifacts / f"{request.node.name}-end.png")
            browser.close()


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """A folder with a notebook of three cells, the last of which shows the dashboard."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    nbformat.write(made, folder / "dashboard.ipynb")
    return folder


@pytest.fixture
def lab(notebooks: Path, tmp_path: Path) -> Iterator[Served]:
    """JupyterLab over that folder."""
    with serving("jupyterlab", *LAB, f"--notebook-dir={notebooks}", folder=tmp_path) as served:
        yield served


@pytest.fixture
def voila(notebooks: Path, tmp_path: Path) -> Iterator[Served]:
    """Voila over that notebook."""
    notebook = str(notebooks / "dashboard.ipynb")
    with serving("voila", notebook, "--Voila.ip=127.0.0.1", folder=tmp_path) as served:
        yield served


@contextmanager
def serving(*command: str, folder: Path) -> Iterator[Served]:
    """Run `python -m command...` on a free port until the block ends; Jupyter's folders lie in `folder`."""
    (held,) = hold(1)
    port = held.getsockname()[1]
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    places = {f"JUPYTER_{name}": name for name in names} | {"IPYTHONDIR": "IPYTHON"}
    places |= {"JUPYTERLAB_SETTINGS_DIR": "SETTINGS", "JUPYTERLAB_WORKSPACES_DIR": "WORKSPACES"}
    environment = os.environ | {name: str(folder / place.lower()) for name, place in places.items()}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    for name, values in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *command, f"--port={port}", "--no-browser"],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_up(server, port, log)
        yield Served(server.pid, f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        held.close()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)


def _wait_until_up(server: subprocess.Popen[bytes], port: int, log: Path, limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                words = f"expected an answer on port {port}; the log ends in:\n{log.read_text()[-2000:]}"
                raise RuntimeError(words) from error
            time.sleep(0.2)
