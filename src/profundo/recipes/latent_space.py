"""The space of codes that a recipe's net draws from: walked through in a plane, or number by number.

space = open_latent("runs/vae-1")["vae"]        # recipe_folder.py
plane = LatentPlane(space.origin(3), space.direction("component:1"), space.direction("component:2"))
space.pictures(plane.at(0.5, -1.0)[None])       # uint8 (1, channels, height, width)

A direction is as long as one standard deviation of the codes along it, so that a step of 1 is a usual one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from profundo.evaluate.components import principal_components
from profundo.pictures.bars import relations_svg
from profundo.pictures.exhibits import Chart, Images
from profundo.records import ProfundoError

__all__ = ["DIRECTIONS", "USED", "LatentPlane", "LatentSpace", "costs_by_number", "walks"]

USED = 0.1  # nats: a number of a code that costs less says next to nothing
REACH, STEPS = 3.0, 11  # of a walk, in standard deviations, and its pictures
LONGEST = 10  # walks, or numbers, that are shown
DIRECTIONS = ("number", "component", "random", "sample")
Decode = Callable[[Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class LatentSpace:
    """decode: (codes (n, width), the image that they began from or None) → uint8 (n, channels, height, width). mean, std: (width,),
    of the codes that it was trained to draw from. samples: uint8 images that were held out, codes: theirs, (samples, width); None
    where the net only draws. needs_sample: whether a code alone is not all that it draws from.
    """

    name: str
    decode: Decode
    mean: Tensor
    std: Tensor
    samples: Tensor | None = None
    codes: Tensor | None = None
    needs_sample: bool = False

    @property
    def width(self) -> int:
        return len(self.mean)

    def pictures(self, codes: Tensor, sample: int | None = None) -> Tensor:
        """uint8 images of codes (n, width). sample: the one that they began from."""
        begun = None if sample is None or self.samples is None else self.samples[self.checked(sample)]
        if begun is None and self.needs_sample and self.samples is not None:
            begun = self.samples[0]
        return self.decode(codes, begun)

    def origin(self, sample: int | None = None) -> Tensor:
        """The code of a sample, (width,); without one the mean of all. Of a net that only draws, a code drawn by that seed."""
        if sample is None:
            return self.mean
        if self.codes is None:
            return self.mean + self.std * torch.randn(self.width, generator=torch.Generator().manual_seed(sample))
        return self.codes[self.checked(sample)]

    def checked(self, sample: int) -> int:
        many = 0 if self.samples is None else len(self.samples)
        if not 0 <= sample < many:
            raise ProfundoError(f"sample {sample}: expected one of {many:,}, from 0")
        return sample

    def direction(self, name: str, origin: Tensor | None = None) -> Tensor:
        """(width,): "number:3", the third number alone; "component:1", in which the codes differ most; "random:7", drawn with that
        seed; "sample:12", from the origin to that sample's code, or to one drawn by that seed. Raises ProfundoError for another."""
        kind, _, word = name.partition(":")
        if kind not in DIRECTIONS or not (word.isascii() and word.isdecimal()) or len(word) > 9:
            raise ProfundoError(f"direction {name!r}: expected one of {', '.join(f'{one}:N' for one in DIRECTIONS)}")
        at = int(word)
        if kind == "sample":
            return self.origin(at) - (self.mean if origin is None else origin)
        if kind == "random":
            return self.drawn(at)
        if not 1 <= at <= self.width:
            raise ProfundoError(f"direction {name!r}: expected a number from 1 to {self.width}")
        if kind == "number":
            return self.std * torch.eye(self.width)[at - 1]
        return self.components[at - 1]

    def drawn(self, seed: int) -> Tensor:
        """A random direction, as long as its standard deviation."""
        draw = torch.randn(self.width, generator=torch.Generator().manual_seed(seed))
        direction: Tensor = self.std * draw / draw.norm()
        return direction

    @cached_property
    def components(self) -> Tensor:
        """(width, width), of falling length: principal components of the codes; of those that are drawn each number alone."""
        if self.codes is None or len(self.codes) < 2:
            return torch.diag(self.std)
        found = principal_components(self.codes, self.width)
        return found.out_of * found.encode(self.codes).std(0)[:, None]


@dataclass(frozen=True, slots=True)
class LatentPlane:
    """code(a, b) = origin + a · first + b · second, each (width,)."""

    origin: Tensor
    first: Tensor
    second: Tensor

    def at(self, a: float, b: float) -> Tensor:
        return self.origin + a * self.first + b * self.second

    def lattice(self, side: int, reach: float) -> Tensor:
        """(side², width), row by row, downwards from b = reach, each from a = −reach to reach."""
        ends = torch.linspace(-reach, reach, side)
        return torch.stack([self.at(float(a), float(b)) for b in ends.flip(0) for a in ends])


# ---------------------------------------------------------------------------------------------------- number by number
def walks(title: str, space: LatentSpace, costs: Tensor, sample: int | None = None) -> Images:
    """A row for each number of the code, the dearest first: it alone goes from −3 to 3 standard deviations, the others stay (Higgins
    et al. 2017, figure 2). costs: (width,) nats of each. sample: whose code it is that they stay at; otherwise the mean."""
    numbers = costs.argsort(descending=True)[:LONGEST].tolist()
    codes = space.origin(sample).repeat(len(numbers), STEPS, 1)
    for row, number in enumerate(numbers):
        codes[row, :, number] = space.mean[number] + space.std[number] * torch.linspace(-REACH, REACH, STEPS)
    names = ", ".join(f"{number + 1} ({costs[number]:.2f} nats)" for number in numbers)
    caption = (
        f"Each row moves one number of the code from −{REACH:g} to {REACH:g} while all others stay. Look along a row: what changes "
        f"is what that number says, and where nothing does it says nothing. From above: {names}."
    )
    return Images(title, caption, space.pictures(codes.flatten(0, 1), sample), STEPS)


def costs_by_number(title: str, costs: Tensor) -> Chart:
    """costs: (width,), KL(q(z_j|x) ‖ p(z_j)) of each number, a mean over test pictures, in nats."""
    order: Sequence[int] = costs.argsort(descending=True)[: 3 * LONGEST].tolist()
    used = int((costs > USED).sum())
    svg = relations_svg(
        [f"number {number + 1}" for number in order],
        [costs[number].item() for number in order],
        label="nats of each number",
        most=max(USED, costs.max().item()),
        written=lambda value: f"{value:.2f}",
    )
    caption = (
        f"What each number of a code says about a picture, KL(q ‖ p) in nats, a mean over test pictures: {used} of {len(costs)} say "
        f"more than {USED:g}, {costs.sum().item():.1f} nats in all."
    )
    return Chart(title, caption, svg)
