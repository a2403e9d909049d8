"""Ctrl-C in a job of several ranks, of which some may be in a message that never ends any more."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GRACE = 1.0  # seconds for the main thread to notice; other ranks stay four times as long, or the job ends too soon
INTERRUPTED = 130


@contextmanager
def rescued(save: Callable[[], None]) -> Iterator[None]:
    """On SIGINT inside, `save` is called and the process ends, even where the main thread waits in MPI for ever.

    Python tells the main thread of a signal only between two of its instructions: another thread hears it too.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def watch() -> None:
        while number := os.read(reader, 1):
            if number[0] == signal.SIGINT:
                time.sleep(GRACE)
                save()
                os._exit(INTERRUPTED)

    watcher = threading.Thread(target=watch, name="pdekit-interrupt", daemon=True)
    watcher.start()
    try:
        yield
    except KeyboardInterrupt:
        save()
        os._exit(INTERRUPTED)  # MPI_Finalize would wait for the other ranks
    finally:
        signal.set_wakeup_fd(before)
        os.close(writer)  # ends the watcher
        watcher.join()
        os.close(reader)


def leave() -> None:
    """End this process, not rank 0, after an interrupt; rank 0 has had time to save."""
    time.sleep(4 * GRACE)
    os._exit(INTERRUPTED)
