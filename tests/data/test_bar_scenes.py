"""Scenes of one bar: its light, middle and axis are those that it was made from."""

import math

import torch

from profundo.data.sets.bar_scenes import (
    ACROSS,
    ANGLES,
    BREADTH,
    BRIGHT,
    DOWN,
    LENGTHS,
    LEVELS,
    at_levels,
    drawn_scenes,
    scene_lattice,
)

SIDE = 48


def within(span, share):
    return span[0] + (span[1] - span[0]) * share


def test_a_scene_has_the_moments_of_the_bar_that_it_was_made_from():
    factors = torch.rand(60, 5, generator=torch.Generator().manual_seed(0))
    pictures = drawn_scenes(factors, SIDE).double()[:, 0]
    places = (torch.arange(SIDE, dtype=torch.float64) + 0.5) / SIDE
    for picture, (across, down, size, angle, bright) in zip(pictures, factors.double().tolist(), strict=True):
        half = within(LENGTHS, size)
        light = picture.sum()
        area = 4 * half * BREADTH * half * SIDE**2
        torch.testing.assert_close(light, torch.tensor(area * within(BRIGHT, bright)).double(), rtol=0.05, atol=0)
        x, y = (picture.sum(0) * places).sum() / light, (picture.sum(1) * places).sum() / light
        assert abs(x - within(ACROSS, across)) < 0.01
        assert abs(y - within(DOWN, down)) < 0.01
        xx = (picture.sum(0) * (places - x).square()).sum()
        yy = (picture.sum(1) * (places - y).square()).sum()
        xy = (picture * (places[None] - x) * (places[:, None] - y)).sum()
        assert abs(0.5 * math.atan2(2 * xy, xx - yy) - within(ANGLES, angle)) < 0.05


def test_the_lattice_has_each_combination_of_levels_once():
    lattice = scene_lattice()
    assert len(lattice) == math.prod(LEVELS) == len(lattice.unique(dim=0))
    assert at_levels(lattice).aminmax() == (0, 1)
    pictures = drawn_scenes(at_levels(lattice[:400]))
    assert len(pictures.unique(dim=0)) == 400
    assert pictures.min() >= 0
    assert pictures.max() <= 1
