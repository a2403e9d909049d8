"""Five minutes of training under the eyes of a page: memory, and a kernel that stays free."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from jupyter_client import BlockingKernelClient
from playwright.sync_api import Page

from tests.browser.screen import Served
from tests.browser.test_dashboard import open_in_lab, pause, train

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1200)]

HEAP = "() => { if (window.gc) window.gc(); return performance.memory.usedJSHeapSize; }"


def answer(client: BlockingKernelClient) -> float:
    """Seconds until the kernel has answered `1 + 1`."""
    began = time.monotonic()
    client.execute("1 + 1", reply=True, timeout=60)
    return time.monotonic() - began


def test_five_minutes(page: Page, lab: Served, tmp_path: Path, say: Callable[[str], None]) -> None:
    """On 64 x 64. Fails where repaints pile up in the page or in the kernel, or where something blocks the kernel."""
    screen = open_in_lab(page, lab, "dashboard.ipynb")
    screen.type("Experiment", "Experiment(problem=Poisson(64), steps=100000, grids='single')")
    train(screen, say, "Training on 64 × 64.")
    kernel = next(
        p for p in psutil.Process(lab.pid).children(recursive=True) if "ipykernel_launcher" in p.cmdline()
    )
    client = BlockingKernelClient(connection_file=str(next(tmp_path.rglob("kernel-*.json"))))
    client.load_connection_file()
    client.start_channels()
    seconds, memory, heap = [], [], []
    for _ in range(10):
        for _ in range(3):
            page.wait_for_timeout(10_000)
            seconds.append(answer(client))
        memory.append(kernel.memory_info().rss)
        heap.append(page.evaluate(HEAP))
    client.stop_channels()
    say(f"the kernel answers in {statistics.median(seconds):.3f} s (most {max(seconds):.3f})")
    say(f"kernel: {[round(one / 1e6) for one in memory]} MB; page: {[round(one / 1e6) for one in heap]} MB")
    assert statistics.median(seconds) < 0.2
    assert max(memory[-3:]) < 1.05 * max(memory[1:4])
    assert min(heap[-3:]) < 1.05 * max(heap[1:4])
    pause(screen, say)
