"""What `profundo serve` takes for an answer: requests a second and milliseconds, at 1, 4 and 16 clients at once.

Every client keeps its connection and asks again as soon as it has its answer; each request holds one image, or one row.
Server and clients share the machine. Beside it the same prediction called as a function, one after the other, so that
the rest is what HTTP, the guard and the queue cost. The time until the first answer counts from the start of the process.

    python -m benchmarks.serving [--seconds 5]
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.common import keep, show
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import train
from profundo.use.predicting import predictor

RUNS = {
    "digits, mlp, 8×8 grey PNG": {"data": "digits", "net": "mlp", "epochs": 1},
    "MNIST, fast_cnn, 28×28 grey PNG": {"data": "mnist", "epochs": 1},
    "wine, mlp, a row of JSON": {"data": "wine", "epochs": 1},
}
CLIENTS = (1, 4, 16)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    table: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as place:
        for name, settings in RUNS.items():
            run = Path(place) / str(settings["data"])
            train(new_experiment(**settings), out=run)
            table |= {f"{name}: {row}": figures for row, figures in measured(run, asked.seconds).items()}
    show(table)
    keep("serving", {"seconds each": asked.seconds, "answers": table})


def measured(run: Path, seconds: float) -> dict[str, dict[str, float]]:
    ready = predictor(run)
    body, kind = question(ready)
    found = {"as a function": called(ready, body, seconds)}
    started = time.perf_counter()
    command = [sys.executable, "-m", "profundo", "serve", str(run), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        told = b""
        while not told.endswith(b"}\n"):
            told += server.stdout.readline()
        address = json.loads(told)
        token = Path(address["token_file"]).read_text().strip()
        host = address["url"].removeprefix("http://").rstrip("/")
        asking(host, token, body, kind, 0.0)
        found["until the first answer"] = {"milliseconds": 1000 * (time.perf_counter() - started)}
        asking(host, token, body, kind, 1.0)
        for clients in CLIENTS:
            with ProcessPoolExecutor(min(clients, 4), get_context("spawn")) as pool:
                parts = [
                    pool.submit(crowd, host, token, body, kind, seconds, clients // min(clients, 4))
                    for _ in range(min(clients, 4))
                ]
                times = [one for part in parts for one in part.result()]
            found[f"{clients} at once"] = summed(times, seconds)
        server.terminate()
    return found


def question(ready: Any) -> tuple[bytes, str]:
    """One input as a client sends it, and its media type."""
    inputs = ready.spec.inputs
    if inputs.kind == "image":
        file = io.BytesIO()
        pixels = np.random.default_rng(0).integers(0, 256, inputs.shape[1:], dtype=np.uint8)
        Image.fromarray(pixels).save(file, "PNG")
        return file.getvalue(), "image/png"
    row = dict(zip(inputs.names, inputs.mean, strict=True))
    return json.dumps({"rows": [row]}).encode(), "application/json"


def called(ready: Any, body: bytes, seconds: float) -> dict[str, float]:
    times = []
    end = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end:
        if ready.spec.inputs.kind == "image":
            ready.images([body])
        else:
            ready.rows(json.loads(body)["rows"])
        times.append(time.perf_counter() - begun)
    return summed(times, seconds)


def crowd(host: str, token: str, body: bytes, kind: str, seconds: float, clients: int) -> list[float]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(clients) as pool:
        parts = [pool.submit(asking, host, token, body, kind, seconds) for _ in range(clients)]
        return [one for part in parts for one in part.result()]


def asking(host: str, token: str, body: bytes, kind: str, seconds: float) -> list[float]:
    """Seconds of each answer, one question after the other; one at least."""
    client = http.client.HTTPConnection(host, timeout=60)
    headers = {"authorization": f"Bearer {token}", "content-type": kind}
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        begun = time.perf_counter()
        client.request("POST", "/predict", body, headers)
        answer = client.getresponse()
        content = answer.read()
        times.append(time.perf_counter() - begun)
        assert answer.status == 200, content
    client.close()
    return times


def summed(times: list[float], seconds: float) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "answers/s": len(times) / seconds,
        "p50 ms": 1000 * statistics.median(ordered),
        "p99 ms": 1000 * ordered[int(0.99 * (len(ordered) - 1))],
    }


if __name__ == "__main__":
    main()
