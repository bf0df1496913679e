"""Domain adaptation: what was learned of one kind of image holds for another, of which no label is known (Ganin et al. 2016,
arXiv:1505.07818).

Source: MNIST. Targets: `coloured`, digits before pieces of photographs, as MNIST-M, and `enlarged`, scikit-learn's 8×8 digits as
large as MNIST's, as USPS's are; or images of one's own with the same classes. One net, from the same first weights, by five ways:

    source only        the labels of the source
    batch statistics   the same weights; batch normalisation measures the target (Li et al. 2016, arXiv:1603.04779)
    CORAL              the covariance of the codes is made alike (Sun & Saenko 2016, arXiv:1607.01719)
    DANN               codes by which a critic cannot tell the domains, by a reversed gradient (Ganin et al. 2016)
    self-training      answers that the net is sure of are taken for labels, and learned from (Lee 2013)

From CORAL on each domain is normalised by its own batch. No label of the target decides anything: the cost of CORAL weighs what
that of the labels does at the end, as its authors have it, and the way that is kept is the one whose answers tell most of unlabelled
target images (evaluate/classes.py). Beside them stands a net that learned the target's labels. With the λ of 1 that DANN has in the
paper these small nets' answers told less than without it, so that it is 0.1 here.

Result (seed 0, 140 s of one core of an AMD EPYC, no GPU), accuracy on the target's test images:

    target                      coloured    enlarged
    source only                   30.9 %      52.1 %
    batch statistics              55.5 %      76.6 %
    CORAL                         53.0 %      68.5 %
    DANN                          58.9 %      90.3 %
    self-training                 59.7 %      83.6 %
    with the target's labels      95.9 %      99.2 %

Kept are CORAL for the coloured digits, which is not the best there, and DANN for the enlarged ones. Over seeds 0 to 2 (Intel Xeon)
what is kept names 55.6 % (52.7–59.9) and 84.6 % (80.5–89.4) right, the source alone 32.0 and 44.5 %. The paper's DANN, a larger net,
comes to 76.7 % on MNIST-M. Before whole photographs of CIFAR-10 (photographs=cifar10, λ of 1) nothing helps: 12.7 % by the source
alone, at most 24.4 % by self-training, 92.6 % with labels.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from profundo.data.batches import prepared_inputs
from profundo.data.drawn_batches import DrawnBatches
from profundo.data.sets.other_domains import coloured, enlarged, in_colour
from profundo.data.splits.splits import chosen
from profundo.evaluate.classes import information
from profundo.nets.gradient_reversal import adaptable, domain_critic, reversal_strength, reversed_gradient
from profundo.objectives.domain_alignment import coral, domain_cost
from profundo.pictures.exhibits import Chart, Exhibit, Images, Table
from profundo.pictures.numbers import percent
from profundo.ranks_and_places import evenly
from profundo.recipes.classifying import predict as classes_of_files
from profundo.recipes.classifying import spec_of
from profundo.recipes.context import Context, Trained
from profundo.recipes.net_outputs import outputs, outputs_in_parts
from profundo.recipes.own_data import Takes, images_of
from profundo.recipes.photographs import as_tensor, photographs_or_set
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch, map_of_rows
from profundo.recipes.subjects import Subject
from profundo.records import Batch, Dataset, Inputs, ProfundoError, Samples, Spec
from profundo.runs.settings.setting_values import Positive, Several, Share, Whole
from profundo.train import Descent, Plan, optimizer, schedule
from profundo.train.batch_statistics import with_statistics_of
from profundo.train.updates import autocast

__all__ = ["RECIPE", "Settings", "networks", "run"]

TAKES = Takes("images with classes", classes=2)
SOURCE, CEILING = "source only", "with the target's labels"
VALIDATED, MEASURED, AT_ONCE = 1000, 5000, 500  # images: looked at after an epoch; that statistics are of; of a part
Cost = Callable[[nn.Sequential, Batch], dict[str, Tensor]]


@dataclass(frozen=True, slots=True)
class Settings:
    """targets: "coloured", "enlarged", or folders of images with the classes of `data`; none: coloured and, of MNIST, enlarged.

    photographs: behind coloured images, a folder of them, "samples" for two that come with scikit-learn, or a set by name.
    codes: width of the layer where domains are made alike; updates: of an epoch, batch_size: of each domain.
    coral: weight of its cost; deceit: the largest λ of DANN; sure: the probability from which an answer is taken for a label, in so
    many rounds, which share the epochs. pictured: images of each domain in the maps. image_size: of images of one's own, their side.
    """

    targets: tuple[str, ...] = ()
    photographs: str = "samples"
    codes: Several = 64
    batch_size: Several = 64
    updates: Whole = 150
    epochs: Whole = 10
    learning_rate: Positive = 0.001
    coral: Positive = 20.0
    deceit: Positive = 0.1
    sure: Share = 0.9
    rounds: Whole = 3
    pictured: Annotated[int, Field(ge=5)] = 300
    data: str = "mnist"
    image_size: Annotated[int, Field(ge=8, le=256)] = 32


@dataclass(frozen=True, slots=True)
class Pool:
    """Images that batches are drawn from, uint8 (n, 3, height, width), and their classes, if they are known."""

    images: Tensor
    labels: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Adapted:
    """Nets by method, of one target, how much the answers of each tell, and their accuracies on its test images; ceiling: of a net
    that knows the target's labels."""

    nets: Mapping[str, nn.Sequential]
    tells: Mapping[str, float]
    accuracies: Mapping[str, float]
    ceiling: float

    @property
    def kept(self) -> str:
        return max(self.tells, key=self.tells.__getitem__)

    @property
    def others(self) -> dict[str, float]:
        """Accuracies of the ways that are neither kept nor the source alone, and of the net that knows the labels."""
        ways = {way: right for way, right in self.accuracies.items() if way not in (self.kept, SOURCE)}
        return {**ways, CEILING: self.ceiling}


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    """The net of the source, and of each target the one that is kept."""
    return {name: adaptable(spec_of(known), settings.codes) for name in (SOURCE, *known["targets"])}


def run(context: Context, settings: Settings) -> Outcome:
    source, targets = domains(context, settings)
    first = adaptable(source.spec, settings.codes)
    plain = learn(context, settings, SOURCE, copy.deepcopy(first), source, [labelled(source)])
    results = {name: adapted(context, settings, (first, plain), source, name, one) for name, one in targets.items()}
    exhibits: list[Exhibit] = [as_they_are(source, targets)]
    for name, target in targets.items():
        exhibits += mended(name, target, results[name])
    exhibits.append(accuracies_table(results))
    for name, target in targets.items():
        exhibits += maps(context, settings, source, name, target, results[name])
    exhibits.append(by_epoch(*TELLING, tells_by_epoch(context.trainings), y_label="information (nats)", log_y=False))
    return Outcome(
        scores={f"accuracy, {name}": one.accuracies[one.kept] for name, one in results.items()},
        baseline={f"accuracy, {name}": one.accuracies[SOURCE] for name, one in results.items()},
        against=SOURCE,
        rivals=next(iter(results.values())).others,
        exhibits=exhibits,
        networks={SOURCE: plain, **{name: one.nets[one.kept] for name, one in results.items()}},
        known={"spec": asdict(source.spec), "targets": list(targets)},
        conclusion=" ".join(concluded(name, len(targets[name].test), one) for name, one in results.items()),
    )


# ------------------------------------------------------------------------------------------------------------- domains
def domains(context: Context, settings: Settings) -> tuple[Dataset, dict[str, Dataset]]:
    """The source, and the targets by name, all in colour, of one size and one standard; where they are made of the same images,
    of other ones."""
    data = context.images(settings.data, settings.image_size)
    names = settings.targets or (("coloured", "enlarged") if settings.data == "mnist" else ("coloured",))
    halves = torch.arange(len(data.train))
    source = in_one_form(replace(data, train=chosen(data.train, halves[::2])), data.spec)
    others = replace(data, train=chosen(data.train, halves[1::2]))
    return source, {name: target_domain(context, settings, name, source.spec, others) for name in names}


def target_domain(context: Context, settings: Settings, name: str, spec: Spec, others: Dataset) -> Dataset:
    if name == "coloured":
        return before_photographs(context, settings.photographs, spec, others)
    found = context.images("digits" if name == "enlarged" else name, max(spec.inputs.shape[1:]))
    classes, own = spec.targets.classes, found.spec.targets.classes
    if set(classes) != set(own):
        raise ProfundoError(
            f"targets {name!r}: expected images of the classes of the data, {listed(classes)}; found {listed(own)}"
        )
    places = torch.tensor([classes.index(one) for one in own])
    splits = {part: getattr(found, part) for part in ("train", "validation", "test")}
    same = {part: replace(split, targets=places[split.targets]) for part, split in splits.items()}
    return in_one_form(replace(found, **same), spec)


def listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def before_photographs(context: Context, photos: str, spec: Spec, others: Dataset) -> Dataset:
    """Other images of the source's kind, before pieces of photographs, which no two splits share."""
    found = photographs_or_set(context, photos, TAKES, max(spec.inputs.shape[1:]))
    made = {}
    for part in ("train", "validation", "test"):
        split, behind = getattr(others, part), [as_tensor(pixels) for _, pixels in getattr(found, part)]
        made[part] = replace(split, inputs=coloured(split.inputs, behind, context.generator(f"patches {part}")))
    return in_one_form(replace(others, **made), spec)


def in_one_form(data: Dataset, spec: Spec) -> Dataset:
    """In colour, of the size that the spec has, from −1 to 1 as the net sees it."""
    size = spec.inputs.shape[1:]

    def formed(split: Samples) -> Samples:
        images = images_of(split)
        same = tuple(images.shape[2:]) == tuple(size)
        return Samples(in_colour(images) if same else enlarged(images, size), split.targets)

    targets = replace(spec.targets, kind="classes")  # two are like any other number of them
    inputs = Inputs((3, *size), "image", mean=(127.5,) * 3, std=(127.5,) * 3, window=spec.inputs.window)
    splits = {part: formed(getattr(data, part)) for part in ("train", "validation", "test")}
    return replace(data, spec=Spec(inputs, targets), **splits)  # type: ignore[arg-type]


def labelled(data: Dataset) -> Pool:
    return Pool(images_of(data.train), data.train.targets)


# ------------------------------------------------------------------------------------------------------------- methods
def adapted(
    context: Context,
    settings: Settings,
    begun: tuple[nn.Sequential, nn.Sequential],
    source: Dataset,
    name: str,
    target: Dataset,
) -> Adapted:
    """begun: the net before training, and trained on the source. Of the target's labels the ceiling alone learns, and nothing is
    decided by it."""
    first, plain = begun
    pools = [labelled(source), Pool(images_of(target.train))]
    fitted = partial(fitted_to, images=images_of(target.train), inputs=source.spec.inputs)
    critic = domain_critic(settings.codes)
    ways = {
        "CORAL": (partial(coral_cost, settings.coral), None),
        "DANN": (partial(deceiving_cost, settings.deceit, critic), critic),
    }
    nets = {SOURCE: plain, "batch statistics": fitted(plain)}
    for way, (cost, judge) in ways.items():
        nets[way] = fitted(
            learn(context, settings, f"{way}, {name}", copy.deepcopy(first), target, pools, cost, critic=judge)
        )
    nets["self-training"] = fitted(self_trained(context, settings, nets["batch statistics"], target, name, pools))
    ceiling = learn(context, settings, f"{CEILING}, {name}", copy.deepcopy(first), target, [labelled(target)])
    tells = {way: tells_of(net, target) for way, net in nets.items()}
    right = {way: accuracy(net, target) for way, net in nets.items()}
    context.say(f"{name}: " + ", ".join(f"{way} {percent(share)}" for way, share in right.items()))
    return Adapted(nets, tells, right, accuracy(ceiling, target))


def learn(
    context: Context,
    settings: Settings,
    name: str,
    net: nn.Sequential,
    seen: Dataset,
    pools: Sequence[Pool],
    cost: Cost | None = None,
    *,
    critic: nn.Sequential | None = None,
    epochs: int = 0,
) -> nn.Sequential:
    """The net, trained on batches of all pools. cost: of labels, where none is given; critic: learns beside the net. seen: of whose
    validation images it is told how much the answers tell."""
    lowers = cost or label_cost
    parts = {"net": net} if critic is None else {"net": net, "critic": critic}
    precision, epochs = context.precision(net), epochs or settings.epochs

    def lowered(batch: Batch) -> dict[str, Tensor]:
        with autocast(precision, context.device):
            return lowers(net, batch)

    context.train(
        Descent(parts, lowered, optimizer("adam", nn.ModuleDict(parts), settings.learning_rate)),
        drawn(context, settings, pools, seen.spec.inputs, settings.updates * epochs),
        Plan(epochs, schedule("one-cycle")),
        name=name,
        validate=lambda: {"information": tells_of(fitted_to(net, some_of(seen.validation), seen.spec.inputs), seen)},
    )
    return net


def drawn(context: Context, settings: Settings, pools: Sequence[Pool], inputs: Inputs, total: int) -> DrawnBatches:
    """As many images of each pool, one pool after the other, those with classes first; and how much of the training is over."""

    def batch(number: int) -> Batch:
        draws = context.generator(f"images {number}")
        places = [torch.randint(len(pool.images), (settings.batch_size,), generator=draws) for pool in pools]
        raw = torch.cat([pool.images[at] for pool, at in zip(pools, places, strict=True)])
        labels = [pool.labels[at] for pool, at in zip(pools, places, strict=True) if pool.labels is not None]
        told: Any = {"labels": torch.cat(labels).to(context.device), "share": number / total}
        return Batch(prepared_inputs(raw.to(context.device), inputs), told, settings.batch_size)

    return DrawnBatches(batch, settings.updates)


def answered(net: nn.Sequential, batch: Batch) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Codes of the batch, each pool normalised by itself; the cost of what has a label; and what the batch tells."""
    told: Any = batch.targets
    codes = torch.cat([net.get_submodule("encoder")(pool) for pool in torch.split(batch.inputs, batch.total)])
    answers = net[1:](codes[: len(told["labels"])])
    return codes, F.cross_entropy(answers.float(), told["labels"]), told


def label_cost(net: nn.Sequential, batch: Batch) -> dict[str, Tensor]:
    return {"loss": answered(net, batch)[1]}


def coral_cost(weight: float, net: nn.Sequential, batch: Batch) -> dict[str, Tensor]:
    codes, cost, _ = answered(net, batch)
    apart = coral(codes[: batch.total], codes[batch.total :])
    return {"loss": cost + weight * apart, "labels": cost, "CORAL": apart}


def deceiving_cost(deceit: float, critic: nn.Sequential, net: nn.Sequential, batch: Batch) -> dict[str, Tensor]:
    codes, cost, told = answered(net, batch)
    scores = critic(reversed_gradient(codes, deceit * reversal_strength(told["share"])))
    apart = domain_cost(scores, batch.total)
    return {"loss": cost + apart, "labels": cost, "domains": apart}


def fitted_to(net: nn.Sequential, images: Tensor, inputs: Inputs) -> nn.Sequential:
    """A copy that is normalised by these images, in parts of equal size: a last one of a single image would have no variance."""
    some = images[evenly(len(images), MEASURED)]
    parts = torch.tensor_split(some, math.ceil(len(some) / AT_ONCE))
    device = next(net.parameters()).device
    return with_statistics_of(net, (prepared_inputs(part.to(device), inputs) for part in parts))


def self_trained(
    context: Context,
    settings: Settings,
    net: nn.Sequential,
    target: Dataset,
    name: str,
    pools: Sequence[Pool],
) -> nn.Sequential:
    """From the net on; in each round its answers that are sure become labels. Where none is, it stays as it is."""
    source, unlabelled = pools
    for number in range(1, settings.rounds + 1):
        said = probabilities(fitted_to(net, unlabelled.images, target.spec.inputs), unlabelled.images, target.spec)
        sure, labels = said.max(1)
        kept = (sure >= settings.sure).nonzero().squeeze(1)
        context.say(f"self-training, {name}, round {number}: sure of {len(kept):,} of {len(sure):,} images")
        if not len(kept):
            return net
        own = Pool(unlabelled.images[kept], labels[kept])
        epochs = max(1, settings.epochs // settings.rounds)
        title = f"self-training {number}, {name}"
        net = learn(context, settings, title, copy.deepcopy(net), target, [source, own], epochs=epochs)
    return net


# ------------------------------------------------------------------------------------------------------------- figures
def probabilities(net: nn.Module, images: Tensor, spec: Spec) -> Tensor:
    """(images, classes), on the CPU."""
    parts = [outputs(net, prepared_inputs(part, spec.inputs)) for part in torch.split(images, 1000)]
    return torch.cat(parts).float().softmax(1)


def tells_of(net: nn.Sequential, data: Dataset) -> float:
    """How much the answers to unlabelled validation images tell, in nats."""
    return information(probabilities(net, some_of(data.validation), data.spec))


def some_of(split: Samples) -> Tensor:
    return images_of(split)[evenly(len(split), VALIDATED)]


def accuracy(net: nn.Module, data: Dataset) -> float:
    said = probabilities(net, images_of(data.test), data.spec).argmax(1)
    return (said == data.test.targets).double().mean().item()


def concluded(name: str, tested: int, one: Adapted) -> str:
    before, after = one.accuracies[SOURCE], one.accuracies[one.kept]
    return (
        f"Of {tested:,} {name} test images the net that learned the source alone names {percent(before, 1)} right; {one.kept}, "
        f"kept without looking at a label, {percent(after, 1)}; one that learned their labels {percent(one.ceiling, 1)}."
    )


# ------------------------------------------------------------------------------------------------------------ pictures
TELLING = (
    "How much the answers tell",
    "Information of answers to unlabelled validation images, after each epoch: the logarithm of the number of classes where all "
    "are sure and evenly spread, 0 where all are alike.",
)


def tells_by_epoch(trainings: Mapping[str, Trained]) -> dict[str, list[float]]:
    return {name: list(trained.history["information"]) for name, trained in trainings.items() if "self-" not in name}


def as_they_are(source: Dataset, targets: Mapping[str, Dataset]) -> Images:
    rows = [source, *targets.values()]
    count = min(12, *(len(one.train) for one in rows))
    images = torch.cat([images_of(one.train)[evenly(len(one.train), count)] for one in rows])
    caption = f"A row each: the source, whose labels are known; {', '.join(targets)}, of which no label is looked at."
    return Images("The same classes, seen otherwise", caption, images, columns=count)


def mended(name: str, target: Dataset, one: Adapted) -> list[Exhibit]:
    """Test images that the net of the source mistakes and the one that is kept does not."""
    images, truth, classes = images_of(target.test), target.test.targets, target.spec.targets.classes
    before, after = (probabilities(one.nets[way], images, target.spec).argmax(1) for way in (SOURCE, one.kept))
    places = ((before != truth) & (after == truth)).nonzero().squeeze(1)
    places = places[evenly(len(places), 24)] if len(places) else places
    if not len(places):
        return []
    labels = [f"{classes[before[at]]} → {classes[after[at]]}" for at in places.tolist()]
    caption = f"Test images, {name}: what the net says that learned the source alone → by {one.kept}, which is right."
    return [Images(f"What adaptation mends, {name}", caption, images[places], columns=8, labels=labels)]


def accuracies_table(results: Mapping[str, Adapted]) -> Table:
    rows: list[list[str | float]] = []
    for name, one in results.items():
        for way, share in one.accuracies.items():
            rows.append([name, way, share, one.tells[way], "kept" if way == one.kept else ""])
        rows.append([name, CEILING, one.ceiling, "", ""])
    caption = (
        "Accuracy on the target's test images; and, in nats, how much the answers tell of its validation images, by which alone a "
        "way is kept: the larger, the surer and the more evenly spread they are. Labels of the target decide nothing."
    )
    return Table("By method", caption, ["target", "method", "accuracy", "information", ""], rows)


def maps(
    context: Context, settings: Settings, source: Dataset, name: str, target: Dataset, one: Adapted
) -> list[Chart]:
    """Codes of both domains in the plane, by domain: before, and of the way that is kept."""
    both = [images_of(data.test)[evenly(len(data.test), settings.pictured)] for data in (source, target)]
    labels = [0] * len(both[0]) + [1] * len(both[1])
    images = prepared_inputs(torch.cat(both), source.spec.inputs)
    charts = []
    for when, way in (("before", SOURCE), ("after", one.kept)):
        codes = outputs_in_parts(one.nets[way].get_submodule("encoder"), images)
        caption = (
            f"Codes of test images of both domains by {way}, laid out by t-SNE: where they mix, what holds for one holds for the "
            "other."
        )
        charts.append(
            map_of_rows(f"Codes {when}, {name}", caption, codes.float(), labels, ["source", name], context.seed)
        )
    return charts


# ------------------------------------------------------------------------------------------------------- saved models
def predict(model: Model, files: Sequence[Path]) -> list[dict[str, Any]]:
    """For each image file what the net that was kept for the first target says."""
    return classes_of_files(model, files, model.known["targets"][0])


def subject(model: Model, context: Context) -> Subject:
    """The net that was kept for the first target, and that target."""
    _, targets = domains(context, model.asked)
    name = next(iter(targets))
    return Subject(model.networks[name], targets[name])


RECIPE = Recipe(
    Settings,
    Settings(
        targets=("coloured",),
        photographs="samples",
        codes=16,
        batch_size=32,
        updates=20,
        epochs=3,
        pictured=40,
        data="digits",
    ),
    run,
    networks=networks,
    predict=predict,
    takes=TAKES,
    subject=subject,
)
