"""The page, as a strict parser reads it."""

import dataclasses
import re
import subprocess
import sys
from itertools import pairwise

import pytest
import torch

import profundo.pictures as pictures
from made_reports import (
    HOSTILE,
    REPORTS,
    bare_report,
    binary_report,
    image_report,
    images,
    labels_report,
    many_classes,
    real_report,
    wide_report,
)
from pages import Element, parse
from profundo.pictures import Report, Worst, report_html
from profundo.pictures.run_page.report_content import (
    ColumnRow,
    Dependence,
    Effects,
    Fit,
    Importance,
    Ranking,
)
from profundo.pictures.verdict import score
from profundo.records import Inputs, LayerRow, Scores, Spec

SECTIONS = ["result", "curves", "mistakes", "net", "data", "repeat"]  # what every page has, in this order


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
    found = [section.attributes["id"] for section in tree.all("section")]
    expected = ["objects" if name == "mistakes" and report.objects else name for name in SECTIONS]
    assert [name for name in found if name in expected] == expected
    assert ("classes" in found) == (report.spec.targets.kind not in ("real", "objects"))
    assert ("calibration" in found) == (report.calibration is not None)
    assert ("errors" in found) == bool(report.fits)
    identifiers = [e.attributes["id"] for e in tree.walk() if "id" in e.attributes]
    assert len(identifiers) == len(set(identifiers))
    for section in tree.all("section"):
        assert section.attributes["aria-labelledby"] == section.all("h2")[0].attributes["id"]
    links = [link.attributes["href"].removeprefix("#in-") for link in tree.one("nav").all("a")]
    assert links == found
    for section in tree.all("section"):  # each link leads into what folds, so that following it unfolds
        assert section.one("details", **{"class": "fold"}).all("div", id=f"in-{section.attributes['id']}")
    assert tree.one("a", **{"class": "skip"}).attributes["href"].removeprefix("#") in identifiers
    assert tree.one("html").attributes["lang"] == "en"


def test_headings_skip_no_level(report):
    levels = [int(e.tag[1]) for e in page(report).walk() if re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


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
    scrolling = tree.all("div", **{"class": "scroll"})
    assert scrolling
    for region in scrolling:
        assert region.attributes["role"] == "group"  # not one landmark more for each table
        assert region.attributes["tabindex"] == "0"
        assert region.attributes["aria-label"]
    assert all(table.one("caption").text for table in tree.all("table"))
    assert all(figure.one("figcaption").text for figure in tree.all("figure"))


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
        scores=dataclasses.replace(
            report.scores, values={HOSTILE: 1.0}, baseline={HOSTILE: 0.5}, linear={HOSTILE: 0.5}, linear_name=HOSTILE
        ),
        worst=[Worst(HOSTILE, HOSTILE, 1.0, image=images(1)[0])],
        facts={HOSTILE: HOSTILE},
        columns=[ColumnRow(HOSTILE, HOSTILE, HOSTILE, HOSTILE)],
        effects=Effects(
            HOSTILE,
            1,
            1,
            [Importance(HOSTILE, 1.0, 0.0, 2.0)],
            [Dependence(HOSTILE, [1.0], [HOSTILE], [[1.0]], [HOSTILE])],
        ),
        rankings=[Ranking(HOSTILE, [0.0, 1.0], [0.0, 1.0], [1.0, 0.5], 0.5, 0.5, 0.5)],
        threshold=HOSTILE,
        fits=[Fit(HOSTILE, [1.0], [2.0], [0.0, 1.0], [1])],
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
    assert said(result.one("p", **{"class": "figure"})) == (
        "99.17 % accuracy on 10,000 test images 95 % interval: 98.97 to 99.33 %"
    )
    assert "classifies 9,917 of 10,000 test images correctly" in said(result)
    assert "lies between 98.97 and 99.33 %" in said(result)
    assert "always answers the most frequent class would reach 11.35 %" in said(result)
    assert "Logistic regression on 10,000 of 55,000 samples reaches 92.05 %." in said(result)
    assert "this network 99.17 %; logistic regression" in result.one("svg").attributes["aria-label"].replace(
        "\u00a0", " "
    )
    head, accuracy, loss = rows(result.one("table"))
    assert head == ["score", "test", "95 % interval", "validation", "constant predictor", "logistic regression"]
    assert accuracy[0].startswith("accuracy ")
    assert accuracy[1:] == ["99.17 %", "98.97 to 99.33 %", "99.25 %", "11.35 %", "92.05 %"]
    assert loss[1:] == ["0.02613", "–", "–", "–", "–"]


@pytest.mark.parametrize(
    ("linear", "says"),
    [(0.9, "reaches 90.00 %."), (0.95, "within the interval"), (0.97, "does not pay"), (0.99, "does not pay")],
)
def test_a_lead_over_the_linear_model_is_called_what_it_is(linear, says):
    scores = Scores(
        100,
        {"accuracy": 0.97},
        {"accuracy": 0.5},
        linear={"accuracy": linear},
        linear_name="a linear model",
        intervals={"accuracy": (0.9155, 0.9897)},
    )
    report = dataclasses.replace(image_report(), scores=scores)
    assert says in said(page(report).one("section", id="result"))


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
    assert rows(section.all("table")[0])[2] == ["2 best", "0.5000", "0.6000", "90.00 %"]


def test_learning_rate_and_gradient_norm_stand_after_the_losses_and_what_is_unknown_is_folded_away():
    report = image_report()
    more = {"unheard of": [1.0, 2.0, 3.0], "gradient norm": [3.0, 2.0, 1.0], "learning rate": [1.0, 0.5, 0.1]}
    section = page(dataclasses.replace(report, history={**more, **report.history})).one("section", id="curves")
    pictures = [svg.text for svg in section.all("svg")]
    assert ["loss" in pictures[0], "accuracy" in pictures[1]] == [True, True]
    assert ["learning rate" in pictures[2], "gradient norm" in pictures[3]] == [True, True]
    (folded,) = [details for details in section.all("details") if "class" not in details.attributes]
    assert "unheard of" in folded.one("svg").text
    assert "best" not in folded.one("svg").text


def test_one_epoch_makes_a_table_instead_of_curves():
    report = dataclasses.replace(image_report(), history={"loss": [0.5], "validation accuracy": [0.75]}, best_epoch=0)
    section = page(report).one("section", id="curves")
    assert section.all("svg") == []
    assert rows(section.all("table")[0])[1] == ["1 best", "0.5000", "75.00 %"]


def test_gaps_in_the_history_are_explained():
    report = dataclasses.replace(image_report(), history={"loss": [1.0, float("nan"), 0.5]})
    assert "Gaps are epochs without a finite value" in page(report).one("section", id="curves").text


def test_confusion_matrix_holds_the_counts_and_the_recall():
    report = image_report()
    confusion = report.scores.confusion
    table = rows(page(report).one("section", id="classes").all("table")[1])
    for index, row in enumerate(table[1:]):
        assert row[0] == report.spec.targets.classes[index]
        assert [int(cell) for cell in row[1:-2]] == confusion[index]
        assert row[-2:] == [str(sum(confusion[index])), f"{100 * 50 / sum(confusion[index]):.2f} %"]


def test_hundred_classes_are_told_by_their_most_confused_pairs():
    report = many_classes()
    confusion = torch.tensor(report.scores.confusion).fill_diagonal_(0)
    weakest, every, confused = page(report).one("section", id="classes").all("table")
    assert [row[0] for row in rows(weakest)[1:]] == [f"class {i}" for i in range(99, 87, -1)]  # by F1 = 1 / (3 + i)
    assert len(rows(every)) == 101
    table = rows(confused)[1:]
    assert len(table) == 15
    counts = [int(row[2]) for row in table]
    assert counts == sorted(confusion.flatten().tolist(), reverse=True)[:15]
    for truth, prediction, number, _ in table:
        assert confusion[int(truth.split()[1]), int(prediction.split()[1])] == int(number)


def test_a_class_without_test_samples_has_no_recall():
    report = dataclasses.replace(image_report(), scores=Scores(2, {}, {}, [[2, 0, 0], [0, 0, 0], [0, 0, 0]]))
    assert rows(page(report).one("section", id="classes").one("table"))[2][-2:] == ["0", "–"]


def test_zero_mistakes_are_said_in_words():
    assert "every test sample was classified correctly" in page(binary_report()).one("section", id="classes").text


def test_mistakes_show_truth_prediction_and_probability():
    cards = page(image_report()).one("section", id="mistakes").all("li")
    assert [said(value) for value in cards[0].all("dd")] == ["cat", "dog", "99.90 %", "9.500"]
    assert cards[0].one("img").attributes["alt"] == "Test image: true cat, predicted dog"
    assert "not a mistake" in cards[1].text
    assert cards[1].all("img") == []


def test_mistaken_rows_show_their_features():
    table = page(real_report()).one("section", id="mistakes").one("table")
    assert rows(table) == [["true", "predicted", "loss", "rooms", "age"], ["5.0", "2.1", "8.400", "3", "41.5"]]
    assert table.one("mark").attributes["title"] == "2.5 σ above the mean"


def test_of_hundreds_of_columns_the_most_unusual_values_are_told():
    table = page(wide_report()).one("section", id="mistakes").one("table")
    assert rows(table)[0] == ["true", "predicted", "probability", "loss", "most unusual values"]
    assert [said(one) for one in table.all("td")[-1].all("span")] == [f"x{i} {i} far off" for i in (6, 13, 20, 27)]


def test_classes_tell_precision_recall_f1_and_auc():
    table = rows(page(image_report()).one("section", id="classes").all("table")[0])
    assert table[0] == ["class", "samples", "precision", "recall", "F1", "AUC"]
    assert table[1] == ["cat", "100", "50.00 %", "25.00 %", "0.333", "0.875"]
    assert table[2] == ["dog", "101", "50.00 %", "25.00 %", "0.250", "–"]


def test_labels_are_told_one_by_one_and_have_no_confusions():
    tree = page(labels_report())
    table = rows(tree.one("section", id="classes").one("table"))
    assert table[2] == ["round", "0", "0.00 %", "–", "0.000", "–"]
    assert "gets every label right of 4 of 9" in said(tree.one("section", id="result"))
    trust = said(tree.one("section", id="calibration"))
    assert "Of 90 labels to which it gives 90 % on average, 84.00 % are there." in trust
    assert "states 86.00 % on average, and 81.00 % are there: too high." in trust
    assert rows(tree.one("section", id="data").one("table"))[-1] == ["all", "9"]


def test_calibration_is_said_in_words_and_listed_by_bins():
    section = page(image_report()).one("section", id="calibration")
    assert "When it says 90 %, it is right 84 % of the time (90 answers)." in said(section)
    assert "states 86.00 % on average, and 81.00 % are right: over-confident." in said(section)
    assert "5.2 percentage points" in said(section)
    assert rows(section.one("table"))[1] == ["60–80 %", "10", "70.0 %", "80.0 %", "50.0–90.0 %"]


def test_a_difference_that_chance_explains_is_not_called_over_confident():
    report = image_report()
    by_chance = dataclasses.replace(report, calibration=dataclasses.replace(report.calibration, leaning=False))
    assert "neither over-confident nor under-confident, as far as so many" in said(
        page(by_chance).one("section", id="calibration")
    )


@pytest.mark.parametrize(("area", "told"), [(0.99996, "> 0.9999"), (1.0, "1"), (0.9991, "0.9991")])
def test_only_a_ranking_without_a_fault_is_called_one(area, told):
    assert score("ROC-AUC", area) == told


def test_first_layer_is_shown_as_pictures_of_images():
    picture = page(image_report()).one("section", id="net")
    assert picture.one("img").attributes["src"] == pictures.image_grid(images(8), 8)
    assert "all 8 filters of conv" in picture.one("figure").text


def test_columns_are_ranked_by_what_shuffling_them_costs_and_drawn():
    section = page(real_report()).one("section", id="effects")
    table, levels = section.all("table")
    assert rows(table)[1:] == [["age", "0.5000", "0.2000 to 0.8000"], ["rooms", "0.2500", "−0.1000 to 0.6000"]]
    assert rows(levels)[1:] == [["few", "0.5000"], ["many", "0.7500"]]
    assert len(section.all("svg")) == 1  # of the numbers; categories are a table
    assert [cell.attributes["style"] for cell in table.all("td", class_="number bar")] == [
        "--length:100.0",
        "--length:50.0",
    ]


def test_real_targets_are_shown_against_the_truth():
    scatter, histogram, residuals = page(real_report()).one("section", id="errors").all("svg")
    assert len(scatter.all("circle")) == len(residuals.all("circle")) == 2
    assert "true price" in scatter.text
    assert len(histogram.all("rect")) == 2


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
    assert rows(section.one("table"))[1] == ["conv", "Conv2d", "8 × 4 × 4", "3 × 3", "80", "1,000,000"]
    assert rows(section.one("table"))[2][3] == "whole image"
    assert rows(section.one("table"))[-1] == ["all", "", "", "", "28,938", "1,234,567"]


def test_settings_environment_times_and_command_are_told():
    tree = page(image_report())
    asked, where, facts = tree.one("section", id="repeat").all("table")
    assert rows(asked) == [["optimiser · learning rate", "0.1"], ["epochs", "3"]]
    assert rows(where) == [["torch", "2.x"], ["device", "CPU"]]
    assert rows(facts) == [["sha256", "00ff"], ["samples", "3702, 0, 300"]]
    time = tree.one("section", id="curves").all("table")[-1]
    assert [row[:2] for row in rows(time)[1:]] == [["data", "400 ms"], ["training", "1 min 5 s"]]
    assert tree.one("pre").text == image_report().command


def test_long_histories_make_a_short_table_that_keeps_best_and_last():
    history = {"loss": [1 / (i + 1) for i in range(5000)]}
    report = dataclasses.replace(image_report(), history=history, best_epoch=1233)
    table = rows(page(report).one("section", id="curves").all("table")[0])
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
    light, dark = sorted((luminance(used["ink"]), luminance(used["marked"])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
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


def test_of_very_many_features_the_first_are_listed():
    inputs = Inputs((5000,), "features", (0.0,) * 5000, (1.0,) * 5000)
    report = bare_report()
    data = page(dataclasses.replace(report, spec=Spec(inputs, report.spec.targets))).one("section", id="data")
    assert "The first 2,000 of 5,000." in said(data)
    assert "feature 1999" in said(data)
    assert "feature 2345" not in said(data)
