"""Augmentations against plain loops over numpy's own pad and flip, and their invariants."""

import numpy as np
import pytest
import torch

from profundo.data import AUGMENTATIONS, augmentation
from profundo.records import ProfundoError


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=[(64, 3, 32, 32), (64, 1, 28, 28), (16, 3, 24, 40), (5, 1, 8, 8)], ids=str)
def images(request):
    return torch.randn(request.param, generator=seeded(1))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_shape_stays_draws_differ_and_the_seed_decides(name, images):
    transform = augmentation([name])
    before = images.clone()
    out = transform(images, seeded(5))
    assert torch.equal(images, before), "inputs were changed in place"
    assert out.shape == images.shape
    assert out.dtype == torch.float32
    assert torch.equal(out, transform(images, seeded(5)))
    assert not torch.equal(out, transform(images, seeded(6)))


@pytest.mark.parametrize("channels", [1, 3])
def test_shift_is_a_window_of_the_padded_image(channels):
    images = torch.randn(200, channels, 16, 24, generator=seeded(1))
    out = augmentation(["shift"])(images, seeded()).numpy()
    seen = set()
    for image, moved in zip(images.numpy(), out, strict=True):
        border = np.concatenate((image[0, 0], image[0, -1], image[0, :, 0], image[0, :, -1]))
        ground = np.sort(border)[(len(border) - 1) // 2]
        pad = ((0, 0), (2, 2), (3, 3))
        wide = np.pad(image, pad, constant_values=ground) if channels == 1 else np.pad(image, pad, mode="reflect")
        places = [(r, c) for r in range(5) for c in range(7) if np.array_equal(wide[:, r : r + 16, c : c + 24], moved)]
        assert len(places) == 1
        seen.update(places)
    assert len(seen) == 35, "some shifts never occur in 200 draws"


def test_mirror_flips_about_half_of_the_images(images):
    images = images.repeat(1000 // len(images), 1, 1, 1)
    out = augmentation(["mirror"])(images, seeded())
    flipped = torch.tensor([torch.equal(a, b.flip(2)) for a, b in zip(out, images, strict=True)])
    kept = torch.tensor([torch.equal(a, b) for a, b in zip(out, images, strict=True)])
    assert torch.all(flipped ^ kept)
    assert 0.44 < flipped.float().mean() < 0.56


def test_rotation_keeps_the_centre_and_turns_by_at_most_fifteen_degrees():
    images = torch.zeros(400, 1, 41, 61)
    images[:, :, 20, 30] = 5.0
    images[:, :, 20, 50] = 1.0  # twenty pixels to the right of the centre
    out = augmentation(["rotation"])(images, seeded())
    torch.testing.assert_close(out[:, 0, 20, 30], torch.full((400,), 5.0), atol=0.05, rtol=0)
    dot = out.clone()
    dot[:, :, 17:24, 27:34] = 0
    weight = dot.sum((1, 2, 3))
    rows = (dot.sum((1, 3)) * torch.arange(41.0)).sum(1) / weight - 20
    columns = (dot.sum((1, 2)) * torch.arange(61.0)).sum(1) / weight - 30
    torch.testing.assert_close(torch.hypot(rows, columns), torch.full((400,), 20.0), atol=0.4, rtol=0)
    angles = torch.rad2deg(torch.atan2(rows, columns))
    assert -15.5 < angles.min() < -12
    assert 12 < angles.max() < 15.5


def place_of_dot(row, column):
    """Where 400 distortions of a dot, always the same ones, put it: (rows, columns) from the centre of 41×61 pixels."""
    images = torch.zeros(400, 1, 41, 61)
    images[:, :, 20 + row, 30 + column] = 1.0
    out = augmentation(["distortion"])(images, seeded(3))[:, 0]
    weight = out.sum((1, 2))
    rows, columns = torch.arange(41.0) - 20, torch.arange(61.0) - 30
    return (out.sum(2) * rows).sum(1) / weight, (out.sum(1) * columns).sum(1) / weight


def test_distortion_moves_scales_and_shears_within_its_bounds():
    """The centre only moves; what lies ten pixels below or beside it shows scale and shear."""
    centre, below, beside = place_of_dot(0, 0), place_of_dot(10, 0), place_of_dot(0, 10)
    for moved, side in zip(centre, (41, 61), strict=True):
        assert 0.9 * side / 16 < moved.abs().max() < side / 16 / 0.9
    high, wide = below[0] - centre[0], beside[1] - centre[1]
    for length in (high, wide):
        assert 10 / 1.1 - 0.4 < length.min() < 9.4
        assert 10.7 < length.max() < 10 / 0.9 + 0.4
    assert torch.corrcoef(torch.stack((high, wide)))[0, 1].abs() < 0.2
    shear = below[1] - centre[1]
    assert 1.2 < shear.abs().max() < 0.15 * 11.2 / 0.9 + 0.4
    assert (beside[0] - centre[0]).abs().max() < 0.4


def test_a_plain_ground_stays_plain():
    images = torch.full((8, 1, 28, 28), -0.42)
    out = augmentation(["shift", "mirror", "rotation", "distortion"])(images, seeded())
    torch.testing.assert_close(out, images)


def test_noise_is_gaussian_of_deviation_a_tenth():
    noise = augmentation(["noise"])(torch.zeros(100, 3, 32, 32), seeded()).double()
    assert abs(noise.mean().item()) < 1e-3
    assert abs(noise.std().item() - 0.1) < 1e-3
    assert abs((noise**4).mean().item() / noise.var().item() ** 2 - 3) < 0.05


def test_augmentations_compose_in_the_order_given(images):
    one, generator = augmentation(["shift", "noise"])(images, seeded()), seeded()
    two = augmentation(["noise"])(augmentation(["shift"])(images, generator), generator)
    assert torch.equal(one, two)
    assert augmentation([])(images, seeded()) is images


def test_unknown_augmentation_is_told_the_nearest():
    with pytest.raises(ProfundoError, match=r"'mirrors'.*nearest: mirror"):
        augmentation(["shift", "mirrors"])
