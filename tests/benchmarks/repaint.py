"""What a repaint of the dashboard's figure costs a browser: by plotly, and as a sketch, in turns.

    python -m tests.benchmarks.repaint [--rounds 5] [--count 20]

A headless Chromium without a GPU shows the figure alone, without Jupyter. The fields have 64 x 64 nodes, the curves
some hundred points; the time is that of all processes of the browser.
"""

import argparse
import asyncio
import shutil
import statistics
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Page, sync_playwright

import pdekit as pk
from pdekit.views.dashboard.figure.wire import plain
from pdekit.views.dashboard.held_out import HeldOut, figure_of
from tests.browser.conftest import QUIET, SCREEN
from tests.browser.test_script import MAKE, given

OPEN = f"""async ([script, plotly, state, way]) => {{ {MAKE}
    const drawn = () => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve, 0)));
    window.whole = async message => {{
        send(message);
        await drawn();
    }};
    window.sketch = async ([parts, values]) => {{
        tell("msg:custom", {{sketch: parts}}, values.map(one => new DataView(Float32Array.from(one).buffer)));
        await drawn();
    }};
    await widget.render({{model, el}});
}}"""


async def messages(count: int) -> tuple[tuple[str, str, dict[str, Any]], list[Any], list[Any]]:
    """A figure in the middle of a training, for a page; so many whole repaints of it, and as many sketches."""
    problem, noise = pk.Poisson(64), np.random.default_rng(0)
    figure = figure_of(problem)
    held_out, history = HeldOut(problem, figure), pk.History(size=2)
    held_out.show(held_out.indices[0], 64)
    u = problem.reference(held_out.indices[0])
    wholes: list[Any] = []
    sketches: list[Any] = []

    def go_on(quick: bool) -> None:
        number = len(history) + 1
        step = pk.Step(number, 1 / number, number / 5, 64, 1e-3, 1 / number, 0.1, 1, samples=8)
        history.extend([step], noise.uniform(0.1, 0.2, (1, 2, 3)))
        with figure.painting(quick=quick):
            held_out.paint(u * noise.uniform(0.9, 1.0, u.shape), number)
            figure.show_loss(history, window=16)
            figure.show_ranks(history, [10**8] * 2)

    for _ in range(300):
        go_on(quick=False)
    page = given(figure.widget)
    figure.widget.observe(
        lambda change: wholes.append(plain(change.new)) if change.new else None, "_py2js_update"
    )
    figure.widget.send = lambda content, values: sketches.append(
        [content["sketch"], plain([v.ravel() for v in values])]
    )
    figure.repaint.rest(3600.0)
    for _ in range(count):
        go_on(quick=False)
    for _ in range(count):
        go_on(quick=True)
    assert len(wholes) == len(sketches) == count
    return page, wholes, sketches


def seconds(page: Page, kind: str, sent: list[Any]) -> float:
    """Seconds of a core for each of them."""

    def used() -> float:
        family = psutil.Process().children(recursive=True)
        return sum(sum(one.cpu_times()[:2]) for one in family if "chrom" in one.name())

    page.evaluate(
        "async ([kind, sent]) => { window.sent = sent; await window[kind](sent[0]); }", [kind, sent]
    )
    before = used()
    page.evaluate("async kind => { for (const one of window.sent.slice(1)) await window[kind](one); }", kind)
    return (used() - before) / (len(sent) - 1)


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=20)
    chosen = parser.parse_args()
    figure, wholes, sketches = asyncio.run(messages(chosen.count + 1))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        page = browser.new_page(viewport=SCREEN)
        page.evaluate(OPEN, [*figure, "told"])
        pairs = [
            (seconds(page, "whole", wholes), seconds(page, "sketch", sketches)) for _ in range(chosen.rounds)
        ]
        browser.close()
    for name, times in zip(("whole", "sketch"), zip(*pairs, strict=True), strict=True):
        median, least, most = (1000 * of(times) for of in (statistics.median, min, max))
        print(f"{name:7} {median:4.0f} ms of a core ({least:.0f} to {most:.0f})")
    print(f"ratio   {statistics.median(whole / sketch for whole, sketch in pairs):4.1f}")


if __name__ == "__main__":
    main()
