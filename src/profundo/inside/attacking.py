"""Adversarial examples: the smallest changes of an input that change the answer.

    FGSM   x + ε sign ∇ₓL                                 Goodfellow, Shlens & Szegedy 2015; in L2, x + ε ∇ₓL / ‖∇ₓL‖
    PGD    many such steps from a random place in the ball, each projected back    Madry et al. 2018

For a linear net w·x + b the change that suffices is |w·x + b| / ‖w‖₁ in L∞ and |w·x + b| / ‖w‖₂ in L2, and FGSM finds it.
A model is a function of inputs (batch, …) whose values lie within `bounds`, such as the raw pixels; sizes are in its units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["ATTACKS", "Norm", "Robustness", "Victim", "fgsm", "noise", "pgd", "robustness", "smallest_change"]

Norm = Literal["inf", "2"]
STEPS = 20


@dataclass(frozen=True, slots=True)
class Victim:
    """What is attacked. judge: inputs (batch, …) → cost (batch,), what an attack makes large, and bool (batch,), whether the answer
    is another than it should be; it knows the targets of this batch. The log loss of a net that is very sure has no slope left in
    float32: divide its outputs first. bounds: of every value; None for none."""

    judge: Callable[[Tensor], tuple[Tensor, Tensor]]
    bounds: tuple[float, float] | None = None

    def is_wrong(self, inputs: Tensor) -> Tensor:
        with torch.no_grad():
            return self.judge(inputs)[1]

    def slope(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """∂cost/∂inputs, of each sample its own, and what the cost is, wrong answers above all right ones."""
        leaf = inputs.detach().requires_grad_()
        with torch.enable_grad():
            cost, wrong = self.judge(leaf)
            slope = torch.autograd.grad(cost.sum(), leaf, allow_unused=True)[0] if cost.requires_grad else None
        if slope is None:
            raise ProfundoError(
                "attack: expected a net whose answers have a gradient by its inputs, this one's have none",
                told=Said("refusals.no_gradient_of_answer"),
            )
        return slope, cost.detach() + 1e6 * wrong

    def within(self, inputs: Tensor) -> Tensor:
        return inputs if self.bounds is None else inputs.clamp(*self.bounds)


Attack = Callable[[Victim, Tensor, Tensor], Tensor]
"""victim, inputs (batch, …), sizes (batch,) → inputs no farther than that from those."""


def fgsm(victim: Victim, inputs: Tensor, sizes: Tensor, norm: Norm = "inf") -> Tensor:
    """One step up the cost, as far as allowed."""
    return victim.within(inputs + _wide(sizes, inputs) * _steepest(victim.slope(inputs)[0], norm))


def pgd(victim: Victim, inputs: Tensor, sizes: Tensor, norm: Norm = "inf", steps: int = STEPS, seed: int = 0) -> Tensor:
    """Many small ones. Of all places on the way the one that costs most, wrong answers before right ones."""
    far = _wide(sizes, inputs)
    drawn = torch.rand(inputs.shape, generator=torch.Generator().manual_seed(seed)).to(inputs) * 2 - 1
    now = victim.within(inputs + far * (drawn if norm == "inf" else drawn / _length(drawn).clamp_min(1)))
    best, highest = inputs, torch.full_like(sizes, -torch.inf)
    for step in range(steps + 1):
        slope, cost = victim.slope(now)
        better = cost > highest
        best, highest = torch.where(_wide(better, inputs), now, best), torch.where(better, cost, highest)
        if step < steps:
            moved = now + 2.5 * far / steps * _steepest(slope, norm) - inputs
            shrunk = moved * (far / _length(moved).clamp_min(1e-12)).clamp_max(1)
            now = victim.within(inputs + (moved.clamp(-far, far) if norm == "inf" else shrunk))
    return best


def noise(victim: Victim, inputs: Tensor, sizes: Tensor, norm: Norm = "inf", seed: int = 0) -> Tensor:
    """A change of that size in no direction in particular: what an attack is to be compared with."""
    drawn = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(seed)).to(inputs)
    return victim.within(inputs + _wide(sizes, inputs) * _steepest(drawn, norm))


ATTACKS: Mapping[str, Attack] = {"noise": noise, "FGSM": fgsm, "PGD": pgd}
"""In L∞; functools.partial(pgd, norm="2") is one in L2."""


def _steepest(slope: Tensor, norm: Norm) -> Tensor:
    """The change of length 1 that goes up most."""
    return slope.sign() if norm == "inf" else slope / _length(slope).clamp_min(1e-30)


def _length(values: Tensor) -> Tensor:
    return _wide(values.flatten(1).norm(dim=1), values)


def _wide(each: Tensor, like: Tensor) -> Tensor:
    return each.view(-1, *[1] * (like.ndim - 1))


# ------------------------------------------------------------------------------------------------------------- how much
def smallest_change(
    victim: Victim, inputs: Tensor, largest: float, attack: Attack = fgsm, halvings: int = 8, rounds: int = 8
) -> Tensor:
    """(batch,): the smallest size with which the attack makes an answer wrong; 0 where it is, infinite where `largest` does not
    suffice. Sizes halved from the largest bracket it, for more is not always worse; then bisection."""
    if not largest > 0:
        raise ProfundoError(f"smallest change: expected a largest size above 0, got {largest}")

    def wrong(sizes: Tensor) -> Tensor:
        return victim.is_wrong(attack(victim, inputs, sizes))

    high = inputs.new_full((len(inputs),), torch.inf)
    for halving in range(halvings + 1):
        size = inputs.new_full((len(inputs),), largest / 2**halving)
        high = torch.where(wrong(size), size, high)
    low = torch.zeros_like(high)
    for _ in range(rounds):
        middle = torch.where(high.isfinite(), (low + high) / 2, largest)
        hit = wrong(middle) & high.isfinite()
        low, high = torch.where(hit, low, middle), torch.where(hit, middle, high)
    return torch.where(victim.is_wrong(inputs), torch.zeros_like(high), high)


@dataclass(frozen=True, slots=True)
class Robustness:
    """sizes: (sizes,), the first 0; accuracy: by attack (sizes,), the share of right answers."""

    sizes: tuple[float, ...]
    accuracy: Mapping[str, tuple[float, ...]]


def robustness(
    victim: Victim, inputs: Tensor, sizes: Sequence[float], attacks: Mapping[str, Attack] = ATTACKS
) -> Robustness:
    """The accuracy under attack, by its size. What a smaller change made wrong stays wrong."""
    begin = victim.is_wrong(inputs)
    curves = {}
    for name, attack in attacks.items():
        fallen, shares = begin, [1 - begin.double().mean().item()]
        for size in sizes:
            attacked = attack(victim, inputs, inputs.new_full((len(inputs),), size))
            fallen = fallen | victim.is_wrong(attacked)
            shares.append(1 - fallen.double().mean().item())
        curves[name] = tuple(shares)
    return Robustness((0.0, *sizes), curves)
