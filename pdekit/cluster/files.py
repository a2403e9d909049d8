"""Notes in the cluster's folder, and files of other programs that an engine meets while it starts."""

import json
import sys
import time
from pathlib import Path


def leave(note: Path, words: str) -> None:
    """Write `words` to `note`, at once: nobody reads half of them."""
    draft = note.with_name(f".{note.name}")
    draft.write_text(words)
    draft.rename(note)


def forget_shared_memory() -> None:
    """Remove the name of MPICH's shared memory: once all ranks have it open; killed ranks would leave it."""
    if sys.platform == "linux":
        for line in Path("/proc/self/maps").read_text().splitlines():
            if "/dev/shm/mpich_shm" in line:
                Path(line.split()[5]).unlink(missing_ok=True)


def wait_for_json(file: Path, timeout: float) -> None:
    """Return as soon as `file` is there and whole; TimeoutError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            json.loads(file.read_text())
        except (FileNotFoundError, ValueError):
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"the controller wrote no {file.name} within {timeout:.0f} s")
