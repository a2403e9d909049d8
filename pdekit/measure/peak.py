"""The most main memory that a piece of work needed in this process."""

from contextlib import suppress
from pathlib import Path

from pdekit.train.memory import give_back, resident

CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
RESET = "5"  # what proc(5) has for the peak


class Peak:
    """From when it is made; bytes of the whole process, libraries included."""

    def __init__(self) -> None:
        give_back()
        self._known = False  # what went before may have needed more
        with suppress(OSError):  # another system, or a kernel without it
            CLEAR.write_text(RESET)
            self._known = True

    @property
    def bytes(self) -> int:
        """Until now; where the system does not tell, what is in use now, which a step's end does not free."""
        if not self._known:
            return resident()
        (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
