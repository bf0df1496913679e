"""Runs compared: who is right is counted from the runs' own answers, and what cannot be compared says why."""

import dataclasses
import json

import pytest
import torch
from scipy.stats import binomtest

import profundo as pf
from profundo.records import Dataset, Inputs, ProfundoError, Samples, Spec, Targets


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def fitted(data, seed=0, epochs=2, **more):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return pf.fit(pf.nets.mlp(data.spec), data, epochs=epochs, seed=seed, out=False, **more)


@pytest.fixture(scope="module")
def iris():
    return pf.load("iris")


@pytest.fixture(scope="module")
def pair(iris):
    return fitted(iris, epochs=3), fitted(iris, epochs=40)


def test_the_pairing_counts_the_answers_of_both(pair):
    first, second = pair
    found = pf.compare(first, second).pairings[0]
    right = [run.said.predictions.argmax(1) == run.said.targets for run in pair]
    assert found.both == int((right[0] & right[1]).sum())
    assert found.first == int((right[0] & ~right[1]).sum())
    assert found.second == int((right[1] & ~right[0]).sum())
    assert found.neither == int((~right[0] & ~right[1]).sum())
    assert found.second > 0  # or the test would prove nothing
    assert found.p == pytest.approx(binomtest(found.first, found.first + found.second).pvalue)
    accuracies = [run.scores.values["accuracy"] for run in pair]
    assert found.difference == pytest.approx(accuracies[1] - accuracies[0])


def test_disagreements_are_those_that_only_one_gets_right(pair):
    compared = pf.compare(*pair)
    for part, number in zip(
        compared.comparison.disagreements, (compared.pairings[0].first, compared.pairings[0].second), strict=True
    ):
        assert part.number == number
        for one in part.samples:
            said = {part.first: one.first[0], part.second: one.second[0]}
            assert said[part.winner] == one.truth != said[part.loser]


def test_real_targets_are_compared_by_their_errors():
    data = pf.load("diabetes")
    first, second = fitted(data, epochs=1), fitted(data, epochs=30)
    found = pf.compare(first, second).pairings[0]
    rmse = [run.scores.values["RMSE"] for run in (first, second)]
    assert found.name == "RMSE"
    assert found.difference == pytest.approx(rmse[1] - rmse[0])
    assert found.low <= found.difference <= found.high < 0
    assert found.p < 0.01
    nearer = pf.compare(first, second).comparison.disagreements[1]
    assert nearer.winner == "run 2"
    for one in nearer.samples:
        truth, a, b = (float(text.replace("−", "-")) for text in (one.truth, one.first[0], one.second[0]))
        assert abs(b - truth) < abs(a - truth)


def test_other_test_samples_cannot_be_compared_one_by_one(iris):
    compared = pf.compare(fitted(iris), fitted(pf.load("iris", seed=1), seed=1))
    assert "seeds 0 and 1 divide the data differently" in compared.pairings[0].apart
    assert compared.comparison.disagreements == []
    assert "cannot be compared sample by sample" in compared.words[0]


def test_the_same_test_split_suffices_where_training_differs(iris):
    half = Samples(iris.train.inputs[::2], iris.train.targets[::2])
    fewer = dataclasses.replace(iris, train=half, facts={"sha256": "another"})
    found = pf.compare(fitted(iris), fitted(fewer)).pairings[0]
    assert not found.apart
    shuffled = Samples(iris.test.inputs.flip(0), iris.test.targets)
    other = dataclasses.replace(iris, test=shuffled, facts={"sha256": "a third"})
    assert "hold other samples" in pf.compare(fitted(iris), fitted(other)).pairings[0].apart


def test_several_runs_are_corrected_for_being_several(pair, iris):
    compared = pf.compare(*pair, fitted(iris, seed=3))
    for pairing in compared.pairings:
        assert pairing.p <= pairing.adjusted <= 2 * pairing.p
    assert "Holm" in compared.words[0]


@pytest.mark.parametrize("other", ["wine", "breast-cancer", "diabetes"])
def test_other_kinds_of_data_are_refused_in_one_line(pair, other):
    with pytest.raises(ProfundoError) as error:
        pf.compare(pair[0], fitted(pf.load(other), epochs=1))
    assert "3 classes (setosa, versicolor, virginica) from rows of width 4" in str(error.value)
    assert "same kind of data" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_run_cannot_be_compared_with_itself_or_with_nothing(pair):
    with pytest.raises(ProfundoError, match="expected different runs"):
        pf.compare(pair[0], pair[0])
    with pytest.raises(ProfundoError, match="two to 12 runs, got 1"):
        pf.compare(pair[0])


def test_answers_that_are_not_finite_are_not_compared():
    data = pf.load("diabetes")
    first, second = fitted(data, epochs=1), fitted(data, epochs=1)
    second.said = dataclasses.replace(second.said, predictions=second.said.predictions * float("nan"))
    compared = pf.compare(first, second)
    assert "not finite" in compared.pairings[0].apart
    assert compared._repr_html_()


def test_several_labels_are_compared_by_exact_matches(tmp_path):
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(400, 3, generator=draw)
    targets = (inputs[:, :2] + inputs[:, 2:] > 0).float()
    spec = Spec(Inputs((3,), "features", (0.0,) * 3, (1.0,) * 3), Targets("labels", ("warm", "loud")))
    parts = [Samples(inputs[a:b], targets[a:b]) for a, b in ((0, 200), (200, 250), (250, 400))]
    data = Dataset("made", spec, *parts, facts={"sha256": "made"})
    first, second = fitted(data, epochs=1), fitted(data, epochs=30)
    compared = pf.compare(first, second)
    found = compared.pairings[0]
    right = ((second.said.predictions >= 0.5) == (second.said.targets >= 0.5)).all(1)
    assert found.name == "exact match"
    assert found.both + found.second == int(right.sum())
    assert "Label by label" in compared.write(tmp_path / "page.html").read_text()


@pytest.mark.slow
def test_the_command_writes_a_page_and_tells_the_verdict(tmp_path, called, refused):
    def profundo(*words):
        return called(*words, cwd=tmp_path)

    for name, epochs in (("a", "2"), ("b", "30")):
        done = profundo("train", "iris", "--epochs", epochs, "--out", name)
        assert done.returncode == 0, done.stderr
    done = profundo("report", "a", "b")
    assert done.stdout == "comparison.html\n"
    assert "than a: its accuracy is" in done.stderr
    page = (tmp_path / "comparison.html").read_text()
    assert page.startswith("<!doctype html>")
    done = profundo("report", "a", "b", "--out", "c.html", "--json")
    told = json.loads(done.stdout)
    assert (told["report"], told["against"], told["differences"][0]["run"]) == ("c.html", "a", "b")
    assert (tmp_path / "c.html").read_text() == page
    assert profundo("report", "a", "--out", "alone.html").stdout == "alone.html\n"
    assert (tmp_path / "alone.html").read_text() == (tmp_path / "a/report.html").read_text()
    for words, says in (
        (("a", "a"), "twice"),
        (("a", "nowhere"), "expected a run's folder"),
        (("a", "b", "--out", "a"), "a"),
    ):
        refused("report", *words, cwd=tmp_path, says=[says])
