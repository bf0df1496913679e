"""Power spectra against closed forms: waves of known length, noise, Parseval's sum."""

import math

import pytest
import torch

from profundo.evaluate.kinds.power_spectrum import fine_power, power_spectrum
from profundo.records import ProfundoError


def wave(height, width, down, across, amplitude=3.0):
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return amplitude * torch.cos(2 * math.pi * (down * y + across * x)).double()[None, None]


@pytest.mark.parametrize(("down", "across"), [(0.0, 0.125), (0.125, 0.0), (0.15, 0.2), (-0.21, 0.28)])
def test_a_wave_has_its_power_where_its_frequency_is(down, across):
    middles, power = power_spectrum(wave(96, 80, down, across) + 50, bins=10)
    assert middles.tolist() == pytest.approx([0.025 + 0.05 * at for at in range(10)])
    at = int(math.hypot(down, across) / 0.05 + 1e-9)
    near = power[0, max(0, at - 1) : at + 2].sum()  # a window spreads a wave over its neighbours
    assert near == pytest.approx(9 / 2, rel=0.03), "half the squared amplitude"
    assert power.sum() == pytest.approx(9 / 2, rel=0.03)


def test_noise_has_power_by_the_area_of_each_ring_and_its_variance_in_all():
    noise = torch.randn(8, 1, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2
    middles, power = power_spectrum(noise, bins=8)
    expected = 4 * 2 * math.pi * middles / 16
    assert power.mean(0)[1:].tolist() == pytest.approx(expected[1:].tolist(), rel=0.2), "the mean is not in the first"
    assert fine_power(noise).mean() == pytest.approx(4 * (1 - math.pi / 16), rel=0.05), "all but a circle"


def test_a_mean_of_neighbours_takes_fine_waves_and_leaves_long_ones():
    for across, kept in ((0.05, math.cos(math.pi * 0.05) ** 2), (0.4, math.cos(math.pi * 0.4) ** 2)):
        image = wave(64, 101, 0.0, across)
        halved = (image[..., 1:] + image[..., :-1]) / 2
        ratio = power_spectrum(halved)[1].sum() / power_spectrum(image[..., 1:])[1].sum()
        assert ratio == pytest.approx(kept, rel=0.02)


def test_other_shapes_are_refused_in_a_line():
    for shape in ((3, 8, 8), (1, 3, 8, 8), (1, 1, 1, 8)):
        with pytest.raises(ProfundoError, match="sides of 2 or more"):
            power_spectrum(torch.zeros(shape))
