"""Deep Image Analogy (Liao, Yao, Yuan, Hua & Kang 2017, "Visual attribute transfer through deep image analogy"): A is to A′ as B is
to B′.

Data: two images of one's own of the same kind of thing, `first` (A) and `second` (B′), such as a photograph of a face and a painted
one. Wanted are A′, what is on A as it looks on B′, and B, what is on B′ as it looks on A. Without a second image it is the first
one, bent and in other colours, so that the true match of each pixel is known, and errors are measured.

From VGG's deepest block to its first, PatchMatch finds for each patch of (A, A′) the patch of (B, B′) that is most like it, and the
other way round. What is found is carried to the next finer block: the maps that B′ has there, laid out as A, are changed by descent
until the coarser block sees in them what was matched (the paper begins with noise and takes L-BFGS); where A is full of structure
its own maps are mixed in, by 0.8, 0.7, 0.6 and at last 0.1 (+ `structure`). At pixels each patch of A votes for the colours of its
match.

Result, a photograph of 256 pixels and its bent copy, seeds 0 to 2: the relative squared error of the look falls from 0.103 to 0.014
to 0.017; that of the structure is 0.120 to 0.128, B′ itself has 0.275. Where B′ has structure, half of its matches are at most 2.0
pixels from the true ones, half of the same places in both 6.0; 60 % of all matches lead back to where they began. 50 s on one core
of an AMD EPYC, no GPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.data.full_batch import Whole as Again
from profundo.images.patch_match import Field, Search, drawn_field, finer, grid, led_back, patch_rows, round_of, voted
from profundo.nets.perceptual import CONTENT_LAYER, STYLE_LAYERS, PerceptualNet, gram
from profundo.pictures.exhibits import Exhibit, Film, Images, Table
from profundo.pictures.numbers import percent
from profundo.recipes.context import Context
from profundo.recipes.correspondences import by_place, by_way, padded, spread_points, with_points
from profundo.recipes.painting.style_costs import relative
from profundo.recipes.recipe import Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.repainting import Judge, as_bytes, identity, perceptual_net, picture
from profundo.records import Batch
from profundo.runs.settings.setting_values import Positive, Whole
from profundo.train import Descent, Plan, optimizer, schedule

__all__ = ["RECIPE", "Matching", "Settings", "run"]

SMALLEST = 32  # pixels of the longer side, for the fifth block to see two
LAYERS = tuple(reversed(STYLE_LAYERS))  # coarse to fine
REACH = dict(zip(LAYERS, (1, 1, 1, 2, 2), strict=True))  # patches of 3 × 3, then of 5 × 5
RADIUS = dict(zip(LAYERS, (1024, 6, 6, 4, 4), strict=True))  # of the search at random: anywhere, then near
KEPT = dict(zip(LAYERS, (1.0, 0.8, 0.7, 0.6, 0.1), strict=True))  # of a place's own map where it has structure
STEEP, LEAST = 300.0, 0.05  # where it has: a sigmoid of the squared length of its map, relative to the greatest
NEAR = 2  # pixels: so near to a place its match's match leads back
POINTS = 12


@dataclass(frozen=True, slots=True)
class Settings:
    """first, second: files, or samples (flower, china); no second: the first, bent and in other colours. size: pixels of the longer
    side. structure: added to how much of a place's own structure is kept. rounds: of PatchMatch in each layer; steps: of descent on
    the maps of each. judge: the net, `edges`, `vgg16`, the one that is there, or one `drawn` by chance, in `judge_width` times its
    channels.
    """

    first: str = "china"
    second: str = ""
    size: Annotated[int, Setting(ge=SMALLEST, le=1024)] = 256
    structure: Annotated[float, Setting(ge=-1, le=1)] = 0.0
    rounds: Whole = 5
    steps: Whole = 20
    learning_rate: Positive = 0.03
    judge: Judge = "auto"
    judge_width: Positive = 1.0


Two = tuple[Tensor, Tensor]
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Given:
    """A and B′, (3, height, width) from 0 to 1. truth: where each pixel of B′ is in A, y and x in pixels, (2, height, width), if that
    is known."""

    first: Tensor
    second: Tensor
    truth: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """What one layer came to. size: of its maps of A; forth, back: the places of A in B′ and of B′ in A, in pixels; distances:
    squared, of a place of matched patches, the mean after each round; error: of the maps that led to it, 0 in the first."""

    layer: str
    size: Size
    forth: Tensor
    back: Tensor
    distances: Sequence[float]
    error: float

    @property
    def led_back(self) -> float:
        """The share of A's pixels."""
        return float((led_back(self.forth, self.back) <= NEAR).float().mean())


def run(context: Context, settings: Settings) -> Outcome:
    given = images_of(settings)
    files = {"first": settings.first} | ({"second": settings.second} if settings.second else {})
    context.facts["images"] = {name: identity(file) for name, file in files.items()}
    judge = perceptual_net(settings.judge, context.generator("judge"), settings.judge_width).to(context.device)
    with torch.no_grad():
        one, other = (judge(image[None].to(context.device), LAYERS) for image in (given.first, given.second))
    stages = analogy(context, judge, given, {layer: (one[layer][0], other[layer][0]) for layer in LAYERS}, settings)
    return outcome(judge, given, stages)


# ------------------------------------------------------------------------------------------------------------- the images
def images_of(settings: Settings) -> Given:
    first = picture(settings.first, settings.size)[0]
    if settings.second:
        return Given(first, picture(settings.second, settings.size)[0])
    truth = bent(first.shape[1], first.shape[2])
    return Given(first, taken_at(first, truth).roll(1, 0), truth)  # red becomes green, green blue, blue red


def bent(height: int, width: int) -> Tensor:
    """(2, height, width): a place for each pixel, at most a tenth of the shorter side away; those of the border are their own."""
    rows, columns = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    hill = 0.1 * min(height, width) * torch.sin(torch.pi * rows) * torch.sin(torch.pi * columns)
    down, across = hill * torch.sin(2 * torch.pi * columns), hill * torch.cos(2 * torch.pi * rows)
    return torch.stack([rows * (height - 1) + down, columns * (width - 1) + across])


def taken_at(image: Tensor, places: Tensor) -> Tensor:
    """The image's colours at places between its pixels, bilinearly."""
    height, width = image.shape[1:]
    unit = torch.stack([places[1] / (width - 1), places[0] / (height - 1)], -1) * 2 - 1
    return F.grid_sample(image[None], unit[None], padding_mode="border", align_corners=True)[0]


# -------------------------------------------------------------------------------------------------------- coarse to fine
def analogy(
    context: Context, judge: PerceptualNet, given: Given, own: Mapping[str, Two], settings: Settings
) -> list[Stage]:
    """own: the maps of A and of B′, by layer. twins: those of A′ and of B, which at the top are taken for the same."""
    sizes = {layer: (size_of(a), size_of(b_new)) for layer, (a, b_new) in own.items()}
    places = start(context, sizes[LAYERS[0]])
    twins, error, stages = own[LAYERS[0]], 0.0, list[Stage]()
    for layer, after in zip(LAYERS, (*LAYERS[1:], None), strict=True):
        (a, b_new), (a_new, b) = own[layer], twins
        places, distances = matched(context, layer, ((a, a_new), (b, b_new)), places, settings.rounds)
        pixels = to_pixels(places, [sizes[later] for later in LAYERS[len(stages) + 1 :]])
        stages.append(Stage(layer, sizes[layer][0], *pixels, distances, error))
        context.show(so_far(given, stages), f"Found so far: the matches of {layer}.")
        if after is not None:
            wanted = at(b_new, places[0]), at(a, places[1])
            places = both_finer(places, sizes[after])
            starts = at(own[after][1], places[0]), at(own[after][0], places[1])
            twins, error = rebuilt(context, judge, (after, layer), wanted, starts, settings)
            twins = mixed(own[after], twins, KEPT[after] + settings.structure)
    return stages


def size_of(maps: Tensor) -> Size:
    return maps.shape[1], maps.shape[2]


def at(maps: Tensor, places: Tensor) -> Tensor:
    return maps[:, places[0], places[1]]


def start(context: Context, sizes: tuple[Size, Size]) -> Two:
    draws = context.generator("matches")
    (one, other), device = sizes, context.device
    forth, back = drawn_field(one, other, draws), drawn_field(other, one, draws)
    return forth.to(device), back.to(device)


def both_finer(places: Two, sizes: tuple[Size, Size]) -> Two:
    return finer(places[0], *sizes), finer(places[1], *reversed(sizes))


def to_pixels(places: Two, sizes: Sequence[tuple[Size, Size]]) -> Two:
    """Matches between pixels, on the CPU. sizes: of the maps that are finer, down to the images."""
    for larger in sizes:
        places = both_finer(places, larger)
    return places[0].cpu(), places[1].cpu()


def mixed(own: Two, others: Two, share: float) -> Two:
    first, second = (mixture(*pair, share) for pair in zip(own, others, strict=True))
    return first, second


def mixture(own: Tensor, other: Tensor, share: float) -> Tensor:
    """At each place its own map, as far as it has structure and at most to that share, and the other for the rest."""
    length = own.square().sum(0)
    structure = torch.sigmoid(STEEP * (length / length.max().clamp(min=1e-12) - LEAST))
    weight = min(1.0, max(0.0, share)) * structure
    return own * weight + other * (1 - weight)


# --------------------------------------------------------------------------------------------------------------- matching
class Matching:
    """An update: a round of PatchMatch from one image to the other, and one back. places: where they begin."""

    optimizers: Iterable[Optimizer] = ()

    def __init__(self, searches: tuple[Search, Search], places: Two, radius: int) -> None:
        self.networks: Mapping[str, nn.Module] = {}
        self.searches, self.radius = searches, radius
        self.fields = [search.field(begin) for search, begin in zip(searches, places, strict=True)]

    @property
    def places(self) -> Two:
        return self.fields[0].places, self.fields[1].places

    def __call__(self, batch: Batch) -> dict[str, Tensor]:  # noqa: ARG002 - there is one
        pairs = zip(self.searches, self.fields, strict=True)
        self.fields = [round_of(search, field, self.radius) for search, field in pairs]
        means = torch.stack([field.distances.mean() for field in self.fields])
        return {"loss": means.mean() / self.searches[0].one.patch}

    def state_dict(self) -> dict[str, Any]:
        return {"fields": [[field.places, field.distances] for field in self.fields]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        device = self.fields[0].places.device
        self.fields = [Field(places.to(device), distances.to(device)) for places, distances in state["fields"]]


def matched(
    context: Context, layer: str, maps: tuple[Two, Two], places: Two, rounds: int
) -> tuple[Two, Sequence[float]]:
    """Better places, and the mean distance of matched patches after each round, of a place. maps: of A and A′, and of B and B′."""
    one, other = (patch_rows(directions(*two), REACH[layer]) for two in maps)
    radius = min(RADIUS[layer], max(one.height, one.width, other.height, other.width))
    matching = Matching((Search(one, other), Search(other, one)), places, radius)
    trained = context.train(matching, nothing_but_steps(), Plan(rounds), name=f"matches of {layer}")
    return matching.places, trained.history["loss"]


def directions(*maps: Tensor) -> Tensor:
    """Maps (channels, height, width), of length 1 at each place, one upon the other."""
    return torch.cat([F.normalize(one, dim=0) for one in maps])


def nothing_but_steps() -> Again:
    return Again(torch.zeros(1), torch.zeros(1))


# ------------------------------------------------------------------------------------------------------------ rebuilding
class Finer(nn.Module):
    """Maps of A′ and of B that are looked for, as parts of what they were: (1, channels, height, width) each."""

    def __init__(self, starts: Sequence[Tensor]) -> None:
        super().__init__()
        self.maps = nn.ParameterList([nn.Parameter(maps[None].clone()) for maps in starts])

    def forward(self, number: int) -> Tensor:
        found: Tensor = self.maps[number]
        return found


def rebuilt(
    context: Context, judge: PerceptualNet, layers: tuple[str, str], wanted: Two, starts: Two, settings: Settings
) -> tuple[Two, float]:
    """Maps of the first of two layers, near where they start, in which the second sees what is wanted; and the relative squared error
    that is left."""
    scales = [maps.square().mean().sqrt().clamp(min=1e-6) for maps in starts]
    net = Finer([maps / scale for maps, scale in zip(starts, scales, strict=True)])

    def cost(_: Batch) -> dict[str, Tensor]:
        seen = [judge.onward(net(number) * scale, *layers) for number, scale in enumerate(scales)]
        pairs = zip(seen, wanted, strict=True)
        return {"loss": torch.stack([relative(found, asked.expand_as(found)) for found, asked in pairs]).mean()}

    trained = context.train(
        Descent(net, cost, optimizer("adam", net, settings.learning_rate)),
        nothing_but_steps(),
        Plan(settings.steps, schedule("cosine")),
        name=f"maps of {layers[0]}",
    )
    first, second = (net(number).detach()[0].relu() * scale for number, scale in enumerate(scales))
    return (first, second), trained.history["loss"][-1]


# ----------------------------------------------------------------------------------------------------------------- judged
def outcome(judge: PerceptualNet, given: Given, stages: Sequence[Stage]) -> Outcome:
    last = stages[-1]
    made = made_of(given, last)
    forth, back = (
        likenesses(judge, given.first, made[0], given.second),
        likenesses(judge, given.second, made[1], given.first),
    )
    scores, baseline = {**forth[1], "share of matches that lead back": last.led_back}, dict(forth[0])
    truth = ""
    if given.truth is not None:
        name, unmoved = "pixels from the true match", grid(*size_of(given.second))
        scores[name], baseline[name] = (distance(given, places) for places in (last.back, unmoved))
        truth = (
            f" Where B′ has structure, half of its matches are at most {scores[name]:.2f} pixels from the true ones; half of the "
            f"same places in both, {baseline[name]:.2f}."
        )
    return Outcome(
        scores=scores,
        baseline=baseline,
        against="A as it was",
        exhibits=[*exhibits(given, made, stages), likeness_table(forth, back), *alone(made)],
        conclusion=f"The squared error of the look, relative to that of B′, is {scores['look error']:.3f} in A′; in A it was "
        f"{baseline['look error']:.3f}. That of what is seen where, relative to A, is {scores['structure error']:.3f}. From "
        f"{percent(last.led_back, 0)} of A's pixels the match of the match leads back, to at most {NEAR} pixels away.{truth}",
    )


def made_of(given: Given, stage: Stage) -> Two:
    """A′ and B: at each pixel the mean of what the patches around it were matched with."""
    reach = REACH[LAYERS[-1]]
    return voted(stage.forth, given.second, reach), voted(stage.back, given.first, reach)


def distance(given: Given, places: Tensor) -> float:
    """From the true matches of B′, in pixels: the median where there is something to see."""
    assert given.truth is not None
    return float(torch.hypot(*(places - given.truth))[structured(given.second)].median())


def structured(image: Tensor) -> Tensor:
    """bool (height, width): the half of all places around which brightness varies most; in a sky a match may be anywhere."""
    bright = image.mean(0)[None, None].double()
    mean, square = (around(values) for values in (bright, bright.square()))
    variance = square - mean.square()
    return variance >= variance.median()


def around(values: Tensor) -> Tensor:
    """The mean of 9 × 9 places, of those that there are."""
    return F.avg_pool2d(values, 9, 1, 4, count_include_pad=False)[0, 0]


def likenesses(judge: PerceptualNet, kept: Tensor, made: Tensor, look: Tensor) -> list[dict[str, float]]:
    """Of the image whose structure is kept, of what was made, and of the one whose look is taken: how far from both."""
    scaled = F.interpolate(look[None], size_of(kept), mode="bilinear", antialias=True)[0]
    return [likeness(judge, image, look, kept) for image in (kept, made, scaled)]


@torch.no_grad()
def likeness(judge: PerceptualNet, image: Tensor, look: Tensor, kept: Tensor) -> dict[str, float]:
    """Relative squared errors: of Gram matrices, the mean over five layers, and of the maps of CONTENT_LAYER."""
    seen, wanted, there = (judge(one[None].to(judge.mean.device)) for one in (image, look, kept))
    looks = [float(relative(gram(seen[layer]), gram(wanted[layer]))) for layer in LAYERS]
    apart = float(relative(seen[CONTENT_LAYER], there[CONTENT_LAYER]))
    return {"look error": sum(looks) / len(looks), "structure error": apart}


# --------------------------------------------------------------------------------------------------------------- exhibits
def exhibits(given: Given, made: Two, stages: Sequence[Stage]) -> list[Exhibit]:
    return [
        four(given, made),
        *correspondence(given, stages),
        Film(
            "From coarse to fine",
            f"A′ by the matches of {', '.join(s.layer for s in stages)}.",
            film(given, stages),
            0.8,
        ),
        by_epoch(
            "Rounds",
            "How far matched patches are apart after each round of PatchMatch: the mean of squared distances of a place, 0 to 4.",
            {stage.layer: stage.distances for stage in stages},
            x_label="round",
            y_label="squared distance",
            log_y=False,
        ),
        layer_table(stages),
    ]


def so_far(given: Given, stages: Sequence[Stage]) -> list[Exhibit]:
    return [four(given, made_of(given, stages[-1])), *correspondence(given, stages), layer_table(stages)]


def four(given: Given, made: Two) -> Images:
    images = [as_bytes(image) for image in (given.first, made[0], made[1], given.second)]
    return Images("The analogy", "Above A and A′, below B and B′. A and B′ were given.", padded(images), columns=2)


def alone(made: Two) -> list[Exhibit]:
    titles = {"A′": "What is on A as it looks on B′.", "B": "What is on B′ as it looks on A."}
    pairs = zip(titles.items(), made, strict=True)
    return [Images(title, caption, as_bytes(image)[None]) for (title, caption), image in pairs]


def correspondence(given: Given, stages: Sequence[Stage]) -> list[Exhibit]:
    last, other = stages[-1], size_of(given.second)
    longest = float(torch.hypot(*(last.forth - grid(*size_of(given.first))).double()).quantile(0.95))
    points = spread_points(led_back(last.forth, last.back) <= NEAR, POINTS)
    matches = [(int(last.forth[0, y, x]), int(last.forth[1, y, x])) for y, x in points]
    pictures: list[Exhibit] = [
        Images(
            "Where each place was found",
            "To the right each place of B′ in a colour of its own; to the left each place of A in that of its match.",
            padded([by_place(given.first, other, last.forth), by_place(given.second, other)]),
            columns=2,
        ),
        Images(
            "The way to the match, layer by layer",
            f"From A to B′. The hue is the direction: red to the right, yellow-green down, cyan to the left, violet up; white is the "
            f"same place, full colour {longest:.0f} pixels away or more. First {stages[0].layer}, last {last.layer}.",
            torch.stack([by_way(stage.forth, longest) for stage in stages]),
            columns=3,
        ),
    ]
    if points:
        pair = padded([with_points(given.first, points), with_points(given.second, matches)])
        pictures.append(
            Images("Pairs", "Places of A and their matches in B′, from which the match leads back.", pair, columns=2)
        )
    return pictures


def film(given: Given, stages: Sequence[Stage]) -> Tensor:
    return torch.stack([as_bytes(made_of(given, stage)[0]) for stage in stages])


def layer_table(stages: Sequence[Stage]) -> Table:
    return Table(
        "Layer by layer",
        "The size of A's maps; of matched patches the squared distance of a place after the last round; the share of A's pixels that "
        "the match of their match leads back to; the relative squared error that was left in the maps rebuilt for the layer.",
        ["layer", "size", "distance", "leads back", "error of maps"],
        [[one.layer, f"{one.size[1]}×{one.size[0]}", one.distances[-1], one.led_back, one.error] for one in stages],
        shares=["leads back"],
    )


def likeness_table(forth: Sequence[Mapping[str, float]], back: Sequence[Mapping[str, float]]) -> Table:
    named = [
        *zip(("A", "A′", "B′"), forth, strict=True),
        *zip(("B′, beside A", "B", "A, beside B′"), back, strict=True),
    ]
    return Table(
        "Between the two",
        "Relative squared errors: of the look, which units are active together, and of the structure, which are active where. A′ is "
        "to have the look of B′ and the structure of A; B the look of A and the structure of B′.",
        ["image", "look", "structure"],
        [[name, one["look error"], one["structure error"]] for name, one in named],
    )


RECIPE = Recipe(Settings, Settings(size=48, rounds=2, steps=4, judge="drawn", judge_width=0.125), run)
