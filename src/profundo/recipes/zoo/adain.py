"""Arbitrary style transfer (Huang & Belongie 2017): a net that paints any photograph in the manner of any painting, in one pass.

Data: photographs of one's own, or two that come with scikit-learn, of which the left halves are learned from and the right halves
tested on, or a set of images by name; `styles`, a folder of paintings; without them, the same photographs in colours drawn by chance.
VGG's first blocks encode both, up to `layer`; adaptive instance normalisation gives each map of the photograph the mean and deviation
of the painting's; only a decoder learns, so that VGG sees the wanted maps in what it made, and the means and deviations of the
painting's in four of its layers. One pair of a batch is a photograph twice, which is to come out as it was, pixel by pixel (Park &
Lee 2019): so colours are learned in hundreds of updates.

`profundo predict RUN FILE… --set style=PAINTING --out FOLDER` paints files in any manner; `--set strength=0.5` half of it, `--set
'style=[A, B]' --set 'shares=[3, 1]'` in two mixed, `--set colours=content` in the photograph's colours, `--set mask=FILE` only where
an image is white. The encoder and the run's own style are kept with it: no other files are needed.

Result, 750 updates (seed 0) from the two samples, 3 minutes of one core of an AMD EPYC, no GPU: of a photograph that neither
training nor any choice saw and a painting that training did not see, at 192 pixels, the relative squared error of the style (Gram
matrices) falls from 0.65 to 0.34, that of what is seen where is 0.98; content + 5 · style falls from 3.23 to 2.68 only, fast-style's
to 1.57, and 100 steps of pixels come to 0.64. Painting 512 × 512 pixels takes 3.3 s. Colours and contrasts follow the style, fine
detail is lost: two photographs and minutes are few for a decoder; give it folders of photographs and of paintings, and more epochs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from profundo.data.drawn_batches import DrawnBatches
from profundo.nets.perceptual import PerceptualNet
from profundo.nets.style_nets import AdaptiveStyle, adain, map_moments
from profundo.pictures.exhibits import Exhibit, Images
from profundo.recipes.context import Context
from profundo.recipes.painting.one_pass import (
    LAYERS,
    TAKES,
    compared,
    middle,
    outcome,
    practice,
    squares_of,
    tested,
    validation_costs,
)
from profundo.recipes.painting.style_costs import Weights, grams, relative
from profundo.recipes.photographs import Parts, Photograph, no_longer
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.repainting import (
    Judge,
    as_bytes,
    as_picture,
    identity,
    perceptual_net,
    picture,
    recoloured,
    repainted,
    whole_picture,
)
from profundo.records import Batch, ProfundoError
from profundo.runs.settings.setting_values import AtLeastZero, Positive, Several, Whole
from profundo.train import Descent, Plan, optimizer, schedule
from profundo.train.layout import lay_out

__all__ = ["RECIPE", "Settings", "Wishes", "networks", "predict", "run"]

VALIDATED = 4  # pairs of squares, after every epoch
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
LONGEST = 2048  # pixels of a style's longer side
OTHERS = 3  # styles that are shown beside that of the run
Strength = Annotated[float, Field(ge=0, le=1)]
Styles = str | Annotated[tuple[str, ...], Field(min_length=1, max_length=16)]


@dataclass(frozen=True, slots=True)
class Settings:
    """data: "samples", a folder or .zip of photographs, or a set of images by name; styles: a folder or .zip of paintings, or "".

    style: a file, or a sample (flower, china), in whose manner the tested photographs are painted, and others unless told. size:
    pixels of the longer side of images, in training at most, in tests; style_size: of the painting; patch: of a side of the squares.
    layer: whose maps are changed; the paper's relu4_1 takes longer to learn and has larger strokes. style_weight, identity_weight:
    what the style, and pixels of the photograph that is to come out as it was, count for one of content. updates: of an epoch, after
    each of which the film shows the same photograph.
    compared: steps of pixels that the first tested photograph goes, too. judge: the net that encodes and judges, `edges`, `vgg16`,
    the one that is there, or one `drawn` by chance, in `judge_width` times its channels.
    """

    data: str = "samples"
    styles: str = ""
    style: str = "flower"
    style_size: Annotated[int, Field(ge=32, le=2048)] = 192
    size: Annotated[int, Field(ge=32, le=2048)] = 256
    patch: Annotated[int, Field(ge=16, le=512)] = 64
    layer: Literal["relu3_1", "relu4_1"] = "relu3_1"
    style_weight: AtLeastZero = 2.0
    identity_weight: AtLeastZero = 5.0
    batch_size: Several = 2
    updates: Whole = 30
    epochs: Whole = 25
    learning_rate: Positive = 0.001
    compared: Annotated[int, Field(ge=0)] = 40
    judge: Judge = "auto"
    judge_width: Positive = 1.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """Of files that are painted. style: a file or a sample, or several; "" for that of the run; shares: of each, 1 unless told;
    strength: 0 for the photograph, 1 for all of the style. size, style_size: pixels of the longer sides. colours: the painting's or
    the photograph's; mask: an image that is white where it is painted."""

    style: Styles = ""
    shares: tuple[Positive, ...] = ()
    strength: Strength = 1.0
    size: Annotated[int, Field(ge=32, le=2048)] = 512
    style_size: Annotated[int, Field(ge=32, le=LONGEST)] = 512
    colours: Literal["style", "content"] = "style"
    mask: str = ""


class OwnStyle(nn.Module):
    """The run's own style, uint8 (height, width, 3), kept with what learned: its file may be gone later, or be another one."""

    pixels: Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("pixels", torch.zeros(height, width, 3, dtype=torch.uint8))


def own_style(source: str) -> OwnStyle:
    _, pixels = no_longer((source, whole_picture(source)), LONGEST)
    kept = OwnStyle(*pixels.shape[:2])
    kept.pixels.copy_(torch.tensor(pixels))
    return kept


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    """known: style, height and width of the run's own."""
    encoder = PerceptualNet(settings.judge_width if settings.judge == "drawn" else 1.0)
    return {"net": AdaptiveStyle(encoder, settings.layer), "style": OwnStyle(*known["style"])}


def run(context: Context, settings: Settings) -> Outcome:
    paintings = learned_styles(context, settings)
    parts = practice(context, settings.data, settings.size, settings.patch)
    context.facts["images"] = {"style": identity(settings.style)}
    judge = perceptual_net(settings.judge, context.generator("judge"), settings.judge_width)
    lay_out(judge, context.device)
    kept = own_style(settings.style)
    style = as_picture(settings.style, kept.pixels.numpy(), settings.style_size).to(context.device)
    photographs = tested(parts, settings.size, context.device)
    net = AdaptiveStyle(deepcopy(judge), settings.layer)

    def cost(batch: Batch) -> dict[str, Tensor]:
        return painting_cost(net, judge, batch, settings.style_weight, settings.identity_weight)

    def pairs(photos: Sequence[Photograph], painted: Sequence[Photograph], count: int, name: str) -> Batch:
        content = squares_of(context, photos, settings.patch, count, name).inputs
        styles = squares_of(context, painted or photos, settings.patch, count, f"{name}, styles").inputs
        styles = styles if painted else strange(styles, context.generator(f"{name}, colours"))
        return Batch(content, torch.cat([styles[:-1], content[-1:]]), count)

    unseen = pairs(parts.validation, paintings.validation, VALIDATED, "validation")
    net.measure(unseen.inputs)
    trained = context.train(
        Descent({"decoder": net.decoder}, cost, optimizer("adam", net.decoder, settings.learning_rate)),
        DrawnBatches(
            lambda number: pairs(parts.train, paintings.train, settings.batch_size, f"squares {number}"),
            settings.updates,
        ),
        Plan(settings.epochs, schedule("cosine")),
        validate=lambda: validation_costs(cost, unseen),
        film=lambda: as_bytes(painted(net, next(iter(photographs.values())), [style]))[0],
    )
    made = [painted(net, photograph, [style]) for photograph in photographs.values()]
    weights = Weights(settings.style_weight)
    found = compared(context, judge, photographs, made, grams(judge, style, LAYERS), weights, settings.compared)
    others = other_styles(paintings.test, photographs, settings.style_size, context.generator("other styles"))
    more = manners(net, found[0].name, next(iter(photographs.values())), [style, *others])
    made_of_all = outcome(found, style, trained, settings.updates, weights, net, more)
    return replace(made_of_all, networks={"net": net, "style": kept}, known={"style": list(kept.pixels.shape[:2])})


def learned_styles(context: Context, settings: Settings) -> Parts:
    """Paintings of one's own; none where there are none."""
    if not settings.styles:
        return Parts((), (), ())
    paintings = practice(context, settings.styles, settings.size, settings.patch)
    context.facts["styles"] = context.facts.pop("photographs", settings.styles)
    return paintings


def painting_cost(
    net: AdaptiveStyle, judge: PerceptualNet, pairs: Batch, style_weight: float, identity_weight: float
) -> dict[str, Tensor]:
    """pairs: photographs, and as many styles as targets; the last pair is a photograph twice, which is to come out as it was."""
    with torch.no_grad():
        wanted = judge(pairs.targets, LAYERS)
        maps = adain(net.encode(pairs.inputs), wanted[net.layer])
    made = net.decode(maps, *pairs.inputs.shape[2:])
    seen = judge(made, LAYERS)
    of_content = relative(seen[net.layer], maps)
    of_style = torch.stack([relative(moments(seen[name]), moments(wanted[name])) for name in LAYERS]).mean()
    itself = relative(made[-1:] - 0.5, pairs.inputs[-1:] - 0.5)
    loss = of_content + style_weight * of_style + identity_weight * itself
    return {"loss": loss, "content": of_content, "style": of_style, "itself": itself}


def moments(maps: Tensor) -> Tensor:
    """(batch, 2 · channels, 1, 1): the means, then the deviations."""
    return torch.cat(map_moments(maps), 1)


def strange(images: Tensor, draws: torch.Generator) -> Tensor:
    """Each image in other colours: c ↦ A (c − ½) + b, with normal A and a uniform b, cut where that is no colour."""
    turns = torch.randn(len(images), 3, 3, generator=draws).to(images.device)
    shifts = torch.rand(len(images), 3, 1, 1, generator=draws).to(images.device)
    return (torch.einsum("nij,njhw->nihw", turns, images - 0.5) + 0.2 + 0.6 * shifts).clamp(0, 1)


@torch.no_grad()
def painted(
    net: AdaptiveStyle,
    photograph: Tensor,
    styles: Sequence[Tensor],
    shares: Sequence[float] = (),
    strength: float = 1.0,
) -> Tensor:
    made: Tensor = net(photograph, styles, shares or (1.0,) * len(styles), strength)
    return made


def manners(net: AdaptiveStyle, name: str, photograph: Tensor, styles: Sequence[Tensor]) -> list[Exhibit]:
    """One photograph in each style, in more and more of the first, and in the first and the second mixed."""
    each = [middle(image) for image in (*styles, *(painted(net, photograph, [style]) for style in styles))]
    stronger = [middle(painted(net, photograph, styles[:1], strength=share)) for share in SHARES]
    between = [middle(painted(net, photograph, styles[:2], (1 - share, share))) for share in SHARES]
    labels = [f"{share:g}" for share in SHARES]
    return [
        Images(
            "Any style",
            f"Above, styles that were not trained on; below, {name} in each of them.",
            torch.cat(each),
            columns=len(styles),
            labels=[f"style {number}" for number in range(1, len(styles) + 1)] + ["painted"] * len(styles),
        ),
        Images("Strength", f"{name}, from none of style 1 to all of it.", torch.cat(stronger), len(SHARES), labels),
        Images("Two styles mixed", f"{name}, from style 1 to style 2.", torch.cat(between), len(SHARES), labels),
    ]


def other_styles(
    paintings: Sequence[Photograph], photographs: Mapping[str, Tensor], size: int, draws: torch.Generator
) -> list[Tensor]:
    """Paintings that were not trained on; where there are none, tested photographs in strange colours. On the photographs' device."""
    if paintings:
        device = next(iter(photographs.values())).device
        return [as_picture(name, pixels, size).to(device) for name, pixels in paintings[:OTHERS]]
    return [strange(image, draws) for image in photographs.values()]


# ------------------------------------------------------------------------------------------------------------- own images
def predict(model: Model, files: Sequence[Path]) -> list[dict[str, Any]]:
    """For each image file what was painted, a PNG in base64."""
    net, wishes = model.networks["net"], model.wishes
    assert isinstance(net, AdaptiveStyle)
    styles = asked_styles(model)
    if wishes.shares and len(wishes.shares) != len(styles):
        raise ProfundoError(f"shares: expected one for each of {len(styles)} styles, got {len(wishes.shares)}")
    shares = wishes.shares or (1.0,) * len(styles)
    same_colours = wishes.colours == "style"
    with torch.no_grad():
        encoded = [net.encode(style) for style in styles] if same_colours else []

    @torch.no_grad()
    def paint(photograph: Tensor) -> Tensor:
        maps = encoded if same_colours else [net.encode(recoloured(style, photograph)) for style in styles]
        return net.in_manners(photograph, maps, shares, wishes.strength)

    return repainted(files, wishes.size, wishes.mask, paint)


def asked_styles(model: Model) -> list[Tensor]:
    """Those by name, or the run's own, which is with its nets."""
    size, names = model.wishes.style_size, model.wishes.style
    if names:
        return [picture(name, size) for name in ([names] if isinstance(names, str) else names)]
    kept = model.networks["style"]
    assert isinstance(kept, OwnStyle)
    return [as_picture(model.asked.style, kept.pixels.numpy(), size)]


RECIPE = Recipe(
    Settings,
    Settings(size=64, patch=32, style_size=64, updates=6, epochs=3, compared=6, judge="drawn", judge_width=0.125),
    run,
    networks=networks,
    predict=predict,
    wishes=Wishes,
    takes=TAKES,
)
