"""What is lost of the overlap of answered and true masks, beside confusions counted by scikit-learn."""

from dataclasses import replace

import pytest
import torch
from sklearn.metrics import confusion_matrix

from profundo.kinds import NO_CLASS
from profundo.objectives import build, class_weights, default, weighted
from profundo.objectives.likelihoods import Evened, PerPixel, categorical
from profundo.objectives.overlap import lost_overlap
from profundo.records import ProfundoError, Targets

MASKS = Targets("mask", ("ground", "road", "roof"))


def drawn(dtype=torch.float64, size=(2, 3, 7, 5)):
    draw = torch.Generator().manual_seed(0)
    outputs = torch.randn(size, generator=draw, dtype=dtype)
    return outputs, torch.randint(3, (size[0], *size[2:]), generator=draw)


def test_of_certain_answers_it_is_one_minus_the_f1_of_the_classes_that_are_there():
    outputs, targets = drawn()
    targets[1][targets[1] == 2] = 0  # the second image has no roof
    expected = []
    for answered, true in zip(outputs.argmax(1), targets, strict=True):
        table = confusion_matrix(true.flatten(), answered.flatten(), labels=[0, 1, 2])
        there = table.sum(1) > 0
        dice = (2 * table.diagonal() + 1) / (table.sum(0) + table.sum(1) + 1)
        expected.append(1 - dice[there].mean())
    torch.testing.assert_close(lost_overlap(1e6 * outputs, targets), torch.tensor(expected))


def test_its_gradient_is_that_of_finite_differences():
    outputs, targets = drawn()
    targets[0, 2:4] = NO_CLASS
    assert torch.autograd.gradcheck(lambda z: lost_overlap(z, targets), outputs.requires_grad_())


def test_pixels_of_no_class_count_nowhere():
    outputs, targets = drawn()
    targets[0, 2:4] = NO_CLASS
    targets[1] = NO_CLASS
    other = outputs.clone()
    other[0, :, 2:4] = 50.0 * torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for cost in (lost_overlap, PerPixel(categorical())):
        assert torch.equal(cost(outputs, targets), cost(other, targets))
    assert lost_overlap(outputs, targets)[1] == 0


def test_rare_classes_teach_more_and_are_answered_as_often_as_they_are():
    """In the mean over pixels of known shares the cost is least at their logarithms; each class pulls by its weight."""
    shares = torch.tensor([0.9, 0.07, 0.03], dtype=torch.float64)
    cost = Evened(categorical(), (0.81, 0.09, 0.1))
    told = shares.log().expand(3, -1).clone().requires_grad_()
    (cost(told, torch.arange(3)) @ shares).backward()
    torch.testing.assert_close(told.grad.sum(0), torch.zeros(3, dtype=torch.float64))
    expected = torch.tensor([1 / 0.9, 1 / 0.3, 0.1**-0.5]) / (0.9 + 0.3 + 0.1**0.5)
    torch.testing.assert_close(cost.weights, expected)
    assert Evened(categorical(), (1.0, 0.0)).weights.isfinite().all()


def test_masks_of_known_shares_are_evened_but_by_weights_of_ones_own_and_reported_as_they_are():
    outputs, targets = drawn()
    masks = replace(MASKS, shares=(0.5, 0.3, 0.2))
    costs = PerPixel(Evened(categorical(), masks.shares))(outputs, targets) + lost_overlap(outputs, targets)
    torch.testing.assert_close(default(masks)(outputs, targets), costs)
    own = weighted(default(masks), (1.0, 2.0, 3.0))
    torch.testing.assert_close(own(outputs, targets), weighted(default(MASKS), (1.0, 2.0, 3.0))(outputs, targets))
    assert default(masks).likelihood == default(MASKS).likelihood


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_masks_cost_cross_entropy_and_the_overlap_they_lose_and_are_reported_without(dtype):
    outputs, targets = drawn(dtype)
    cost, pixels = default(MASKS, label_smoothing=0.1), PerPixel(categorical(0.1))
    assert cost.name == "dice"
    torch.testing.assert_close(cost(outputs, targets), pixels(outputs, targets) + lost_overlap(outputs, targets))
    torch.testing.assert_close(cost.mean_cost(outputs, targets.byte(), 8), cost(outputs, targets).sum() / 8)
    assert cost(outputs, targets).dtype == torch.float32
    plain = build("categorical", MASKS)
    torch.testing.assert_close(cost.likelihood(outputs, targets), plain(outputs, targets))
    assert torch.equal(cost.predict(outputs), plain.predict(outputs))


def test_weights_of_classes_are_those_of_the_cross_entropy():
    outputs, targets = drawn()
    weights = class_weights([1, 5, 2], MASKS, targets)
    costs = weighted(default(MASKS), weights)(outputs, targets)
    alone = weighted(build("categorical", MASKS), weights)(outputs, targets)
    torch.testing.assert_close(costs - alone, lost_overlap(outputs, targets))


def test_it_is_for_classes_of_pixels():
    with pytest.raises(ProfundoError, match="objective dice: expected targets of another kind"):
        build("dice", Targets("classes", ("a", "b")))
