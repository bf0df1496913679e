"""Which colours a screen has: the squares in Lab's plane of a and b that hold a colour of sRGB (Zhang, Isola & Efros 2016, 2.1).

    middles = squares_in_gamut(10)       # (261, 2): a and b of the middle of each square

A straight line of one a and b enters the body of all colours through its surface. So every square that holds a colour holds one of
the surface, where red, green or blue is 0 or 255: of 16.8 million colours of 8 bits, 0.4 million are looked at. The paper counts 313
squares of 10 units, some of which hold no colour by this rule.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from profundo.images.colour_spaces import to_space
from profundo.records import ProfundoError

__all__ = ["squares_in_gamut"]

APART = 1024.0  # more than there are squares in a row
LEAST, MOST = 5.0, 60.0  # units of a and b; a just noticeable difference is 2.3


def squares_in_gamut(side: float) -> np.ndarray:
    """float32 (squares, 2), a and b of the middles, which are multiples of the side; in the order of a, then b.

    Raises ProfundoError for a side below 5 or above 60 units.
    """
    if not LEAST <= side <= MOST:
        raise ProfundoError(f"squares of colours: expected a side from {LEAST:g} to {MOST:g}, got {side:g}")
    return middles_of(side).copy()


@cache  # every net that tells colours asks for its squares anew
def middles_of(side: float) -> np.ndarray:
    a, b = np.rint(to_space(surface(), "lab")[:, 1:] / side).T
    numbers = np.unique(a * APART + b)  # in the order of rows, and far sooner than of rows
    rows = np.rint(numbers / APART)
    middles: np.ndarray = (np.stack([rows, numbers - rows * APART], 1) * side + 0.0).astype(np.float32)  # no −0
    return middles


def surface() -> np.ndarray:
    """uint8 (6 · 256², 3): the six faces of the cube of red, green and blue."""
    one, other = (part.ravel() for part in np.mgrid[:256, :256].astype(np.uint8))
    faces = [np.insert(np.stack([one, other], 1), channel, value, axis=1) for channel in range(3) for value in (0, 255)]
    return np.concatenate(faces)
