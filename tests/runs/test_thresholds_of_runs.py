"""Runs of tables with a rare class: what leads and is said of it, and the threshold that is chosen, kept and used."""

import json
import re

import numpy as np
import polars as pl
import pytest
import torch

from pages import parse
from profundo import compare
from profundo.evaluate.thresholds import choose_threshold
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.listing import list_runs
from profundo.runs.opening import open_run
from profundo.runs.scoring import result_lines, score_lines
from profundo.runs.supervised import evaluate_split, train
from profundo.studies.cross_validation import cross_validate
from profundo.use.any_run import any_run
from profundo.use.exporting import export
from profundo.use.predicting import predictor


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """400 people, one in ten of them ill, by age and chance; of seven more it is not known."""
    draw = np.random.default_rng(0)
    age, city = draw.integers(1, 100, 400), draw.choice(["Lima", "Quito", "Faro"], 400)
    ill = age + draw.normal(0, 10, 400) > 92
    path = tmp_path_factory.mktemp("people") / "people.csv"
    card = [f"<{number:04x}>" for number in draw.permutation(400)]
    frame = {
        "card": card, "age": age, "city": city, "noise": draw.normal(size=400), "state": np.where(ill, "ill", "well"),
    }  # fmt: skip
    unknown = {"card": ["?"], "age": [50], "city": ["Lima"], "noise": [0.0], "state": [None]}
    nobody, people = pl.DataFrame(unknown), pl.DataFrame(frame)
    parts = [*[nobody] * 3, people[:200], *[nobody] * 4, people[200:]]
    whole = pl.concat(parts, how="vertical_relaxed")
    whole.write_csv(path)
    return path


def asked(table, **settings):
    return new_experiment(
        data=str(table), target="state", net="mlp", **{"id_columns": ["card"], "epochs": 4, **settings}
    )


@pytest.fixture(scope="module")
def constant(table, tmp_path_factory):
    return train(asked(table, epochs=1), out=tmp_path_factory.mktemp("constant") / "run")


@pytest.fixture(scope="module")
def costly(table, tmp_path_factory):
    """A miss costs ten false alarms."""
    return train(asked(table, epochs=30, threshold="cost:10,1"), out=tmp_path_factory.mktemp("costly") / "run")


def test_the_terminal_names_the_class_of_a_figure_says_what_leads_and_calls_a_constant_one(constant):
    first, verdict, why, others = score_lines(constant.scores, "test")
    assert first.startswith("test balanced accuracy: 50.00 %   (constant predictor: 50.00 %")
    assert re.fullmatch(
        r"no better than a constant answer on 80 test samples: it answers 'well' to all of them", verdict
    )
    assert re.fullmatch(r"balanced accuracy leads, for \d+ % of .* are 'ill': every class counts alike", why)
    assert "F1 of ill 0" in others
    assert "average precision of ill" in others
    assert re.search(r"calibration error [\d.]+ % \(if perfectly calibrated: [\d.]+ %\)", others)
    assert "validation balanced accuracy" in constant.history.names


def test_every_teller_leads_with_the_same_figure(constant, costly):
    kept = json.loads(constant.folder.scores.read_text())
    assert next(iter(kept["test"])) == "balanced accuracy"
    page = parse(constant.folder.report.read_text())
    assert "balanced accuracy on 80 test rows" in page.one("section", id="result").text
    (pairing,) = compare(constant, costly).pairings
    assert pairing.name == "balanced accuracy"
    assert pairing.difference == pytest.approx(costly.scores.values[pairing.name] - 0.5)
    (listed,) = list_runs(constant.folder.path.parent)
    assert listed["score"] == "balanced accuracy 50.00 %"


def test_the_threshold_is_chosen_on_validation_and_kept_with_the_net(costly):
    validation, _ = evaluate_split(costly.net, costly.data, costly.data.validation, costly.experiment)
    targets = costly.data.spec.targets
    assert (
        targets.threshold == choose_threshold("cost:10,1", validation.predictions, validation.targets, targets) != 0.5
    )
    opened = open_run(costly.folder.path)
    assert opened.data.spec.targets.threshold == targets.threshold
    assert opened.scores.values == pytest.approx(costly.scores.values)
    words = next(line for line in result_lines(costly) if "answered from" in line)
    share = 100 * (1 - targets.threshold)  # P(well) is what the net gives; the class to be found is the other
    assert (
        words
        == f"'ill' is answered from a probability of {share:.3g} % on, chosen on the validation split by cost:10,1"
    )
    assert words in parse(costly.folder.report.read_text()).one("section", id="result").text
    assert any_run(costly.folder.path).evaluate("test").values == pytest.approx(costly.scores.values)


def test_predictions_use_the_threshold_wherever_they_are_made(costly, table, tmp_path):
    rows = pl.read_csv(table).drop("state").rows(named=True)
    said = predictor(costly.folder.path).rows(rows)
    threshold = costly.data.spec.targets.threshold
    differs = 0
    for one in said:
        likely = max(one["probabilities"], key=one["probabilities"].get)
        expected = "well" if one["probabilities"]["well"] >= threshold else "ill"
        assert one["prediction"] == expected
        assert one["probability"] == one["probabilities"][expected]
        differs += likely != expected
    assert differs
    onnxruntime = pytest.importorskip("onnxruntime")
    exported = export(costly.folder.path, "onnx", tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(exported.model)
    feeds = {
        "age": np.array([[row["age"]] for row in rows], np.float64),
        "city": np.array([[row["city"]] for row in rows], object),
        "noise": np.array([[row["noise"]] for row in rows], np.float64),
    }
    (prediction,) = session.run(["prediction"], feeds)
    assert [("ill", "well")[index] for index in prediction] == [one["prediction"] for one in said]
    assert session.get_modelmeta().custom_metadata_map["threshold"] == str(threshold)
    card = json.loads((tmp_path / "model-card.json").read_text())
    assert card["threshold"] == threshold
    assert f"{threshold!r}" in card["files"]["model.onnx"]["use"]


def test_the_worst_mistakes_say_which_row_of_the_file_they_are_and_what_drove_them(costly, table):
    section = parse(costly.folder.report.read_text()).one("section", id="mistakes")
    head, *rows = [[cell.text for cell in row.all("td") + row.all("th")] for row in section.one("table").all("tr")]
    assert "row" in head
    assert "what drove the answer" in head
    file = pl.read_csv(table)
    for row in section.one("table").all("tr")[1:]:
        cells = [cell.text.strip() for cell in row.all("td")]
        place = int(cells[0].replace(",", "")) - 1
        assert file["state"][place] == row.one("th").text.strip()
        assert str(file["age"][place]) in cells
        assert file["city"][place] in cells
        assert cells[1] == file["card"][place]
    assert rows
    assert head.index("card") == head.index("row") + 1


def test_the_report_of_a_table_ranks_columns_by_what_shuffling_them_costs(costly):
    section = parse(costly.folder.report.read_text()).one("section", id="effects")
    first, table = section.all("table")[0], section.all("table")
    names = [row.one("th").text.strip() for row in first.all("tr")[1:]]
    assert names[0] == "age"
    assert set(names) == {"age", "city", "noise"}
    assert all("Partial dependence" in one.one("caption").text for one in table[1:])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"data": "iris", "target": None, "net": "linear", "id_columns": []},
            "expected probabilities of two classes, iris has 3 classes",
        ),
        (
            {"data": "diabetes", "target": None, "net": "linear", "id_columns": []},
            "expected probabilities of two classes",
        ),
        ({"objective": "hinge"}, "margins of a hinge"),
        ({"validation": 0.004}, "has no sample of 'ill'; give more samples, or a larger validation"),
    ],
)
def test_a_threshold_that_cannot_be_chosen_is_refused_before_training(table, settings, says):
    with pytest.raises(ProfundoError, match=re.escape(says)):
        train(new_experiment(**{**asked(table, threshold="f1").model_dump(exclude_defaults=True), **settings}))


def test_each_fold_chooses_its_threshold_on_samples_of_its_own(table):
    found = cross_validate(table, folds=2, target="state", net="mlp", epochs=20, threshold="recall=0.9")
    assert all(fold.samples["validation"] > 0 for fold in found.results)
    recalls = [fold.confusion[0][0] / sum(fold.confusion[0]) for fold in found.results]
    assert min(recalls) > 0.6


def test_the_report_does_not_say_that_a_better_network_was_thrown_away(table, tmp_path):
    for settings, says, never in (
        ({"epochs": 3}, "3 epochs of training; the network kept is that of the last.", "lowest"),
        ({"epochs": 3, "early_stop": 3}, "where the validation loss was lowest", "of the last"),
        (
            {"epochs": 60, "learning_rate": 0.1, "schedule": "constant", "weight_decay": 0.0},
            "--early-stop 10",
            "lowest",
        ),
    ):
        run = train(asked(table, **settings), out=tmp_path / says[:5].strip())
        text = parse(run.folder.report.read_text()).one("section", id="curves").one("p").text
        assert says in text
        assert never not in text
        torch.manual_seed(0)
