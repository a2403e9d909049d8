"""The dashboard in JupyterLab and in Voila, in a real browser, on real engines."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.screen import Screen, Served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

LESSON = next(iter(sorted((Path(__file__).parents[2] / "notebooks").glob("01-*.ipynb"))), None)
# Each code cell has its number.
ALL_RUN = """() => [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")]
    .every(prompt => /\\[\\d+\\]/.test(prompt.textContent))"""
COLD = 60  # seconds for engines to start on a busy machine; about 10 on a quiet one


def open_in_lab(page: Page, lab: Served, notebook: str) -> Screen:
    """Open `notebook`, run all its cells, and wait until they have run."""
    page.goto(f"{lab.address}/lab/tree/{notebook}")
    page.get_by_text(re.compile(r"\| Idle$")).wait_for()  # the kernel is connected
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text(re.compile("^Run All( Cells)?$")).click()
    screen = Screen(page)
    page.wait_for_function(ALL_RUN, timeout=480_000)
    screen.wait()
    return screen


def train(screen: Screen, say: Callable[[str], None]) -> None:
    """Press Train; curve and field change."""
    screen.record()
    screen.button("Train").click()
    screen.until(lambda: screen.look()["step"] > 2, limit=COLD)
    first = screen.look()
    screen.until(lambda: screen.look()["step"] >= first["step"] + 10, limit=60)
    assert screen.look()["field"] != first["field"]
    assert screen.message().startswith("Training on 32 × 32, then 64 × 64.")
    screen.page.wait_for_timeout(3000)
    times = screen.recorded()
    late = [t for t in times if t > times[-1] - 3]
    assert not screen.complaints()
    rate = (len(late) - 1) / (late[-1] - late[0])
    say(f"first point {times[0]:.2f} s after the click, then {rate:.1f} repaints a second")


def stop(screen: Screen, say: Callable[[str], None]) -> None:
    """Press Stop; the curve stands still."""
    screen.button("Stop").click()
    seconds = screen.until(lambda: screen.message().startswith("Stopped: "), limit=10)
    say(f"Stop took {seconds:.2f} s")
    stopped = screen.look()
    screen.page.wait_for_timeout(1500)
    assert screen.look() == stopped
    assert screen.button("Stop").is_disabled() and screen.button("Train").is_enabled()


@pytest.fixture
def say(
    record_property: Callable[[str, object], None], request: pytest.FixtureRequest
) -> Callable[[str], None]:
    """Note a measurement: in the report, and on the screen with -s."""

    def note(words: str) -> None:
        record_property("measured", words)
        print(f"\n{request.node.name}: {words}")

    return note


@pytest.mark.skipif(LESSON is None, reason="there is no first lesson")
def test_the_first_lesson(page: Page, lab: Served, notebooks: Path, artifacts: Path, say: Callable) -> None:
    """Run the lesson, choose 2 ranks, press Train, see curve and field change; press Stop, see it stop."""
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
    stop(screen, say)
    # Train goes on, and Reset forgets.
    taken = screen.look()["step"]
    screen.button("Train").click()
    screen.until(lambda: screen.look()["step"] > taken, limit=30)
    screen.button("Reset").click()
    screen.until(lambda: screen.look()["step"] == 0, limit=10)
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
    stop(screen, say)


def test_a_killed_engine(page: Page, lab: Served, artifacts: Path, say: Callable) -> None:
    """The message says which rank and why, in less than 5 seconds; a click on Restart engines mends it."""
    screen = open_in_lab(page, lab, "dashboard.ipynb")
    train(screen, say)
    victim, *_ = lab.engines()
    victim.kill()
    seconds = screen.until(screen.button("Restart engines").is_visible, limit=5)
    say(f"a killed engine was told after {seconds:.2f} s: {screen.message()}")
    assert re.search(r"[Rr]ank [01] .*SIGKILL", screen.message())
    assert screen.button("Train").is_disabled()
    page.screenshot(path=artifacts / "dashboard-dead-rank.png")
    screen.button("Restart engines").click()
    screen.until(lambda: screen.message().startswith("The engines are ready again"), limit=COLD)
    assert not screen.button("Restart engines").is_visible()
    screen.button("Train").click()
    screen.until(lambda: 0 < screen.look()["step"] < 5, limit=30)  # anew
    screen.until(lambda: screen.look()["step"] > 5, limit=30)
    stop(screen, say)


def test_wrong_settings_and_other_settings(page: Page, lab: Served, say: Callable) -> None:
    screen = open_in_lab(page, lab, "dashboard.ipynb")
    rate = page.locator(".pdekit-dashboard .widget-text", has_text="Learning rate").locator("input")
    rate.fill("-1")
    rate.press("Enter")
    screen.until(lambda: "expected a finite number above 0, got -1" in screen.message(), limit=10)
    screen.choose("Optimizer", "adam")
    screen.until(lambda: rate.input_value() != "-1", limit=10)
    screen.choose("Resolution", re.sub(" ", "\N{NO-BREAK SPACE}", "32 × 32"))
    screen.choose("World size", "1 rank")
    screen.button("Train").click()
    screen.until(lambda: screen.look()["step"] > 2, limit=COLD)
    assert screen.message() == "Training on 32 × 32."
    stop(screen, say)
