"""Drawings brought into the form of a data set's: against geometry, and against MNIST and scikit-learn's digits themselves."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from profundo.images import Frame, frame_of, framed, sketched
from profundo.images.strokes import centre_of_mass, ends_of, thickness
from profundo.records import ProfundoError

LINE = [[(300, 100), (300, 900)]]
HOOK = [[(100, 200), (400, 200), (400, 600)], [(150, 500), (180, 520)]]
TWO = [[(250, 250), (400, 100), (600, 120), (700, 300), (600, 500), (250, 880)], [(250, 880), (750, 880)]]
ZERO = [[(500, 100), (250, 250), (200, 500), (250, 750), (500, 900), (750, 750), (800, 500), (750, 250), (500, 100)]]
SEVEN = [[(230, 130), (750, 130), (450, 900)]]
MNIST = Frame(20, 2.4)


@pytest.mark.parametrize("strokes", [LINE, HOOK, TWO])
@pytest.mark.parametrize("frame", [MNIST, Frame(20, 3, by_mass=False), Frame(16, 2, dark=True)])
def test_what_is_framed_has_the_size_and_the_place_of_the_frame(strokes, frame):
    picture = framed(strokes, (28, 28), frame).astype(float)
    ink = (255 - picture if frame.dark else picture) / 255
    low, high = ends_of(ink)
    assert abs((high - low + 1).max() - frame.box) <= 1
    middle = centre_of_mass(ink) if frame.by_mass else (low + high) / 2
    np.testing.assert_allclose(middle, 13.5, atol=0.1 if frame.by_mass else 0.5)


def test_neither_place_nor_size_on_the_paper_matters():
    moved = [[(x * 0.4 + 500, y * 0.4 + 50) for x, y in stroke] for stroke in TWO]
    here, there = (framed(one, (28, 28), MNIST).astype(int) for one in (TWO, moved))
    assert np.abs(here - there).max() <= 32  # a shift by less than an eighth of a pixel
    assert np.abs(here - there).mean() < 1


def test_the_width_of_bars_is_measured_as_they_are_drawn():
    for width in (2, 4, 6):
        bars = np.zeros((3, 80, 80))
        bars[:, 5:75, 20 : 20 + width] = 1
        # twice the area by the outline, of whose corners each is rounded off by 2 − √2
        expected = 2 * 70 * width / (2 * (70 + width))
        np.testing.assert_allclose(thickness(bars), expected, rtol=0.02)


def test_the_frame_of_images_is_the_one_that_they_were_drawn_in():
    for frame in (Frame(20, 2.4), Frame(14, 2, by_mass=False), Frame(18, 3, dark=True)):
        drawn = np.stack([framed(one, (28, 28), frame) for one in (LINE, HOOK, TWO, ZERO, SEVEN)])
        measured = frame_of(drawn)
        assert measured is not None
        assert abs(measured.box - frame.box) <= 1
        assert abs(measured.pen / frame.pen - 1) < 0.25
        assert (measured.by_mass, measured.dark) == (frame.by_mass, frame.dark)


def test_digits_of_scikit_learn_fill_their_images():
    frame = frame_of(load_digits().images)
    assert frame is not None
    assert frame.box == 8
    assert not frame.dark
    assert not frame.by_mass


def test_a_classifier_that_never_saw_a_drawing_reads_framed_ones():
    digits = load_digits()
    frame = frame_of(digits.images)
    assert frame is not None
    model = KNeighborsClassifier(3).fit(digits.data, digits.target)
    drawn = np.stack([framed(one, (8, 8), frame) for one in (ZERO, TWO, SEVEN)]).reshape(3, -1) / 255 * 16
    assert model.predict(drawn).tolist() == [0, 2, 7]
    careless = np.stack(
        [sketched([[(x * 0.4, y * 0.4) for x, y in s] for s in one], (8, 8)) for one in (ZERO, TWO, SEVEN)]
    )
    assert model.predict(careless.reshape(3, -1) / 255 * 16).tolist() != [0, 2, 7]


def test_photographs_have_no_frame():
    noise = np.random.default_rng(0).integers(0, 256, (10, 28, 28))
    assert frame_of(noise) is None
    assert frame_of(np.zeros((3, 8, 8))) is None
    assert frame_of(np.zeros((0, 8, 8))) is None


def test_a_sketch_lies_where_it_was_drawn():
    picture = sketched([[(500, 0), (500, 1000)]], (100, 100), pen=0.1)
    np.testing.assert_allclose(picture.sum(0) / 255, [100.0 if 45 <= x < 55 else 0 for x in range(100)], atol=13)
    assert not sketched([], (10, 10)).any()
    assert not framed([], (10, 10), MNIST).any()
    assert (framed([[]], (10, 10), Frame(8, 1, dark=True)) == 255).all()
    dot = framed([[(10, 10)]], (28, 28), MNIST)
    np.testing.assert_allclose(centre_of_mass(dot.astype(float)), 13.5, atol=0.1)
    assert (dot > 12).sum() < 20


@pytest.mark.parametrize(
    "strokes",
    [
        [[(0, 1001)]],
        [[(-1, 0)]],
        [[(float("nan"), 0)]],
        [[(1, 2, 3)]],
        [[1, 2]],
        [[(1, 2), (3,)]],
        [[("x", 0)]],
        [[(0, 0)] * 20_001],
    ],
)
def test_what_is_no_drawing_is_refused(strokes):
    with pytest.raises(ProfundoError, match="strokes: expected"):
        sketched(strokes, (8, 8))
