"""Colour spaces against Python's colorsys, Pillow, and values that scikit-image gave (kept beside this file)."""

import colorsys
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from profundo.images import SPACES, from_space, to_space
from profundo.records import ProfundoError

REFERENCE = json.loads((Path(__file__).parent / "colours_of_scikit_image.json").read_text("utf-8"))
COLOURS = np.array(REFERENCE["rgb"])
EXACT = {"rgb", "hsv", "hsl", "lab", "ycbcr", "cmyk"}


@pytest.fixture(scope="module")
def cube():
    """Every colour with channels of 0, 17, 34, … 255: greys, primaries and all between."""
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)


@pytest.mark.parametrize("space", SPACES)
def test_there_and_back_is_the_same_colour_and_within_the_bounds(space, cube):
    there = to_space(cube, space)
    assert there.shape == (*cube.shape[:1], len(SPACES[space].channels))
    for at, channel in enumerate(SPACES[space].channels):
        assert channel.low - 1e-9 <= there[..., at].min() <= there[..., at].max() <= channel.high + 1e-9
    if space in EXACT:
        np.testing.assert_allclose(from_space(there, space), cube / 255, atol=1e-6)
    else:  # what grey keeps is the grey
        np.testing.assert_allclose(to_space(from_space(there, space), space), there, atol=1e-9)


def test_hue_spaces_are_those_of_colorsys(cube):
    for red, green, blue in (cube[::7] / 255).tolist():
        hue, saturation, value = to_space(np.array([red, green, blue]), "hsv")
        np.testing.assert_allclose((hue / 360, saturation, value), colorsys.rgb_to_hsv(red, green, blue), atol=1e-9)
        np.testing.assert_allclose(from_space([hue, saturation, value], "hsv"), (red, green, blue), atol=1e-9)
        hue, saturation, lightness = to_space(np.array([red, green, blue]), "hsl")
        h, light, s = colorsys.rgb_to_hls(red, green, blue)
        np.testing.assert_allclose((hue / 360, saturation, lightness), (h, s, light), atol=1e-9)
        assert from_space([hue, saturation, lightness], "hsl") == pytest.approx(
            colorsys.hls_to_rgb(h, light, s), abs=1e-9
        )


def test_lab_hsv_and_ycbcr_are_those_of_scikit_image():
    np.testing.assert_allclose(to_space(COLOURS, "lab"), REFERENCE["lab"], atol=5e-3)  # its white has fewer digits
    np.testing.assert_allclose(to_space(COLOURS, "hsv") / [360, 1, 1], REFERENCE["hsv"], atol=1e-6)
    studio = to_space(COLOURS, "ycbcr") * [219, 224, 224] + [16, 128, 128]  # BT.601 with head- and footroom
    np.testing.assert_allclose(studio, REFERENCE["ycbcr"], atol=2e-3)


def test_luma_and_grey_are_those_of_pillow(cube):
    picture = Pillow.fromarray(cube.reshape(64, 64, 3))
    ours = to_space(cube, "ycbcr") * 255 + [0, 128, 128]
    assert np.abs(np.asarray(picture.convert("YCbCr")).reshape(-1, 3) - ours).max() < 1.01  # whole numbers
    assert np.abs(np.asarray(picture.convert("L")).reshape(-1, 1) - 255 * to_space(cube, "grey")).max() < 1.01


def test_white_is_white_and_grey_has_no_colour():
    for white in ([1, 1, 1], [0.4, 0.4, 0.4]):
        assert to_space(np.array(white, float), "lab")[1:] == pytest.approx([0, 0], abs=1e-9)
        assert to_space(np.array(white, float), "ycbcr")[1:] == pytest.approx([0, 0], abs=1e-12)
        assert to_space(np.array(white, float), "hsv")[:2] == pytest.approx([0, 0])
    assert to_space(np.ones(3), "lab")[0] == pytest.approx(100)


def test_inks_leave_what_light_is_left(cube):
    inks = to_space(cube, "cmyk")
    np.testing.assert_allclose((1 - inks[:, :3]) * (1 - inks[:, 3:]), cube / 255, atol=1e-12)
    assert (inks[:, :3].min(1) == 0).all()  # what all three would share is black ink
    assert to_space(np.zeros(3), "cmyk").tolist() == [0, 0, 0, 1]


def test_images_keep_their_shape_and_fractions_their_precision():
    image = np.random.default_rng(0).random((4, 5, 3), np.float32)
    for space in SPACES:
        assert to_space(image, space).dtype == np.float32
        assert to_space(image, space).shape[:2] == (4, 5)
        np.testing.assert_allclose(to_space(image, space), to_space(image.astype(float), space), rtol=1e-4, atol=2e-3)
    np.testing.assert_allclose(to_space(np.full(3, 65535, np.uint16), "hsv"), [0, 0, 1])


def test_mistakes_are_explained():
    with pytest.raises(ProfundoError, match=r"expected red, green and blue last, \(…, 3\), got \(4, 2\)"):
        to_space(np.zeros((4, 2)), "hsv")
    with pytest.raises(ProfundoError, match=r"CMYK: expected C, M, Y, K last"):
        from_space([0, 0, 0], "cmyk")
    with pytest.raises(ProfundoError, match="got 'hvs'; nearest: hsv"):
        to_space([0, 0, 0], "hvs")
    assert from_space([100, 120, -120], "lab").max() <= 1  # no screen shows it


def test_whole_numbers_of_which_nobody_says_what_is_white_are_refused():
    with pytest.raises(ProfundoError, match="got int64 up to 255; say what is white"):
        to_space(np.array([255, 128, 0]), "lab")
    np.testing.assert_allclose(to_space(np.array([1, 0, 0]), "hsv"), [0, 1, 1])
