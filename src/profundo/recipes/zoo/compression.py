"""Compression: a trained net made small, by pruning (Han, Pool, Tran & Dally 2015, arXiv:1506.02626) and integers of 8 bits
(Jacob et al. 2018, arXiv:1712.05877), and what that costs.

LeNet-5 on MNIST, and a residual net of He et al. 2015 on CIFAR-10. In steps the smallest weights of all go, and after each step the
rest learns on; kept is the smallest net that loses half a point of the validation accuracy at most. Weights and activations of the
net as it was trained, and of the pruned one, then become integers of 8 bits, without further training. Every form is written as
ONNX and run by onnxruntime, where these are installed; the files lie in the run's folder, `exported/`.

Result (seed 0, 610 s of one core of an AMD EPYC, no GPU). LeNet-5: 98.71 % of the test digits as it was trained; as integers 98.73 %,
its ONNX file 72,923 bytes where it had 249,897; without half of its weights 98.59 %, and with these as integers 98.56 %, in 43,230
bytes by DEFLATE, 5.7 times fewer than its numbers had. Without 80 % of them the validation accuracy falls from 98.14 to 67.24 %, and
one epoch brings it back to 96.86 % only, so that half of them stay. onnxruntime does multiply integers, and is not quicker by it:
one digit takes 0.055 ms, in numbers of 32 bits 0.031, for layers so small are done before their inputs are rounded. The residual net
of 8 layers, trained for six epochs: 72.64 % of the test images; as integers 72.66 %, its ONNX file 97,340 bytes where it had 308,031;
without half of its weights 73.06 %, for it learned an epoch more, and with these as integers 73.08 %, in 51,062 bytes, 6.0 times
fewer. Without 80 % it comes back from 17.12 to 72.34 % of validation, where it had 73.74 %. Here integers are quicker, 0.17 ms an
image where it took 0.28.
"""

from __future__ import annotations

import copy
import statistics
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from profundo import objectives
from profundo.data.augmenting.augment import augmentation
from profundo.data.batches import batches, prepared_inputs
from profundo.files import write_bytes
from profundo.nets import build
from profundo.nets.quantised import QuantisedLayer, folded, quantised
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.exhibits import Chart, Images, Table
from profundo.pictures.numbers import percent
from profundo.ranks_and_places import evenly
from profundo.recipes.classifying import classified, nothing_learnt, spec_of, validation
from profundo.recipes.classifying import predict as classes_of_files
from profundo.recipes.context import Context
from profundo.recipes.own_data import Takes, images_of, is_own, several_classes
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.stretches import stretched
from profundo.recipes.subjects import Subject
from profundo.records import Dataset, Scores, Spec
from profundo.runs.saved_model import packed
from profundo.runs.saved_model import predict as probabilities
from profundo.runs.settings.setting_values import PartOfAll, Positive, Share, Whole
from profundo.runs.whole_nets.end_to_end import Whole as WholeNet
from profundo.runs.whole_nets.onnx_graphs import NEEDED, onnx_graph, run_graph, serialised, session_of
from profundo.runs.whole_nets.onnx_integers import with_integers
from profundo.train import Plan, Supervised, optimizer, schedule
from profundo.train.pruning import Pruned, largest, prune_

__all__ = ["RECIPE", "Settings", "networks", "run"]

Kind = Literal["lenet5", "resnet"]
USUAL: dict[str, str] = {"lenet5": "mnist", "resnet": "cifar10"}
NAMES = {"lenet5": "LeNet-5", "resnet": "ResNet"}
DENSE, PRUNED, BYTES, BOTH = "as trained", "pruned", "8 bits", "pruned, 8 bits"
COMPARED, TIMED = 500, 30  # images that a graph is compared on; how often its time is taken
MANY = 64  # images at once


@dataclass(frozen=True, slots=True)
class Settings:
    """gone: shares of the weights that are pruned, step by step; tune_epochs: of learning after each. loses: the validation accuracy
    that the pruned net may lose.

    epochs, resnet_epochs: before; depth: of the residual net. calibrated: training images that show the ranges of activations.
    export: whether ONNX files are written and tried. data: "usual", MNIST for LeNet-5 and CIFAR-10 for the other, or one for both;
    image_size: of images of one's own, the side in pixels.
    """

    nets: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=2)] = ("lenet5", "resnet")
    gone: Annotated[tuple[PartOfAll, ...], Field(min_length=1)] = (0.5, 0.8, 0.9, 0.95, 0.98)
    epochs: Whole = 4
    resnet_epochs: Whole = 6
    depth: Annotated[int, Field(ge=8, le=110)] = 8
    tune_epochs: Whole = 1
    loses: Share = 0.005
    calibrated: Whole = 500
    batch_size: Whole = 128
    learning_rate: Positive = 0.1
    export: bool = True
    data: str = "usual"
    image_size: Annotated[int, Field(ge=8, le=256)] = 32


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of net, and what it is for."""

    context: Context
    settings: Settings
    kind: str
    data: Dataset

    @property
    def name(self) -> str:
        return NAMES[self.kind]

    def untrained(self) -> nn.Module:
        return untrained(self.settings, self.kind, self.data.spec)

    def validated(self, net: nn.Module) -> float:
        return validation(self.context, net, self.data)["validation accuracy"]

    def judged(self, net: nn.Module) -> Scores:
        return classified(self.context, net, self.data.test, self.data.spec, self.data.train)[1]


@dataclass(frozen=True, slots=True)
class Step:
    """A net of which that share of the weights is gone. at_once: the validation accuracy of the net as it was trained without them;
    validation, test: after learning on."""

    gone: float
    net: nn.Module
    at_once: float
    validation: float
    test: float


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a net and what it costs. weights: that are not 0; size: bytes of its numbers, deflated: the same by DEFLATE.

    graph: the ONNX file, empty where none was written; differs: the largest difference of its probabilities from those of PyTorch."""

    net: nn.Module
    scores: Scores
    weights: int
    size: int
    deflated: int
    graph: bytes = b""
    differs: float = 0.0


@dataclass(frozen=True, slots=True)
class Compressed:
    before: float
    steps: Sequence[Step]
    kept: Step
    forms: Mapping[str, Form]


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    """Of each kind the net as it was trained, and pruned. Integers are made of them in a moment."""
    specs = {kind: spec_of({"spec": spec}) for kind, spec in known["specs"].items()}
    return {
        f"{NAMES[kind]}, {form}": untrained(settings, kind, spec)
        for kind, spec in specs.items()
        for form in (DENSE, PRUNED)
    }


def untrained(settings: Settings, kind: str, spec: Spec) -> nn.Module:
    return build(kind, spec, **({"depth": settings.depth} if kind == "resnet" else {}))


def run(context: Context, settings: Settings) -> Outcome:
    tasks = [Task(context, settings, kind, load(context, settings, kind)) for kind in dict.fromkeys(settings.nets)]
    results = {task.name: compressed(task) for task in tasks}
    return Outcome(
        scores={
            f"accuracy, {name}, {BOTH}": one.forms[BOTH].scores.values["accuracy"] for name, one in results.items()
        },
        baseline={
            f"accuracy, {name}, {BOTH}": one.forms[DENSE].scores.values["accuracy"] for name, one in results.items()
        },
        against=DENSE,
        cautions=[told for name, one in results.items() for told in cautions(name, one)],
        exhibits=[
            costs_table(results),
            *(pruning_chart(name, one, settings.loses) for name, one in results.items()),
            *(first_filters(name, one) for name, one in results.items()),
        ],
        networks={
            f"{name}, {form}": net
            for name, one in results.items()
            for form, net in ((DENSE, one.forms[DENSE].net), (PRUNED, one.kept.net))
        },
        known={"specs": {task.kind: asdict(task.data.spec) for task in tasks}},
        conclusion=" ".join(concluded(name, one) for name, one in results.items()),
    )


def load(context: Context, settings: Settings, kind: str) -> Dataset:
    name = USUAL[kind] if settings.data == "usual" else settings.data
    return several_classes(context.images(name, settings.image_size))


def compressed(task: Task) -> Compressed:
    net = task.untrained()
    long = task.settings.epochs if task.kind == "lenet5" else task.settings.resnet_epochs
    before = learned(task, net, task.name, long, 1.0)
    steps = pruned_step_by_step(task, net)
    good = [one for one in steps if one.validation >= before - task.settings.loses]
    kept = good[-1] if good else Step(0.0, net, before, before, task.judged(net).values["accuracy"])
    seen = calibration(task.data, task.settings.calibrated)
    whole = {name: folded(copy.deepcopy(one).cpu(), seen[0][:2]) for name, one in ((DENSE, net), (PRUNED, kept.net))}
    integers = {name: quantised(whole[of], seen) for name, of in ((BYTES, DENSE), (BOTH, PRUNED))}
    nets = {DENSE: net, PRUNED: kept.net, **{name: one.to(task.context.device) for name, one in integers.items()}}
    forms = {name: form_of(task, one) for name, one in nets.items()}
    return Compressed(before, steps, kept, as_graphs(task, whole, forms) if exports(task) else forms)


# ------------------------------------------------------------------------------------------------------------- pruning
def learned(
    task: Task, net: nn.Module, name: str, epochs: int, pace: float, masks: Mapping[str, Tensor] | None = None
) -> float:
    """The validation accuracy after training; with masks, of what they leave. pace: factor of the learning rate."""
    context, settings, spec = task.context, task.settings, task.data.spec
    is_residual = task.kind == "resnet"  # batch normalisation bears larger steps
    rate = pace * settings.learning_rate * (1 if is_residual else 0.25)
    net.to(context.device)
    update = Supervised(
        net,
        objectives.default(spec.targets),
        optimizer("nesterov", net, rate, 5e-4),
        precision=context.precision(net),
    )
    changes = augmentation(("mirror", "shift") if is_residual else ("shift",), spec)
    shown = batches(
        task.data.train, spec, settings.batch_size, seed=context.seed, device=context.device, augment=changes
    )
    context.train(
        update if masks is None else Pruned(update, masks),
        stretched(shown, settings.data != "usual" and is_own(settings.data)),
        Plan(epochs, schedule("one-cycle")),
        name=name,
        validate=lambda: validation(context, net, task.data),
    )
    return task.validated(net)


def pruned_step_by_step(task: Task, net: nn.Module) -> list[Step]:
    """From one step to the next more weights go, and the rest learns on."""
    steps: list[Step] = []
    for gone in sorted(set(task.settings.gone)):
        bare = copy.deepcopy(net)
        prune_(bare, largest(bare, 1 - gone))
        at_once = task.validated(bare)
        own = copy.deepcopy(steps[-1].net if steps else net)
        name = f"{task.name}, {gone} gone"
        reached = learned(task, own, name, task.settings.tune_epochs, 0.2, largest(own, 1 - gone))
        steps.append(Step(gone, own, at_once, reached, task.judged(own).values["accuracy"]))
        task.context.say(
            f"{task.name} without {percent(gone, 1)} of its weights: validation {percent(at_once)}, after learning on "
            f"{percent(reached)}"
        )
    return steps


# ------------------------------------------------------------------------------------------------------ integers, files
def calibration(data: Dataset, most: int) -> list[Tensor]:
    """Training images in parts, as nets see them."""
    images = images_of(data.train)[evenly(len(data.train), most)]
    return [prepared_inputs(part, data.spec.inputs) for part in torch.split(images, 100)]


def form_of(task: Task, net: nn.Module) -> Form:
    content = packed(net.state_dict())
    weights = sum(
        int((value != 0).sum())
        for name, value in net.state_dict().items()
        if name.endswith("weight") and value.ndim > 1
    )
    return Form(net, task.judged(net), weights, len(content), len(zlib.compress(content, 9)))


def exports(task: Task) -> bool:
    if not task.settings.export:
        return False
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        task.context.say(f'no ONNX: it needs {", ".join(missing)}: pip install "profundo[export]"')
    return not missing


def as_graphs(task: Task, whole: Mapping[str, nn.Module], forms: Mapping[str, Form]) -> dict[str, Form]:
    """Each form as an ONNX file in the folder of the run, compared with PyTorch on test images; how long it takes is said."""
    spec, raw = task.data.spec, images_of(task.data.test)[:COMPARED]
    objective = objectives.default(spec.targets)
    result = {}
    for name, form in forms.items():
        model = onnx_graph(WholeNet(whole[PRUNED if PRUNED in name else DENSE], spec, objective), raw[:2], "image")
        layers = {f"net.{at}": one for at, one in form.net.named_modules() if isinstance(one, QuantisedLayer)}
        content = serialised(with_integers(model, layers) if layers else model, {})
        expected = probabilities(form.net, spec, raw)
        differs = float(abs(run_graph(content, {"image": raw.numpy()}) - expected.numpy()).max())
        result[name] = replace(form, graph=content, differs=differs)
        keep_file(task, f"{task.name}, {name}", content)
        task.context.say(f"{task.name}, {name}: {timed(content, raw)}, by onnxruntime")
    return result


def keep_file(task: Task, name: str, content: bytes) -> None:
    if (folder := task.context.folder) is not None:
        words = "-".join("".join(letter if letter.isalnum() else " " for letter in name.lower()).split())
        write_bytes(folder.path / "exported" / f"{words}.onnx", content, folder.path)


def timed(content: bytes, raw: Tensor) -> str:
    """Processor time of one image alone and of several at once, medians: said, and no figure, for figures are to come out again."""
    session, times = session_of(content, threads=1), []
    for count in (1, MANY):
        feeds = {"image": raw[:count].numpy()}
        taken = []
        for _ in range(TIMED):
            began = time.process_time()
            session.run(None, feeds)
            taken.append(1000 * (time.process_time() - began) / len(feeds["image"]))
        times.append(statistics.median(taken))
    return f"{times[0]:.3f} ms for one image, {times[1]:.3f} ms each of {MANY}"


# ------------------------------------------------------------------------------------------------------------ pictures
def costs_table(results: Mapping[str, Compressed]) -> Table:
    rows: list[list[str | float]] = []
    for name, result in results.items():
        for form, one in result.forms.items():
            rows.append(
                [
                    name,
                    form,
                    one.scores.values["accuracy"],
                    f"{one.weights:,}",
                    f"{one.size:,}",
                    f"{one.deflated:,}",
                    f"{len(one.graph):,}" if one.graph else "",
                    f"{one.differs:.1e}" if one.graph else "",
                ]
            )
    caption = (
        "Accuracy on the test images; weights that are not 0; bytes of the net's numbers, and by DEFLATE, which alone makes use of "
        "zeros; bytes of its ONNX file, and the largest difference of the probabilities that onnxruntime gives."
    )
    return Table(
        "What it costs and saves",
        caption,
        ["net", "form", "accuracy", "weights", "bytes", "deflated", "ONNX", "differs"],
        rows,
    )


def pruning_chart(name: str, one: Compressed, loses: float) -> Chart:
    left = [1 - step.gone for step in one.steps]
    lines = [
        Line("at once", left, [step.at_once for step in one.steps]),
        Line("learning on after each step", left, [step.validation for step in one.steps]),
        Line("as trained", [min(left), 1.0], [one.before] * 2),
    ]
    left_over = 1 - one.kept.gone
    caption = (
        f"Validation accuracy by the share of the weights that is left, the smallest having gone. Kept is the net that loses "
        f"{percent(loses, 1)} at most, with {percent(left_over, 1)} of them."
    )
    svg = lines_svg(lines, x_label="weights left", y_label="validation accuracy", log_x=True, log_y=False, percent=True)
    return Chart(f"Fewer weights, {name}", caption, svg)


def first_filters(name: str, one: Compressed) -> Images:
    """The kernels of the first layer, before and after: zero is grey."""
    kernels = [
        next(p for p in net.parameters() if p.ndim == 4).detach().cpu() for net in (one.forms[DENSE].net, one.kept.net)
    ]
    scale = 127 / float(kernels[0].abs().max())
    shown = torch.cat(kernels)
    grey = (128 + scale * (shown if shown.shape[1] in (1, 3) else shown[:, :1])).round().clamp(0, 255).to(torch.uint8)
    without = f"without {percent(one.kept.gone, 1)} of all weights"
    caption = f"Kernels of the first layer as trained, and below them {without}. What is 0 is grey."
    return Images(f"What is left, {name}", caption, grey, columns=len(kernels[0]), rows=["as trained", "pruned"])


def cautions(name: str, result: Compressed) -> list[str]:
    """Where there was nothing to lose, and where nothing is left."""
    told = nothing_learnt(f"{name} as it was trained", result.forms[DENSE].scores)
    if told:
        return [f"{told[0]} What being made small costs is then not known."]
    return nothing_learnt(f"{name}, {BOTH},", result.forms[BOTH].scores)


def concluded(name: str, result: Compressed) -> str:
    first, last = result.forms[DENSE], result.forms[BOTH]
    right = [one.scores.values["accuracy"] for one in (first, result.forms[BYTES], last)]
    return (
        f"{name} names {percent(right[0])} of the test images right, as integers of 8 bits {percent(right[1])}; without "
        f"{percent(result.kept.gone, 1)} of its weights, and as integers, {percent(right[2])}, in {last.deflated:,} bytes, "
        f"{first.size / last.deflated:.0f} times fewer."
    )


# ------------------------------------------------------------------------------------------------------- saved models
def predict(model: Model, files: Sequence[Path]) -> list[dict[str, Any]]:
    """For each image file what the first kind of net says, pruned."""
    kind, spec = next(iter(model.known["specs"].items()))
    own = replace(model, known={"spec": spec})
    return classes_of_files(own, files, f"{NAMES[kind]}, {PRUNED}")


def subject(model: Model, context: Context) -> Subject:
    """The first kind of net, pruned."""
    kind = next(iter(model.known["specs"]))
    return Subject(model.networks[f"{NAMES[kind]}, {PRUNED}"], load(context, model.asked, kind))


RECIPE = Recipe(
    Settings,
    Settings(
        nets=("lenet5",),
        gone=(0.5, 0.9),
        epochs=8,
        tune_epochs=3,
        loses=0.05,
        calibrated=100,
        batch_size=64,
        data="digits",
    ),
    run,
    networks=networks,
    predict=predict,
    takes=Takes("images with classes", classes=2),
    subject=subject,
)
