"""What each preset says will be seen is seen, with its very settings."""

import math
from functools import cache
from itertools import pairwise

import pytest
import torch

from profundo.playground.early_signs import early_signs
from profundo.playground.playground_settings import changed
from profundo.playground.presets import PRESETS, preset
from profundo.playground.queries import from_query, to_query
from profundo.playground.session import Session
from profundo.records import ProfundoError


@cache
def ran(name):
    return Session(preset(name).settings).run()


def test_loss(name):
    return ran(name).scores()["test"].loss


def accuracy(name, split="test"):
    return ran(name).scores()[split].accuracy


test_loss.__test__ = False


def causes(name):
    return [one.cause for one in early_signs(ran(name))]


def is_straight(session):
    """Whether the logit is an affine function of the plane: its second differences along any line are 0."""
    start = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    way = torch.randn(20, 2, generator=torch.Generator().manual_seed(1))
    values = [session.net(start + k * way).detach()[:, 0] for k in (0, 1, 2)]
    return bool((values[0] - 2 * values[1] + values[2]).abs().max() < 1e-4)


def gradient_sizes(session):
    return [float(abs(one).mean()) for one in session.gradients()[0]]


SEEN = {
    "one-neuron": lambda: is_straight(ran("one-neuron")) and accuracy("one-neuron") >= 0.97,
    "xor-one-neuron": lambda: (
        abs(ran("xor-one-neuron").scores()["train"].loss - math.log(2)) < 0.02
        and accuracy("xor-one-neuron", "train") < 0.75
        and causes("xor-one-neuron") == ["underfit"]
    ),
    "xor-hidden": lambda: accuracy("xor-hidden") == 1,
    "xor-feature": lambda: accuracy("xor-feature") >= 0.97 and not ran("xor-feature").settings.hidden,
    "circle-features": lambda: (
        accuracy("circle-features") == 1 and ran("circle-features").weights()[0].max() < 0  # x₁² and x₂² lower the logit
    ),
    "linear-net": lambda: is_straight(ran("linear-net")) and causes("linear-net") == ["missing_nonlinearity"],
    "zero-weights": lambda: (
        all(not one.any() for one in ran("zero-weights").weights())
        and [bool(one.any()) for one in ran("zero-weights").biases()] == [False, True]
        and causes("zero-weights") == ["symmetric_init"]
    ),
    "rate-too-high": lambda: (
        not math.isfinite(ran("rate-too-high").scores()["train"].loss)
        and causes("rate-too-high") == ["learning_rate_too_high"]
    ),
    "rate-too-low": lambda: (
        causes("rate-too-low") == ["learning_rate_too_low"]
        and ran("rate-too-low").first_loss - ran("rate-too-low").scores()["train"].loss < 0.02
        and Session(changed(preset("rate-too-low").settings, learning_rate=0.03)).run().scores()["test"].accuracy > 0.95
    ),
    "vanishing-sigmoids": lambda: (
        (sizes := gradient_sizes(Session(preset("vanishing-sigmoids").settings)))[0] < 0.01 * sizes[-1]
        and accuracy("vanishing-sigmoids") < 0.6
        and causes("vanishing-sigmoids") == ["vanishing_gradient"]
    ),
    "deep-relu": lambda: (
        (sizes := gradient_sizes(Session(preset("deep-relu").settings)))[0] > 0.1 * sizes[-1]
        and accuracy("deep-relu") == 1
        and not causes("deep-relu")
    ),
    "dead-relus": lambda: (
        "dead_units" in causes("dead-relus") and not ran("dead-relus").maps().neurons[1].any() and stays_dead("dead-relus")
    ),
    "overfit": lambda: (
        ran("overfit").scores()["train"].loss < 0.01
        and test_loss("overfit") > 2.5 * min(row[2] for row in ran("overfit").history)
        and causes("overfit") == ["overfit"]
    ),
    "overfit-l2": lambda: test_loss("overfit-l2") < 0.5 * test_loss("overfit"),
    "overfit-dropout": lambda: test_loss("overfit-dropout") < 0.5 * test_loss("overfit"),
    "overfit-more-points": lambda: (
        abs(test_loss("overfit-more-points") - ran("overfit-more-points").scores()["train"].loss) < 0.03
    ),
    "early-stop": lambda: (
        ran("early-stop").epoch < 100 and test_loss("early-stop") < 1.05 * min(row[2] for row in ran("overfit").history)
    ),
    "spiral-raw": lambda: accuracy("spiral-raw") > 0.95,
    "spiral-features": lambda: accuracy("spiral-features") > 0.99 and quicker("spiral-features", "spiral-raw"),
    "approximation-2": lambda: 0.8 < ran("approximation-2").scores()["test"].r2 < 0.95,
    "approximation-20": lambda: test_loss("approximation-20") < 0.25 * test_loss("approximation-2"),
    "hills": lambda: (
        ran("hills").scores()["test"].r2 > 0.7
        and ran("hills").net(torch.tensor([[-4.0, 2.5]])).item() > 0.4
        and ran("hills").net(torch.tensor([[0.0, 2.5]])).item() < -0.4
    ),
    "three-classes": lambda: accuracy("three-classes") > 0.98 and ran("three-classes").maps(8, 4).output.shape[0] == 3,
    "stochastic": lambda: trembles(ran("stochastic")) and accuracy("stochastic") > 0.98,
    "step-units": lambda: (
        (ran("step-units").weights()[0] == Session(preset("step-units").settings).weights()[0]).all()
        and (ran("step-units").weights()[1] != Session(preset("step-units").settings).weights()[1]).any()
        and causes("step-units") == ["dead_units"]
    ),
}  # fmt: skip


def stays_dead(name):
    """Those that are dead now are after more epochs, too."""
    longer = Session(changed(preset(name).settings, epochs=ran(name).epoch + 10)).run()
    return set(ran(name).units()[1].dead) <= set(longer.units()[1].dead)


def quicker(name, other):
    """In a third of the steps further than the other."""
    steps = ran(other).steps // 3
    return loss_after(name, steps) < 0.5 * loss_after(other, steps)


def loss_after(name, steps):
    return next(row[2] for row in ran(name).history if row[0] >= steps)


def trembles(session):
    """Of the first rows of the history, which are a step apart, some go up though the loss falls on the whole."""
    losses = [row[1] for row in session.history]
    return any(b > a for a, b in pairwise(losses)) and losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("name", PRESETS)
def test_what_a_preset_says_is_seen(name):
    assert SEEN[name]()


def test_every_preset_has_words_and_an_address():
    assert set(SEEN) == set(PRESETS)
    for name, one in PRESETS.items():
        assert name.replace("-", "").isalnum()
        assert (
            one.question.count("?") == 1
            or "Watch" in one.question
            or "Look" in one.question
            or "stopped" in one.question
        )
        assert one.seen.endswith((".", "?"))
        assert len(one.seen) < 160
        assert from_query(to_query(one.settings)) == one.settings


def test_an_unknown_preset_is_told_with_its_neighbours():
    with pytest.raises(ProfundoError, match="nearest: overfit"):
        preset("overfitt")
    with pytest.raises(ProfundoError, match="unknown"):
        preset(["overfit"])


def test_a_healthy_training_shows_no_sign():
    session = Session(data="gauss", hidden=(4,), epochs=50)
    assert early_signs(session) == []
    assert early_signs(session.run()) == []


def test_saturated_units_are_told():
    session = Session(data="circle", hidden=(6,), initialisation="large")
    with torch.no_grad():
        session.layers[0].weight.mul_(0)
        session.layers[0].bias.copy_(torch.linspace(6, 8, 6))
    session.set_weight(0, 0, 0, 0.01)
    assert [one.cause for one in early_signs(session)] == ["saturated_units"]
