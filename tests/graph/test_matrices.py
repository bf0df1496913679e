"""Products and layers as pictures, their numbers against torch."""

import math
import random
import re
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

from profundo.graph.drawings.matrices import dense_layer, product
from profundo.pictures.safety import is_drawing
from profundo.records import ProfundoError

A = [[2, 5, 2], [1, 0, -2], [3, 1, 1]]
B = [[-2, 1, 0], [-2, 2, 1], [0, 0, 3]]


def words(svg):
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_example_of_the_lecture_holds():
    assert product(A, B).result == [[-14, 12, 11], [-2, 1, -6], [-8, 5, 4]]


def test_a_step_is_row_times_column():
    assert product(A, B).step(1, 2) == "c₂₃ = 1·0 + 0·1 + (−2)·3 = −6"
    assert product(torch.ones(12, 9), torch.ones(9, 2)).step(11, 1) == "c₁₂,₂ = 1·1 + 1·1 + 1·1 + 1·1 + … + 1·1 = 9"


def test_whole_numbers_are_exact_beyond_float64():
    generator = random.Random(0)
    one, other = ([[generator.randint(-(10**17), 10**17) for _ in range(6)] for _ in range(6)] for _ in range(2))
    expected = [[sum(one[i][k] * other[k][j] for k in range(6)) for j in range(6)] for i in range(6)]
    assert product(one, other).result == expected
    assert product([[10**9]], [[10**9 + 1]]).result == [[10**18 + 10**9]]


@pytest.mark.parametrize(("rows", "inner", "columns"), [(1, 1, 1), (1, 5, 1), (4, 1, 3), (3, 30, 14), (20, 3, 20)])
def test_products_are_those_of_torch(rows, inner, columns):
    torch.manual_seed(rows)
    one, other = torch.randn(rows, inner), torch.randn(inner, columns)
    shown = product(one, other)
    torch.testing.assert_close(torch.tensor(shown.result, dtype=torch.float64), one.double() @ other.double())
    assert is_drawing(shown.svg(rows - 1, columns - 1))
    assert all(map(is_drawing, shown.frames()[:5]))


def test_the_picture_marks_a_row_a_column_and_their_entry():
    svg = product(A, B).svg(1, 2)
    assert is_drawing(svg)
    bold = re.findall(r'fill="([^"]+)" font-weight="600">([^<]+)<', svg)
    assert [number for _, number in bold] == ["1", "0", "−2", "0", "1", "3", "−6"]
    assert len({colour for colour, _ in bold[:3]}) == len({colour for colour, _ in bold[3:6]}) == 1
    assert len({colour for colour, _ in bold}) == 3
    assert "c₂₃ = 1·0 + 0·1 + (−2)·3 = −6" in words(svg)


def test_frames_fill_the_result_entry_by_entry():
    pictures = product(A, B).frames()
    assert len(pictures) == 9
    empty = [words(svg).count("·") for svg in pictures]
    assert empty == [8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_the_text_shows_the_equation_and_each_entry_in_reading_order():
    shown = product(A, B)
    assert shown.text.splitlines()[1] == "⎢1 0 −2⎥ · ⎢−2 2 1⎥ = ⎢ −2  1 −6⎥"
    assert [line.split()[0] for line in shown.text.splitlines()[4:]] == [f"c{i}{j}" for i in "₁₂₃" for j in "₁₂₃"]
    assert shown._repr_svg_() == shown.svg(0, 0)


def test_of_a_large_matrix_the_marked_entry_is_still_drawn():
    one = torch.arange(40 * 30).reshape(40, 30)
    svg = product(one, torch.eye(30, dtype=torch.int64)).svg(20, 15)
    assert str(20 * 30 + 15) in words(svg)
    assert "⋯" in words(svg)
    assert len(words(svg)) < 400


@pytest.mark.parametrize("bias", [True, False])
def test_a_dense_layer_is_that_of_torch(bias):
    torch.manual_seed(0)
    layer, x = nn.Linear(3, 2, bias=bias), torch.randn(4, 3)
    shown = dense_layer(layer, x)
    torch.testing.assert_close(torch.tensor(shown.result).T, layer(x).detach())
    one = dense_layer(layer, x[0])
    torch.testing.assert_close(torch.tensor(one.result)[:, 0], layer(x[0]).detach())
    assert is_drawing(shown.svg(1, 3))


def test_a_dense_layer_of_given_numbers_shows_its_sum():
    shown = dense_layer(([[1, 2], [3, 4]], [10, -20]), [5, 6])
    assert shown.result == [[27], [19]]
    assert shown.step(1, 0) == "z₂₁ = 3·5 + 4·6 + (−20) = 19"
    assert "z₂₁ = 3·5 + 4·6 + (−20) = 19" in words(shown.svg(1, 0))
    assert shown.text.splitlines()[0] == "⎡1 2⎤ · ⎡5⎤ + ⎡ 10⎤ = ⎡27⎤"
    assert len(shown.frames()) == 2
    assert "19" not in words(shown.frames()[0])


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ([[1, 2]], [[1, 2]], "1 × 2 times 1 × 2: expected as many columns"),
        ([], [[1]], "the first matrix: expected rows of numbers"),
        ([[]], [[1]], r"got something of shape \(1, 0\)"),
        ([[1, 2], [3]], [[1]], "rows of numbers, of one length"),
        ([1, 2], [[1]], r"got something of shape \(2,\)"),
        ("12", [[1]], "got str"),
        (["12"], [[1]], "expected rows of numbers"),
        (None, [[1]], "got NoneType"),
        ([["a"]], [[1]], "expected numbers, got str"),
        ([[1j]], [[1]], "expected numbers, got complex"),
        ([[math.nan]], [[1]], "finite numbers, got nan"),
        ([[1]], [[math.inf]], "the second matrix: expected finite numbers, got inf"),
        ([[1e300]], [[1e300]], "too large for float64"),
        ([[10**19]], [[1]], "whole numbers up to"),
        (torch.zeros(2, 2, 2), [[1]], r"of shape \(2, 2, 2\)"),
        (torch.zeros(0, 3), [[1]], "expected rows of numbers"),
        (torch.zeros(200, 200), torch.zeros(200, 200), "8,000,000 multiplications are too many"),
    ],
)
def test_what_has_no_product_is_told_in_one_line(one, other, message):
    with pytest.raises(ProfundoError, match=message) as error:
        product(one, other)
    assert "\n" not in str(error.value)


def test_terms_are_the_products_of_which_an_entry_is_the_sum():
    made = product(A, B)
    assert made.terms(0, 1) == [2, 10, 0]
    for row, column in made.entries:
        assert sum(made.terms(row, column)) == made.result[row][column]
    with pytest.raises(ProfundoError, match="row below 3"):
        made.terms(-1, 0)


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: dense_layer(nn.Linear(3, 2), torch.zeros(4)), "expected 3 inputs"),
        (lambda: dense_layer(([[1, 2]], [1, 2]), [1, 2]), "expected 1 biases"),
        (
            lambda: dense_layer(([[1, 2]], [[1], [2]]), [1, 2]),
            "expected 1 biases, one for each row of weights, got 2 in rows of 1",
        ),
        (lambda: dense_layer(nn.Conv2d(1, 1, 1), [1]), "expected an nn.Linear"),
        (lambda: dense_layer(nn.Linear(1, 1), []), "x: expected rows"),
        (lambda: dense_layer(nn.Linear(1, 1), [math.nan]), "x: expected finite"),
        (lambda: product(A, B).svg(3, 0), "row below 3"),
        (lambda: product(A, B).step(0, -1), "column below 3"),
    ],
)
def test_what_is_no_layer_is_told_in_one_line(work, message):
    with pytest.raises(ProfundoError, match=message):
        work()
