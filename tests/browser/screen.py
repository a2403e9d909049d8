"""What a user sees of the dashboard in a browser, and the hands that press its buttons."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil
from playwright.sync_api import Locator, Page

ROOT = ".pdekit-dashboard"
# What is drawn of trace `index`: plotly's own data may be a moment older.
DRAWN = f"""index => [...document.querySelectorAll("{ROOT} .hm, {ROOT} .scatterlayer > .trace")]
    .find(group => group.__data__[0].trace.index === index)"""
# The last step on the curve, and the picture of the predicted field: both change where it trains. The rows of the
# coefficient: two where the page has heard of no sample.
LOOK = f"""() => {{
    const traces = document.querySelector("{ROOT} .js-plotly-plot").data, drawn = {DRAWN};
    return {{step: Array.from(traces[4].x || []).at(-1) || 0, rows: traces[0].z.length,
        field: drawn(1)?.querySelector("image")?.href.baseVal}};
}}"""
# Notes when the curve changes, every 20 ms.
RECORD = f"""() => {{
    const data = () => document.querySelector("{ROOT} .js-plotly-plot").data[4], drawn = {DRAWN};
    const note = () => [Array.from(data().x || []).at(-1), drawn(5)?.querySelector("path")?.getAttribute("d")].join();
    window.pdekitLast = note(); window.pdekitTimes = []; window.pdekitBegan = performance.now();
    window.pdekitTimer = setInterval(() => {{
        const now = note();
        if (now !== window.pdekitLast) window.pdekitTimes.push(performance.now() - window.pdekitBegan);
        window.pdekitLast = now;
    }}, 20);
}}"""


@dataclass(frozen=True)
class Served:
    """A server: its process id and its address."""

    pid: int
    address: str

    def engines(self) -> list[psutil.Process]:
        """The processes that train, in no order: those of the engines that hold torch."""
        family = psutil.Process(self.pid).children(recursive=True)
        called = [p for p in family if "pdekit.cluster engine" in " ".join(p.cmdline())]
        return [p for p in called if not p.children() and "mpiexec" not in p.name()]


class Screen:
    """The dashboard on `page`."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def wait(self, limit: float = 120, root: str = ROOT) -> None:
        """Wait until the dashboard, or the figure in another `root`, is there, and bring it into view."""
        self.page.locator(f"{root} .js-plotly-plot .main-svg").first.wait_for(timeout=1000 * limit)
        self.page.locator(root).scroll_into_view_if_needed()

    def button(self, name: str) -> Locator:
        """The button with that label."""
        return self.page.locator(f"{ROOT} button", has_text=re.compile(f"^{name}$"))

    def field(self, label: str) -> Locator:
        """The text field with that label."""
        return self._labelled("text", label).locator("input")

    def type(self, label: str, value: str) -> None:
        """Type `value` into the field with that label, and press Enter."""
        self.field(label).fill(value)
        self.field(label).press("Enter")

    def box(self, selector: str) -> dict[str, float]:
        """Where the first of these is on the page: x, y, width, height in pixels, wherever it is scrolled to."""
        place = "e => { const b = e.getBoundingClientRect(), r = document.querySelector('%s').getBoundingClientRect();"
        place += " return {x: b.x, y: b.y - r.y, width: b.width, height: b.height}; }"
        return self.page.locator(f"{ROOT} {selector}").first.evaluate(place % ROOT)

    def engines(self) -> str:
        """The line on the engines."""
        return self.page.locator(f"{ROOT} .pdekit-engine-line").inner_text()

    def steps(self) -> int:
        """The last step on the curve."""
        return int(self.look()["step"])

    def choose(self, label: str, option: str) -> None:
        """Choose `option` from the list with that label."""
        self._labelled("dropdown", label).locator("select").select_option(option)

    def _labelled(self, kind: str, label: str) -> Locator:
        """The widget of that kind; an explanation for screen readers may follow its label."""
        return self.page.locator(f"{ROOT} .widget-{kind}", has_text=re.compile(rf"^{label}\b")).first

    def message(self) -> str:
        """The message line."""
        return self.page.locator(f"{ROOT} .pdekit-message").inner_text().replace("\N{NO-BREAK SPACE}", " ")

    def look(self) -> dict[str, Any]:
        """step: the last one on the curve (0: none); field: the prediction's picture; rows of the coefficient."""
        return self.page.evaluate(LOOK)

    def complaints(self) -> list[str]:
        """What JupyterLab's log console counts: errors in the handling of messages that no cell shows."""
        entries = self.page.locator("[title*='log entries']")
        return [entry.get_attribute("title") or "" for entry in entries.all()]

    def record(self) -> None:
        """From now on, note when the curve changes."""
        self.page.evaluate(RECORD)

    def recorded(self) -> list[float]:
        """Seconds from `record` to each change of the curve."""
        return [t / 1000 for t in self.page.evaluate("window.pdekitTimes")]

    def until(self, true: Callable[[], bool], limit: float) -> float:
        """Wait until `true()`; the seconds it took. Fails with the message line after `limit`."""
        began = time.monotonic()
        while not true():
            seconds = time.monotonic() - began
            assert seconds < limit, f"waited in vain for {limit} s; the dashboard says: {self.message()}"
            self.page.wait_for_timeout(20)
        return time.monotonic() - began
