"""The composed function against its formula, written out."""

import math

import pytest
import torch

from profundo.data.sets.compositions import composition, compositions


def h(a, b):
    return math.sin(2 * (a + b)) * math.cos(a - 2 * b)


def test_four_inputs_go_through_two_levels():
    x = torch.rand(20, 4, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    expected = [h(h(a, b), h(c, d)) for a, b, c, d in x.tolist()]
    assert composition(x).squeeze(1).tolist() == pytest.approx(expected)


def test_inputs_fill_the_cube_and_targets_are_their_values():
    data = compositions(4000, torch.Generator().manual_seed(1))
    assert (len(data.train), len(data.validation), len(data.test)) == (4000, 4000, 4000)
    assert data.train.inputs.abs().max() <= 1
    assert data.train.inputs.var(0).tolist() == pytest.approx([1 / 3] * 4, rel=0.05)
    assert composition(data.test.inputs).equal(data.test.targets)
    assert data.spec.targets.std[0] == pytest.approx(data.train.targets.std().item())


def test_splits_share_no_sample():
    data = compositions(100, torch.Generator().manual_seed(2))
    rows = torch.cat([data.train.inputs, data.validation.inputs, data.test.inputs])
    assert len(torch.unique(rows, dim=0)) == 300
