"""What the recipes of adversarial nets share: the players' optimizers, and a classifier that judges what they make.

The classifier learns real digits, as ever. Made digits are seen through its features: their Fréchet distance to unseen real
digits says how alike the two sets are; how sure it is of each digit, and how evenly it finds the ten, says why. Of images
without classes there is nothing to classify: the same net judges with the random weights that it began with, whose features
tell sets of images apart, too (Naeem et al. 2020, arXiv:2002.09797, section 4), on another scale. Where the players are told
classes (`condition=class`), it also says how often an image is of the class that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo import objectives
from profundo.data.batches import batches
from profundo.data.standard import standardize
from profundo.evaluate.classes import classes_in_use, sure_share
from profundo.evaluate.frechet import frechet_distance
from profundo.nets import fast_cnn, initialize_
from profundo.nets.init import SMALL_OUTPUT
from profundo.nets.told_class import Projection, ToldClass
from profundo.pictures.exhibits import Chart, Exhibit, Images, Table
from profundo.pictures.film import sheet
from profundo.recipes.conditions import Condition, asked_class, classes_told, columns_of, in_turn, laid_out, of_classes
from profundo.recipes.context import Context, Trained
from profundo.recipes.latent_space import LatentSpace
from profundo.recipes.net_outputs import outputs, outputs_in_parts
from profundo.recipes.own_data import Takes, several_classes, things
from profundo.recipes.recipe import Model, Networks, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.stretches import Stretches
from profundo.records import Dataset, ProfundoError, Samples, Spec
from profundo.runs.settings.setting_values import Several, Share, Whole
from profundo.train import Plan, Supervised, optimizer, schedule
from profundo.train.adversarial import Adversarial

__all__ = [
    "AdversarialSettings",
    "Classifier",
    "Stretches",
    "adversarial_recipe",
    "generator_told",
    "make",
    "opponent_told",
    "players",
    "ranged",
    "raw",
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


def ranged(spec: Spec, low: float) -> Spec:
    """The same images with values from low to 1, as a generator's last layer gives them: 0 for a sigmoid, −1 for tanh."""
    if spec.inputs.kind != "image":
        raise ProfundoError(
            f"expected images, got {spec.inputs.kind} of shape {spec.inputs.shape}; use mnist or digits"
        )
    scale = 255 / (1 - low)
    channels = spec.inputs.shape[0]
    return replace(spec, inputs=replace(spec.inputs, mean=(-low * scale,) * channels, std=(scale,) * channels))


def raw(samples: Samples) -> Tensor:
    """The uint8 images of a split. Raises ProfundoError where they are read from disk."""
    if not isinstance(samples.inputs, Tensor):
        raise ProfundoError("expected images that fit in memory, got some that are read from disk; take fewer")
    return samples.inputs


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of a set of images. distance: Fréchet's to unseen real images, in the classifier's features. sure, in_use: None where
    it knows no classes. things: digits, or other classes. obeyed: the share that is of the class asked for; None where none was."""

    distance: float
    sure: float | None
    in_use: float | None
    things: str = "digits"
    obeyed: float | None = None

    @property
    def scores(self) -> dict[str, float]:
        figures = {
            "Fréchet distance": self.distance,
            "share sure": self.sure,
            f"{self.things} in use": self.in_use,
            "share as asked": self.obeyed,
        }
        return {name: value for name, value in figures.items() if value is not None}


class Classifier:
    """A classifier of real digits, or a net with random weights where there are no classes. real: the unseen ones, uint8, to
    which made ones are compared."""

    def __init__(self, net: nn.Sequential, data: Dataset, device: torch.device) -> None:
        self.net, self.spec, self.device, self.things = net, data.spec, device, things(data)
        self.real = raw(data.test)
        self.real_features, _ = self.look(self.real)

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The last hidden layer (images, features) and class probabilities (images, classes) of uint8 images."""
        parts = [
            outputs(self.net[:-1], standardize(part.to(self.device), self.spec.inputs))
            for part in torch.split(images, 1000)
        ]
        features = torch.cat(parts)
        return features, outputs_in_parts(self.net[-1], features).softmax(1)

    def __call__(self, images: Tensor, labels: Tensor | None = None) -> Verdict:
        """labels: int64 (images,), the classes that they are to be of."""
        features, probabilities = self.look(images)
        if not self.spec.targets.classes:
            return Verdict(frechet_distance(features, self.real_features), None, None)
        seen = probabilities.argmax(1)
        counts = torch.bincount(seen, minlength=probabilities.shape[1])
        obeyed = None if labels is None else (seen == labels).double().mean().item()
        distance = frechet_distance(features, self.real_features)
        named = "digits" if self.things == "digits" else "classes"
        return Verdict(distance, sure_share(probabilities), classes_in_use(counts), named, obeyed)


def trained_classifier(context: Context, data: Dataset, epochs: int) -> Classifier:
    """The small strided net, trained on all training digits: the same for every recipe with the same seed. Untrained where
    there are no classes."""
    data = replace(data, spec=replace(data.spec, targets=several_classes(data.spec.targets)))
    # The same first weights for every method, so that all are judged by the same net.
    net = initialize_(fast_cnn(data.spec), output_gain=SMALL_OUTPUT, generator=context.generator("classifier"))
    if not data.spec.targets.classes:
        return Classifier(net.to(context.device), data, context.device)
    precision = context.precision(net)
    update = Supervised(
        net, objectives.default(data.spec.targets), optimizer("nesterov", net, 0.2, 5e-4), precision=precision
    )
    seen = batches(data.train, data.spec, 256, seed=context.seed, device=context.device)
    context.train(update, seen, Plan(epochs, schedule("one-cycle")), name="classifier")
    return Classifier(net, data, context.device)


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
        return [Images(f"New {things}", caption, images, columns_of(classes, only))]

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
    classifier = trained_classifier(context, data, settings.classifier_epochs)
    seen = real_images(context, settings, data, low, duel.rounds)
    shown, columns = laid_out(known["classes"])
    filmed = torch.randn(shown, settings.noise, generator=context.generator("film"))
    told = in_turn(known["classes"], shown)
    noise = torch.randn(len(data.test), settings.noise, generator=context.generator("samples"))
    training, asked_training, asked_test = raw(data.train)[: len(noise)], None, None
    asked = None
    if duel.told:  # classes are asked for in the shares that they have among the training images
        asked_training, asked_test = data.train.targets.long()[: len(noise)], data.test.targets.long()
        asked = asked_training[torch.arange(len(noise)) % len(asked_training)]
    untrained = make(duel.average, noise, low, asked)
    plan = Plan(settings.epochs, schedule("cosine"))
    trained = context.train(duel, seen, plan, film=lambda: sheet(make(duel.average, filmed, low, told), columns))
    made = make(duel.average, noise, low, asked)
    verdicts = {
        "made": classifier(made, asked),
        "the same net before training": classifier(untrained, asked),
        f"training {things(data)}": classifier(training, asked_training),
        f"unseen {things(data)}": classifier(classifier.real, asked_test),
    }
    scores = verdicts["made"].scores
    before, floor = verdicts["the same net before training"].distance, verdicts[f"training {things(data)}"].distance
    judge = (
        "a classifier" if data.spec.targets.classes else "a net with random weights, as there are no classes to learn"
    )
    return Outcome(
        scores=scores,
        baseline=verdicts["the same net before training"].scores,
        against="untrained generator",
        exhibits=exhibits(
            make(duel.average, filmed, low, told),
            columns,
            verdicts,
            trained,
            loss_chart(trained, distance),
            things(data),
            told is not None,
        ),
        networks={"generator": duel.average},
        known=known,
        conclusion=f"{len(made):,} made {things(data)} are at a Fréchet distance of {scores['Fréchet distance']:.1f} from as many "
        f"unseen real ones, in the features of {judge}; real training {things(data)} are at {floor:.1f}, the untrained "
        f"generator's images at {before:.0f}." + classes_seen(verdicts["made"], len(data.spec.targets.classes)),
    )


def classes_seen(verdict: Verdict, classes: int) -> str:
    if verdict.sure is None or verdict.in_use is None:
        return ""
    obeyed = (
        f" Of {100 * verdict.obeyed:.1f} % it finds the class that was asked for." if verdict.obeyed is not None else ""
    )
    return (
        f" The classifier is sure of {100 * verdict.sure:.0f} % of them and finds {verdict.in_use:.1f} of the {classes} "
        f"{verdict.things} in use.{obeyed}"
    )


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
    told: bool,
) -> list[Exhibit]:
    """Digits, their film, the losses, and what the classifier says of each set. told: whether a class was asked for."""
    scores = verdicts["made"].scores
    classified = verdicts["made"].sure is not None
    judge = f"a classifier of real {things}" if classified else "a net with fixed random weights"
    classes = (
        f", share of the {things} of which it is more than 90 % sure, and how many {verdicts['made'].things} are in use (exp of "
        "the entropy of their shares)" + (", share that it finds of the class that was asked for." if told else ".")
    )
    by_class = " Each column was asked to be of one class." if told else ""
    return [
        Images(
            f"New {things}",
            f"{nobodys(things).capitalize()}: the trained generator's, of random noise.{by_class}",
            made,
            columns,
        ),
        trained.film(f"{things.capitalize()} by epoch", "The same noise before training and after each epoch."),
        chart,
        Table(
            "What the classifier says" if classified else "How near to real images",
            f"Fréchet distance to the unseen real {things} in the features of {judge} (smaller is nearer; as many real "
            f"training {things} show how near one can come){classes if classified else '.'}",
            [things, *scores],
            [[name, *verdict.scores.values()] for name, verdict in verdicts.items()],
        ),
    ]


def loss_chart(trained: Trained, distance: str) -> Chart:
    if distance:
        name = "estimated Wasserstein distance"
        return by_epoch("Losses", distance, {name: trained.history["distance"]}, y_label=name)
    costs = {name: trained.history[name] for name in ("generator", "discriminator")}
    return by_epoch("Losses", COSTS, costs, y_label="cost")
