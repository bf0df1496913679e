"""Colours against Pillow's ImageEnhance and Python's colorsys; what is hidden, by counting."""

import colorsys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from profundo.data import augmentation
from profundo.data.augmenting.colours import luma, of_contrast, of_hue, of_saturation
from profundo.records import Inputs, Spec, Targets

CLASSES = Targets("classes", ("a", "b", "c"))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def spec(channels, height=8, width=8):
    return Spec(Inputs((channels, height, width), "image", (0.0,) * channels, (255.0,) * channels), CLASSES)


def pixels(count, channels, height=8, width=8):
    return torch.rand(count, channels, height, width, generator=seeded(1))


def colour(images, seed=0, **strengths):
    asked = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, **strengths}
    return augmentation([{"colour": asked}], spec(*images.shape[1:]))(images, seeded(seed))


@pytest.mark.parametrize(
    ("change", "enhance"), [(of_contrast, ImageEnhance.Contrast), (of_saturation, ImageEnhance.Color)]
)
@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
def test_contrast_and_saturation_are_pillows_to_its_rounding(change, enhance, factor):
    images = pixels(4, 3)
    out = change(images, torch.tensor(factor))
    for image, found in zip(images, out, strict=True):
        picture = Image.fromarray((255 * image).round().to(torch.uint8).permute(1, 2, 0).numpy())
        expected = np.asarray(enhance(picture).enhance(factor)).astype(float)
        np.testing.assert_allclose(255 * found.permute(1, 2, 0), expected, atol=2.5)  # of 255: it rounds twice


def test_luma_is_pillows_grey():
    image = (255 * pixels(1, 3)).round()
    expected = np.asarray(Image.fromarray(image[0].to(torch.uint8).permute(1, 2, 0).numpy()).convert("L"))
    np.testing.assert_allclose(luma(image)[0, 0], expected, atol=0.51)


@pytest.mark.parametrize("turn", [-0.5, -0.2, 0.0, 0.07, 1 / 3, 0.5])
def test_hue_turns_as_in_colorsys(turn):
    images = pixels(2, 3).double()
    images[:, :, 0, 0] = 0.25  # grey
    images[:, :, 0, 1] = torch.tensor([1.0, 0, 0])
    images[:, :, 0, 2] = torch.tensor([0.3, 0.3, 0.1])  # two channels are the largest
    images[:, :, 0, 3] = 0
    out = of_hue(images, torch.tensor(turn, dtype=torch.float64))
    for n in range(2):
        for i, j in np.ndindex(8, 8):
            hue, saturation, value = colorsys.rgb_to_hsv(*images[n, :, i, j].tolist())
            expected = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
            np.testing.assert_allclose(out[n, :, i, j], expected, atol=1e-12)


def test_a_third_of_a_turn_makes_red_green_and_green_blue():
    red = torch.zeros(1, 3, 1, 1)
    red[:, 0] = 0.8
    green = of_hue(red, torch.tensor(1 / 3))
    torch.testing.assert_close(green.flatten(), torch.tensor([0, 0.8, 0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        of_hue(green, torch.tensor(1 / 3)).flatten(), torch.tensor([0, 0, 0.8]), atol=1e-6, rtol=0
    )


def test_factors_of_brightness_are_uniform_around_one():
    images = torch.full((4000, 1, 2, 2), 0.5)
    factors = colour(images, brightness=0.4)[:, 0, 0, 0] / 0.5
    assert 0.6 <= factors.min() < 0.61
    assert 1.39 < factors.max() <= 1.4
    assert factors.mean() == pytest.approx(1, abs=0.01)
    assert factors.std() == pytest.approx(0.8 / 12**0.5, abs=0.01)


def test_grey_has_no_saturation_and_no_hue_and_opacity_is_no_colour():
    grey = pixels(5, 1)
    assert torch.equal(colour(grey, saturation=1, hue=0.5), grey)
    same = grey.expand(5, 3, 8, 8)
    torch.testing.assert_close(colour(same, saturation=1, hue=0.5), same, atol=1e-6, rtol=0)
    with_opacity = pixels(5, 4)
    out = colour(with_opacity, brightness=0.5, contrast=0.5, saturation=0.5, hue=0.2)
    assert torch.equal(out[:, 3], with_opacity[:, 3])
    opaque = colour(with_opacity[:, :3], brightness=0.5, contrast=0.5, saturation=0.5, hue=0.2)
    torch.testing.assert_close(out[:, :3], opaque)


def test_colour_works_in_units_before_standardisation():
    """The same pictures, standardised by other figures, come out as the same pictures."""
    images = pixels(6, 3)
    mean, std = torch.tensor([20.0, 130.0, 90.0]), torch.tensor([30.0, 60.0, 80.0])
    other = Spec(Inputs((3, 8, 8), "image", tuple(mean.tolist()), tuple(std.tolist())), CLASSES)
    inputs = (255 * images - mean[:, None, None]) / std[:, None, None]
    out = augmentation(["colour"], other)(inputs, seeded(3)) * std[:, None, None] + mean[:, None, None]
    expected = augmentation(["colour"], spec(3))(images, seeded(3))
    torch.testing.assert_close(out / 255, expected, atol=1e-5, rtol=0)


def test_noise_is_clipped_to_what_images_can_be_where_that_is_known():
    images = torch.cat((torch.zeros(50, 1, 8, 8), torch.ones(50, 1, 8, 8)))
    free = augmentation([{"noise": {"deviation": 0.5}}])(images, seeded())
    held = augmentation([{"noise": {"deviation": 0.5}}], spec(1))(images, seeded())
    assert torch.equal(held, free.clamp(0, 1))
    assert free.min() < 0 < 1 < free.max()


def test_cutout_hides_a_square_of_zeros_anywhere_that_may_stick_out():
    images = torch.ones(4000, 2, 12, 10)
    out = augmentation([{"cutout": {"side": 0.4}}], spec(2, 12, 10))(images, seeded())
    hidden = (out == 0).all(1)
    assert torch.equal(hidden, (out == 0).any(1)), "all channels are hidden together"
    assert torch.all((out == 0) | (out == 1))
    rows, columns = hidden.any(2).sum(1), hidden.any(1).sum(1)
    assert torch.equal(hidden.sum((1, 2)), rows * columns), "what is hidden is a rectangle"
    assert (rows.max(), columns.max()) == (4, 4)
    assert rows.min() == columns.min() == 2  # centred on a corner, half sticks out
    assert (rows == 4).float().mean() == pytest.approx(9 / 12, abs=0.03)  # centres 2 to 10 of 0 to 11
    assert (columns == 4).float().mean() == pytest.approx(7 / 10, abs=0.03)


def test_erase_fills_a_rectangle_inside_with_values_an_image_can_have():
    images = torch.full((4000, 3, 40, 30), 2.0)  # no image: what was erased shows
    asked = {"erase": {"scale": [0.1, 0.3], "ratio": [0.5, 2], "share": 0.5}}
    out = augmentation([asked], spec(3, 40, 30))(images, seeded())
    hidden = (out != 2).any(1)
    erased = hidden.any((1, 2))
    assert 0.46 < erased.float().mean() < 0.54
    values = out[:, :, :, :][out != 2]
    assert 0 <= values.min() < 0.001
    assert 0.999 < values.max() <= 1
    assert values.mean() == pytest.approx(0.5, abs=0.005)
    rows, columns = hidden.any(2).sum(1)[erased], hidden.any(1).sum(1)[erased]
    assert torch.equal(hidden[erased].sum((1, 2)), rows * columns)
    area = rows * columns / (40 * 30)
    assert 0.08 < area.min() < 0.12
    assert 0.28 < area.max() < 0.32
    assert area.mean() == pytest.approx(0.2, abs=0.01)
    assert (rows / columns).log().mean() == pytest.approx(0, abs=0.05)
    first = hidden[erased].any(2).float().argmax(1)
    assert first.min() == 0
    assert (first + rows).max() == 40
