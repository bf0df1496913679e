"""Attributions by the gradient of the answer f by its input x.

    gradient              ∂f/∂x                                               (Simonyan, Vedaldi & Zisserman 2014)
    gradient × input      (x − x′) ∂f/∂x                                      (Shrikumar et al. 2016)
    SmoothGrad            the mean of ∂f/∂x at x + noise                      (Smilkov et al. 2017)
    integrated gradients  (x − x′) ∫₀¹ ∂f/∂x at x′ + α (x − x′) dα           (Sundararajan, Taly & Yan 2017)
    guided backpropagation  ∂f/∂x, a ReLU passing back only what is positive  (Springenberg et al. 2015)

x′ is the baseline: an input that says nothing.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from profundo.inside.attributions.question import Question, one
from profundo.records import ProfundoError

__all__ = [
    "gradient",
    "gradient_of",
    "gradient_times_input",
    "guided_backpropagation",
    "integrated_gradients",
    "smoothgrad",
]

NOISE = 1e-5  # of the answer: what float32 leaves of a difference


def gradient_of(question: Question, values: Tensor) -> Tensor:
    """∂ answer / ∂ values, (rows, …)."""
    if not values.is_floating_point():
        raise ProfundoError(
            "gradient: expected inputs of real numbers, or a net with an nn.Embedding; use method='occlusion'"
        )
    values = values.detach().requires_grad_()
    answer = question.answer(values)
    if not answer.requires_grad:
        raise ProfundoError("gradient: this net's answer has no gradient by its inputs; use method='occlusion'")
    (slopes,) = torch.autograd.grad(answer.sum(), values, materialize_grads=True)
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
    """The integral by midpoints of so many steps, three times as many until what the map lacks of f(x) − f(x′) is small:
    at most `tolerance` of that change, or of a hundredth of what the map's parts are together where they cancel."""
    values, baseline = question.values, one(baseline)
    with torch.no_grad():
        ends = question.answer(values), question.answer(baseline.expand_as(values).contiguous())
    change, reach = ends[0] - ends[1], values - baseline
    points, total, count = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps, torch.zeros_like(values), 0
    while True:
        for some in torch.split(points, question.at_once // len(values)):
            shares = some.to(values).view(-1, *[1] * values.ndim)
            total += slopes_at(question, baseline + shares * reach).sum(0)
        new, count = 1 / (3 * (count or steps)), count + len(points)
        map_ = reach * (total / count)
        gap = (change - map_.flatten(1).sum(1)).abs()
        size = torch.maximum(change.abs(), 0.01 * map_.flatten(1).abs().sum(1))
        if bool((gap <= tolerance * size + NOISE * ends[0].abs()).all()) or 3 * count > most_steps:
            return map_, {"steps": count}
        middles = (torch.arange(count, dtype=torch.float64) + 0.5) / count
        points = torch.stack([middles - new, middles + new], 1).flatten()


def slopes_at(question: Question, values: Tensor) -> Tensor:
    """Gradients at several places of each sample, (copies, batch, …)."""
    return gradient_of(question, values.flatten(0, 1)).view_as(values)


def split(copies: int, question: Question) -> list[int]:
    """So many copies of the batch in groups that memory allows."""
    size = question.at_once // len(question.values)
    return [min(size, copies - begin) for begin in range(0, copies, size)]


# ------------------------------------------------------------------------------------------------------------- guided
RELUS = {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}


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
        if function in RELUS:
            self.relus += 1
            return GuidedReLU.apply(places[0] if places else (names or {})["input"])  # type: ignore[no-untyped-call]
        return function(*places, **(names or {}))


def guided_backpropagation(question: Question) -> tuple[Tensor, dict[str, float]]:
    with Guided() as guided:
        slopes = gradient_of(question, question.values)
    if not guided.relus:
        raise ProfundoError("guided_backpropagation: expected a net with ReLUs, it has none; use method='gradient'")
    return slopes, {}
