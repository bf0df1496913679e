"""Which figure leads, the figures of rare classes, and thresholds: against scikit-learn and against trying all of them."""

import numpy as np
import pytest
import torch
from sklearn import metrics

from profundo.evaluate import Answers, figure_of, figures, paired_tests, scores
from profundo.evaluate.detection import average_precision, curves
from profundo.evaluate.intervals import logit_interval, mean_of_shares, wilson
from profundo.evaluate.leading import leading_figure, positive, reason
from profundo.evaluate.paired_tests import compare_balanced, compare_precision, compare_right, ranked_by_luck
from profundo.evaluate.reliability import chance_error
from profundo.evaluate.scores import calibration_bins
from profundo.evaluate.thresholds import check_rule, choose_threshold
from profundo.pictures.verdict import no_better
from profundo.records import ProfundoError, Targets

RULES = ("cost:10,1", "cost:1,3", "f1", "balanced", "recall=0.9", "recall=1", "0.3")


def two(first: float, names=("ill", "well")) -> Targets:
    return Targets("binary", names, shares=(first, 1 - first))


def drawn(seed: int, samples: int = 400, share: float = 0.2, ties: bool = False):
    """P(y = 1) and the truth, of which `share` is 1."""
    draw = torch.Generator().manual_seed(seed)
    truth = (torch.rand(samples, generator=draw) < share).long()
    p = torch.sigmoid(torch.randn(samples, generator=draw) + 1.5 * truth - 1)
    return (p * 20).round() / 20 if ties else p, truth


def answered(p: torch.Tensor, truth: torch.Tensor, threshold: float = 0.5) -> Answers:
    return Answers(p, truth, -torch.where(truth == 1, p, 1 - p).log(), threshold=threshold)


@pytest.mark.parametrize(
    ("targets", "leads"),
    [
        (two(0.5), "accuracy"),
        (two(0.37), "accuracy"),  # 0.59 of the other
        (two(0.26), "balanced accuracy"),
        (two(0.03), "average precision of ill"),
        (two(0.97), "average precision of well"),
        (Targets("binary", ("a", "b")), "accuracy"),  # not counted
        (Targets("classes", tuple("abc"), shares=(0.4, 0.3, 0.3)), "accuracy"),
        (Targets("classes", tuple("abc"), shares=(0.6, 0.35, 0.05)), "balanced accuracy"),
        (Targets("classes", tuple("abc"), shares=(0.5, 0.5, 0.0)), "accuracy"),  # a class that is only a name
        (Targets("labels", ("sun", "frost"), shares=(0.5, 0.3)), "exact match"),
        (Targets("labels", ("sun", "frost"), shares=(0.5, 0.01)), "mean average precision"),
        (Targets("real", names=("y",)), "RMSE"),
    ],
)
def test_the_figure_that_leads_follows_the_shares_of_the_classes(targets, leads):
    assert leading_figure(targets) == leads
    usual = leads in ("accuracy", "exact match", "RMSE")
    assert bool(reason(targets, leads)) is not usual


def test_without_probabilities_no_ranking_leads():
    assert leading_figure(two(0.01), probabilities=False) == "balanced accuracy"


def test_the_rare_class_is_to_be_found_wherever_it_stands():
    assert (positive(two(0.1)), positive(two(0.9)), positive(two(0.5)), positive(Targets("binary", ("a", "b")))) == (
        0,
        1,
        1,
        1,
    )


@pytest.mark.parametrize("share", [0.1, 0.9, 0.5])
@pytest.mark.parametrize("ties", [False, True])
def test_figures_of_the_class_to_be_found_are_scikit_learns_and_named(share, ties):
    p, truth = drawn(1, share=share, ties=ties)
    targets = two(1 - truth.double().mean().item(), ("no", "yes"))
    wanted = positive(targets)
    name, sure = targets.classes[wanted], (p if wanted else 1 - p).double()
    values = figures(answered(p, truth), targets)
    assert next(iter(values)) == leading_figure(targets)
    chosen = (p >= 0.5).long()
    assert values[f"F1 of {name}"] == pytest.approx(metrics.f1_score(truth, chosen, pos_label=wanted))
    expected = metrics.average_precision_score(truth == wanted, sure)
    assert values[f"average precision of {name}"] == pytest.approx(expected, abs=1e-12)
    for figure, value in values.items():
        if figure in ("accuracy", "balanced accuracy") or figure.startswith("average precision"):
            assert figure_of(figure, answered(p, truth), targets) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_curves_are_scikit_learns(ties):
    p, truth = drawn(2, ties=ties)
    recall, alarms, precision = curves(p, truth == 1)
    fpr, tpr, _ = metrics.roc_curve(truth, p, drop_intermediate=False)
    assert np.allclose(alarms, fpr)
    assert np.allclose(recall, tpr)
    exact, found, _ = metrics.precision_recall_curve(truth, p)
    assert np.allclose(precision.flip(0), exact)
    assert np.allclose(recall.flip(0), found)
    assert average_precision(p, torch.zeros(len(p), dtype=torch.bool)) == 0


def test_a_net_that_answers_the_common_class_alone_is_called_no_better_than_a_constant():
    p, truth = torch.full((300,), 0.2), (torch.arange(300) % 4 == 0).long()
    targets = Targets("binary", ("No", "Yes"), shares=(0.75, 0.25))
    found = scores(answered(p, truth), targets, truth)
    name = next(iter(found.values))
    assert (name, found.values[name], found.baseline[name]) == ("balanced accuracy", 0.5, 0.5)
    assert no_better(name, found, "300 test samples") == (
        "no better than a constant answer on 300 test samples: it answers 'No' to all of them"
    )
    better = torch.where(torch.arange(300) < 4, 0.9 * truth + 0.05, 0.2)  # one of 75 found
    found = scores(answered(better, truth), targets, truth)
    assert no_better(name, found, "300 test samples") == (
        "better than a constant answer, but 300 test samples are too few to tell that from luck"
    )
    found = scores(answered(0.9 * truth + 0.05, truth), targets, truth)
    assert no_better(name, found, "300 test samples") == ""


def test_a_net_that_always_answers_another_class_is_a_constant_too():
    """Of three classes the second is the commonest among those tested, by chance: whoever answers it always knows nothing more."""
    truth = torch.tensor([0] * 90 + [1] * 120 + [2] * 90)
    targets = Targets("classes", ("a", "b", "c"), shares=(0.4, 0.3, 0.3))
    said = Answers(torch.tensor([[0.2, 0.5, 0.3]]).expand(300, 3), truth, torch.ones(300), "cross-entropy")
    found = scores(said, targets, torch.tensor([0] * 4 + [1] * 3 + [2] * 3))
    assert found.values["accuracy"] > found.baseline["accuracy"]
    assert no_better("accuracy", found, "300 test samples") == (
        "no better than a constant answer on 300 test samples: it answers 'b' to all of them"
    )


def test_a_lead_over_the_constant_that_its_own_interval_hides_is_seen_sample_by_sample():
    """Both are wrong by much in the same few samples; in all others the net is nearer."""
    draw = torch.Generator().manual_seed(3)
    truth = torch.randn(100, 1, generator=draw)
    truth[:4] = 12.0
    targets = Targets("real", names=("y",))
    for nearer, beyond in ((0.8, True), (0.0, False)):
        said = Answers(
            nearer * (truth - truth.mean()) * (truth < 6) + truth.mean(), truth, truth[:, 0].abs(), "squared error"
        )
        found = scores(said, targets, truth)
        low, high = found.intervals["RMSE"]
        assert low < found.baseline["RMSE"] < high
        assert found.beyond_chance is beyond
        assert bool(no_better("RMSE", found, "100 test samples")) is not beyond


def test_a_ranking_of_few_is_held_against_chance_exactly():
    """Of 3 among 300, all ranked first: 1 of C(300, 3) shuffles does as well. Of noise, p is uniform."""
    there = torch.arange(300) < 3
    assert ranked_by_luck(-torch.arange(300.0), there) == 1 / 1000
    draw = torch.Generator().manual_seed(1)
    ps = [ranked_by_luck(torch.rand(40, generator=draw), torch.arange(40) < 4, seed) for seed in range(24)]
    assert 0.25 < np.mean(ps) < 0.75
    assert sum(p < 0.05 for p in ps) <= 6  # binomial(24, 0.05) gives more than 6 less than once in 1,000
    p, targets = torch.linspace(0.3, 0.0, 300), Targets("binary", ("no", "yes"), shares=(0.99, 0.01))
    found = scores(answered(p.clamp_min(1e-3), there.long()), targets, there.long())
    assert (next(iter(found.values)), found.beyond_chance) == ("average precision of yes", True)


@pytest.mark.parametrize("ties", [False, True])
def test_chance_of_a_ranking_is_that_of_shuffles_one_by_one(ties, monkeypatch):
    monkeypatch.setattr(paired_tests, "AT_ONCE", 7 * 30)  # several rounds at once, not all
    draw = torch.Generator().manual_seed(0)
    ranking, there = torch.rand(30, generator=draw), torch.arange(30) < 5
    ranking = (5 * ranking).round() if ties else ranking
    shuffles = torch.Generator().manual_seed(3)
    each = [average_precision(ranking, there[torch.randperm(30, generator=shuffles)]) for _ in range(999)]
    as_large = sum(one >= average_precision(ranking, there) - 1e-12 for one in each)
    assert ranked_by_luck(ranking, there, 3) == (1 + as_large) / 1000


# -------------------------------------------------------------------------------------------------------- thresholds
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("share", [0.2, 0.8])
@pytest.mark.parametrize("ties", [False, True])
def test_no_threshold_serves_a_rule_better_than_the_chosen_one(rule, share, ties):
    p, truth = drawn(3, samples=150, share=share, ties=ties)
    targets = two(1 - share, ("no", "yes"))
    wanted = positive(targets)

    def taken(threshold: float) -> torch.Tensor:
        chosen = (p >= threshold).long()
        return chosen == wanted

    def counts(threshold: float) -> tuple[int, int, int]:
        mine, there = taken(threshold), truth == wanted
        return int((mine & there).sum()), int((mine & ~there).sum()), int((~mine & there).sum())

    def worth(threshold: float) -> float:
        hits, alarms, misses = counts(threshold)
        if rule == "f1":
            return metrics.f1_score(truth == wanted, taken(threshold), zero_division=0)
        if rule == "balanced":
            return metrics.balanced_accuracy_score(truth == wanted, taken(threshold))
        if rule.startswith("cost"):
            miss, alarm = map(float, rule[5:].split(","))
            return -(miss * misses + alarm * alarms)
        enough = hits >= float(rule.partition("=")[2]) * (hits + misses) - 1e-9
        return -alarms if enough else -1e9

    chosen = choose_threshold(rule, p, truth, targets)
    if rule == "0.3":
        assert chosen == pytest.approx(0.3 if wanted else 0.7)
        return
    others = np.unique(np.concatenate([p.numpy() + 1e-6, p.numpy() - 1e-6, [0.0, 1.0]]))
    assert worth(chosen) == pytest.approx(max(worth(float(one)) for one in others))


def test_of_calibrated_probabilities_costs_choose_about_elkans_threshold():
    draw = torch.Generator().manual_seed(0)
    p = torch.rand(200_000, generator=draw)
    truth = (torch.rand(200_000, generator=draw) < p).long()
    assert choose_threshold("cost:4,1", p, truth, Targets("binary", ("a", "b"))) == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    "rule", ["cost", "cost:1", "cost:0,1", "cost:1,inf", "recall=0", "recall=2", "f2", "0", "1", "nan", ""]
)
def test_a_rule_that_cannot_be_followed_is_refused_in_one_line(rule):
    with pytest.raises(ProfundoError, match=r"threshold: expected cost:MISS,ALARM") as caught:
        check_rule(rule)
    assert "\n" not in str(caught.value)


def test_a_threshold_changes_decisions_and_neither_ranking_nor_calibration():
    p, truth = drawn(4)
    usual, low = (figures(answered(p, truth, threshold), two(0.8)) for threshold in (0.5, 0.2))
    for name in ("ROC-AUC", "calibration error", "log loss", "average precision of well"):
        assert usual[name] == low[name]
    assert low["balanced accuracy"] == pytest.approx(metrics.balanced_accuracy_score(truth, p >= 0.2))


# ---------------------------------------------------------------------------------------------- intervals and chance
def test_the_interval_of_one_share_is_wilsons_and_of_several_shorter_than_the_widest():
    assert mean_of_shares([(7, 10)]) == pytest.approx(wilson(7, 10))
    low, high = mean_of_shares([(7, 10), (90, 100)])
    assert low == pytest.approx(0.8 - np.hypot(0.7 - wilson(7, 10)[0], 0.9 - wilson(90, 100)[0]) / 2)
    assert high == pytest.approx(0.8 + np.hypot(wilson(7, 10)[1] - 0.7, wilson(90, 100)[1] - 0.9) / 2)


def test_the_interval_of_an_average_precision_is_that_of_its_logit():
    low, high = logit_interval(0.8, 50)
    logit = [np.log(edge / (1 - edge)) for edge in (low, 0.8, high)]
    assert logit[1] - logit[0] == pytest.approx(logit[2] - logit[1])
    assert logit[2] - logit[1] == pytest.approx(1.959963985 / np.sqrt(50 * 0.8 * 0.2))
    assert logit_interval(1.0, 50) == wilson(50, 50)


def test_a_perfectly_calibrated_net_has_the_calibration_error_of_its_closed_form():
    # all stated 0.8 fall in one bin: E|share − 0.8| of 400 answers is about √(2/π) √(0.16/400)
    stated, error = torch.full((400,), 0.8, dtype=torch.float64), np.sqrt(0.16 / 400)
    mean, largest = np.mean([chance_error(stated, calibration_bins, seed) for seed in range(5)], axis=0)
    assert mean == pytest.approx(np.sqrt(2 / np.pi) * error, rel=0.1)
    assert largest == pytest.approx(1.96 * error, rel=0.15)
    assert chance_error(torch.tensor([0.5, torch.nan]), calibration_bins) is None


def test_chance_explains_the_calibration_error_of_a_calibrated_net_and_not_that_of_an_oversure_one():
    draw = torch.Generator().manual_seed(6)
    p = torch.rand(500, generator=draw)
    truth = (torch.rand(500, generator=draw) < p).long()
    found = scores(answered(p, truth), Targets("binary", ("a", "b")), truth)
    assert found.values["calibration error"] < found.chance[1]
    oversure = torch.sigmoid(4 * torch.logit(p))
    found = scores(answered(oversure, truth), Targets("binary", ("a", "b")), truth)
    assert found.values["calibration error"] > found.chance[1]


# ----------------------------------------------------------------------------------------------------- comparisons
def test_the_difference_of_balanced_accuracies_is_scikit_learns_and_counts_who_is_right():
    draw = torch.Generator().manual_seed(7)
    truth = (torch.rand(300, generator=draw) < 0.2).long()
    a, b = (torch.rand(300, generator=draw) < share for share in (0.8, 0.85))
    found = compare_balanced(a, b, truth)
    first, second = (metrics.balanced_accuracy_score(truth, torch.where(one, truth, 1 - truth)) for one in (a, b))
    assert found.difference == pytest.approx(second - first)
    counted = compare_right(a, b)
    assert (found.both, found.first, found.second, found.neither) == (
        counted.both,
        counted.first,
        counted.second,
        counted.neither,
    )
    assert found.low < found.difference < found.high
    assert (found.low <= 0 <= found.high) == (found.p >= 0.05)


def test_the_standard_error_of_a_difference_of_average_precisions_is_the_jackknifes():
    p, truth = drawn(8, samples=300)
    q = torch.sigmoid(torch.logit(p) + 1.2 * torch.randn(300, generator=torch.Generator().manual_seed(9)))
    there = truth == 1
    found = compare_precision(p, q, there)

    def difference(kept: np.ndarray) -> float:
        return float(
            metrics.average_precision_score(truth.numpy()[kept], q.numpy()[kept])
            - metrics.average_precision_score(truth.numpy()[kept], p.numpy()[kept])
        )

    every = np.arange(300)
    assert found.difference == pytest.approx(difference(every))
    left_out = np.array([difference(every != one) for one in every])
    error = np.sqrt(299 / 300 * ((left_out - left_out.mean()) ** 2).sum())
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.2)
    same = compare_precision(p, p, there)
    assert (same.difference, same.p) == (0.0, 1.0)
