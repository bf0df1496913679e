"""Pooling and unpooling of arrays against PyTorch's."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from profundo.images import as_image, pool, reduced, unpool
from profundo.images.pooling import pooling_of
from profundo.records import ProfundoError


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_windows_are_those_of_pytorch(size, stride, seed):
    image = np.random.default_rng(seed).normal(size=(7, 9, 2))
    planes = torch.from_numpy(image.transpose(2, 0, 1))[None]
    greatest, places = F.max_pool2d(planes, size, stride, return_indices=True)
    pooled = pool(image, "max", size, stride)
    np.testing.assert_array_equal(pooled.values, greatest[0].permute(1, 2, 0))
    np.testing.assert_array_equal(pooled.places, places[0].permute(1, 2, 0))
    np.testing.assert_array_equal(
        pool(image, "min", size, stride).values, -F.max_pool2d(-planes, size, stride)[0].permute(1, 2, 0)
    )
    mean = F.avg_pool2d(planes, size, stride)[0].permute(1, 2, 0)
    np.testing.assert_allclose(pool(image, "average", size, stride).values, mean, atol=1e-12)
    if stride >= size:
        back = F.max_unpool2d(greatest, places, size, stride, output_size=(7, 9))[0].permute(1, 2, 0)
        np.testing.assert_array_equal(unpool(pooled), back)


def test_a_grey_image_stays_without_channels_and_whole_numbers_whole():
    image = np.arange(20, dtype=np.uint8).reshape(4, 5)
    pooled = pool(image)
    assert pooled.values.tolist() == [[6, 8], [16, 18]]
    assert pooled.values.dtype == np.uint8
    assert unpool(pooled).nonzero() == (pytest.approx([1, 1, 3, 3]), pytest.approx([1, 3, 1, 3]))
    assert unpool(pooled, -np.ones((2, 2))).sum() == -4
    assert pool(image, "avg").values.tolist() == [[3, 5], [13, 15]]
    bright = np.full((2, 2), 255, np.uint8)
    assert pool(bright, "average").values.tolist() == [[255]]


def test_where_values_are_equal_the_first_is_remembered():
    assert pool(np.ones((2, 4))).places.tolist() == [[0, 2]]


@pytest.mark.parametrize(
    ("text", "read"),
    [("max", ("max", 2, 2)), ("AVG:3", ("average", 3, 3)), ("min:3:2", ("min", 3, 2)), ("mean:4:1", ("average", 4, 1))],
)
def test_poolings_are_read_as_written(text, read):
    assert pooling_of(text) == read


@pytest.mark.parametrize("text", ["", "median", "max:0", "max:-1", "max:2:2:2", "max:two", "max:²"])
def test_what_is_no_pooling_is_explained(text):
    with pytest.raises(ProfundoError, match="expected max, min or average"):
        pooling_of(text)


def test_mistakes_are_explained():
    with pytest.raises(ProfundoError, match="window no larger than the image, got 4"):
        pool(np.ones((3, 9)), "max", 4)
    with pytest.raises(ProfundoError, match="smaller windows, or farther apart than 1"):
        pool(np.zeros((3000, 3000), np.uint8), "max", 1500, 1)
    with pytest.raises(ProfundoError, match="stood at no place"):
        unpool(pool(np.ones((4, 4)), "average"))
    with pytest.raises(ProfundoError, match=r"expected values \(2, 2\), got \(3,\)"):
        unpool(pool(np.ones((4, 4))), np.ones(3))
    with pytest.raises(ProfundoError, match="whole sizes"):
        pool(np.ones((4, 4)), "max", 2.5)
    with pytest.raises(ProfundoError, match="expected max, min, average"):
        pool(np.ones((4, 4)), "median")


def test_a_reduced_image_is_the_mean_of_squares():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 18, 3), dtype=np.uint8)
    image = reduced(as_image(pixels), 6)
    assert image.pixels.dtype == np.uint8
    means = F.avg_pool2d(torch.from_numpy(pixels).permute(2, 0, 1)[None].double(), 3)[0].permute(1, 2, 0)
    np.testing.assert_array_equal(image.pixels, means.round())
    assert reduced(image, 6) is image
    assert reduced(as_image(np.zeros((1, 1000))), 10).pixels.shape == (1, 10, 1)
    assert reduced(as_image(np.linspace(0, 9, 400).reshape(20, 20)), 10).pixels.dtype == np.float64
