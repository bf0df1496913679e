"""Diffusion draws images by taking away noise (Ho, Jain & Abbeel 2020, arXiv:2006.11239), for the class that one asks for.

Data: MNIST, its training digits at −1 to 1. A small U-Net learns to tell noise from image at any strength of noise (the schedule of
Nichol & Dhariwal 2021; it tells both at once, as in Salimans & Ho 2022), and goes from pure noise to a digit in few steps without new
noise (DDIM, Song et al. 2021). One in ten training images comes without its class, so that guidance can exaggerate the class or leave
it out (Ho & Salimans 2022). With way=flow the same net learns the velocity along straight lines from image to noise (flow matching,
Lipman et al. 2023). The moving average of the weights draws. Beside it: one normal distribution with the mean and covariance of real
images.

Result: 10,000 drawn digits are at a Fréchet distance of 7.0 (seed 0 alone) from as many unseen real ones, in the features of a small
classifier; as many real training digits are at 2.8, those of a normal distribution at 125, DCGAN comes to 11.8. Precision is 0.65 and
recall 0.82 (real training digits: 0.84 and 0.86); the classifier takes 93 % for the digit that was asked for. 580 s on one core of an
AMD EPYC, no GPU, of eight epochs, after which the cost still fell. As a description it is poor: at most 2.08 bits/dim of the
first 1,000 test images (2.1 of 200 of validation), where independent pixels need 1.65 for the same ones. After 40,000 images 500
digits were at a distance of 161 from validation digits by a net that told the noise alone, of 82 by one that told both at once,
and of 72 along straight lines (real ones: 37).

CIFAR-10 (seed 0 alone; data=cifar10, width=64, epochs=10, learning_rate=0.001): a Fréchet distance of 6.3 by the judge of
CIFAR-10, real training images are at 2.0, a normal distribution at 26.5; precision 0.72, recall 0.31 (real ones: 0.59 and
0.61), 43.3 % taken for what was asked; at most 3.43 bits/dim, independent pixels 7.97. 2146 s of the same core; the last epoch
still lowered the cost of validation images, by 0.4 %.

More than half of the bits are paid at the faintest noise, of which few times are drawn. After 45,000 images (seed 0, 200 of
validation) the bound is 2.67 and 500 digits are at 31; with half of the times drawn uniformly in the logarithm of signal to noise,
as the bound weighs them, 2.31 and 38; with a quarter, 2.41 and 36. So digits pay for what the bound gains, and times are left as
they are.
Sines of the pixels (Kingma et al. 2021, arXiv:2107.00630) brought nothing so early: 2.82 and 34. Learned variances (Nichol & Dhariwal
2021) were not tried: each of 999 steps multiplies signal to noise by 1.024, so that they can save about 1 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from profundo.data.batches import batches
from profundo.data.standard import ranged, standardize
from profundo.nets.denoising import GROUP, DenoisingUNet
from profundo.objectives.noising import WAYS, noised, stratified_times, to_tell
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.exhibits import Chart, Exhibit, Film, Images, Table
from profundo.pictures.film import sheet
from profundo.recipes.conditions import ASKED, asked_class, columns_of, heads_of, in_turn, laid_out, like_training
from profundo.recipes.context import Context, Trained
from profundo.recipes.diffusing.description import Description, described, independent_bits
from profundo.recipes.diffusing.painter import Painter
from profundo.recipes.judging import ImageJudge, judged, raw, trained_judge, verdicts_table
from profundo.recipes.net_outputs import as_pictures
from profundo.recipes.own_data import Takes, is_own, things
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.stretches import stretched
from profundo.records import Batch, Dataset, ProfundoError, Samples
from profundo.runs.settings.setting_values import AtLeastZero, Positive, Several, Share, Whole
from profundo.train import Batches, Descent, Plan, optimizer, schedule
from profundo.train.averaging import Averaging
from profundo.train.updates import autocast

__all__ = ["RECIPE", "Settings", "generate", "learning", "networks", "run"]

LIKE_ROWS = 2000  # training images that the normal distribution is fitted to


Steps = Annotated[
    int, Field(ge=1, le=1000)
]  # as many as the paper takes: more cost time and change nothing that one sees


@dataclass(frozen=True, slots=True)
class Settings:
    """way: diffusion, or flow for straight lines; width, blocks: of the net; dropped: share of the images that it sees without class.

    decay: of the moving average. steps: from noise to image; guidance: 0 leaves the class out, 1 is the net's own answer, more
    exaggerates. tried_steps, tried_guidance: for a table, of `tried` images each. described: test images whose cost in bits is told,
    each by so many `draws` of the steps. image_size: of images of one's own, the side in pixels that they are scaled and cut to.
    """

    way: Literal["diffusion", "flow"] = "diffusion"
    width: Annotated[Whole, Field(multiple_of=GROUP)] = 32
    blocks: Whole = 1
    epochs: Whole = 8
    batch_size: Several = 64
    learning_rate: Positive = 0.002
    decay: Share = 0.999
    dropped: Share = 0.1
    steps: Steps = 20
    guidance: AtLeastZero = 1.0
    tried: Several = 300
    tried_steps: tuple[Steps, ...] = (5, 10, 50)
    tried_guidance: tuple[AtLeastZero, ...] = (0.0, 2.0, 4.0)
    described: Whole = 1000
    draws: Whole = 10
    classifier_epochs: Whole = 2
    data: str = "mnist"
    image_size: Whole = 32


@dataclass(frozen=True, slots=True)
class Wishes:
    """steps, guidance: of what is generated; the run's own unless told."""

    steps: Steps | None = None
    guidance: AtLeastZero | None = None


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {"net": DenoisingUNet(known["shape"], settings.width, len(known["classes"]), settings.blocks)}


def run(context: Context, settings: Settings) -> Outcome:
    data = context.images(settings.data, settings.image_size)
    known: dict[str, Any] = {
        "shape": list(data.spec.inputs.shape),
        "classes": class_names(data),
        "things": things(data),
    }
    judge = trained_judge(context, data, settings.classifier_epochs)
    net = networks(settings, known)["net"]
    assert isinstance(net, DenoisingUNet)
    trained, painter = learn(context, settings, data, net)

    classes = or_none(like_training(data, known["classes"], len(data.test)), len(data.test))
    made = painter(classes, noise_for(known, len(data.test), context.generator("samples")))
    normal = normal_images(raw(data.train), len(data.test), context.generator("normal"))
    verdicts = judged(judge, data, {"made": made, "of a normal distribution": normal})
    cost = described(painter, *some(data, data.test, settings.described), settings.draws, context.generator("bits"))
    alone = independent_bits(raw(data.train), raw(data.test)[: settings.described])
    scores = verdicts["made"].scores
    agreed = {ASKED: judge.agreed(made, classes)} if known["classes"] else {}
    normal_scores = verdicts["of a normal distribution"].scores
    floor, simple = (verdicts[name].distance for name in (f"training {things(data)}", "of a normal distribution"))
    return Outcome(
        scores={**scores, **agreed, "bits/dim": cost.bits},
        baseline={**normal_scores, "bits/dim": alone},
        against={**dict.fromkeys(normal_scores, "a normal distribution"), "bits/dim": "independent pixels"},
        exhibits=[
            new_images(painter, known, context.generator("shown")),
            film_from_noise(painter, known, context.generator("shown")),
            trained.film(
                f"{known['things'].capitalize()} by epoch", "The same noise before training and after each epoch."
            ),
            *guided(painter, known, settings, context.generator("guided")),
            tried(painter, judge, data, known, settings, context.generator("tried")),
            costs_by_epoch(trained),
            bits_by_step(cost),
            verdicts_table(verdicts, things(data)),
        ],
        networks={"net": painter.net},
        known=known,
        conclusion=f"{len(made):,} drawn {things(data)} are at a Fréchet distance of {scores['Fréchet distance']:.1f} from as many "
        f"unseen real ones, in {settings.steps} steps; real training {things(data)} are at {floor:.1f}, those of a normal "
        f"distribution at {simple:.0f}. {as_asked(agreed)}The first {min(settings.described, len(data.test)):,} test "
        f"{things(data)} cost at most {cost.bits:.3f} ± {cost.error:.3f} bits per dimension, with independent pixels {alone:.3f}.",
    )


def as_asked(agreed: Mapping[str, float]) -> str:
    return "".join(f"A classifier takes {100 * share:.1f} % of them for what was asked. " for share in agreed.values())


# ---------------------------------------------------------------------------------------------------------------- data
def class_names(data: Dataset) -> list[str]:
    """None where an image is not of one class."""
    return list(data.spec.targets.classes) if data.spec.targets.traits.one_class else []


def classes_of(data: Dataset, targets: Tensor) -> Tensor:
    """int64 (images,)."""
    return or_none(targets.long().view(-1) if class_names(data) else None, len(targets))


def or_none(classes: Tensor | None, count: int) -> Tensor:
    """0, which is no class, where there are none."""
    return torch.zeros(count, dtype=torch.long) if classes is None else classes


def some(data: Dataset, samples: Samples, most: int) -> tuple[Tensor, Tensor]:
    """The first images at −1 to 1, and their classes."""
    images = standardize(raw(samples)[:most], ranged(data.spec, -1.0).inputs)
    return images, classes_of(data, samples.targets[:most])


def noise_for(known: Mapping[str, Any], count: int, generator: torch.Generator) -> Tensor:
    return torch.randn(count, *known["shape"], generator=generator)


def normal_images(images: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """uint8 images of the normal distribution with the mean and covariance of these: sums of their differences from the mean,
    with normal weights."""
    rows = images[:LIKE_ROWS].flatten(1).float()
    mean = rows.mean(0)
    weights = torch.randn(count, len(rows), generator=generator) / (len(rows) - 1) ** 0.5
    values = torch.cat([mean + part @ (rows - mean) for part in torch.split(weights, 1000)])
    return as_pictures(values.view(count, *images.shape[1:]) / 255)


# ------------------------------------------------------------------------------------------------------------- learning
def learn(context: Context, settings: Settings, data: Dataset, net: DenoisingUNet) -> tuple[Trained, Painter]:
    update, seen = learning(context, settings, data, net)
    average = update.networks["average"]
    assert isinstance(average, DenoisingUNet)
    painter = Painter(average, WAYS[settings.way], settings.steps, settings.guidance, precision=context.precision(net))
    known = {"shape": data.spec.inputs.shape, "classes": class_names(data)}
    count, columns = laid_out(known["classes"])
    filmed = or_none(in_turn(known["classes"], count), count), noise_for(known, count, context.generator("film"))
    validation = some(data, data.validation, 1000)
    trained = context.train(
        update,
        seen,
        Plan(settings.epochs, schedule("one-cycle")),
        validate=lambda: {"validation loss": held_cost(context, painter, *validation)},
        film=lambda: sheet(painter(*filmed), columns),
    )
    return trained, painter


def learning(context: Context, settings: Settings, data: Dataset, net: DenoisingUNet) -> tuple[Averaging, Batches]:
    """What one update does, and to which images."""
    way, precision = WAYS[settings.way], context.precision(net)

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        images = batch.inputs
        classes = classes_of(data, batch.targets).to(images.device)
        hidden = torch.rand(len(images), device=images.device) < settings.dropped
        classes = classes.masked_fill(hidden, net.no_class)
        times, noise = stratified_times(len(images), images.device), torch.randn_like(images)
        with autocast(precision, images.device):
            answer = net(noised(way, images, noise, times), times, classes)
        return {"loss": F.mse_loss(answer.float(), to_tell(way, images, noise, times))}

    update = Averaging(Descent(net, cost, optimizer("adam", net, settings.learning_rate), clip=1.0), settings.decay)
    whole = batches(data.train, ranged(data.spec, -1.0), settings.batch_size, seed=context.seed, device=context.device)
    return update, stretched(whole, is_own(settings.data))


def held_cost(context: Context, painter: Painter, images: Tensor, classes: Tensor) -> float:
    """The cost of images that are not trained on, always with the same noise."""
    generator = context.generator("validation")
    noise, times = torch.randn(images.shape, generator=generator), (torch.arange(len(images)) + 0.5) / len(images)
    times = times[torch.randperm(len(times), generator=generator)]
    x, shall = noised(painter.way, images, noise, times), to_tell(painter.way, images, noise, times)
    with torch.inference_mode():
        parts = zip(*(torch.split(value, 250) for value in (x, times, classes)), strict=True)
        answers = torch.cat([painter.told(*(value.to(context.device) for value in part)).cpu() for part in parts])
    return F.mse_loss(answers, shall).item()


# ------------------------------------------------------------------------------------------------------------- exhibits
def new_images(painter: Painter, known: Mapping[str, Any], generator: torch.Generator) -> Images:
    names, (count, columns) = known["classes"], laid_out(known["classes"])
    asked = f" Each column was asked for one class, {names[0]} to {names[-1]}." if len(names) == columns else ""
    return Images(
        f"New {known['things']}",
        f"{known['things'].capitalize()} that were not there before, each out of noise of its own in {painter.steps} steps.{asked}",
        painter(or_none(in_turn(names, count), count), noise_for(known, count, generator)),
        columns=columns,
        heads=heads_of(names),
    )


def film_from_noise(painter: Painter, known: Mapping[str, Any], generator: torch.Generator) -> Film:
    columns = laid_out(known["classes"])[1]
    count = 4 * columns
    frames: list[Tensor] = []
    last = painter(
        or_none(in_turn(known["classes"], count), count),
        noise_for(known, count, generator),
        watch=lambda x: frames.append(sheet(as_pictures((x + 1) / 2), columns)),
    )
    return Film(
        "Out of noise",
        f"The first rows as they come out of noise in {painter.steps} steps: what they are is decided early, how it is written "
        "late.",
        torch.stack([*frames, sheet(last, columns)]),
        0.15,
    )


def guided(painter: Painter, known: Mapping[str, Any], settings: Settings, generator: torch.Generator) -> list[Images]:
    """A row for each guidance, of the same noise."""
    if not known["classes"] or not settings.tried_guidance:
        return []
    scales = sorted({1.0, *settings.tried_guidance})
    columns = laid_out(known["classes"])[1]
    classes, noise = or_none(in_turn(known["classes"], columns), columns), noise_for(known, columns, generator)
    rows = [replace(painter, guidance=scale)(classes, noise) for scale in scales]
    caption = (
        "The same noise in each column, asked for its class with more and more guidance: 0 leaves the class out; the stronger, the "
        "plainer they are, and the more alike."
    )
    named, heads = [f"{scale:g}" for scale in scales], heads_of(known["classes"])
    return [Images("Guidance", caption, torch.cat(rows), columns, rows=named, heads=heads)]


def tried(
    painter: Painter,
    judge: ImageJudge,
    data: Dataset,
    known: Mapping[str, Any],
    settings: Settings,
    generator: torch.Generator,
) -> Table:
    """What steps and guidance make of the same noise."""
    ways = {
        f"{steps} steps": replace(painter, steps=steps) for steps in sorted({*settings.tried_steps, settings.steps})
    }
    ways[f"{settings.steps} steps with new noise (DDPM)"] = replace(painter, churn=1.0)
    if known["classes"]:
        ways |= {f"guidance {scale:g}": replace(painter, guidance=scale) for scale in settings.tried_guidance}
    classes = or_none(like_training(data, known["classes"], settings.tried), settings.tried)
    noise = noise_for(known, settings.tried, generator)
    rows: list[list[str | float]] = []
    columns = ["way"]
    for name, way in ways.items():
        images = way(classes, noise, generator)
        figures = judge(images).scores | ({ASKED: judge.agreed(images, classes)} if known["classes"] else {})
        rows.append([name, *figures.values()])
        columns = ["way", *figures]
    return Table(
        "Steps and guidance",
        f"Of {settings.tried:,} {known['things']} each, drawn out of the same noise: so few are farther from the real ones than more "
        "are, so compare within this table.",
        columns,
        rows,
    )


def costs_by_epoch(trained: Trained) -> Chart:
    costs = {
        "training": trained.history["loss"],
        "validation, mean weights": trained.history["validation loss"],
    }
    return by_epoch(
        "Cost", "Mean squared error of what the net tells, over all strengths of noise.", costs, y_label="cost"
    )


def bits_by_step(cost: Description) -> Chart:
    line = Line("bits per dimension", list(cost.by_step), list(cost.by_step.values()))
    return Chart(
        "What each step costs",
        "Bits per dimension that a step back to the image costs, by the strength of the noise; a point is the mean of a stretch of "
        f"steps. All steps: {cost.steps:.3f}; the noise itself: {cost.prior:.4f}; the last step to whole grey levels: "
        f"{cost.image:.3f}.",
        lines_svg([line], x_label="step, from the image to noise", y_label="bits"),
    )


# ----------------------------------------------------------------------------------------------------------- generating
def generate(model: Model, count: int, generator: torch.Generator, prompt: str) -> list[Exhibit]:
    """So many new images, the classes in turn. prompt: the class that all are to be of."""
    net, asked, known = model.networks["net"], model.asked, model.known
    assert isinstance(net, DenoisingUNet)
    if prompt and not known["classes"]:
        raise ProfundoError(f"prompt {prompt!r}: these images had no classes to learn; leave it out")
    only = asked_class(known["classes"], prompt)
    classes = or_none(in_turn(known["classes"], count, only), count)
    wishes = model.wishes or Wishes()
    steps, guidance = wishes.steps or asked.steps, asked.guidance if wishes.guidance is None else wishes.guidance
    images = Painter(net, WAYS[asked.way], steps, guidance)(classes, noise_for(known, count, generator))
    told = f", all asked to be {prompt}" if prompt else ", the classes in turn" if known["classes"] else ""
    caption = (
        f"{count} {known['things']}{told}, each out of noise of its own in {steps} steps, with guidance {guidance:g}."
    )
    return [
        Images(
            f"New {known['things']}",
            caption,
            images,
            columns_of(known["classes"], only),
            heads=heads_of(known["classes"], only),
        )
    ]


RECIPE = Recipe(
    Settings,
    Settings(
        data="digits",
        width=16,
        batch_size=32,
        epochs=6,
        steps=5,
        tried=20,
        tried_steps=(2,),
        tried_guidance=(0.0, 2.0),
        described=20,
        draws=3,
        classifier_epochs=6,
    ),
    run,
    networks=networks,
    generate=generate,
    wishes=Wishes,
    takes=Takes("images", samples=20),
)
