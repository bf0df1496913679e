"""Super-resolution: photographs made larger, and sharper than interpolation makes them (Dong et al. 2014; Shi et al. 2016; Lim et al.
2017).

Data: photographs of one's own, each of its own size; by default two that come with scikit-learn, of which the left halves are
learned from and the right halves tested on. They are made small by bicubic interpolation; a net learns from patches what the
way back lacks. It sees brightness only: what it adds is added to red, green and blue of the interpolated image alike, so
that colours stay. `net` is srcnn, espcn or edsr, `scale` 2, 3 or 4, `loss` l1 or l2. PSNR and SSIM are of brightness (BT.601's Y),
the outermost `scale` pixels left out, beside Pillow's bicubic and Lanczos interpolation.

Result, ×2, ESPCN: 32.34 dB and SSIM 0.918 on the right halves (seeds 0–2, 32.24 to 32.46 dB); bicubic 31.18 dB and 0.902, Lanczos
31.53 dB and 0.907; in 43 s on one core of an AMD EPYC, no GPU. The flower, which is smooth, gains 2 dB, the leaves of china 0.3.
A small EDSR comes to 31.94 dB in 600 updates (seed 0), 36 s. Where a photograph has no detail of a pixel, there is none to win.

With `adversarial` the net then plays against a critic (Ledig et al. 2017). A small EDSR, ×4, 800 updates for its errors and 800 of
the game at a weight of 0.005 (seed 0, 89 s): VGG's features are then 0.460 from the truth's where interpolation errs most, before
0.539, of bicubic interpolation 0.606; it has 0.29 of the power of fine waves, before 0.01; and PSNR falls from 28.58 to 28.08 dB
(bicubic 27.96). Leaves become leafy, and edges of petals rough. ESPCN, ×2, whose three layers make little up, only lost: in 300
updates of the game at 0.01 after 500, 31.96 to 31.49 dB, features 0.143 to 0.168.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as Pillow
from pydantic import Field
from torch import Tensor, nn

from profundo.data.streams.archives import read_whole
from profundo.evaluate.kinds.pixel_fidelity import WINDOW, luma, psnr, ssim
from profundo.evaluate.kinds.power_spectrum import fine_power, power_spectrum
from profundo.image_files import MOST_PIXELS
from profundo.nets.image_translation import patch_discriminator
from profundo.nets.perceptual import PerceptualNet, feature_distance
from profundo.nets.upscaling import SuperResolution, bicubic, edsr, espcn, srcnn
from profundo.objectives.adversarial_losses import discriminator_cost, generator_cost
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.exhibits import Chart, Exhibit, Images, Table
from profundo.pictures.numbers import how_many, percent
from profundo.recipes.adversaries import players
from profundo.recipes.context import Context, Trained
from profundo.recipes.net_outputs import as_pictures, enlarged, image_answer, outputs
from profundo.recipes.own_data import Takes
from profundo.recipes.photographs import (
    Pair,
    as_tensor,
    brightness,
    drawn_patches,
    pair,
    photograph,
    photographs,
    resized,
)
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.repainting import Judge, perceptual_net
from profundo.records import Batch, ProfundoError
from profundo.runs.settings.setting_values import AtLeastZero, Positive, Whole
from profundo.train import Descent, Plan, optimizer, schedule
from profundo.train.game import Game, Turns

__all__ = ["RECIPE", "Settings", "large", "networks", "predict", "run"]

TAKES = Takes("images")
LOSSES = {"l1": F.l1_loss, "l2": F.mse_loss}
VALIDATED = 8  # photographs, after every epoch
BAND = 2**17  # pixels of a small image that go through the net at once
SHOWN, ROWS = 96, 3  # pixels of a side of what is shown side by side, and of how many photographs
LARGEST_FILE = 2**29  # bytes
BEST = 100.0  # dB, of an image that is the same
PLAIN, GAME = "by its errors alone", "against a critic"
FAR, DETAIL = "distance of features", "fine detail"
RIVALS = {"Lanczos": "Lanczos interpolation", PLAIN: f"the same net {PLAIN}"}
OTHERS = {"bicubic": Pillow.Resampling.BICUBIC, "Lanczos": Pillow.Resampling.LANCZOS}


@dataclass(frozen=True, slots=True)
class Settings:
    """scale: how many times larger. width: channels of the net's first layer, 0 for 64 of srcnn and espcn, 32 of edsr; blocks: of
    edsr. patch: pixels of a side of the small patches; updates: of an epoch. data: "samples", or a folder or .zip of photographs.

    adversarial: the weight of not passing with a critic, beside the error; above 0 the net plays against it for so many epochs more.
    judge, judge_width: whose features are then compared, as `style-transfer` has them.
    """

    net: Literal["srcnn", "espcn", "edsr"] = "espcn"
    scale: Annotated[int, Field(ge=2, le=4)] = 2
    loss: Literal["l1", "l2"] = "l1"
    width: Annotated[int, Field(ge=0, le=1024)] = 0
    blocks: Whole = 4
    patch: Annotated[int, Field(ge=4, le=256)] = 24
    batch_size: Whole = 16
    updates: Whole = 100
    epochs: Whole = 20
    learning_rate: Positive = 0.001
    data: str = "samples"
    adversarial: AtLeastZero = 0.0
    adversarial_epochs: Whole = 10
    judge: Judge = "auto"
    judge_width: Positive = 1.0


def networks(settings: Settings, _: Mapping[str, Any]) -> dict[str, nn.Module]:
    if settings.net == "edsr":
        return {"net": edsr(settings.scale, settings.width or 32, settings.blocks)}
    build = {"srcnn": srcnn, "espcn": espcn}[settings.net]
    return {"net": build(settings.scale, settings.width or 64)}


def run(context: Context, settings: Settings) -> Outcome:
    scale = settings.scale
    parts = photographs(context, settings.data, TAKES, scale * max(settings.patch, WINDOW + 2))
    train, validation, test = (
        [pair(one, scale) for one in part] for part in (parts.train, parts.validation, parts.test)
    )
    judge = (
        perceptual_net(settings.judge, context.generator("judge"), settings.judge_width)
        if settings.adversarial
        else None
    )
    net = networks(settings, {})["net"]
    assert isinstance(net, SuperResolution)
    loss = LOSSES[settings.loss]

    def cost(batch: Batch) -> dict[str, Tensor]:
        return {"loss": loss(net(batch.inputs), batch.targets)}

    places = hardest(test[:ROWS], scale)
    trained = context.train(
        Descent(net, cost, optimizer("adam", net, settings.learning_rate)),
        drawn_patches(train, settings.patch, settings.batch_size, settings.updates, context.generator, context.device),
        Plan(settings.epochs, schedule("cosine")),
        validate=lambda: validation_psnr(net, validation[:VALIDATED]),
        film=lambda: cut(large(net, test[0].small), places[0]),
    )
    made = {name: [interpolated(one.small, scale, how) for one in test] for name, how in OTHERS.items()}
    made["ours"] = [large(net, one.small) for one in test]
    kept = net
    if judge is not None:
        kept = played(context, settings, net, train)
        made |= {PLAIN: made["ours"], "ours": [large(kept, one.small) for one in test]}
    figures = {
        name: [fidelity(image, one, scale) for image, one in zip(images, test, strict=True)]
        for name, images in made.items()
    }
    ours, cubic, lanczos = (averaged(figures[name]) for name in ("ours", "bicubic", "Lanczos"))
    rest = (
        "the other halves of the same photographs" if parts.cut else f"{how_many(len(test), 'photograph')} kept apart"
    )
    shown, told = exhibits(settings, test, made, figures, trained, places), ""
    if judge is not None:
        unseen = beyond(judge.to(context.device), test, made, hardest(test, scale))
        shown[:0] = [
            crop_beside_crop(test, made, places),
            unseen_table({name: averaged(of) | unseen[name] for name, of in figures.items()}),
            spectra(test, made, scale),
        ]
        ours, cubic, told = ours | unseen["ours"], cubic | unseen["bicubic"], in_words(unseen)
    return Outcome(
        scores=ours,
        baseline=cubic,
        against="bicubic interpolation",
        tested=len(test),
        rivals={RIVALS[name]: averaged(of)["PSNR"] for name, of in figures.items() if name in RIVALS},
        exhibits=shown,
        networks={"net": kept},
        conclusion=f"On {rest}, {scale} times as large, {settings.net} comes to {ours['PSNR']:.2f} dB (SSIM {ours['SSIM']:.4f}), "
        f"{ours['PSNR'] - cubic['PSNR']:+.2f} dB beside bicubic interpolation ({cubic['PSNR']:.2f} dB, {cubic['SSIM']:.4f}); Lanczos "
        f"comes to {lanczos['PSNR']:.2f} dB ({lanczos['SSIM']:.4f}).{told}",
    )


def played(context: Context, settings: Settings, net: SuperResolution, pairs: Sequence[Pair]) -> SuperResolution:
    """The moving average of the net while it plays against a critic that sees patches of 34 pixels."""
    critic = patch_discriminator(1, halvings=2)
    rates = settings.learning_rate / 2, settings.learning_rate / 2  # it knows how to enlarge
    both = dict(zip(("net", "critic"), players(net, critic, rates, (0.5, 0.999)), strict=True))
    turns = against(net, critic, LOSSES[settings.loss], settings.adversarial)
    game = Game({"net": net, "critic": critic}, both, turns, average=["net"])
    context.train(
        game,
        drawn_patches(pairs, settings.patch, settings.batch_size, settings.updates, context.generator, context.device),
        Plan(settings.adversarial_epochs),
        name=GAME,
    )
    average = game.averages["net"]
    assert isinstance(average, SuperResolution)
    return average


def against(net: nn.Module, critic: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], weight: float) -> Turns:
    """What the critic lowers, and then the net: its error, and by `weight` that it does not pass for true (Ledig et al. 2017,
    equation 6). VGG's features have no part in it, other than there, as they judge afterwards."""

    def turns(batch: Batch) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
        made, truth = net(batch.inputs), batch.targets
        yield "critic", {"critic": discriminator_cost(critic(truth), critic(made.detach())) / 2}
        error, caught = loss(made, truth), generator_cost(critic(made))
        yield "net", {"net": error + weight * caught, "error": error, "caught": caught}

    return turns


# ---------------------------------------------------------------------------------------------------------- larger images
Place = tuple[slice, slice]


def large(net: SuperResolution, small: Tensor) -> Tensor:
    """uint8 (3, height, width), `scale` times as large: in bands, each with so much around it that it makes no difference."""
    height, width = small.shape[1:]
    rows, scale, around = max(1, BAND // width), net.scale, net.reach
    bands = []
    for top in range(0, height, rows):
        start, end = max(0, top - around), min(height, top + rows + around)
        made = sharpened(net, small[None, :, start:end])[0]
        bands.append(made[:, scale * (top - start) : scale * (min(height, top + rows) - start)])
    return torch.cat(bands, 1)


def sharpened(net: SuperResolution, small: Tensor) -> Tensor:
    """uint8 (images, 3, height, width): what the net adds to brightness is added to all three colours."""
    bright = brightness(small)
    added = outputs(net, bright) - bicubic(bright, net.scale)
    return as_pictures(bicubic(small.float() / 255, net.scale) + added)


def interpolated(small: Tensor, scale: int, how: Pillow.Resampling) -> Tensor:
    height, width = small.shape[1:]
    return as_tensor(resized(small.permute(1, 2, 0).contiguous().numpy(), scale * height, scale * width, how))


# ---------------------------------------------------------------------------------------------------------------- figures
def fidelity(made: Tensor, one: Pair, border: int) -> tuple[float, float]:
    """PSNR in dB, at most 100, and SSIM of brightness; border: pixels that are left out at each side."""
    seen, truth = inside(made, border), inside(one.large, border)
    return decibels(seen, truth), ssim(seen, truth).item()


def decibels(seen: Tensor, truth: Tensor) -> float:
    return min(BEST, psnr(seen, truth).item())


def inside(image: Tensor, border: int) -> Tensor:
    return luma(image[None])[:, :, border:-border, border:-border]


def validation_psnr(net: SuperResolution, pairs: Sequence[Pair]) -> dict[str, float]:
    border = net.scale
    values = [decibels(inside(large(net, one.small), border), inside(one.large, border)) for one in pairs]
    return {"validation PSNR": mean(values)}


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def averaged(figures: Sequence[tuple[float, float]]) -> dict[str, float]:
    return {name: mean(values) for name, values in zip(("PSNR", "SSIM"), zip(*figures, strict=True), strict=True)}


@torch.no_grad()
def beyond(
    judge: PerceptualNet, test: Sequence[Pair], made: Mapping[str, Sequence[Tensor]], places: Sequence[Place]
) -> dict[str, dict[str, float]]:
    """Of each way to enlarge, what PSNR does not see: how far features are from the truth's, where interpolation errs most, and how
    much power fine waves have of what they have in the truth: below 1 an image is blurred."""

    def seen(images: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        parts = [cut(image, place)[None].to(judge.mean.device) for image, place in zip(images, places, strict=True)]
        return [judge(part.float() / 255) for part in parts]

    true = [one.large for one in test]
    features, fine = seen(true), [fine_power(luma(image[None])).item() for image in true]

    def figures(images: Sequence[Tensor]) -> dict[str, float]:
        apart = [feature_distance(*two).item() for two in zip(seen(images), features, strict=True)]
        power = [fine_power(luma(image[None])).item() for image in images]
        return {FAR: mean(apart), DETAIL: mean([one / max(of, 1e-12) for one, of in zip(power, fine, strict=True)])}

    return {name: figures(images) for name, images in made.items()}


def in_words(unseen: Mapping[str, Mapping[str, float]]) -> str:
    after, before = unseen["ours"], unseen[PLAIN]
    return (
        f" It has {percent(after[DETAIL], 1)} of the truth's fine detail, before the game {percent(before[DETAIL], 1)}; its "
        f"features are {after[FAR]:.3f} from the truth's, before {before[FAR]:.3f}."
    )


# --------------------------------------------------------------------------------------------------------------- exhibits
def hardest(pairs: Sequence[Pair], scale: int) -> list[Place]:
    """Where bicubic interpolation of each photograph errs most: a square of SHOWN pixels of a side, or as many as the least has."""
    side = min(SHOWN // scale, *(min(one.small.shape[1:]) for one in pairs)) * scale
    return [hardest_place(one, scale, side) for one in pairs]


def hardest_place(one: Pair, scale: int, side: int) -> Place:
    made = interpolated(one.small, scale, OTHERS["bicubic"])
    errors = (made.float() - one.large.float()).square().mean(0, keepdim=True)
    sums = F.avg_pool2d(errors, side, stride=scale)[0]
    y, x = divmod(int(sums.argmax()), sums.shape[1])
    return slice(y * scale, y * scale + side), slice(x * scale, x * scale + side)


def cut(image: Tensor, place: Place) -> Tensor:
    return image[:, place[0], place[1]]


def exhibits(
    settings: Settings,
    test: Sequence[Pair],
    made: Mapping[str, Sequence[Tensor]],
    figures: Mapping[str, Sequence[tuple[float, float]]],
    trained: Trained,
    places: Sequence[Place],
) -> list[Exhibit]:
    rows: list[list[str | float]] = [
        [one.name, *(figures[name][at][which] for which in (0, 1) for name in ("bicubic", "Lanczos", "ours"))]
        for at, one in enumerate(test)
    ]
    columns = [f"{figure}, {name}" for figure in ("PSNR", "SSIM") for name in ("bicubic", "Lanczos", settings.net)]
    return [
        beside(settings, test, made, places),
        Images(
            "Enlarged",
            f"The whole of {test[0].name}, {settings.scale} times as large as the net saw it.",
            made["ours"][0][None],
        ),
        trained.film("As it learns", "The same part after every epoch; it begins as bicubic interpolation.", 0.25),
        by_epoch(
            "PSNR by epoch",
            "Of brightness, in dB, of photographs that are not trained on.",
            {settings.net: trained.history["validation PSNR"]},
            y_label="PSNR in dB",
            log_y=False,
        ),
        Table(
            "Image by image",
            f"Of the tested photographs: PSNR in dB and SSIM of brightness (BT.601's Y), {settings.scale} pixels of border left out.",
            ["photograph", *columns],
            rows,
        ),
    ]


def beside(
    settings: Settings, test: Sequence[Pair], made: Mapping[str, Sequence[Tensor]], places: Sequence[Place]
) -> Images:
    rows = zip(test, made["bicubic"], made["ours"], places, strict=False)
    return Images(
        "Side by side",
        "Of tested photographs the parts where interpolation errs most; the difference to the truth is four times as bright.",
        torch.cat([row_beside(one, cubic, ours, place, settings.scale) for one, cubic, ours, place in rows]),
        columns=5,
        labels=("small", "bicubic", settings.net, "truth", "difference") * len(places),
    )


WAYS = {"bicubic": "bicubic", "Lanczos": "Lanczos", PLAIN: PLAIN, "ours": GAME}


def crop_beside_crop(test: Sequence[Pair], made: Mapping[str, Sequence[Tensor]], places: Sequence[Place]) -> Images:
    columns = [made["bicubic"], made[PLAIN], made["ours"], [one.large for one in test]]
    parts = [cut(image, place) for *row, place in zip(*columns, places, strict=False) for image in row]
    return Images(
        "What the critic asks for",
        "Where interpolation errs most: enlarged by the net that was to lower its errors, and after it played against the critic. "
        "What is sharper there is made up: look at whether it is what the truth has.",
        torch.stack(parts),
        columns=len(columns),
        labels=("bicubic", PLAIN, GAME, "truth") * len(places),
    )


def unseen_table(figures: Mapping[str, Mapping[str, float]]) -> Table:
    return Table(
        "What PSNR does not see",
        "PSNR in dB and SSIM, which a game costs; the squared distance of the judge's features from those of the truth, 0 to 4; and "
        "the power of waves of less than four pixels in brightness, as a share of the truth's.",
        ["enlarged", *figures["ours"]],
        [[WAYS[name], *figures[name].values()] for name in WAYS],
    )


def spectra(test: Sequence[Pair], made: Mapping[str, Sequence[Tensor]], scale: int) -> Chart:
    ways = {WAYS[name]: made[name] for name in ("bicubic", PLAIN, "ours")} | {"truth": [one.large for one in test]}
    lines = []
    for name, images in ways.items():
        found = [power_spectrum(luma(image[None])) for image in images]
        lines.append(Line(name, found[0][0].tolist(), torch.cat([power for _, power in found]).mean(0).tolist()))
    return Chart(
        "Detail by size",
        f"The power of waves in brightness, from long to short. The small images hold none above {0.5 / scale:.3g} cycles a pixel.",
        lines_svg(lines, x_label="cycles a pixel", y_label="power", log_y=True),
    )


def row_beside(one: Pair, cubic: Tensor, ours: Tensor, place: Place, scale: int) -> Tensor:
    """A part of the small photograph, interpolated, by the net, the truth, and the difference of the last two."""
    down, across = (slice(side.start // scale, side.stop // scale) for side in place)
    small = enlarged(cut(one.small, (down, across))[None], scale)[0]
    made, truth = cut(ours, place), cut(one.large, place)
    off = (made.int() - truth.int()).abs().mul(4).clamp(max=255).to(torch.uint8)
    return torch.stack([small, cut(cubic, place), made, truth, off])


# ------------------------------------------------------------------------------------------------------------- own images
def predict(model: Model, files: Sequence[Path]) -> list[dict[str, Any]]:
    """For each image file the sizes before and after, and the larger image, a PNG in base64."""
    net = model.networks["net"]
    assert isinstance(net, SuperResolution)
    return [one_larger(net, path) for path in files]


def one_larger(net: SuperResolution, path: Path) -> dict[str, Any]:
    pixels = photograph(str(path), partial(read_whole, path, "an image", LARGEST_FILE, "make it smaller"))
    height, width = pixels.shape[:2]
    if height * width * net.scale**2 > MOST_PIXELS:
        raise ProfundoError(
            f"{path.name}: expected an image of at most {MOST_PIXELS // net.scale**2:,} pixels, got {width}×{height}; make it smaller"
        )
    made = large(net, as_tensor(np.asarray(pixels)))
    return image_answer(path, f"{width}×{height} → {made.shape[2]}×{made.shape[1]} pixels", made[None])


RECIPE = Recipe(
    Settings,
    Settings(net="espcn", width=32, patch=16, batch_size=8, updates=50, epochs=3),
    run,
    networks=networks,
    predict=predict,
    takes=TAKES,
)
