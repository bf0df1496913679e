"""Transfer: what was learnt of some digits helps with others (Yosinski et al. 2014; Howard & Ruder 2018, sections 3.2, 3.3).

Data: MNIST. A convolutional net (nets/fast.py) learns the digits 0 to 4 from all their images. Then 5 to 9 are to be learnt
from 10, 50 or 100 images of each, in three ways, with as many updates each:

    scratch     a new net
    frozen      only a new output layer, on the features of the old net, whose normalisation stays as it was, too
    fine-tuned  half of the updates like that, then all layers, each with a rate 2.6 times smaller than that of the layer
                after it (discriminative fine-tuning: what is general changes least)

Result: test accuracy on the digits 5 to 9, means over three draws of samples and weights (seed 0):

    images of each     10       50       100
    scratch          80.4 %   93.3 %   95.2 %
    frozen           90.3 %   95.4 %   96.2 %
    fine-tuned       90.3 %   95.9 %   96.7 %

The fine-tuned net is better than the new one in every one of the nine draws; with seeds 1 and 2 its means are 91.7 and
91.3, 96.0 and 95.9, 96.7 and 97.1 %. About 20 s on one core of an AMD EPYC, no GPU.

Of photographs of one's own, `profundo train FOLDER --pretrained efficientnet_lite0` does the same with a net that has learned
ImageNet (docs/transfer.md).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from statistics import mean
from typing import Any

import torch
from torch import nn

from profundo.data.batches import batches
from profundo.data.splits.subsets import few, only_classes
from profundo.nets import fast_cnn, initialize_
from profundo.nets.init import SMALL_OUTPUT
from profundo.pictures.charts import lines_svg
from profundo.pictures.exhibits import Chart, Images, Table
from profundo.pictures.numbers import percent
from profundo.recipes.classifying import classified, predict, spec_of, train
from profundo.recipes.context import Context
from profundo.recipes.own_data import Takes, is_own, things
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import band
from profundo.recipes.subjects import Subject
from profundo.records import Dataset, ProfundoError, Samples, Spec
from profundo.runs.settings.setting_values import Positive, Some, Whole

__all__ = ["RECIPE", "Settings", "discriminative", "networks", "run"]

WAYS = ("scratch", "frozen", "fine-tuned")


@dataclass(frozen=True, slots=True)
class Settings:
    """samples: of each class to be learnt; repeats: other samples and other first weights; updates: of each training.

    ratio: between the learning rates of neighbouring layers. image_size: of images of one's own, the side in pixels that they
    are scaled and cut to.
    """

    samples: Some = (10, 50, 100)
    repeats: Whole = 3
    updates: Whole = 300
    batch_size: Whole = 50
    learning_rate: Positive = 0.003
    ratio: Positive = 2.6
    source_epochs: Whole = 2
    data: str = "mnist"
    image_size: Whole = 32


def networks(_asked: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    """ "source" names the digits 0 to 4; "fine-tuned" those from 5 on, having seen the largest number of samples."""
    spec = spec_of(known)
    targets = replace(spec.targets, classes=tuple(known["source classes"]))
    return {"source": fast_cnn(Spec(spec.inputs, targets)), "fine-tuned": fast_cnn(spec)}


def run(context: Context, settings: Settings) -> Outcome:
    data = context.images(settings.data, settings.image_size)
    least = min(settings.samples)
    old, new = halves(data)
    smallest_class = int(torch.bincount(new.train.targets, minlength=len(new.spec.targets.classes)).min())
    if is_own(settings.data) and smallest_class >= least:
        settings = replace(settings, samples=tuple(size for size in settings.samples if size <= smallest_class))
    elif smallest_class < least:
        raise ProfundoError(
            f"data {settings.data}: expected {least} images to train on of each class to be learnt, found {smallest_class}; "
            f"give more, or --set samples='[{max(1, smallest_class)}]'"
        )
    seen_names, new_names = named(old), named(new)
    # The new digits are standardised as the old ones were: so the net expects them.
    new = replace(new, spec=Spec(old.spec.inputs, new.spec.targets))
    known = {"spec": asdict(new.spec), "source classes": list(old.spec.targets.classes)}
    nets = networks(settings, known)
    source = nets["source"]
    rule = ("adamw", settings.learning_rate, 0.01)
    train(context, source, old.train, old.spec, rule, epochs=settings.source_epochs, batch_size=128, name="source")
    learnt = classified(context, source, old.test, old.spec, old.train)[1].values["accuracy"]

    results: dict[tuple[str, int], list[float]] = {}
    for size in settings.samples:
        for repeat in range(settings.repeats):
            samples = few(new.train, size, context.generator(f"samples {size} {repeat}"))
            for way in WAYS:
                net = learn(context, settings, source, samples, new.spec, way, f"{way} {size} {repeat}")
                _, figures = classified(context, net, new.test, new.spec, samples)
                results.setdefault((way, size), []).append(figures.values["accuracy"])
        best = {way: mean(results[way, size]) for way in WAYS}
        context.say(f"{size} of each: " + ", ".join(f"{way} {percent(value)}" for way, value in best.items()))
    nets["fine-tuned"] = net

    smallest = settings.samples[0]
    return Outcome(
        scores={f"accuracy, {size} of each": mean(results["fine-tuned", size]) for size in settings.samples},
        baseline={f"accuracy, {size} of each": mean(results["scratch", size]) for size in settings.samples},
        exhibits=[
            accuracy_chart(settings, results, new_names),
            accuracy_table(settings, results, new_names),
            what_there_was(new, settings, context),
        ],
        networks=nets,
        known=known,
        conclusion=f"From {smallest} images of each of {new_names}, a net that had learnt {seen_names} ({percent(learnt, 1)}) "
        f"gets to {percent(mean(results['fine-tuned', smallest]), 1)} by fine-tuning, "
        f"{percent(mean(results['frozen', smallest]), 1)} with its features frozen, a new net to "
        f"{percent(mean(results['scratch', smallest]), 1)}; means over {settings.repeats} draws.",
        against="from scratch",
        rivals={"its features frozen": mean(results["frozen", smallest])},
    )


def named(data: Dataset) -> str:
    """Its classes in words."""
    classes = data.spec.targets.classes
    if things(data) == "digits":
        return f"the digits {classes[0]} to {classes[-1]}"
    shown = ", ".join(classes[:3])
    return shown if len(classes) <= 3 else f"{shown} and {len(classes) - 3} other classes"


def learn(
    context: Context, settings: Settings, source: nn.Module, samples: Samples, spec: Spec, way: str, name: str
) -> nn.Module:
    """A net for the new classes, learnt in one of the three ways."""
    net = fast_cnn(spec) if way == "scratch" else with_new_output(source, spec)
    rule, size = ("adamw", settings.learning_rate, 0.01), settings.batch_size
    in_epoch = len(batches(samples, spec, size))

    def train_for(updates: int, part: str = "", rates: Mapping[str, float] | None = None) -> None:
        epochs = max(1, updates // in_epoch)
        train(context, net, samples, spec, rule, epochs=epochs, batch_size=size, rates=rates, name=f"{name}{part}")

    if way != "scratch":
        only_output(net)
    if way != "fine-tuned":
        train_for(settings.updates)
        return net
    train_for(settings.updates // 2, " output")
    net.train().requires_grad_()
    train_for(settings.updates - settings.updates // 2, "", discriminative(net, settings.ratio))
    return net


def with_new_output(source: nn.Module, spec: Spec) -> nn.Module:
    """A copy of the net with an output layer for other classes, as it is before learning."""
    net = copy.deepcopy(source)
    output = net.get_submodule("output")
    assert isinstance(output, nn.Linear)
    net.set_submodule("output", initialize_(nn.Linear(output.in_features, spec.outputs), output_gain=SMALL_OUTPUT))
    return net


def only_output(net: nn.Module) -> None:
    """Freeze all but the output layer; frozen normalisation goes on with the averages it has."""
    net.eval().requires_grad_(False)
    net.get_submodule("output").train().requires_grad_()


def discriminative(net: nn.Module, ratio: float) -> dict[str, float]:
    """Factors of the learning rate by layer: 1 for the last, 1/ratio for the one before, and so on (section 3.2).

    Normalisation counts as part of the layer before it.
    """
    depth, depths = -1, {}
    for name, layer in net.named_children():
        sizes = [parameter.ndim for parameter in layer.parameters()]
        if sizes:
            depth += max(sizes) > 1
            depths[f"{name}."] = depth
    return {name: ratio ** (place - depth) for name, place in depths.items()}


# ------------------------------------------------------------------------------------------------------- pictures
def accuracy_chart(settings: Settings, results: Mapping[tuple[str, int], Sequence[float]], names: str) -> Chart:
    caption = (
        f"Test accuracy on {names} by the number of images of each that were learnt from; bands from the worst "
        f"to the best of {settings.repeats} draws."
    )
    lines = [band(way, settings.samples, [results[way, size] for size in settings.samples]) for way in WAYS]
    svg = lines_svg(lines, x_label="images of each class", y_label="accuracy", log_x=True, log_y=False, percent=True)
    return Chart("Few samples", caption, svg)


def accuracy_table(settings: Settings, results: Mapping[tuple[str, int], Sequence[float]], names: str) -> Table:
    rows: list[list[str | float]] = [
        [way, size, *results[way, size], mean(results[way, size])] for size in settings.samples for way in WAYS
    ]
    draws = [*(f"draw {number}" for number in range(1, settings.repeats + 1)), "mean"]
    caption = f"Test accuracy of each training on {names}."
    return Table("Every training", caption, ["way", "images of each", *draws], rows, draws)


def what_there_was(new: Dataset, settings: Settings, context: Context) -> Images:
    size = settings.samples[0]
    shown = few(new.train, min(size, 10), context.generator(f"samples {size} 0")).inputs
    assert isinstance(shown, torch.Tensor)
    caption = "Of the smallest training set, up to ten images of each class: all that a new net sees."
    return Images("What there was to learn from", caption, shown, columns=min(size, 10))


def halves(data: Dataset) -> tuple[Dataset, Dataset]:
    """The first half of the classes, and the others."""
    classes = len(data.spec.targets.classes)
    return only_classes(data, range(classes // 2)), only_classes(data, range(classes // 2, classes))


def subject(model: Model, context: Context) -> Subject:
    """The fine-tuned net, and the classes that it was tuned to."""
    old, new = halves(context.images(model.asked.data, model.asked.image_size))
    return Subject(model.networks["fine-tuned"], replace(new, spec=Spec(old.spec.inputs, new.spec.targets)))


RECIPE = Recipe(
    Settings,
    Settings(samples=(5, 20), repeats=1, updates=20, batch_size=25, source_epochs=2, data="digits"),
    run,
    networks=networks,
    predict=partial(predict, net="fine-tuned"),
    takes=Takes("images with classes", classes=6),
    subject=subject,
)
