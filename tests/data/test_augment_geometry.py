"""Where pixels come from, against Pillow's and SciPy's own resampling."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from profundo.data import augmentation
from profundo.data.augmenting.geometry import homography, smooth_field, window


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def smooth_images(count, channels, height, width):
    """Waves: no two places alike, and nothing that bilinear interpolation would lose."""
    y, x = torch.meshgrid(torch.arange(height) / 7.0, torch.arange(width) / 5.0, indexing="ij")
    phase = torch.rand(count, channels, 1, 1, generator=seeded(9)) * 6
    return torch.sin(x + phase) + torch.cos(y - 2 * phase)


def test_flip_turns_half_of_the_images_upside_down():
    images = smooth_images(1000, 3, 5, 4)
    out = augmentation(["flip"])(images, seeded()).numpy()
    flipped = np.array([np.array_equal(a, b[:, ::-1]) for a, b in zip(out, images.numpy(), strict=True)])
    kept = np.array([np.array_equal(a, b) for a, b in zip(out, images.numpy(), strict=True)])
    assert (flipped ^ kept).all()
    assert 0.44 < flipped.mean() < 0.56


@pytest.mark.parametrize(("count", "channels", "height", "width"), [(12, 1, 20, 30), (12, 3, 20, 30), (200, 1, 5, 6)])
def test_crop_is_pillows_bilinear_resize_of_the_window(count, channels, height, width):
    images = smooth_images(count, channels, height, width)
    bounds = (0.2, 0.9), (0.5, 2.0)
    out = augmentation([{"crop": {"scale": bounds[0], "ratio": bounds[1]}}])(images, seeded(4))
    left, top, wide, high = (side.double() for side in window(images, seeded(4), *bounds))
    for n, image in enumerate(images):
        box = (left[n] * width, top[n] * height, (left[n] + wide[n]) * width, (top[n] + high[n]) * height)
        for plane, found in zip(image, out[n], strict=True):
            expected = Image.fromarray(plane.numpy()).resize(
                (width, height), Image.Resampling.BILINEAR, box=tuple(map(float, box))
            )
            np.testing.assert_allclose(found, np.asarray(expected), atol=2e-4)


def test_windows_lie_inside_with_area_and_shape_as_asked():
    images = torch.zeros(20_000, 1, 45, 45)
    left, top, wide, high = window(images, seeded(), (0.2, 0.4), (0.5, 2.0))
    area, ratio = wide * high, wide / high
    assert torch.stack((left, top)).min() >= 0
    assert torch.stack((left + wide, top + high)).max() <= 1 + 1e-6
    assert area.min() == pytest.approx(0.2, abs=0.001)
    assert area.max() == pytest.approx(0.4, abs=0.001)
    assert area.mean() == pytest.approx(0.3, abs=0.002)  # uniform
    assert ratio.log().mean() == pytest.approx(0, abs=0.01)
    assert ratio.log().std() == pytest.approx(2 * math.log(2) / math.sqrt(12), rel=0.02)
    assert (left / (1 - wide)).mean() == pytest.approx(0.5, abs=0.01)


def test_windows_of_other_shapes_keep_their_ratio_in_pixels_and_are_cut_to_the_image():
    images = torch.zeros(5000, 1, 30, 60)
    _, _, wide, high = window(images, seeded(), (0.05, 0.1), (0.5, 2.0))
    ratio = 60 * wide / (30 * high)
    assert 0.5 <= ratio.min() < 0.51
    assert 1.98 < ratio.max() <= 2.001
    _, _, wide, high = window(images, seeded(), (0.9, 1.0), (0.1, 10.0))
    assert wide.max() == high.max() == 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("factor", [0.7, 1.6])
def test_zoom_is_scipys_affine_transform_about_the_centre(channels, factor):
    images = smooth_images(2, channels, 15, 22)
    out = augmentation([{"zoom": {"factor": [factor, factor]}}])(images, seeded())
    for image, found in zip(images, out, strict=True):
        border = np.sort(np.concatenate([image[0, 0], image[0, -1], image[0, :, 0], image[0, :, -1]]))
        outside = (
            {"mode": "grid-constant", "cval": border[(len(border) - 1) // 2]} if channels == 1 else {"mode": "reflect"}
        )
        offset = [(side - 1) / 2 * (1 - 1 / factor) for side in (15, 22)]
        for plane, got in zip(image.numpy(), found, strict=True):
            expected = ndimage.affine_transform(plane, [1 / factor, 1 / factor], offset, order=1, **outside)
            np.testing.assert_allclose(got, expected, atol=1e-4)


def test_a_homography_takes_corners_to_corners_and_lines_to_lines():
    square = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]], dtype=torch.float64)
    corners = square + 0.4 * torch.rand(50, 4, 2, generator=seeded(), dtype=torch.float64)
    maps = homography(corners)

    def moved(points):
        places = torch.cat((points, torch.ones_like(points[:, :1])), 1) @ maps.mT
        return places[..., :2] / places[..., 2:]

    torch.testing.assert_close(moved(square), corners)
    line = moved(torch.tensor([[0.1, 0.3], [0.4, 0.5], [0.7, 0.7]], dtype=torch.float64))
    one, other = line[:, 1] - line[:, 0], line[:, 2] - line[:, 0]
    torch.testing.assert_close(one[:, 0] * other[:, 1], one[:, 1] * other[:, 0], rtol=1e-9, atol=1e-12)


def test_perspective_is_pillows_with_coefficients_from_eight_linear_equations():
    images, strength = smooth_images(6, 3, 40, 30), 0.2
    out = augmentation([{"perspective": {"strength": strength}}])(images, seeded(2))
    moves = 2 * torch.rand(6, 4, 2, generator=seeded(2)).double().numpy() - 1
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    for image, found, move in zip(images, out, moves, strict=True):
        places = (square + strength * move) * (30, 40)
        rows, wanted = [], []
        for (u, v), (x, y) in zip(square * (30, 40), places, strict=True):
            rows += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
            wanted += [x, y]
        coefficients = np.linalg.solve(np.array(rows), np.array(wanted))
        for plane, got in zip(image.numpy(), found.numpy(), strict=True):
            picture = Image.fromarray(plane)
            made = picture.transform(
                (30, 40),
                Image.Transform.PERSPECTIVE,
                tuple(coefficients),
                Image.Resampling.BILINEAR,
                fillcolor=math.nan,
            )
            expected = np.asarray(made)
            inside = ~np.isnan(expected)  # Pillow leaves empty what comes from outside
            assert inside.mean() > 0.6
            np.testing.assert_allclose(got[inside], expected[inside], atol=2e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_elastic_is_scipys_gaussian_and_its_map_of_coordinates(channels):
    images, strength, sigma = smooth_images(3, channels, 20, 26), 0.06, 0.1
    out = augmentation([{"elastic": {"strength": strength, "sigma": sigma}}])(images, seeded(7))
    sigmas = sigma * 20, sigma * 26
    radii = [math.ceil(3 * s) for s in sigmas]
    noise = 2 * torch.rand(3, 2, 20 + 2 * radii[0], 26 + 2 * radii[1], generator=seeded(7)).double().numpy() - 1
    y, x = np.mgrid[0:20, 0:26].astype(float)
    for image, found, (right, down) in zip(images.numpy(), out.numpy(), noise, strict=True):
        fields = []
        for plane in (right, down):
            blurred = ndimage.gaussian_filter(plane, sigmas, truncate=3.3, radius=radii)
            impulse = np.zeros_like(plane)
            impulse[plane.shape[0] // 2, plane.shape[1] // 2] = 1
            gain = np.sqrt((ndimage.gaussian_filter(impulse, sigmas, radius=radii) ** 2).sum() / 3)  # of uniform noise
            fields.append(blurred[radii[0] : -radii[0], radii[1] : -radii[1]] / gain)
        border = np.sort(np.concatenate([image[0, 0], image[0, -1], image[0, :, 0], image[0, :, -1]]))
        outside = (
            {"mode": "grid-constant", "cval": border[(len(border) - 1) // 2]} if channels == 1 else {"mode": "reflect"}
        )
        places = [y + strength * 20 * fields[1], x + strength * 26 * fields[0]]
        for plane, got in zip(image, found, strict=True):
            np.testing.assert_allclose(got, ndimage.map_coordinates(plane, places, order=1, **outside), atol=2e-3)


def test_elastic_fields_have_mean_0_and_variance_1_up_to_the_border_and_are_smooth():
    field = smooth_field(torch.zeros(400, 1, 29, 29), seeded(), 4 / 29).double()
    assert abs(field.mean()) < 0.05
    torch.testing.assert_close(field.square().mean((0, 1)), torch.ones(29, 29).double(), atol=0.25, rtol=0)
    # Neighbours of a field blurred by a Gaussian correlate as exp(−1/4σ²).
    neighbours = (field[..., 1:] * field[..., :-1]).mean() / field.square().mean()
    assert neighbours == pytest.approx(math.exp(-1 / (4 * 16)), abs=0.003)


def test_simards_figures_are_the_default():
    """σ = 4 and α = 34 on 29 × 29 pixels: uniform noise in (−1, 1), blurred, times α, is off by 0.05 sides on average."""
    noise = np.random.default_rng(0).uniform(-1, 1, (400, 400))
    pixels = 34 * ndimage.gaussian_filter(noise, 4, mode="wrap").std()
    assert pixels / 29 == pytest.approx(0.05, abs=0.005)
