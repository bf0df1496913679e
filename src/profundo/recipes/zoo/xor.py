"""XOR: one neuron cannot, a hidden layer can (Minsky & Papert 1969; Rumelhart, Hinton & Williams 1986).

Data: the four points of exclusive or, and of or. A logistic neuron and a net with one hidden layer of tanh units learn
both by batch gradient descent on the cross-entropy.

Result: on XOR one neuron ends at ln 2, the cost of guessing, with 50 to 75 % of the points right (seeds 0–2); a hidden layer
has 100 %, both have 100 % on OR. With 8 hidden units each of 40 first weights led there; with 4, about a quarter stayed in
a local minimum. About 3 s on one core of an AMD EPYC, no GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from profundo.data.full_batch import Whole, whole
from profundo.nets import linear, mlp
from profundo.objectives.likelihoods import bernoulli
from profundo.pictures.exhibits import Exhibit, Images, Table
from profundo.pictures.planes import Plane
from profundo.recipes.context import Context, Trained
from profundo.recipes.net_outputs import outputs
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.subjects import Subject
from profundo.records import Batch, Inputs, Spec, Targets
from profundo.runs.settings.setting_values import Positive
from profundo.runs.settings.setting_values import Whole as AtLeastOne
from profundo.train import Plan, Supervised, optimizer

__all__ = ["RECIPE", "Settings", "networks", "run"]

SPEC = Spec(Inputs((2,), "features", names=("a", "b")), Targets("binary", ("0", "1")))
UPDATES = 15  # of an epoch: the four points as often


@dataclass(frozen=True, slots=True)
class Settings:
    """hidden: tanh units of the net; epochs: of 15 passes over the four points each."""

    hidden: AtLeastOne = 8
    epochs: AtLeastOne = 40
    learning_rate: Positive = 0.5


def networks(settings: Settings, _known: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {
        f"{kind}, {gate}": linear(SPEC) if kind == "one neuron" else mlp(SPEC, (settings.hidden,), "tanh")
        for gate in ("OR", "XOR")
        for kind in ("one neuron", "hidden layer")
    }


def run(context: Context, settings: Settings) -> Outcome:
    nets = networks(settings, {})
    points = {gate: whole(context.load(gate.lower()).train, SPEC) for gate in ("OR", "XOR")}
    trained = {name: train(context, settings, net, points[gate_of(name)], name) for name, net in nets.items()}
    accuracies = {name: accuracy(net, points[gate_of(name)]) for name, net in nets.items()}
    return Outcome(
        scores={f"accuracy, {name}": accuracies[name] for name in reversed(nets)},
        baseline={f"accuracy, {name}": 0.75 if gate_of(name) == "OR" else 0.5 for name in nets},
        against="always the commoner class",
        exhibits=exhibits(nets, points, trained),
        networks=nets,
        conclusion=f"On XOR one neuron has {100 * accuracies['one neuron, XOR']:.0f} % of the four points right, of which no "
        f"line can separate more than 75 %; with {settings.hidden} hidden units it is "
        f"{100 * accuracies['hidden layer, XOR']:.0f} %. OR needs one neuron only.",
    )


def exhibits(
    nets: Mapping[str, nn.Module], points: Mapping[str, Batch], trained: Mapping[str, Trained]
) -> list[Exhibit]:
    return [
        Images(
            "Decision regions",
            "Above OR, below XOR; to the left one neuron, to the right a hidden layer. The tint is the probability, the "
            "line is where it is one half.",
            torch.stack([regions(net, points[gate_of(name)], name) for name, net in nets.items()]),
            columns=2,
        ),
        trained["hidden layer, XOR"].film(
            "A hidden layer learns XOR",
            f"What the net says at each place of the plane, before training and after every {UPDATES} updates: two boundaries "
            "where one neuron has a single one.",
            seconds=0.15,
        ),
        by_epoch(
            "Learning curves",
            "The cross-entropy of the four points: only one neuron on XOR stays at ln 2 = 0.693, the cost of guessing.",
            {name: run.history["loss"] for name, run in trained.items()},
            x_label=f"epoch of {UPDATES} updates",
            y_label="cross-entropy (nats)",
            log_y=False,
        ),
        Table(
            "The four points",
            "The probability of 1 that each net gives to each point.",
            ["a", "b", *nets],
            [
                [
                    f"{int(a)}",
                    f"{int(b)}",
                    *(float(probability(net, points["XOR"].inputs)[row]) for net in nets.values()),
                ]
                for row, (a, b) in enumerate(points["XOR"].inputs.tolist())
            ],
        ),
    ]


def train(context: Context, settings: Settings, net: nn.Module, points: Batch, name: str) -> Trained:
    """Batch gradient descent on the cross-entropy."""
    return context.train(
        Supervised(net, bernoulli(), optimizer("sgd", net, settings.learning_rate)),
        Whole(points.inputs, points.targets, UPDATES, context.device),
        Plan(settings.epochs),
        name=name,
        film=(lambda: regions(net, points, "")) if name == "hidden layer, XOR" else None,
    )


def gate_of(name: str) -> str:
    return name.rsplit(", ", 1)[1]


def probability(net: nn.Module, places: Tensor) -> Tensor:
    """P(1) at each place: (places,)."""
    return bernoulli().predict(outputs(net, places))


def accuracy(net: nn.Module, points: Batch) -> float:
    return float(((probability(net, points.inputs) > 0.5) == points.targets.bool()).float().mean())


def regions(net: nn.Module, points: Batch, title: str) -> Tensor:
    plane = Plane((-0.5, 1.5), (-0.5, 1.5), "a", "b", width=360, height=340)
    return plane.draw(points.inputs, points.targets, probability(net, plane.places()), names=("0", "1"), told=title)


def subject(model: Model, context: Context) -> Subject:
    """The net with a hidden layer that learned XOR."""
    return Subject(model.networks["hidden layer, XOR"], replace(context.load("xor"), spec=SPEC))


RECIPE = Recipe(Settings, Settings(epochs=20), run, networks=networks, subject=subject)
