"""Statistics against numpy in double precision; standardising whole or in parts gives the same bits."""

import numpy as np
import pytest
import torch

from profundo.data import standardize, standardize_targets
from profundo.data.splits.splits import stratified
from profundo.data.standard import channel_sums, moments
from profundo.records import Inputs, Targets


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (7, 1, 28, 28), (300, 3, 32, 32), (3, 3, 200, 301), (2, 1, 1100, 1000)]
)
def test_image_moments_equal_those_of_numpy(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    sums = channel_sums(torch.from_numpy(images))
    mean, std = moments(sums, images.size // shape[1])
    wide = images.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean((0, 2, 3)), rtol=1e-12)
    expected = wide.std((0, 2, 3))
    np.testing.assert_allclose(std, np.where(expected == 0, 1, expected), rtol=1e-12)
    assert sums[1].tolist() == (images.astype(np.int64) ** 2).sum((0, 2, 3)).tolist()


def test_the_whole_set_and_its_parts_standardise_to_the_same_bits():
    raw = torch.randint(0, 256, (1001, 3, 9, 7), dtype=torch.uint8)
    inputs = Inputs((3, 9, 7), "image", mean=(125.3, 122.9, 113.9), std=(62.9, 62.1, 66.7))
    whole = standardize(raw, inputs)
    parts = torch.cat([standardize(part, inputs) for part in raw.split(13)])
    assert torch.equal(whole, parts)
    assert torch.equal(whole[5], standardize(raw[5], inputs).squeeze(0))
    assert whole.dtype == torch.float32


def test_standardising_leaves_the_raw_values_alone():
    rows = torch.ones(4, 2)
    inputs = Inputs((2,), "features", mean=(1.0, 3.0), std=(1.0, 2.0))
    assert standardize(rows, inputs).tolist() == [[0.0, -1.0]] * 4
    assert rows.tolist() == [[1.0, 1.0]] * 4
    assert torch.equal(standardize(rows, Inputs((2,), "features")), rows)


def test_only_real_targets_are_standardised():
    assert standardize_targets(torch.tensor([[5.0]]), Targets("real", mean=(3.0,), std=(4.0,))).item() == 0.5
    indices = torch.tensor([0, 1, 2])
    assert standardize_targets(indices, Targets("classes", ("a", "b", "c"))) is indices


@pytest.mark.parametrize("share", [0.1, 1 / 12, 0.2, 0.5])
@pytest.mark.parametrize("counts", [(50, 50), (100, 20, 3), (5923, 6742, 5958), (7,) * 11])
def test_stratified_takes_the_share_of_every_class(counts, share):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))]
    rest, taken = stratified(labels, torch.arange(len(labels)), share, torch.Generator().manual_seed(0))
    assert len(taken) == round(share * sum(counts))
    assert torch.equal(torch.cat((rest, taken)).sort().values, torch.arange(len(labels)))
    for label, count in enumerate(counts):
        assert abs((labels[taken] == label).sum().item() - share * count) < 1


def test_every_class_leaves_a_sample_to_train_on():
    labels = torch.tensor([0, 1, 1, 2, 2])
    rest, taken = stratified(labels, torch.arange(5), 0.9, torch.Generator().manual_seed(0))
    assert set(labels[rest].tolist()) == {0, 1, 2}
    assert len(taken) == 2
    rest, taken = stratified(labels, torch.arange(5), 0.01, torch.Generator().manual_seed(0))
    assert len(taken) == 1
