"""Attributions by the gradient of the answer f by its input x.

    gradient              ∂f/∂x                                               (Simonyan, Vedaldi & Zisserman 2014)
    gradient × input      (x − x′) ∂f/∂x                                      (Shrikumar et al. 2016)
    SmoothGrad            the mean of ∂f/∂x at x + noise                      (Smilkov et al. 2017)
    integrated gradients  (x − x′) ∫₀¹ ∂f/∂x at x′ + α (x − x′) dα           (Sundararajan, Taly & Yan 2017)
    guided backpropagation  ∂f/∂x, a ReLU passing back only what is positive  (Springenberg et al. 2015)

x′ is the baseline: an input that says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from profundo.inside.attributions.question import Question, one
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = [
    "gradient", "gradient_of", "gradient_times_input", "guided_backpropagation", "integrated_gradients", "smoothgrad",
]  # fmt: skip

NONE = torch.empty(0)
NOISE = 1e-5  # of the answer: what float32 leaves of a difference


def gradient_of(question: Question, values: Tensor) -> Tensor:
    """∂ answer / ∂ values, (rows, …)."""
    if not values.is_floating_point():
        raise ProfundoError(
            "gradient: expected inputs of real numbers, or a net with an nn.Embedding; use method='occlusion'",
            told=Said("refusals.expect_gradient"),
        )
    values = values.detach().requires_grad_()
    answer = question.answer(values)
    slopes = torch.autograd.grad(answer.sum(), values, allow_unused=True)[0] if answer.requires_grad else None
    if slopes is None:
        tables = [name for name, module in question.net.named_modules() if isinstance(module, nn.Embedding)]
        hint = f"at={tables[0]!r}, what its embedding gives, or " if tables else ""
        raise ProfundoError(
            f"gradient: this net's answer has no gradient by its inputs; say {hint}method='occlusion'",
            told=Said("refusals.expect_gradient"),
        )
    return slopes


def gradient(question: Question) -> tuple[Tensor, dict[str, float]]:
    return gradient_of(question, question.values), {}


def gradient_times_input(question: Question, *, baseline: Tensor) -> tuple[Tensor, dict[str, float]]:
    return (question.values - one(baseline)) * gradient_of(question, question.values), {}


def smoothgrad(
    question: Question, *, samples: int = 32, noise: float = 0.15, seed: int = 0
) -> tuple[Tensor, dict[str, float]]:
    """noise: its deviation, in ranges of the input (its largest value less its smallest)."""
    values, draw = question.values, torch.Generator().manual_seed(seed)
    flat = values.flatten(1)
    deviation = (noise * (flat.amax(1) - flat.amin(1))).view(-1, *[1] * (values.ndim - 1))
    total = torch.zeros_like(values)
    for copies in split(samples, question):
        drawn = torch.randn(copies, *values.shape, generator=draw).to(values)
        total += slopes_at(question, values + deviation * drawn).sum(0)
    return total / samples, {}


def integrated_gradients(
    question: Question, *, baseline: Tensor, steps: int = 16, tolerance: float = 0.01, most_steps: int = 1500
) -> tuple[Tensor, dict[str, float]]:
    """The integral by the midpoints of so many equal pieces of the way. What a piece lacks of the change of f between its ends is
    known, and the pieces that lack most are divided by three until the whole lacks little: at most `tolerance` of f(x) − f(x′), or
    of a hundredth of what the map's parts are together where they cancel. most_steps: gradients of a sample."""
    if not 1 <= steps <= most_steps:
        raise ProfundoError(f"integrated_gradients: expected from 1 to {most_steps} steps, got {steps}")
    way, edges = Way(question, one(baseline)), torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    pieces = Pieces(edges[:-1], edges.diff())
    ends = way.answers(edges[[0, -1]])
    total, pieces.along = way.slopes(pieces.middle, pieces.width)
    change, noise, count = ends[1] - ends[0], NOISE * ends.abs().amax(0), steps
    while True:
        map_ = way.reach * total
        size = torch.maximum(change.abs(), 0.01 * map_.flatten(1).abs().sum(1).double().cpu())
        allowed = tolerance * size + noise
        lack = change - (pieces.width[:, None] * pieces.along).sum(0)
        if bool((lack.abs() <= allowed).all()) or count + 3 > most_steps:
            return map_, {"steps": count}
        if count == steps:
            ends = torch.cat([ends[:1], way.answers(edges[1:-1]), ends[1:]])
            pieces.low, pieces.high = ends[:-1], ends[1:]
        gaps = pieces.gaps
        many = min(max(1, len(gaps) // 4), (most_steps - count) // 3)
        chosen = (gaps.abs() / allowed.clamp_min(1e-300)).amax(1).topk(many).indices
        thirds = pieces.thirds(chosen, way)
        signs = torch.tensor([1.0, -2.0, 1.0], dtype=torch.float64)  # the middle of a piece is that of its middle third
        more, thirds.along = way.slopes(thirds.middle, thirds.width * signs.repeat(many))
        total, pieces, count = total + more, pieces.without(chosen).and_(thirds), count + 3 * many


@dataclass(slots=True)
class Pieces:
    """Of the way from the baseline, as shares of it: float64 (pieces,). low, high: f at their ends, along: (x − x′) · ∂f/∂x in the
    middle, (pieces, batch)."""

    left: Tensor
    width: Tensor
    low: Tensor = NONE
    high: Tensor = NONE
    along: Tensor = NONE

    @property
    def middle(self) -> Tensor:
        return self.left + self.width / 2

    @property
    def gaps(self) -> Tensor:
        return self.high - self.low - self.width[:, None] * self.along

    def thirds(self, chosen: Tensor, way: Way) -> Pieces:
        width = self.width[chosen] / 3
        left = self.left[chosen, None] + width[:, None] * torch.arange(3)
        inner = way.answers(left[:, 1:].flatten()).view(len(chosen), 2, -1)
        low, high = self.low[chosen, None], self.high[chosen, None]
        answers = [torch.cat(ends, 1).flatten(0, 1) for ends in ((low, inner), (inner, high))]
        return Pieces(left.flatten(), width.repeat_interleave(3), *answers)

    def without(self, chosen: Tensor) -> Pieces:
        rest = torch.ones(len(self.left), dtype=torch.bool).index_fill(0, chosen, False)
        return Pieces(*(getattr(self, name)[rest] for name in self.__slots__))

    def and_(self, more: Pieces) -> Pieces:
        return Pieces(*(torch.cat([getattr(self, name), getattr(more, name)]) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Way:
    """The straight way from the baseline to the input."""

    question: Question
    baseline: Tensor

    @property
    def reach(self) -> Tensor:
        return self.question.values - self.baseline

    def inputs(self, shares: Tensor) -> Tensor:
        """At shares of the way, (shares · batch, …)."""
        values = self.question.values
        return (self.baseline + shares.to(values).view(-1, *[1] * values.ndim) * self.reach).flatten(0, 1)

    def answers(self, shares: Tensor) -> Tensor:
        """f, float64 (shares, batch)."""
        if not len(shares):
            return torch.empty(0, len(self.question.values), dtype=torch.float64)
        answers = self.question.in_parts(self.question.answer, self.inputs(shares))
        return answers.double().cpu().view(len(shares), -1)

    def slopes(self, shares: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Σ weight · ∂f/∂x, (batch, …), and (x − x′) · ∂f/∂x at each share, float64 (shares, batch)."""
        values, along = self.question.values, []
        total, size = torch.zeros_like(values), self.question.at_once // len(values)
        for some, own in zip(torch.split(shares, size), torch.split(weights, size), strict=True):
            slopes = gradient_of(self.question, self.inputs(some)).view(len(some), *values.shape)
            total += torch.tensordot(own.to(values), slopes, 1)
            along.append((slopes * self.reach).flatten(2).double().sum(2).cpu())
        return total, torch.cat(along)


def slopes_at(question: Question, values: Tensor) -> Tensor:
    """Gradients at several places of each sample, (copies, batch, …)."""
    return gradient_of(question, values.flatten(0, 1)).view_as(values)


def split(copies: int, question: Question) -> list[int]:
    """So many copies of the batch in groups that memory allows."""
    size = question.at_once // len(question.values)
    return [min(size, copies - begin) for begin in range(0, copies, size)]


# ------------------------------------------------------------------------------------------------------------- guided
IN_PLACE = {F.relu_, torch.relu_, Tensor.relu_}
RELUS = {F.relu, torch.relu, Tensor.relu} | IN_PLACE


class GuidedReLU(torch.autograd.Function):
    """max(0, x), whose backward pass lets through only what is positive, where x is."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        context.save_for_backward(values)
        return values.clamp_min(0)

    @staticmethod
    def backward(context: Any, *slopes: Any) -> Tensor:
        (values,) = context.saved_tensors
        guided: Tensor = slopes[0].clamp_min(0) * (values > 0)
        return guided


class Guided(TorchFunctionMode):
    """While it is entered every ReLU is guided, whether it is a module or a function."""

    def __init__(self) -> None:
        super().__init__()
        self.relus = 0

    def __torch_function__(self, function: Any, _types: Any, places: Any = (), names: Any = None) -> Any:
        names = names or {}
        if function not in RELUS:
            return function(*places, **names)
        self.relus += 1
        values = places[0] if places else names["input"]
        if function in IN_PLACE or (function is F.relu and names.get("inplace", places[1:2] == (True,))):
            return values.copy_(GuidedReLU.apply(values.clone()))  # type: ignore[no-untyped-call]
        return GuidedReLU.apply(values)  # type: ignore[no-untyped-call]


def guided_backpropagation(question: Question) -> tuple[Tensor, dict[str, float]]:
    with Guided() as guided:
        slopes = gradient_of(question, question.values)
    if not guided.relus:
        raise ProfundoError(
            "guided_backpropagation: expected a net with ReLUs, it has none; use method='gradient'",
            told=Said("refusals.expect_relus"),
        )
    return slopes, {}
