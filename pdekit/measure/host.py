"""This machine, as far as timings depend on it, in plain values."""

import os
import platform
import socket
import time
from pathlib import Path
from typing import Any

from pdekit import processors

CPUINFO = Path("/proc/cpuinfo")
CALLS = 1000


def describe() -> dict[str, Any]:
    """Of this process's machine: what it is, and what this process may use of it.

    `cores` are names of cores, `processors` their hardware threads, of this process alone where ranks are bound;
    `quota` in cores (None: no limit), `memory` in bytes, `clock` in seconds: what a look at it takes.
    """
    mine = processors.bound()
    info = CPUINFO.read_text() if CPUINFO.exists() else ""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "model": _said(info, "model name") or platform.processor() or platform.machine(),
        "virtual": "hypervisor" in _said(info, "flags").split(),
        "sockets": len({_topology(cpu, "physical_package_id") for cpu in mine}),
        "cores": sorted(processors.core_names(mine)),
        "processors": len(mine),
        "quota": processors.quota(),
        "governors": sorted({g for cpu in mine if (g := _read(_cpu(cpu) / "cpufreq" / "scaling_governor"))}),
        "caches": _caches(mine[0]),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "load": round(os.getloadavg()[0], 2),
        "clock": _clock(),
    }


def _cpu(number: int) -> Path:
    return processors.SYSTEM / f"cpu{number}"


def _topology(number: int, name: str) -> str:
    return _read(_cpu(number) / "topology" / name)


def _caches(number: int) -> dict[str, str]:
    """Such as {"L1d": "32K", "L2": "1024K"}."""
    found = {}
    for index in sorted((_cpu(number) / "cache").glob("index*")):
        kind = {"Data": "d", "Instruction": "i"}.get(_read(index / "type"), "")
        found[f"L{_read(index / 'level')}{kind}"] = _read(index / "size")
    return found


def _clock() -> float:
    """The shortest of several averages: another process may come between."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(CALLS):
            time.perf_counter()
        times.append((time.perf_counter() - start) / CALLS)
    return min(times)


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _said(info: str, name: str) -> str:
    """The first value of that name in /proc/cpuinfo."""
    lines = [line.partition(":") for line in info.splitlines()]
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")
