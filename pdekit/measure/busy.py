"""Who else is busy on this machine while ranks are being timed."""

import importlib.util
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pdekit import processors

THROTTLED = Path("/sys/fs/cgroup/cpu.stat")
HEAT = "cpu[0-9]*/thermal_throttle/core_throttle_count"
IDLE = 0.5  # seconds for a look before the start
NAMED = 3  # of the busiest
LITTLE = 0.02  # cores: not worth a name


def watch(ours: Collection[int]) -> "Watch | None":
    """From now on; None for nobody's sake, or without psutil."""
    return Watch(ours) if ours and importlib.util.find_spec("psutil") else None


class Watch:
    """Counts from one `reading` to the next what everybody but the processes `ours` does."""

    def __init__(self, ours: Collection[int]) -> None:
        import psutil

        self._psutil, self._ours = psutil, frozenset(ours)
        self._last = self._look()

    def reading(self) -> dict[str, Any]:
        """Since the last: `others`, `stolen` (by the hypervisor, for other virtual machines) and `throttled` in cores.

        `hot` is how often a core was slowed down because of its heat, where the processor tells. `who` are the busiest
        by name. A process that began and ended in between counts, but has no name.
        """
        before, self._last = self._last, self._look()
        now = self._last
        span = max(now["time"] - before["time"], 1e-9)
        spent = {
            key: (name, (seconds - before["each"].get(key, ("", 0.0))[1]) / span)
            for key, (name, seconds) in now["each"].items()
        }
        mine = sum(cores for (pid, _), (_, cores) in spent.items() if pid in self._ours)
        who: dict[str, float] = {}
        for (pid, _), (name, cores) in spent.items():
            if pid not in self._ours:
                who[name] = who.get(name, 0.0) + cores
        busiest = sorted(who, key=lambda name: -who[name])[:NAMED]
        return {
            "seconds": round(span, 3),
            "others": round(max((now["busy"] - before["busy"]) / span - mine, 0.0), 3),
            "stolen": round((now["stolen"] - before["stolen"]) / span, 3),
            "throttled": round((now["throttled"] - before["throttled"]) / span, 3),
            "hot": now["hot"] - before["hot"],
            "who": {name: round(who[name], 2) for name in busiest if who[name] >= LITTLE},
        }

    def _look(self) -> dict[str, Any]:
        """Seconds of processors so far: in all, stolen, throttled, and of each process."""
        times = self._psutil.cpu_times()._asdict()
        idle = ("idle", "iowait", "steal", "guest", "guest_nice")  # a guest's is the host's user time, too
        each = {}
        for process in self._psutil.process_iter(["pid", "create_time", "name", "cpu_times"]):
            said = process.info
            if said["cpu_times"] is not None:
                spent = said["cpu_times"].user + said["cpu_times"].system
                each[said["pid"], said["create_time"]] = (said["name"] or "?", spent)
        return {
            "time": time.monotonic(),
            "busy": sum(value for name, value in times.items() if name not in idle),
            "stolen": times.get("steal", 0.0),
            "throttled": _throttled(),
            "hot": sum(int(file.read_text()) for file in processors.SYSTEM.glob(HEAT)),
            "each": each,
        }


def _throttled() -> float:
    """Seconds for which the container's quota has held threads back so far."""
    lines = THROTTLED.read_text().splitlines() if THROTTLED.exists() else []
    said = dict(line.split() for line in lines)
    return int(said.get("throttled_usec", 0)) / 1e6
