"""Self-supervision: what photographs look like is learned without a label, and a few labels say what it is called (Chen et al. 2020,
arXiv:2002.05709; Zbontar et al. 2021, arXiv:2103.03230).

Data: CIFAR-10, 45,000 photographs whose labels are not looked at. Two views of each, cut, mirrored and recoloured as chance has it,
are to be known by their codes: SimCLR, or with `method=barlow-twins` by what numbers of the codes say alike. Afterwards the net is
frozen, and a linear layer learns the labels, all or one in a hundred; the same is asked of a net with random weights, and beside
it the same net learns from labels alone.

Result (seed 0 alone): a linear layer on these codes names 52.5 % of the test images after
all labels, 39.6 % on a net with random weights; labels alone teach the same net 64.3 %. With one label in a hundred, 450, it is 39.4,
24.7 and 39.6 %, and 42.0 % where all layers go on learning from the codes (means of three draws). About 320 s on one core of an AMD
EPYC, no GPU.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from profundo.data.augmenting.augment import Augmentation, augmentation
from profundo.data.batches import batches, prepared_inputs
from profundo.data.drawn_batches import DrawnBatches
from profundo.data.splits.splits import chosen
from profundo.data.splits.subsets import few
from profundo.evaluate.linear import logistic
from profundo.evaluate.retrieval import nearest, precision_at
from profundo.nets.self_supervised import classifier_of, encoder, projector
from profundo.objectives.view_agreement import barlow_twins, sim_clr
from profundo.pictures.exhibits import Chart, Images, Table
from profundo.pictures.numbers import how_many, percent
from profundo.ranks_and_places import evenly
from profundo.recipes.classifying import classified, predict, spec_of, train
from profundo.recipes.context import Context, Trained
from profundo.recipes.net_outputs import outputs
from profundo.recipes.own_data import Takes, images_of, several_classes
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch, map_of_rows
from profundo.recipes.subjects import Subject
from profundo.records import Batch, Dataset, ProfundoError, Samples, Spec
from profundo.runs.settings.setting_values import PartOfAll, Positive, Several, Whole
from profundo.train import Descent, Plan, optimizer, schedule
from profundo.train.updates import autocast

__all__ = ["RECIPE", "Settings", "networks", "run"]

OURS, RANDOM, LABELS, TUNED = (
    "self-supervised, linear",
    "random weights, linear",
    "labels alone",
    "self-supervised, tuned",
)
ALL = "all labels"
STRONG: dict[str, Any] = {
    "crop": {"scale": [0.2, 1.0]},
    "colour": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1, "share": 0.8},
}
"""As Chen et al. 2020 for CIFAR-10 (appendix B.9), of half their strength of colours."""
GALLERY, ASKED, NEIGHBOURS = 3000, 1000, 10  # images that are looked through after an epoch, asked about, and found


@dataclass(frozen=True, slots=True)
class Settings:
    """temperature: of SimCLR; redundancy: λ of Barlow Twins; projected: numbers of a projection.

    width: channels of the first layer, codes are eight times as wide; batch_size: images of which two views are compared. updates: of
    an epoch. share: of the labels that few are, drawn `repeats` times; few_updates, all_epochs: of what learns from labels alone.
    augment: what makes views; image_size: of images of one's own, the side in pixels.
    """

    method: Literal["simclr", "barlow-twins"] = "simclr"
    temperature: Positive = 0.2
    redundancy: Positive = 0.005
    width: Whole = 24
    projected: Several = 128
    batch_size: Several = 256
    updates: Whole = 120
    epochs: Whole = 8
    learning_rate: Positive = 0.003
    share: PartOfAll = 0.01
    repeats: Whole = 3
    few_updates: Whole = 200
    all_epochs: Whole = 3
    augment: tuple[str, ...] = ("crop", "mirror", "colour")
    pictured: Annotated[int, Field(ge=5)] = 600
    data: str = "cifar10"
    image_size: Annotated[int, Field(ge=8, le=256)] = 32


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    """The encoder with a layer that learned all labels."""
    spec = spec_of(known)
    return {"net": classifier_of(encoder(spec.inputs.shape, settings.width), spec, settings.width)}


def run(context: Context, settings: Settings) -> Outcome:
    data = several_classes(context.images(settings.data, settings.image_size))
    drawn = [few_labels(context, settings, data, number) for number in range(settings.repeats)]
    net = encoder(data.spec.inputs.shape, settings.width)
    random = copy.deepcopy(net)
    trained = without_labels(context, settings, net, data)
    codes = {RANDOM: coded(random, data), OURS: coded(net, data)}
    results = {name: linear_figures(own, drawn) for name, own in codes.items()}
    results[TUNED] = {FEW: [tuned(context, settings, data, net, one, number) for number, one in enumerate(drawn)]}
    results[LABELS] = from_labels(context, settings, data, random, drawn)
    probe = classifier_of(net, data.spec, settings.width)
    put_in(probe.get_submodule("output"), codes[OURS].layer())
    each = len(drawn[0]) / len(data.train)
    return Outcome(
        scores={f"accuracy, {which}": mean(values) for which, values in results[OURS].items()},
        baseline={f"accuracy, {which}": mean(values) for which, values in results[RANDOM].items()},
        against=RANDOM,
        rivals={LABELS: mean(results[LABELS][ALL])},
        exhibits=[
            *(neighbours(data, codes[way], way) for way in (OURS, RANDOM)),
            views_shown(context, settings, data),
            figures_table(results, len(drawn[0]), len(data.train)),
            codes_map(context, settings, data, codes[OURS]),
            watched(trained),
        ],
        networks={"net": probe},
        known={"spec": asdict(data.spec)},
        conclusion=concluded(results, len(drawn[0]), each, settings.repeats),
    )


# -------------------------------------------------------------------------------------------------- learning by looking
def views(settings: Settings, spec: Spec) -> Augmentation:
    return augmentation([{name: STRONG[name]} if name in STRONG else name for name in settings.augment], spec)


def without_labels(context: Context, settings: Settings, net: nn.Sequential, data: Dataset) -> Trained:
    """The encoder, trained beside a projector that nobody keeps."""
    parts = {"encoder": net, "projector": projector(8 * settings.width, settings.projected)}
    both, precision = nn.Sequential(*parts.values()), context.precision(net)

    def lowered(batch: Batch) -> dict[str, Tensor]:
        with autocast(precision, context.device):
            first, second = both(batch.inputs).chunk(2)
        return {"loss": agreement(settings, first, second)}

    return context.train(
        Descent(parts, lowered, optimizer("adamw", both, settings.learning_rate, 1e-4)),
        two_views(context, settings, data),
        Plan(settings.epochs, schedule("one-cycle")),
        name="self-supervised",
        validate=lambda: {"alike": of_one_class(net, data)},
    )


def agreement(settings: Settings, first: Tensor, second: Tensor) -> Tensor:
    if settings.method == "simclr":
        return sim_clr(first, second, settings.temperature)
    return barlow_twins(first, second, settings.redundancy)


def two_views(context: Context, settings: Settings, data: Dataset) -> DrawnBatches:
    """First views of all images of a batch, then second ones. Of no label. No image is twice in a batch: what are views of others
    is to be told apart (Chen et al. 2020, equation 1)."""
    images, change = images_of(data.train), views(settings, data.spec)
    size = min(settings.batch_size, len(images))
    if size < settings.batch_size:
        context.say(f"batch_size: {size} in place of {settings.batch_size}, for there are no more images to train on")

    def batch(number: int) -> Batch:
        draws = context.generator(f"views {number}")
        places = torch.randperm(len(images), generator=draws)[:size]
        some = prepared_inputs(images[places], data.spec.inputs)
        both = torch.cat([change(some, draws), change(some, draws)])
        return Batch(both.to(context.device), places, size)

    return DrawnBatches(batch, settings.updates)


def of_one_class(net: nn.Module, data: Dataset) -> float:
    """Share of the nearest training images that are of a validation image's class: labels are looked at, and learned by nobody."""
    places = evenly(len(data.train), GALLERY), evenly(len(data.validation), ASKED)
    splits = [chosen(one, torch.tensor(at)) for one, at in zip((data.train, data.validation), places, strict=True)]
    gallery, asked = (nn.functional.normalize(codes_of(net, one, data.spec), dim=1) for one in splits)
    found = nearest(asked, gallery, min(NEIGHBOURS, len(gallery)))
    return precision_at(found, splits[0].targets, splits[1].targets)


# --------------------------------------------------------------------------------------------------------- a few labels
FEW = "few labels"


def few_labels(context: Context, settings: Settings, data: Dataset, number: int) -> Samples:
    """Equally many of each class, one or more."""
    classes = len(data.spec.targets.classes)
    each = max(1, round(settings.share * len(data.train) / classes))
    smallest = int(torch.bincount(data.train.targets, minlength=classes).min())
    if each > smallest:
        raise ProfundoError(
            f"share: expected at most {smallest} images of each class, as many as the smallest has to train on, got {each}; lower it"
        )
    return few(data.train, each, context.generator(f"labels {number}"))


@dataclass(frozen=True, slots=True)
class Coded:
    """A net with its codes (samples, width) of the training and test splits; centre, spread: (width,), of the first."""

    net: nn.Module
    data: Dataset
    train: Tensor
    test: Tensor
    centre: Tensor
    spread: Tensor

    def layer(self, some: Samples | None = None) -> tuple[Tensor, Tensor]:
        """Weight (classes, width) and bias of a linear layer that learned the labels of these samples, or of all training samples.

        It learns codes of mean 0 and deviation 1, for its penalty, and is for codes as they come."""
        rows = self.train if some is None else codes_of(self.net, some, self.data.spec)
        labels = (some or self.data.train).targets
        weight, bias = logistic((rows - self.centre) / self.spread, labels, self.data.spec.outputs)
        return weight / self.spread, bias - weight @ (self.centre / self.spread)

    def accuracy(self, layer: tuple[Tensor, Tensor]) -> float:
        weight, bias = layer
        answers = (self.test @ weight.T + bias).argmax(1)
        return (answers == self.data.test.targets).double().mean().item()


def coded(net: nn.Module, data: Dataset) -> Coded:
    train, test = (codes_of(net, one, data.spec) for one in (data.train, data.test))
    return Coded(net, data, train, test, train.mean(0), train.std(0).clamp(min=1e-6))


def codes_of(net: nn.Module, split: Samples, spec: Spec) -> Tensor:
    """(samples, width), on the CPU."""
    parts = [outputs(net, prepared_inputs(part, spec.inputs)) for part in torch.split(images_of(split), 1000)]
    return torch.cat(parts).float()


def linear_figures(codes: Coded, drawn: Sequence[Samples]) -> dict[str, list[float]]:
    """Test accuracies of a linear layer on frozen codes."""
    return {ALL: [codes.accuracy(codes.layer())], FEW: [codes.accuracy(codes.layer(some)) for some in drawn]}


def put_in(output: nn.Module, layer: tuple[Tensor, Tensor]) -> None:
    assert isinstance(output, nn.Linear)
    with torch.no_grad():
        output.weight.copy_(layer[0])
        output.bias.copy_(layer[1])


# ----------------------------------------------------------------------------------------------------------- labels alone
def tuned(context: Context, settings: Settings, data: Dataset, net: nn.Sequential, some: Samples, number: int) -> float:
    """Test accuracy where all layers go on learning from the few labels."""
    whole = classifier_of(copy.deepcopy(net), data.spec, settings.width)
    return supervised(context, settings, data, whole, some, f"tuned, draw {number + 1}")


def from_labels(
    context: Context, settings: Settings, data: Dataset, net: nn.Sequential, drawn: Sequence[Samples]
) -> dict[str, list[float]]:
    fresh = [classifier_of(copy.deepcopy(net), data.spec, settings.width) for _ in range(len(drawn) + 1)]
    accuracies = [
        supervised(context, settings, data, whole, some, f"few labels, draw {number}")
        for number, (whole, some) in enumerate(zip(fresh[1:], drawn, strict=True), 1)
    ]
    return {ALL: [supervised(context, settings, data, fresh[0], data.train, ALL)], FEW: accuracies}


def supervised(
    context: Context, settings: Settings, data: Dataset, net: nn.Module, samples: Samples, name: str
) -> float:
    """Test accuracy of the net after learning from these labels, with augmentation."""
    size = min(settings.batch_size, 64)
    epochs = max(1, settings.few_updates // max(1, len(batches(samples, data.spec, size))))
    rule = ("adamw", settings.learning_rate, 0.01)
    train(
        context,
        net,
        samples,
        data.spec,
        rule,
        epochs=settings.all_epochs if name == ALL else epochs,
        batch_size=size,
        augment=[one for one in settings.augment if one != "colour"],
        name=name,
    )
    return classified(context, net, data.test, data.spec, samples)[1].values["accuracy"]


# ------------------------------------------------------------------------------------------------------------ pictures
def neighbours(data: Dataset, codes: Coded, way: str, rows: int = 8, columns: int = 9) -> Images:
    """Test images and the nearest of the training images, by the cosine of their codes."""
    places = torch.tensor(evenly(len(codes.train), 10_000))
    asked = torch.tensor(evenly(len(codes.test), rows))
    queries, gallery = (nn.functional.normalize(one, dim=1) for one in (codes.test[asked], codes.train[places]))
    found = places[nearest(queries, gallery, min(columns - 1, len(places)))]
    images = [
        torch.cat([images_of(data.test)[at][None], images_of(data.train)[near]])
        for at, near in zip(asked, found, strict=True)
    ]
    weights = way.partition(",")[0]
    caption = f"In each row first a test image, then the training images nearest to it by their codes, {weights}."
    return Images(
        f"What is alike: {weights}",
        caption,
        torch.cat(images),
        columns=found.shape[1] + 1,
        heads=["asked", *map(str, range(1, found.shape[1] + 1))],
    )


def views_shown(context: Context, settings: Settings, data: Dataset, count: int = 10) -> Images:
    """Training images, and two views of each below it."""
    some = images_of(data.train)[evenly(len(data.train), count)]
    change, draws = views(settings, data.spec), context.generator("shown")
    made = [change(prepared_inputs(some, data.spec.inputs), draws) for _ in range(2)]
    inputs = data.spec.inputs
    std, centre = (torch.tensor(values).view(1, -1, 1, 1) for values in (inputs.std, inputs.mean))
    shown = [(one * std + centre).round().clamp(0, 255).to(torch.uint8) for one in made]
    caption = "Training images, and below each two of its views: of these the net learns that they show the same thing."
    return Images(
        "Two views", caption, torch.cat([some, *shown]), columns=len(some), rows=["given", "a view", "another"]
    )


def figures_table(results: Mapping[str, Mapping[str, Sequence[float]]], few_count: int, all_count: int) -> Table:
    rows: list[list[str | float]] = []
    for name, figures in results.items():
        values = figures[FEW]
        spread = f"{percent(min(values), 1)} to {percent(max(values), 1)}"
        rows.append([name, mean(figures[ALL]) if ALL in figures else "", mean(values), spread])
    caption = (
        f"Test accuracy after {all_count:,} labels, and after {few_count:,}: means, and from the worst to the best of "
        f"{how_many(len(next(iter(results.values()))[FEW]), 'draw')}. Linear: a layer on frozen codes; tuned: all layers learned on."
    )
    shares = [f"{all_count:,} labels", f"{few_count:,} labels"]
    return Table("With all labels, and with few", caption, ["net", *shares, "draws"], rows, shares)


def codes_map(context: Context, settings: Settings, data: Dataset, codes: Coded) -> Chart:
    places = evenly(len(codes.test), settings.pictured)
    names = data.spec.targets.classes
    shown = [at for at in places if int(data.test.targets[at]) < 12]  # as many as there are signs for points
    caption = f"Codes of {len(shown)} test images, laid out by t-SNE, coloured by the classes that nobody told the net."
    labels = data.test.targets[shown].tolist()
    return map_of_rows("Codes in the plane", caption, codes.test[shown], labels, names, context.seed)


def watched(trained: Trained) -> Chart:
    return by_epoch(
        "As it learns",
        f"Of the {NEIGHBOURS} training images nearest to a validation image, the share of its class, after each epoch.",
        {"self-supervised": list(trained.history["alike"])},
        y_label="of its class",
        percent=True,
    )


def concluded(results: Mapping[str, Mapping[str, Sequence[float]]], count: int, share: float, repeats: int) -> str:
    few_, all_ = ({name: mean(of[which]) for name, of in results.items() if which in of} for which in (FEW, ALL))
    return (
        f"A linear layer on codes that were learned without a label names {percent(all_[OURS], 1)} of the test images right "
        f"after all labels, on random weights {percent(all_[RANDOM], 1)}; labels alone teach the same net "
        f"{percent(all_[LABELS], 1)}. With {count:,} labels ({percent(share, 1)}) it is {percent(few_[OURS], 1)}, "
        f"{percent(few_[RANDOM], 1)} and {percent(few_[LABELS], 1)}, with all layers tuned {percent(few_[TUNED], 1)}; means "
        f"over {how_many(repeats, 'draw')}."
    )


def subject(model: Model, context: Context) -> Subject:
    """The encoder with its linear layer, whose cost was lowered on codes that were there before."""
    data = several_classes(context.images(model.asked.data, model.asked.image_size))
    return Subject(model.networks["net"], data, lowers=False)


RECIPE = Recipe(
    Settings,
    Settings(
        width=4,
        projected=16,
        batch_size=32,
        updates=15,
        epochs=2,
        share=0.05,
        repeats=1,
        few_updates=15,
        all_epochs=1,
        augment=("crop", "colour"),
        pictured=60,
        data="digits",
    ),
    run,
    networks=networks,
    predict=predict,
    takes=Takes("images with classes", classes=2),
    subject=subject,
)
