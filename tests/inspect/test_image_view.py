"""What `profundo image` shows: in words, as JSON, and as a page."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image as Pillow

from pages import parse
from profundo import images
from profundo.inspect.image_sheet import image_page, pooling_steps, sliding_steps
from profundo.inspect.image_view import image_view
from profundo.records import ProfundoError

CROSS = "1 0 1; 0 1 0; 1 0 1"
RESULT = [[1, 4, 3, 4, 1], [1, 2, 4, 3, 3], [1, 2, 3, 4, 1], [1, 3, 3, 1, 1], [3, 3, 1, 1, 0]]


@pytest.fixture
def photo(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Pillow.fromarray(colours).save(tmp_path / "photo.png")
    return colours


def test_the_example_of_the_courses_in_the_terminal(called, tmp_path):
    shown = called("image", "course", "--kernel", CROSS, "--at", "2,1", "--pool", "max:2", cwd=tmp_path)
    assert shown.returncode == 0
    out = shown.stdout
    assert "7 × 7 pixels (rows × columns), 1 channel (grey): 49 numbers of 1 bit" in out
    assert "(x, y, r, g, b) = (2, 1, 1, 1, 1)" in out
    assert "rows ⌊(7 + 2·0 − 1·(3 − 1) − 1) / 1⌋ + 1 = 5" in out
    assert "    1·1 + 1·0 + 1·1\n  + 0·0 + 1·1 + 1·0\n  + 0·1 + 0·0 + 1·1\n  = 4" in out
    rows = re.findall(r"^row (\d)  ([\d ]+)$", out, re.M)
    assert [list(map(int, numbers.split())) for _, numbers in rows] == [*RESULT, [4, 4], [3, 4]]
    assert "1 row and 1 column at the end fill no window" in out


def test_json_is_one_object_with_every_step_of_a_small_image(called, tmp_path):
    shown = called("image", "course", "--kernel", CROSS, "--pool", "min", "--json", cwd=tmp_path)
    data = json.loads(shown.stdout)
    convolution = data["convolution"]
    assert convolution["values"] == RESULT
    assert [step["sum"] for step in convolution["steps"]] == [value for row in RESULT for value in row]
    assert (convolution["rank"], convolution["symmetric"], convolution["turned"]) == (2, True, False)
    assert data["pooling"]["values"] == [[1, 3], [1, 1]]
    assert data["image"]["channels"] == ["grey"]
    assert data["histogram"]["counts"] == [[32, 17]]


def test_a_photograph_in_words_and_json(called, photo, tmp_path):
    shown = called("image", "photo.png", "--at", "7,5", "--space", "lab", "--kernel", "sobel-x", cwd=tmp_path)
    point = ", ".join(map(str, photo[5, 7]))
    assert f"(7, 5, {point})" in shown.stdout
    assert "  Lab    L" in shown.stdout
    assert "HSV" not in shown.stdout
    assert "Separable (rank 1): the column (1, 2, 1) times the row (−1, 0, 1)" in shown.stdout
    data = json.loads(called("image", "photo.png", "--at", "7,5", "--kernel", "sobel-x", "--json", cwd=tmp_path).stdout)
    (step,) = data["convolution"]["steps"]
    assert (step["row"], step["column"]) == (4, 6)
    expected = images.correlate(photo, "sobel-x")
    assert step["sum"] == expected[4, 6, 0]
    near = data["convolution"]["near"]
    assert near["values"] == expected[near["y"] : near["y"] + 5, near["x"] : near["x"] + 5].tolist()
    assert set(data["pixel"]["spaces"]) == set(images.SPACES)
    np.testing.assert_allclose(data["pixel"]["spaces"]["lab"], images.to_space(photo[5, 7], "lab"), atol=1e-3)


@pytest.mark.parametrize("at", [(0, 0), (49, 39), (25, 20)])
@pytest.mark.parametrize(
    "options", [{}, {"stride": 3}, {"padding": "mirror"}, {"dilation": 2, "padding": 1, "pool": "max:3:2"}]
)
def test_the_step_that_is_shown_lies_around_the_pixel(at, options, photo):
    view = image_view(photo, at=at, kernel="box", **options)
    sliding, step = view.sliding, view.step
    middle = step.rows[1] - sliding.padding.rows[0], step.columns[1] - sliding.padding.columns[0]
    reach = max(sliding.stride, sliding.dilation)
    assert abs(middle[0] - at[1]) <= reach
    assert abs(middle[1] - at[0]) <= reach
    assert step.sum == pytest.approx(view.result[step.row, step.column, 0], rel=1e-5)
    str(view), view.as_plain_data()


@pytest.mark.usefixtures("photo")
def test_names_of_files_neither_steer_the_terminal_nor_the_page(called, tmp_path):
    name = "a\x1b[31m<b>é\n.png"
    (tmp_path / "photo.png").rename(tmp_path / name)
    shown = called("image", name, "--out", "a.html", cwd=tmp_path)
    assert shown.stdout.startswith("a\\x1b[31m<b>é\\n.png · PNG")
    page = parse((tmp_path / "a.html").read_text("utf-8"))
    assert not page.all("b")
    assert "<b>é" in page.one("h1").text


def test_turning_a_kernel_is_a_convolution_and_said(photo):
    plain, turned = (image_view(photo, kernel="sobel-x", flip=flip) for flip in (False, True))
    np.testing.assert_allclose(turned.result, images.convolve(photo, "sobel-x"))
    np.testing.assert_allclose(turned.result, -plain.result)
    assert "cross-correlation" in str(plain)
    assert "Turned first" in str(turned)
    assert "agree" in str(image_view(photo, kernel="box"))


def test_the_page_shows_pixels_channels_spaces_steps_and_results(called, photo, tmp_path):
    words = ("image", "photo.png", "--kernel", "emboss", "--pool", "max", "--padding", "same", "--out", "a.html")
    done = called(*words, cwd=tmp_path)
    assert done.returncode == 0
    assert "written: a.html" in done.stderr
    whole = (tmp_path / "a.html").read_text("utf-8")
    page = parse(whole)
    titles = [section.one("h2").text for section in page.all("section")]
    assert titles == [
        "Pixels are numbers",
        "Channels",
        "HSV",
        "HSL",
        "Lab",
        "YCbCr",
        "CMYK",
        "grey",
        "Kernel emboss",
        "Pooling max",
    ]
    assert not re.search(r"<script|https?://(?!www\.w3\.org)|@import|url\(", whole)
    cells = [text.text for text in page.all("section")[0].all("text")]
    assert {str(value) for value in photo[16:24, 21:29].ravel()} <= set(cells)
    assert image_page(image_view(tmp_path / "photo.png", kernel="emboss")) == image_page(
        image_view(tmp_path / "photo.png", kernel="emboss")
    )


def test_pictures_of_channels_hold_the_channels(photo):
    """The PNG of red, pixel by pixel."""
    page = parse(image_page(image_view(photo)))
    (red, *_) = [one for one in page.all("svg") if one.attributes.get("aria-label") == "red alone"]
    data = base64.b64decode(red.one("image").attributes["href"].partition("base64,")[2])
    assert (np.asarray(Pillow.open(io.BytesIO(data)).convert("L")) == photo[..., 0]).all()
    assert "What kernels find" in page.text
    assert len([one for one in page.all("figcaption") if "sobel" in one.text]) >= 3


def test_every_step_of_the_picture_says_its_sum_and_marks_its_cells():
    view = image_view("course", kernel=CROSS, pool="max")
    steps = parse(sliding_steps(view).svg)
    turns = steps.all("g", class_="turn")
    assert [float(turn.all("text")[-1].text.removeprefix("= ")) for turn in turns] == [v for row in RESULT for v in row]
    assert all(len(turn.all("rect")) == 1 + 9 + 1 for turn in turns)  # the cell, those under the kernel, the result
    windows = parse(pooling_steps(view).svg).all("g", class_="turn")
    assert windows[0].all("text")[0].text == "max(1, 4, 1, 2)"
    assert all(len(turn.all("rect")) == 1 + 4 + 1 + 1 for turn in windows)  # and where the value stood
    for steps in (turns, windows):  # each picture has its own times, for a page may hold several
        times = [turn.one("g", class_="detail").attributes["style"] for turn in steps]
        whole = f"animation:turns-{len(steps)} {1.4 * len(steps):.1f}s step-end"
        assert times == [f"{whole} {1.4 * at:.1f}s infinite" for at in range(len(steps))]
    padded = sliding_steps(image_view("course", kernel=CROSS, padding="same", at=(0, 0))).svg
    assert padded.count("stroke-dasharray") == 9 * 9 - 7 * 7


def middle(rect):
    left, top, wide, high = (float(rect.attributes[name]) for name in ("x", "y", "width", "height"))
    return round(left + wide / 2), round(top + high / 2)


@pytest.mark.parametrize("options", [{"stride": 2}, {"dilation": 2}, {"padding": 2}])
def test_frames_lie_over_the_numbers_that_are_multiplied(options, photo):
    view = image_view(photo, at=(31, 3), kernel="sobel-x", pool="max", **options)
    for picture in (sliding_steps(view), pooling_steps(view)):
        svg = parse(picture.svg).one("svg")
        texts = {(float(one.attributes["x"]), float(one.attributes["y"])): one.text for one in svg.all("text")}
        number = {(round(x), round(y)): text for (x, y), text in texts.items()}
        for turn in svg.all("g", class_="turn"):
            marks = [middle(rect) for rect in turn.one("g", class_="detail").all("rect")]
            words = " ".join(one.text for one in turn.all("text"))
            if "·" in words:
                assert [number[at] for at in marks[:9]] == re.findall(r"(−?\d+)·", words)
            else:
                assert [number[at] for at in marks[:4]] == re.findall(r"−?\d+", words)[:4]
                assert number[marks[4]] == number[marks[5]] == words.split("= ")[1]  # where it stood, and the result
            assert number[marks[-1]] == words.split("= ")[1]


def test_a_kernel_of_all_channels_is_shown_with_its_tables(photo):
    view = image_view(photo, kernel="1 0; 0 1 | 0 1; 1 0 | 2 2; 2 2")
    assert view.result.shape == (39, 49)
    assert "the sum of 12 products" in sliding_steps(view).svg
    assert "not separable" not in str(view).lower()
    assert "Kernel custom" in image_page(view)


@pytest.mark.parametrize(
    "given",
    [np.zeros((1, 1), np.uint8), np.random.default_rng(0).normal(size=(3, 70)), np.random.default_rng(0).random((90, 2, 4)),
     np.random.default_rng(0).integers(0, 65536, (9, 9, 3), dtype=np.uint16)],
    ids=["one pixel", "wide fractions", "tall with alpha", "deep"],
)  # fmt: skip
def test_odd_images_have_pages_too(given):
    for options in (
        {},
        {"kernel": "gaussian:2", "padding": "mirror"},
        {"kernel": "sobel-y", "padding": 1, "pool": "average:1"},
    ):
        view = image_view(given, **options)
        assert len(parse(image_page(view)).all("section")) >= 3
        json.dumps(view.as_plain_data(), allow_nan=False)
        assert "five dimensions" in str(view)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["photo.png", "--at", "50,0"], ["x from 0 to 49", "got 50,0"]),
        (["photo.png", "--at", "5"], ["--at", "120,80", "'5'"]),
        (["photo.png", "--at", "1,-2"], ["--at"]),
        (["photo.png", "--stride", "2"], ["--kernel sobel-x"]),
        (["photo.png", "--flip"], ["--kernel sobel-x"]),
        (["photo.png", "--kernel", "sobel"], ["nearest: sobel"]),
        (["photo.png", "--space", "labb"], ["nearest: lab"]),
        (["photo.png", "--pool", "max:41"], ["no larger than 40 × 50"]),
        (["photo.png", "--pool", "median"], ["max, min or average"]),
        (["photo.png", "--kernel", "box", "--padding", "x"], ["padding"]),
        (["photo.png", "--out", "none/a.html"], ["a folder that exists"]),
        (["photo.png", "--out", "."], ["a folder that exists"]),
        (["photo.png", "--out", "photo.png"], ["ends in .html"]),
        (["none.png"], ["got nothing"]),
    ],
)
@pytest.mark.usefixtures("photo")
def test_mistakes_are_told_in_a_line(words, says, refused, tmp_path):
    refused("image", *words, cwd=tmp_path, says=says)


def test_a_view_without_a_kernel_has_no_step(photo):
    with pytest.raises(ProfundoError, match="give one, such as"):
        image_view(photo).step  # noqa: B018


@pytest.mark.parametrize(("mode", "sentence"), [("CMYK", "that the inks make"), ("RGBA", "alpha is left out")])
def test_what_a_kernel_slides_over_is_named_as_what_it_is(mode, sentence, photo, tmp_path):
    Pillow.fromarray(photo).convert(mode).save(tmp_path / "other.tiff")
    view = image_view(tmp_path / "other.tiff", kernel="sobel-x", pool="max")
    shown = str(view)
    assert "of the result, red:" in shown
    assert sentence in shown
    assert "cyan from" not in shown.partition("Kernel sobel-x")[2]
    assert ("no ink" in shown) == ("much ink its pixel has" in image_page(view)) == (mode == "CMYK")
