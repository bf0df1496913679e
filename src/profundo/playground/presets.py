"""Situations worth a lesson: settings with a question, and what should be seen. The registry is closed; its ids are stable.

What each says is proved, with these very settings, in tests/playground/test_presets.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from profundo.data.dataset_names import nearest
from profundo.playground.playground_settings import PlaygroundSettings, new_settings
from profundo.records import ProfundoError

__all__ = ["PRESETS", "Preset", "preset"]


@dataclass(frozen=True, slots=True)
class Preset:
    """title: what it is about; question: for the class, before the run; seen: what the run shows, and why."""

    title: str
    question: str
    seen: str
    given: Mapping[str, Any]

    @property
    def settings(self) -> PlaygroundSettings:
        return new_settings(**self.given)


FIRST = {"samples": 200, "optimizer": "adam"}
LINE = {"hidden": (), "epochs": 60, **FIRST}
OVERFIT = {
    "data": "moons", "samples": 60, "noise": 40, "data_seed": 1, "hidden": (8, 8, 8), "optimizer": "adam",
    "learning_rate": 0.01, "epochs": 300,
}  # fmt: skip
DEEP = {"data": "circle", "hidden": (6,) * 5, "epochs": 60}

PRESETS: dict[str, Preset] = {
    "one-neuron": Preset(
        "One neuron draws a line",
        "Two clouds, one neuron: which shapes can its border have?",
        "A straight line, and here that is enough: nearly every point is on the right side.",
        {"data": "gauss", **LINE},
    ),
    "xor-one-neuron": Preset(
        "One neuron fails at exclusive or",
        "Can one neuron separate these four quadrants, if only it trains long enough?",
        "No line separates them (Minsky & Papert 1969): the loss stays at ln 2 = 0.69, that of guessing.",
        {"data": "xor", **LINE},
    ),
    "xor-hidden": Preset(
        "A hidden layer solves exclusive or",
        "What does each of the eight hidden neurons look for?",
        "Each draws a line of its own, and the output combines them: every quadrant gets its colour.",
        {"data": "xor", "hidden": (8,), "activation": "relu", "epochs": 60, **FIRST},
    ),
    "xor-feature": Preset(
        "The right feature makes it easy",
        "The product x₁x₂ goes in, too. Is a hidden layer still needed?",
        "One neuron is enough: the sign of x₁x₂ is the class. A good feature does the work of a layer.",
        {"data": "xor", "features": ("x1", "x2", "x1_x2"), **LINE},
    ),
    "circle-features": Preset(
        "Squares for a circle",
        "Without any hidden layer, with x₁² and x₂²: which borders can one neuron draw now?",
        "Ellipses: it learns x₁² + x₂² < r², though it is a linear model, of other features.",
        {"data": "circle", "features": ("x1_squared", "x2_squared"), **LINE},
    ),
    "linear-net": Preset(
        "Linear layers in a row are one",
        "Three hidden layers of eight, but the activation is linear. How bent can the border be?",
        "Straight, as with one neuron: a product of matrices is a matrix. Without a bend, depth adds nothing.",
        {"data": "circle", "hidden": (8, 8, 8), "activation": "linear", "epochs": 60, **FIRST},
    ),
    "zero-weights": Preset(
        "All weights begin at zero",
        "Eight hidden neurons begin alike. What will be the difference between them after training?",
        "None: like weights get like gradients. Of the biases only the last one moves, and the net answers alike everywhere.",
        {"data": "circle", "hidden": (8,), "initialisation": "zeros", "epochs": 60},
    ),
    "rate-too-high": Preset(
        "Too large a learning rate",
        "The steps follow the slope downhill. Why does the loss go up?",
        "They are so long that they end beyond the valley, higher than before: the loss leaves all bounds.",
        {"data": "plane", "hidden": (4,), "activation": "relu", "learning_rate": 10.0, "epochs": 60},
    ),
    "rate-too-low": Preset(
        "Too small a learning rate",
        "Nothing is wrong with the direction. Why does nothing happen?",
        "The steps are so short that after sixty epochs the loss has hardly moved; with 0.03 it would be solved.",
        {"data": "circle", "learning_rate": 0.00003, "epochs": 60},
    ),
    "vanishing-sigmoids": Preset(
        "Sigmoids in a deep net",
        "Five hidden layers of logistic units. Look at the gradients of the first links, and of the last.",
        "Each layer multiplies the gradient by less than a quarter: the first ones hardly move, and nothing is learned.",
        {"activation": "logistic", **DEEP},
    ),
    "deep-relu": Preset(
        "The same depth with ReLUs",
        "Five layers again, ReLUs now, with weights drawn for them. What has changed on the links?",
        "Gradients come through: the slope of a ReLU is 1 wherever it is on, and the circle is learned.",
        {"activation": "relu", "initialisation": "he", **DEEP},
    ),
    "dead-relus": Preset(
        "Dead ReLUs",
        "Some neurons have become dark everywhere. Can they come back?",
        "One long step made them negative for every point; there the slope is 0, so no gradient ever moves them again.",
        {"data": "circle", "hidden": (8, 8), "activation": "relu", "learning_rate": 3.0, "epochs": 40},
    ),
    "overfit": Preset(
        "Learned by heart",
        "Thirty noisy points to learn from, and hundreds of weights. Watch both losses.",
        "The training loss goes to nothing while the test loss climbs: the border winds around single points.",
        OVERFIT,
    ),
    "overfit-l2": Preset(
        "A cure: small weights",
        "The same net and points, with a penalty on large weights. What becomes of the border?",
        "It is smooth: bends need large weights, and those are dear now. The test loss is far lower.",
        {**OVERFIT, "l2": 0.03},
    ),
    "overfit-dropout": Preset(
        "A cure: dropout",
        "At each step three neurons of ten are silent, others each time. Why does that help?",
        "No neuron can rely on another one's mistake: the net is a mean of many, and the test loss is lower.",
        {**OVERFIT, "dropout": 0.3},
    ),
    "overfit-more-points": Preset(
        "A cure: more points",
        "The same net with fifteen times the points. Which of the two losses changes?",
        "Both meet: what is true of so many points is true of others, and noise cannot be learned by heart.",
        {**OVERFIT, "samples": 900, "epochs": 40},
    ),
    "early-stop": Preset(
        "Stop in time",
        "The net of “Learned by heart”, stopped as soon as its training loss is below 0.2.",
        "The test loss is near its best: what came after was learning of noise.",
        {**OVERFIT, "stop_loss": 0.2},
    ),
    "spiral-raw": Preset(
        "The spiral from x₁ and x₂ alone",
        "What does it take to wind a border around itself?",
        "Three layers of eight ReLUs, Adam and patience: the border is made of short straight pieces.",
        {
            "data": "spiral", "hidden": (8, 8, 8), "activation": "relu", "initialisation": "he", "optimizer": "adam",
            "learning_rate": 0.01, "epochs": 150,
        },
    ),
    "spiral-features": Preset(
        "The spiral with sines",
        "With sin x₁ and sin x₂ beside them, does a small net do?",
        "It learns much quicker than from x₁ and x₂ alone: waves that the layers would have to build are there.",
        {
            "data": "spiral", "features": ("x1", "x2", "sin_x1", "sin_x2"), "hidden": (8,), "optimizer": "adam",
            "learning_rate": 0.03, "epochs": 100,
        },
    ),
    "approximation-2": Preset(
        "A curve from two neurons",
        "The curve x₁ sin x₁ from two tanh neurons: how often can it bend?",
        "Once for each neuron: the fit is rough. A hidden layer, wide enough, fits any curve (Cybenko 1989). How wide?",
        {"data": "wave", "features": ("x1",), "hidden": (2,), "optimizer": "adam", "learning_rate": 0.03, "epochs": 120},
    ),
    "approximation-20": Preset(
        "The same curve from twenty",
        "Ten times as many neurons, and nothing else. What is left of the error?",
        "A quarter or less: every bend of the curve has neurons of its own. The rest is a matter of patience.",
        {"data": "wave", "features": ("x1",), "hidden": (20,), "optimizer": "adam", "learning_rate": 0.03, "epochs": 120},
    ),
    "hills": Preset(
        "Hills and hollows",
        "A value at each place, not a class: what does the output neuron do otherwise?",
        "It gives its sum as it is, and the loss is the squared error: hills and hollows take shape on the map.",
        {
            "data": "multi_gauss", "hidden": (8, 8), "optimizer": "adam", "learning_rate": 0.02, "epochs": 150,
        },
    ),
    "three-classes": Preset(
        "Three classes, three outputs",
        "How does a net say which of three it is?",
        "With one output for each and a softmax over them: the three probabilities are 1 together, and three borders meet.",
        {"data": "blobs", "hidden": (6,), "epochs": 40, **FIRST},
    ),
    "stochastic": Preset(
        "One sample at a time",
        "A batch of one: why does the loss tremble?",
        "Each step follows a single point, which may point astray; on the way down that does no harm.",
        {"data": "moons", "samples": 200, "batch_size": 1, "epochs": 20, "learning_rate": 0.05},
    ),
    "step-units": Preset(
        "Step units cannot learn by descent",
        "The first artificial neurons were steps. Why does the hidden layer never move?",
        "The slope of a step is 0: no gradient comes through it. Only the output layer learns.",
        {"data": "circle", "hidden": (8,), "activation": "step", "epochs": 60},
    ),
}  # fmt: skip


def preset(name: str) -> Preset:
    """Raises ProfundoError for a name that is not there."""
    if not isinstance(name, str) or name not in PRESETS:
        raise ProfundoError(f"playground: preset {name!r} is unknown; {nearest(str(name), PRESETS)}")
    return PRESETS[name]
