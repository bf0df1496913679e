"""How quick the lab is, in a real browser: updates a second of a 3×8 net with all its maps, a click's answer, the first view, the lag
of a slowed browser, and what the page weighs.

    python -m benchmarks.lab [--seconds 5] [--rival FOLDER]

Chromium without a GPU, on the machine that computes, too: both share its cores. rival: a checkout of TensorFlow Playground, whose net
(src/nn.ts) then trains the same layers on as many points in the same browser, without drawing anything.
"""

from __future__ import annotations

import argparse
import gzip
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from benchmarks.common import keep

NET = "data=circle&hidden=8,8,8&epochs=1000000"  # 250 points to train on, batches of 10: 25 updates an epoch
EPOCH = "() => Number(document.querySelector('.counter dd').textContent.replace(/[^0-9]/g, ''))"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FRAMES = """seconds => new Promise(done => {
  const plane = document.querySelector('.plane canvas').getContext('2d'), put = plane.putImageData.bind(plane);
  let count = 0;
  plane.putImageData = (...given) => { count += 1; put(...given); };
  setTimeout(() => done(count / seconds), 1000 * seconds);
})"""
CLICK = """() => new Promise(done => {
  const dd = document.querySelectorAll('.counter dd')[2], before = dd.textContent, begin = performance.now();
  new MutationObserver((_, watch) => { if (dd.textContent !== before) { watch.disconnect(); done(performance.now() - begin); } })
    .observe(dd, {characterData: true, childList: true, subtree: true});
  [...document.querySelectorAll('.controls button')][1].click();
})"""
RIVAL = """import * as nn from "./nn";
const points = Array.from({length: 250}, (_, index) => {
  const far = index % 2, radius = far ? 3.5 + 1.5 * Math.random() : 2.5 * Math.random(), angle = 2 * Math.PI * Math.random();
  return {x: radius * Math.cos(angle), y: radius * Math.sin(angle), label: far ? -1 : 1};
});
export default (seconds) => {
  const net = nn.buildNetwork([2, 8, 8, 8, 1], nn.Activations.TANH, nn.Activations.TANH, null, ["x", "y"]);
  const begin = performance.now();
  let epochs = 0;
  for (; performance.now() - begin < 1000 * seconds; epochs += 1)
    points.forEach(({x, y, label}, index) => {
      nn.forwardProp(net, [x, y]);
      nn.backProp(net, label, nn.Errors.SQUARE);
      if ((index + 1) % 10 === 0) nn.updateWeights(net, 0.03, 0);
    });
  return 1000 * epochs / (performance.now() - begin);
};
"""
LIBRARY = "build: {outDir: 'out', lib: {entry: 'race.ts', name: 'race', formats: ['iife'], fileName: () => 'race.js'}}"
PAUSED = """() => new Promise(done => {
  const begin = performance.now(), dd = document.querySelector('.counter dd');
  let last = begin;
  new MutationObserver(() => { last = performance.now(); }).observe(dd, {characterData: true, childList: true, subtree: true});
  document.querySelector('button.main').click();
  setTimeout(() => done(last - begin), 3000);
})"""


@contextmanager
def running_lab() -> Iterator[tuple[str, str]]:
    """Address with the token, and the address alone, of a lab in a process of its own."""
    import json
    import sys

    with tempfile.TemporaryDirectory() as folder:
        token = Path(folder) / "token"
        words = ["lab", "--runs", f"{folder}/runs", "--port", "0", "--no-browser", "--json", "--token-file", str(token)]
        with subprocess.Popen([sys.executable, "-m", "profundo", *words], stdout=subprocess.PIPE, text=True) as process:
            told = ""
            while not told.endswith("}\n"):
                assert process.stdout is not None
                told += process.stdout.readline()
            url = json.loads(told)["url"]
            try:
                yield f"{url}?token={token.read_text().strip()}", url
            finally:
                process.terminate()


def opened(browser: Any, entry: str) -> Any:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"{entry}#/playground?{NET}")
    page.wait_for_selector(".drawing path[stroke]", state="attached")
    return page


def first_view(browser: Any, entry: str) -> float:
    """Seconds from asking for the address to a net that is drawn."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(entry)  # the token is in its cookie now
    page.goto("about:blank")
    begin = page.evaluate("Date.now()")
    page.goto(f"{entry.partition('?')[0]}#/playground")
    page.wait_for_selector(".drawing path[stroke]", state="attached")
    return float(page.evaluate("Date.now()") - begin) / 1000


def pace(page: Any, speed: str, seconds: float) -> dict[str, float]:
    """Frames and epochs a second while it runs."""
    page.locator(".controls select").select_option(speed)
    page.locator("button.main").click()
    page.wait_for_timeout(1000)
    before = page.evaluate(EPOCH)
    frames = page.evaluate(FRAMES, seconds)
    after = page.evaluate(EPOCH)
    page.locator("button.main").click()
    page.wait_for_timeout(300)
    return {"frames a second": frames, "epochs a second": (after - before) / seconds}


def slowed(page: Any) -> dict[str, float]:
    """A browser eight times slower: how long a click on Pause takes to stop what is shown."""
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 8})
    page.locator("button.main").click()
    page.wait_for_timeout(3000)
    took = page.evaluate(PAUSED)
    return {"milliseconds until nothing moves": took}


def rival(browser: Any, folder: Path, seconds: float) -> float:
    """Epochs a second of TensorFlow Playground's net, bundled from its source."""
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(folder / "src" / "nn.ts", place)
        (Path(place) / "race.ts").write_text(RIVAL)
        web = Path(__file__).parent.parent / "web"
        config = Path(place) / "vite.config.mjs"
        config.write_text(f"export default {{root: {place!r}, {LIBRARY}}};")
        subprocess.run(["npx", "vite", "build", "--config", str(config), "--logLevel", "error"], cwd=web, check=True)
        page = browser.new_context().new_page()
        page.evaluate((Path(place) / "out" / "race.js").read_text() + "; globalThis.race = race; 0")
        return float(page.evaluate("seconds => race(seconds)", seconds))


LATER = re.compile(r"relief3d|texts-(?!en)|NOTICES")  # is loaded when asked for, or never


def weight() -> dict[str, int]:
    """Bytes of the page's files, packed as they are sent."""
    folder = files("profundo.lab").joinpath("static", "lab")
    return {entry.name: len(gzip.compress(entry.read_bytes())) for entry in folder.iterdir()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rival", type=Path)
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with running_lab() as (entry, _), sync_playwright() as tools:
        browser = tools.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-headless-shell"), args=FLAGS
        )
        result: dict[str, Any] = {"first view, seconds": sorted(first_view(browser, entry) for _ in range(5))}
        page = opened(browser, entry)
        result |= {speed: pace(page, speed, asked.seconds) for speed in ("epoch", "fast")}
        clicks = sorted(page.evaluate(CLICK) for _ in range(100))
        result["a click, milliseconds"] = {"median": statistics.median(clicks), "p95": clicks[94]}
        result["eight times slower"] = slowed(page)
        if asked.rival:
            result["TensorFlow Playground's net alone, epochs a second"] = rival(browser, asked.rival, asked.seconds)
        browser.close()
    sizes = weight()
    result["kilobytes, packed"] = {
        "in English, without 3-D": sum(size for name, size in sizes.items() if not LATER.match(name)) / 1000,
        "by file": {n: s / 1000 for n, s in sizes.items()},
    }
    print(result)
    keep("lab", result)


if __name__ == "__main__":
    main()
