"""The page of several runs, as a strict parser reads it."""

import dataclasses
import re
from itertools import pairwise

import pytest
import torch

from pages import Element, parse
from profundo.pictures.comparison import (
    Answered,
    Comparison,
    Contender,
    Disagreements,
    Pairing,
    comparison_html,
    pairing_words,
)
from profundo.pictures.run_page.report import Value
from profundo.records import ClassScores, Inputs, Scores, Spec, Targets

HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;{{ 7 * 7 }}</style></script>"
IMAGES = Spec(Inputs((1, 8, 8), "image", (0.0,), (1.0,)), Targets("classes", ("cat", "dog", "owl")))
ROWS = Spec(Inputs((2,), "features", (0.0,) * 2, (1.0,) * 2, ("a", "b")), Targets("real", names=("price",)))


def contender(name: str, accuracy: float, **more) -> Contender:
    each = [ClassScores(c, 30 + i, 0.5, 0.5, accuracy - i / 10, None) for i, c in enumerate(IMAGES.targets.classes)]
    values = {"accuracy": accuracy, "log loss": 1 - accuracy}
    made = Contender(
        name,
        Scores(
            100,
            values,
            {"accuracy": 0.34},
            per_class=each,
            intervals={"accuracy": (accuracy - 0.05, accuracy + 0.04)},
        ),
        f"profundo train --config runs/{name}/experiment.yaml",
        history={"loss": [1.0, 0.5], "validation loss": [0.9, 0.8], "learning rate": [0.1, 0.0]},
        best_epoch=1,
        parameters=1000,
        flops=2_000_000,
        bytes=4321,
        seconds={"training": 3.0},
        settings={"net": name, "epochs": 3, "options": {"width": 8}},
    )
    return dataclasses.replace(made, **more)


def sample(truth: str, first: str, second: str) -> Answered:
    return Answered(truth, (first, 0.75), (second, 0.5), torch.zeros(1, 8, 8, dtype=torch.uint8))


def two() -> Comparison:
    pairing = Pairing("b", "accuracy", 0.08, 0.01, 0.14, 0.0216, 0.0216, "McNemar’s exact test", 80, 2, 10, 8)
    parts = [
        Disagreements("a", "b", "a", "b", 2, [sample("cat", "cat", "dog")]),
        Disagreements("b", "a", "a", "b", 1, [sample("owl", "dog", "owl")]),
    ]
    return Comparison("animals", IMAGES, [contender("a", 0.82), contender("b", 0.9)], [pairing], parts)


def three() -> Comparison:
    base = two()
    apart = Pairing("c", "accuracy", apart="their test splits have 100 and 90 samples")
    more = Pairing("d", "accuracy", -0.02, -0.07, 0.03, 0.4, 0.8, "McNemar’s exact test", 78, 4, 2, 16)
    others = [contender("c", 0.5), contender("d", 0.8)]
    return dataclasses.replace(base, contenders=[*base.contenders, *others], pairings=[*base.pairings, apart, more])


def real() -> Comparison:
    def one(name: str, rmse: float) -> Contender:
        return Contender(name, Scores(40, {"RMSE": rmse, "R²": 0.5}, {"RMSE": 2.0}), f"profundo train {name}")

    row = [Value("a", "1"), Value("b", "9", 4.0, "4.0 σ above the mean")]
    part = Disagreements("n", "m", "m", "n", 9, [Answered("5", ("7", None), ("5.1", None), row=row)])
    pairing = Pairing("n", "RMSE", -0.25, -0.4, -0.1, 0.0004, 0.0004, "paired bootstrap")
    return Comparison("prices", ROWS, [one("m", 1.25), one("n", 1.0)], [pairing], [part])


PAGES = {
    "two": two,
    "three": three,
    "real": real,
    "nothing scored": lambda: Comparison("x", IMAGES, [Contender("a", Scores(0, {}, {}), "")] * 2, []),
    "one epoch": lambda: dataclasses.replace(
        two(), contenders=[contender("a", 0.8, history={"loss": [1.0]}), contender("b", 0.9, history={})]
    ),
    "long and right to left": lambda: dataclasses.replace(
        two(), contenders=[contender("x" * 500, 0.8), contender("مرحبا", 0.9)]
    ),
}


def said(element: Element) -> str:
    return element.text.replace("\u00a0", " ")


def rows(table: Element) -> list[list[str]]:
    return [
        [said(cell) for cell in row.children if isinstance(cell, Element) and cell.tag in ("td", "th")]
        for row in table.all("tr")
    ]


def page(comparison: Comparison) -> Element:
    return parse(comparison_html(comparison))


@pytest.fixture(params=PAGES)
def comparison(request):
    return PAGES[request.param]()


def test_every_page_is_whole_and_can_be_read_by_all(comparison):
    tree = page(comparison)
    sections = [section.attributes["id"] for section in tree.all("section")]
    assert [a.attributes["href"].removeprefix("#in-") for a in tree.one("nav").all("a")] == sections
    identifiers = [e.attributes["id"] for e in tree.walk() if "id" in e.attributes]
    assert len(identifiers) == len(set(identifiers))
    levels = [int(e.tag[1]) for e in tree.walk() if re.fullmatch("h[1-6]", e.tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(table.one("caption").text for table in tree.all("table"))
    assert all(figure.one("figcaption").text for figure in tree.all("figure"))
    assert all(image.attributes["alt"] for image in tree.all("img"))
    assert all(heading.attributes["scope"] in ("row", "col") for heading in tree.all("th"))
    for table in tree.all("table"):
        assert len({len(row) for row in rows(table)}) == 1, rows(table)


def test_every_page_needs_no_network_and_no_script(comparison):
    html = comparison_html(comparison)
    tree = parse(html)
    assert tree.all("script") == []
    for element in tree.walk():
        assert not [name for name in element.attributes if name.startswith("on")]
        for name in ("src", "href", "action", "data", "srcset"):
            assert element.attributes.get(name, "data:").startswith(("data:", "#"))
    assert "default-src 'none'" in html
    assert html == comparison_html(comparison)


def test_hostile_text_stays_text():
    pairing = dataclasses.replace(two().pairings[0], other=HOSTILE, test=HOSTILE)
    part = Disagreements(HOSTILE, "b", HOSTILE, "b", 2, [sample(HOSTILE, HOSTILE, HOSTILE)])
    each = [contender(HOSTILE, 0.8, environment={HOSTILE: HOSTILE}), contender("b", 0.9)]
    tree = page(Comparison(HOSTILE, IMAGES, each, [pairing], [part]))
    assert all("onerror" not in element.attributes for element in tree.walk())
    assert len(tree.all("style")) == 1
    assert tree.one("h1").text == f"{HOSTILE} and b"
    assert any(HOSTILE in image.attributes["alt"] for image in tree.all("img"))


def test_the_verdict_says_by_how_much_and_that_it_is_more_than_luck():
    text = said(page(two()).one("section", id="result"))
    assert "b is better on these test samples than a: its accuracy is 8.00 percentage points higher" in text
    assert "(95 % interval of the difference: 1.00 to 14.00)" in text
    assert "They disagree on 12 of 100 test samples: on 2 only a is right, on 10 only b." in text
    assert "That is more than luck (McNemar’s exact test, p = 0.022)." in text


def test_a_difference_that_may_be_luck_is_not_called_better():
    d = pairing_words(three(), three().pairings[2])
    assert d[0].startswith("d did worse on this test split than a: its accuracy is 2.00")
    assert "may well be luck" in d[-1]
    assert "p = 0.80 after Holm’s correction" in d[-1]


def test_runs_on_other_samples_say_why_they_cannot_be_compared():
    text = said(page(three()).one("section", id="result"))
    assert "c and a cannot be compared sample by sample: their test splits have 100 and 90 samples." in text
    agreement = page(three()).one("section", id="result").all("table")[1]
    assert [row[0] for row in rows(agreement)] == ["a against", "b", "d"]
    assert rows(agreement)[1] == ["b", "80", "2", "10", "8", "0.022", "0.022"]


def test_lower_errors_are_better_and_small_p_are_not_written_out():
    words = " ".join(pairing_words(real(), real().pairings[0])).replace("\u00a0", " ")
    assert words.startswith(
        "n is better on these test samples than m: its RMSE is 0.2500 lower (95 % interval of the difference: −0.4000 to"
    )
    assert "p < 0.001" in words
    assert "disagree" not in words


def test_scores_stand_side_by_side_with_the_best_in_bold_and_the_difference_below():
    table = page(two()).one("section", id="result").all("table")[0]
    accuracy, loss = rows(table)[1:]
    assert accuracy[1:] == ["82.00 %", "90.00 % +8.00"]
    assert loss[1:] == ["0.1800", "0.1000 −0.08000"]
    bold = [["strong" in cell.attributes["class"] for cell in row.all("td")] for row in table.all("tr")[1:]]
    assert bold == [[False, True], [False, True]]


def test_only_settings_that_differ_are_shown_at_once():
    section = page(two()).one("section", id="settings")
    differing, same = section.all("table")
    assert rows(differing) == [["setting", "a", "b"], ["net", "a", "b"]]
    assert rows(same) == [["epochs", "3"], ["options · width", "8"]]
    assert "2 settings are the same" in section.one("details", **{"class": "fold"}).all("summary")[1].text


def test_each_quantity_has_one_picture_with_a_curve_for_each_run():
    pictures = page(two()).one("section", id="curves").all("svg")
    assert len(pictures) == 3  # validation loss, training loss, learning rate
    assert all(len(svg.all("polyline")) == 2 for svg in pictures)
    assert "curves" not in [s.attributes["id"] for s in page(PAGES["one epoch"]()).all("section")]


def test_classes_tell_the_difference_in_f1():
    assert rows(page(two()).one("section", id="classes").one("table"))[1:] == [
        ["cat", "30", "0.820", "0.900 +0.080"],
        ["dog", "31", "0.720", "0.800 +0.080"],
        ["owl", "32", "0.620", "0.700 +0.080"],
    ]


def test_disagreements_show_what_each_run_says():
    section = page(two()).one("section", id="disagreements")
    assert [said(h) for h in section.all("h3")] == ["a is right and b wrong", "b is right and a wrong"]
    first, second = section.all("li")
    assert [said(value) for value in first.all("dd")] == ["cat", "cat 75.00 %", "dog 50.00 %"]
    assert "a says dog, b says owl" in second.one("img").attributes["alt"]
    assert "1 of 2 test samples" in said(section)
    assert "The only such test sample." in said(section)
    table = rows(page(real()).one("section", id="disagreements").one("table"))
    assert table[1] == ["5", "7", "5.1", "b 9 4.0 σ above the mean"]


def test_costs_tell_sizes_and_times():
    told = {row[0]: row[1] for row in rows(page(two()).one("section", id="cost").one("table"))[1:]}
    assert told == {
        "parameters": "1,000",
        "one forward pass": "2.00 M FLOPs",
        "weights on disk": "4.32 kB",
        "epochs": "2",
        "best epoch": "2",
        "training": "3.0 s",
        "an epoch": "1.5 s",
    }
