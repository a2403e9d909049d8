"""SIGTERM as an exception, so that a script that is told to end closes its clusters first."""

import signal
import sys
import threading
from types import FrameType

from IPython import get_ipython


def install() -> None:
    """Let SIGTERM raise SystemExit(143), unless there is a handler or this is a notebook's kernel."""
    free = threading.current_thread() is threading.main_thread() and get_ipython() is None
    if free and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit)


def uninstall() -> None:
    """Back to the system's default, if the handler is still ours."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is _exit:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
