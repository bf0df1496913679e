"""pix2pix: an image made of another one, by a net that learned from pairs (Isola, Zhu, Zhou & Efros 2017, arXiv:1611.07004).

Data: any images, of which `task` takes something away (the lower half, all but the outlines, the colours), or pairs of one's own. A
U-Net makes the whole of what is given. It is to come near the true one, by the mean absolute error, and to pass with a discriminator
that sees both, what was given and what was made, in patches of 16 × 16 pixels. Beside it the same net, from the same first weights
and the same batches, learns by the error alone: where several images are possible it makes their median, which is blurred or grey;
and each test image gets what belongs to the nearest training one.

Result: of the upper halves of 5,000 test digits whole ones are made, after 600 updates (seed 0), at a Fréchet distance of 19.6 from
the true ones, by the error alone 34.8; a classifier names 89.4 % of them right (87.6 %; of the true ones 99.0 %). A pixel is 0.045
from the true one (0.044), where black and white differ by 1. What belongs to the nearest of 5,000 training digits is real, at 6.1
like training digits themselves, but 84.8 % right and 0.076 away. 117 s on one core of an AMD EPYC, no GPU. No setting was searched
for. Outlines of digits (`task=edges`, seed 0, 129 s) leave less open: the distance is 1.5, by the error alone 1.8, of what belongs
to the nearest training outlines 13.9; 98.1 % are named right (97.7, 75.8; of the true ones 99.0), and a pixel is 0.024 away both
ways. Colours of CIFAR-10 (`task=colours`, `data=cifar10`, seed 0, 135 s): 5.6, by the error alone, which leaves grey what may have
any colour, 9.3, of what belongs to the nearest grey image 26.9; a pixel is 0.063 away (0.054, 0.156), and 51.6 % are named right
(54.4, 22.6; of the true ones 63.9). Skies turn blue; frogs do not turn green.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from profundo.data.drawn_batches import DrawnBatches
from profundo.data.new_inputs import read_image
from profundo.data.splits.splits import chosen
from profundo.evaluate.frechet import frechet_distance
from profundo.nets.image_translation import UNetGenerator, patch_discriminator
from profundo.objectives.adversarial_losses import discriminator_cost, generator_cost
from profundo.pictures.exhibits import Exhibit, Images, Table
from profundo.pictures.film import sheet
from profundo.pictures.numbers import percent
from profundo.ranks_and_places import evenly
from profundo.recipes.adversaries import players
from profundo.recipes.context import Context, Trained
from profundo.recipes.judging import ImageJudge, trained_judge
from profundo.recipes.net_outputs import few_at_once, image_answer
from profundo.recipes.own_data import Takes, is_own
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.translating.image_pairs import PAIRED, TASKS, Pairs, of_the_dataset, own_pairs, pairs_of
from profundo.recipes.translating.image_values import called_in, error, large, signed, translated
from profundo.recipes.zoo import traffic_signs as signs
from profundo.records import Batch, Dataset, Inputs, ProfundoError
from profundo.runs.settings.setting_values import AtLeastZero, Positive, Several, Share, Whole
from profundo.train import Plan, optimizer, schedule
from profundo.train.game import Game

__all__ = ["RECIPE", "Settings", "Wishes", "networks", "predict", "run"]

OURS, ALONE, NEAREST = "pix2pix", "by the error alone", "nearest pair"
DISTANCE, NAMED, ERROR = "Fréchet distance", "share named right", "absolute error"
VALIDATED, SHOWN, NEIGHBOURS = 1000, 10, 5000
COMPARED = 2**25  # numbers of the images among which a nearest is looked for: 128 MiB


@dataclass(frozen=True, slots=True)
class Settings:
    """task: what is given: "halves" (the upper half), "edges" (outlines), "colours" (grey images), or "pairs" of one's own; reverse:
    of pairs, the first is made of the second. data: images by name, traffic-signs, or one's own; image_size: of one's own, the side
    in pixels that they are scaled and cut to.

    error_weight: λ, what the mean absolute error counts for one of the discriminator's cost. width, depth: of the U-Net, channels at
    full size and halvings; patches: halvings of the discriminator. updates: of an epoch; decay: of the moving average of the
    generator. classifier_epochs: of the classifier that judges; judged: images that it is shown, at most.
    """

    task: Literal["halves", "edges", "colours", "pairs"] = "halves"
    data: str = "mnist"
    reverse: bool = False
    image_size: Annotated[int, Field(ge=8, le=256)] = 32
    error_weight: AtLeastZero = 20.0
    width: Annotated[int, Field(ge=1, le=256)] = 16
    depth: Annotated[int, Field(ge=1, le=7)] = 3
    patches: Annotated[int, Field(ge=1, le=3)] = 1
    batch_size: Several = 32
    updates: Whole = 50
    epochs: Whole = 12
    learning_rate: Positive = 0.001
    momentum: Share = 0.5
    decay: Share = 0.99
    classifier_epochs: Whole = 2
    judged: Several = 5000


@dataclass(frozen=True, slots=True)
class Wishes:
    """Of files. given: whether a file is what the net is given, such as a drawing of black lines on white; otherwise it is a whole
    image, of which the task takes away what the net makes anew."""

    given: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """images: those that are to be made, as a data set, for the judge."""

    images: Dataset
    train: Pairs
    validation: Pairs
    test: Pairs


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    sizes = known["given"][0], known["made"][0], settings.width, settings.depth
    return {name: UNetGenerator(*sizes) for name in (OURS, ALONE)}


def run(context: Context, settings: Settings) -> Outcome:
    parts = loaded(context, settings)
    known = {"given": list(parts.train.given.shape[1:]), "made": list(parts.train.truth.shape[1:])}
    nets = networks(settings, known)
    nets[ALONE].load_state_dict(nets[OURS].state_dict())
    judge = trained_judge(context, parts.images, settings.classifier_epochs)
    games = {ALONE: alone(context, settings, nets[ALONE]), OURS: duel(context, settings, nets[OURS], known)}
    trained = {name: learn(context, settings, name, game, parts, judge) for name, game in games.items()}
    made = {NEAREST: nearest(parts.train, parts.test)}
    made |= {name: translated(game.averages["generator"], parts.test.given) for name, game in games.items()}
    figures = {name: judged(judge, images, parts) for name, images in made.items()}
    return Outcome(
        scores=figures[OURS],
        baseline=figures[ALONE],
        against=ALONE,
        tested=len(parts.test),
        rivals={f"the {NEAREST} of training": figures[NEAREST][DISTANCE]},
        exhibits=exhibits(made, figures, parts, judge, trained),
        networks={name: game.averages["generator"] for name, game in games.items()},
        known=known,
        conclusion=concluded(settings, figures, len(parts.test)),
    )


# ------------------------------------------------------------------------------------------------------------------ data
def loaded(context: Context, settings: Settings) -> Parts:
    """Raises ProfundoError for images that are too small, of which the task leaves nothing, or which are no pairs."""
    if settings.task == "pairs":
        if context.skip_bad:
            raise ProfundoError("--skip-bad: pairs are read all or none, so that none loses its partner; leave it out")
        if not is_own(settings.data):
            raise ProfundoError(
                f"task pairs: expected pairs of your own, {PAIRED}, got {settings.data}; say --data FOLDER"
            )
        images, context.facts["pairs"] = own_pairs(
            Path(settings.data), settings.image_size, settings.reverse, context.seed
        )
        split = of_the_dataset
    else:
        images = signs.load(context, settings)  # type: ignore[arg-type]  # of which it takes data and image_size
        split = partial(pairs_of, settings.task)
        if {name.lower() for name in images.spec.targets.classes} == {"a", "b"}:
            raise ProfundoError(
                f"data {settings.data}: expected images for task {settings.task}, found folders a and b; for pairs say task=pairs"
            )
    least = 8 << settings.patches - 1
    if min(images.spec.inputs.shape[1:]) < least:
        raise ProfundoError(
            f"data: expected images of {least} pixels on a side or more for patches={settings.patches}, found "
            f"{' × '.join(map(str, images.spec.inputs.shape[1:]))}"
        )
    places = torch.tensor(evenly(len(images.test), settings.judged))
    images = replace(images, test=chosen(images.test, places))
    train, validation, test = map(split, (images.train, images.validation, images.test))
    return Parts(images, train, validation.some(evenly(len(validation), VALIDATED)), test)


# -------------------------------------------------------------------------------------------------------------- two ways
def duel(context: Context, settings: Settings, net: nn.Module, known: Mapping[str, Any]) -> Game:
    """The generator and a discriminator that sees what was given beside what was made."""
    discriminator = patch_discriminator(known["given"][0] + known["made"][0], settings.width * 2, settings.patches)
    precision = context.precision(net)
    make, logits = called_in(precision, net), called_in(precision, discriminator)

    def turns(batch: Batch) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
        given, truth = batch.inputs, batch.targets
        made = make(given)

        def beside(images: Tensor) -> Tensor:
            return logits(torch.cat([given, images], 1))

        yield "discriminator", {"discriminator": discriminator_cost(beside(truth), beside(made.detach())) / 2}
        fooled, off = generator_cost(beside(made)), F.l1_loss(made, truth)
        yield "generator", {"generator": fooled + settings.error_weight * off, "fooled": fooled, "error": off}

    rates, betas = (settings.learning_rate, settings.learning_rate), (settings.momentum, 0.999)
    both = dict(zip(("generator", "discriminator"), players(net, discriminator, rates, betas), strict=True))
    nets = {"generator": net, "discriminator": discriminator}
    return Game(nets, both, turns, average=["generator"], decay=settings.decay)


def alone(context: Context, settings: Settings, net: nn.Module) -> Game:
    """The same without a discriminator."""
    make = called_in(context.precision(net), net)

    def turns(batch: Batch) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
        yield "generator", {"generator": F.l1_loss(make(batch.inputs), batch.targets)}

    return Game(
        {"generator": net},
        {"generator": optimizer("adam", net, settings.learning_rate)},
        turns,
        average=["generator"],
        decay=settings.decay,
    )


def learn(context: Context, settings: Settings, name: str, game: Game, parts: Parts, judge: ImageJudge) -> Trained:
    """After each epoch, how far what is made of validation images is from the true ones, as a set and one by one."""
    features, _ = judge.look(parts.validation.truth)
    shown = parts.test.some(evenly(len(parts.test), SHOWN))

    def validate() -> dict[str, float]:
        made = translated(game.averages["generator"], parts.validation.given)
        distance = frechet_distance(judge.look(made)[0], features)
        return {"validation Fréchet distance": distance, "validation error": error(made, parts.validation.truth)}

    def frame() -> Tensor:
        return sheet(large(torch.cat([translated(game.averages["generator"], shown.given), shown.truth])), len(shown))

    return context.train(
        game,
        drawn(context, settings, parts.train),
        Plan(settings.epochs, schedule("cosine")),
        name=name,
        validate=validate,
        film=frame if name == OURS else None,
    )


def drawn(context: Context, settings: Settings, pairs: Pairs) -> DrawnBatches:
    """The same for both ways."""

    def batch(number: int) -> Batch:
        places = torch.randint(len(pairs), (settings.batch_size,), generator=context.generator(f"pairs {number}"))
        some = pairs.some(places)
        given, truth = (signed(images.to(context.device)) for images in (some.given, some.truth))
        return Batch(given, truth, settings.batch_size)

    return DrawnBatches(batch, settings.updates)


def nearest(train: Pairs, test: Pairs) -> Tensor:
    """Of some training pairs, what belongs to that of which the given image is nearest, pixel by pixel."""
    known = train.some(evenly(len(train), max(1, min(NEIGHBOURS, COMPARED // train.given[0].numel()))))
    rows = known.given.flatten(1).float()
    places = [
        torch.cdist(part.flatten(1).float(), rows).argmin(1)
        for part in torch.split(test.given, min(500, few_at_once(test.given)))
    ]
    return known.truth[torch.cat(places)]


# --------------------------------------------------------------------------------------------------------------- figures
def judged(judge: ImageJudge, made: Tensor, parts: Parts) -> dict[str, float]:
    """Of what was made of the test images; named right: nothing where they have no classes."""
    features, probabilities = judge.look(made)
    figures = {DISTANCE: frechet_distance(features, judge.real_features)}
    if parts.images.spec.targets.classes:
        figures[NAMED] = (probabilities.argmax(1) == parts.images.test.targets).double().mean().item()
    return figures | {ERROR: error(made, parts.test.truth)}


def concluded(settings: Settings, figures: Mapping[str, Mapping[str, float]], number: int) -> str:
    ours, others = figures[OURS], figures[ALONE]
    named = ""
    if NAMED in ours:
        named = (
            f" A classifier names {percent(ours[NAMED], 1)} of them right, {percent(others[NAMED], 1)} of the others."
        )
    nearest_pair = figures[NEAREST]
    return (
        f"{number:,} images made by task {settings.task} are at a Fréchet distance of {ours[DISTANCE]:.1f} from the true ones, "
        f"at {others[DISTANCE]:.1f} where the same net learned by the error alone, and at {nearest_pair[DISTANCE]:.1f} "
        f"where the answer is that of the nearest training pair. A pixel is {ours[ERROR]:.3f} from the true one in "
        f"the mean, where black and white differ by 1, by the error alone {others[ERROR]:.3f}, of the nearest "
        f"pair {nearest_pair[ERROR]:.3f}.{named}"
    )


# -------------------------------------------------------------------------------------------------------------- exhibits
def exhibits(
    made: Mapping[str, Tensor],
    figures: Mapping[str, Mapping[str, float]],
    parts: Parts,
    judge: ImageJudge,
    trained: Mapping[str, Trained],
) -> list[Exhibit]:
    places = evenly(len(parts.test), SHOWN)
    rows = {"given": parts.test.given, ALONE: made[ALONE], OURS: made[OURS], "truth": parts.test.truth}
    names = [DISTANCE, *([NAMED] if NAMED in figures[OURS] else []), ERROR]
    seen, _ = judge.look(parts.train.truth[evenly(len(parts.train), len(parts.test))])
    floor = frechet_distance(seen, judge.real_features)
    truth = judged(judge, parts.test.truth, parts)
    table: list[list[str | float]] = [[way, *(of[name] for name in names)] for way, of in figures.items()]
    history = {name: one.history for name, one in trained.items()}
    return [
        Images(
            "Side by side",
            "Test images, one below another. Look at what is not given: the error alone makes it blurred or grey "
            "where several images are possible, against the discriminator it is one of them, and need not be the true one.",
            torch.cat([large(images[places]) for images in rows.values()]),
            columns=len(places),
            rows=list(rows),
        ),
        trained[OURS].film("As it learns", "Test images before training and after each epoch, above the true ones."),
        Table(
            "How they are judged",
            "Fréchet distance to the true images in the features of a classifier of true ones (a net with fixed random weights where "
            f"there are no classes); as many training images are at {floor:.1f}. Named right: by that classifier. Absolute error: "
            "of a pixel, the mean, of which black and white differ by 1. Nearest pair: what belongs to the training image most "
            "like the one given, of 5,000 at most.",
            ["way", *names],
            [*table, ["the true images", *(truth[name] for name in names)]],
        ),
        by_epoch(
            "Distance by epoch",
            "Fréchet distance of what is made of validation images to the true ones.",
            {name: of["validation Fréchet distance"] for name, of in history.items()},
            y_label="Fréchet distance",
        ),
        by_epoch(
            "Error by epoch",
            "Mean absolute error on validation images. To err least is not to look real.",
            {name: of["validation error"] for name, of in history.items()},
            y_label="error",
            log_y=False,
        ),
        by_epoch(
            "Players",
            "Means over each epoch of what the discriminator pays, ln 2 where it cannot tell, and the generator for not passing.",
            {name: history[OURS][name] for name in ("discriminator", "fooled")},
            y_label="cost",
            log_y=False,
        ),
    ]


# ------------------------------------------------------------------------------------------------------------- own images
def predict(model: Model, files: Sequence[Path]) -> list[dict[str, Any]]:
    """For each image file the one that is made of it, a PNG in base64, as large as those that were learned from.

    Raises ProfundoError where `given` is said of a net that learned from pairs.
    """
    if model.wishes.given and model.asked.task not in TASKS:
        raise ProfundoError("given: a net that learned from pairs is always given the file as it is; leave it out")
    return [answered(model, path) for path in files]


def answered(model: Model, path: Path) -> dict[str, Any]:
    task, known = model.asked.task, model.known
    whole = task in TASKS and not model.wishes.given
    image = read_image(path, Inputs(tuple(known["made" if whole else "given"]), "image"))[None]
    made = translated(model.networks[OURS], TASKS[task](image) if whole else image)
    height, width = made.shape[2:]
    return image_answer(path, f"{width}×{height} pixels, task {task}", made)


RECIPE = Recipe(
    Settings,
    Settings(
        data="digits",
        width=8,
        depth=2,
        batch_size=32,
        updates=40,
        epochs=3,
        learning_rate=0.003,
        decay=0.9,
        classifier_epochs=6,
        judged=300,
    ),
    run,
    networks=networks,
    predict=predict,
    wishes=Wishes,
    takes=Takes("images or pairs", samples=20),
)
