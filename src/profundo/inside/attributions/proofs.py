"""How far an explanation can be believed. Three questions, each with a number beside what chance would give.

    randomised       Does the map change when what was learned is gone? Weights are drawn anew layer by layer, from the output
                     down (Adebayo et al. 2018). A map that stays shows the input, not what the net learned.
    removal_curves   Does the answer fall fast when what the map marks most is taken away first, and rise fast when it comes
                     first (Petsiuk, Das & Saenko 2018)? Beside the same in random order.
    share_within     Of a net that is known to look at a place, does the map mark that place?

That integrated gradients add up is told with each map: `Explanation.gap`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.inside.attributions.explaining import Baseline, baselines, explain
from profundo.inside.attributions.question import Of, asking, one
from profundo.inside.observing import copied, observed, undisturbed
from profundo.languages import Said
from profundo.ranks_and_places import evenly, ranks
from profundo.records import ProfundoError

__all__ = ["Randomised", "RemovalCurves", "randomised", "removal_curves", "share_within"]

INSENSITIVE = 0.5  # a map more like its first form than this, by rank, with no weight left of training, shows the input
FRACTIONS, MOST_SAMPLES = 21, 256


# ----------------------------------------------------------------------------------------------------- sanity checks
@dataclass(frozen=True, slots=True)
class Randomised:
    """layers: from the output down, each drawn anew with all above it. alike: by layer, the mean over the batch of Spearman's rank
    correlation of the sizes |map| with those of the trained net's map; ssim: the mean structural similarity of the same, of maps
    with two axes of places."""

    layers: tuple[str, ...]
    alike: tuple[float, ...]
    ssim: tuple[float, ...] | None

    @property
    def changes(self) -> bool:
        """Whether the map of a net without any learned weight is another."""
        return abs(self.alike[-1]) < INSENSITIVE


def randomised(
    net: nn.Module,
    inputs: Any,
    method: str = "integrated_gradients",
    *,
    of: Of = None,
    stages: int | None = None,
    seed: int = 0,
    **options: Any,
) -> Randomised:
    """The maps of nets whose layers forget, from the output down: see `forget`. of: as in `explain`; what is explained stays the
    trained net's choice. stages: so many maps at most, several layers forgetting at once; the first is the output layer alone."""
    usual = explain(net, inputs, method, of=of, **options)
    if of is None:
        of = usual.of
    other = copied(net, "for the copy is to forget what it learned")
    weighted = {name or type(one).__name__: one for name, one in other.named_modules() if own(one)}
    if not weighted:
        raise ProfundoError(
            "randomised: expected a net with layers that have weights, it has none", told=Said("refusals.no_layers")
        )
    with undisturbed(other), torch.no_grad():
        calls = observed(other, inputs)[1]
    names = [name for name in list(dict.fromkeys(name.partition("#")[0] for name in calls))[::-1] if name in weighted]
    names = names or list(weighted)[::-1]
    before, alike, images = usual.by_place.abs(), [], []
    if stages is not None and stages < 1:
        raise ProfundoError(f"stages: expected one at least, got {stages}")
    few = stages or len(names)
    stops = [len(names)] if few == 1 else [1 + at for at in evenly(len(names), few)]
    for begin, end in pairwise([0, *stops]):
        # whose weights others read, or that only call others
        uncalled = set(weighted) - set(names) if end == len(names) else ()
        for name in [*names[begin:end], *sorted(uncalled)]:
            forget(weighted[name], seed + list(weighted).index(name))
        after = explain(other, inputs, method, of=of, **options).by_place.abs()
        alike.append(float(rank_correlation(before.flatten(1), after.flatten(1)).mean()))
        if before.ndim == 3:
            images.append(float(structural_similarity(before, after).mean()))
    return Randomised(tuple(names[end - 1] for end in stops), tuple(alike), tuple(images) or None)


def own(module: nn.Module) -> bool:
    """Whether it holds something learned: weights, or running statistics."""
    has_weights = next(module.parameters(recurse=False), None) is not None
    return has_weights or getattr(module, "running_mean", None) is not None


@torch.no_grad()
def forget(module: nn.Module, seed: int) -> None:
    """Begin anew as the module itself does, statistics too; what that leaves as it was is drawn from N(0, 1 / fan-in), with a
    fan-in of 1 for what scales or shifts single values."""
    weights = [one for one in module.parameters(recurse=False) if one.is_floating_point()]
    learned = [one.clone() for one in weights]
    devices = {one.device.index for one in weights if one.device.type == "cuda"}
    with torch.random.fork_rng(sorted(devices)):
        torch.default_generator.manual_seed(seed)
        for device in devices:
            torch.cuda.default_generators[device].manual_seed(seed)
        with suppress(Exception):  # there is none, or it is of one's own and needs what we have not
            module.reset_parameters()  # type: ignore[operator]
        for one, before in zip(weights, learned, strict=True):
            if torch.equal(one, before):
                fan_in = one[0].numel() if one.ndim > 1 else 1
                one.copy_(torch.randn(one.shape) / fan_in**0.5)


def rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Spearman's, of rows (batch, values): (batch,), 0 where all values of a row are equal."""
    x, y = (torch.from_numpy(np.stack([ranks(row) for row in one.cpu().numpy()])) for one in (a, b))
    x, y = (one - one.mean(1, keepdim=True) for one in (x, y))
    both = (x.square().sum(1) * y.square().sum(1)).sqrt()
    return torch.where(both > 0, (x * y).sum(1) / both.clamp_min(1e-12), 0)


def structural_similarity(a: Tensor, b: Tensor, window: int = 7) -> Tensor:
    """(batch,) the mean SSIM of images (batch, height, width), each scaled to a largest value of 1 (Wang et al. 2004)."""
    a, b = (one.double()[:, None] / one.double().amax((1, 2), keepdim=True)[:, None].clamp_min(1e-30) for one in (a, b))
    side = min(window, *a.shape[2:])
    unbiased = side**2 / max(1, side**2 - 1)

    def mean(values: Tensor) -> Tensor:
        means: Tensor = F.avg_pool2d(values, side, 1)
        return means

    x, y = mean(a), mean(b)
    xx, yy, xy = (unbiased * (mean(p * q) - m) for p, q, m in ((a, a, x * x), (b, b, y * y), (a, b, x * y)))
    c1, c2 = 0.01**2, 0.03**2
    ssim = (2 * x * y + c1) * (2 * xy + c2) / ((x * x + y * y + c1) * (xx + yy + c2))
    means: Tensor = ssim.flatten(1).mean(1)
    return means


# ------------------------------------------------------------------------------------------- deletion and insertion
@dataclass(frozen=True, slots=True)
class RemovalCurves:
    """Means over a batch, by fraction of the places that are replaced by the baseline (deletion), or brought back to it (insertion).

    random_…: the mean over random orders. what: "probability" of the output that is explained, or "share" of the change of the answer
    from the baseline to the input.
    """

    what: str
    fractions: tuple[float, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    random_deletion: tuple[float, ...]
    random_insertion: tuple[float, ...]

    @property
    def areas(self) -> dict[str, float]:
        """Under each curve, by trapezoids: of deletion the smaller the better, of insertion the larger."""
        names = ("deletion", "random_deletion", "insertion", "random_insertion")
        return {name: area(getattr(self, name)) for name in names}


def area(curve: tuple[float, ...]) -> float:
    return (sum(curve) - (curve[0] + curve[-1]) / 2) / (len(curve) - 1)


def removal_curves(
    net: nn.Module,
    inputs: Any,
    by_place: Tensor,
    *,
    of: Of = None,
    baseline: Baseline = 0.0,
    at: str | None = None,
    part: int | str | None = None,
    places: Any = None,
    orders: int = 5,
    seed: int = 0,
    beside: RemovalCurves | None = None,
    classes: bool = True,
) -> RemovalCurves:
    """by_place: (batch, *places), of `Explanation.by_place`; the largest goes, or comes, first, and of an answer below the
    baseline's, whose share of the change is followed, the smallest. beside: curves of the same question,
    whose random orders are taken over. classes: several outputs are logits, whose softmax is followed. The rest as in `explain`."""
    draw = torch.Generator().manual_seed(seed)
    with undisturbed(net), torch.inference_mode(False), torch.no_grad():
        question = asking(net, inputs, of, at=at, part=part, places=places)
        batch, sizes = len(question.values), question.sizes
        if batch > MOST_SAMPLES:
            most = f"{MOST_SAMPLES} samples to remove places from"
            raise ProfundoError(f"inputs: expected at most {most}, got {batch}; give fewer")
        if (shape := tuple(by_place.shape)) != (batch, *sizes):
            raise ProfundoError(f"map: expected {(batch, *sizes)}, one value for each place, got {shape}")
        away, many = one(baselines(question, baseline)), by_place[0].numel()
        counts = (torch.linspace(0, 1, min(FRACTIONS, many + 1), dtype=torch.float64) * many).round().long()
        is_probability = classes and question.probability(question.values) is not None
        edges = [question.answer(one) for one in (question.values, away.expand_as(question.values).contiguous())]

        change = edges[0] - edges[1]
        change = change.where(change != 0, 1)

        def figure(values: Tensor) -> Tensor:
            if is_probability:
                return question.probability(values)  # type: ignore[return-value]
            copies = len(values) // batch
            return (question.answer(values) - edges[1].repeat(copies)) / change.repeat(copies)

        def curve(places_in_order: Tensor, inserted: bool) -> Tensor:
            """(fractions,); places_in_order: ranks (batch, places), those of 0 first."""
            means = []
            for some in torch.split(counts.to(places_in_order.device), question.at_once // batch):
                changed = places_in_order < some[:, None, None]  # (fractions, batch, places)
                there = question.spread((changed if inserted else ~changed).view(-1, *sizes))
                there = there.view(len(some), batch, *there.shape[1:])
                shown = torch.where(there, question.values, away).flatten(0, 1)
                means.append(figure(shown).double().view(len(some), batch).mean(1).cpu())
            return torch.cat(means)

        towards = by_place.flatten(1).to(question.values.device)
        if not is_probability:  # an answer below the baseline's is due to what lowers it
            towards = towards * change.sign()[:, None]
        marked = towards.argsort(stable=True, dim=1, descending=True).argsort(1)
        curves = [curve(marked, inserted) for inserted in (False, True)]
        if beside is None:
            random = [torch.rand(batch, many, generator=draw).argsort(1).argsort(1).to(marked) for _ in range(orders)]
            curves += [torch.stack([curve(order, inserted) for order in random]).mean(0) for inserted in (False, True)]
    fractions = tuple((counts / many).tolist())
    lines = [tuple(one.tolist()) for one in curves]
    if beside is not None:
        lines += [beside.random_deletion, beside.random_insertion]
    return RemovalCurves("probability" if is_probability else "share", fractions, *lines)


# ---------------------------------------------------------------------------------------------------------- shortcut
def share_within(by_place: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """(batch,) how much of what a map marks lies within places that are known to decide, of its sizes |map|; and bool (batch,)
    whether its largest value does (Zhang et al. 2016, the pointing game). by_place: (batch, *places); where: bool (*places)."""
    sizes = by_place.abs().flatten(1).double()
    inside = where.flatten().to(sizes.device)
    total = sizes.sum(1)
    share = torch.where(total > 0, sizes[:, inside].sum(1) / total.clamp_min(1e-300), 0)
    return share, inside[by_place.flatten(1).argmax(1)]
