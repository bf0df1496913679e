"""Figures of few test examples are told with what they can mean; what a figure is, and which is the better."""

import pytest
from scipy.stats import binomtest

from profundo.recipes.few_tests import FEW, caution
from profundo.recipes.figure_meanings import meaning_of


def test_of_few_tests_the_interval_is_wilsons_and_of_enough_nothing_is_said():
    low, high = binomtest(11, 12).proportion_ci(method="wilson")
    told = caution({"accuracy": 11 / 12}, 12)
    assert "12 test examples" in told
    assert f"{100 * low:.2f}" in told
    assert f"{100 * high:.2f}" in told
    assert "one test example" in caution({"PSNR": 30.0}, 1)
    assert not caution({"accuracy": 0.5}, FEW)
    assert not caution({"accuracy": 0.5}, 0)


@pytest.mark.parametrize("figures", [{"accuracy, 3 unseen classes, 1 shot": 0.6}, {"label error rate": 2.6}])
def test_no_interval_is_told_of_what_is_no_share_of_the_test_examples(figures):
    assert "interval" not in caution(figures, 12)


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("test RMSE, chosen degree", "lower"),
        ("accuracy of words, x", "higher"),
        ("words in use", "higher"),
        ("cos(X, A)", ""),
    ],
)
def test_a_figure_is_known_by_a_part_of_its_name(name, better):
    assert meaning_of(name).better == better
