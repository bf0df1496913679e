"""COCO's twelve figures of many detections: ours beside faster-coco-eval, which is written in C++, in seconds of the processor.

Each is handed what it takes: ours a `Detections` and an `Objects` for each image, the other the dictionaries of COCO's files. Its
objects are read before the clock starts; its detections are within it, as ours are, and once more before it, for what its
computing alone takes.

python -m benchmarks.average_precision [--images 1000] [--detections 20] [--classes 20]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.common import keep, measured_in_turn
from profundo.boxes import Detections, Objects
from profundo.evaluate.objects.coco_figures import coco_figures
from profundo.evaluate.objects.judged_scenes import scenes

SIDE = 640


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--detections", type=int, default=20)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    found, there = made(asked.images, asked.detections, asked.classes)
    works, figures = both(found, there, asked.classes)
    taken = measured_in_turn({name: lambda work=work: of_processor(work) for name, work in works.items()}, asked.rounds)
    seconds = {name: statistics.median(values) for name, values in taken.items()}
    ratios = {name: seconds["ours"] / value for name, value in seconds.items() if name != "ours"}
    print(f"{seconds}; ours / theirs {ratios}; AP {figures}")
    name = f"average_precision-{asked.images}x{asked.detections}"
    keep(name, {**vars(asked), "seconds": seconds, "ours / theirs": ratios, "AP": figures})


def made(images: int, detections: int, classes: int) -> tuple[list[Detections], list[Objects]]:
    """Half as many objects as detections; half of these near an object, a tenth of them called wrongly."""
    draw = torch.Generator().manual_seed(0)
    found, there = [], []
    for _ in range(images):
        boxes = boxes_anywhere(detections // 2, draw)
        kinds = torch.randint(classes, (len(boxes),), generator=draw)
        near = boxes + torch.randn(boxes.shape, generator=draw) * (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2) * 0.08
        others = boxes_anywhere(detections - len(boxes), draw)
        said = torch.where(
            torch.rand(len(kinds), generator=draw) < 0.9, kinds, torch.randint(classes, kinds.shape, generator=draw)
        )
        said = torch.cat([said, torch.randint(classes, (len(others),), generator=draw)])
        found.append(Detections(torch.cat([near, others]), said, torch.rand(detections, generator=draw)))
        there.append(Objects(boxes, kinds, torch.zeros(len(boxes), dtype=torch.bool)))
    return found, there


def boxes_anywhere(number: int, draw: torch.Generator) -> torch.Tensor:
    middle, size = torch.rand(number, 2, generator=draw) * SIDE, 10 + torch.rand(number, 2, generator=draw) ** 2 * 200
    return torch.cat([middle - size / 2, middle + size / 2], 1)


def both(
    found: list[Detections], there: list[Objects], classes: int
) -> tuple[dict[str, Callable[[], object]], dict[str, float]]:
    from faster_coco_eval import COCO, COCOeval_faster

    truth = COCO(
        {
            "images": [{"id": image, "width": SIDE, "height": SIDE} for image in range(len(there))],
            "annotations": [
                {**row, "id": at + 1, "iscrowd": 0, "area": row["bbox"][2] * row["bbox"][3]}
                for at, row in enumerate(rows(there))
            ],
            "categories": [{"id": kind, "name": str(kind)} for kind in range(classes)],
        }
    )
    answers = [
        {**row, "score": score}
        for row, score in zip(rows(found), (s for one in found for s in one.scores.tolist()), strict=True)
    ]
    figures: dict[str, float] = {}

    def read() -> Any:
        return truth.loadRes([dict(row) for row in answers])

    with contextlib.redirect_stdout(io.StringIO()):
        known = read()

    def theirs(reading: Callable[[], Any]) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            judge = COCOeval_faster(truth, reading(), "bbox", print_function=lambda *_: None)
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
        figures["faster-coco-eval"] = float(judge.stats[0])

    def ours() -> None:
        figures["ours"] = coco_figures(scenes(found, there), classes).ap

    works = {
        "ours": ours,
        "faster-coco-eval": lambda: theirs(read),
        "detections read before": lambda: theirs(lambda: known),
    }
    return works, figures


def rows(images: list[Any]) -> list[dict[str, Any]]:
    return [
        {"image_id": image, "category_id": kind, "bbox": [left, top, right - left, bottom - top]}
        for image, one in enumerate(images)
        for (left, top, right, bottom), kind in zip(one.boxes.tolist(), one.classes.tolist(), strict=True)
    ]


def of_processor(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
