"""Where the names of boxes stand in a picture: none over another, none beyond the edges.

The box that comes first chooses first. It tries the places around its corners, outside before inside, and then those further down
along its left edge. Where all are taken its name is left out: the box is there, and a name over another would cost both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["name_places"]

Box = tuple[float, float, float, float]
Size = tuple[float, float]

ROWS = 8  # places along the left edge


def name_places(boxes: Sequence[Box], sizes: Sequence[Size], room: Size) -> list[Size | None]:
    """The left and upper edge of the name of each box, or None. sizes: (width, height) of the names, 0 of a box
    without; room: of the picture."""
    taken: list[Box] = []
    places: list[Size | None] = []
    for box, size in zip(boxes, sizes, strict=True):
        around = _around(box, size, room) if size[0] else iter(())
        free = (one for one in around if not any(_meet(one, other) for other in taken))
        place = next(free, None)
        taken += [] if place is None else [place]
        places.append(None if place is None else place[:2])
    return places


def _around(box: Box, size: Size, room: Size) -> Iterator[Box]:
    """Places for a name of that size, the best first, each moved into the picture; none for a name that is larger than that."""
    (left, top, right, bottom), (wide, high) = box, size
    if wide > room[0] or high > room[1]:
        return
    for y in (top - high, bottom, top, bottom - high, *(top + row * high for row in range(1, ROWS))):
        for x in (left, right - wide):
            u, v = min(max(0.0, x), room[0] - wide), min(max(0.0, y), room[1] - high)
            yield u, v, u + wide, v + high


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
