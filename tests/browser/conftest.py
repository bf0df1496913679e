"""A lab that runs, and a real Chromium that looks at it: without one the tests are skipped, but not where all must be tested."""

import asyncio
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from served import TOKEN, VISITOR, running

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first has no window to draw: a tab of it takes a third of the processor time."""
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--num-raster-threads=1",
    *("--renderer-process-limit=1", "--disable-site-isolation-trials", "--in-process-gpu"),
)
"""The last two lines: what several processes do side by side, one does in a tenth less of processor time."""


@dataclass(frozen=True)
class RunningLab:
    """url: without the token; visitors: the token of those who look; runs: its folder of trainings."""

    url: str
    token: str
    visitors: str
    runs: Path

    def entry(self, place: str = "", visits: bool = False) -> str:
        return f"{self.url}?token={self.visitors if visits else self.token}{place}"


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """One for all tests of a process: each opens a tab, that is a desk, of its own."""
    from profundo.lab.desks import Lab
    from profundo.lab.lab_application import lab_application
    from profundo.lab.rooms.room_calls import CALLS

    folder = tmp_path_factory.mktemp("lab")
    for name in ("runs", "uploads"):
        (folder / name).mkdir()
    entries = (f"http://192.0.2.7:8123/?token={VISITOR}",)
    app = lab_application(Lab(folder / "runs", folder / "uploads", shared=True, entries=entries), CALLS)
    with running(app, sockets=True) as port:
        yield RunningLab(f"http://127.0.0.1:{port}/", TOKEN, VISITOR, folder / "runs")
        app.state.service.close()


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        reason = "install Chromium (Debian: apt-get install chromium) to test the lab's page"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        opened = tools.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        let_loop_run()
        opened.close()


PLAYWRIGHTS: list[asyncio.AbstractEventLoop | None] = [None]


def let_loop_run():
    """Playwright's loop lives between tests, in a greenlet of this thread; asyncio would take it for the caller's own."""
    if PLAYWRIGHTS[0] is not None:
        asyncio._set_running_loop(PLAYWRIGHTS[0])


def let_loop_rest():
    PLAYWRIGHTS[0] = asyncio._get_running_loop()
    asyncio._set_running_loop(None)


@pytest.fixture(autouse=True)
def _loop_of_playwright(request):
    """Other tests of the same process may begin a loop of their own."""
    request.getfixturevalue("browser")
    let_loop_run()
    yield
    let_loop_rest()


@contextmanager
def tabs(browser, lab):
    """A function that opens a place of the lab in a new window; raises AssertionError in the end if one had an error."""
    windows, errors = [], []

    def opened(place="", width=1280, height=800, visits=False, **manners):
        window = browser.new_context(viewport={"width": width, "height": height}, locale="en", **manners)
        windows.append(window)
        page = window.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(lab.entry(place, visits))
        return page

    yield opened
    for window in windows:
        window.close()
    assert errors == []


@pytest.fixture
def tab(browser, lab):
    """A function that opens a place of the lab in a new window; its errors fail the test."""
    with tabs(browser, lab) as opened:
        yield opened


@pytest.fixture(scope="module")
def kept_tab(browser, lab):
    """The same, whose windows stay for all tests of a module."""
    let_loop_run()
    with tabs(browser, lab) as opened:
        let_loop_rest()
        yield opened
        let_loop_run()
    let_loop_rest()
