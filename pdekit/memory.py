"""Main memory that this machine, or the container that we are in, still has."""

from pathlib import Path

CONTAINER = (  # limit and use of memory, of both versions of control groups
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def memory_available() -> int:
    """Bytes free on this machine; what its container leaves where that is less. ModuleNotFoundError without psutil.

    Files that the system would drop from memory for us count as free.
    """
    import psutil

    left = [
        int(limit.read_text()) - int(used.read_text()) + _cached(used.with_name("memory.stat"))
        for limit, used in CONTAINER
        if limit.exists() and used.exists() and limit.read_text().strip() != "max"
    ]
    return max(min([psutil.virtual_memory().available, *left]), 0)


def _cached(statistics: Path) -> int:
    """Bytes of files in a container's memory that nobody has used of late."""
    lines = statistics.read_text().splitlines() if statistics.exists() else []
    said = dict(line.split() for line in lines)
    return int(said.get("total_inactive_file", said.get("inactive_file", 0)))
