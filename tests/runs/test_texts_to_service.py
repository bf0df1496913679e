"""From a file of texts to a service: train, resume, predict, report, export; words and numbers both count."""

import ast
import csv
import random
import re
from dataclasses import replace

import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import profundo as pf
from commands import Trouble, bits, go_on, python
from profundo.data import standardize
from profundo.data.tables.columns import column_slices
from profundo.data.tables.new_rows import features_of_rows
from profundo.lab.limits import Limits
from profundo.lab.openapi import description
from profundo.lab.page import page
from profundo.runs.baselines.text_baseline import WORD, C, fit_text_linear
from profundo.runs.experiment import new_experiment
from profundo.runs.saved_model import check_spec
from profundo.runs.supervised import resume, train
from profundo.runs.table_values import values_of
from profundo.runs.word_effects import without_each_word
from profundo.use.exporting import FORMATS, export
from profundo.use.predicting import predict_files, predictor

GOOD, BAD = (
    ["lovely", "bright", "clean", "quiet", "friendly", "warm"],
    ["noisy", "dirty", "cold", "broken", "rude", "dark"],
)
STUFF = [
    "the",
    "room",
    "was",
    "near",
    "a",
    "station",
    "and",
    "we",
    "had",
    "some",
    "food",
    "there",
    "with",
    "view",
    "of",
    "city",
]


def rooms(count=400, seed=0):
    """(review, price, again): whether a guest comes again, who asks for a good room at a low price."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        good, price = draw.random() < 0.5, draw.choice([40, 200])
        words = draw.choices(STUFF, k=draw.randint(5, 14)) + draw.choices(GOOD if good else BAD, k=2)
        draw.shuffle(words)
        rows.append((" ".join(words), price, "yes" if good and price == 40 else "no"))
    return rows


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("rooms") / "rooms.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([("review", "price", "again"), *rooms()])
    return path


@pytest.fixture(scope="module")
def run(file, tmp_path_factory):
    experiment = new_experiment(data=str(file), target="again", epochs=12)
    return train(experiment, out=tmp_path_factory.mktemp("run") / "rooms")


def test_both_the_text_and_the_number_are_used(run, file):
    figures = {"both": run.scores.values["balanced accuracy"]}
    for column in ("review", "price"):
        data = pf.load(file, target="again", only=[column])
        net = pf.nets.build(pf.nets.default(data.spec), data.spec)
        figures[column] = pf.fit(net, data, epochs=12, out=False).scores.values["balanced accuracy"]
    assert figures["both"] > 0.85
    assert figures["both"] > max(figures["review"], figures["price"]) + 0.05


def test_the_linear_model_is_scikit_learns(run):
    data = run.data
    (column, at), other = column_slices(data.spec.inputs)
    rows = standardize(data.train.inputs, data.spec.inputs)
    model = fit_text_linear([rows], data.train.targets, data.spec)
    texts = [values_of(row, data.spec.inputs)[0].text for row in data.train.inputs]
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD).fit(texts)
    assert model.words[0].vocabulary_ == words.vocabulary_
    expected = LogisticRegression(C=C, max_iter=300).fit(model.features(rows), data.train.targets.numpy())
    torch.testing.assert_close(
        model(rows)[:, 0].double(),
        torch.from_numpy(expected.decision_function(model.features(rows))),
        rtol=1e-4,
        atol=1e-4,
    )
    assert "tf-idf and logistic regression" in run.scores.linear_name
    assert (column.kind, other[0].name) == ("text", "price")
    assert at.start == 0


def test_leaving_a_word_out_is_reading_the_text_without_it(run):
    inputs = run.data.spec.inputs
    (column, at), _ = column_slices(inputs)
    row = run.data.test.inputs[0]
    text = values_of(row, inputs)[0].text
    words, rows = without_each_word(row, column, at)
    assert words == list(dict.fromkeys(text.split()))
    for word, left in zip(words, rows, strict=True):
        expected = " ".join(other for other in text.split() if other != word)
        assert " ".join(values_of(left, inputs)[0].text.split()) == expected
        assert left[at.stop :].equal(row[at.stop :])


def test_the_report_names_the_words_that_tell(run):
    html = run.report().read_text("utf-8")
    assert "Most telling words" in html
    told = html.split("Most telling words")[1][:6000]
    assert sum(word in told for word in GOOD) >= 4
    assert run.report().stat().st_size < 3_000_000


def test_the_saved_run_answers_as_the_one_in_memory(run, file):
    with file.open(newline="", encoding="utf-8") as rows:
        some = list(csv.DictReader(rows))[:20]
    values = predictor(run.folder.path)
    told = predict_files(run.folder.path, [file])[:20]
    assert values.spec == run.data.spec
    assert sum(one["prediction"] == row["again"] for one, row in zip(told, some, strict=True)) >= 18


def test_an_interrupted_training_ends_with_the_same_bits(file, tmp_path):
    words = ["train", str(file), "--target", "again", "--epochs", "2", "--checkpoint-seconds", "0"]
    whole = go_on(tmp_path, words, "whole").wait()
    assert whole.code == 0, whole.said
    cut = go_on(tmp_path, words, "cut", Trouble(show=8)).wait()
    assert cut.code != 0
    resume(tmp_path / "cut")
    assert bits(tmp_path / "cut") == bits(tmp_path / "whole")


@pytest.mark.parametrize("format", FORMATS)
def test_exported_it_answers_alike_and_the_card_makes_rows_of_texts(run, format, tmp_path):
    exported = export(run.folder.path, format, tmp_path)
    assert exported.difference < 1e-5
    (code,) = re.findall(r"```python\n(.*?)```", (tmp_path / "MODEL_CARD.md").read_text("utf-8"), flags=re.S)
    ended = python(tmp_path, f"import sys; sys.path.insert(0, '')\n{code}").wait()
    assert ended.code == 0, ended.said[-2000:]
    shares = ast.literal_eval(ended.said)
    expected = run.predict(features_of_rows([{"review": "a text", "price": None}], run.data.spec.inputs).values)
    assert list(shares) == list(run.data.spec.targets.classes)
    assert list(shares.values())[1] == pytest.approx(float(expected[0]), abs=1e-5)


@pytest.mark.parametrize("lengths", [(0, 5), (-1, 5), (10**9, 10**9)])
def test_a_description_of_texts_of_impossible_lengths_is_refused(run, lengths):
    (column,) = run.data.spec.inputs.texts
    inputs = replace(run.data.spec.inputs, columns=(replace(column, lengths=lengths),))
    with pytest.raises(ValueError, match="cannot keep"):
        check_spec(replace(run.data.spec, inputs=inputs))


def test_the_page_of_the_service_has_a_text_area_and_its_description_a_text(run):
    spec = run.data.spec
    html = page("rooms", spec, {}, Limits(), "en").decode()
    assert '<textarea data-column="review"' in html
    assert (
        '<input data-column="price" type="text" inputmode="decimal"' in html
    )  # as the table writes numbers, or a person
    schema = description("rooms", spec, Limits())["paths"]["/predict"]["post"]["requestBody"]["content"]
    row = schema["application/json"]["schema"]["properties"]["rows"]["items"]["properties"]
    assert row["review"] == {"type": ["string", "null"]}
