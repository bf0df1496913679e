"""Images of unequal light: what stays the same under light, what is uniform, what is flat; and NumPy's own histogram."""

import numpy as np
import pytest
import torch

from profundo.images.normalising import NORMALISATIONS, equalised, local_contrast, stretched


def noisy(seed=0, low=40, high=120, channels=3):
    return torch.randint(
        low, high, (3, channels, 24, 30), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8
    )


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_bytes_stay_bytes_and_each_image_is_by_itself(name):
    change, images = NORMALISATIONS[name], noisy()
    result = change(images)
    assert result.dtype == torch.uint8
    assert result.shape == images.shape
    assert torch.equal(change(images[1:2])[0], result[1])
    flat = torch.full((1, 3, 9, 9), 77, dtype=torch.uint8)
    assert len(change(flat).unique()) == 1, "nothing comes of nothing"
    assert change(noisy(channels=1)).shape == (3, 1, 24, 30)
    assert len(change(images[:0])) == 0


def test_equalised_grey_images_are_numpys_ranks():
    image = noisy(channels=1)[:1]
    values = image.numpy().ravel()
    histogram = np.bincount(values, minlength=256).cumsum()
    least = histogram[histogram > 0][0]
    expected = np.round(255 * (histogram - least) / (histogram[-1] - least))[values]
    assert np.abs(equalised(image).numpy().ravel() - expected).max() <= 1


def test_stretched_images_reach_from_black_to_white_and_forget_the_light():
    dark = noisy(low=20, high=60)
    bright = (dark.int() * 2 + 90).to(torch.uint8)
    one, other = stretched(dark), stretched(bright)
    assert int(one.min()) == 0
    assert int(one.max()) == 255
    assert (one.int() - other.int()).abs().max() <= 1


def test_local_contrast_is_centred_and_does_not_see_a_slope_of_light():
    image = noisy(low=100, high=130)
    slope = torch.linspace(0, 60, 30).view(1, 1, 1, 30)
    lit = (image + slope).to(torch.uint8)
    plain, sloped = local_contrast(image).float(), local_contrast(lit).float()
    assert abs(float(plain.mean()) - 128) < 6
    before, after = (
        torch.stack([one[..., 6:-6].flatten() for one in pair]) for pair in ((image, lit), (plain, sloped))
    )
    assert torch.corrcoef(before.float())[0, 1] < 0.8
    assert torch.corrcoef(after)[0, 1] > 0.97
