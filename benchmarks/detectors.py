"""Detectors and segmenters on scenes of digits, and on blood cells: what each reaches in a given time.

    python -m benchmarks.detectors [--data digits cells] [--nets fcos …] [--seeds 0 1 2] [--minutes 15] [--validate] [--quick]

Digits: scenes of 128×128 pixels with 1 to 8 real MNIST digits, painted anew for every batch; 500 scenes of test digits, which
training never sees, are looked at once, at the end. Cells: blood-cells/bccd.zip of PROFUNDO_DATA in its own split, the longer side
320 pixels, mirrored both ways, zoomed and coloured at random. From which score on objects are counted is chosen on validation.

One thread trains, and the clock counts the seconds that the processor gave it, so what else a machine does changes nothing. They
stand for 15 minutes of two cores on digits and 30 on cells: how many times the work of one thread two of them do of each net was
measured once, on a quiet AMD EPYC, the median of five pairs (Manner.two). Loading and judging are not counted. AdamW; the rate
rises in the first fiftieth of the time and falls to nothing along a cosine. Precision is what a run would choose.

Each result is kept beside those of other nets and seeds. --validate: judge by the validation split, as all choices were made, and
keep nothing; so does --quick, which takes seconds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.common import RESULTS, data_folder, keep
from profundo.data import load
from profundo.data.augmenting.augment import augmentation
from profundo.data.batches import generator, in_order
from profundo.data.sets.digit_scenes import Scenes, digit_scenes, split_digits
from profundo.data.splits.splits import learned_targets
from profundo.data.standard import standardize
from profundo.evaluate import Answers, answers, figures
from profundo.evaluate.objects.object_scores import answered_scenes
from profundo.evaluate.objects.score_thresholds import image_counts
from profundo.evaluate.objects.told_from import threshold_of_best_f1
from profundo.nets import build
from profundo.object_masks import bits_of, table_of
from profundo.objectives.likelihoods import default
from profundo.records import Inputs, Samples, Spec, Targets
from profundo.train.hardware import choose_precision, keep_heap
from profundo.train.layout import lay_out
from profundo.train.optimizers import optimizer
from profundo.train.schedules import schedule
from profundo.train.updates import autocast

__all__ = ["main"]

SEGMENTERS = ("unet", "fully_convolutional")
CPU, SIDE, CLASSES = torch.device("cpu"), 128, tuple("0123456789")
TESTED = 500  # scenes; half as many validate
VALIDATION_SEED, TEST_SEED = 1, 2
KEPT = "detectors"


@dataclass(frozen=True, slots=True)
class Manner:
    """batch: images of a step; rate: the highest learning rate; options: of the net; two: minutes of one thread that do the
    work of a minute of two, measured but for Faster R-CNN and the fully convolutional net, taken to be as Mask R-CNN and U-Net."""

    batch: int
    rate: float
    options: dict[str, Any]
    two: float


MANNERS = {
    "fcos": Manner(4, 2e-3, {}, 1.40),
    "mask_rcnn": Manner(4, 1e-3, {}, 1.43),
    "unet": Manner(4, 3e-3, {"finest": 2, "width": 32, "depth": 3}, 1.67),
    "faster_rcnn": Manner(4, 1e-3, {}, 1.43),
    "fully_convolutional": Manner(4, 3e-3, {}, 1.67),
}
CELLS, CHANGES = Manner(4, 2e-3, {"finest": 8}, 1.61), ["mirror", "flip", "zoom", "colour"]


@dataclass(frozen=True, slots=True)
class Work:
    """draw: the number of a step → standardised images and their targets; counted: whether objects are counted class by class."""

    net: str
    manner: Manner
    spec: Spec
    draw: Callable[[int], tuple[Tensor, Any]]
    validation: Samples
    test: Samples
    counted: bool = False


def reached(work: Work, seed: int, seconds: float, *, validate: bool) -> dict[str, Any]:
    """Figures of one net, and what they took."""
    torch.manual_seed(seed)
    net = build(work.net, work.spec, **work.manner.options).train()
    lay_out(net, CPU)
    spent = trained(net, work, seconds)
    return judged(net, work, validate=validate) | spent


def trained(net: nn.Module, work: Work, seconds: float) -> dict[str, float]:
    """Train for so many seconds of the processor. Returns how many steps that were, and the seconds."""
    objective, precision = default(work.spec.targets), choose_precision("auto", net, CPU, work.spec.inputs.shape)
    moves, factor = optimizer("adamw", net, work.manner.rate, 1e-2), schedule("cosine", 0.02)
    started, step, told = time.process_time(), 0, 0.0
    while (share := (time.process_time() - started) / seconds) < 1:
        for group in moves.param_groups:
            group["lr"] = work.manner.rate * factor(share)
        images, targets = work.draw(step)
        with autocast(precision, CPU):
            outputs = net(images) if work.net in SEGMENTERS else net.cost(images, targets)  # type: ignore[operator]
        loss = objective.mean_cost(outputs, targets, len(images))
        moves.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        moves.step()
        step += 1
        if share >= told:
            print(f"{work.net}: {share:.0%}, step {step}, cost {loss.item():.3f}", flush=True)
            told += 0.1
    return {"steps": step, "processor seconds": round(time.process_time() - started, 1)}


def judged(net: nn.Module, work: Work, *, validate: bool) -> dict[str, Any]:
    """All figures of its kind; of cells also how many are there and were counted, class by class."""
    targets, objective = work.spec.targets, default(work.spec.targets)

    def said(samples: Samples) -> Answers:
        return answers(net, in_order(samples, work.spec), objective, targets)

    chosen = said(work.validation)
    result = chosen if validate else said(work.test)
    if targets.kind == "objects":
        result = replace(result, threshold=threshold_of_best_f1(chosen))
    counted = counts(result, targets) if work.counted else {}
    return {name: round(value, 4) for name, value in figures(result, targets).items()} | counted


def counts(result: Answers, targets: Targets) -> dict[str, Any]:
    """Of each class objects that are there, that were counted, and the mean over images of the difference."""
    number = image_counts(answered_scenes(result), [result.threshold] * len(targets.classes))
    columns = number.there.sum(0).tolist(), number.found.sum(0).tolist(), number.error.tolist()
    keys = "there", "counted", "mean error"
    return {
        "counts": {
            name: dict(zip(keys, row, strict=True))
            for name, row in zip(targets.classes, zip(*columns, strict=True), strict=True)
        }
    }


# ------------------------------------------------------------------------------------------------------------- digits
def on_digits(name: str, seed: int, tested: int) -> Work:
    """Scenes that are new in every step; those to validate and to test of digits that no training scene has."""
    mnist, manner, pixels = load("mnist"), MANNERS[name], name in SEGMENTERS
    train, held_back = split_digits(mnist.train)
    some = digit_scenes(train, 100, seed=0, side=SIDE)
    grey = some.images.float()
    inputs = Inputs((1, SIDE, SIDE), "image", mean=(grey.mean().item(),), std=(grey.std().item(),), longest=0)
    targets = Targets("objects", CLASSES)
    if pixels:
        targets = learned_targets(Targets("mask", ("background", *CLASSES)), pixel_classes(some))

    def truth(scenes: Scenes) -> Any:
        return pixel_classes(scenes) if pixels else {"objects": scenes.objects, "masks": scenes.masks}

    def draw(step: int) -> tuple[Tensor, Any]:
        new = digit_scenes(train, manner.batch, seed=1000 + seed, first=step * manner.batch, side=SIDE)
        return standardize(new.images, inputs).to(memory_format=torch.channels_last), truth(new)

    def split(digits: Samples, count: int, seed: int) -> Samples:
        scenes = digit_scenes(digits, count, seed=seed, side=SIDE)
        if pixels:
            return Samples(scenes.images, pixel_classes(scenes))
        return Samples(scenes.images, {"objects": scenes.objects, "masks": bits_of(scenes.masks)})  # type: ignore[arg-type]

    validation, test = split(held_back, tested // 2, VALIDATION_SEED), split(mnist.test, tested, TEST_SEED)
    return Work(name, manner, Spec(inputs, targets), draw, validation, test)


def pixel_classes(scenes: Scenes) -> Tensor:
    """uint8 (scenes, side, side): 0 for the background, 1 + the digit elsewhere."""
    kinds = torch.where(scenes.objects[..., 4] >= 0, scenes.objects[..., 4] + 1, 0)
    return (scenes.masks * kinds[:, :, None, None]).sum(1).byte()


# ------------------------------------------------------------------------------------------------------------- cells
def on_cells(name: str, seed: int, tested: int) -> Work:
    """Photographs of blood cells, changed anew in every step."""
    data = load(data_folder() / "blood-cells" / "bccd.zip", image_size=320)
    spec, photographs, objects = data.spec, data.train.inputs, table_of(data.train.targets)
    assert isinstance(photographs, Tensor)
    augment = augmentation(CHANGES, spec)

    def draw(step: int) -> tuple[Tensor, Any]:
        own = generator(seed, step, CPU)
        rows = torch.randint(len(photographs), (CELLS.batch,), generator=own)
        images, changed = augment.with_targets(standardize(photographs[rows], spec.inputs), objects[rows], own)
        return images.to(memory_format=torch.channels_last), changed

    validation, test = (
        Samples(split.inputs[:tested], split.targets[:tested])  # type: ignore[index]
        for split in (data.validation, data.test)
    )
    return Work(name, CELLS, spec, draw, validation, test, counted=True)


# -------------------------------------------------------------------------------------------------------------- results
def keep_beside(name: str, result: dict[str, Any]) -> None:
    """In the file of all results, in place of an older one of that name."""
    path = RESULTS / f"{KEPT}.json"
    before = json.loads(path.read_text())["results"] if path.exists() else {}
    keep(KEPT, {"results": before | {name: result}})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", default=["digits", "cells"], choices=["digits", "cells"])
    parser.add_argument("--nets", nargs="+", default=list(MANNERS), choices=list(MANNERS), help="on digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=15.0, help="of two cores, on digits; on cells twice as many")
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_heap()
    tested, seeds = (20, [0]) if options.quick else (TESTED, options.seeds)
    works = [(name, on_digits, options.minutes) for name in options.nets if "digits" in options.data]
    works += [("fcos", on_cells, 2 * options.minutes)] if "cells" in options.data else []
    for seed in seeds:
        for name, made, minutes in works:
            work = made(name, seed, tested)
            seconds = 4.0 if options.quick else 60 * minutes * work.manner.two
            result = reached(work, seed, seconds, validate=options.validate)
            label = f"{name}, {'digits' if made is on_digits else 'cells'}, seed {seed}"
            print(label, result, flush=True)
            if not (options.quick or options.validate):
                keep_beside(label, result)


if __name__ == "__main__":
    main()
