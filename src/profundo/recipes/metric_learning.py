"""What the recipes of metric learning share: classes kept unseen, embeddings, their judgement, and what there is to show.

The last classes of a data set are never trained on, and the figures are of them: few-shot accuracy by the nearest class
mean, search, verification of pairs. Only the distance below which two pictures count as of one class comes from pairs of
the classes that were seen, of the validation split.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from profundo.data import augmentation
from profundo.data.metric_batches import Members, of_classes
from profundo.data.new_inputs import read_image
from profundo.data.splits.subsets import only_classes
from profundo.data.standard import standardize
from profundo.evaluate.few_shot import Accuracy, few_shot
from profundo.evaluate.retrieval import nearest, precision_at
from profundo.evaluate.verification import Verification, verification
from profundo.nets.embedding import embedding_cnn
from profundo.objectives.metric_losses import pair_distances
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.exhibits import Chart, Images, Table
from profundo.recipes.context import Context
from profundo.recipes.net_outputs import outputs
from profundo.recipes.own_data import Takes, is_own
from profundo.recipes.recipe import Model, Outcome
from profundo.recipes.recipe_charts import map_of_rows, populations
from profundo.recipes.subjects import Subject, by_codes
from profundo.records import Batch, Dataset, Inputs, ProfundoError, Samples
from profundo.runs.settings.setting_values import Positive, Several, Whole
from profundo.train import Batches, Descent, Plan, optimizer, schedule

__all__ = ["TAKES", "MetricSettings", "Parts", "learn_and_judge", "networks", "parts_of", "predict", "subject"]

SHOTS = (1, 2, 5, 10, 20)
PAIRS = 6000
CLASSES, EACH = 4, 10  # of one's own: at least so many classes of at least so many images
TAKES = Takes("images with classes", classes=CLASSES)


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """image_size: of images of one's own, the side in pixels that they are scaled and cut to. unseen: the last classes of the
    data, which are kept out of training; 3 unless given, or half of the classes where there are fewer than 6.
    dimensions: of an embedding; sphere: whether
    it has length 1. epochs: of `steps` batches each. rotate: whether pictures are turned at random, up to 15°. episodes:
    over which few-shot accuracy is taken. pictured: embeddings drawn in the plane."""

    data: str = "mnist"
    image_size: Whole = 32
    unseen: Whole | None = None
    dimensions: Several = 64
    sphere: bool = False
    epochs: Whole = 3
    steps: Whole = 200
    rotate: bool = True
    learning_rate: Positive = 0.003
    weight_decay: Positive = 0.01
    episodes: Whole = 400
    pictured: Annotated[int, Field(ge=10)] = 1000


@dataclass(frozen=True, slots=True)
class Parts:
    """train, validation: of the classes that are seen; test: of all classes; unseen: of the others, from the test split.

    As `judged` takes them, the inputs are embeddings (samples, d).
    """

    train: Samples
    validation: Samples
    test: Samples
    unseen: Samples

    def mapped(self, embedding: Callable[[Tensor], Tensor]) -> Parts:
        """All but the training samples, with their inputs embedded."""
        splits = (self.validation, self.test, self.unseen)
        return Parts(self.train, *(Samples(embedding(inputs_of(split)), split.targets) for split in splits))


def parts_of(data: Dataset, unseen: int) -> Parts:
    """The last `unseen` classes apart. Raises ProfundoError where fewer than two would be left on either side."""
    classes = len(data.spec.targets.classes)
    if not 2 <= unseen <= classes - 2:
        raise ProfundoError(
            f"unseen: expected 2 to {classes - 2} of the {classes} classes of {data.name}, got {unseen}"
        )
    seen, others = range(classes - unseen), range(classes - unseen, classes)
    return Parts(
        of_classes(data.train, seen), of_classes(data.validation, seen), data.test, of_classes(data.test, others)
    )


def with_unseen_whole(data: Dataset, each: int, say: Callable[[str], None]) -> Dataset:
    """The classes of at least `each` images. Those of small data are too few to be wasted: each class is judged, if it stays
    unseen, by all of its images, and validated, if it is seen, by all that were not trained on.

    Raises ProfundoError where fewer than four classes are left.
    """
    held = joined(data.validation, data.test)
    names = data.spec.targets.classes
    taught, others = (torch.bincount(split.targets, minlength=len(names)) for split in (data.train, held))
    kept = ((taught + others >= each) & (taught >= 2) & (others >= 2)).nonzero().squeeze(1).tolist()
    if len(kept) < CLASSES:
        raise ProfundoError(
            f"data {data.name}: expected at least {CLASSES} classes of at least {each} images each; found {len(kept)} such "
            f"classes among {len(names)}"
        )
    if len(kept) < len(names):
        say(f"{len(names) - len(kept)} of the {len(names)} classes have fewer than {each} images and were left out.")
        data = only_classes(data, kept)
        held = joined(data.validation, data.test)
    return replace(data, validation=held, test=joined(held, data.train))


def joined(*splits: Samples) -> Samples:
    return Samples(torch.cat([inputs_of(split) for split in splits]), torch.cat([split.targets for split in splits]))


def unseen_of(settings: MetricSettings) -> int:
    assert settings.unseen is not None
    return settings.unseen


def inputs_of(split: Samples) -> Tensor:
    assert isinstance(split.inputs, Tensor)
    return split.inputs


def known_of(data: Dataset) -> dict[str, Any]:
    inputs = data.spec.inputs
    return {name: list(getattr(inputs, name)) for name in ("shape", "mean", "std", "window")}


def networks(settings: MetricSettings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    """One net: the two sides of a pair, or the three of a triplet, share it."""
    return {"net": embedding_cnn(tuple(known["shape"]), settings.dimensions, normalize=settings.sphere)}


def embed(net: nn.Module, raw: Tensor, inputs: Inputs) -> Tensor:
    """Raw pictures (samples, …) → embeddings (samples, d) on the CPU."""
    return torch.cat([outputs(net, standardize(part, inputs)) for part in torch.split(raw, 1000)])


def subject(model: Model, context: Context) -> Subject:
    """The net that embeds, by all classes, also those that it has not seen."""
    data = context.images(model.asked.data, model.asked.image_size)
    return by_codes(model.networks["net"], data)


def learn_and_judge(
    context: Context,
    settings: MetricSettings,
    batches: Callable[..., Batches],
    cost: Callable[[nn.Module, Batch], Mapping[str, Tensor]],
) -> Outcome:
    """Train on batches of the seen classes, then judge. batches: (samples, inputs, steps=…, seed=…, device=…, augment=…)."""
    data = context.images(settings.data, settings.image_size)
    if is_own(settings.data):
        data = with_unseen_whole(data, EACH, context.say)
    classes = len(data.spec.targets.classes)
    settings = replace(settings, unseen=min(3, classes // 2) if settings.unseen is None else settings.unseen)
    parts, inputs = parts_of(data, unseen_of(settings)), data.spec.inputs
    net = networks(settings, known_of(data))["net"]
    untrained = parts.mapped(lambda raw: embed(net, raw, inputs))
    augment = augmentation(["rotation"]) if settings.rotate else None
    context.train(
        Descent(net, partial(cost, net), optimizer("adamw", net, settings.learning_rate, settings.weight_decay)),
        batches(parts.train, inputs, steps=settings.steps, seed=context.seed, device=context.device, augment=augment),
        Plan(settings.epochs, schedule("cosine")),
    )
    return judged(context, settings, data, net, untrained)


def judged(context: Context, settings: MetricSettings, data: Dataset, net: nn.Module, untrained: Parts) -> Outcome:
    """The outcome of a recipe: figures of the trained net beside those of raw pixels and of the untrained net."""
    parts, inputs = parts_of(data, unseen_of(settings)), data.spec.inputs
    trained = parts.mapped(lambda raw: embed(net, raw, inputs))
    pixels = parts.mapped(lambda raw: standardize(raw, inputs).flatten(1))
    methods = {"embeddings": trained, "raw pixels": pixels, "untrained net": untrained}

    shots = {name: accuracies(context, settings, method.unseen) for name, method in methods.items()}
    pairs = {name: pairs_judged(context, method.unseen, "pairs") for name, method in methods.items()}
    figures = {
        name: figures_of(shots[name], pairs[name], methods[name].unseen, unseen_of(settings)) for name in methods
    }
    threshold = pairs_judged(context, trained.validation, "validation pairs").found.threshold
    one, apart, unseen = shots["embeddings"][0], pairs["embeddings"], unseen_of(settings)
    return Outcome(
        scores=figures["embeddings"],
        baseline=figures["raw pixels"],
        against="raw pixels",
        exhibits=[
            shots_chart(shots, settings),
            figures_table(figures, unseen),
            plane(context, settings, data, trained.test),
            pair_pictures(parts.unseen, apart, threshold),
            mistaken_pictures(parts.unseen, apart),
            populations(
                "Distances of pairs",
                "Share of the pairs of unseen classes in each of 40 equal intervals of distance; the mark is the threshold "
                "that was found on classes that were seen.",
                {"one class": apart.distances[apart.same], "two classes": apart.distances[~apart.same]},
                float(apart.distances.max()),
                threshold,
                x_label="distance",
                y_label="share of pairs",
            ),
        ],
        networks={"net": net},
        known={**known_of(data), "threshold": threshold},
        conclusion=f"Shown one sample each of {unseen} classes that it never met in training, the net names further "
        f"samples with {100 * one.mean:.1f} % accuracy (± {100 * one.standard_error:.1f}); the nearest raw pixels do with "
        f"{100 * shots['raw pixels'][0].mean:.1f} %, chance with {100 / unseen:.1f} %. With five "
        f"samples each it is {100 * shots['embeddings'][SHOTS.index(5)].mean:.1f} %.",
    )


def accuracies(context: Context, settings: MetricSettings, unseen: Samples) -> list[Accuracy]:
    """Among the unseen classes, for each of SHOTS that leaves a third of the smallest class to be asked.

    Every method gets the same episodes, with 15 queries a class, or as many
    as the smallest class has left."""
    ways, smallest = unseen_of(settings), int(torch.unique(unseen.targets, return_counts=True)[1].min())
    possible = [shots for shots in SHOTS if 3 * shots <= 2 * smallest]
    options = {"queries": min(15, smallest - possible[-1]), "episodes": settings.episodes}
    draws = {shots: context.generator(f"{ways} ways, {shots} shots") for shots in possible}
    return [
        few_shot(inputs_of(unseen), unseen.targets, ways, shots, generator, **options)
        for shots, generator in draws.items()
    ]


@dataclass(frozen=True, slots=True)
class JudgedPairs:
    """left, right: indices (pairs,); same: whether they are of one class; distances (pairs,)."""

    left: Tensor
    right: Tensor
    same: Tensor
    distances: Tensor
    found: Verification


def pairs_judged(context: Context, split: Samples, name: str) -> JudgedPairs:
    """Random pairs of a split, the same for every method, half of them of one class."""
    left, right, same = Members(split.targets).pairs(PAIRS, context.generator(name))
    embeddings = inputs_of(split)
    distances = pair_distances(embeddings[left], embeddings[right])
    return JudgedPairs(left, right, same.bool(), distances, verification(distances, same))


def figures_of(shots: Sequence[Accuracy], pairs: JudgedPairs, unseen: Samples, ways: int) -> dict[str, float]:
    """By name, the main one first."""
    result = nearest(inputs_of(unseen), inputs_of(unseen), 10, skip_self=True)
    return {
        f"accuracy, {ways} unseen classes, 1 shot": shots[SHOTS.index(1)].mean,
        f"accuracy, {ways} unseen classes, 5 shots": shots[SHOTS.index(5)].mean,
        "area under ROC": pairs.found.area,
        "equal error rate": pairs.found.equal_error_rate,
        "precision at 10": precision_at(result, unseen.targets, unseen.targets),
    }


def figures_table(figures: Mapping[str, Mapping[str, float]], ways: int) -> Table:
    chance = {"area under ROC": 0.5, "equal error rate": 0.5}
    rows: list[list[str | float]] = [
        [name, *(of[name] for of in figures.values()), chance.get(name, 1 / ways)] for name in figures["embeddings"]
    ]
    return Table(
        "Beside raw pixels, an untrained net and chance",
        "Every figure for four ways to compare pictures; larger is better, but for the equal error rate: there, as many "
        "pairs of one class are told apart as pairs of two are taken together.",
        ["figure", *figures, "chance"],
        rows,
    )


def shots_chart(shots: Mapping[str, Sequence[Accuracy]], settings: MetricSettings) -> Chart:
    lines = [
        Line(
            name,
            SHOTS[: len(curve)],
            [result.mean for result in curve],
            [max(0.0, result.mean - 2 * result.standard_error) for result in curve],
            [min(1.0, result.mean + 2 * result.standard_error) for result in curve],
        )
        for name, curve in shots.items()
    ]
    longest, unseen = SHOTS[: len(shots["embeddings"])], unseen_of(settings)
    lines.append(Line("chance", longest, [1 / unseen] * len(longest)))
    return Chart(
        "Accuracy by the number of samples shown",
        f"Mean accuracy over {settings.episodes} episodes with {unseen} unseen classes, by the nearest class mean; the "
        "bands are two standard errors to each side.",
        lines_svg(lines, x_label="samples shown of each class", y_label="accuracy", log_x=True, percent=True),
    )


def plane(context: Context, settings: MetricSettings, data: Dataset, test: Samples) -> Chart:
    classes = data.spec.targets.classes
    chosen = torch.randperm(len(test), generator=context.generator("pictured"))[: settings.pictured]
    rows = inputs_of(test)[chosen]
    names = [f"{name} (unseen)" * (at >= len(classes) - unseen_of(settings)) or name for at, name in enumerate(classes)]
    caption = f"{len(rows)} test pictures of all classes by their embeddings, laid out by t-SNE; near ones are alike to the net."
    return map_of_rows("Embeddings in the plane", caption, rows, test.targets[chosen].tolist(), names, context.seed)


def pair_pictures(unseen: Samples, pairs: JudgedPairs, threshold: float) -> Images:
    return Images(
        "Pairs and their distances",
        f"Random pairs of unseen classes with the distance of their embeddings; below {threshold:.2f} they count as one "
        "class.",
        *side_by_side(unseen, pairs, torch.arange(24)),
    )


def mistaken_pictures(unseen: Samples, pairs: JudgedPairs) -> Images:
    """The nearest pairs of two classes and the farthest of one."""
    apart = pairs.distances.masked_fill(pairs.same, torch.inf).argsort(stable=True)[:12]
    together = pairs.distances.masked_fill(~pairs.same, -torch.inf).argsort(descending=True, stable=True)[:12]
    return Images(
        "The worst mistakes",
        "The nearest pairs of two classes, then the farthest pairs of one class, of "
        f"{len(pairs.same):,} pairs of unseen classes.",
        *side_by_side(unseen, pairs, torch.cat((apart, together))),
    )


def side_by_side(unseen: Samples, pairs: JudgedPairs, chosen: Tensor) -> tuple[Tensor, int, list[str]]:
    """Pictures of pairs with a gap between, images a row, and a label each."""
    images = inputs_of(unseen)
    gap = torch.full((len(chosen), *images.shape[1:3], 2), 128, dtype=torch.uint8)
    pictures = torch.cat((images[pairs.left[chosen]], gap, images[pairs.right[chosen]]), 3)
    labels = [
        f"{distance:.2f} {'same' if same else 'different'}"
        for distance, same in zip(pairs.distances[chosen].tolist(), pairs.same[chosen].tolist(), strict=True)
    ]
    return pictures, 6, labels


def predict(model: Model, files: Sequence[Path]) -> list[dict[str, Any]]:
    """For every two of the pictures their distance, and whether they seem to be of one class.

    Raises ProfundoError when there are fewer than two.
    """
    if len(files) < 2:
        raise ProfundoError(f"expected two pictures or more, to compare them; got {len(files)}")
    known = model.known
    window = tuple(known.get("window", ()))
    inputs = Inputs(tuple(known["shape"]), "image", tuple(known["mean"]), tuple(known["std"]), window=window)
    embeddings = embed(model.networks["net"], torch.stack([read_image(file, inputs) for file in files]), inputs)
    left, right = torch.combinations(torch.arange(len(files))).T
    distances = pair_distances(embeddings[left], embeddings[right]).tolist()
    return [
        {
            "input": f"{one} and {other}",
            "prediction": f"{'one class' if distance <= known['threshold'] else 'two classes'}, distance {distance:.3f}",
            "distance": distance,
            "same": distance <= known["threshold"],
        }
        for (one, other), distance in zip(combinations(files, 2), distances, strict=True)
    ]
