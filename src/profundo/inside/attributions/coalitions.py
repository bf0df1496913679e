"""Attributions by taking parts of the input away, which asks nothing of the net but its answers.

    occlusion    how much f falls where a window is covered, a mean over the windows that cover a place  (Zeiler & Fergus 2014)
    LIME         a linear model of f around the input, over which parts are there                        (Ribeiro et al. 2016)
    Shapley      φ_i = Σ_S |S|! (P − |S| − 1)! / P! · (f(S ∪ i) − f(S)), over all sets S of parts without i   (Shapley 1953)
    Kernel SHAP  the same by weighted least squares over some of the sets                                (Lundberg & Lee 2017)

A part that is away has the values of the baseline; of several baselines, f(S) is the mean. The parts are superpixels of an image,
the features of a row, the words of a text, runs of steps of a sound or a series.
"""

from __future__ import annotations

import math
from itertools import product

import torch
from torch import Tensor

from profundo.inside.attributions.question import Question, one
from profundo.records import ProfundoError

__all__ = ["kernel_shap", "lime", "occlusion", "parts_of", "shapley", "superpixels"]

MOST_PARTS = 16  # whose 2^P sets are all tried
IMAGE_PARTS, RUNS = 49, 32
COMPACT = 1.0  # how much nearness counts in a superpixel against likeness of colour
ROUNDS = 8


# ------------------------------------------------------------------------------------------------------------- windows
def occlusion(
    question: Question, *, baseline: Tensor, window: int | None = None, stride: int | None = None
) -> tuple[Tensor, dict[str, float]]:
    """window: the side of what is covered, by default 1 of rows and texts and a seventh of the smallest side of all others;
    stride: by default half of it."""
    covered = windows(question, window, stride)
    shown = torch.where(question.spread(covered), one(baseline), question.values)
    falls = question.in_parts(question.answer, question.values) - question.in_parts(question.answer, shown)
    weights = covered.to(falls.dtype)
    map_ = torch.einsum("n,n...->...", falls, weights) / weights.sum(0)
    return question.spread(map_[None]), {"windows": len(covered)}


def windows(question: Question, window: int | None, stride: int | None) -> Tensor:
    """bool (windows, *places), each place in one at least."""
    sizes = question.sizes
    side = window or (max(1, round(min(sizes) / 7)) if len(sizes) > 1 or min(sizes) > RUNS else 1)
    step = stride or max(1, side // 2)
    if not (1 <= side <= min(sizes) and 1 <= step <= side):
        raise ProfundoError(
            f"occlusion: expected a window from 1 to {min(sizes)} and a stride from 1 to the window, got {side} and {step}"
        )
    starts = [sorted({*range(0, size - side + 1, step), size - side}) for size in sizes]
    result = torch.zeros(math.prod(map(len, starts)), *sizes, dtype=torch.bool, device=question.values.device)
    for covered, corner in zip(result, product(*starts), strict=True):
        covered[tuple(slice(begin, begin + side) for begin in corner)] = True
    return result


# --------------------------------------------------------------------------------------------------------------- parts
def parts_of(question: Question, parts: Tensor | int | None) -> Tensor:
    """int64 (*places), of each place which part it is of, numbers from 0. parts: as many, or the parts themselves."""
    sizes, device = question.sizes, question.values.device
    if isinstance(parts, Tensor):
        if tuple(parts.shape) != sizes or parts.is_floating_point():
            raise ProfundoError(
                f"parts: expected whole numbers of shape {sizes}, got {parts.dtype} {tuple(parts.shape)}"
            )
        return numbered(parts.to(device))
    if parts is not None and parts < 1:
        raise ProfundoError(f"parts: expected one at least, got {parts}")
    if len(sizes) == 1:
        each = question.values.ndim == 2 or question.places != (question.values.ndim - 1,)  # features, or words
        many = min(sizes[0], parts or (sizes[0] if each else RUNS))
        return torch.arange(sizes[0], device=device) * many // sizes[0]
    if len(sizes) != 2:
        raise ProfundoError(
            f"parts: expected a tensor {sizes} that says of each place which part it is of, for lack of a default"
        )
    return superpixels(question.values[0], parts or IMAGE_PARTS)


def superpixels(image: Tensor, many: int) -> Tensor:
    """int64 (height, width): pixels that lie together and look alike, about so many groups (after Achanta et al. 2012).
    image: (channels, height, width)."""
    height, width = image.shape[-2:]
    side = math.sqrt(height * width / many)
    rows, columns = (torch.arange(size, device=image.device, dtype=torch.float32) for size in (height, width))
    where = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), 2).flatten(0, 1) / side
    looks = image.float().flatten(1).T / image.float().std(correction=0).clamp_min(1e-6)
    pixels = torch.cat([COMPACT * where, looks], 1)
    centres = [
        (torch.arange(max(1, round(size / side))) + 0.5) * size / max(1, round(size / side)) for size in (height, width)
    ]
    first = [min(int(y), height - 1) * width + min(int(x), width - 1) for y in centres[0] for x in centres[1]]
    means = pixels[first]
    for _ in range(ROUNDS):
        labels = torch.cdist(pixels, means).argmin(1)
        counts = torch.bincount(labels, minlength=len(means)).clamp_min(1)[:, None]
        means = torch.zeros_like(means).index_add_(0, labels, pixels) / counts
    return numbered(labels).view(height, width)


def numbered(labels: Tensor) -> Tensor:
    """The same parts, numbered from 0 without a gap."""
    numbers: Tensor = torch.unique(labels, return_inverse=True)[1]
    return numbers


def answers_with(question: Question, parts: Tensor, baseline: Tensor, there: Tensor) -> Tensor:
    """f, float64 (sets,), with the parts that are there: bool (sets, parts). A mean over baselines (many, …)."""

    def answers(some: Tensor) -> Tensor:
        shown = question.spread(some[:, parts])[:, None]
        rows = torch.where(shown, question.values, baseline).flatten(0, 1)
        return question.answer(rows).double().view(len(some), len(baseline)).mean(1)

    return question.in_parts(answers, there, each=len(baseline))


def over_places(question: Question, parts: Tensor, values: Tensor) -> Tensor:
    """Each part's value (parts,), divided evenly among its places, so that the map adds up to what the parts do."""
    shares = values / torch.bincount(parts.flatten(), minlength=len(values))
    return question.spread(shares[parts][None]).to(torch.float32)


# ------------------------------------------------------------------------------------------------------------- Shapley
def shapley(
    question: Question, *, baseline: Tensor, parts: Tensor | int | None = None
) -> tuple[Tensor, dict[str, float]]:
    """Exact, over all sets of at most 16 parts."""
    own = parts_of(question, parts)
    many = int(own.max()) + 1
    if many > MOST_PARTS:
        raise ProfundoError(
            f"shapley: expected at most {MOST_PARTS} parts, got {many}; use method='kernel_shap', or parts=8"
        )
    return over_places(question, own, exactly(question, own, baseline, many)), {"parts": many}


def exactly(question: Question, parts: Tensor, baseline: Tensor, many: int) -> Tensor:
    sets = torch.arange(2**many, device=question.values.device)
    there = (sets[:, None] >> torch.arange(many, device=sets.device)) & 1 == 1
    answers, sizes = answers_with(question, parts, baseline, there), there.sum(1)
    weights = [1 / (many * math.comb(many - 1, size)) for size in range(many)]
    weight = torch.tensor(weights, dtype=torch.float64, device=sets.device)
    values = []
    for part in range(many):
        without = sets[~there[:, part]]
        values.append((weight[sizes[without]] * (answers[without + 2**part] - answers[without])).sum())
    return torch.stack(values)


def kernel_shap(
    question: Question,
    *,
    baseline: Tensor,
    parts: Tensor | int | None = None,
    samples: int | None = None,
    seed: int = 0,
) -> tuple[Tensor, dict[str, float]]:
    """samples: sets that are tried, by default 2,048 and two a part. Where that is all there are the values are exact; else the
    sampling error of a part is told, by halves of the sets."""
    own = parts_of(question, parts)
    many = int(own.max()) + 1
    samples = samples or 2048 + 2 * many
    if 2**many <= min(samples, 2**MOST_PARTS):
        return over_places(question, own, exactly(question, own, baseline, many)), {"parts": many}
    if samples < 4 * many:
        raise ProfundoError(f"kernel_shap: expected at least {4 * many} samples of {many} parts, got {samples}")
    there = sampled_sets(many, samples // 2, seed).to(question.values.device)
    ends = torch.tensor([[False], [True]], device=there.device).expand(2, many)
    answers = answers_with(question, own, baseline, torch.cat([ends, there]))
    nothing, everything = answers[0], answers[1]
    estimates = [
        least_squares(some, of, nothing, everything) for some, of in ((there, answers[2:]), *halves(there, answers[2:]))
    ]
    error = (estimates[1] - estimates[2]).abs().mean() / 2
    return over_places(question, own, estimates[0]), {"parts": many, "sampling error": float(error)}


def sampled_sets(many: int, pairs: int, seed: int) -> Tensor:
    """bool (2 pairs, parts): sets whose size k is as likely as the kernel has it, (P − 1) / (k (P − k)), each followed by its
    complement."""
    draw = torch.Generator().manual_seed(seed)
    sizes = torch.arange(1, many, dtype=torch.float64)
    drawn = 1 + torch.multinomial((many - 1) / (sizes * (many - sizes)), pairs, replacement=True, generator=draw)
    ranks = torch.rand(pairs, many, generator=draw).argsort(1).argsort(1)
    there = ranks < drawn[:, None]
    return torch.stack([there, ~there], 1).flatten(0, 1)


def halves(there: Tensor, answers: Tensor) -> list[tuple[Tensor, Tensor]]:
    middle = len(there) // 4 * 2  # a set and its complement stay together
    return [(there[:middle], answers[:middle]), (there[middle:], answers[middle:])]


def least_squares(there: Tensor, answers: Tensor, nothing: Tensor, everything: Tensor) -> Tensor:
    """φ of least Σ (f(S) − f(∅) − Σ_S φ)² with Σ φ = f(all) − f(∅): the last is what the others leave."""
    z, change = there.double(), everything - nothing
    left = z[:, :-1] - z[:, -1:]
    others = torch.linalg.lstsq(left, (answers - nothing - z[:, -1] * change)[:, None]).solution[:, 0]
    return torch.cat([others, (change - others.sum())[None]])


# ---------------------------------------------------------------------------------------------------------------- LIME
def lime(
    question: Question,
    *,
    baseline: Tensor,
    parts: Tensor | int | None = None,
    samples: int = 1000,
    width: float = 0.25,
    ridge: float = 1.0,
    seed: int = 0,
) -> tuple[Tensor, dict[str, float]]:
    """Each part is there or not as a coin falls; a set counts exp(−d² / width²), d its cosine distance to the whole. "fit" is how
    much of the variance of f the linear model explains, from 0 to 1: where that is little, so do its weights."""
    own = parts_of(question, parts)
    many = int(own.max()) + 1
    draw = torch.Generator().manual_seed(seed)
    there = torch.rand(samples, many, generator=draw) < 0.5
    there[0] = True
    there = there.to(question.values.device)
    answers, z = answers_with(question, own, baseline, there), there.double()
    distance = 1 - (z.mean(1)).sqrt()
    weights = torch.exp(-(distance / width).square())
    middle, mean = weights @ z / weights.sum(), weights @ answers / weights.sum()
    x, y = (z - middle), answers - mean
    left = x.T * weights @ x + ridge * torch.eye(many, dtype=x.dtype, device=x.device)
    slopes = torch.linalg.solve(left, x.T @ (weights * y))
    rest, whole = weights @ (y - x @ slopes).square(), weights @ y.square()
    fit = float(1 - rest / whole) if whole > 0 else 1.0
    return over_places(question, own, slopes), {"parts": many, "fit": fit}
