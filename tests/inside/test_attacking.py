"""Attacks, against the linear net, whose smallest changes are known in closed form."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from profundo import ProfundoError
from profundo.inside.attacking import Victim, fgsm, noise, pgd, robustness, smallest_change


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def victim_of(cost, is_wrong, bounds=None):
    return Victim(lambda inputs: (cost(inputs), is_wrong(inputs)), bounds)


@pytest.fixture
def linear():
    """A net of one logit w·x + b, inputs, and a victim that takes the answers for right."""
    w, b, x = normal(12), 0.3, normal(20, 12, seed=1)
    truth = (x @ w + b > 0).float()

    def cost(inputs):
        return F.binary_cross_entropy_with_logits(inputs @ w + b, truth, reduction="none")

    def is_wrong(inputs):
        return (inputs @ w + b > 0) != truth.bool()

    return w, b, x, victim_of(cost, is_wrong)


def sizes(x, value):
    return x.new_full((len(x),), value)


def test_fgsm_of_a_linear_net_goes_against_the_signs_of_its_weights(linear):
    w, b, x, victim = linear
    side = torch.sign(x @ w + b)[:, None]
    assert torch.allclose(fgsm(victim, x, sizes(x, 0.1)), x - 0.1 * side * w.sign(), atol=1e-6)
    assert torch.allclose(fgsm(victim, x, sizes(x, 0.1), "2"), x - 0.1 * side * w / w.norm(), atol=1e-6)


@pytest.mark.parametrize(("norm", "dual"), [("inf", 1), ("2", 2)])
def test_the_smallest_change_of_a_linear_net_is_its_margin_over_the_dual_norm(linear, norm, dual):
    w, b, x, victim = linear
    expected = (x @ w + b).abs() / w.norm(p=dual)
    found = smallest_change(victim, x, 8.0, partial(fgsm, norm=norm), halvings=10, rounds=14)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4)
    by_pgd = smallest_change(victim, x, 8.0, partial(pgd, norm=norm), rounds=12)
    assert (by_pgd > 0.999 * expected).all()
    assert (by_pgd < 1.06 * expected + 0.01).all()  # its last steps overshoot to all sides


@pytest.mark.parametrize("attack", [fgsm, pgd, noise])
@pytest.mark.parametrize("norm", ["inf", "2"])
def test_no_attack_goes_farther_than_it_may_or_beyond_the_bounds(attack, norm):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 20), nn.ReLU(), nn.Linear(20, 3))
    x = torch.rand(9, 1, 4, 4)
    labels = net(x).argmax(1)
    victim = victim_of(
        lambda one: F.cross_entropy(net(one), labels, reduction="none"),
        lambda one: net(one).argmax(1) != labels,
        (0, 1),
    )
    allowed = torch.linspace(0.01, 0.9, 9)
    changed = attack(victim, x, allowed, norm)
    change = (changed - x).flatten(1)
    length = change.abs().amax(1) if norm == "inf" else change.norm(dim=1)
    assert (length <= allowed + 1e-6).all()
    assert changed.min() >= 0
    assert changed.max() <= 1
    if attack is not noise:
        assert (victim.judge(changed)[0] >= victim.judge(x)[0] - 1e-6).float().mean() > 0.8


def test_many_small_steps_cost_more_than_one_large_one_where_the_net_bends():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(10, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 4))
    x = normal(200, 10)
    labels = net(x).argmax(1)
    victim = victim_of(
        lambda one: F.cross_entropy(net(one), labels, reduction="none"), lambda one: net(one).argmax(1) != labels
    )
    curve = robustness(victim, x, [0.1, 0.3, 0.6])
    assert curve.sizes == (0, 0.1, 0.3, 0.6)
    for name in ("FGSM", "PGD"):
        assert curve.accuracy[name][0] == 1
        assert sorted(curve.accuracy[name], reverse=True) == list(curve.accuracy[name])
        assert all(a <= b for a, b in zip(curve.accuracy[name], curve.accuracy["noise"], strict=True))
    assert curve.accuracy["PGD"][-1] <= curve.accuracy["FGSM"][-1]
    assert curve.accuracy["noise"][2] > curve.accuracy["PGD"][2]


def test_wrong_answers_need_no_change_and_what_cannot_be_turned_has_none(linear):
    w, _, x, _ = linear
    always = victim_of(lambda one: one @ w, lambda one: torch.arange(len(one)) % 2 == 0)
    found = smallest_change(always, x, 1.0)
    assert (found[::2] == 0).all()
    assert found[1::2].isinf().all()
    with pytest.raises(ProfundoError, match="size above 0, got 0"):
        smallest_change(always, x, 0.0)


def test_smallest_changes_turn_the_answer_and_half_of_them_do_not_on_a_line_where_more_is_not_worse():
    """Wrong between 0.2 and 0.3, and above 0.9: the first is to be found, though a larger change is right again."""

    def far(inputs):
        return (inputs - 1)[:, 0].abs()

    victim = victim_of(lambda one: one[:, 0], lambda one: ((far(one) > 0.2) & (far(one) < 0.3)) | (far(one) > 0.9))
    found = smallest_change(victim, torch.ones(3, 1), 1.0, rounds=12)
    assert found.tolist() == pytest.approx([0.2] * 3, abs=0.001)
