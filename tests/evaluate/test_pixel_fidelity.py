"""PSNR and SSIM against closed forms and against a window moved by hand."""

import math

import numpy as np
import pytest
import torch

from profundo.evaluate.kinds.pixel_fidelity import luma, psnr, ssim
from profundo.records import ProfundoError


def noise(height=15, width=18, seed=0):
    return torch.rand(2, 1, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 255


def test_black_white_and_primaries_have_the_luma_of_the_standard():
    colours = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=torch.uint8)
    y = luma(colours.view(5, 3, 1, 1)).flatten().tolist()
    assert y == pytest.approx([16, 235, 81.481, 144.553, 40.966])


def test_an_image_that_is_off_by_a_constant_has_the_psnr_of_that_constant():
    image = noise()
    for off in (1.0, 5.0):
        assert psnr(image + off, image).tolist() == pytest.approx([20 * math.log10(255 / off)] * 2)
    assert psnr(image, image).tolist() == [math.inf] * 2


def test_an_image_is_like_itself_and_a_shift_of_a_flat_one_changes_the_mean_alone():
    image = noise()
    assert ssim(image, image).tolist() == pytest.approx([1, 1])
    flat, c = torch.full((1, 1, 12, 12), 100.0), (0.01 * 255) ** 2
    assert ssim(flat + 20, flat).item() == pytest.approx((2 * 120 * 100 + c) / (120**2 + 100**2 + c))


def test_noise_of_no_relation_has_the_covariance_alone_to_lose():
    image = noise(60, 60)
    assert ssim(255 - image, image).max() < 0
    assert ssim(noise(60, 60, seed=1), image).abs().max() < 0.1


def by_hand(x, y):
    places = np.arange(11) - 5
    window = np.exp(-(places[:, None] ** 2 + places**2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for top in range(x.shape[0] - 10):
        for left in range(x.shape[1] - 10):
            a, b = (one[top : top + 11, left : left + 11] for one in (x, y))
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            together = (window * (a - mean_a) * (b - mean_b)).sum()
            first, second = 6.5025, 58.5225  # (0.01 · 255)², (0.03 · 255)²
            light = (2 * mean_a * mean_b + first) / (mean_a**2 + mean_b**2 + first)
            values.append(light * (2 * together + second) / (var_a + var_b + second))
    return np.mean(values)


def test_ssim_is_that_of_a_window_moved_by_hand():
    x = noise()
    y = x + 0.3 * noise(seed=1) - 20
    expected = [by_hand(a[0].numpy(), b[0].numpy()) for a, b in zip(x, y, strict=True)]
    assert ssim(x, y).tolist() == pytest.approx(expected, abs=1e-12)


def test_what_cannot_be_compared_is_said_in_a_line():
    for wrong in (noise(15, 17), noise()[0], noise().expand(2, 3, 15, 18)):
        with pytest.raises(ProfundoError, match="psnr: expected two tensors"):
            psnr(wrong, noise())
    with pytest.raises(ProfundoError, match="sides of 11 pixels or more"):
        ssim(noise(10, 30), noise(10, 30))
