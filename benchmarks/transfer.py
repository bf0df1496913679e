"""Few photographs: a new net, the output layer of a pretrained one, and all of it fine-tuned, on the same samples.

    python -m benchmarks.transfer [--data cifar10 traffic-signs] [--counts 20 100] [--seeds 0 1 2] [--size 96] [--test 1000]

Needs cifar10/cifar10-jpg.zip and traffic-signs/gtsrb-jpg.zip in PROFUNDO_DATA, and profundo[pretrained]. So many images of each
class are drawn by the seed from the set's own training images, enlarged to `size` pixels, a tenth of them to validate; of the
signs, whole tracks, since some 30 photographs show one and the same sign, and validation by tracks. The test is a subset of the
set's own, the same for every seed. The new net is the one that Profundo takes for images, in the size that the images have.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import train
from profundo.studies.study import figures_on

__all__ = ["main"]

RESULTS = Path(__file__).parent / "results"
WAYS: dict[str, dict[str, Any]] = {
    "scratch": {},
    "frozen": {"pretrained": "efficientnet_lite0", "freeze": True},
    "fine-tuned": {"pretrained": "efficientnet_lite0"},
}
SETS = {"cifar10": "cifar10-jpg.zip", "traffic-signs": "gtsrb-jpg.zip"}
TRACKS = "group:.*_"


def laid_out(packed: zipfile.ZipFile, folder: Path, name: str, count: int, test: int, seed: int) -> None:
    """train/ with so many images of each class, by the seed, and test/ with so many in all, always the same."""
    members: dict[str, dict[str, list[str]]] = {"train": defaultdict(list), "test": defaultdict(list)}
    for path in sorted(packed.namelist()):
        split, _, rest = path.partition("/")
        if split in members and rest.endswith(".jpg"):
            members[split][rest.split("/")[0]].append(path)
    classes = len(members["train"])
    for split, by_class in members.items():
        draw = random.Random(f"{split} {seed if split == 'train' else 0}")
        for kind, paths in by_class.items():
            many = count if split == "train" else -(-test // classes)
            for path in chosen(paths, many, draw, tracks=name == "traffic-signs" and split == "train"):
                (folder / split / kind).mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(packed.read(path))


def chosen(paths: list[str], count: int, draw: random.Random, *, tracks: bool) -> list[str]:
    """By chance; of tracks as many different ones as can be, in turn."""
    if not tracks:
        return draw.sample(paths, min(count, len(paths)))
    by_track = defaultdict(list)
    for path in draw.sample(paths, len(paths)):
        by_track[path.rpartition("_")[0]].append(path)
    turns = sorted((place, track, path) for track, own in by_track.items() for place, path in enumerate(own))
    return [path for _, _, path in turns[:count]]


def measured(folder: Path, name: str, way: str, size: int, seed: int, settings: dict[str, Any]) -> dict[str, float]:
    """Validation and test accuracy of one training, and its seconds."""
    asked = {"image_size": size if way != "scratch" else 32} | WAYS[way] | settings
    if name == "traffic-signs":
        asked["split_by"] = TRACKS
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        run = train(new_experiment(data=str(folder), seed=seed, **asked), out=Path(place) / "run")
    assert run.scores is not None
    validation = figures_on(run, run.data.validation)["accuracy"]
    return {
        "validation": validation,
        "test": run.scores.values["accuracy"],
        "epochs": len(run.history),
        "seconds": round(time.perf_counter() - begin, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--counts", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--set", default="{}", help="other settings, as JSON; their results are not kept")
    options = parser.parse_args()
    settings = json.loads(options.set)
    for name in options.data:
        path = RESULTS / f"transfer-{name}.json"
        results: dict[str, dict[str, float]] = json.loads(path.read_text()) if path.exists() else {}
        packed = zipfile.ZipFile(Path(os.environ["PROFUNDO_DATA"]) / name / SETS[name])
        for count in options.counts:
            for seed in options.seeds:
                with tempfile.TemporaryDirectory() as place:
                    laid_out(packed, Path(place) / name, name, count, options.test, seed)
                    for way in options.ways:
                        key = f"{way}, {count} a class, seed {seed}, {options.size} pixels, {options.test} to test"
                        if settings or key not in results:
                            one = measured(Path(place) / name, name, way, options.size, seed, settings)
                            if not settings:
                                results[key] = one
                                path.write_text(json.dumps(results, indent=2) + "\n")
                        else:
                            one = results[key]
                        print(f"{name}: {key}: {one} {settings or ''}", flush=True)


if __name__ == "__main__":
    main()
