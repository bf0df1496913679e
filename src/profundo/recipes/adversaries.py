"""What the recipes of adversarial nets share: the players' optimizers, the play, and what the judge of judging.py says of it.

Where the players are told classes (`condition=class`), the judge also says how often an image is of the one that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.data.batches import batches
from profundo.data.standard import ranged
from profundo.nets.told_class import Projection, ToldClass
from profundo.pictures.exhibits import Chart, Exhibit, Images
from profundo.pictures.film import sheet
from profundo.recipes.conditions import (
    ASKED,
    Condition,
    asked_class,
    classes_told,
    columns_of,
    heads_of,
    in_turn,
    laid_out,
    like_training,
    of_classes,
)
from profundo.recipes.context import Context, Trained
from profundo.recipes.judging import Verdict, judged, raw, trained_judge, verdicts_table
from profundo.recipes.latent_space import LatentSpace
from profundo.recipes.net_outputs import outputs_in_parts
from profundo.recipes.own_data import Takes, things
from profundo.recipes.recipe import Model, Networks, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.stretches import Stretches
from profundo.records import Dataset
from profundo.runs.settings.setting_values import Several, Share, Whole
from profundo.train import Plan, optimizer, schedule
from profundo.train.adversarial import Adversarial

__all__ = [
    "AdversarialSettings",
    "Stretches",
    "adversarial_recipe",
    "generator_told",
    "make",
    "opponent_told",
    "players",
    "real_images",
]

COSTS = "Means over each epoch. The players work against each other, so a curve that rises or stays is no bad sign."


@dataclass(frozen=True, slots=True)
class AdversarialSettings:
    """pictures: that an epoch shows, the next goes on where it ended; noise: numbers that a digit is made from.

    decay: of the moving average of the generator; classifier_epochs: of the classifier that judges the digits.
    image_size: of images of one's own, the side in pixels that they are scaled and cut to. condition: "class" tells both players
    which class an image is of, or is to be of; each can then be asked for.
    """

    pictures: Whole = 13_750
    epochs: Whole = 20
    batch_size: Several = 64
    noise: Whole = 32
    decay: Share = 0.99
    classifier_epochs: Whole = 2
    data: str = "mnist"
    image_size: Whole = 32
    condition: Condition = None


def players(
    generator: nn.Module, opponent: nn.Module, rates: tuple[float, float], betas: tuple[float, float]
) -> tuple[Optimizer, Optimizer]:
    """Adam for each. rates: of the two. betas: Adam's decay rates; with the usual first one of 0.9 the players swing
    about each other."""
    both = optimizer("adam", generator, rates[0]), optimizer("adam", opponent, rates[1])
    for group in (group for player in both for group in player.param_groups):
        group["betas"] = betas
    return both


def generator_told(known: Mapping[str, Any], noise: int, build: Callable[[int], nn.Module]) -> nn.Module:
    """The generator of so many numbers; where classes are told, each adds one."""
    classes = len(known.get("classes", ()))
    return ToldClass(build(noise + classes), classes) if classes else build(noise)


def opponent_told(known: Mapping[str, Any], net: nn.Sequential) -> nn.Module:
    """The discriminator or critic; where classes are told, it judges images as ones of theirs."""
    return Projection(net, len(known["classes"])) if known.get("classes") else net


def make(net: nn.Module, noise: Tensor, low: float, labels: Tensor | None = None) -> Tensor:
    """uint8 images (images, channels, height, width) of noise (images, …), on the CPU. labels: int64 (images,), where told."""
    values = outputs_in_parts(net, noise) if labels is None else outputs_in_parts(net, noise, labels)
    return (255 * (values - low) / (1 - low)).round().to(torch.uint8).contiguous()


def adversarial_recipe(
    settings: type,
    quick: AdversarialSettings,
    networks: Networks,
    duel: Callable[[Context, Any, Mapping[str, Any], nn.Module], Adversarial],
    low: float,
    distance: str = "",
) -> Recipe:
    """duel: makes the update of (context, settings, known, generator). low: the least value of an image. distance: a caption
    where the chart is to show the history's "distance", and not the costs of both players."""

    def run(context: Context, asked: AdversarialSettings) -> Outcome:
        data = context.images(asked.data, asked.image_size)
        known = {
            "shape": list(data.spec.inputs.shape),
            "things": things(data),
            "classes": classes_told(data, asked.condition),
        }
        update = duel(context, asked, known, networks(asked, known)["generator"])
        return play(context, asked, data, update, low, known, distance)

    def generate(model: Model, count: int, generator: torch.Generator, prompt: str) -> list[Exhibit]:
        """So many new digits, each from noise of its own. prompt: the class of all of them, where classes were told."""
        noise = torch.randn(count, model.asked.noise, generator=generator)
        things, classes = model.known.get("things", "digits"), model.known.get("classes", [])
        only = asked_class(classes, prompt)
        asked = f", asked to be {prompt}" if prompt else ", of each class in turn" * bool(classes)
        caption = f"{count} {nobodys(things)}, each made of {model.asked.noise} random numbers{asked}."
        images = make(model.networks["generator"], noise, low, in_turn(classes, count, only))
        return [Images(f"New {things}", caption, images, columns_of(classes, only), heads=heads_of(classes, only))]

    def latent(model: Model, _context: Context) -> Mapping[str, LatentSpace]:
        """Of the noise, whose numbers are normal; where classes were told, of each one."""
        net, width = model.networks["generator"], model.asked.noise

        def space(name: str, label: int | None) -> LatentSpace:
            def decode(codes: Tensor, _begun: Tensor | None) -> Tensor:
                return make(net, codes, low, None if label is None else torch.full((len(codes),), label))

            return LatentSpace(name, decode, torch.zeros(width), torch.ones(width))

        return {name: space(name, label) for name, label in of_classes("generator", model.known.get("classes", []))}

    takes = Takes("images", samples=20)
    return Recipe(settings, quick, run, networks=networks, generate=generate, takes=takes, latent=latent)


def nobodys(things: str) -> str:
    return "digits that nobody wrote" if things == "digits" else f"{things} that nobody took"


def play(
    context: Context,
    settings: AdversarialSettings,
    data: Dataset,
    duel: Adversarial,
    low: float,
    known: Mapping[str, Any],
    distance: str,
) -> Outcome:
    """Train the players, then have the generator's moving average judged."""
    judge = trained_judge(context, data, settings.classifier_epochs)
    seen = real_images(context, settings, data, low, duel.rounds)
    shown, columns = laid_out(known["classes"])
    filmed = torch.randn(shown, settings.noise, generator=context.generator("film"))
    told = in_turn(known["classes"], shown)
    noise = torch.randn(len(data.test), settings.noise, generator=context.generator("samples"))
    asked = like_training(data, known["classes"], len(noise))
    untrained = make(duel.average, noise, low, asked)
    plan = Plan(settings.epochs, schedule("cosine"))
    trained = context.train(duel, seen, plan, film=lambda: sheet(make(duel.average, filmed, low, told), columns))
    made = make(duel.average, noise, low, asked)
    verdicts = judged(judge, data, {"made": made, "the same net before training": untrained})
    agreed, agreed_before = (
        {} if asked is None else {ASKED: judge.agreed(these, asked)} for these in (made, untrained)
    )
    scores = verdicts["made"].scores
    before, floor = verdicts["the same net before training"].distance, verdicts[f"training {things(data)}"].distance
    by = "a classifier" if data.spec.targets.classes else "a net with random weights, as there are no classes to learn"
    return Outcome(
        scores={**scores, **agreed},
        baseline={**verdicts["the same net before training"].scores, **agreed_before},
        against="untrained generator",
        exhibits=exhibits(
            make(duel.average, filmed, low, told),
            columns,
            verdicts,
            trained,
            loss_chart(trained, distance),
            things(data),
            known["classes"],
        ),
        networks={"generator": duel.average},
        known=known,
        conclusion=f"{len(made):,} made {things(data)} are at a Fréchet distance of {scores['Fréchet distance']:.1f} from as many "
        f"unseen real ones, in the features of {by}; real training {things(data)} are at {floor:.1f}, the untrained "
        f"generator's images at {before:.0f}."
        + classes_seen(verdicts["made"], len(data.spec.targets.classes))
        + ("" if asked is None else obeyed(agreed[ASKED], judge.agreed(judge.real, data.test.targets))),
    )


def classes_seen(verdict: Verdict, classes: int) -> str:
    if verdict.sure is None or verdict.in_use is None:
        return ""
    return (
        f" The classifier is sure of {100 * verdict.sure:.0f} % of them and finds {verdict.in_use:.1f} of the {classes} "
        f"{verdict.things} in use."
    )


def obeyed(made: float, real: float) -> str:
    shares = f"{100 * made:.1f} % of them for the class that was asked for, and {100 * real:.1f} % of the real ones for theirs"
    return f" It takes {shares}."


def real_images(
    context: Context, settings: AdversarialSettings, data: Dataset, low: float, rounds: int = 1
) -> Stretches:
    """Batches for an update of so many rounds, with values from low to 1; an epoch has `asked.pictures` of them."""
    raw(data.train)
    size = settings.batch_size * rounds
    whole = batches(data.train, ranged(data.spec, low), size, seed=context.seed, device=context.device)
    return Stretches(whole, max(1, settings.pictures // size))


def exhibits(
    made: Tensor,
    columns: int,
    verdicts: Mapping[str, Verdict],
    trained: Trained,
    chart: Chart,
    things: str,
    classes: Sequence[str],
) -> list[Exhibit]:
    """Digits, their film, the losses, and what the classifier says of each set. classes: that were asked for, if any."""
    by_class = " Each column was asked to be of one class." if heads_of(classes) else ""
    return [
        Images(
            f"New {things}",
            f"{nobodys(things).capitalize()}: the trained generator's, of random noise.{by_class}",
            made,
            columns,
            heads=heads_of(classes),
        ),
        trained.film(f"{things.capitalize()} by epoch", "The same noise before training and after each epoch."),
        chart,
        verdicts_table(verdicts, things),
    ]


def loss_chart(trained: Trained, distance: str) -> Chart:
    if distance:
        name = "estimated Wasserstein distance"
        return by_epoch("Losses", distance, {name: trained.history["distance"]}, y_label=name)
    costs = {name: trained.history[name] for name in ("generator", "discriminator")}
    return by_epoch("Losses", COSTS, costs, y_label="cost")
