"""What the dashboard costs the training: seconds per step with it and without it, in turns, in a notebook's kernel.

    python -m tests.benchmarks.dashboard [--browser] [--grid 64] [--ranks 2] [--rounds 5]

Without --browser nobody looks at the page: what is left is the kernel's painting, and the predictions. With it, a
headless Chromium without a GPU shows the page on this machine, and takes its cores, too. With as many ranks as cores
the kernel has to take its time from them; with fewer it need not.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

SETUP = """
import asyncio, statistics, time
import pdekit as pk
cluster = pk.Cluster(ranks={ranks}).start()
dash = pk.Dashboard(cluster, experiment=pk.Experiment(pk.Poisson({grid}), steps=100_000, grids="single"))
dash
"""
MEASURE = """
async def arrival():
    steps = len(dash.solver.history)
    while len(dash.solver.history) == steps:
        await asyncio.sleep(0.002)
    return len(dash.solver.history), time.perf_counter()

async def seconds_per_step(with_it, seconds={seconds}):
    if with_it:
        training = asyncio.ensure_future(dash.train())
        await asyncio.sleep(2)  # calls have got as long as they will be
        before, began = await arrival()
        await asyncio.sleep(seconds)
        after, ended = await arrival()
        dash.pause()
        await training
    else:
        before, began = len(dash.solver.history), time.perf_counter()
        while time.perf_counter() < began + seconds:
            await dash.solver.advance_async(count)
        after, ended = len(dash.solver.history), time.perf_counter()
    return (ended - began) / (after - before)

await dash.step()
await dash.solver.advance_async(5)
began = time.perf_counter()
await dash.solver.advance_async(10)
count = max(1, round(20 / (time.perf_counter() - began)))  # two seconds
ratios = []
for _ in range({rounds}):
    alone, watched = await seconds_per_step(False), await seconds_per_step(True)
    ratios.append(watched / alone)
print(f"{{alone:.4f}} s/step alone;", *(f"{{ratio:.3f}}" for ratio in sorted(ratios)))
"""


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--grid", type=int, default=64)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    chosen = parser.parse_args()
    settings = {name: value for name, value in vars(chosen).items() if name != "browser"}
    cells = [SETUP.strip().format(**settings), MEASURE.strip().format(**settings), "cluster.close()"]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    words = in_browser(made) if chosen.browser else in_kernel(made)
    ratios = [float(word) for word in words.split(";")[1].split()]
    print(words.split(";")[0])
    where = "with Chromium here" if chosen.browser else "nobody looking"
    median, least, most = statistics.median(ratios), ratios[0], ratios[-1]
    print(f"step with the dashboard, {where}, / without it: {median:.3f} ({least:.3f}..{most:.3f})")


def in_kernel(notebook: nbformat.NotebookNode) -> str:
    """What the second cell prints, without a page."""
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    return "".join(out.text for out in notebook.cells[1].outputs if out.output_type == "stream")


def in_browser(notebook: nbformat.NotebookNode) -> str:
    """The same with a page of JupyterLab that shows the dashboard."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import KERNEL, LAB, QUIET, SCREEN, serving
    from tests.browser.test_dashboard import open_in_lab

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        place = Path(folder) / "notebooks"
        place.mkdir()
        notebook.metadata["kernelspec"] = KERNEL
        nbformat.write(notebook, place / "measure.ipynb")
        with serving("jupyterlab", *LAB, f"--notebook-dir={place}", folder=Path(folder)) as lab:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
            page = browser.new_page(viewport=SCREEN)
            page.set_default_timeout(600_000)
            open_in_lab(page, lab, "measure.ipynb")
            words = page.locator(".jp-OutputArea-output[data-mime-type*='stdout']").inner_text()
            browser.close()
    return words


if __name__ == "__main__":
    main()
