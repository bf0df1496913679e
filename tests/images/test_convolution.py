"""Convolution by hand against PyTorch's and SciPy's, step by step and as a whole; kernels; separability."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

from profundo.images import COURSE, KERNELS, convolve, correlate, kernel_of, output_size, separated, size_formula, slide
from profundo.records import ProfundoError

CROSS = "1 0 1; 0 1 0; 1 0 1"
RESULT = [[1, 4, 3, 4, 1], [1, 2, 4, 3, 3], [1, 2, 3, 4, 1], [1, 3, 3, 1, 1], [3, 3, 1, 1, 0]]


@pytest.fixture
def random():
    return np.random.default_rng(0)


def by_torch(image, weights, stride, padding, dilation, mode):
    """(height, width) through conv2d, which correlates."""
    rows, columns = padding
    planes = torch.from_numpy(image)[None, None]
    planes = F.pad(planes, (columns, columns, rows, rows), mode=mode)
    return F.conv2d(planes, torch.from_numpy(weights)[None, None], stride=stride, dilation=dilation)[0, 0].numpy()


def test_the_example_of_the_courses():
    assert correlate(COURSE, CROSS).tolist() == RESULT
    assert convolve(COURSE, CROSS).tolist() == RESULT  # the kernel is the same when turned
    step = slide(COURSE, CROSS).step(0, 1)
    assert str(step) == "1·1 + 1·0 + 1·1 + 0·0 + 1·1 + 1·0 + 0·1 + 0·0 + 1·1 = 4"


@settings(deadline=None)
@given(
    st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 3),
    st.sampled_from(["zero", "mirror"]), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_every_stride_padding_and_dilation_is_that_of_pytorch(high, wide, stride, dilation, padding, border, seed):
    random = np.random.default_rng(seed)
    image, weights = random.normal(size=(11, 13)), random.normal(size=(high, wide))
    mode = {"zero": "constant", "mirror": "reflect"}[border]
    expected = by_torch(image, weights, stride, (padding, padding), dilation, mode)
    sliding = slide(image, weights, stride=stride, dilation=dilation, padding=f"{border}:{padding}")
    np.testing.assert_allclose(sliding.result(), expected, atol=1e-10)
    assert sliding.shape == expected.shape
    assert output_size(11, high, stride, padding, dilation) == expected.shape[0]
    steps = list(sliding.steps())
    np.testing.assert_allclose([step.sum for step in steps], expected.ravel(), atol=1e-10)
    for step in steps:
        assert step.products.sum() == pytest.approx(step.sum)
        assert (step.products == step.patch * weights[..., None]).all()


def test_correlation_and_convolution_are_those_of_scipy(random):
    image, weights = random.normal(size=(9, 8)), random.normal(size=(3, 4))
    np.testing.assert_allclose(correlate(image, weights), signal.correlate2d(image, weights, "valid"))
    np.testing.assert_allclose(convolve(image, weights), signal.convolve2d(image, weights, "valid"))
    assert not np.allclose(correlate(image, weights), convolve(image, weights))
    odd = weights[:, :3]
    np.testing.assert_allclose(correlate(image, odd, padding="mirror"), ndimage.correlate(image, odd, mode="mirror"))
    np.testing.assert_allclose(correlate(image, odd, padding="same"), ndimage.correlate(image, odd, mode="constant"))


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_same_keeps_the_size_of_even_kernels_as_pytorch_does(random):
    image, weights = random.normal(size=(9, 8)), random.normal(size=(4, 2))
    planes, kernels = (torch.from_numpy(one)[None, None] for one in (image, weights))
    for dilation in (1, 2):
        expected = F.conv2d(planes, kernels, padding="same", dilation=dilation)[0, 0]
        np.testing.assert_allclose(correlate(image, weights, padding="same", dilation=dilation), expected, atol=1e-12)


def test_channels_are_filtered_alone_or_added_up(random):
    image, weights = random.normal(size=(6, 7, 3)), random.normal(size=(3, 3, 3))
    alone = correlate(image, weights[..., 0])
    assert alone.shape == (4, 5, 3)
    for channel in range(3):
        np.testing.assert_allclose(alone[..., channel], correlate(image[..., channel], weights[..., 0]))
    layer = F.conv2d(
        torch.from_numpy(image.transpose(2, 0, 1))[None], torch.from_numpy(weights.transpose(2, 0, 1))[None]
    )
    np.testing.assert_allclose(correlate(image, weights), layer[0, 0], atol=1e-12)
    sliding = slide(image, weights)
    assert sliding.step(1, 2).sum == pytest.approx(float(layer[0, 0, 1, 2]))
    assert slide(image, weights[..., 0]).step(1, 2, channel=2).sum == pytest.approx(alone[1, 2, 2])
    text = "1 0; 0 1 | 0 1; 1 0 | 2 2; 2 2"
    assert kernel_of(text).weights[..., 2].tolist() == [[2, 2], [2, 2]]
    assert slide(np.ones((2, 2, 3)), text).step(0, 0).sum == 12


def test_whole_numbers_are_not_rounded_and_not_overrun():
    image = np.full((3, 3), 255, np.uint8)
    assert correlate(image, "1 1 1; 1 1 1; 1 1 1").tolist() == [[2295]]
    assert correlate(image, "sobel-x", padding="same")[1].tolist() == [1020, 0, -1020]
    assert correlate(image.astype(np.float32), "box").dtype == np.float32


def test_what_lies_outside_is_told_from_what_lies_inside():
    sliding = slide(COURSE, CROSS, padding="mirror:2")
    assert sliding.inside.sum() == COURSE.size
    assert (sliding.image[sliding.inside].reshape(7, 7) == COURSE).all()
    step = sliding.step(0, 0)
    assert sliding.inside[np.ix_(step.rows, step.columns)].sum() == 1


@pytest.mark.parametrize(
    ("n", "k", "s", "p", "d"), [(7, 3, 1, 0, 1), (28, 5, 2, 2, 1), (32, 3, 2, (1, 2), 2), (5, 5, 1, 0, 1)]
)
def test_the_size_formula_says_its_own_result(n, k, s, p, d):
    formula, added = size_formula(n, k, s, p, d), sum(p) if isinstance(p, tuple) else 2 * p
    left, right = formula.split(" = ")
    python = left.replace("⌊", "(").replace("⌋", ")").replace("·", "*").replace("−", "-").replace(" / ", " // ")
    assert eval(python) == int(right) == output_size(n, k, s, p, d) == len(range(0, n + added - d * (k - 1), s))


# ------------------------------------------------------------------------------------------------------------- kernels
def test_named_kernels_are_those_of_scipy(random):
    image = random.normal(size=(12, 12))
    inner = (slice(4, -4), slice(4, -4))

    def ours(name):
        return correlate(image, name, padding="same")[inner]

    np.testing.assert_allclose(ours("sobel-x"), ndimage.sobel(image, axis=1)[inner])
    np.testing.assert_allclose(ours("sobel-y"), ndimage.sobel(image, axis=0)[inner])
    np.testing.assert_allclose(ours("prewitt-x"), ndimage.prewitt(image, axis=1)[inner])
    np.testing.assert_allclose(ours("prewitt-y"), ndimage.prewitt(image, axis=0)[inner])
    np.testing.assert_allclose(ours("laplace"), ndimage.laplace(image)[inner])
    np.testing.assert_allclose(ours("box:5"), ndimage.uniform_filter(image, 5)[inner])
    np.testing.assert_allclose(ours("gaussian:1"), ndimage.gaussian_filter(image, 1, truncate=3)[inner])
    np.testing.assert_allclose(ours("sharpen"), (image - ndimage.laplace(image))[inner])
    assert (ours("identity") == image[inner]).all()


@pytest.mark.parametrize("name", KERNELS)
def test_what_a_kernel_says_of_itself_is_so(name):
    kernel = kernel_of(name)
    even = correlate(np.full((12, 12), 10.0), kernel)
    np.testing.assert_allclose(even, 10 * kernel.sum, atol=1e-9)
    assert ("become 0" in kernel.balance) == (abs(kernel.sum) < 1e-9)
    assert kernel.is_symmetric == np.array_equal(kernel.weights, np.rot90(kernel.weights, 2))


def test_gabor_answers_to_stripes_of_its_angle():
    y, x = np.mgrid[:40, :40]
    strength = {
        angle: np.abs(correlate(np.cos(2 * np.pi * (x * np.cos(a) + y * np.sin(a)) / 5), "gabor:45")).mean()
        for angle in range(0, 180, 15)
        if (a := np.radians(angle)) is not None
    }
    assert max(strength, key=strength.get) == 45


def test_gabor_is_told_its_wavelength_its_width_and_its_phase():
    x = np.arange(64) * np.ones((64, 1))

    def answer(wavelength, kernel):
        return np.abs(correlate(np.cos(2 * np.pi * x / wavelength), kernel)).mean()

    for told in (4, 6, 10):
        strength = {one: answer(one, f"gabor:0:{told}:4") for one in (3, 4, 5, 6, 8, 10, 14)}
        assert max(strength, key=strength.get) == told
    assert kernel_of("gabor:0:5:3").size == (13, 13)
    odd = kernel_of("gabor:0:5:2:90").weights
    np.testing.assert_allclose(odd, -odd[:, ::-1], atol=1e-12)  # an edge to the left is one to the right, negated
    np.testing.assert_array_equal(kernel_of("gabor:45:5:2:0").weights, kernel_of("gabor:45").weights)


def test_separable_kernels_are_a_column_times_a_row(random):
    image = random.normal(size=(13, 14))
    for name in ("box", "gaussian", "gaussian:1.5", "sobel-x", "sobel-y", "prewitt-y", "identity", "gabor"):
        kernel = kernel_of(name)
        parts = separated(kernel.weights)
        assert parts.rank == 1
        np.testing.assert_allclose(np.outer(parts.column, parts.row), kernel.weights, atol=1e-12)
        twice = correlate(correlate(image, parts.column[:, None]), parts.row[None])
        np.testing.assert_allclose(twice, correlate(image, kernel), atol=1e-10)
    sobel = separated(kernel_of("sobel-x").weights)
    assert (sobel.column.tolist(), sobel.row.tolist()) == ([1, 2, 1], [-1, 0, 1])
    for name in ("laplace", "sharpen", "emboss", "gabor:45", CROSS):
        weights = kernel_of(name).weights
        assert separated(weights).rank == np.linalg.matrix_rank(weights) > 1
        assert separated(weights).column is None
    assert separated(np.zeros((3, 3))).rank == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sobel", "nearest: sobel"),
        ("blurry", "choose one of identity"),
        ("1 0; 1", "rows of equal length"),
        ("1 0 | 1 0; 0 1", "rows a channel"),
        ("1 x", "got '1 x'"),
        ("1 1/0", "got '1/0'"),
        ("1 nan", "got '1 nan'"),
        ("1 1e999", "finite"),
        ("", "got no numbers"),
        ("sobel-x:3", "takes no number"),
        ("box:3:3", "takes at most 1"),
        ("gabor:0:1", "wavelength in pixels of gabor 2 to 30, got '1'"),
        ("gabor:0:5:2:0:0", "takes at most 4"),
        ("box:2.5", "side of box 1 to 31"),
        ("gaussian:x", "standard deviation"),
        ("box:1000000", "got '1000000'"),
        (" ".join(["1"] * 32), "at most 31"),
    ],
)
def test_what_is_no_kernel_is_explained(text, words):
    with pytest.raises(ProfundoError, match=words) as refusal:
        kernel_of(text)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"stride": 0}, "stride: expected"),
        ({"dilation": 9}, "add padding"),
        ({"padding": "wrap"}, "padding: expected"),
        ({"padding": "same:2"}, "padding: expected"),
        ({"padding": -1}, "padding: expected"),
        ({"padding": "mirror:99999"}, "at most 1000"),
        ({"kernel": np.ones((3, 3, 2))}, "1 channel or for the image's 1, got 2"),
        ({"image": np.zeros(3)}, "image: expected numbers"),
        ({"image": np.zeros((0, 3))}, "image: expected numbers"),
        ({"image": np.array([["a"]])}, "image: expected numbers"),
    ],
)
def test_what_cannot_slide_is_explained(arguments, words):
    with pytest.raises(ProfundoError, match=words):
        slide(**({"image": COURSE, "kernel": CROSS} | arguments))
    with pytest.raises(ProfundoError, match="row below 5"):
        slide(COURSE, CROSS).step(5, 0)


@pytest.mark.parametrize("sizes", [(7, 3, 0), (0, 3), (7, 0), (7, 3, 1, -1), (7, 3, 1, 0, 0)])
def test_sizes_of_nothing_are_refused(sizes):
    for function in (output_size, size_formula):
        with pytest.raises(ProfundoError, match="at least 1"):
            function(*sizes)
    assert output_size(7, 9) == 0


def test_rows_of_unequal_length_are_no_image_and_no_kernel():
    for image, kernel in (([[1, 2], [3]], "box"), (np.ones((5, 5)), [[1, 2], [3]])):
        with pytest.raises(ProfundoError, match="rows of equal length"):
            correlate(image, kernel)
