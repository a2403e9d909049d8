"""Ends a process once the one that it works for is gone, whatever ended that, and notes how its own end came.

The controller and each engine run as the child of a guard, a process that does nothing but watch. A guard
sees what the launcher does not tell (mpiexec often names the wrong rank), and no hung engine holds it up.
"""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from pdekit.cluster.files import leave

PERIOD = 0.1  # seconds between two looks


def guard(role: str, owner: int, folder: Path, work: Callable[[], None]) -> None:
    """Run `work` in a child; end it and what it started when the process `owner` or the launcher ends.

    An end of the child by itself is noted in `folder`; when the owner is gone the controller's guard removes
    that. Does not return.
    """
    os.umask(0o077)
    me, launcher = os.getpid(), os.getppid()
    watched = find(owner)
    child = os.fork()  # before anything heavy is loaded: the guard stays small
    if child == 0:
        threading.Thread(target=_follow, args=(me,), daemon=True).start()
        work()
        sys.exit(0)
    ended, status = 0, 0
    while alive(watched) and os.getppid() == launcher and not ended:
        time.sleep(PERIOD)
        ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        _note(folder, role, child, in_words(os.waitstatus_to_exitcode(status)))
    elif alive(watched):
        _note(folder, role, child, "lost the process that launched it")
        os.kill(child, signal.SIGKILL)
    else:
        os.kill(child, signal.SIGKILL)
        if role == "controller":
            time.sleep(10 * PERIOD)  # until the engines have seen it too and write there no more
            shutil.rmtree(folder, ignore_errors=True)
    _end_group(me)


def find(pid: int) -> psutil.Process | None:
    """The process `pid`, None if there is none."""
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def alive(process: psutil.Process | None) -> bool:
    """Whether it still runs; a zombie does not."""
    try:
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def in_words(code: int) -> str:
    """An exit code, negative for a signal, as the second half of a sentence."""
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL: by hand, or by the system because memory ran out)"
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _note(folder: Path, role: str, process: int, words: str) -> None:
    if folder.exists():
        leave(folder / f"ended-{role}-{process}", words)


def _follow(guard: int) -> None:
    """In the child: end with the guard."""
    while os.getppid() == guard:
        time.sleep(PERIOD)
    _end_group(guard)


def _end_group(leader: int) -> None:
    """End this process and, where the launcher gave us a process group, also what the child started."""
    if os.getpgid(0) == leader:
        os.killpg(leader, signal.SIGKILL)
    os._exit(1)
