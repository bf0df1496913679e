"""Colourisation: grey photographs in likely colours, or in those that a person asks for (Zhang, Isola & Efros 2016; Zhang, Zhu et al.
2017).

Data: CIFAR-10, or photographs of one's own. From the lightness of Lab a U-Net at half the size tells each cell of 2 × 2 pixels a
probability of each of 261 classes of colours; rare ones count more, and what is painted lies between their mean and the likeliest.
Beside it the same net learns by the squared error to name one colour, and a table has the mean colour of each lightness. In half of
the images some cells' colours are told, so that a person can tell them, too: `profundo predict RUN FILE --hint x,y,#rrggbb`.

RESULT
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from profundo.data.drawn_batches import DrawnBatches
from profundo.data.streams.archives import printable, read_whole
from profundo.evaluate.kinds.colour_fidelity import area_of_near, colour_rmse, colourfulness
from profundo.evaluate.kinds.pixel_fidelity import psnr
from profundo.images.gamut import squares_in_gamut
from profundo.nets.unet import UNet
from profundo.objectives.colour_classes import (
    ColourClasses,
    annealed_mean,
    colour_classes,
    colour_cost,
    rebalancing,
    smoothed,
)
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.exhibits import Chart, Exhibit, Images, Table
from profundo.pictures.film import sheet
from profundo.pictures.image_grid import image_png
from profundo.ranks_and_places import evenly
from profundo.recipes.colouring.colour_hints import (
    MOST,
    Hint,
    drawn_hints,
    hint_of,
    no_hints,
    small_view,
    some_hints,
)
from profundo.recipes.colouring.colour_judges import fooled, named_right
from profundo.recipes.colouring.colour_planes import (
    COLOUR,
    PART,
    Colouring,
    Planes,
    coloured,
    lab_of,
    lightness_of,
    mean_by_lightness,
    of_the_mean,
    painted_all,
    planes_of,
    seen,
)
from profundo.recipes.context import Context, Trained
from profundo.recipes.net_outputs import enlarged, outputs
from profundo.recipes.own_data import Takes, is_own
from profundo.recipes.photographs import Photograph, as_tensor, photograph, photographs
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.records import Batch, Dataset, Inputs, ProfundoError, Samples, Spec, Targets
from profundo.runs.settings.setting_values import Positive, Several, Share, Whole
from profundo.train import Descent, Plan, optimizer, schedule
from profundo.train.updates import autocast

__all__ = ["RECIPE", "Settings", "networks", "predict", "run"]

TAKES = Takes("images", samples=20)
LARGEST_FILE = 2**29  # bytes
SMALLEST = 8  # pixels of a side
VALIDATED, SHOWN, TOLD = 1000, 10, 500  # images: validated on, shown, and coloured with hints
ENLARGED = 2  # pixels of the page for one of theirs, across and down
TEMPERATURES = (1.0, 0.7, 0.5, 0.38, 0.25, 0.1, 0.0)
HINTS = (0, 1, 2, 4, 8, 16, MOST)
ASKED = {"red": "#c03a2b", "yellow": "#d0b030", "green": "#3f8f3f", "blue": "#3a5fc0"}
BEST = 100.0  # dB, of an image that is the same
OURS = "classes"
Cost = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Settings:
    """side: of the squares in the plane of a and b that are classes; uniform: λ, 1 for classes that all count alike; temperature: of
    what is painted, 1 for the mean, 0 for the most probable. hinted: the share of images with hints.

    width, depth: of the U-Net; updates: of an epoch. judged: images that judges learn from and are asked about, at most. data:
    "samples" are squares of two photographs. image_size: of photographs of one's own, the side in pixels that they are cut to.
    """

    side: Annotated[float, Field(ge=5, le=40)] = 10.0
    uniform: Annotated[float, Field(gt=0, le=1)] = 0.5
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.38
    hinted: Share = 0.5
    width: Annotated[int, Field(ge=1, le=256)] = 32
    depth: Annotated[int, Field(ge=1, le=6)] = 3
    batch_size: Several = 64
    updates: Whole = 200
    epochs: Whole = 5
    learning_rate: Positive = 0.01
    judged: Several = 3000
    judge_epochs: Whole = 4
    data: str = "cifar10"
    image_size: Annotated[int, Field(ge=SMALLEST, le=256)] = 32


def networks(settings: Settings, _: Mapping[str, Any]) -> dict[str, nn.Module]:
    """What names one colour, and what tells a probability of each class; both see seven channels of a cell."""
    return {
        "regression": UNet(7, 2, settings.width, settings.depth),
        OURS: UNet(7, len(squares_in_gamut(settings.side)), settings.width, settings.depth),
    }


@dataclass(frozen=True, slots=True)
class Unseen:
    """Photographs, uint8 (images, 3, height, width), that no net learns from, and their planes."""

    truth: Tensor
    planes: Planes

    @property
    def lightness(self) -> Tensor:
        return self.planes.lightness

    def few(self, number: int) -> Unseen:
        """Evenly spread, as the classes may stand one after another."""
        places = torch.tensor(evenly(len(self.truth), number))
        return Unseen(self.truth[places], self.planes.some(places))


def run(context: Context, settings: Settings) -> Outcome:
    data = colour_photographs(context, settings)
    lit, validation = planes_of(images_of(data.train)), unseen(images_of(data.validation)).few(VALIDATED)
    places = evenly(len(data.test), settings.judged)
    test = unseen(images_of(data.test)[places])
    classes, nets = classes_of(settings), networks(settings, {})
    shares = smoothed(classes.shares(lit.colours.permute(0, 2, 3, 1).reshape(-1, 2)), classes.middles)
    ways: dict[str, Colouring] = {
        "grey": lambda lightness, _: no_hints(lightness)[:, :2],
        "mean colour": partial(of_the_mean, mean_by_lightness(lit)),
        "regression": partial(named, nets["regression"]),
        OURS: partial(chosen, nets[OURS], classes, settings.temperature),
    }
    costs = {"regression": named_cost, OURS: cost_of_classes(classes, rebalancing(shares, settings.uniform), context)}
    trained = {
        name: learn(context, settings, (name, nets[name], cost), lit, ways[name], validation, test)
        for name, cost in costs.items()
    }
    made = {name: painted(way, test) for name, way in ways.items()}
    judgements = judged(context, settings, lit, data, test, made, ways)
    named_as = named_right(context, data, data.test.targets[places], {"true": test.truth} | made, **pace(settings))
    figures = {
        name: {"judge fooled": judgements[name]}
        | ({"named right": named_as[name]} if named_as else {})
        | fidelity(images, test.truth, classes, rebalancing(shares, 0.5))
        for name, images in made.items()
    }
    return Outcome(
        scores=figures[OURS],
        baseline=figures["grey"],
        against="grey",
        exhibits=[
            side_by_side(made, test),
            trained[OURS].film(
                "As it learns",
                "Test photographs before training and after each epoch: what the net sees, what it makes of it, "
                "the truth.",
            ),
            asked_for(ways[OURS], test),
            by_hints(context, ways, test),
            fidelity_table(figures, colourfulness(test.truth).mean().item()),
            *judgement_table(figures, named_as),
            *temperatures(nets[OURS], classes, validation),
            errors_by_epoch(trained),
        ],
        networks=nets,
        conclusion=concluded(len(test.truth), figures, named_as),
    )


# --------------------------------------------------------------------------------------------------------- photographs
def colour_photographs(context: Context, settings: Settings) -> Dataset:
    """In memory, with even sides. Raises ProfundoError for grey ones and for those of fewer than 8 pixels on a side."""
    data = (
        squares(context, settings.image_size)
        if settings.data == "samples"
        else context.images(settings.data, settings.image_size)
    )
    channels, *sides = data.spec.inputs.shape
    where = printable(settings.data)
    if min(sides) < SMALLEST:
        raise ProfundoError(f"data {where}: expected {SMALLEST} pixels on a side or more, found {sides[1]}×{sides[0]}")
    if channels != 3 or not has_colour(images_of(data.train)):
        raise ProfundoError(f"data {where}: expected photographs in colour to learn from, found grey ones only")
    return with_even_sides(data)


def images_of(samples: Samples) -> Tensor:
    assert isinstance(samples.inputs, Tensor)  # own_data.py refuses what is read from disk
    return samples.inputs


def has_colour(images: Tensor) -> bool:
    return bool((images != images[:, :1]).any())


def with_even_sides(data: Dataset) -> Dataset:
    """Without the last row and column where there are odd numbers of them."""
    _, height, width = data.spec.inputs.shape
    high, wide = height - height % 2, width - width % 2
    train, validation, test = (
        replace(split, inputs=images_of(split)[:, :, :high, :wide])
        for split in (data.train, data.validation, data.test)
    )
    inputs = replace(data.spec.inputs, shape=(3, high, wide))
    return replace(data, spec=replace(data.spec, inputs=inputs), train=train, validation=validation, test=test)


def squares(context: Context, side: int) -> Dataset:
    """Of two photographs, which share no pixel between parts. Raises ProfundoError where they are too small."""
    parts = photographs(context, "samples", TAKES, side)
    splits = [part_squares(part, side) for part in (parts.train, parts.validation, parts.test)]
    if not all(map(len, splits)):
        raise ProfundoError(f"image_size: expected at most 106 for the sample photographs, which are cut, got {side}")
    values = splits[0].double()
    mean, std = values.mean((0, 2, 3)), values.std((0, 2, 3))
    inputs = Inputs((3, side, side), "image", mean=tuple(mean.tolist()), std=tuple(std.tolist()))
    train, validation, test = (Samples(images, torch.zeros(len(images))) for images in splits)
    return Dataset("samples", Spec(inputs, Targets("any")), train, validation, test)


def part_squares(photos: Sequence[Photograph], side: int) -> Tensor:
    """uint8 (squares, 3, side, side), each half over the next."""
    found = [as_tensor(pixels).new_zeros(0, 3, side, side) for _, pixels in photos[:1]]
    for _, pixels in photos:
        image = as_tensor(pixels)
        if min(image.shape[1:]) >= side:
            cut = image.unfold(1, side, side // 2).unfold(2, side, side // 2)
            found.append(cut.permute(1, 2, 0, 3, 4).flatten(0, 1))
    return torch.cat(found).contiguous()


def unseen(images: Tensor) -> Unseen:
    return Unseen(images, planes_of(images))


def classes_of(settings: Settings) -> ColourClasses:
    return colour_classes(torch.from_numpy(squares_in_gamut(settings.side)))


# ----------------------------------------------------------------------------------------------------------- two nets
def named(net: nn.Module, lightness: Tensor, hints: Tensor) -> Tensor:
    return COLOUR * outputs(net, seen(lightness, hints))


def named_cost(made: Tensor, colours: Tensor) -> Tensor:
    return F.mse_loss(made.float(), colours / COLOUR)


def chosen(net: nn.Module, classes: ColourClasses, temperature: float, lightness: Tensor, hints: Tensor) -> Tensor:
    return annealed_mean(outputs(net, seen(lightness, hints)), classes.middles, temperature)


def cost_of_classes(classes: ColourClasses, weights: Tensor, context: Context) -> Cost:
    there, count = classes.to(context.device), weights.float().to(context.device)
    return lambda made, colours: colour_cost(made, colours, there, count)


def learn(
    context: Context,
    settings: Settings,
    method: tuple[str, nn.Module, Cost],
    lit: Planes,
    way: Colouring,
    validation: Unseen,
    test: Unseen,
) -> Trained:
    """method: a name, the net, and what it costs. After each epoch `way` colours photographs that are not learned from."""
    name, net, cost = method
    precision = context.precision(net)

    def lowered(batch: Batch) -> dict[str, Tensor]:
        with autocast(precision, context.device):
            made = net(batch.inputs)
        return {"loss": cost(made, batch.targets)}

    return context.train(
        Descent(net, lowered, optimizer("adam", net, settings.learning_rate)),
        drawn_batches(context, settings, lit),
        Plan(settings.epochs, schedule("one-cycle")),
        name=name,
        validate=lambda: {"validation RMSE": cell_error(way, validation.planes)},
        film=lambda: frame(way, test),
    )


def drawn_batches(context: Context, settings: Settings, lit: Planes) -> DrawnBatches:
    """Of any photographs, half of them mirrored, with hints in some; the same for both nets."""

    def batch(number: int) -> Batch:
        draws = context.generator(f"photographs {number}")
        some = lit.some(torch.randint(len(lit), (settings.batch_size,), generator=draws))
        over = torch.rand(settings.batch_size, 1, 1, 1, generator=draws) < 0.5
        lightness, colours = (torch.where(over, one.flip(3), one) for one in (some.lightness, some.colours))
        inputs = seen(lightness, drawn_hints(colours, settings.hinted, draws))
        return Batch(inputs.to(context.device), colours.to(context.device), settings.batch_size)

    return DrawnBatches(batch, settings.updates)


def cell_error(way: Colouring, planes: Planes) -> float:
    """RMSE of a and b of the cells, without hints."""
    parts = torch.split(planes.lightness, PART)
    made = torch.cat([way(part, no_hints(part)) for part in parts])
    return colour_rmse(made, planes.colours).item()


def frame(way: Colouring, test: Unseen) -> Tensor:
    few = test.few(SHOWN)
    rows = [greyed(few.lightness), painted(way, few), few.truth]
    return sheet(enlarged(torch.cat(rows), ENLARGED), len(few.truth))


def greyed(lightness: Tensor) -> Tensor:
    return coloured(lightness, no_hints(lightness)[:, :2])


# ------------------------------------------------------------------------------------------------------------- figures
def painted(way: Colouring, photos: Unseen) -> Tensor:
    return painted_all(way, photos.lightness, no_hints(photos.lightness))


def fidelity(made: Tensor, truth: Tensor, classes: ColourClasses, weights: Tensor) -> dict[str, float]:
    """Of uint8 images beside the true ones; weights: of classes, for the area in which rare colours count more."""
    ours, theirs = lab_of(made)[:, 1:], lab_of(truth)[:, 1:]
    rarity = weights[classes.of(theirs.permute(0, 2, 3, 1))]
    return {
        "RMSE of ab": colour_rmse(ours, theirs).item(),
        "area": area_of_near(ours, theirs).item(),
        "area, balanced": area_of_near(ours, theirs, rarity).item(),
        "PSNR": decibels(made, truth),
        "colourfulness": round(colourfulness(made).mean().item(), 2),  # of grey, 8 bits leave 0.0004
    }


def decibels(made: Tensor, truth: Tensor) -> float:
    """PSNR over red, green and blue, the mean over images, of each at most 100 dB."""
    return psnr(*(images.flatten(1, 2)[:, None] for images in (made, truth))).clamp(max=BEST).mean().item()


def pace(settings: Settings) -> dict[str, Any]:
    own = settings.data == "samples" or is_own(settings.data)
    return {"epochs": settings.judge_epochs, "batch_size": 128, "is_own": own}


def judged(
    context: Context,
    settings: Settings,
    lit: Planes,
    data: Dataset,
    test: Unseen,
    made: Mapping[str, Tensor],
    ways: Mapping[str, Colouring],
) -> dict[str, float]:
    """By way, how often a judge of its own takes made colours for true ones."""
    learned = lit.some(torch.tensor(evenly(len(lit), settings.judged)))
    true, asked = (coloured_all(planes) for planes in (learned, test.planes))
    hints = no_hints(learned.lightness)
    return {
        name: fooled(
            context,
            data.spec,
            name,
            (true, painted_all(way, learned.lightness, hints)),
            (asked, made[name]),
            **pace(settings),
        )
        for name, way in ways.items()
    }


def coloured_all(planes: Planes) -> Tensor:
    """The true colours at half the size, put onto the photographs as made ones are."""
    parts = zip(torch.split(planes.lightness, PART), torch.split(planes.colours, PART), strict=True)
    return torch.cat([coloured(*part) for part in parts])


def concluded(number: int, figures: Mapping[str, Mapping[str, float]], named_as: Mapping[str, float]) -> str:
    ours, mean = figures[OURS], figures["regression"]
    said = (
        f"Of {number:,} test photographs a judge takes {ours['judge fooled']:.1%} for the true ones, {mean['judge fooled']:.1%} "
        f"where the squared error names one colour; their colourfulness is {ours['colourfulness']:.1f} beside "
        f"{mean['colourfulness']:.1f}, the RMSE of a and b {ours['RMSE of ab']:.2f} beside {mean['RMSE of ab']:.2f}."
    )
    if not named_as:
        return said
    return (
        f"{said} A classifier names {named_as[OURS]:.1%} of them right, {named_as['grey']:.1%} in grey, {named_as['true']:.1%} in "
        "true colours."
    )


# ------------------------------------------------------------------------------------------------------------ exhibits
def side_by_side(made: Mapping[str, Tensor], test: Unseen) -> Images:
    shown = {**made, "truth": test.truth}
    places = evenly(len(test.truth), SHOWN)
    return Images(
        "Side by side",
        f"Test photographs, a row each way to colour them: {', '.join(shown)}.",
        enlarged(torch.cat([images[places] for images in shown.values()]), ENLARGED),
        columns=len(places),
    )


def asked_for(way: Colouring, test: Unseen) -> Images:
    """The middle cell of some photographs told to have one colour and another."""
    few = test.few(SHOWN // 2)
    columns = [greyed(few.lightness), painted(way, few)]
    for colour in ASKED.values():
        hints = no_hints(few.lightness)
        asked, row, column = hint_of(f"0,0,{colour}"), hints.shape[2] // 2, hints.shape[3] // 2
        hints[:, :, row, column] = torch.tensor([asked.a, asked.b, 1.0])
        columns.append(painted_all(way, few.lightness, hints))
    labels = ["grey", "no hint", *ASKED, "truth"]
    images = torch.stack([*columns, few.truth], 1).flatten(0, 1)
    return Images(
        "Asked for",
        "The cell of 2 × 2 pixels in the middle told to be red, yellow, green or blue.",
        images,
        columns=len(labels),
        labels=labels * len(few.truth),
    )


def by_hints(context: Context, ways: Mapping[str, Colouring], test: Unseen) -> Chart:
    few = test.few(TOLD)
    lines = []
    for name in ("regression", OURS):
        values = []
        for number in HINTS:
            hints = some_hints(few.planes.colours, number, context.generator("told"))
            values.append(decibels(painted_all(ways[name], few.lightness, hints), few.truth))
        lines.append(Line(name, HINTS, values))
    return Chart(
        "What hints are worth",
        f"PSNR of {len(few.truth)} test photographs, by the number of cells whose true colour is told, in random places.",
        lines_svg(lines, x_label="hints", y_label="PSNR in dB", log_y=False),
    )


def fidelity_table(figures: Mapping[str, Mapping[str, float]], truth: float) -> Table:
    names = ("RMSE of ab", "area", "area, balanced", "PSNR", "colourfulness")
    return Table(
        "How near to the truth",
        "RMSE of a and b in units of Lab; area under the share of pixels that are so near, up to 150 units, and the same where rare "
        f"colours count more; PSNR in dB; colourfulness (Hasler & Süsstrunk 2003), which is {truth:.1f} of the true photographs.",
        ["way", *names],
        [[way, *(of[name] for name in names)] for way, of in figures.items()],
    )


def judgement_table(figures: Mapping[str, Mapping[str, float]], named_as: Mapping[str, float]) -> list[Exhibit]:
    caption = (
        "judge fooled: the share of test photographs of which a net, shown both, takes the made colours for the true ones; half is "
        "the most."
    )
    named = " named right: by a classifier that learned from true photographs." if named_as else ""
    columns = ["way", "judge fooled", *(["named right"] if named_as else [])]
    rows: list[list[str | float]] = [[way, *(of[name] for name in columns[1:])] for way, of in figures.items()]
    if named_as:
        rows.append(["true colours", "", named_as["true"]])
    return [Table("Two alternatives", caption + named, columns, rows)]


def temperatures(net: nn.Module, classes: ColourClasses, validation: Unseen) -> list[Exhibit]:
    """The same probabilities painted from the mean to the most probable class."""
    rows: list[list[str | float]] = []
    columns = []
    for temperature in TEMPERATURES:
        made = painted(partial(chosen, net, classes, temperature), validation)
        ours, theirs = lab_of(made)[:, 1:], lab_of(validation.truth)[:, 1:]
        rows.append([temperature, colour_rmse(ours, theirs).item(), colourfulness(made).mean().item()])
        columns.append(made[evenly(len(made), 3)])
    labels = [f"T = {temperature:g}" for temperature in TEMPERATURES] * len(columns[0])
    return [
        Images(
            "From the mean to the most probable",
            "Validation photographs, painted at different temperatures.",
            torch.stack(columns, 1).flatten(0, 1),
            columns=len(TEMPERATURES),
            labels=labels,
        ),
        Table(
            "Temperatures",
            f"Of {len(validation.truth)} validation photographs, whose own colourfulness is "
            f"{colourfulness(validation.truth).mean():.1f}.",
            ["temperature", "RMSE of ab", "colourfulness"],
            rows,
        ),
    ]


def errors_by_epoch(trained: Mapping[str, Trained]) -> Chart:
    return by_epoch(
        "Error by epoch",
        "RMSE of a and b in units of Lab, of cells of validation photographs without hints. Who paints the mean errs "
        "least, and is grey.",
        {name: one.history["validation RMSE"] for name, one in trained.items()},
        y_label="RMSE of ab",
        log_y=False,
    )


# ------------------------------------------------------------------------------------------------------------- own images
def predict(model: Model, files: Sequence[Path], hints: Sequence[str] = ()) -> list[dict[str, Any]]:
    """For each image file what it was given, and the photograph in colours, a PNG in base64. hints: "x,y,#rrggbb" each, in pixels of
    the photographs."""
    told = [hint_of(text) for text in hints]
    way = partial(chosen, model.networks[OURS], classes_of(model.asked), model.asked.temperature)
    return [one_coloured(way, model.asked.image_size, path, told) for path in files]


def one_coloured(way: Colouring, side: int, path: Path, hints: Sequence[Hint]) -> dict[str, Any]:
    pixels = photograph(str(path), partial(read_whole, path, "an image", LARGEST_FILE, "make it smaller"))
    lightness = lightness_of(as_tensor(pixels))
    view, told = small_view(lightness, side, hints, path.name)
    png, _ = image_png(coloured(lightness, way(view, told)), 1)
    sizes = f"{pixels.shape[1]}×{pixels.shape[0]} pixels in colour"
    said = f"{sizes}, by {len(hints)} hint{'s' * (len(hints) > 1)}" if hints else sizes
    return {"input": str(path), "prediction": said, "image": base64.b64encode(png).decode("ascii")}


RECIPE = Recipe(
    Settings,
    Settings(
        side=20, width=8, depth=2, batch_size=16, updates=40, epochs=3, judged=400, judge_epochs=1, data="samples"
    ),
    run,
    networks=networks,
    predict=predict,
    hinted=predict,
    takes=TAKES,
)
