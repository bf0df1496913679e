"""Facts of reports that nobody trained, for the tests of their pages: every kind of them, and what seldom comes together."""

from __future__ import annotations

import dataclasses

import torch

from profundo.pictures import Report, Worst
from profundo.pictures.objects.found_objects import FoundClass, Mark, ObjectFacts, Picture
from profundo.pictures.run_page.report import Calibration
from profundo.pictures.run_page.report_content import (
    ColumnRow,
    Dependence,
    Effects,
    FirstLayer,
    Fit,
    Importance,
    Value,
)
from profundo.records import CalibrationBin, ClassScores, Inputs, LayerRow, Scores, Spec, Targets

HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;{{ 7 * 7 }}</style></script>"


def images(number: int, channels: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (number, channels, 8, 8), dtype=torch.uint8, generator=generator)


BINS = [CalibrationBin(0.6, 0.8, 10, 0.7, 0.8), CalibrationBin(0.8, 1.0, 90, 0.9, 0.84)]


def image_report(classes: tuple[str, ...] = ("cat", "dog", "owl")) -> Report:
    k = len(classes)
    confusion = [[50 if i == j else (i + 2 * j) % 3 for j in range(k)] for i in range(k)]
    return Report(
        title="three animals",
        spec=Spec(Inputs((1, 8, 8), "image", (33.3,), (78.6,)), Targets("classes", classes)),
        scores=Scores(
            10_000,
            {"accuracy": 0.9917, "log loss": 0.02613},
            {"accuracy": 0.1135},
            confusion,
            linear={"accuracy": 0.9205},
            linear_name="logistic regression on 10,000 of 55,000 samples",
            per_class=[
                ClassScores(name, 100 + i, 0.5, 0.25, 1 / (3 + i), None if i else 0.875)
                for i, name in enumerate(classes)
            ],
            calibration=BINS,
            intervals={"accuracy": (0.98972, 0.99331)},
        ),
        calibration=Calibration(BINS, [(0.5, 0.9), (0.8, 0.88)], 0.052, 0.86, 0.81, BINS[1]),
        validation_scores=Scores(6_000, {"accuracy": 0.9925}, {}),
        command="profundo train animals --seed 0 && echo 'a < b'",
        asked={"optimiser": {"learning rate": 0.1}, "epochs": 3},
        counts={"train": [1234] * k, "test": [100] * k},
        notes=["Two files were skipped."],
        examples=images(2 * k),
        example_labels=[*classes, *classes],
        layers=[
            LayerRow("conv", "Conv2d", (8, 4, 4), 80, 1_000_000, (3, 3)),
            LayerRow("head", "Linear", (3,), 28_858, 234_567, "whole"),
        ],
        first_layer=FirstLayer("conv", "Conv2d", 8, images(8)),
        facts={"sha256": "00ff", "samples": [3702, 0, 300]},
        history={"loss": [1.0, 0.5, 0.4], "validation loss": [0.9, 0.6, 0.7], "validation accuracy": [0.5, 0.9, 0.8]},
        best_epoch=1,
        worst=[Worst(classes[0], classes[1], 9.5, 0.999, images(1)[0]), Worst(classes[1], classes[1], 0.8, 0.4)],
        environment={"torch": "2.x", "device": "CPU"},
        seconds={"data": 0.4, "training": 65.0},
    )


def real_report() -> Report:
    spec = Spec(Inputs((2,), "features", (1.0, 2.0), (3.0, 4.0), ("rooms", "age")), Targets("real", (), ("price",)))
    return Report(
        title="prices",
        spec=spec,
        scores=Scores(40, {"RMSE": 0.512, "R²": 0.8}, {"RMSE": 1.14, "R²": 0.0}),
        command="profundo train prices",
        counts={"train": [160], "test": [40]},
        worst=[Worst("5.0", "2.1", 8.4, row=[Value("rooms", "3"), Value("age", "41.5", 2.5, "2.5 σ above the mean")])],
        fits=[Fit("price", [1.0, 2.0], [1.5, 1.75], [-0.25, 0.125, 0.5], [1, 1])],
        columns=[ColumnRow("rooms", "number", "a number", "none")],
        effects=Effects(
            "RMSE",
            40,
            2,
            [Importance("age", 0.5, 0.2, 0.8), Importance("rooms", 0.25, -0.1, 0.6)],
            [
                Dependence("age", [1.0, 2.0, 3.0], ["price"], [[0.5, 0.75, 1.0]]),
                Dependence("rooms", [1.0, 2.0], ["price"], [[0.5, 0.75]], ["few", "many"]),
            ],
        ),
    )


def binary_report() -> Report:
    spec = Spec(Inputs((2,), "features"), Targets("binary", ("no", "yes")))
    return Report(
        "two", spec, Scores(9, {"accuracy": 1.0}, {"accuracy": 5 / 9}, [[5, 0], [0, 4]]), "profundo train two"
    )


def many_classes() -> Report:
    return image_report(tuple(f"class {i}" for i in range(100)))


def labels_report() -> Report:
    spec = Spec(Inputs((2,), "features"), Targets("labels", ("red", "round")))
    each = [ClassScores("red", 4, 1.0, 0.5, 2 / 3, 0.9), ClassScores("round", 0, 0.0, 0.0, 0.0)]
    scores = Scores(9, {"exact match": 0.5}, {"exact match": 0.25}, per_class=each, calibration=BINS)
    trust = Calibration(BINS, [(0.5, 0.9), (0.8, 0.88)], 0.052, 0.86, 0.81, BINS[1])
    return Report(
        "tags", spec, scores, "profundo train tags", calibration=trust, counts={"test": [4, 0]}, sizes={"test": 9}
    )


def wide_report() -> Report:
    """Rows of three hundred features."""
    row = [Value(f"x{i}", str(i), float(i % 7), "far off") for i in range(300)]
    inputs = Inputs((300,), "features", (0.0,) * 300, (1.0,) * 300, tuple(f"x{i}" for i in range(300)))
    return dataclasses.replace(
        binary_report(), spec=Spec(inputs, binary_report().spec.targets), worst=[Worst("no", "yes", 1.0, 0.75, row=row)]
    )


def bare_report() -> Report:
    return Report("bare", image_report().spec, Scores(0, {}, {}), "profundo train bare")


def object_report(classes: tuple[str, ...] = ("cat", "dog")) -> Report:
    """Of every verdict one mark at least, one with a mask; the second class has no objects."""
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[2:5, 1:4] = True
    marks = [
        Mark((1, 2, 4, 5), classes[0], "found", 0.93, mask=mask),
        Mark((5, 5, 8, 8), classes[1], "false", 0.61, "background"),
        Mark((0, 0, 2, 2), classes[0], "missed"),
        Mark((4, 0, 8, 2), classes[0], "ignored"),
    ]
    curve = [0.25, 0.5, 0.5, 0.75], [1.0, 1.0, 2 / 3, 0.75]
    found = FoundClass(classes[0], 4, 0.512, 0.75, *curve, (0.75, 0.75), (0.75, 0.75), 2.0, 1.5, 0.5)
    facts = ObjectFacts(
        [found, *(FoundClass(name, 0, None, None) for name in classes[1:])],
        {"small": (0.5, 3), "medium": (0.625, 1), "large": (None, 0)},
        {
            name: (place, place / 40 - 0.01)
            for place, name in enumerate(("class", "place", "both", "double", "background", "missed"))
        },
        [[place * column for place in range(len(classes) + 1)] for column in range(len(classes) + 1)],
        [Picture(images(1)[0], marks, 7), Picture(images(1, 3)[0], [], 8)],
    )
    values = {"AP": 0.512, "AP50": 0.75, "AP small": 0.5, "count error": 0.5, "loss": 1.5}
    spec = Spec(Inputs((1, 8, 8), "image", (33.3,), (78.6,)), Targets("objects", classes))
    return Report("pets", spec, Scores(2, values, {"AP": 0.1}), "profundo train pets", objects=facts)


REPORTS = {
    "objects": object_report,
    "hostile objects": lambda: object_report((HOSTILE, HOSTILE + "2")),
    "objects of ten classes": lambda: object_report(tuple(f"class {place}" for place in range(10))),
    "image": image_report,
    "real": real_report,
    "binary": binary_report,
    "hundred classes": many_classes,
    "labels": labels_report,
    "hundreds of features": wide_report,
    "several targets": lambda: dataclasses.replace(real_report(), fits=real_report().fits * 6),
    "nothing finite": lambda: dataclasses.replace(real_report(), fits=[Fit("y", [1.0], [float("nan")], [], [])]),
    "bare": bare_report,
    "one epoch": lambda: dataclasses.replace(image_report(), history={"loss": [0.5]}, best_epoch=0),
    "diverged": lambda: dataclasses.replace(
        image_report(), history={"loss": [float("nan")] * 3}, scores=Scores(3, {"accuracy": float("nan")}, {})
    ),
    "unlabelled examples": lambda: dataclasses.replace(image_report(), example_labels=()),
    "colour": lambda: dataclasses.replace(image_report(), examples=images(6, 3)),
    "long and unicode": lambda: image_report(("x" * 3000, "日本語 مرحبا", "🦉" * 40)),
    "hostile": lambda: image_report((HOSTILE, HOSTILE + "2", "c")),
}
