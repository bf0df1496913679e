"""Exhibits: drawn into files that others can read, and onto a page that holds them."""

from html.parser import HTMLParser
from io import BytesIO

import pytest
import torch
from PIL import Image

from profundo.data.sound.recordings import decode
from profundo.pictures.exhibits import Chart, Film, Images, Passage, Sound, Table, drawn
from profundo.pictures.story import Meaning, Story, story_html
from profundo.records import ProfundoError

PIXELS = torch.arange(4 * 3 * 5 * 6).remainder(251).to(torch.uint8).view(4, 3, 5, 6)
WAVE = torch.tensor([0.0, 0.5, -1.0, 1.5])


def everything():
    return [
        drawn(Images("Four <images>", "A caption & more.", PIXELS, columns=2)),
        drawn(Images("Named images", "Each with its name.", PIXELS, labels=["a", "b", "<c>", "d"])),
        drawn(Images("Rows", "Two by two.", PIXELS, columns=2, rows=["given", "<made>"], heads=["one", "two"])),
        drawn(Film("A film", "It moves.", PIXELS)),
        drawn(Chart("A chart", "It rises.", '<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>')),
        drawn(Table("A table", "Numbers.", ["name", "value", "size"], [["x\ty", 0.5, "24,520"], ["z", 2, ""]])),
        drawn(Passage("A passage", "Text.", "To be,\n<b>or</b> not")),
        drawn(Sound("A sound", "To hear.", WAVE, 8000)),
    ]


def test_images_become_one_png_with_a_pixel_between_them():
    exhibit = everything()[0]
    picture = Image.open(BytesIO(exhibit.content))
    assert picture.size == (2 * 6 + 1, 2 * 5 + 1)
    assert exhibit.width == picture.size[0]
    assert picture.getpixel((7, 6))[:3] == tuple(PIXELS[3, :, 0, 0].tolist())


def test_a_film_has_its_frames_and_a_chart_can_stand_alone():
    _, _, _, film, chart, *_ = everything()
    assert Image.open(BytesIO(film.content)).n_frames == 4
    assert 'xmlns="http://www.w3.org/2000/svg"' in chart.text


def test_a_table_keeps_its_numbers_exactly_and_knows_which_columns_are_numbers():
    table = everything()[5]
    assert table.text == "name\tvalue\tsize\nx y\t0.5\t24,520\nz\t2\t\n"
    assert list(table.numeric) == [False, True, True]


@pytest.mark.parametrize(
    ("columns", "row", "shares", "shown"),
    [
        (
            ["net", "accuracy", "draw 1", "loss"],
            ["a", 0.7633, 0.5, 0.5],
            ["draw 1"],
            ["a", "76.33 %", "50.00 %", "0.5000"],
        ),
        (["figure", "ours"], ["accuracy", 0.7633], [], ["accuracy", "76.33 %"]),
        (["figure", "ours"], ["cycle error", 0.7633], [], ["cycle error", "0.7633"]),
        (["net", "error rate"], ["a", ""], [], ["a", ""]),
    ],
)
def test_shares_are_read_in_percent_by_the_name_of_their_column_or_row_and_kept_as_they_are(
    columns, row, shares, shown
):
    table = drawn(Table("A table", "Numbers.", columns, [row], shares))
    assert [cell.replace("\u00a0", " ") for cell in table.rows[0]] == shown
    assert table.text.splitlines()[1] == "\t".join(map(str, row))


def test_a_column_of_numbers_may_have_empty_cells():
    assert list(drawn(Table("t", "c", ["a", "b", "c"], [["x", 1, ""], ["y", "", ""]])).numeric) == [False, True, False]


def test_a_sound_becomes_a_wav_of_its_amplitudes_cut_at_the_loudest_and_a_player():
    sound = everything()[-1]
    heard = decode(sound.content)
    assert heard.rate == 8000
    torch.testing.assert_close(torch.from_numpy(heard.samples[:, 0]), WAVE.clamp(-1, 1), atol=1e-4, rtol=0)
    page = Page()
    page.feed(page_of())
    (player,) = [attributes for tag, attributes in page.found if tag == "audio"]
    assert player["src"] == sound.uri
    assert player["src"].startswith("data:audio/wav;base64,")
    assert player["aria-label"] == "A sound"


@pytest.mark.parametrize(
    "exhibit",
    [
        Images("", "caption", PIXELS),
        Passage("title", "", "text"),
        Images("t", "c", PIXELS, labels=["one"]),
        Images("t", "c", PIXELS, columns=2, rows=["one"]),
        Images("t", "c", PIXELS, columns=2, heads=["one"]),
    ],
)
def test_an_exhibit_without_words_or_with_too_few_labels_is_refused(exhibit):
    with pytest.raises(ProfundoError):
        drawn(exhibit)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open, self.found, self.texts = [], [], []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in ("meta", "link", "img", "br", "path", "line", "circle", "rect", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("path", "line", "circle", "rect", "polyline"):
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def page_of(**changes):
    parts = {
        "title": "a recipe",
        "about": ["What it is.", "What it does."],
        "conclusion": "It works.",
        "run": "run <1>",
        "scores": {"accuracy": 0.98, "bits/char": 2.1},
        "command": "profundo recipe x",
        "exhibits": everything(),
        "histories": {"training": {"epoch": [1, 2], "loss": [2.0, 1.0], "validation loss": [2.1, 1.2]}},
    }
    return story_html(Story(**{**parts, **changes}))


def test_what_stands_between_backticks_in_the_method_is_code():
    page = page_of(about=["It is.", "With `--set a=<b>` or `c`; a ` alone stays."])
    assert "<p>With <code>--set a=&lt;b&gt;</code> or <code>c</code>; a ` alone stays.</p>" in page


def test_the_page_is_well_formed_and_holds_every_exhibit_and_escapes_every_text():
    page = Page()
    page.feed(page_of())
    assert page.open == []
    text = " ".join(page.texts)
    for expected in ("run <1>", "Four <images>", "A caption & more.", "<c>", "<b>or</b> not", "98.00", "2.1"):
        assert expected in text, expected
    tags = [tag for tag, _ in page.found]
    assert tags.count("img") == 1 + 4 + 2 + 1
    assert "<made>" in text
    assert "script" not in tags
    assert all(attributes["alt"] for tag, attributes in page.found if tag == "img")


def test_the_figures_and_what_one_came_for_stand_before_the_method_and_what_its_author_measured():
    page = page_of(
        about=["What it is.", "What it does.", "Result: 1.5 bits."],
        scores={"bits/char": 2.1, "accuracy": 0.98},
        baseline={"bits/char": 1.7},
        meanings={"bits/char": Meaning("the cost of a character", "lower")},
        cautions=["Few tests."],
        rivals={"a third way": 1.9},
    )
    parts = ["2.1", "1.7", "a third way", "The cost of a character; lower is better", "Few tests."]
    parts += [
        "A caption &amp; more.",
        "Training curves</h2>",
        "What it does.",
        "at its full size",
        "1.5 bits.",
        "How to repeat",
    ]
    places = [page.index(part, page.index("<main")) for part in parts]
    assert places == sorted(places)
    method = page[page.index('<section id="method"') :]
    assert not method[: method.index("</summary>")].count("open")  # folded


@pytest.mark.parametrize(("side", "columns", "least"), [(8, 10, 48), (28, 10, 56), (6, 20, 48), (100, 3, 100)])
def test_small_images_are_enlarged_by_whole_numbers_until_one_sees_them(side, columns, least):
    page = page_of(exhibits=[drawn(Images("t", "c", torch.zeros(columns, 1, side, side, dtype=torch.uint8), columns))])
    width = int(page.split('<img class="pixelated"')[-1].split('width="')[1].split('"')[0])
    natural = columns * (side + 1) - 1
    assert width % natural == 0
    assert width // natural * side >= least


@pytest.mark.parametrize(
    ("exhibit", "least"),
    [
        (Film("t", "c", torch.zeros(2, 1, 9, 900, dtype=torch.uint8), is_written_on=True), 900),
        (Images("t", "c", torch.zeros(2, 1, 9, 300, dtype=torch.uint8), 2, is_written_on=True), 601),
        (Chart("t", "c", '<svg xmlns="x" class="graph" viewBox="0 0 800 80" width="800" height="80"></svg>'), 600),
    ],
)
def test_a_picture_with_letters_on_it_is_scrolled_where_they_could_not_be_read(exhibit, least):
    page = page_of(exhibits=[drawn(exhibit)])
    assert f"min-width:{least}px" in page[page.index('class="image" tabindex="0"') :]


def test_a_share_is_drawn_in_percent_on_a_straight_scale_and_a_rate_is_not_drawn():
    page = page_of(histories={"training": {"rate": [1.0, 0.5], "digit accuracy": [0.05, 0.97], "loss": [2.0, 0.01]}})
    assert "digit accuracy (log scale)" not in page
    assert "loss (log scale)" in page
    assert "digit accuracy" in page
    assert "Rate" not in page


def test_many_trainings_become_a_table_of_what_they_ended_with():
    histories = {f"width {n}": {"loss": [3.0, n / 8]} for n in range(6)}
    page = page_of(histories=histories)
    assert "What each of 6 trainings ended with" in page
    assert "width 5" in page
    assert "0.625" in page
