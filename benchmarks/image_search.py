"""Image search on CIFAR-10: how many of the ten nearest images are of the query's class, by what is compared; what codes lose; and
how long a search takes.

    python -m benchmarks.image_search [--gallery 10000] [--queries 1000] [--run FOLDER] [--only quality,speed]

The gallery is of training images, as many of each class; queries are test images. The size that EfficientNet-Lite0 sees was chosen
by 1,000 other training images as queries ("by validation" below).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.common import data_folder, keep, show
from profundo.data.streams.archives import open_files
from profundo.evaluate.retrieval import mean_average_precision, precision_at
from profundo.use.image_search.encoders import Encoder, encoder_named
from profundo.use.image_search.exact_search import best
from profundo.use.image_search.hash_codes import SET_BITS, learned_codes
from profundo.use.image_search.image_index import ImageIndex, Part, kept, written

SIZES, BITS = (64, 96, 128), (16, 32, 64, 128, 256)


def chosen(split: str, each: int, skip: int = 0) -> tuple[list[bytes], Tensor]:
    """Files and classes of CIFAR-10, as many of each class."""
    files = open_files(data_folder() / "cifar10" / "cifar10-jpg.zip")
    classes = sorted({parts[-2] for parts in files.paths})
    contents, labels = [], []
    for number, name in enumerate(classes):
        own = [index for index, parts in enumerate(files.paths) if split in parts and parts[-2] == name][
            skip : skip + each
        ]
        contents += [files.read(index) for index in own]
        labels += [number] * len(own)
    return contents, torch.tensor(labels)


def features_of(encoder: Encoder, contents: list[bytes]) -> Tensor:
    rows = [
        encoder([encoder.read(content) for content in contents[begin : begin + 64]])
        for begin in range(0, len(contents), 64)
    ]
    return torch.cat(rows)


def judged(gallery: Tensor, queries: Tensor, labels: Tensor, asked: Tensor) -> dict[str, float]:
    likeness = queries @ gallery.T
    return {
        "precision@10": precision_at(likeness.topk(10).indices, labels, asked),
        "mAP": mean_average_precision(likeness, labels, asked),
        "features": gallery.shape[1],
    }


def by_code(gallery: Tensor, queries: Tensor, labels: Tensor, asked: Tensor, bits: int) -> dict[str, float]:
    """By codes alone, and by codes and then features of a hundred candidates."""
    codes = learned_codes(gallery, bits)
    own, theirs = codes(gallery), codes(queries)
    distances = torch.stack([torch.from_numpy(SET_BITS[own ^ one].sum(1, dtype=np.int64)) for one in theirs])
    few = distances.argsort(dim=1, stable=True)[:, :100]
    likeness = torch.einsum("qf,qkf->qk", queries, gallery[few])
    again = few.gather(1, likeness.topk(10).indices)
    return {
        "precision@10": precision_at(few[:, :10], labels, asked),
        "mAP": mean_average_precision(-distances.double(), labels, asked),
        "precision@10, candidates by codes": precision_at(again, labels, asked),
        "bytes an image": bits / 8,
    }


def quality(gallery: int, queries: int, run: Path | None) -> dict[str, Any]:
    (contents, labels), (wanted, asked) = chosen("train", gallery // 10), chosen("test", queries // 10)
    own, own_labels = chosen("train", 100, skip=gallery // 10)
    results: dict[str, Any] = {"gallery": gallery, "queries": queries, "by validation": {}}
    found: dict[str, Tensor] = {}
    for size in SIZES:
        encoder = encoder_named("efficientnet_lite0", size)
        found[str(size)] = features_of(encoder, contents)
        value = judged(found[str(size)], features_of(encoder, own), labels, own_labels)
        results["by validation"][f"efficientnet_lite0, {size} pixels"] = value
        print(size, value, flush=True)
    size = max(SIZES, key=lambda one: results["by validation"][f"efficientnet_lite0, {one} pixels"]["precision@10"])
    encoders = {
        "pixels": encoder_named("pixels"),
        f"efficientnet_lite0, {size} pixels": encoder_named("efficientnet_lite0", size),
    }
    if run is not None:
        encoders["residual net of the gallery’s own data"] = encoder_named(run)
    table = {}
    for name, encoder in encoders.items():
        rows = found[str(size)] if name.startswith("efficientnet") else features_of(encoder, contents)
        seen = features_of(encoder, wanted)
        table[name] = judged(rows, seen, labels, asked)
        print(name, table[name], flush=True)
        if encoder.net is not None:
            results[f"codes of {name}"] = {bits: by_code(rows, seen, labels, asked, bits) for bits in BITS}
    return results | {"by what is compared": table}


def speed() -> dict[str, Any]:
    """Of a search among random features, from the folder, with the files in the system's cache."""
    draws, table = torch.Generator().manual_seed(0), {}
    for images in (10_000, 100_000):
        with tempfile.TemporaryDirectory() as place:
            index = ImageIndex(Path(place), "", "pixels", 32, "", 1280)
            parts: list[Part] = []
            for number in range(0, images, 4096):
                some = min(4096, images - number)
                values = torch.nn.functional.normalize(torch.randn(some, 1280, generator=draws), dim=1)
                parts.append(written(Path(place), len(parts), [(str(number + row), "") for row in range(some)], values))
            index = kept(index, tuple(parts))
            query, taken = values[0], []
            for _ in range(7):
                started = time.perf_counter()
                likeness, _ = best(index, query, 10)
                taken.append(time.perf_counter() - started)
            assert likeness[0] > 0.99
        table[f"{images:,} images of 1,280 features"] = {"median seconds": sorted(taken)[3], "fastest": min(taken)}
    show(table)
    return table


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gallery", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--only", default="quality,speed")
    given = parser.parse_args()
    for part in given.only.split(","):
        keep(f"image_search-{part}", speed() if part == "speed" else quality(given.gallery, given.queries, given.run))


if __name__ == "__main__":
    main()
