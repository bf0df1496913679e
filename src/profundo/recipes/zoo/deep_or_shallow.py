"""Deep or shallow: the same number of parameters in one hidden layer or in five (Mhaskar, Liao & Poggio 2017).

Data: values of h(h(x₁, x₂), h(x₃, x₄)), without noise (data/sets/compositions.py). Fully connected nets with ReLU have as many
units in every hidden layer, so many that the parameters come as near to the budget as they can; all else is the same.

Result: with 2,000 parameters, one hidden layer of 333 units leaves 11.7 % of the variance unexplained, two of 41 leave
7.9 %, three of 29 4.3 %, four of 24 4.0 %, five of 21 4.3 %; a linear model 85 %. Means over three draws of data and weights,
in each of which any deeper net does better than the one of one layer. About 10 s on one core of an AMD EPYC, no GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any

from torch import nn

from profundo.data.sets.compositions import compositions
from profundo.nets import linear, mlp
from profundo.pictures.charts import lines_svg
from profundo.pictures.exhibits import Chart, Table
from profundo.pictures.numbers import how_many, percent
from profundo.recipes.classifying import classified, spec_of, train
from profundo.recipes.context import Context
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import band
from profundo.recipes.subjects import Subject
from profundo.records import Dataset
from profundo.runs.settings.setting_values import Positive, Whole

__all__ = ["RECIPE", "Settings", "networks", "run", "widest"]


@dataclass(frozen=True, slots=True)
class Settings:
    """parameters: the budget of every net; deepest: hidden layers of the deepest; repeats: other data, other weights."""

    parameters: Whole = 2000
    deepest: Whole = 5
    repeats: Whole = 3
    samples: Whole = 20_000
    epochs: Whole = 30
    batch_size: Whole = 256
    learning_rate: Positive = 0.01


def widest(inputs: int, outputs: int, depth: int, budget: int) -> int:
    """The largest width w with (n + 1)w + (d − 1)(w + 1)w + (w + 1)m parameters within the budget; at least 1."""
    width = 1
    while (inputs + 1) * (w := width + 1) + (depth - 1) * (w + 1) * w + (w + 1) * outputs <= budget:
        width = w
    return width


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    """One net for each depth, named like "3 layers"."""
    spec = spec_of(known)
    inputs = spec.inputs.shape[0]
    return {
        name_of(depth): mlp(spec, widths=(widest(inputs, spec.outputs, depth, settings.parameters),) * depth)
        for depth in range(1, settings.deepest + 1)
    }


def run(context: Context, settings: Settings) -> Outcome:
    unexplained: dict[int, list[float]] = {depth: [] for depth in range(1, settings.deepest + 1)}
    flat = []
    for repeat in range(settings.repeats):
        data = compositions(settings.samples, context.generator(f"data {repeat}"))
        nets = networks(settings, {"spec": asdict(data.spec)})
        for depth in unexplained:
            net = nets[name_of(depth)]
            unexplained[depth].append(learn(context, settings, data, net, f"{name_of(depth)}, {repeat + 1}"))
        flat.append(learn(context, settings, data, linear(data.spec), f"linear, {repeat + 1}"))
    means = {depth: mean(values) for depth, values in unexplained.items()}
    best = min(means, key=means.__getitem__)
    return Outcome(
        scores={f"unexplained variance, {name_of(depth)}": value for depth, value in means.items()},
        baseline={f"unexplained variance, {name_of(depth)}": mean(flat) for depth in means},
        exhibits=[error_chart(unexplained), net_table(nets, unexplained)],
        networks=nets,
        known={"spec": asdict(data.spec)},
        conclusion=f"With {settings.parameters:,} parameters, one hidden layer leaves {percent(means[1], 1)} of the variance "
        f"unexplained, {name_of(best)}, the best in hindsight, {percent(means[best], 1)}, a linear model "
        f"{percent(mean(flat), 0)}; means over {settings.repeats} draws of data and weights.",
        against="linear model",
    )


def learn(context: Context, settings: Settings, data: Dataset, net: nn.Module, name: str) -> float:
    """1 − R² on the test split, after training."""
    rule = ("adam", settings.learning_rate, 0.0)
    train(context, net, data.train, data.spec, rule, epochs=settings.epochs, batch_size=settings.batch_size, name=name)
    return 1 - classified(context, net, data.test, data.spec, data.train)[1].values["R²"]


def name_of(depth: int) -> str:
    return how_many(depth, "layer")


def error_chart(unexplained: Mapping[int, list[float]]) -> Chart:
    line = band("test split", list(unexplained), list(unexplained.values()))
    svg = lines_svg([line], x_label="hidden layers", y_label="unexplained variance", percent=True, log_y=False)
    caption = (
        "What is left of the variance of f, by the number of hidden layers; the band goes from the best to the worst."
    )
    return Chart("Error by depth", caption, svg)


def net_table(nets: Mapping[str, nn.Module], unexplained: Mapping[int, list[float]]) -> Table:
    rows: list[list[str | float]] = []
    for (name, net), values in zip(nets.items(), unexplained.values(), strict=True):
        parameters = list(net.parameters())
        width = len(parameters[0])
        rows.append([name, width, sum(p.numel() for p in parameters), *values])
    draws = [f"draw {n + 1}" for n in range(len(unexplained[1]))]
    caption = "The nets, and the share of variance that each left unexplained in each draw."
    return Table("Nets", caption, ["hidden", "units in each", "parameters", *draws], rows, draws)


def subject(model: Model, context: Context) -> Subject:
    """The deepest net, with the data of the last repeat."""
    asked: Settings = model.asked
    data = compositions(asked.samples, context.generator(f"data {asked.repeats - 1}"))
    return Subject(model.networks[name_of(asked.deepest)], data)


RECIPE = Recipe(
    Settings,
    Settings(deepest=2, repeats=2, samples=2000, epochs=4, batch_size=64),
    run,
    networks=networks,
    subject=subject,
)
