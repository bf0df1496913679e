"""How often the 95 % interval of an average precision holds that of many images, by number of images; and how wide it is.

Images have 1 to 6 objects of three classes, each more or less hard to place; a tenth is missed, two detections are of nothing. The
true figure is the mean over eight draws of 5,000 images.

python -m benchmarks.precision_coverage [--rounds 200]
"""

from __future__ import annotations

import argparse

import torch

from benchmarks.average_precision import boxes_anywhere
from benchmarks.common import keep
from profundo.boxes import Detections, Objects
from profundo.evaluate.objects.coco_figures import coco_figures
from profundo.evaluate.objects.image_resampling import precision_interval
from profundo.evaluate.objects.judged_scenes import Scenes, scenes

CLASSES = 3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    asked = parser.parse_args()
    draw = torch.Generator().manual_seed(0)
    true = sum(coco_figures(made(5000, draw), CLASSES).ap for _ in range(8)) / 8
    result: dict[str, object] = {"rounds": asked.rounds, "AP of many images": true}
    for images in (20, 50, 200, 600):
        held, width = 0, 0.0
        for _ in range(asked.rounds):
            seen = made(images, draw)
            low, high = precision_interval(seen, CLASSES, coco_figures(seen, CLASSES).ap)
            held += low <= true <= high
            width += (high - low) / asked.rounds
        result[f"{images} images"] = {"held": held / asked.rounds, "mean width": width}
        print(images, result[f"{images} images"], flush=True)
    keep("precision_coverage", result)


def made(images: int, draw: torch.Generator) -> Scenes:
    found, there = [], []
    for _ in range(images):
        boxes = boxes_anywhere(int(torch.randint(1, 7, (), generator=draw)), draw)
        kinds, hard = (
            torch.randint(CLASSES, (len(boxes),), generator=draw),
            torch.rand((), generator=draw) * 0.18 + 0.01,
        )
        near = boxes + torch.randn(boxes.shape, generator=draw) * (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2) * hard
        scores = torch.rand(len(boxes), generator=draw) ** (4 * hard), torch.rand(2, generator=draw) ** 2
        kept = torch.cat([torch.rand(len(boxes), generator=draw) < 0.9, torch.ones(2, dtype=torch.bool)])
        said = torch.cat([kinds, torch.randint(CLASSES, (2,), generator=draw)])
        places = torch.cat([near, boxes_anywhere(2, draw)])
        found.append(Detections(places[kept], said[kept], torch.cat(scores)[kept]))
        there.append(Objects(boxes, kinds, torch.zeros(len(boxes), dtype=torch.bool)))
    return scenes(found, there)


if __name__ == "__main__":
    main()
