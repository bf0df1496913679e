"""The squares of colours that a screen has, beside CIE's formulas written out and colours of all three channels."""

import numpy as np
import pytest

from profundo.images.gamut import squares_in_gamut
from profundo.records import ProfundoError


def lab_by_hand(rgb):
    """a and b by IEC 61966-2-1 and CIE 15, white D65 of (0.95047, 1, 1.08883)."""
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    red, green, blue = light.T
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    x, y, z = (np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116) for t in (x, y, z))
    return np.stack([500 * (x - y), 200 * (y - z)], 1)


@pytest.mark.parametrize("side", [10, 25])
def test_every_colour_lies_in_a_square_and_every_square_holds_a_colour(side):
    squares = {tuple(row) for row in (squares_in_gamut(side) / side).astype(int).tolist()}
    values = np.arange(0, 256, 5) / 255  # all three vary: most lie inside of the body of colours
    lab = lab_by_hand(np.stack(np.meshgrid(values, values, values), -1).reshape(-1, 3))
    found = {tuple(row) for row in np.rint(lab / side).astype(int).tolist()}
    assert found <= squares
    assert len(squares - found) <= 0.05 * len(squares)  # at the edge, where few colours are
    assert (0, 0) in squares


def test_middles_are_multiples_of_the_side_in_order():
    middles = squares_in_gamut(12.5)
    assert middles.shape[1] == 2
    assert np.array_equal(middles, 12.5 * np.rint(middles / 12.5))
    assert middles.tolist() == sorted(middles.tolist())


def test_squares_too_small_to_be_found_are_refused():
    with pytest.raises(ProfundoError, match="a side from 5 to 60, got 1"):
        squares_in_gamut(1)
