"""Traffic signs by a multi-column net (Cireşan, Meier, Masci & Schmidhuber 2012): several nets, each of which sees the images
normalised in another way, and the mean of what they say.

Data: a part of the German Traffic Sign Recognition Benchmark (Stallkamp et al. 2012), 25,087 photographs of 43 signs to train on, of
which some thirty each show one and the same sign: whole tracks of them are set aside to validate, for by chance a net would be
asked about signs that it has seen. Every column moves, turns, scales and recolours the images in its own way while it learns. The
nets have three pairs of 3×3 convolutions with batch normalisation, where the paper has 7×7 and 4×4 ones and thirty times the
time. The paper's committee of 25 names 99.46 % of the full test set right, people 98.84 %.

Result (seed 0, ten epochs of each column, 30 minutes of one thread): the four columns alone name 98.1 to 99.1 % of the 7,949 test
images right, together 99.30 % (seed 1: 97.8 to 98.7 %, together 99.04 %). They are trained one after another: as one batched program,
a group of every convolution for each column, a step takes 1.1 (bfloat16) to 1.5 times (float32) the processor's time of four.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from profundo.data.new_inputs import read_image
from profundo.data.streams.cache import data_folder
from profundo.evaluate import Answers, scores
from profundo.images.normalising import NORMALISATIONS
from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.pictures.exhibits import Exhibit, Images, Table
from profundo.pictures.numbers import percent
from profundo.recipes.classifying import classified, mistakes, nothing_learnt, spec_of, train, validation
from profundo.recipes.context import Context
from profundo.recipes.own_data import Takes, is_own
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch, confusion_chart
from profundo.recipes.subjects import Subject
from profundo.records import Dataset, ProfundoError, Samples, Spec
from profundo.runs.prediction_record import described
from profundo.runs.saved_model import predict as probabilities
from profundo.runs.settings.setting_values import Positive, Whole

__all__ = ["RECIPE", "Settings", "column_net", "networks", "run"]

Normalisation = Literal["plain", "stretched", "equalised", "local-contrast"]
SIGNS, BY_TRACK = "traffic-signs", "group:.*_"  # of a file's name what comes before its last part is the track


@dataclass(frozen=True, slots=True)
class Settings:
    """columns: how each sees the images; width: channels of the first convolutions, doubled twice.

    image_size: the side in pixels that images are scaled to.
    """

    columns: Annotated[tuple[Normalisation, ...], Field(min_length=1, max_length=25)] = (
        *("plain", "stretched", "equalised", "local-contrast"),
    )
    width: Whole = 32
    epochs: Whole = 10
    batch_size: Whole = 128
    learning_rate: Positive = 0.1
    augment: tuple[str, ...] = ("distortion", "rotation", "colour")
    data: str = SIGNS
    image_size: Annotated[int, Field(ge=8, le=256)] = 36


def column_net(spec: Spec, width: int) -> nn.Sequential:
    """Three pairs of convolutions, each pair followed by pooling that halves the image; the mean over what is left; one layer."""
    layers: list[nn.Module] = []
    channels = spec.inputs.shape[0]
    for wide in (width, 2 * width, 4 * width):
        for _ in range(2):
            layers += [nn.Conv2d(channels, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
            channels = wide
        layers.append(nn.MaxPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(4 * channels, spec.outputs)]
    return initialize_(nn.Sequential(*layers), output_gain=SMALL_OUTPUT)


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    spec = spec_of(known)
    return {f"column {number}": column_net(spec, settings.width) for number in range(1, len(settings.columns) + 1)}


def load(context: Context, settings: Settings) -> Dataset:
    """The signs, whole tracks set aside; or images of one's own."""
    if settings.data != SIGNS:
        return context.images(settings.data, settings.image_size)
    folder = data_folder(context.data_dir)
    path = folder / "traffic-signs" / "gtsrb-jpg.zip" if folder is not None else Path("gtsrb-jpg.zip")
    if not path.exists():
        raise ProfundoError(
            f"data {SIGNS}: expected {path.name} in the folder traffic-signs of --data-dir or PROFUNDO_DATA; or give --data "
            "FOLDER of images, one folder per class"
        )
    return context.load(str(path), split_by=BY_TRACK, image_size=settings.image_size, stream=False)


def as_seen(data: Dataset, way: str) -> Dataset:
    """The data as a column sees them: its images normalised, and what is measured of them measured anew."""
    change = NORMALISATIONS[way]

    def changed(samples: Samples) -> Samples:
        assert isinstance(samples.inputs, Tensor)
        parts = [change(part) for part in torch.split(samples.inputs, 2048)]
        return replace(samples, inputs=torch.cat(parts) if parts else samples.inputs)

    train = changed(data.train)
    assert isinstance(train.inputs, Tensor)
    values = train.inputs.double()
    mean, std = values.mean((0, 2, 3)), values.std((0, 2, 3)).clamp(min=1.0)
    inputs = replace(data.spec.inputs, mean=tuple(mean.tolist()), std=tuple(std.tolist()))
    spec = replace(data.spec, inputs=inputs)
    return replace(data, spec=spec, train=train, validation=changed(data.validation), test=changed(data.test))


def run(context: Context, settings: Settings) -> Outcome:
    data = load(context, settings)
    nets: dict[str, nn.Module] = {}
    errors: dict[str, list[float]] = {}
    specs: list[dict[str, Any]] = []
    said: list[Answers] = []
    rows: list[list[str | float]] = []
    for number, way in enumerate(settings.columns, 1):
        name, own = f"column {number}", as_seen(data, way)
        net = column_net(own.spec, settings.width)
        trained = train(
            context,
            net,
            own.train,
            own.spec,
            ("nesterov", settings.learning_rate, 5e-4),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            augment=settings.augment,
            is_own=settings.data != SIGNS and is_own(settings.data),
            name=name,
            validate=lambda net=net, own=own: validation(context, net, own),
        )
        predictions, result = classified(context, net, own.test, own.spec, own.train)
        nets[name] = net
        said.append(predictions)
        specs.append(asdict(own.spec))
        errors[f"{name}, {way}"] = [1 - value for value in trained.history["validation accuracy"]]
        rows.append([f"{name}, {way}", result.values["accuracy"], trained.history["validation accuracy"][-1]])
    return concluded(data, settings, nets, specs, errors, said, rows)


def averaged(said: Sequence[Answers]) -> Answers:
    """The mean of the columns' probabilities, and its cost."""
    mean = torch.stack([one.predictions.double() for one in said]).mean(0)
    truth = said[0].targets
    of_class = torch.stack([1 - mean, mean], 1) if mean.ndim == 1 else mean
    costs = -of_class.clamp(min=1e-12).log().gather(1, truth.long()[:, None])[:, 0]
    return replace(said[0], predictions=mean.to(said[0].predictions.dtype), costs=costs.to(said[0].costs.dtype))


def concluded(
    data: Dataset,
    settings: Settings,
    nets: Mapping[str, nn.Module],
    specs: Sequence[dict[str, Any]],
    errors: Mapping[str, Sequence[float]],
    said: Sequence[Answers],
    rows: list[list[str | float]],
) -> Outcome:
    together = averaged(said)
    result = scores(together, data.spec.targets, data.train.targets)
    alone = [float(row[1]) for row in rows]
    rows = [*rows, ["together", result.values["accuracy"], ""]]
    counts = [[float(count) for count in row] for row in result.confusion]
    caption = f"How often each sign of the {result.samples:,} test images was taken for which, by all columns together."
    return Outcome(
        scores=result.values,
        baseline={"accuracy": sum(alone) / len(alone)},
        against="one column, on average",
        cautions=nothing_learnt("The mean of the columns", result),
        exhibits=[
            *normalised_samples(data, settings.columns),
            Table(
                "Columns",
                "Accuracy of each and of their mean.",
                ["column", "test", "validation"],
                rows,
                ["test", "validation"],
            ),
            by_epoch(
                "Errors by epoch", "Share of the validation images mistaken.", errors, y_label="error", percent=True
            ),
            confusion_chart(counts, data.spec.targets.classes, caption, x_label="answered", y_label="true class"),
            *confused(counts, data.spec.targets.classes),
            *mistakes(data, together, result),
        ],
        networks=nets,
        known={"spec": asdict(data.spec), "specs": list(specs)},
        conclusion=f"{len(alone)} columns together name {percent(result.values['accuracy'])} of the {result.samples:,} test "
        f"images right; each alone {percent(min(alone))} to {percent(max(alone))}.",
    )


def normalised_samples(data: Dataset, columns: Sequence[str]) -> list[Exhibit]:
    """The same test images as each column sees them, a row each."""
    assert isinstance(data.test.inputs, Tensor)
    places = torch.linspace(0, len(data.test) - 1, min(10, len(data.test))).long()
    some, ways = data.test.inputs[places], list(dict.fromkeys(columns))
    images = torch.cat([NORMALISATIONS[way](some) for way in ways])
    return [
        Images(
            "As the columns see them", "Test images, in the light of each column.", images, columns=len(some), rows=ways
        )
    ]


def confused(counts: Sequence[Sequence[float]], classes: Sequence[str]) -> list[Exhibit]:
    """The pairs that are taken for each other most often."""
    pairs = [
        (int(n), classes[t], classes[a]) for t, row in enumerate(counts) for a, n in enumerate(row) if n and t != a
    ]
    if not pairs:
        return []
    rows: list[list[str | float]] = [
        [true, answered, float(n)] for n, true, answered in sorted(pairs, reverse=True)[:12]
    ]
    return [Table("Taken for each other", "Of all mistakes the most frequent.", ["sign", "answered", "times"], rows)]


def predict(model: Model, files: Sequence[Path]) -> list[dict[str, Any]]:
    """For each image file the most probable class by the mean of all columns, its probability, and those of all."""
    spec = spec_of(model.known)
    images = torch.stack([read_image(path, spec.inputs) for path in files])
    ways = zip(model.asked.columns, model.networks.values(), model.known["specs"], strict=True)
    rows = [probabilities(net, spec_of({"spec": own}), NORMALISATIONS[way](images)) for way, net, own in ways]
    return described(list(map(str, files)), torch.stack(rows).mean(0), spec)


def subject(model: Model, context: Context) -> Subject:
    """The first column."""
    return Subject(model.networks["column 1"], as_seen(load(context, model.asked), model.asked.columns[0]))


RECIPE = Recipe(
    Settings,
    Settings(columns=("plain", "equalised"), width=4, epochs=2, batch_size=64, augment=("shift",), data="digits"),
    run,
    networks=networks,
    predict=predict,
    takes=Takes("images with classes", classes=2),
    subject=subject,
)
