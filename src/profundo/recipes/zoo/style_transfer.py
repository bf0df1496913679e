"""Style transfer (Gatys, Ecker & Bethge 2016): a photograph painted anew in the manner of a painting.

Data: two images of one's own, `content` and `style`; by default two photographs that come with scikit-learn. Nothing is learned but
the pixels: they move until VGG's fourth block says of them what it says of the photograph, and units of its five blocks are active
together as they are for the painting. `colours=content` keeps the photograph's colours, `mask` paints only where a third image
is white, `start=noise` begins with nothing.

Result, a photograph and a painting of 160 pixels, 120 steps: the relative squared error of the style falls from 0.67 to 0.22, while
that of what is seen where is 0.09.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn

from profundo.nets.perceptual import STYLE_LAYERS
from profundo.pictures.exhibits import Images, Table
from profundo.recipes.context import Context
from profundo.recipes.painting.style_costs import Canvas, Weights, aimed, grams, judged, optimised
from profundo.recipes.recipe import Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.repainting import Judge, as_bytes, identity, perceptual_net, picture, recoloured
from profundo.runs.settings.setting_values import AtLeastZero, Positive, Whole

__all__ = ["RECIPE", "Settings", "networks", "run"]

SMALLEST = 32  # pixels of the longer side, for the fifth block to see two


@dataclass(frozen=True, slots=True)
class Settings:
    """content, style: files, or samples (flower, china); size, style_size: pixels of the longer side, style_size 0 for the same.

    style_weight: what style counts for one of content; smoothness: what differences of neighbouring pixels count. steps, frames: of
    the optimisation, rounded up to as many for each frame, and how many of its film, at most. judge: the net, `edges`, `vgg16`, the
    one that is there, or one `drawn` by chance, in `judge_width` times its channels.
    """

    content: str = "china"
    style: str = "flower"
    mask: str = ""
    colours: Literal["style", "content"] = "style"
    start: Literal["content", "noise"] = "content"
    size: Annotated[int, Field(ge=SMALLEST, le=2048)] = 256
    style_size: Annotated[int, Field(ge=0, le=2048)] = 0
    style_weight: AtLeastZero = 1.0
    smoothness: AtLeastZero = 0.0
    steps: Whole = 300
    frames: Whole = 20
    learning_rate: Positive = 0.1
    judge: Judge = "auto"
    judge_width: Positive = 1.0


def networks(_: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {"canvas": Canvas(*known["size"])}


def run(context: Context, settings: Settings) -> Outcome:
    content = picture(settings.content, settings.size)
    style = picture(settings.style, settings.style_size or settings.size)
    if settings.colours == "content":
        style = recoloured(style, content)
    files = {"content": settings.content, "style": settings.style} | ({"mask": settings.mask} if settings.mask else {})
    context.facts["images"] = {name: identity(file) for name, file in files.items()}
    judge = perceptual_net(settings.judge, context.generator("judge"), settings.judge_width).to(context.device)
    mask = (
        picture(settings.mask, 0, like=(content.shape[2], content.shape[3])).mean(1, keepdim=True)
        if settings.mask
        else None
    )
    content, style = content.to(context.device), style.to(context.device)
    aims = aimed(judge, content, grams(judge, style), mask)
    noise = torch.rand(content.shape, generator=context.generator("noise"))
    each = -(-settings.steps // settings.frames)
    frames = -(-settings.steps // each)
    canvas, trained = optimised(
        context,
        judge,
        aims,
        content if settings.start == "content" else noise,
        Weights(settings.style_weight, settings.smoothness),
        frames=frames,
        each=each,
        learning_rate=settings.learning_rate,
    )
    before, after = judged(judge, aims, content), judged(judge, aims, canvas().detach())
    rows: list[list[str | float]] = [[name, before[name], after[name]] for name in (*STYLE_LAYERS, "style", "content")]
    return Outcome(
        scores={"style error": after["style"], "content error": after["content"]},
        baseline={"style error": before["style"], "content error": before["content"]},
        against="the photograph as it was",
        exhibits=[
            Images("Painted", "The photograph in the manner of the painting.", as_bytes(canvas().detach())),
            Images("Photograph", "What is to be seen.", as_bytes(content)),
            Images("Painting", "Whose manner it is to have.", as_bytes(style)),
            trained.film("On the way", f"Every {each} steps, from the {settings.start}.", 0.25),
            by_epoch(
                "Costs",
                "Squared differences relative to what is wanted: of what is seen where, and of what is active together.",
                {name: trained.history[name] for name in ("content", "style")},
                y_label="relative squared error",
                x_label=f"{each} steps",
                log_y=True,
            ),
            Table(
                "Layer by layer",
                "Relative squared differences, of the photograph and of what was painted.",
                ["layer", "photograph", "painted"],
                rows,
            ),
        ],
        networks={"canvas": canvas},
        known={"size": list(content.shape[2:])},
        conclusion=f"After {frames * each:,} steps the squared error of the style, relative to the painting's, is "
        f"{after['style']:.3f}; the photograph's was {before['style']:.3f}. That of what is seen where, relative to the photograph, "
        f"is {after['content']:.3f}.",
    )


RECIPE = Recipe(
    Settings,
    Settings(size=48, steps=12, frames=3, judge="drawn", judge_width=0.125),
    run,
    networks=networks,
)
