"""JupyterLab on the first lesson: in a browser here, or at an address to reach from elsewhere."""

import getpass
import os
import secrets
import shutil
import socket
import sys
import warnings
from pathlib import Path
from urllib.parse import quote

PACKAGE = Path(__file__).parent
FIRST = "01-*.ipynb"


class LabError(Exception):
    """Why JupyterLab cannot be opened on the lessons, and what to do."""


def serve(here: Path, port: int | None = None, browser: bool = True) -> None:
    """Serve the lessons on this machine's loopback until interrupted. Raises LabError.

    `port` None takes 8888 or the next free one. Without a display, and with `browser` false, the address is
    printed, with the tunnel that makes it reachable from a laptop.
    """
    if port is not None:
        _check_free(port)
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as missing:
        raise LabError(f"JupyterLab cannot be loaded ({missing}); pip install 'pdekit[lab]'") from missing
    lesson = first_lesson(here)
    token = secrets.token_hex(16)
    browser = browser and has_display()
    path = f"/lab/tree/{quote(lesson.parent.name)}/{quote(lesson.name)}"
    settings = {
        "IdentityProvider.token": token,
        "LabApp.default_url": path,
        "LabApp.log_level": "ERROR",
        "ServerApp.allow_root": os.geteuid()
        == 0,  # containers; the server is on loopback and behind its token
        "ServerApp.answer_yes": True,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.log_level": "ERROR",
        "ServerApp.open_browser": browser,
        "ServerApp.port": port or 8888,
        "ServerApp.port_retries": 0 if port else 50,
        "ServerApp.root_dir": str(lesson.parent.parent),
    }
    with warnings.catch_warnings(
        record=True
    ):  # deprecations between server extensions would bury the address
        server = LabApp.initialize_server([f"--{name}={value}" for name, value in settings.items()])
    address = f"http://localhost:{server.port}{path}?token={token}"
    # The loop's first callback opens the port: what comes after it is true when it is read.
    server.io_loop.add_callback(print, announcement(lesson.name, address, server.port, browser), flush=True)
    server.start()


def announcement(lesson: str, url: str, port: int, browser: bool) -> str:
    """What a person reads when the server is up."""
    if browser:
        return f"{lesson} opens in your browser; if it does not, open\n\n    {url}\n\nCtrl-C ends JupyterLab."
    tunnel = f"ssh -N -L {port}:localhost:{port} {getpass.getuser()}@{socket.gethostname()}"
    return (
        f"JupyterLab is ready on the first lesson, {lesson}:\n\n    {url}\n\n"
        f"From a laptop, run this there first, then open the address there:\n\n    {tunnel}\n\n"
        "Ctrl-C ends JupyterLab."
    )


def has_display() -> bool:
    """Whether a browser opened by this process would appear before the person who asked."""
    if "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform != "linux" or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ


def first_lesson(here: Path) -> Path:
    """Lesson 1 of a checkout; for an installed package, of its copy in `here`/pdekit-lessons.

    What is already in the copy stays as it is: it is the reader's own work. LabError if there is no lesson.
    """
    for source in (PACKAGE.parent / "notebooks", PACKAGE / "lessons"):
        if any(source.glob(FIRST)):
            break
    else:
        raise LabError(f"no lesson {FIRST} in a checkout or in {PACKAGE}; install pdekit again")
    folder = source
    if source.name == "lessons":
        folder = here / "pdekit-lessons"
        _copy_missing(source, folder)
    return min(folder.glob(FIRST))


def _copy_missing(source: Path, target: Path) -> None:
    try:
        for file in source.rglob("*"):
            copy = target / file.relative_to(source)
            if file.is_file() and not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
    except OSError as reason:
        raise LabError(
            f"the lessons cannot be copied to {target} ({reason}); go to another folder"
        ) from reason


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as reason:
            raise LabError(
                f"port {port} cannot be used ({reason}); leave --port out to take a free one"
            ) from reason
