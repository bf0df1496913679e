"""What the recipes have in common whose nets paint a photograph in one pass: photographs to practise on, and how what they paint is
judged beside the photograph as it was and beside the slow way, which moves pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.perceptual import STYLE_LAYERS, PerceptualNet
from profundo.pictures.exhibits import Chart, Exhibit, Images, Table
from profundo.recipes.context import Context, Trained
from profundo.recipes.own_data import Takes
from profundo.recipes.painting.style_costs import Weights, aimed, judged, optimised
from profundo.recipes.photographs import Parts, Photograph, no_longer, photographs_or_set, squares
from profundo.recipes.recipe import Outcome
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.repainting import as_bytes, as_picture
from profundo.records import Batch

__all__ = [
    "LAYERS",
    "TAKES",
    "Painted",
    "compared",
    "middle",
    "outcome",
    "practice",
    "squares_of",
    "tested",
    "validation_costs",
]

TAKES = Takes("images")
TESTED = 3  # photographs
SHOWN = 192  # pixels of a side of what stands side by side
LAYERS = STYLE_LAYERS[
    :4
]  # those of Huang & Belongie; the fifth block of an edge detector hardly answers to some paintings
AS_IT_WAS, ONE_PASS = "photograph", "in one pass"
PACE = 0.1  # of the pixels that move: style-transfer's own


@dataclass(frozen=True, slots=True)
class Painted:
    """A tested photograph: ways, the image (1, 3, height, width) by how it came about, the photograph as it was first, and errors,
    those of each image ("content", "style" and its layers)."""

    name: str
    ways: Mapping[str, Tensor]
    errors: Mapping[str, Mapping[str, float]]


def practice(context: Context, data: str, size: int, patch: int) -> Parts:
    """Photographs of `patch` pixels on a side or more, made so small that their longer side has at most `size`."""
    parts = photographs_or_set(context, data, TAKES, patch, size)

    def small(part: Sequence[Photograph]) -> list[Photograph]:
        return [no_longer(one, size) for one in part]

    return Parts(small(parts.train), small(parts.validation), small(parts.test), parts.cut)


def squares_of(context: Context, photographs: Sequence[Photograph], patch: int, count: int, name: str) -> Batch:
    """Squares of photographs; name: of the draws."""
    images = squares(photographs, patch, count, context.generator(name)).to(context.device)
    return Batch(images, images, count)


@torch.no_grad()
def validation_costs(cost: Callable[[Batch], Mapping[str, Tensor]], unseen: Batch) -> dict[str, float]:
    return {f"validation {name}": float(value) for name, value in cost(unseen).items()}


def tested(parts: Parts, size: int, device: torch.device) -> dict[str, Tensor]:
    """The first test photographs by name, the longer side of `size` pixels."""
    return {name: as_picture(name, pixels, size).to(device) for name, pixels in parts.test[:TESTED]}


def compared(
    context: Context,
    judge: PerceptualNet,
    photographs: Mapping[str, Tensor],
    made: Sequence[Tensor],
    styles: Mapping[str, Tensor],
    weights: Weights,
    steps: int,
) -> list[Painted]:
    """steps: of the slow way, which the first photograph goes, too; none for 0. styles: Gram matrices by layer."""
    found = []
    for number, ((name, photograph), painted) in enumerate(zip(photographs.items(), made, strict=True)):
        aims = aimed(judge, photograph, styles)
        ways = {AS_IT_WAS: photograph, ONE_PASS: painted}
        if steps and not number:
            canvas, _ = optimised(
                context,
                judge,
                aims,
                photograph,
                weights,
                frames=1,
                each=steps,
                learning_rate=PACE,
                name="pixel by pixel",
            )
            ways[f"{steps} steps of pixels"] = canvas().detach()
        found.append(Painted(name, ways, {way: judged(judge, aims, image) for way, image in ways.items()}))
    return found


def outcome(
    found: Sequence[Painted],
    style: Tensor,
    trained: Trained,
    updates: int,
    weights: Weights,
    net: nn.Module,
    more: Sequence[Exhibit] = (),
) -> Outcome:
    """updates: between two frames of the film; more: exhibits of the recipe's own."""
    ours, before = averages(found, ONE_PASS), averages(found, AS_IT_WAS)
    return Outcome(
        scores=ours,
        baseline=before,
        against="the photograph as it was",
        tested=len(found),
        rivals=rivals(found),
        exhibits=[
            Images(
                "Painted",
                f"The whole of {found[0].name}, in one pass of the net.",
                as_bytes(found[0].ways[ONE_PASS]),
            ),
            Images("Painting", "Whose manner it is to have.", as_bytes(style)),
            side_by_side(found),
            *more,
            trained.film("As it learns", f"The same photograph every {updates} updates.", 0.25),
            costs_chart(trained, updates),
            costs_table(found, weights),
        ],
        networks={"net": net},
        conclusion=f"Painted in one pass, photographs that were not trained on have a squared error of the style, relative to the "
        f"painting's, of {ours['style error']:.3f}; as they were, {before['style error']:.3f}. That of what is seen where is "
        f"{ours['content error']:.3f}." + beside_pixels(found[0], weights),
    )


def averages(found: Sequence[Painted], way: str) -> dict[str, float]:
    return {f"{part} error": fmean(one.errors[way][part] for one in found) for part in ("style", "content")}


def rivals(found: Sequence[Painted]) -> dict[str, float]:
    """The style error of ways that every tested photograph went; of one photograph among others it would be no mean of the same."""
    more = [way for way in found[0].ways if way not in (AS_IT_WAS, ONE_PASS)]
    return {way: averages(found, way)["style error"] for way in more if all(way in one.ways for one in found)}


def total(errors: Mapping[str, float], weights: Weights) -> float:
    """What is lowered, but for smoothness."""
    return errors["content"] + weights.style * errors["style"]


def beside_pixels(one: Painted, weights: Weights) -> str:
    """A sentence on the photograph that went both ways, "" where none did."""
    if len(one.ways) < 3:
        return ""
    before, fast, slow = (total(errors, weights) for errors in one.errors.values())
    return (
        f" Of {one.name} content + {weights.style:g} · style is {fast:.3f}, {fast / slow:.2f} times that of {list(one.ways)[2]} "
        f"({slow:.3f}); the photograph's is {before:.3f}."
    )


# --------------------------------------------------------------------------------------------------------------- exhibits
def costs_chart(trained: Trained, updates: int) -> Chart:
    parts = [name for name in trained.history.rows[0] if name.startswith("validation ") and name != "validation loss"]
    return by_epoch(
        "Costs",
        "What the net lowers, of squares that are not trained on: squared differences relative to what is wanted.",
        {part.removeprefix("validation "): trained.history[part] for part in parts},
        y_label="relative squared error",
        x_label=f"{updates} updates",
        log_y=True,
    )


def costs_table(found: Sequence[Painted], weights: Weights) -> Table:
    rows: list[list[str | float]] = [
        [one.name, way, errors["content"], errors["style"], total(errors, weights)]
        for one in found
        for way, errors in one.errors.items()
    ]
    return Table(
        "Costs, photograph by photograph",
        "Squared differences relative to what is wanted, of photographs that were not trained on, and their weighted sum.",
        ["photograph", "painted", "content", "style", f"content + {weights.style:g} · style"],
        rows,
    )


def side_by_side(found: Sequence[Painted]) -> Images:
    """The middle of each photograph, and what was made of it; those that went the slow way, too, come first."""
    most = max(len(one.ways) for one in found)
    rows = [one for one in found if len(one.ways) == most]
    shown = [(one.name if way == AS_IT_WAS else way, middle(image)) for one in rows for way, image in one.ways.items()]
    return Images(
        "Side by side",
        "The middle of photographs that were not trained on.",
        torch.cat([image for _, image in shown]),
        columns=most,
        labels=[label for label, _ in shown],
    )


def middle(image: Tensor) -> Tensor:
    """uint8 (1, 3, SHOWN, SHOWN)."""
    height, width = image.shape[2:]
    side = min(height, width)
    y, x = (height - side) // 2, (width - side) // 2
    cut = image[:, :, y : y + side, x : x + side]
    return as_bytes(F.interpolate(cut, (SHOWN, SHOWN), mode="bilinear", antialias=True))
