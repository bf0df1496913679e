"""Figures of few test examples are told with what they can mean; what a figure is, what is better, and by which."""

import pytest
from scipy.stats import binomtest

from profundo.pictures.verdict import is_share
from profundo.recipes.classifying import nothing_learnt
from profundo.recipes.figures.cautions import FEW, cautions_of, few_tests
from profundo.recipes.figures.figure_meanings import PARTS, meaning_of
from profundo.recipes.recipe import Outcome
from profundo.records import Scores


def test_of_few_tests_the_interval_is_wilsons_and_of_enough_nothing_is_said():
    low, high = binomtest(11, 12).proportion_ci(method="wilson")
    told = few_tests({"accuracy": 11 / 12}, 12)
    assert "12 test examples" in told
    assert f"{100 * low:.2f}" in told
    assert f"{100 * high:.2f}" in told
    assert "one test example" in few_tests({"PSNR": 30.0}, 1)
    assert not few_tests({"accuracy": 0.5}, FEW)
    assert not few_tests({"accuracy": 0.5}, 0)


@pytest.mark.parametrize("figures", [{"accuracy, 3 unseen classes, 1 shot": 0.6}, {"label error rate": 2.6}])
def test_no_interval_is_told_of_what_is_no_share_of_the_test_examples(figures):
    assert "interval" not in few_tests(figures, 12)


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("test RMSE, chosen degree", "lower"),
        ("accuracy of words, x", "higher"),
        ("words in use", "higher"),
        ("F1 of loss", "higher"),
        ("cos(X, A)", ""),
    ],
)
def test_a_figure_is_known_by_a_part_of_its_name(name, better):
    assert meaning_of(name).better == better


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("share of cities beside their season", "season"),
        ("share of cities beside their kind", "kind"),
        ("training error above least squares", "least that any weights"),
        ("validation bits/char", "−log₂"),
        ("iris: share mistaken", "wrongly"),
        ("error, width 64", "hidden units"),
        ("log loss (nats)", "vocabulary"),
    ],
)
def test_a_figure_is_called_what_it_is_beside_others_of_a_similar_name(name, part):
    assert part in meaning_of(name).what


@pytest.mark.parametrize("name", ["error", "training loss", "error of maps", "a new error", "a new loss"])
def test_of_a_figure_that_nobody_described_nothing_is_said(name):
    assert meaning_of(name).what == ""


def test_what_is_described_as_a_share_is_read_in_percent():
    assert not [part for part, what, _ in PARTS if what.startswith("share") and not is_share(part)]
    assert not is_share("RMSE")


def test_whatever_is_better_by_the_main_figure_is_named():
    outcome = Outcome(
        {"RMSE": 2.0, "accuracy": 0.1}, {"RMSE": 1.0, "accuracy": 0.9}, against="a line", rivals={"a tree": 3.0}
    )
    assert cautions_of(outcome, 100) == ["Better by the RMSE: a line (1)."]
    assert cautions_of(Outcome({"accuracy": 0.5}, {"accuracy": 0.5}, cautions=["Beware."]), 0) == ["Beware."]
    assert len(cautions_of(Outcome({"accuracy": 0.5}, tested=3), 100)) == 1


def test_a_net_at_the_accuracy_of_a_constant_is_not_praised():
    (told,) = nothing_learnt("LeNet-5", Scores(300, {"accuracy": 0.11}, {"accuracy": 0.11}))
    assert "no better than a constant answer on 300 test images" in told
    assert nothing_learnt("LeNet-5", Scores(300, {"accuracy": 0.9}, {"accuracy": 0.11})) == []


def test_a_figure_of_one_of_several_data_is_named_in_a_sentence():
    rival = Outcome({"wine: share mistaken": 0.2}, {"wine: share mistaken": 0.1}, against="linear model")
    assert cautions_of(rival, 0) == ["Better by the share mistaken of wine: linear model (10.00\u00a0%)."]
