"""Scenes with detections that are near, doubled, of another class, or of nothing; and what faster-coco-eval says of such."""

import random

import torch

from profundo.boxes import Detections, Objects

FIGURES = (
    *("ap", "ap_50", "ap_75", "ap_small", "ap_medium", "ap_large"),
    *("ar_1", "ar_10", "ar_100", "ar_small", "ar_medium", "ar_large"),
)


def random_case(seed, side=160):
    """(detections, objects, number of classes) of a few images: whole pixels and coarse scores, so that there are ties; crowds,
    images and classes without objects or detections; now and then more than a hundred of a class in an image."""
    draw = random.Random(seed)
    classes, many = draw.randint(1, 4), draw.random() < 0.1
    found, there = [], []
    for _ in range(draw.randint(1, 6)):
        objects = [] if draw.random() < 0.2 else [_box(draw, side) for _ in range(draw.randint(0, 8))]
        kinds = [draw.randrange(classes) for _ in objects]
        crowd = [draw.random() < 0.15 for _ in objects]
        answers = [] if draw.random() < 0.15 else [
            (_near(draw, box), kind if draw.random() < 0.8 else draw.randrange(classes))
            for box, kind in zip(objects, kinds, strict=True)
            for _ in range(draw.choice((0, 1, 1, 2)))
        ]  # fmt: skip
        answers += [(_box(draw, side), draw.randrange(classes)) for _ in range(150 if many else draw.randint(0, 4))]
        draw.shuffle(answers)
        scores = torch.tensor([round(draw.random(), draw.choice((1, 2))) for _ in answers])
        found.append(
            Detections(
                _table(answers and [box for box, _ in answers]), torch.tensor([k for _, k in answers]).long(), scores
            )
        )
        there.append(Objects(_table(objects), torch.tensor(kinds).long(), torch.tensor(crowd).bool()))
    return found, there, classes


def _table(boxes):
    return torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)


def _box(draw, side):
    width, height = (min(side, round(draw.choice((8, 30, 32, 96, 120)) * draw.uniform(0.5, 1.5))) for _ in range(2))
    left, top = draw.randint(0, side - width), draw.randint(0, side - height)
    return left, top, left + width, top + height


def _near(draw, box):
    moved = [edge + draw.choice((0, 0, 1, 2, 5, -1, -3)) for edge in box]
    return moved[0], moved[1], max(moved[0] + 1, moved[2]), max(moved[1] + 1, moved[3])


def with_masks(found, there, side=160):
    """The same with ellipses in their boxes as masks."""
    return (
        [Detections(one.boxes, one.classes, one.scores, ellipses(one.boxes, side)) for one in found],
        [Objects(one.boxes, one.classes, one.crowd, ellipses(one.boxes, side)) for one in there],
    )


def ellipses(boxes, side):
    """bool (n, side, side)"""
    y, x = torch.meshgrid(torch.arange(side) + 0.5, torch.arange(side) + 0.5, indexing="ij")
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    return ((x - middle[:, :1, None]) / half[:, :1, None]) ** 2 + (
        (y - middle[:, 1:, None]) / half[:, 1:, None]
    ) ** 2 <= 1


def by_faster_coco_eval(found, there, classes, masks=False):
    """FIGURES by the package; −1 where there is nothing to be found."""
    import contextlib
    import io

    import numpy as np
    from faster_coco_eval import COCO, COCOeval_faster
    from faster_coco_eval.core import mask as coder

    def outline(mask):
        return coder.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))

    annotations, answers = [], []
    for image, (one, objects) in enumerate(zip(found, there, strict=True), 1):
        for at, (left, top, right, bottom) in enumerate(objects.boxes.tolist()):
            row = {"id": len(annotations) + 1, "image_id": image, "category_id": int(objects.classes[at]) + 1,
                   "bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top),
                   "iscrowd": int(objects.crowd[at])}  # fmt: skip
            if masks:
                row |= {"segmentation": outline(objects.masks[at]), "area": int(objects.masks[at].sum())}
            annotations.append(row)
        for at, (left, top, right, bottom) in enumerate(one.boxes.tolist()):
            row = {"image_id": image, "category_id": int(one.classes[at]) + 1, "score": float(one.scores[at])}
            row |= (
                {"segmentation": outline(one.masks[at])} if masks else {"bbox": [left, top, right - left, bottom - top]}
            )
            answers.append(row)
    data = {"images": [{"id": image + 1, "width": 160, "height": 160} for image in range(len(found))],
            "annotations": annotations, "categories": [{"id": kind + 1, "name": str(kind)} for kind in range(classes)]}  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(data)
        judge = COCOeval_faster(truth, truth.loadRes(answers), "segm" if masks else "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return dict(zip(FIGURES, map(float, judge.stats[:12]), strict=True))
