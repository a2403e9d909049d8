"""What a check returns, and what the checks share."""

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

AGAIN = "make setup (in a clone), or pip install 'pdekit[lab,mpi]'"
LAB = ("ipyparallel", "jupyterlab")  # without either of them this is an installation for batch jobs
LIMIT = 60.0  # seconds for a process to answer on a busy machine


@dataclass(frozen=True)
class Check:
    """One thing looked at: its state, what was found, what to do. Only what is `needed` can fail the lot."""

    name: str
    status: Literal["ok", "missing", "broken"]
    found: str
    remedy: str = ""
    needed: bool = True


def version(package: str) -> str | None:
    """The installed version of `package`, None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def without_lab(name: str, found: str) -> Check:
    """Missing; needed unless this installation is for batch jobs."""
    remedy = "for the notebooks: pip install 'pdekit[lab]'"
    return Check(name, "missing", found, remedy, needed=any(version(package) for package in LAB))


def ask(
    program: str, launcher: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a Python program in its own process, under `launcher`. subprocess.TimeoutExpired after a minute."""
    return subprocess.run(
        [*launcher, sys.executable, "-c", program],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def last_line(text: str) -> str:
    """The last line with a word in it; empty if there is none."""
    return next((line.strip() for line in reversed(text.splitlines()) if re.search(r"\w", line)), "")
