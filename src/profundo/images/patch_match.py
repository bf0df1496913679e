"""PatchMatch (Barnes, Shechtman, Finkelstein & Goldman 2009): for each patch of one map a patch of another that is like it.

A field φ gives each place p of a map A a place φ(p) of a map B. It is good where the squares around the two are alike,

    d(p, φ(p)) = Σ over o in the square ‖A(p + o) − B(φ(p) + o)‖²               (beyond its border a map goes on as it ends)

To compare all pairs takes places² comparisons. PatchMatch begins anywhere and goes round: each place tries what its neighbours
found, moved along as they lie, for neighbours here mostly are neighbours there; then it tries places at random around its own
match, in circles ever smaller. The paper goes through the places in order, so that a good match runs on through an image in one
round. Here all places try at once, which is what a tensor is good at, and matches jump: from neighbours 8, 4, 2 places away, then
from the next (Rong & Tan 2006, "Jump flooding in GPU"; the paper's section 3.2 names it). Nothing is compared with a match
that it already has, so that rounds become cheaper as the field becomes smooth.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["Field", "Search", "drawn_field", "finer", "led_back", "moved", "patch_rows", "round_of", "voted"]

JUMPS = (8, 4, 2, 1)
WAYS = ((-1, 0), (1, 0), (0, -1), (0, 1))
TOGETHER = 1024  # patches that are compared at once: what they take stays in a cache


@dataclass(frozen=True, slots=True)
class Field:
    """places: int64 (2, height, width), y and x in the other map; distances: (height, width), of the patches there."""

    places: Tensor
    distances: Tensor


@dataclass(frozen=True, slots=True)
class Rows:
    """A map laid out for patches: (places, channels), `reach` more than the map has at each side. height, width: of the map."""

    values: Tensor
    height: int
    width: int
    reach: int

    @property
    def patch(self) -> int:
        """How many places a patch has."""
        return (2 * self.reach + 1) ** 2

    @property
    def stride(self) -> int:
        return self.width + 2 * self.reach

    def corner(self, places: Tensor) -> Tensor:
        """The row in which the upper left of the patch around each place is; places: (2, …)."""
        return places[0] * self.stride + places[1]

    def offsets(self) -> list[int]:
        """From the upper left of a patch to each of its places."""
        side = range(2 * self.reach + 1)
        return [down * self.stride + across for down in side for across in side]


def patch_rows(maps: Tensor, reach: int) -> Rows:
    """Of (channels, height, width), for patches of 2 · reach + 1 places across and down."""
    padded = F.pad(maps[None], (reach,) * 4, mode="replicate")[0] if reach else maps
    return Rows(padded.flatten(1).T.contiguous(), maps.shape[1], maps.shape[2], reach)


@dataclass(frozen=True, slots=True)
class Search:
    """The patches of `one` are looked for in `other`. Raises ProfundoError where they cannot be compared."""

    one: Rows
    other: Rows

    def __post_init__(self) -> None:
        sides = [(rows.reach, rows.values.shape[1]) for rows in (self.one, self.other)]
        if sides[0] != sides[1]:
            raise ProfundoError(
                f"patches: expected two maps of as many channels and one reach, got {sides[0][1]} and {sides[1][1]} channels, "
                f"reaches {sides[0][0]} and {sides[1][0]}"
            )

    def distances(self, here: Tensor, there: Tensor) -> Tensor:
        """(n,), of the patches around n places of `one` and n of `other`, each (2, n)."""
        corners = self.one.corner(here), self.other.corner(there)
        pairs = zip(*(torch.split(rows, TOGETHER) for rows in corners), strict=True)
        return torch.cat([self._distances(*pair) for pair in pairs])

    def _distances(self, here: Tensor, there: Tensor) -> Tensor:
        total = self.one.values.new_zeros(len(here))
        for mine, theirs in zip(self.one.offsets(), self.other.offsets(), strict=True):
            apart = self.one.values.index_select(0, here + mine) - self.other.values.index_select(0, there + theirs)
            total += torch.linalg.vector_norm(apart, dim=1).square_()
        return total

    def field(self, places: Tensor) -> Field:
        """Of places (2, height, width) that are known; those beyond the other map are moved to its border."""
        places = self.within(places)
        here = grid(self.one.height, self.one.width, places.device)
        return Field(places, self.distances(here.flatten(1), places.flatten(1)).view(places.shape[1:]))

    def within(self, places: Tensor) -> Tensor:
        return held(places, self.other.height, self.other.width)

    def tried(self, field: Field, candidates: Tensor) -> Field:
        """With each of the candidates (2, height, width) in the place of a match that is worse."""
        candidates = self.within(candidates)
        which = (candidates != field.places).any(0).flatten().nonzero().squeeze(1)
        if not len(which):
            return field
        offered, distances = candidates.flatten(1)[:, which], field.distances.flatten().clone()
        here = torch.stack([which // self.one.width, which % self.one.width])
        found = self.distances(here, offered)
        better = found < distances[which]
        places = field.places.flatten(1).clone()
        places[:, which[better]] = offered[:, better]
        distances[which[better]] = found[better]
        return Field(places.view_as(field.places), distances.view_as(field.distances))


# --------------------------------------------------------------------------------------------------------------- fields
def grid(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """int64 (2, height, width): each place's own y and x."""
    rows, columns = (torch.arange(side, device=device) for side in (height, width))
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))


def held(places: Tensor, height: int, width: int) -> Tensor:
    """Those beyond a map of that size at its border."""
    return torch.stack([places[0].clamp(0, height - 1), places[1].clamp(0, width - 1)])


def drawn_field(size: tuple[int, int], other: tuple[int, int], generator: torch.Generator | None = None) -> Tensor:
    """Places (2, height, width), each equally likely to be any of the other map's."""
    return torch.stack([torch.randint(side, size, generator=generator) for side in other])


def moved(places: Tensor, down: int, across: int) -> Tensor:
    """What each place's neighbour, so far down and across, would have found for it: its match, as far back. At the border the
    neighbour is the nearest there is."""
    _, height, width = places.shape
    here = grid(height, width, places.device)
    neighbours = held(here + torch.tensor([down, across], device=places.device).view(2, 1, 1), height, width)
    return places[:, neighbours[0], neighbours[1]] + here - neighbours


def finer(places: Tensor, size: tuple[int, int], other: tuple[int, int]) -> Tensor:
    """The same field between maps of twice as many places across and down: of each four one has the match of before, doubled,
    the others lie beside it as they do here."""
    here = grid(*size, places.device)
    before = held(here // 2, places.shape[1], places.shape[2])
    return held(2 * places[:, before[0], before[1]] + here - 2 * before, *other)


def led_back(forth: Tensor, back: Tensor) -> Tensor:
    """How many places each place is away, down or across, from where its match is matched: (height, width), 0 where both agree."""
    here = grid(forth.shape[1], forth.shape[2], forth.device)
    return (back[:, forth[0], forth[1]] - here).abs().amax(0)


def voted(places: Tensor, image: Tensor, reach: int) -> Tensor:
    """(channels, height, width): at each place the mean of what the patches that cover it would put there; image: where the
    places are, (channels, its height, its width)."""
    total, times = torch.zeros(image.shape[0], *places.shape[1:], device=image.device), (2 * reach + 1) ** 2
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            there = held(moved(places, down, across), *image.shape[1:])
            total += image[:, there[0], there[1]]
    return total / times


# --------------------------------------------------------------------------------------------------------------- rounds
def round_of(search: Search, field: Field, radius: int, generator: torch.Generator | None = None) -> Field:
    """A field at least as good everywhere: matches spread, then each place tries others at random, at most `radius` from its
    match, half, a quarter … of it. generator: on the CPU, of the draws; PyTorch's own by default."""
    for jump in JUMPS:
        if jump < max(field.places.shape[1:]):
            for down, across in WAYS:
                field = search.tried(field, moved(field.places, jump * down, jump * across))
    while radius >= 1:
        draws = torch.rand(field.places.shape, generator=generator).to(field.places.device) * 2 - 1
        field = search.tried(field, field.places + (draws * radius).round().long())
        radius //= 2
    return field
