"""Detectors and segmenters on scenes of digits, and on blood cells: what each reaches in a given time.

    python -m benchmarks.detectors [--nets fcos faster_rcnn …] [--data digits cells] [--seeds 0 1 2] [--minutes 15] [--quick]

Digits: scenes of 128×128 pixels with 1 to 8 real MNIST digits, painted anew for every batch; 500 scenes of test digits, which
training never sees, are looked at once, at the end. Cells: blood-cells/bccd.zip of PROFUNDO_DATA in its own split, the longer side
320 pixels, mirrored both ways, zoomed and coloured at random. AdamW; the rate rises in the first hundredth of the time and falls
to nothing along a cosine; the clock counts steps with their data, not loading and judging. --quick: for seconds, nothing is kept.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.common import data_folder, keep
from profundo.boxes import unpacked
from profundo.data import load
from profundo.data.augmenting.augment import augmentation
from profundo.data.batches import generator
from profundo.data.sets.digit_scenes import digit_scenes, split_digits
from profundo.data.standard import standardize
from profundo.evaluate.objects.coco_figures import coco_figures
from profundo.evaluate.objects.judged_scenes import scenes
from profundo.nets import build
from profundo.object_masks import detections_in, found_table, table_of
from profundo.records import Dataset, Inputs, Spec, Targets
from profundo.train.layout import lay_out

__all__ = ["main"]

Draw = Callable[[int], tuple[Tensor, Any]]  # the number of a step → standardised images, targets

DETECTORS, SEGMENTERS = ("fcos", "faster_rcnn", "mask_rcnn"), ("unet", "fully_convolutional")
SIDE, CLASSES = 128, tuple("0123456789")
TESTED = 500  # scenes
TEST_SEED = 2


@dataclass(frozen=True, slots=True)
class Manner:
    """batch: images of a step; rate: the highest learning rate; options: of the net."""

    batch: int
    rate: float
    options: dict[str, Any]


MANNERS = {
    "fcos": Manner(4, 2e-3, {}),
    "faster_rcnn": Manner(4, 1e-3, {}),
    "mask_rcnn": Manner(4, 1e-3, {}),
    "unet": Manner(4, 3e-3, {"width": 16}),
    "fully_convolutional": Manner(4, 3e-3, {"width": 16}),
}
CELLS, CHANGES = Manner(4, 2e-3, {"finest": 8}), ["mirror", "flip", "zoom", "colour"]


def trained(
    net: nn.Module, cost: Callable[[Tensor, Any], Tensor], draw: Draw, rate: float, seconds: float
) -> dict[str, float]:
    """Train for so long, by the clock. Returns how many steps that were, and the seconds."""
    sides = [[one for one in net.parameters() if (one.dim() > 1) is weights] for weights in (True, False)]
    groups = [{"params": part, "weight_decay": decay} for part, decay in zip(sides, (1e-2, 0.0), strict=True)]
    optimizer = torch.optim.AdamW(groups, lr=rate)
    started, step = time.perf_counter(), 0
    while (share := (time.perf_counter() - started) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, share / 0.01) * (1 + math.cos(math.pi * share)) / 2
        loss = cost(*draw(step))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimizer.step()
        step += 1
    return {"steps": step, "seconds": round(time.perf_counter() - started, 1)}


# ------------------------------------------------------------------------------------------------------------- digits
def digit_spec(kind: str, digits: Tensor) -> Spec:
    classes = CLASSES if kind == "objects" else ("background", *CLASSES)
    mean, std = digits.float().mean().item(), digits.float().std().item()
    return Spec(Inputs((1, SIDE, SIDE), "image", mean=(mean,), std=(std,), longest=0), Targets(kind, classes))  # type: ignore[arg-type]


def pixel_classes(objects: Tensor, masks: Tensor) -> Tensor:
    """int64 (scenes, side, side): 0 for the background, 1 + the digit elsewhere."""
    kinds = torch.where(objects[..., 4] >= 0, objects[..., 4] + 1, 0)
    return (masks * kinds[:, :, None, None]).sum(1).long()


def on_digits(name: str, seed: int, seconds: float, tested: int) -> dict[str, float]:
    """One net, trained on new scenes and judged on scenes of test digits."""
    mnist, manner, pixels = load("mnist"), MANNERS[name], name in SEGMENTERS
    (train, _), spec = split_digits(mnist.train), digit_spec("mask" if pixels else "objects", sample(mnist))
    torch.manual_seed(seed)
    net = build(name, spec, **manner.options).train()
    lay_out(net, torch.device("cpu"))

    def draw(step: int) -> tuple[Tensor, Any]:
        new = digit_scenes(train, manner.batch, seed=1000 + seed, first=step * manner.batch, side=SIDE)
        targets = pixel_classes(new.objects, new.masks) if pixels else {"objects": new.objects, "masks": new.masks}
        return standardize(new.images, spec.inputs).to(memory_format=torch.channels_last), targets

    def cost(images: Tensor, targets: Any) -> Tensor:
        if pixels:
            return F.cross_entropy(net(images), targets)
        return torch.stack(list(net.cost(images, targets).values())).sum()  # type: ignore[operator]

    spent = trained(net, cost, draw, manner.rate, seconds)
    test = digit_scenes(mnist.test, tested, seed=TEST_SEED, side=SIDE)
    images = standardize(test.images, spec.inputs)
    if pixels:
        return mean_overlap(net.eval(), images, pixel_classes(test.objects, test.masks)) | spent
    return average_precisions(net.eval(), images, test.objects, test.masks, len(CLASSES)) | spent


def sample(mnist: Dataset) -> Tensor:
    """Scenes of which mean and deviation are taken."""
    return digit_scenes(split_digits(mnist.train)[0], 100, seed=0, side=SIDE).images


@torch.inference_mode()
def mean_overlap(net: nn.Module, images: Tensor, wanted: Tensor) -> dict[str, float]:
    """Mean over all classes, background included, of intersection over union in pixels of all scenes together."""
    told = torch.cat([net(part).argmax(1) for part in torch.split(images, 50)])
    counts = torch.bincount((wanted * (len(CLASSES) + 1) + told).flatten(), minlength=(len(CLASSES) + 1) ** 2)
    table = counts.view(len(CLASSES) + 1, -1).double()
    both = table.diagonal()
    return {"mean IoU": (both / (table.sum(0) + table.sum(1) - both)).mean().item()}


@torch.inference_mode()
def average_precisions(
    net: nn.Module, images: Tensor, table: Tensor, masks: Tensor | None, classes: int
) -> dict[str, float]:
    """COCO's AP of boxes, and of masks where the net outlines."""
    size = (images.shape[2], images.shape[3])
    found, there = [], []
    for at in range(0, len(images), 25):
        answers = found_table(net(images[at : at + 25]))
        outlined = isinstance(answers, dict)
        for row in range(len(table_of(answers))):
            found.append(detections_in(answers, row, size))
            own = masks[at + row] if outlined and masks is not None else None
            there.append(unpacked(table[at + row], own))
    boxes = coco_figures(scenes(found, there), classes)
    result = {"AP": boxes.ap, "AP50": boxes.ap_50, "AP75": boxes.ap_75}
    if outlined:
        outlines = coco_figures(scenes(found, there, masks=True), classes)
        result |= {"mask AP": outlines.ap, "mask AP50": outlines.ap_50}
    return result


# ------------------------------------------------------------------------------------------------------------- cells
def on_cells(seed: int, seconds: float, tested: int) -> dict[str, float]:
    """FCOS on photographs of blood cells."""
    data = load(data_folder() / "blood-cells" / "bccd.zip", image_size=320)
    spec, photographs, objects = data.spec, data.train.inputs, table_of(data.train.targets)
    assert isinstance(photographs, Tensor)
    torch.manual_seed(seed)
    augment = augmentation(CHANGES, spec)
    net = build("fcos", spec, **CELLS.options).train()
    lay_out(net, torch.device("cpu"))

    def draw(step: int) -> tuple[Tensor, Any]:
        own = generator(seed, step, torch.device("cpu"))
        rows = torch.randint(len(photographs), (CELLS.batch,), generator=own)
        images, changed = augment.with_targets(standardize(photographs[rows], spec.inputs), objects[rows], own)
        return images.to(memory_format=torch.channels_last), changed

    def cost(images: Tensor, targets: Any) -> Tensor:
        return torch.stack(list(net.cost(images, targets).values())).sum()  # type: ignore[operator]

    spent = trained(net, cost, draw, CELLS.rate, seconds)
    images = standardize(data.test.inputs[:tested], spec.inputs)  # type: ignore[index]
    table = table_of(data.test.targets)[:tested]
    return average_precisions(net.eval(), images, table, None, len(spec.targets.classes)) | spent


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", default=["digits", "cells"], choices=["digits", "cells"])
    parser.add_argument("--nets", nargs="+", default=list(MANNERS), choices=list(MANNERS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=15.0, help="of one training on digits; on cells twice as many")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    seconds, tested, seeds = (4.0, 20, [0]) if options.quick else (60 * options.minutes, TESTED, options.seeds)
    results: dict[str, dict[str, float]] = {}
    works: dict[str, Callable[[int], dict[str, float]]] = {}
    if "digits" in options.data:
        works |= {name: lambda seed, name=name: on_digits(name, seed, seconds, tested) for name in options.nets}
    if "cells" in options.data:
        works["blood cells, fcos"] = lambda seed: on_cells(seed, 2 * seconds, tested)
    for name, work in works.items():
        for seed in seeds:
            results[f"{name}, seed {seed}"] = work(seed)
            print(
                name, seed, {key: round(value, 4) for key, value in results[f"{name}, seed {seed}"].items()}, flush=True
            )
            if not options.quick:
                keep("detectors", {"minutes": seconds / 60, "results": results})


if __name__ == "__main__":
    main()
