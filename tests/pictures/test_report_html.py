"""The page, as a strict parser reads it."""

import dataclasses
import re
import subprocess
import sys

import pytest
import torch
from pages import Element, parse

import profundo.pictures as pictures
from profundo.pictures import Report, Worst, report_html
from profundo.records import Inputs, LayerRow, Scores, Spec, Targets

HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;{{ 7 * 7 }}</style></script>"
SECTIONS = ["result", "curves", "confusion", "mistakes", "data", "net", "asked", "environment", "repeat"]


def images(number: int, channels: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (number, channels, 8, 8), dtype=torch.uint8, generator=generator)


def image_report(classes: tuple[str, ...] = ("cat", "dog", "owl")) -> Report:
    k = len(classes)
    confusion = [[50 if i == j else (i + 2 * j) % 3 for j in range(k)] for i in range(k)]
    return Report(
        title="three animals",
        spec=Spec(Inputs((1, 8, 8), "image", (33.3,), (78.6,)), Targets("classes", classes)),
        scores=Scores(10_000, {"accuracy": 0.9917, "log loss": 0.02613}, {"accuracy": 0.1135}, confusion),
        validation_scores=Scores(6_000, {"accuracy": 0.9925}, {}),
        command="profundo train animals --seed 0 && echo 'a < b'",
        asked={"optimiser": {"learning rate": 0.1}, "epochs": 3},
        counts={"train": [1234] * k, "test": [100] * k},
        notes=["Two files were skipped."],
        examples=images(2 * k),
        example_labels=[*classes, *classes],
        layers=[
            LayerRow("conv", "Conv2d", (8, 4, 4), 80, 1_000_000),
            LayerRow("head", "Linear", (3,), 28_858, 234_567),
        ],
        history={"loss": [1.0, 0.5, 0.4], "validation loss": [0.9, 0.6, 0.7], "validation accuracy": [0.5, 0.9, 0.8]},
        best_epoch=1,
        worst=[Worst(classes[0], classes[1], 9.5, 0.999, images(1)[0]), Worst(classes[1], classes[1], 0.8, 0.4)],
        environment={"torch": "2.x", "device": "CPU"},
        seconds={"data": 0.4, "training": 65.0},
    )


def real_report() -> Report:
    spec = Spec(Inputs((2,), "features", (1.0, 2.0), (3.0, 4.0), ("rooms", "age")), Targets("real", (), ("price",)))
    return Report(
        title="prices",
        spec=spec,
        scores=Scores(40, {"RMSE": 0.512, "R²": 0.8}, {"RMSE": 1.14, "R²": 0.0}),
        command="profundo train prices",
        counts={"train": [160], "test": [40]},
        worst=[Worst("5.0", "2.1", 8.4, row={"rooms": 3.0, "age": 41.5})],
        scatter=([1.0, 2.0], [1.5, 1.75]),
    )


def binary_report() -> Report:
    spec = Spec(Inputs((2,), "features"), Targets("binary", ("no", "yes")))
    return Report(
        "two", spec, Scores(9, {"accuracy": 1.0}, {"accuracy": 5 / 9}, [[5, 0], [0, 4]]), "profundo train two"
    )


def many_classes() -> Report:
    return image_report(tuple(f"class {i}" for i in range(100)))


def bare_report() -> Report:
    return Report("bare", image_report().spec, Scores(0, {}, {}), "profundo train bare")


REPORTS = {
    "image": image_report,
    "real": real_report,
    "binary": binary_report,
    "hundred classes": many_classes,
    "bare": bare_report,
    "one epoch": lambda: dataclasses.replace(image_report(), history={"loss": [0.5]}, best_epoch=0),
    "diverged": lambda: dataclasses.replace(
        image_report(), history={"loss": [float("nan")] * 3}, scores=Scores(3, {"accuracy": float("nan")}, {})
    ),
    "unlabelled examples": lambda: dataclasses.replace(image_report(), example_labels=()),
    "colour": lambda: dataclasses.replace(image_report(), examples=images(6, 3)),
    "long and unicode": lambda: image_report(("x" * 3000, "日本語 مرحبا", "🦉" * 40)),
    "hostile": lambda: image_report((HOSTILE, HOSTILE + "2", "c")),
}


def page(report: Report) -> Element:
    return parse(report_html(report))


def said(element: Element) -> str:
    return element.text.replace("\u00a0", " ")


def rows(table: Element) -> list[list[str]]:
    return [
        [said(cell) for cell in row.children if isinstance(cell, Element) and cell.tag in ("td", "th")]
        for row in table.all("tr")
    ]


@pytest.fixture(params=REPORTS)
def report(request):
    return REPORTS[request.param]()


def test_every_page_is_well_formed_and_holds_every_section_with_its_heading(report):
    tree = page(report)
    assert [section.attributes["id"] for section in tree.all("section")] == SECTIONS
    identifiers = [e.attributes["id"] for e in tree.walk() if "id" in e.attributes]
    assert len(identifiers) == len(set(identifiers))
    for section in tree.all("section"):
        assert section.attributes["aria-labelledby"] == section.all("h2")[0].attributes["id"]
    for link in tree.one("nav").all("a"):
        assert link.attributes["href"].removeprefix("#") in identifiers
    assert len(tree.all("h1")) == 1


def test_every_page_needs_no_network_and_no_script(report):
    html = report_html(report)
    tree = parse(html)
    assert tree.all("script") == []
    for element in tree.walk():
        assert not [name for name in element.attributes if name.startswith("on")]
        for name in ("src", "href", "action", "data", "srcset"):
            assert element.attributes.get(name, "data:").startswith(("data:", "#"))
    style = tree.one("style").text
    assert "@import" not in style
    assert "url(" not in style
    assert "default-src 'none'" in html


def test_every_picture_has_words_and_every_table_heading_a_scope(report):
    tree = page(report)
    assert all(image.attributes["alt"] for image in tree.all("img"))
    assert all(svg.attributes["aria-label"] and svg.attributes["role"] == "img" for svg in tree.all("svg"))
    assert all(heading.attributes["scope"] in ("row", "col") for heading in tree.all("th"))
    for region in tree.all("div", role="region"):
        assert region.attributes["tabindex"] == "0"
        assert region.attributes["aria-label"]
    assert all("aria-label" in table.attributes or table.all("caption") for table in tree.all("table"))


def test_every_row_of_every_table_has_the_same_number_of_cells(report):
    for table in page(report).all("table"):
        widths = {
            sum(int(cell.attributes.get("colspan", 1)) for cell in row.children if isinstance(cell, Element))
            for row in table.all("tr")
        }
        assert len(widths) == 1, rows(table)


def test_the_same_report_gives_the_same_page(report):
    assert report_html(report) == report_html(report)


def test_hostile_text_stays_text_wherever_it_comes_from():
    report = image_report((HOSTILE, "b", "c"))
    report = dataclasses.replace(
        report,
        title=HOSTILE,
        command=HOSTILE,
        asked={HOSTILE: {HOSTILE: HOSTILE}},
        notes=[HOSTILE],
        environment={HOSTILE: HOSTILE},
        seconds={HOSTILE: 1.0},
        counts={HOSTILE: [1, 2, 3]},
        layers=[LayerRow(HOSTILE, HOSTILE, (1,), 1, 1)],
        history={HOSTILE: [1.0, 2.0], f"validation {HOSTILE}": [1.0, 2.0]},
        scores=dataclasses.replace(report.scores, values={HOSTILE: 1.0}, baseline={HOSTILE: 0.5}),
        worst=[Worst(HOSTILE, HOSTILE, 1.0, image=images(1)[0])],
    )
    tree = page(report)
    assert all("onerror" not in element.attributes for element in tree.walk())
    assert len(tree.all("style")) == 1
    assert tree.one("h1").text == HOSTILE
    assert tree.one("head").one("title").text == HOSTILE
    assert tree.one("pre").text == HOSTILE
    assert any(HOSTILE in image.attributes["alt"] for image in tree.all("img"))


def test_control_characters_and_broken_unicode_do_not_reach_the_page():
    html = report_html(image_report(("nul \x00", "bell \x07", "lone \udce9")))
    html.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", html)


def test_result_is_told_beside_the_constant_predictor():
    result = page(image_report()).one("section", id="result")
    assert [said(number) for number in result.all("dd")] == ["99.17 %", "11.35 %"]
    assert "classifies 9,917 of 10,000 test images correctly" in said(result)
    assert rows(result.one("table")) == [
        ["score", "test", "validation", "constant predictor"],
        ["accuracy", "99.17 %", "99.25 %", "11.35 %"],
        ["log loss", "0.02613", "–", "–"],
    ]


@pytest.mark.parametrize(
    ("kind", "values", "baseline", "useless"),
    [
        (image_report, {"accuracy": 0.5}, {"accuracy": 0.4}, False),
        (image_report, {"accuracy": 0.4}, {"accuracy": 0.4}, True),
        (real_report, {"RMSE": 1.0}, {"RMSE": 2.0}, False),
        (real_report, {"RMSE": 3.0}, {"RMSE": 2.0}, True),
        (real_report, {"R²": 0.2}, {"R²": 0.0}, False),
        (real_report, {"RMSE": float("nan")}, {"RMSE": 2.0}, True),
    ],
)
def test_a_network_no_better_than_a_constant_is_called_so(kind, values, baseline, useless):
    report = dataclasses.replace(kind(), scores=Scores(10, values, baseline))
    assert ("no better than" in said(page(report).one("section", id="result"))) == useless


def test_curves_show_losses_and_accuracy_with_the_best_epoch_counted_from_one():
    section = page(image_report()).one("section", id="curves")
    loss, accuracy = section.all("svg")
    assert "training" in loss.text
    assert "validation" in loss.text
    assert "validation accuracy" in accuracy.text
    assert "best epoch: 2" in loss.text
    assert rows(section.one("table"))[2] == ["2 best", "0.5000", "0.6000", "90.00 %"]


def test_learning_rate_is_folded_away_below_the_losses():
    report = image_report()
    report = dataclasses.replace(report, history={"learning rate factor": [1.0, 0.5, 0.1], **report.history})
    section = page(report).one("section", id="curves")
    assert "learning rate factor" in section.one("details").text
    assert "learning rate factor" not in "".join(svg.text for svg in section.all("svg")[:2])
    assert "best" not in section.one("details").one("svg").text


def test_gaps_in_the_history_are_explained():
    report = dataclasses.replace(image_report(), history={"loss": [1.0, float("nan"), 0.5]})
    assert "Gaps are epochs without a finite value" in page(report).one("section", id="curves").text


def test_confusion_matrix_holds_the_counts_and_the_recall():
    report = image_report()
    confusion = report.scores.confusion
    table = rows(page(report).one("section", id="confusion").one("table"))
    for index, row in enumerate(table[1:]):
        assert row[0] == report.spec.targets.classes[index]
        assert [int(cell) for cell in row[1:-2]] == confusion[index]
        assert row[-2:] == [str(sum(confusion[index])), f"{100 * 50 / sum(confusion[index]):.2f} %"]


def test_hundred_classes_are_told_by_their_most_confused_pairs():
    report = many_classes()
    confusion = torch.tensor(report.scores.confusion).fill_diagonal_(0)
    table = rows(page(report).one("section", id="confusion").one("table"))[1:]
    assert len(table) == 15
    counts = [int(row[2]) for row in table]
    assert counts == sorted(confusion.flatten().tolist(), reverse=True)[:15]
    for truth, prediction, number, _ in table:
        assert confusion[int(truth.split()[1]), int(prediction.split()[1])] == int(number)


def test_a_class_without_test_samples_has_no_recall():
    report = dataclasses.replace(image_report(), scores=Scores(2, {}, {}, [[2, 0, 0], [0, 0, 0], [0, 0, 0]]))
    assert rows(page(report).one("section", id="confusion").one("table"))[2][-2:] == ["0", "–"]


def test_zero_mistakes_are_said_in_words():
    assert "every test sample was classified correctly" in page(binary_report()).one("section", id="confusion").text


def test_mistakes_show_truth_prediction_and_probability():
    cards = page(image_report()).one("section", id="mistakes").all("li")
    assert [said(value) for value in cards[0].all("dd")] == ["cat", "dog", "99.90 %", "9.500"]
    assert cards[0].one("img").attributes["alt"] == "Test image: true cat, predicted dog"
    assert "not a mistake" in cards[1].text
    assert cards[1].all("img") == []


def test_mistaken_rows_show_their_features():
    table = rows(page(real_report()).one("section", id="mistakes").one("table"))
    assert table == [["true", "predicted", "loss", "rooms", "age"], ["5.0", "2.1", "8.400", "3", "41.50"]]


def test_real_targets_are_shown_against_the_truth():
    section = page(real_report()).one("section", id="confusion")
    assert len(section.one("svg").all("circle")) == 2
    assert "true price" in section.text


def test_data_tell_counts_notes_and_examples_by_class():
    section = page(image_report()).one("section", id="data")
    table = rows(section.all("table")[0])
    assert table[1] == ["cat", "1,234", "100"]
    assert table[-1] == ["all", "3,702", "300"]
    assert [image.attributes["alt"] for image in section.all("img")] == [
        f"2 training images of class {name}" for name in ("cat", "dog", "owl")
    ]
    assert "Two files were skipped." in section.text


def test_augmented_images_are_shown_where_there_are_any():
    shown = dataclasses.replace(image_report(), augmented=images(16))
    (image,) = page(shown).one("section", id="data").all("figure", **{"class": "grid augmented"})
    assert image.one("img").attributes["src"] == pictures.image_grid(images(16), 8)
    assert "Augmentation" in image.text


def test_net_tells_shapes_and_totals():
    section = page(image_report()).one("section", id="net")
    assert "28,938 parameters; one forward pass of one sample takes 1.23 M FLOPs" in said(section)
    assert rows(section.one("table"))[1] == ["conv", "Conv2d", "8 × 4 × 4", "80", "1,000,000"]
    assert rows(section.one("table"))[-1] == ["all", "28,938", "1,234,567"]


def test_settings_environment_times_and_command_are_told():
    tree = page(image_report())
    assert rows(tree.one("section", id="asked").one("table")) == [["optimiser · learning rate", "0.1"], ["epochs", "3"]]
    where, time = tree.one("section", id="environment").all("table")
    assert rows(where) == [["torch", "2.x"], ["device", "CPU"]]
    assert [row[:2] for row in rows(time)[1:]] == [["data", "400 ms"], ["training", "1 min 5 s"]]
    assert tree.one("pre").text == image_report().command


def test_long_histories_make_a_short_table_that_keeps_best_and_last():
    history = {"loss": [1 / (i + 1) for i in range(5000)]}
    report = dataclasses.replace(image_report(), history=history, best_epoch=1233)
    table = rows(page(report).one("section", id="curves").one("table"))
    assert len(table) < 210
    assert [row[0] for row in table if row[0] in ("1234 best", "5000")] == ["1234 best", "5000"]


def colours(style: str, block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", style[style.index(block) :].split("}")[0]))


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("block", [":root", "(prefers-color-scheme: dark)"])
def test_text_and_curves_have_enough_contrast_on_every_ground(block):
    used = colours(page(bare_report()).one("style").text, block)
    for text in ("ink", "muted", "accent"):
        for ground in ("paper", "card", "wash"):
            light, dark = sorted((luminance(used[text]), luminance(used[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)
    for curve in range(1, 7):
        light, dark = sorted((luminance(used[f"curve-{curve}"]), luminance(used["paper"])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, curve


def test_page_is_made_without_changing_the_report():
    report = image_report()
    before = report.examples.clone()
    report_html(report)
    assert torch.equal(report.examples, before)


def test_importing_the_room_loads_neither_a_template_engine_nor_an_image_library():
    code = "import sys, profundo.pictures; print([m for m in ('jinja2', 'PIL', 'numpy') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_promised_names_exist():
    assert all(hasattr(pictures, name) for name in pictures.__all__)


def test_the_page_says_which_epochs_network_was_kept():
    best, last = (dataclasses.replace(image_report(), best_kept=kept) for kept in (True, False))
    assert "the network kept is that of epoch 2" in report_html(best)
    assert "the network kept is that of the last" in report_html(last)
