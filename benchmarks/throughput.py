"""Data that stream: a pass of ours beside a plain DataLoader as one would write it, on the same samples, in turn.

Images: 12,000 of CIFAR-10 as JPEG files of 32×32, and 4,000 of them enlarged to 256×256 and saved anew; plain is a Dataset
that opens a file with Pillow, standardises it and hands it to a DataLoader with two workers; ours reads the same folder, and
tar shards of it. A table: 200,000 rows of 20 numbers in Parquet; plain is a Dataset over the table in memory, ours reads the
file. Every pass gives standardised float32 batches of 128 (images) or 256 (rows). Workers begin in each pass of plain, as
they do without persistent_workers; beside it plain with them.

    python -m benchmarks.throughput [--rounds 7]
"""

from __future__ import annotations

import argparse
import io
import tempfile
import zipfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.common import data_folder, in_turn, keep, ratios, show
from profundo.data import load
from profundo.data.batches import batches
from profundo.data.streams.shard_packing import write_shards
from profundo.train.hardware import keep_heap

IMAGES, ROWS, WORKERS = 128, 256, 2
KINDS = {"32×32": (12_000, 32), "256×256": (4_000, 256)}


class Files(Dataset[tuple[Tensor, int]]):
    """Images in a folder of folders, as one writes it by hand."""

    def __init__(self, folder: Path) -> None:
        classes = sorted(path.name for path in folder.iterdir())
        self.files = [(path, label) for label, name in enumerate(classes) for path in sorted((folder / name).iterdir())]
        self.mean, self.std = torch.full((3, 1, 1), 0.45), torch.full((3, 1, 1), 0.25)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.files[index]
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB"))
        return (torch.from_numpy(pixels).permute(2, 0, 1).float() / 255 - self.mean) / self.std, label


class Table(Dataset[tuple[Tensor, Tensor]]):
    """Rows of a table in memory."""

    def __init__(self, path: Path) -> None:
        values = torch.from_numpy(polars.read_parquet(path).to_numpy().astype(np.float32))
        inputs = values[:, :-1]
        self.inputs, self.targets = (inputs - inputs.mean(0)) / inputs.std(0), values[:, -1]

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.inputs[index], self.targets[index]


def write_images(folder: Path, number: int, side: int) -> None:
    with zipfile.ZipFile(data_folder() / "cifar10" / "cifar10-jpg.zip") as packed:
        names = [name for name in packed.namelist() if "train/" in name and name.endswith(".jpg")]
        for name in sorted(names, key=lambda name: name.rsplit("/", 1)[1])[:number]:
            content, place = packed.read(name), folder / Path(name).parent.name / Path(name).name
            place.parent.mkdir(parents=True, exist_ok=True)
            if side == 32:
                place.write_bytes(content)
            else:
                image = Image.open(io.BytesIO(content)).resize((side, side), Image.Resampling.BICUBIC)
                image.save(place, quality=90)


def write_table(path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(200_000, 21)).astype(np.float32)
    polars.DataFrame({f"x{place}": values[:, place] for place in range(20)} | {"y": values[:, 20]}).write_parquet(
        path, row_group_size=25_000
    )


def plain(data: Dataset[Any], size: int, samples: int, persistent: bool) -> Callable[[], object]:
    """A pass over as many samples as ours trains on."""
    part = torch.utils.data.Subset(data, range(samples))
    loader = DataLoader(part, size, shuffle=True, drop_last=True, num_workers=WORKERS, persistent_workers=persistent)

    def epoch() -> None:
        for _ in loader:
            pass

    return epoch


def ours(data: Any, size: int) -> Callable[[], object]:
    coming, epochs = batches(data.train, data.spec, size, workers=WORKERS), count()

    def epoch() -> None:
        for _ in coming.epoch(next(epochs)):
            pass

    return epoch


def compared(works: dict[str, Callable[[], object]], samples: int, rounds: int) -> dict[str, dict[str, float]]:
    """Seconds against plain's, and samples a second."""
    table = ratios(in_turn(works, rounds), "plain")
    for row in table.values():
        row["samples/s"] = round(samples / row["median seconds"])
        row["times as fast as plain"] = round(1 / row["median ratio"], 3)
        row["from"], row["to"] = round(1 / row.pop("largest ratio"), 3), round(1 / row.pop("smallest ratio"), 3)
        del row["median ratio"], row["ratio of fastest"]
    show(table)
    return table


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)  # two workers and the parent share two cores
    keep_heap()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for kind, (number, side) in KINDS.items():
            folder, shards = Path(scratch) / kind, Path(scratch) / f"{kind}-shards"
            write_images(folder, number, side)
            write_shards(folder, shards, samples=number // 6)
            files, tar = load(folder, stream=True), load(shards, stream=True)
            samples = len(files.train)
            works = {
                "plain": plain(Files(folder), IMAGES, samples, False),
                "plain, workers kept": plain(Files(folder), IMAGES, samples, True),
                "ours, folder": ours(files, IMAGES),
                "ours, tar shards": ours(tar, IMAGES),
            }
            print(f"images of {kind}, {samples:,} a pass")
            result[f"images of {kind}"] = compared(works, samples, rounds)
        path = Path(scratch) / "table.parquet"
        write_table(path)
        data = load(path, target="y", stream=True)
        samples = len(data.train)
        works = {
            "plain": plain(Table(path), ROWS, samples, False),
            "plain, workers kept": plain(Table(path), ROWS, samples, True),
            "ours, Parquet": ours(data, ROWS),
        }
        print(f"rows of 20 numbers, {samples:,} a pass")
        result["rows"] = compared(works, samples, rounds)
    keep("throughput", result)


if __name__ == "__main__":
    main()
