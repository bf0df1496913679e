"""What pages of the lab that look on cost a training beside them: its updates a second, and a CPU second, with them and without.

    python -m benchmarks.lab_beside [--pages 60] [--pairs 8] [--seconds 5]

One training in a process of its own, which is long enough for all; windows of some seconds with and without the pages take turns,
so that whatever else the machine does falls on both. Each page is a WebSocket that follows the run and acknowledges what it is shown;
all are opened and closed again for each window.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from benchmarks.common import keep

WATCH = {"id": 1, "call": "training.watch", "with": {"chosen": ["beside"]}}


def follow(page: ClientConnection) -> None:
    """Take what comes, and say that it was seen, until the socket is closed."""
    with suppress(ConnectionClosed):
        acknowledge(page)


def acknowledge(page: ClientConnection) -> None:
    seen: dict[str, int] = {}
    for message in page:
        text = message if isinstance(message, str) else message[4 : 4 + int.from_bytes(message[:4], "little")].decode()
        name = json.loads(text).get("channel")
        if name:
            seen[name] = seen.get(name, 0) + 1
            page.send(json.dumps({"channel": name, "seen": seen[name]}))


def opened(url: str, token: str, stack: ExitStack) -> None:
    address = url.replace("http", "ws", 1) + "socket"
    page = stack.enter_context(
        connect(address, origin=url.rstrip("/"), additional_headers={"Authorization": f"Bearer {token}"})
    )  # type: ignore[arg-type]
    page.send(json.dumps({"open": ""}))
    page.recv()
    page.send(json.dumps(WATCH))
    threading.Thread(target=follow, args=(page,), daemon=True).start()


def window(run: Path, process: psutil.Process, lab: psutil.Process, seconds: float) -> dict[str, float]:
    """Updates a second and a CPU second of the training, and the share of a core that the lab takes meanwhile."""

    def now() -> tuple[float, float, float, int]:
        last = (told := json.loads((run / "progress.json").read_text()))["at"]
        while told["at"] == last:  # written now: its updates are those of this moment
            time.sleep(0.01)
            told = json.loads((run / "progress.json").read_text())
        updates = told["epoch"] * told["steps"] + told["step"]
        return time.perf_counter(), sum(process.cpu_times()[:2]), sum(lab.cpu_times()[:2]), updates

    before = now()
    time.sleep(seconds)
    wall, cpu, of_lab, updates = (after - was for after, was in zip(now(), before, strict=True))
    return {"a second": updates / wall, "a CPU second": updates / cpu, "cores of the lab": of_lab / wall}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs, token = Path(folder) / "runs", Path(folder) / "token"
        words = ["lab", "--runs", str(runs), "--port", "0", "--no-browser", "--json", "--token-file", str(token)]
        lab = subprocess.Popen([sys.executable, "-m", "profundo", *words], stdout=subprocess.PIPE, text=True)
        long = [
            "train",
            "digits",
            "--net",
            "lenet5",
            "--epochs",
            "1000000",
            "--no-doctor",
            "--out",
            str(runs / "beside"),
        ]
        training = subprocess.Popen([sys.executable, "-m", "profundo", *long], stderr=subprocess.DEVNULL)
        try:
            result = measured(lab, runs / "beside", training.pid, token, asked)
        finally:
            training.kill()
            training.wait()
            lab.terminate()
            lab.wait()
    print(result)
    keep("lab_beside", result)


def measured(lab: Any, run: Path, pid: int, token: Path, asked: Any) -> dict[str, Any]:
    told = ""
    while not told.endswith("}\n"):
        told += lab.stdout.readline()
    url = json.loads(told)["url"]
    while not (run / "history.csv").is_file():
        time.sleep(0.2)
    time.sleep(2)
    beside, process = psutil.Process(lab.pid), psutil.Process(pid)
    files, memory = beside.num_fds(), beside.memory_info().rss
    found: dict[str, list[dict[str, float]]] = {"alone": [], "watched": []}
    for _ in range(asked.pairs):
        found["alone"].append(window(run, process, beside, asked.seconds))
        with ExitStack() as pages:
            for _ in range(asked.pages):
                opened(url, token.read_text().strip(), pages)
            time.sleep(1)
            found["watched"].append(window(run, process, beside, asked.seconds))
        time.sleep(1)
    ratios = {
        name: [w[name] / a[name] for a, w in zip(found["alone"], found["watched"], strict=True)]
        for name in ("a second", "a CPU second")
    }
    return {
        "pages": asked.pages,
        "updates, watched over alone": {name: summary(values) for name, values in ratios.items()},
        "cores of the lab": {name: summary([one["cores of the lab"] for one in rows]) for name, rows in found.items()},
        "left over": {"descriptors": beside.num_fds() - files, "MB": (beside.memory_info().rss - memory) / 1e6},
    }


def summary(values: list[float]) -> dict[str, float]:
    return {"least": min(values), "median": statistics.median(values), "most": max(values)}


if __name__ == "__main__":
    main()
