"""Intervals keep their promise: against printed tables, scipy, closed forms and repeated drawing."""

import math

import pytest
import torch
from scipy.stats import binomtest

from profundo.evaluate import Answers, scores
from profundo.evaluate.intervals import log_loss_interval, mean_interval, wilson
from profundo.evaluate.paired_tests import bonett_price, compare_costs, compare_right, holm, mcnemar
from profundo.evaluate.reliability import reliability
from profundo.records import CalibrationBin, ProfundoError, Targets


@pytest.mark.parametrize(("right", "samples"), [(0, 10), (1, 10), (5, 10), (10, 10), (9917, 10_000), (1, 1), (33, 34)])
def test_wilsons_interval_is_scipys(right, samples):
    expected = binomtest(right, samples).proportion_ci(method="wilson")
    assert wilson(right, samples) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_ends_of_wilsons_interval_solve_its_equation():
    share, samples = 0.3, 50
    for edge in wilson(15, samples):
        assert abs(share - edge) == pytest.approx(1.959963985 * math.sqrt(edge * (1 - edge) / samples))


def test_of_no_sample_nothing_is_known():
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_interval_of_a_mean_holds_it_about_95_times_in_100():
    draw = torch.Generator().manual_seed(1)
    held = 0
    for seed in range(200):
        low, high = mean_interval(torch.empty(80).exponential_(generator=draw), seed=seed)
        held += low <= 1 <= high
    assert 176 <= held <= 198  # binomial(200, 0.95) gives less than 176 once in a million


def test_the_interval_of_a_log_loss_holds_it_although_few_samples_carry_most_of_it():
    """A net of too large logits, 30 samples: the quantiles of resampled means hold the loss 3 times in 4."""
    draw, held = torch.Generator().manual_seed(4), 0

    def drawn(n):
        side = 2 * torch.randint(2, (n,), generator=draw) - 1
        logits = 8 * (side + torch.randn(n, generator=draw))
        came_true = torch.rand(n, generator=draw) < torch.sigmoid(logits / 1.6)
        costs = torch.nn.functional.softplus(torch.where(came_true, -logits, logits)).double()
        return costs, torch.sigmoid(logits.abs()), came_true == (logits > 0)

    truth = drawn(2_000_000)[0].mean().item()
    for _ in range(100):
        low, high = log_loss_interval(*drawn(30), classes=2)
        held += low <= truth <= high
    assert held >= 90


def test_the_log_loss_of_an_evaluation_allows_for_mistakes_that_were_not_seen():
    """Thirty answers, all right and all as sure: their spread alone is none, and Wilson's interval allows for a ninth of mistakes."""
    truth = torch.arange(30) % 2
    p = torch.where(truth == 1, 0.9, 0.1).double()
    found = scores(Answers(p, truth, torch.full((30,), -math.log(0.9))), Targets("binary", ("no", "yes")), truth)
    low, high = found.intervals["log loss"]
    missed = wilson(0, 30)[1]
    dearest = 0.1 * -math.log(0.1) / 0.1  # what a mistake costs by the net's own probabilities
    assert low == pytest.approx(-math.log(0.9), rel=1e-6)
    assert high == pytest.approx((1 - missed) * -math.log(0.9) + missed * dearest, rel=1e-6)


def test_of_many_values_the_interval_is_the_normal_one():
    values = torch.arange(10_000.0)
    half = 1.959963985 * values.double().std().item() / 100
    assert mean_interval(values) == pytest.approx((4999.5 - half, 4999.5 + half))


def test_bootstrap_and_normal_interval_agree_where_both_hold():
    values = torch.rand(5000, generator=torch.Generator().manual_seed(0))
    half = 1.959963985 * values.double().std().item() / 5000**0.5
    low, high = mean_interval(values)
    assert (high - low) / 2 == pytest.approx(half, rel=0.06)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [1.0, math.inf]])
def test_what_is_not_finite_or_has_no_spread_has_no_interval(values):
    assert all(map(math.isnan, mean_interval(torch.tensor(values))))


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (7, 1), (5, 5), (4, 9), (120, 95), (2000, 1900)])
def test_mcnemars_p_is_the_exact_binomials(first, second):
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(second, first) == mcnemar(first, second)


def test_bonett_and_prices_interval_is_that_of_their_formula():
    # 20 pairs, 9 won by the first alone and 3 by the second: (4 − 10) / 22 ± z √((14/22 − (6/22)²) / 22)
    half = 1.959963985 * math.sqrt((14 / 22 - (6 / 22) ** 2) / 22)
    assert bonett_price(9, 3, 20) == pytest.approx((-6 / 22 - half, -6 / 22 + half))
    assert bonett_price(0, 1, 1)[1] == 1.0


@pytest.mark.parametrize(
    ("samples", "p", "q"), [(10_000, 0.025, 0.002), (359, 0.03, 0.005), (100, 0.1, 0.1), (30, 0.2, 0)]
)
def test_the_interval_of_a_difference_holds_it_about_95_times_in_100(samples, p, q):
    draw, held = torch.Generator().manual_seed(2), 0
    for _ in range(300):
        u = torch.rand(samples, generator=draw)
        found = compare_right(~((u >= p) & (u < p + q)), ~(u < p))
        held += found.low <= q - p <= found.high
    assert held >= 267  # binomial(300, 0.95) gives less than 267 once in 100,000


def answers(both: int, first: int, second: int, neither: int) -> tuple[torch.Tensor, torch.Tensor]:
    a = torch.tensor([True] * (both + first) + [False] * (second + neither))
    b = torch.tensor([True] * both + [False] * first + [True] * second + [False] * neither)
    return a, b


def test_two_classifiers_are_counted_by_who_is_right():
    found = compare_right(*answers(80, 3, 12, 5))
    assert (found.both, found.first, found.second, found.neither) == (80, 3, 12, 5)
    assert found.difference == pytest.approx(0.92 - 0.83)
    assert found.p == mcnemar(3, 12)
    assert found.low < found.difference < found.high


@pytest.mark.parametrize("first", range(0, 12))
@pytest.mark.parametrize("both", [5, 50, 2000])
def test_the_interval_holds_zero_just_where_the_test_finds_nothing(first, both):
    found = compare_right(*answers(both, first, 14, 7))
    assert (found.low <= 0 <= found.high) == (found.p >= 0.05)


def test_fewer_disagreements_leave_less_room_for_a_difference():
    none, one = compare_right(*answers(30, 0, 0, 10)), compare_right(*answers(30, 1, 0, 9))
    assert (none.difference, none.p) == (0.0, 1.0)
    assert none.high == -none.low > 0
    assert one.high - one.low > none.high - none.low


def test_the_bootstrap_of_a_difference_has_the_standard_error_of_its_mean():
    draw = torch.Generator().manual_seed(3)
    a = torch.rand(400, generator=draw)
    b = a + 0.1 * torch.randn(400, generator=draw) + 0.02
    found = compare_costs(a, b)
    error = (b - a).double().std().item() / 20
    assert found.difference == pytest.approx((b - a).double().mean().item())
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.05)


def test_the_bootstrap_of_roots_is_of_the_roots():
    a, b = torch.full((50,), 4.0), torch.full((50,), 9.0)
    found = compare_costs(a, b, root=True)
    assert (found.difference, found.low, found.high) == (1.0, 1.0, 1.0)
    assert found.p < 0.001


def test_p_of_equal_costs_is_one_and_of_noise_seldom_small():
    assert compare_costs(torch.ones(20), torch.ones(20)).p == 1.0
    draw = torch.Generator().manual_seed(5)
    small = sum(
        compare_costs(torch.rand(100, generator=draw), torch.rand(100, generator=draw), seed=seed).p < 0.05
        for seed in range(100)
    )
    assert small <= 14  # binomial(100, 0.05) gives more than 14 less than once in 1,000


def test_holms_correction_is_that_of_the_textbook():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("pair", [([True], [True, False]), ([], [])])
def test_answers_that_do_not_belong_together_are_refused(pair):
    with pytest.raises(ProfundoError, match="expected an answer of both to each sample"):
        compare_right(*(torch.tensor(one, dtype=torch.bool) for one in pair))


def test_costs_that_are_not_finite_are_refused():
    with pytest.raises(ProfundoError, match="finite costs"):
        compare_costs(torch.tensor([1.0]), torch.tensor([math.nan]))


def test_reliability_adds_up_its_bins():
    bins = [
        CalibrationBin(0.4, 0.6, 40, 0.5, 0.6),
        CalibrationBin(0.6, 0.8, 2, 0.7, 0.0),
        CalibrationBin(0.8, 1, 158, 0.9, 0.85),
    ]
    found = reliability(bins)
    assert found.error == pytest.approx((40 * 0.1 + 2 * 0.7 + 158 * 0.05) / 200)
    assert found.stated == pytest.approx((20 + 1.4 + 142.2) / 200)
    assert found.right == pytest.approx((24 + 0 + 134.3) / 200)
    assert found.telling is bins[2]
    assert not found.leaning  # 158.3 of 200 right, 158.6 stated
    assert found.intervals[0] == wilson(24, 40)


def test_a_bin_with_few_answers_does_not_speak_for_all():
    bins = [CalibrationBin(0.4, 0.6, 29, 0.5, 0.0), CalibrationBin(0.8, 1.0, 31, 0.9, 0.89)]
    assert reliability(bins).telling is bins[1]
    assert reliability(bins[:1]).telling is bins[0]
    assert reliability([]) is None


@pytest.mark.parametrize(("samples", "leaning"), [(100, False), (10_000, True)])
def test_what_is_stated_leans_only_where_chance_does_not_explain_it(samples, leaning):
    # 3 points: one and a half standard errors of 100 answers, fifteen of 10,000
    assert reliability([CalibrationBin(0.9, 1, samples, 0.95, 0.92)]).leaning is leaning
