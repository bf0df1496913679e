"""A lab that runs, and a real Chromium that looks at it: without one the tests are skipped, but not where all must be tested."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class RunningLab:
    """url: without the token; runs: its folder of trainings."""

    url: str
    token: str
    runs: Path

    def entry(self, place: str = "") -> str:
        return f"{self.url}?token={self.token}{place}"


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """One for all tests of a process: each opens a tab, that is a desk, of its own."""
    folder = tmp_path_factory.mktemp("lab")
    words = (
        "lab",
        "--runs",
        folder / "runs",
        "--port",
        "0",
        "--no-browser",
        "--json",
        "--token-file",
        folder / "token",
    )
    with subprocess.Popen(
        [sys.executable, "-m", "profundo", *map(str, words)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield RunningLab(read_url(process), (folder / "token").read_text().strip(), folder / "runs")
        finally:
            process.terminate()


def read_url(process):
    """From the one JSON object that the command prints."""
    text = ""
    for line in process.stdout:
        text += line
        try:
            return json.loads(text)["url"]
        except ValueError:
            continue
    raise AssertionError(f"the lab ended: {text}")


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
        opened.close()


@pytest.fixture
def tab(browser, lab):
    """A function that opens a place of the lab in a new window; its errors fail the test."""
    windows, errors = [], []

    def opened(place="", width=1280, height=800, **manners):
        window = browser.new_context(viewport={"width": width, "height": height}, locale="en", **manners)
        windows.append(window)
        page = window.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(lab.entry(place))
        return page

    yield opened
    for window in windows:
        window.close()
    assert errors == []
