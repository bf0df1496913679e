"""Colours as classes: what a pixel's a and b may be, told as probabilities (Zhang, Isola & Efros 2016, "Colorful image colorization",
section 2).

A shirt may be red or blue. Who must name one colour and is punished by the squared error names the mean of both, which is grey; who
gives a probability to each class of colours may keep both, and choose later. Classes are middles of squares in the plane of a and
b, (classes, 2). A colour is told by its five nearest middles; rare colours count more; what is painted lies between the mean of
the classes and the most probable one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["ColourClasses", "annealed_mean", "colour_classes", "colour_cost", "rebalancing", "smoothed"]

NEAREST = 5  # middles that tell a colour
SIGMA = 5.0  # of the Gaussian by which their shares fall, in units of a and b
LOW, WIDE = -128, 256  # the whole numbers a and b whose nearest middles are kept


@dataclass(frozen=True, slots=True)
class ColourClasses:
    """middles: float32 (classes, 2), a and b. nearest: int64 (256 · 256, 5), of each colour of whole a and b from −128 to 127."""

    middles: Tensor
    nearest: Tensor

    def __len__(self) -> int:
        return len(self.middles)

    def of(self, colours: Tensor) -> Tensor:
        """int64 (…,), the class that colours (…, 2) are nearest to."""
        return self.nearest[whole(colours), 0]

    def codes(self, colours: Tensor) -> tuple[Tensor, Tensor]:
        """Of colours (…, 2): their five nearest classes, nearest first, int64 (…, 5), and shares (…, 5) that sum to 1 and fall by a
        Gaussian of the distance. The five are those of the colour in whole numbers."""
        places = self.nearest[whole(colours)]
        squares = (self.middles[places] - colours[..., None, :]).square().sum(-1)
        return places, (-squares / (2 * SIGMA**2)).softmax(-1)

    def shares(self, colours: Tensor) -> Tensor:
        """(classes,), how many of the colours (colours, 2) are nearest to each class."""
        counts = self.of(colours).bincount(minlength=len(self)).double()
        return counts / counts.sum()

    def to(self, device: torch.device) -> ColourClasses:
        return ColourClasses(self.middles.to(device), self.nearest.to(device))


def colour_classes(middles: Tensor) -> ColourClasses:
    """Raises ProfundoError for anything but five classes or more."""
    if middles.ndim != 2 or middles.shape[1] != 2 or len(middles) < NEAREST:
        raise ProfundoError(
            f"classes of colours: expected {NEAREST} or more as (classes, 2), a and b, got {tuple(middles.shape)}"
        )
    numbers = torch.arange(LOW, LOW + WIDE, dtype=middles.dtype)
    distances = exact_distances(torch.cartesian_prod(numbers, numbers), middles)
    return ColourClasses(middles, distances.topk(NEAREST, largest=False).indices)


def exact_distances(one: Tensor, other: Tensor) -> Tensor:
    """(ones, others); products of matrices, as many rows would otherwise be compared, lose digits that decide who is nearest."""
    return torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist")


def whole(colours: Tensor) -> Tensor:
    """int64 (…,), where colours (…, 2) stand among those of whole a and b."""
    a, b = (colours.round() - LOW).clamp(0, WIDE - 1).long().unbind(-1)
    return a * WIDE + b


# ---------------------------------------------------------------------------------------------------------- rare colours
def smoothed(shares: Tensor, middles: Tensor) -> Tensor:
    """p̃: shares (classes,) of which each is spread over its neighbours by a Gaussian of σ = 5; they still sum to 1."""
    spread = (-exact_distances(middles, middles).double().square() / (2 * SIGMA**2)).softmax(1)
    return shares.double() @ spread


def rebalancing(shares: Tensor, uniform: float) -> Tensor:
    """w ∝ ((1 − λ) p̃ + λ / Q)⁻¹ such that Σ p̃ w = 1 (equation 4): what a pixel of each of the Q classes counts. uniform: λ; where it
    is 1, all count alike."""
    weights = 1 / ((1 - uniform) * shares + uniform / len(shares))
    return weights / (shares * weights).sum()


def colour_cost(logits: Tensor, colours: Tensor, classes: ColourClasses, weights: Tensor) -> Tensor:
    """−w Σ_q Z_q log Ẑ_q in nats, the mean over pixels (equation 2): a scalar. logits: (batch, classes, height, width); colours:
    (batch, 2, height, width), of which Z is the code; weights: (classes,), w is that of its likeliest class."""
    places, shares = classes.codes(colours.permute(0, 2, 3, 1))
    scores = logits.float().permute(0, 2, 3, 1)
    costs = scores.logsumexp(-1) - (shares * scores.gather(-1, places)).sum(-1)  # shares sum to 1
    likeliest = places.gather(-1, shares.argmax(-1, keepdim=True))[..., 0]
    return (weights[likeliest] * costs).mean()


# ------------------------------------------------------------------------------------------------------- what is painted
def annealed_mean(logits: Tensor, middles: Tensor, temperature: float) -> Tensor:
    """Σ_q softmax(log Ẑ / T)_q middle_q (equation 5), (batch, 2, height, width) of logits (batch, classes, height, width): at T = 1
    the mean of the classes, the lower T the nearer to the most probable one, which it is at 0."""
    if temperature == 0:
        return middles[logits.argmax(1)].permute(0, 3, 1, 2)
    shares = (logits.float() / temperature).softmax(1)
    return torch.einsum("bqhw,qc->bchw", shares, middles)
