"""What each preset says will be seen is seen, with its very settings."""

import math
from functools import cache
from itertools import pairwise

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from profundo.playground.early_signs import early_signs
from profundo.playground.playground_settings import changed
from profundo.playground.presets import PRESETS, preset
from profundo.playground.queries import from_query, to_query
from profundo.playground.session import Session
from profundo.records import ProfundoError


@cache
def ran(name, seed=None):
    """With first weights and points of another seed, if one is given."""
    settings = preset(name).settings
    return Session(settings if seed is None else changed(settings, seed=seed, data_seed=seed)).run()


def begun(name, seed):
    return Session(changed(preset(name).settings, seed=seed, data_seed=seed))


def r2(name, **more):
    return Session(changed(preset(name).settings, **more)).run().scores()["test"].r2


def at_rate(name, rate):
    return Session(changed(preset(name).settings, learning_rate=rate)).run().scores()["test"]


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


FIVE = range(5)


def grows_until_it_breaks(name, seed):
    """Whether each of the first six steps makes the loss three to six times as large, and it ends as no number, but not soon."""
    session = begun(name, seed)
    losses = [session.first_loss]
    for _ in range(6):
        session.epochs(1)
        losses.append(session.scores()["train"].loss)
    grown = all(3 < after / before < 6 for before, after in pairwise(losses))
    session.run()
    return grown and 45 <= session.epoch <= 65 and not math.isfinite(session.scores()["train"].loss)


def dies_within(name, seed, epochs):
    """Whether its second layer, alive at first, is dead at every point by then."""
    session = begun(name, seed)
    alive = len(session.units()[1].dead) < 8
    session.epochs(epochs)
    return alive and len(session.units()[1].dead) == 8


def line_through_the_picture(session):
    """The share of points on their side of the best straight line, where the warped plane is shown as it is."""
    warped = session.warped()
    assert warped.exact
    classes = session.data.train.targets.numpy()
    return LogisticRegression(C=1e6, max_iter=2000).fit(warped.samples.numpy(), classes).score(warped.samples, classes)


def half_lines(session):
    """On which side each unit of a curve's net adds something."""
    ends = [(bool(part[0]), bool(part[-1])) for part in session.curve().parts]
    return [{(True, False): "left", (False, True): "right"}.get(one, "both or none") for one in ends]


def steeper(name):
    """Whether the one weight before the bend has grown, and is larger after more epochs."""
    sizes = [
        abs(Session(changed(preset(name).settings, epochs=count)).run().weights()[0].item()) for count in (10, 40, 120)
    ]
    return sizes == sorted(sizes)


SEEN = {
    "one-neuron": lambda: is_straight(ran("one-neuron")) and accuracy("one-neuron") >= 0.97,
    "xor-one-neuron": lambda: (
        abs(ran("xor-one-neuron").scores()["train"].loss - math.log(2)) < 0.02
        and accuracy("xor-one-neuron", "train") < 0.75
        and causes("xor-one-neuron") == ["underfit"]
    ),
    "xor-hidden": lambda: accuracy("xor-hidden") == 1,
    "warped-plane": lambda: all(line_through_the_picture(ran("warped-plane", seed)) >= 0.98 for seed in FIVE),
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
        all(grows_until_it_breaks("rate-too-high", seed) for seed in FIVE)
        and causes("rate-too-high") == ["learning_rate_too_high"]
    ),
    "rate-too-low": lambda: (
        causes("rate-too-low") == ["learning_rate_too_low"]
        and ran("rate-too-low").first_loss - ran("rate-too-low").scores()["train"].loss < 0.02
        and "to 0.003 " in str(early_signs(ran("rate-too-low"))[0].remedy)
        and at_rate("rate-too-low", 0.003).accuracy < 0.7 < 0.95 < at_rate("rate-too-low", 0.03).accuracy
    ),
    "vanishing-sigmoids": lambda: (
        all(
            (sizes := begun("vanishing-sigmoids", seed).gradient_sizes())[0] < 0.001 * sizes[-1]
            for seed in FIVE
        )
        and 0.4 < accuracy("vanishing-sigmoids") < 0.6
        and causes("vanishing-sigmoids") == ["vanishing_gradient"]
    ),
    "deep-relu": lambda: (
        all((sizes := begun("deep-relu", seed).gradient_sizes())[0] > 0.1 * sizes[-1] for seed in FIVE)
        and [ran("deep-relu", seed).scores()["test"].accuracy == 1 for seed in FIVE].count(True) == 4
        and any(2 * len(layer.dead) > layer.units for layer in ran("deep-relu", 2).units())
        and not causes("deep-relu")
    ),
    "dead-relus": lambda: (
        "dead_units" in causes("dead-relus") and not ran("dead-relus").maps().neurons[1].any() and stays_dead("dead-relus")
        and all(dies_within("dead-relus", seed, epochs=3) for seed in FIVE)
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
    "curve-step": lambda: (
        all(score.r2 > 0.95 for seed in (0, 1) for score in ran("curve-step", seed).scores().values())
        and ran("curve-step").scores()["train"].r2 < 0.97
        and steeper("curve-step")
    ),
    "curve-sine": lambda: all(
        r2("curve-sine", seed=seed) > 0.9 and r2("curve-sine", seed=seed, hidden=(1,)) < 0.3 for seed in (0, 1)
    ),
    "curve-corner": lambda: (
        ran("curve-corner").scores()["test"].r2 > 0.999
        and sorted(half_lines(ran("curve-corner"))) == ["left", "right"]
        and r2("curve-corner", seed=0) < 0.5
    ),
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


def test_a_net_that_answers_little_better_than_a_constant_is_told():
    """One unit draws one line: no more than three of the four corners of XOR come right."""
    one = Session(data="xor", hidden=(1,), epochs=60, samples=200).run()
    assert one.scores()["train"].accuracy < 0.8
    assert [sign.cause for sign in early_signs(one)] == ["underfit"]
    noisy = Session(data="xor", noise=50, hidden=(4, 4), epochs=60, samples=200, learning_rate=0.1).run()
    assert early_signs(noisy) == []


def test_saturated_units_are_told():
    session = Session(data="circle", hidden=(6,), initialisation="large")
    with torch.no_grad():
        session.layers[0].weight.mul_(0)
        session.layers[0].bias.copy_(torch.linspace(6, 8, 6))
    session.set_weight(0, 0, 0, 0.01)
    assert [one.cause for one in early_signs(session)] == ["saturated_units"]


RATES = (1e-4, 3e-3, 0.1, 10.0)


@pytest.mark.parametrize("given", [{"data": "circle"}, {"data": "plane"}], ids=["classes", "values"])
def test_advice_on_rates_never_leads_from_one_fault_to_the_other(given):
    told = {rate: rate_signs(learning_rate=rate, **given) for rate in RATES}
    assert told[1e-4] == {"learning_rate_too_low"}
    assert told[0.1] == set()
    assert told[10.0] == {"learning_rate_too_high"}
    slow = Session(learning_rate=1e-4, **SHORT, **given).run()
    (sign,) = early_signs(slow)
    higher = float(sign.remedy.split(" to ")[1].split(" ")[0])
    assert 3e-4 <= higher <= 0.01
    assert "learning_rate_too_high" not in rate_signs(learning_rate=higher, **given)


SHORT = {"samples": 200, "epochs": 45}


def rate_signs(**given):
    """What is said of the rate after any epoch."""
    session, told = Session(**SHORT, **given), set()
    for _ in range(SHORT["epochs"]):
        session.epochs(1)
        told |= {one.cause for one in early_signs(session) if one.cause.startswith("learning_rate")}
    return told


def test_units_that_became_flat_ask_for_shorter_steps_and_those_that_began_so_for_other_weights():
    became = Session(data="plane", learning_rate=3.0, samples=200)
    became.epochs(1)
    far = [(4 + k / 10, 4 + k / 10, k % 2) for k in range(20)]
    began = Session(data="points", points=far, features=("x1", "x1_squared"), hidden=(8,), initialisation="large")
    remedies = [
        {one.remedy for one in early_signs(session) if one.cause == "saturated_units"} for session in (became, began)
    ]
    assert remedies[0] == {"lower the learning rate, to 0.3 for example, and begin anew"}
    assert remedies[1] == {"begin anew with smaller first weights, such as Glorot’s, or He’s for ReLU"}
