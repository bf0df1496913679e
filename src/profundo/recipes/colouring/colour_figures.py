"""What is told and shown of photographs that were coloured, way beside way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from profundo.evaluate.kinds.colour_fidelity import area_of_near, colour_rmse, colourfulness
from profundo.evaluate.kinds.pixel_fidelity import psnr
from profundo.objectives.colour_classes import ColourClasses
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.exhibits import Chart, Exhibit, Images, Table
from profundo.pictures.film import sheet
from profundo.pictures.numbers import how_many
from profundo.ranks_and_places import evenly
from profundo.recipes.colouring.colour_hints import MOST, hint_of, no_hints, some_hints
from profundo.recipes.colouring.colour_photographs import Unseen, painted
from profundo.recipes.colouring.colour_planes import Colouring, coloured, lab_of, painted_all
from profundo.recipes.context import Context, Trained
from profundo.recipes.net_outputs import enlarged
from profundo.recipes.recipe_charts import by_epoch

__all__ = [
    "asked_for",
    "by_hints",
    "errors_by_epoch",
    "fidelity",
    "fidelity_table",
    "frame",
    "judgement_table",
    "side_by_side",
    "temperatures",
]

SHOWN, TOLD = 10, 500  # images: shown, and coloured with hints
ENLARGED = 2  # pixels of the page for one of theirs, across and down
TEMPERATURES = (1.0, 0.7, 0.5, 0.38, 0.25, 0.1, 0.0)
HINTS = (0, 1, 2, 4, 8, 16, MOST)
ASKED = {"red": "#c03a2b", "yellow": "#d0b030", "green": "#3f8f3f", "blue": "#3a5fc0"}
BEST = 100.0  # dB, of an image that is the same


def fidelity(made: Tensor, truth: Tensor, classes: ColourClasses, weights: Tensor) -> dict[str, float]:
    """Of uint8 images beside the true ones; weights: of classes, for the area in which rare colours count more."""
    ours, theirs = lab_of(made)[:, 1:], lab_of(truth)[:, 1:]
    rarity = weights[classes.of(theirs.permute(0, 2, 3, 1))]
    return {
        "balanced AuC": area_of_near(ours, theirs, rarity).item(),
        "AuC": area_of_near(ours, theirs).item(),
        "RMSE of ab": colour_rmse(ours, theirs).item(),
        "PSNR": decibels(made, truth),
        "colourfulness": round(colourfulness(made).mean().item(), 2),  # of grey, 8 bits leave 0.0004
    }


def decibels(made: Tensor, truth: Tensor) -> float:
    """PSNR over red, green and blue, the mean over images, of each at most 100 dB."""
    return psnr(*(images.flatten(1, 2)[:, None] for images in (made, truth))).clamp(max=BEST).mean().item()


# ------------------------------------------------------------------------------------------------------------ exhibits
def frame(way: Colouring, test: Unseen) -> Tensor:
    few = test.few(SHOWN)
    rows = [greyed(few.lightness), painted(way, few), few.truth]
    return sheet(enlarged(torch.cat(rows), ENLARGED), len(few.truth))


def greyed(lightness: Tensor) -> Tensor:
    return coloured(lightness, no_hints(lightness)[:, :2])


def side_by_side(made: Mapping[str, Tensor], test: Unseen) -> Images:
    shown = {**made, "truth": test.truth}
    places = evenly(len(test.truth), SHOWN)
    return Images(
        "Side by side",
        "Test photographs, a row each way to colour them.",
        enlarged(torch.cat([images[places] for images in shown.values()]), ENLARGED),
        columns=len(places),
        rows=list(shown),
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
    for name, way in ways.items():
        values = []
        for number in HINTS:
            hints = some_hints(few.planes.colours, number, context.generator("told"))
            values.append(decibels(painted_all(way, few.lightness, hints), few.truth))
        lines.append(Line(name, HINTS, values))
    return Chart(
        "What hints are worth",
        f"PSNR of {how_many(len(few.truth), 'test photograph')}, by the number of cells whose true colour is told, in random places.",
        lines_svg(lines, x_label="hints", y_label="PSNR in dB", log_y=False),
    )


def fidelity_table(figures: Mapping[str, Mapping[str, float]], truth: float) -> Table:
    names = ("balanced AuC", "AuC", "RMSE of ab", "PSNR", "colourfulness")
    return Table(
        "How near to the truth",
        "AuC: area under the share of pixels whose a and b are so near, up to 150 units of Lab; balanced: rare colours count more. "
        "RMSE in those units; PSNR in dB; colourfulness (Hasler & Süsstrunk 2003), which is "
        f"{truth:.1f} of the true photographs.",
        ["way", *names],
        [[way, *(of[name] for name in names)] for way, of in figures.items()],
    )


def judgement_table(figures: Mapping[str, Mapping[str, float]], named_as: Mapping[str, float]) -> Table:
    """named_as: nothing where the photographs have no classes."""
    caption = (
        "judge fooled: of how many test photographs a net that is shown both, in 4 × 4 colours, takes the made for the true ones; "
        "half is the most."
    )
    named = " named right: by a classifier that learned from true photographs." if named_as else ""
    figure_names = ["judge fooled", *(["named right"] if named_as else [])]
    rows: list[list[str | float]] = [[way, *(of[name] for name in figure_names)] for way, of in figures.items()]
    if named_as:
        rows.append(["true colours", "", named_as["true"]])
    return Table("Two alternatives", caption + named, ["way", *figure_names], rows)


def temperatures(at: Callable[[float], Colouring], validation: Unseen) -> list[Exhibit]:
    """The same probabilities painted from the mean to the most probable class."""
    rows: list[list[str | float]] = []
    columns = []
    for temperature in TEMPERATURES:
        made = painted(at(temperature), validation)
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
            f"Of {how_many(len(validation.truth), 'validation photograph')}, whose own colourfulness is "
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
