"""The dashboard in JupyterLab and in Voila, in a real browser, on real engines."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, TimeoutError

import pdekit as pk
from pdekit.views.theme import grid_name
from tests.browser.screen import ROOT, Screen, Served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

LESSON = next(iter(sorted((Path(__file__).parents[2] / "notebooks").glob("01-*.ipynb"))), None)
# Each code cell has its number.
ALL_RUN = """() => [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")]
    .every(prompt => /\\[\\d+\\]/.test(prompt.textContent))"""
COLD = 60  # seconds for engines to start on a busy machine; about 10 on a quiet one


def open_in_lab(page: Page, lab: Served, notebook: str, root: str = ROOT) -> Screen:
    """Open `notebook`, run all its cells, and wait until they have run and the figure in `root` is there."""
    page.goto(f"{lab.address}/lab/tree/{notebook}")
    page.get_by_text(re.compile(r"\| Idle$")).wait_for()  # the kernel is connected
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text(re.compile("^Run All( Cells)?$")).click()
    screen = Screen(page)
    page.wait_for_function(ALL_RUN, timeout=480_000)
    screen.wait(root=root)
    return screen


def reload(screen: Screen, say: Callable[[str], None]) -> None:
    """Load the page anew; once more where JupyterLab did not wait for the widgets' states (ipywidgets issue 4026)."""
    for attempt in range(3):
        screen.page.reload()
        try:
            return screen.wait(limit=40)
        except TimeoutError:
            assert screen.page.get_by_text("Error displaying widget: model not found").is_visible()
            say(f"reload {attempt + 1}: JupyterLab did not wait for the widgets' states")
    raise AssertionError("three reloads, and no dashboard")


def train(
    screen: Screen, say: Callable[[str], None], words: str = "Training on 32 × 32, then 64 × 64."
) -> None:
    """Press Train; it says `words`, and curve and field change."""
    screen.record()
    screen.button("Train").click()
    screen.until(lambda: screen.look()["step"] > 2, limit=COLD)
    first = screen.look()
    screen.until(lambda: screen.look()["step"] >= first["step"] + 10, limit=60)
    screen.until(lambda: screen.look()["field"] != first["field"], limit=30)
    assert screen.message().startswith(words)
    screen.page.wait_for_timeout(3000)
    times = screen.recorded()
    late = [t for t in times if t > times[-1] - 3]
    assert not screen.complaints()
    assert len(late) > 1, "the curve moves once in three seconds"
    rate = (len(late) - 1) / (late[-1] - late[0])
    say(f"first point {times[0]:.2f} s after the click, then {rate:.1f} repaints a second")


def pause(screen: Screen, say: Callable[[str], None]) -> int:
    """Press Pause; the curve stands still."""
    screen.button("Pause").click()
    seconds = screen.until(lambda: screen.message().startswith("Paused: "), limit=10)
    say(f"Pause took {seconds:.2f} s")
    screen.until(screen.button("Train").is_enabled, limit=10)
    paused = screen.look()
    screen.page.wait_for_timeout(1000)
    assert screen.look() == paused
    assert screen.button("Pause").is_disabled()
    return screen.steps()


@pytest.mark.skipif(LESSON is None, reason="there is no first lesson")
def test_the_first_lesson(page: Page, lab: Served, notebooks: Path, artifacts: Path, say: Callable) -> None:
    """Run the lesson, choose 2 ranks, press Train, see curve and field change; press Pause, see it stand still."""
    shutil.copytree(LESSON.parent, notebooks, dirs_exist_ok=True)
    screen = open_in_lab(page, lab, LESSON.name)
    complaints = page.locator(".jp-OutputArea-output[data-mime-type*='stderr']").all_inner_texts()
    assert not complaints
    screen.choose("World size", "1 rank")
    screen.choose("World size", "2 ranks")
    train(screen, say)
    page.screenshot(path=artifacts / "dashboard-lesson.png")
    page.locator(".pdekit-dashboard").screenshot(path=artifacts / "dashboard.png")
    assert len(lab.engines()) == 2
    pause(screen, say)
    # Train goes on, and Reset forgets.
    taken = screen.steps()
    screen.button("Train").click()
    screen.until(lambda: screen.steps() > taken, limit=30)
    screen.button("Reset").click()
    screen.until(lambda: screen.steps() == 0, limit=10)
    # Anew on warm engines.
    screen.until(screen.button("Train").is_enabled, limit=10)
    screen.record()
    screen.button("Train").click()
    screen.until(lambda: len(screen.recorded()) > 0, limit=30)
    say(f"on warm engines the first point comes {screen.recorded()[0]:.2f} s after the click")


def test_voila(page: Page, voila: Served, artifacts: Path, say: Callable) -> None:
    page.goto(voila.address)
    screen = Screen(page)
    screen.wait()
    train(screen, say)
    page.screenshot(path=artifacts / "dashboard-voila.png")
    taken = pause(screen, say)
    screen.button("Step").click()
    screen.until(lambda: screen.steps() == taken + 1, limit=10)


def test_every_verb(page: Page, lab: Served, notebooks: Path, artifacts: Path, say: Callable) -> None:
    """Each button of the bar, a reload of the page in the middle of training, files, and the engines' own buttons."""
    screen = open_in_lab(page, lab, "dashboard.ipynb")
    screen.button("Start").click()
    screen.until(lambda: screen.message().startswith("The engines are ready"), limit=COLD)
    screen.button("Step").click()
    screen.until(lambda: screen.steps() == 1, limit=30)
    train(screen, say)
    screen.type("Learning rate", "0.001")
    # The message of it lasts until the next steps are told, which a slow page shows in one go with it.
    screen.until(lambda: "rate=0.001" in screen.field("Experiment").input_value(), limit=10)
    # The run goes on while nobody looks, and a page that is opened again shows it where it is.
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_text("Save Notebook", exact=True).click()
    page.wait_for_timeout(1000)
    before = screen.steps()
    reload(screen, say)
    screen.until(lambda: screen.steps() > before + 5, limit=30)
    taken = pause(screen, say)

    screen.type("Name", str(notebooks / "mine"))
    screen.button("Save").click()
    screen.until(lambda: screen.message().startswith("Saved to"), limit=20)
    for kind in ("CSV", "HTML"):
        screen.button(kind).click()
        screen.until(lambda: screen.message().endswith(f"mine.{kind.lower()}"), limit=20)  # noqa: B023
    assert len(pk.History.load(notebooks / "mine.csv")) == taken
    screen.button("Compare").click()
    screen.until(lambda: screen.steps() == 0 and screen.message().startswith("Kept as"), limit=10)
    screen.choose("Optimizer", "sgd")
    screen.button("Train").click()
    screen.until(lambda: screen.steps() > 5, limit=30)
    page.locator(".pdekit-dashboard").screenshot(path=artifacts / "dashboard-compare.png")
    taken_by_sgd = pause(screen, say)
    screen.button("Reset").click()
    screen.until(lambda: screen.steps() == 0, limit=10)
    screen.button("Undo").click()
    screen.until(lambda: screen.steps() == taken_by_sgd, limit=10)
    screen.button("Open").click()
    screen.until(lambda: screen.message().startswith("Opened"), limit=30)
    assert screen.steps() == taken and "adamw" in screen.field("Experiment").input_value()
    screen.button("Stop").click()
    screen.until(lambda: screen.message().startswith("The engines are stopped"), limit=30)
    assert not lab.engines()
    # A kernel that was restarted, in the same page: anywidget drops what is sent to a figure that takes long to load.
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_text("Restart Kernel and Run All Cells…", exact=True).click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    page.wait_for_function(f"() => !({ALL_RUN})()")
    page.wait_for_function(ALL_RUN, timeout=1000 * COLD)
    screen.wait()
    screen.until(lambda: screen.look()["rows"] > 2, limit=10)
    screen.button("Step").click()
    screen.until(lambda: screen.steps() == 1, limit=COLD)
    assert not screen.complaints()


def test_a_killed_engine(page: Page, lab: Served, artifacts: Path, say: Callable) -> None:
    """The message says which rank and why, in less than 2 seconds; a click brings the run back."""
    screen = open_in_lab(page, lab, "dashboard.ipynb")
    train(screen, say)
    taken = pause(screen, say)
    screen.button("Train").click()
    screen.until(lambda: screen.steps() > taken, limit=30)
    victim, *_ = lab.engines()
    victim.kill()
    seconds = screen.until(lambda: "SIGKILL" in screen.message(), limit=5)
    say(f"a killed engine was told after {seconds:.2f} s: {screen.message()}")
    assert re.search(r"[Rr]ank [01] .*SIGKILL", screen.message())
    screen.until(screen.button("Restart").is_enabled, limit=5)
    assert screen.button("Train").is_disabled()
    page.screenshot(path=artifacts / "dashboard-dead-rank.png")
    screen.button("Restart").click()
    screen.until(lambda: "the run is back at step" in screen.message(), limit=COLD)
    assert screen.steps() >= taken
    back = screen.steps()
    screen.button("Train").click()
    screen.until(lambda: screen.steps() > back, limit=30)
    pause(screen, say)


def test_every_control(page: Page, lab: Served, artifacts: Path, say: Callable) -> None:
    """Each setting that is in sight, wrong input, a preset, a paste, another sample, and both themes."""
    screen = open_in_lab(page, lab, "dashboard.ipynb")
    line = screen.field("Experiment")
    for label, option, words in (
        ("Problem", "Burgers", "Burgers("), ("Problem", "Poisson", "Poisson("), ("Generator", "ResNet", "ResNet("),
        ("Optimizer", "adam", "'adam'"), ("Resolution", grid_name(32), "resolution=32"),
    ):  # fmt: skip
        screen.choose(label, option)
        screen.until(lambda: words in line.input_value(), limit=20)  # noqa: B023
    for label, value, words in (
        ("Samples", "64", "samples=64"), ("Batch", "7", "batch=7"), ("Steps", "30", "steps=30"),
        ("Width", "8", "width=8"), ("Learning rate", "0.002", "rate=0.002"),
    ):  # fmt: skip
        screen.type(label, value)
        screen.until(lambda: words in line.input_value(), limit=20)  # noqa: B023
    screen.choose("World size", "1 rank")
    screen.type("Learning rate", "-1")
    top = screen.box(".pdekit-figure")["y"]
    screen.until(lambda: "expected a finite number above 0, got -1" in screen.message(), limit=10)
    # The mouse on a field has its meaning told beside the settings, where it covers neither fields nor their errors.
    screen.field("Learning rate").blur()
    screen.field("Learning rate").hover()
    form, told = screen.box(".pdekit-form"), screen.box(".pdekit-wrong .pdekit-line")
    assert told["width"] > 200 and told["x"] >= form["x"] + form["width"]
    assert screen.box(".pdekit-status")["x"] >= form["x"] + form["width"] + 10
    # A message of many lines moves nothing.
    screen.type("Experiment", "Experiment(bacth=8)")
    screen.until(lambda: "did you mean batch?" in screen.message(), limit=10)
    assert screen.box(".pdekit-figure")["y"] == top
    screen.button("Copy").click()
    screen.button("Copied").wait_for(timeout=5000)
    screen.button("Undo").click()
    screen.until(lambda: screen.field("Learning rate").input_value() == "0.002", limit=10)
    screen.until(lambda: "samples=64" in line.input_value(), limit=10)
    screen.type("Experiment", line.input_value().replace("samples=64", "samples=48"))
    screen.until(lambda: screen.field("Samples").input_value() == "48", limit=10)
    screen.button("Train").click()
    screen.until(lambda: screen.message().startswith("Done: 30 steps"), limit=COLD)
    assert len(lab.engines()) == 2
    page.locator(".pdekit-dashboard").screenshot(path=artifacts / "dashboard-light.png")
    screen.button("Measure").click()
    screen.until(lambda: screen.message().startswith("Measured: "), limit=COLD)
    bars = page.locator(f"{ROOT} .js-plotly-plot").nth(2).locator(".barlayer .point")
    screen.until(lambda: bars.count() >= 2, limit=20)  # where the time of a step on 1 and 2 ranks goes
    page.screenshot(path=artifacts / "dashboard-measured.png", full_page=True)
    assert screen.steps() == 30 and screen.button("Reset").is_enabled()
    assert screen.button("Train").is_disabled()  # nothing is left of what the settings say
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.get_by_text("Theme", exact=True).hover()
    page.get_by_text("JupyterLab Dark", exact=True).first.click()
    page.wait_for_timeout(1000)
    page.locator(".pdekit-dashboard").screenshot(path=artifacts / "dashboard-dark.png")
    assert not screen.complaints()
