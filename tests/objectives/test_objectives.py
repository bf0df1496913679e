"""Every objective against its closed form, at the extremes, and against the naive form's derivative."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

from profundo.objectives import OBJECTIVES, Weighted, bernoulli, build, categorical, class_weights, default, gaussian
from profundo.records import ProfundoError, Targets

CLASSES = Targets("classes", ("ant", "bee", "cat", "dog"))
BINARY = Targets("binary", ("no", "yes"))
LABELS = Targets("labels", ("sun", "rain", "wind"))
REAL = Targets("real", names=("length", "weight"))
KINDS = {
    "categorical": CLASSES,
    "bernoulli": BINARY,
    "bernoullis": LABELS,
    "hinge": BINARY,
    "gaussian": REAL,
    "laplace": REAL,
    "huber": REAL,
}
WIDTHS = {"categorical": 4, "bernoulli": 1, "bernoullis": 3, "hinge": 1, "gaussian": 2, "laplace": 2, "huber": 2}

Y4 = torch.tensor([0, 1, 2, 3, 3, 0])
Y2 = torch.tensor([0, 1, 1, 0, 1, 0])
Y3 = torch.tensor([[0, 1, 1], [1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 1, 0]])
WEIGHTS = {"categorical": (0.5, 2.0, 1.0, 0.0), "bernoulli": (0.25, 1.75), "hinge": (3.0, 0.5)}


def sample(name, scale=3.0, dtype=torch.float64):
    """(outputs, targets) of six samples."""
    generator = torch.Generator().manual_seed(5)
    outputs = (scale * torch.randn(6, WIDTHS[name], generator=generator, dtype=torch.float64)).to(dtype)
    real = torch.randn(6, 2, generator=generator, dtype=torch.float64).to(dtype)
    kind = KINDS[name].kind
    return outputs, {"classes": Y4, "binary": Y2, "labels": Y3.to(real.dtype), "real": real}[kind]


def naive(name, outputs, targets, smoothing=0.0):
    """The textbook formula: minus the sum of target probability times log predicted probability, a margin, an error."""
    error = outputs - targets if KINDS[name].kind == "real" else None
    if name == "gaussian":
        return (error**2).sum(1) / outputs.shape[1]
    if name == "laplace":
        return error.abs().sum(1) / outputs.shape[1]
    if name == "huber":
        return torch.where(error.abs() <= 1, error**2 / 2, error.abs() - 0.5).sum(1) / outputs.shape[1]
    if name == "hinge":
        return torch.relu(1 - torch.where(targets == 1, 1, -1) * outputs[:, 0])
    if name in ("bernoulli", "bernoullis"):
        p = 1 / (1 + torch.exp(-outputs.reshape(targets.shape)))
        y = (1 - smoothing) * targets.to(outputs.dtype) + smoothing / 2
        each = -(y * torch.log(p) + (1 - y) * torch.log(1 - p))
        return each.sum(1) if name == "bernoullis" else each
    p = torch.exp(outputs) / torch.exp(outputs).sum(1, keepdim=True)
    onehot = torch.eye(outputs.shape[1], dtype=outputs.dtype)[targets]
    return -(((1 - smoothing) * onehot + smoothing / outputs.shape[1]) * torch.log(p)).sum(1)


def textbook(name, objective, outputs, targets):
    """The naive formula with the objective's smoothing and weights."""
    whole = isinstance(objective, Weighted)
    plain = naive(name, outputs, targets, getattr(objective.objective if whole else objective, "label_smoothing", 0.0))
    return plain * torch.tensor(WEIGHTS[name], dtype=plain.dtype)[targets] if whole else plain


def called(name):
    """The objective's own name."""
    return "bernoulli" if name == "bernoullis" else name


def objectives():
    return [(name, build(called(name), targets)) for name, targets in KINDS.items()]


def smoothed():
    return [
        ("categorical", categorical(0.1)),
        ("bernoulli", bernoulli(0.1)),
        ("bernoullis", default(LABELS, label_smoothing=0.1)),
    ]


def weighted():
    plain = [(name, Weighted(build(name, KINDS[name]), weights)) for name, weights in WEIGHTS.items()]
    return [*plain, ("categorical", Weighted(categorical(0.1), WEIGHTS["categorical"]))]


@pytest.mark.parametrize(("name", "objective"), objectives() + smoothed() + weighted())
class TestContract:
    def test_cost_of_each_sample_is_the_textbook_formula(self, name, objective):
        outputs, targets = sample(name)
        costs = objective(outputs, targets)
        assert costs.shape == (6,)
        torch.testing.assert_close(costs, textbook(name, objective, outputs, targets), rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("total", [6, 24])
    def test_mean_cost_is_the_sum_over_the_total(self, name, objective, total):
        outputs, targets = sample(name)
        expected = objective(outputs, targets).sum() / total
        torch.testing.assert_close(objective.mean_cost(outputs, targets, total), expected, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("route", ["costs", "mean_cost"])
    def test_gradient_is_that_of_the_textbook_formula(self, name, objective, route):
        outputs, targets = sample(name)
        mine, theirs = outputs.clone().requires_grad_(), outputs.clone().requires_grad_()
        cost = objective(mine, targets).mean() if route == "costs" else objective.mean_cost(mine, targets, 6)
        cost.backward()
        textbook(name, objective, theirs, targets).mean().backward()
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-10, atol=1e-12)

    def test_gradient_agrees_with_finite_differences(self, name, objective):
        outputs, targets = sample(name)
        assert torch.autograd.gradcheck(lambda z: objective(z, targets), outputs.requires_grad_())
        assert torch.autograd.gradcheck(lambda z: objective.mean_cost(z, targets, 6), outputs)

    def test_half_precision_outputs_are_judged_in_float32(self, name, objective):
        outputs, targets = sample(name, dtype=torch.bfloat16)
        targets = targets.float() if targets.is_floating_point() else targets
        costs = objective(outputs, targets)
        assert costs.dtype == objective.mean_cost(outputs, targets, 6).dtype == torch.float32
        assert objective.predict(outputs).dtype == torch.float32
        torch.testing.assert_close(costs, objective(outputs.float(), targets), rtol=0, atol=0)

    @pytest.mark.parametrize("sign", [1, -1])
    def test_logits_of_ten_thousand_stay_finite(self, name, objective, sign):
        outputs, targets = sample(name, dtype=torch.float32)
        extreme = (1e4 * sign * outputs.sign()).requires_grad_()
        objective.mean_cost(extreme, targets, 6).backward()
        for values in (objective(extreme, targets), extreme.grad, objective.predict(extreme)):
            assert values.isfinite().all()

    def test_likelihood_is_the_same_without_smoothing(self, name, objective):
        outputs, targets = sample(name)
        plain = objective.likelihood(outputs, targets)
        torch.testing.assert_close(plain, naive(name, outputs, targets), rtol=1e-12, atol=1e-12)
        assert objective.likelihood.name == objective.name == called(name)


def test_confident_and_right_costs_almost_nothing_and_wrong_costs_the_margin():
    assert bernoulli()(torch.tensor([[1e4], [-1e4]]), torch.tensor([1, 0])).tolist() == [0, 0]
    assert bernoulli()(torch.tensor([[1e4], [-1e4]]), torch.tensor([0, 1])).tolist() == [1e4, 1e4]
    logits = torch.tensor([[1e4, 0.0, 0.0]])
    assert categorical()(logits, torch.tensor([0])).item() == 0
    assert categorical()(logits, torch.tensor([2])).item() == 1e4


def test_binary_cost_keeps_its_relative_precision_when_tiny():
    costs = bernoulli()(torch.tensor([[30.0], [-30.0]]), torch.tensor([1, 0]))
    torch.testing.assert_close(costs, torch.full((2,), math.log1p(math.exp(-30))), rtol=1e-6, atol=0)


def test_binary_cost_equals_softplus_of_the_signed_logit():
    outputs, targets = sample("bernoulli")
    expected = torch.log1p(torch.exp((1 - 2 * targets) * outputs[:, 0]))
    torch.testing.assert_close(bernoulli()(outputs, targets), expected)


def test_two_classes_by_softmax_and_by_sigmoid_cost_the_same():
    outputs, targets = sample("bernoulli")
    two = torch.cat([torch.zeros_like(outputs), outputs], 1)
    for smoothing in (0.0, 0.2):
        torch.testing.assert_close(bernoulli(smoothing)(outputs, targets), categorical(smoothing)(two, targets))


def test_smoothed_costs_equal_cross_entropy_with_soft_targets():
    outputs, targets = sample("categorical")
    soft = 0.9 * F.one_hot(targets, 4) + 0.1 / 4
    torch.testing.assert_close(categorical(0.1)(outputs, targets), F.cross_entropy(outputs, soft, reduction="none"))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("scale", [3, 300])
def test_shares_of_classes_cost_the_mean_of_their_classes(smoothing, scale):
    """−Σ t_k log p_k, by PyTorch's own Categorical and Bernoulli; also where p rounds to 0 or 1."""
    generator = torch.Generator().manual_seed(1)
    logits = scale * torch.randn(6, 4, generator=generator, dtype=torch.float64)
    shares = torch.rand(6, 4, generator=generator, dtype=torch.float64)
    shares /= shares.sum(1, keepdim=True)
    smoothed = (1 - smoothing) * shares + smoothing / 4
    expected = -(smoothed * torch.distributions.Categorical(logits=logits).logits).sum(1)
    torch.testing.assert_close(categorical(smoothing)(logits, shares), expected)
    torch.testing.assert_close(categorical(smoothing).mean_cost(logits, shares, 6), expected.mean())

    logit, share = logits[:, :1], shares[:, 0]
    smoothed = (1 - smoothing) * share + smoothing / 2
    costs = [torch.distributions.Bernoulli(logits=logit[:, 0]).log_prob(torch.full((6,), y).double()) for y in (0, 1)]
    expected = -torch.lerp(*costs, smoothed)
    torch.testing.assert_close(bernoulli(smoothing)(logit, share), expected)
    torch.testing.assert_close(bernoulli(smoothing).mean_cost(logit, share, 6), expected.mean())


def test_whole_shares_cost_what_the_class_costs():
    for name, objective in [*objectives(), *smoothed(), *weighted()]:
        if not sample(name)[1].is_floating_point():
            outputs, targets = sample(name)
            whole = F.one_hot(targets, 4).double() if name == "categorical" else targets.double()
            torch.testing.assert_close(objective(outputs, whole), objective(outputs, targets), rtol=1e-12, atol=1e-12)


def test_predictions_are_probabilities_or_means():
    outputs, _ = sample("categorical")
    torch.testing.assert_close(categorical().predict(outputs).sum(1), torch.ones(6, dtype=torch.float64))
    assert bernoulli().predict(torch.tensor([[0.0], [math.log(3)]])).tolist() == pytest.approx([0.5, 0.75])
    means = torch.randn(3, 2)
    assert gaussian().predict(means).equal(means)


def test_uniform_prediction_costs_log_k():
    assert categorical()(torch.zeros(1, 7), torch.tensor([3])).item() == pytest.approx(math.log(7))
    assert bernoulli()(torch.zeros(1, 1), torch.tensor([1])).item() == pytest.approx(math.log(2))


def test_one_real_target_without_its_column_does_not_broadcast():
    outputs, targets = torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 4.0])
    assert gaussian()(outputs, targets).tolist() == [0, 4]
    assert gaussian().mean_cost(outputs, targets, 2).item() == 2


def test_default_follows_the_kind_of_target():
    names = {targets.kind: default(targets).name for targets in KINDS.values()}
    assert names == {"classes": "categorical", "binary": "bernoulli", "labels": "bernoulli", "real": "gaussian"}
    of_pixels_and_nets = {"dice", "detection"}  # of masks, and the net's own: test_overlap.py, test_detecting.py
    assert {called(name) for name in KINDS} == set(OBJECTIVES) - of_pixels_and_nets
    assert default(CLASSES, label_smoothing=0.1) == categorical(0.1)


def test_several_labels_cost_the_sum_of_their_own_costs():
    outputs, targets = sample("bernoullis")
    each = [bernoulli()(outputs[:, k : k + 1], targets[:, k].long()) for k in range(3)]
    torch.testing.assert_close(default(LABELS)(outputs, targets), sum(each))


def test_balanced_weights_are_scikit_learns_and_their_mean_over_the_samples_is_one():
    train = torch.tensor([0] * 50 + [1] * 5 + [2] * 20 + [3] * 25)
    weights = class_weights("balanced", CLASSES, train)
    theirs = compute_class_weight("balanced", classes=np.arange(4), y=train.numpy())
    assert weights == pytest.approx(theirs.tolist())
    assert torch.tensor(weights)[train].mean().item() == pytest.approx(1)


def test_a_balanced_cost_pulls_as_if_every_class_had_as_many_samples():
    """Weighting by 1/n_k is repeating each class until all are as frequent: the same gradient."""
    logits = torch.randn(4, dtype=torch.float64, requires_grad=True)
    train = torch.tensor([0, 0, 0, 1, 2, 2, 3, 3, 3, 3, 3, 3])
    weighted = Weighted(categorical(), class_weights("balanced", CLASSES, train))
    repeated = torch.cat([train[train == k].repeat(12 // int((train == k).sum())) for k in range(4)])
    ours = torch.autograd.grad(weighted.mean_cost(logits.expand(12, -1), train, 12), logits)[0]
    theirs = torch.autograd.grad(categorical().mean_cost(logits.expand(48, -1), repeated, 48), logits)[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8)


def test_the_best_constant_is_the_median_for_the_absolute_error_and_lies_between_it_and_the_mean_for_hubers():
    y = torch.tensor([[0.0], [0.1], [0.2], [0.4], [30.0]], dtype=torch.float64)
    grid = torch.linspace(-1, 8, 9001, dtype=torch.float64)
    best = {
        name: grid[torch.stack([build(name, REAL)(c.expand(5, 1), y).sum() for c in grid]).argmin()].item()
        for name in ("gaussian", "laplace", "huber")
    }
    assert best["gaussian"] == pytest.approx(y.mean().item(), abs=1e-3)
    assert best["laplace"] == pytest.approx(0.2, abs=1e-3)
    assert 0.2 < best["huber"] < 0.5


def test_a_margin_of_one_costs_nothing_and_says_no_probability():
    hinge = build("hinge", BINARY)
    costs = hinge(torch.tensor([[1.0], [-2.0], [0.0], [-1.0]]), torch.tensor([1, 0, 1, 1]))
    assert costs.tolist() == [0, 0, 1, 2]
    assert hinge.predict(torch.tensor([[3.0], [-0.1]])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: build("categoric", CLASSES), "did you mean categorical"),
        (lambda: build("gaussian", CLASSES), "use categorical"),
        (lambda: build("hinge", CLASSES), "use categorical"),
        (lambda: build("laplace", BINARY), "use bernoulli or hinge"),
        (lambda: default(REAL, label_smoothing=0.1), "label smoothing is for probabilities"),
        (lambda: build("hinge", BINARY, label_smoothing=0.1), "label smoothing is for probabilities"),
        (lambda: class_weights("balanced", REAL, torch.rand(3, 2)), "expected one class a sample"),
        (lambda: class_weights("balanced", LABELS, Y3.float()), "expected one class a sample"),
        (lambda: class_weights("balanced", CLASSES, torch.tensor([0, 1, 3])), "no training sample of cat"),
        (lambda: class_weights([1, 2], CLASSES, Y4), "expected 4 numbers"),
        (lambda: categorical(1.0), r"\[0, 1\)"),
        (lambda: bernoulli(-0.1), r"\[0, 1\)"),
    ],
)
def test_mistakes_are_explained_in_one_line(call, words):
    with pytest.raises(ProfundoError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
