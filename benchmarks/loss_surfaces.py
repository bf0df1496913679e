"""The pictures of Li et al. 2018 on digits: deep nets with and without shortcuts, small batches against large ones; and how long
a plane of 51 × 51 points takes of LeNet-5 on 2,000 digits.

    python -m benchmarks.loss_surfaces [--only shortcuts,batches,slices,speed]

shortcuts: residual nets of 20 and 44 layers and the same without shortcuts, trained alike; a random plane around each. A point
bends down where the loss on the plane has a direction of negative curvature there (second differences).
batches: the default dense net by momentum, in batches of 16 for 60 epochs and of all samples for 2,000, each at the rate, of
nine, with the least validation loss at seed 100. Seeds 0–4 draw weights and order.
slices: the same nets at the rates that batches chose, and the loss along two random directions of each, as one picture.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import profundo as pf
from benchmarks.common import RESULTS, data_folder, keep, mean_and_spread
from profundo.files import write_text
from profundo.inspect.landscape import Heights, landscape
from profundo.inspect.landscape_page import pictures
from profundo.pictures.charts import lines_svg
from profundo.pictures.sheet import standalone
from profundo.recipes.recipe_charts import band
from profundo.records import ProfundoError
from profundo.train.layout import lay_out

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
RATES = (0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


def bends_down(plane: Heights) -> float:
    """Share of the inner points at which the plane's own Hessian has a negative eigenvalue."""
    z, h = plane.losses, plane.across[1] - plane.across[0]
    xx = (z[1:-1, 2:] - 2 * z[1:-1, 1:-1] + z[1:-1, :-2]) / h**2
    yy = (z[2:, 1:-1] - 2 * z[1:-1, 1:-1] + z[:-2, 1:-1]) / h**2
    xy = (z[2:, 2:] - z[2:, :-2] - z[:-2, 2:] + z[:-2, :-2]) / (4 * h**2)
    least = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    scale = np.abs(np.stack((xx, yy))).max()
    return float((least < -1e-3 * scale).mean())


def shortcuts() -> dict[str, Any]:
    data, rows = pf.load("digits", seed=0), {}
    for depth in (20, 44):
        for has in (True, False):
            name = f"{'residual' if has else 'plain'}, {depth} layers"
            options = {"depth": depth, "widths": [8, 16, 32], "shortcuts": has}
            run = pf.fit(
                "resnet", data, net_options=options, optimizer="nesterov", learning_rate=0.1, weight_decay=5e-4, epochs=6,
                batch_size=64, seed=0, early_stop=None, out=False, precision="float32",
            )  # fmt: skip
            found = landscape(run, planes=["random"], points=25, samples=500, curvature=False)
            (plane,) = found.planes
            rows[name] = {
                "training loss": found.loss,
                "test accuracy": run.scores["accuracy"] if run.scores else float("nan"),
                "share of the plane that bends down": bends_down(plane),
                "loss at the edge, median": float(np.median(plane.losses[[0, -1]])),
                "highest loss": float(plane.losses.max()),
            }
            print(name, rows[name], flush=True)
            PICTURES.mkdir(exist_ok=True)
            file = PICTURES / f"surface-{'residual' if has else 'plain'}-{depth}.svg"
            write_text(file, standalone(pictures(found)[0].svg))
    return rows


def trained(data: Any, batch: int, rate: float, seed: int) -> Any:
    return pf.fit(
        "mlp", data, optimizer="momentum", learning_rate=rate, schedule="constant", weight_decay=0,
        epochs=60 if batch == 16 else 2000, batch_size=batch,
        seed=seed, early_stop=None, out=False, precision="float32",
    )  # fmt: skip


def batches() -> dict[str, Any]:
    data, rows = pf.load("digits", seed=0), {}
    for batch in (16, len(data.train)):
        tried = {}
        for rate in RATES:
            try:
                tried[rate] = trained(data, batch, rate, 100).history["validation loss"][-1]
            except ProfundoError:  # it diverged
                continue
        rate = min(tried, key=tried.__getitem__)
        columns: dict[str, list[float]] = {}
        for seed in range(5):
            run = trained(data, batch, rate, seed)
            found = landscape(run, planes=["random"], points=5, span=0.5)
            assert found.eigenvalues is not None
            assert found.trace is not None
            row = {
                "training loss": found.loss,
                "test accuracy": run.scores["accuracy"],
                "largest eigenvalue": found.eigenvalues.values[0],
                "trace": found.trace.value,
                "length of the weights": float(torch.cat([p.detach().flatten() for p in run.net.parameters()]).norm()),
                "rise, half a length away": float(np.median(found.planes[0].losses[[0, -1], :])) - found.loss,
            }
            for name, value in row.items():
                columns.setdefault(name, []).append(value)
        rows[f"batches of {batch}"] = {
            "rate": rate,
            "validation loss by rate, seed 100": tried,
            **{name: mean_and_spread(values) for name, values in columns.items()},
        }
        print(batch, rate, {name: statistics.fmean(values) for name, values in columns.items()}, flush=True)
    return rows


def slices() -> dict[str, Any]:
    """Mean over seeds and directions of the loss along random directions, by filters of equal length; from least to greatest."""
    data = pf.load("digits", seed=0)
    chosen = json.loads((RESULTS / "loss_surfaces-batches.json").read_text())
    lines, rows = [], {}
    for batch, name in ((16, "batches of 16"), (len(data.train), "all at once")):
        rate, along = chosen[f"batches of {batch}"]["rate"], []
        for seed in range(5):
            (plane,) = landscape(
                trained(data, batch, rate, seed), planes=["random"], points=41, curvature=False, seed=seed
            ).planes
            along += [plane.losses[20].tolist(), plane.losses[:, 20].tolist()]
        at, values = [round(a, 6) for a in plane.across], list(zip(*along, strict=True))
        lines.append(band(name, at, values))
        rows[name] = {
            "rate": rate,
            "along": at,
            "mean": list(lines[-1].y),
            "least": list(lines[-1].low),
            "greatest": list(lines[-1].high),
        }
        print(name, rate, [round(value, 4) for value in lines[-1].y[::5]], flush=True)
    chart = lines_svg(lines, x_label="along a random direction, in lengths of the weights", y_label="training loss")
    write_text(PICTURES / "small-and-large-batches.svg", standalone(chart))
    return rows


def speed() -> dict[str, Any]:
    """Of one call without curvature; processor seconds are those of all threads, however busy the machine is."""
    data = pf.load("mnist", data_dir=data_folder())
    torch.manual_seed(0)
    net = pf.nets.lenet5(data.spec)
    lay_out(net, torch.device("cpu"))
    started, worked = time.perf_counter(), time.process_time()
    landscape(net, data, planes=["random"], points=51, samples=2000, curvature=False)
    return {
        "points": 51 * 51,
        "seconds": time.perf_counter() - started,
        "processor seconds": time.process_time() - worked,
        "threads": torch.get_num_threads(),
    }


PARTS = {"shortcuts": shortcuts, "batches": batches, "slices": slices, "speed": speed}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(PARTS))
    for name in parser.parse_args().only.split(","):
        result = PARTS[name]()
        print(name, result)
        keep(f"loss_surfaces-{name}", result)


if __name__ == "__main__":
    main()
