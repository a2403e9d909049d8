"""Cores, and how ranks and their threads share them.

What computes best on a core is one thread: two on the hardware threads of one core share its arithmetic units. Ranks
are not bound to cores: where it was tried, on 2 cores, a step then took 1.02 times as long, and a rank that is bound
cannot move out of the way of other programs.
"""

import os
import socket
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdekit.parallel import Comm

SYSTEM = Path("/sys/devices/system/cpu")
QUOTA = Path("/sys/fs/cgroup/cpu.max")
MOST = 8192  # processors that Linux can count


@dataclass(frozen=True)
class Crew:
    """Ranks on one machine, the threads of each, and the cores that they share."""

    ranks: int
    threads: int
    cores: int

    @classmethod
    def here(cls, comm: "Comm", threads: int | None = None) -> "Crew":
        """The ranks of `comm` on this machine, with as many `threads` as fit if None. All ranks make the call.

        The cores are those that any of these ranks may use: some launchers bind each to its own.
        """
        import numpy as np

        machine = np.array([zlib.crc32(socket.gethostname().encode())])
        mine = np.zeros(MOST, dtype=np.uint8)
        mine[bound()] = 1
        here = comm.allgather(machine)[:, 0] == machine
        together = comm.allgather(mine)[here].any(axis=0)
        ranks, count = int(here.sum()), cores(np.flatnonzero(together).tolist())
        return cls(ranks, fitting(ranks, count) if threads is None else threads, count)

    @property
    def warning(self) -> str:
        """Empty while every thread has a core of its own."""
        wanted = self.ranks * self.threads
        if wanted <= self.cores:
            return ""
        said = f"{self}: {wanted} threads share {_count(self.cores, 'core')}"
        if self.ranks <= self.cores:
            return f"{said}; {_count(fitting(self.ranks, self.cores), 'thread')} per rank would fit"
        return (
            f"{said}; a rank that waits for a message keeps its core busy and so slows those that it waits for: "
            f"expect no speed-up over {_count(self.cores, 'rank')}"
        )

    def __str__(self) -> str:
        ranks, threads = _count(self.ranks, "rank"), _count(self.threads, "thread")
        return f"{ranks} x {threads} on {_count(self.cores, 'core')}"


def fitting(ranks: int, cores: int) -> int:
    """How many threads each of the ranks on one machine should have."""
    return max(1, cores // ranks)


def cores(processors: list[int] | None = None) -> int:
    """How many cores these processors are, by default those that this process may use; at most its container's quota.

    Linux counts each hardware thread of a core as a processor. Where the system does not tell which of them are one
    core, each counts as one.
    """
    count, most = len(core_names(processors)), quota()
    return count if most is None else max(1, min(count, round(most)))


def core_names(processors: list[int] | None = None) -> set[str]:
    """A name for each core that these processors are on, by default those that this process may use."""
    return {_siblings(cpu) for cpu in (bound() if processors is None else processors)}


def quota() -> float | None:
    """How many cores' time the container that we are in may use; None without a limit."""
    most, _, period = QUOTA.read_text().partition(" ") if QUOTA.exists() else ("max", "", "")
    return None if most == "max" else int(most) / int(period)


def bound() -> list[int]:
    """The numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _siblings(cpu: int) -> str:
    """The same text for all hardware threads of a core."""
    path = SYSTEM / f"cpu{cpu}" / "topology" / "thread_siblings_list"
    return path.read_text().strip() if path.exists() else str(cpu)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
