"""Entity embeddings of categorical variables (Guo & Berkhahn 2016): categories as learnt numbers, in place of one-hot rows.

Data: a generated table (profundo.data.sets.demand), for then the structure to be found is known: demand by month, weekday, city
and price, where months and weekdays act differently in different cities. The net predicts it from 2,000 rows; in its
embeddings the months should lie on a circle, the weekend apart, and the cities by season and kind. The embeddings are then
given to other methods, as in the paper's table III.

Result: an error (RMSE of log demand on 4,000 further rows) of 0.107 to 0.109 (seeds 0–2), where the noise alone makes 0.1,
one-hot ridge regression 0.474 to 0.480, and ridge regression given all pairs of categories 0.114 to 0.115. All months have
their two neighbours in the year nearest, all cities one of their season. About 4 s on one core of an AMD EPYC, no GPU.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from profundo import objectives
from profundo.data.batches import batches
from profundo.data.sets.demand import CITIES, LEVELS, NOISE, demand
from profundo.evaluate import evaluating
from profundo.evaluate.retrieval import nearest, precision_at
from profundo.nets.tabular import CategoryNet
from profundo.pictures.charts import points_svg
from profundo.pictures.exhibits import Chart, Exhibit, Table
from profundo.recipes.context import Context
from profundo.recipes.net_outputs import device_of, outputs
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.subjects import Subject
from profundo.records import Dataset, ProfundoError, Samples, Source
from profundo.runs.settings.setting_values import Positive, Whole
from profundo.train import Plan, Supervised, optimizer, schedule

__all__ = ["RECIPE", "Settings", "networks", "predict", "run"]


@dataclass(frozen=True, slots=True)
class Settings:
    """rows: of the training split. dimensions: numbers for a category. weight_decay: AdamW's, whose pull to zero leaves in
    an embedding only what the prediction needs."""

    rows: Whole = 2000
    dimensions: Whole = 6
    width: Whole = 64
    epochs: Whole = 80
    batch_size: Whole = 128
    learning_rate: Positive = 0.01
    weight_decay: Positive = 1.0


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    levels = [len(names) for names in known["levels"].values()]
    return {"net": CategoryNet(levels, settings.dimensions, 1, (settings.width, settings.width))}


def run(context: Context, settings: Settings) -> Outcome:
    data = demand(settings.rows, seed=context.seed)
    targets = data.spec.targets
    known = {
        "levels": {name: list(names) for name, names in LEVELS.items()},
        "mean": targets.mean[0],
        "std": targets.std[0],
    }
    net = networks(settings, known)["net"]
    assert isinstance(net, CategoryNet)
    untrained = net.tables
    context.train(
        Supervised(
            net,
            objectives.default(targets),
            optimizer("adamw", net, settings.learning_rate, settings.weight_decay),
        ),
        batches(data.train, data.spec, settings.batch_size, seed=context.seed, device=context.device),
        Plan(settings.epochs, schedule("cosine")),
        validate=lambda: {"validation RMSE": error(log_demand(net, data.validation.inputs, known), data.validation)},
    )
    learnt = net.tables
    rmse = error(log_demand(net, data.test.inputs, known), data.test)
    found, before = structure_found(learnt), structure_found(untrained)
    others = other_methods(context, data, net)
    linear = others["ridge"]["one-hot"]
    return Outcome(
        scores={"RMSE (log demand)": rmse, **found},
        baseline={"RMSE (log demand)": linear, **before},
        against={
            "RMSE (log demand)": "ridge regression on one-hot rows",
            **dict.fromkeys(before, "untrained embeddings"),
        },
        rivals={
            f"{method}, {form}": value
            for method, of in others.items()
            for form, value in of.items()
            if (method, form) != ("ridge", "one-hot")
        },
        exhibits=[*planes(learnt), methods_table(rmse, others, data), neighbour_table(learnt)],
        networks={"net": net},
        known=known,
        conclusion=f"From {settings.rows:,} generated rows the net predicts log demand with an error of {rmse:.4f}, where the "
        f"noise alone makes {NOISE:g}; ridge regression on one-hot categories has {linear:.4f}, and "
        f"{others['ridge, all pairs']['one-hot']:.4f} if given every pair of categories. Of its embeddings, "
        f"{100 * month_circle(learnt[0]):.0f} % of the months have their two neighbours in the year nearest.",
    )


def log_demand(net: nn.Module, inputs: Tensor | Source, known: Mapping[str, Any]) -> Tensor:
    """Predicted log demand (rows, 1)."""
    assert isinstance(inputs, Tensor)
    predicted: Tensor = outputs(net, inputs) * known["std"] + known["mean"]
    return predicted


def error(predictions: Tensor, split: Samples) -> float:
    """Root of the mean squared error."""
    return float((predictions - split.targets).double().square().mean().sqrt())


def structure_found(tables: Sequence[Tensor]) -> dict[str, float]:
    """How much of the known structure lies in the embeddings of months, weekdays and cities."""
    cities = LEVELS["city"]
    season = torch.tensor([number for city in cities for number, of in enumerate(CITIES.values()) if city in of])
    leisure = torch.tensor([int(any(city in of[:3] for of in CITIES.values())) for city in cities])
    weekend = torch.tensor([0] * 5 + [1] * 2)
    return {
        "share of months on the circle": month_circle(tables[0]),
        "share of days beside their kind": beside_its_kind(tables[1], weekend),
        "share of cities beside their season": beside_its_kind(tables[2], season),
        "share of cities beside their kind": beside_its_kind(tables[2], leisure),
    }


def month_circle(months: Tensor) -> float:
    """Share of the months whose two nearest are the one before and the one after, December and January included."""
    near = nearest(months, months, 2, skip_self=True)
    expected = [{(month - 1) % 12, (month + 1) % 12} for month in range(12)]
    return sum(set(result) == wanted for result, wanted in zip(near.tolist(), expected, strict=True)) / 12


def beside_its_kind(table: Tensor, kinds: Tensor) -> float:
    """Share of the categories whose nearest is of their kind."""
    return precision_at(nearest(table, table, 1, skip_self=True), kinds, kinds)


def other_methods(context: Context, data: Dataset, net: CategoryNet) -> dict[str, dict[str, float]]:
    """Test errors of classical methods, with one-hot categories and with the net's embeddings in their place."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import RidgeCV
    from sklearn.neighbors import KNeighborsRegressor

    methods = {
        "ridge": RidgeCV(np.logspace(-3, 3, 13)),
        "10 nearest neighbours": KNeighborsRegressor(10),
        "gradient boosting": HistGradientBoostingRegressor(max_iter=300, random_state=context.seed),
    }
    target = data.train.targets[:, 0].numpy()

    def tested(method: Any, train: np.ndarray, test: np.ndarray) -> float:
        return error(torch.from_numpy(method.fit(train, target).predict(test))[:, None], data.test)

    forms: dict[str, list[np.ndarray]] = {"one-hot": [], "embeddings": []}
    for split in (data.train, data.test):
        assert isinstance(split.inputs, Tensor)
        with evaluating(net):
            forms["embeddings"].append(net.embedded(split.inputs.to(device_of(net))).cpu().numpy())
        forms["one-hot"].append(one_hot(split.inputs))
    errors = {
        name: {form: tested(method, train, test) for form, (train, test) in forms.items()}
        for name, method in methods.items()
    }
    train, test = (with_pairs(rows) for rows in forms["one-hot"])
    return errors | {"ridge, all pairs": {"one-hot": tested(methods["ridge"], train, test)}}


def one_hot(inputs: Tensor) -> np.ndarray:
    """(rows, categories of all columns + 1): log price is the last column."""
    parts = [np.eye(len(names))[inputs[:, at].long().numpy()] for at, names in enumerate(LEVELS.values())]
    return np.concatenate([*parts, inputs[:, len(LEVELS) :].numpy()], 1)


def with_pairs(rows: np.ndarray) -> np.ndarray:
    """One-hot rows with a column more for every two categories of different columns."""
    ends = np.cumsum([len(names) for names in LEVELS.values()])
    blocks = np.split(rows, ends, axis=1)[:-1]
    pairs = [(one[:, :, None] * two[:, None]).reshape(len(rows), -1) for one, two in combinations(blocks, 2)]
    return np.concatenate([rows, *pairs], 1)


def methods_table(rmse: float, others: Mapping[str, Mapping[str, float]], data: Dataset) -> Table:
    rows: list[list[str | float]] = [["the net", "", round(rmse, 4)]]
    for name, of in others.items():
        shown: list[str | float] = [round(of[form], 4) if form in of else "" for form in ("one-hot", "embeddings")]
        rows.append([name, *shown])
    constant = error(data.train.targets.mean(0).expand(len(data.test), 1), data.test)
    rows += [["the mean", round(constant, 4), ""], ["the truth, but for the noise", NOISE, ""]]
    return Table(
        "Embeddings for other methods",
        "Test error (RMSE of log demand) of each method with one-hot categories, and with the net's embeddings in their place.",
        ["method", "one-hot", "embeddings"],
        rows,
    )


def planes(tables: Sequence[Tensor]) -> list[Exhibit]:
    """Months and cities on the two main axes of their embeddings."""
    seasons = list(CITIES)
    of_city = [at for city in LEVELS["city"] for at, name in enumerate(seasons) if city in CITIES[name]]
    return [
        Chart(
            "The year",
            "The twelve months on the first two principal axes of their embeddings. Training was told nothing of their order.",
            plane(tables[0], list(range(12)), list(LEVELS["month"])),
        ),
        Chart(
            "The cities",
            "The cities on the first two principal axes of their embeddings, by the month in which their demand is highest.",
            plane(tables[2], of_city, [f"peak in {name}" for name in seasons]),
        ),
    ]


def plane(table: Tensor, labels: Sequence[int], names: Sequence[str]) -> str:
    centred = table.double() - table.double().mean(0)
    axes = torch.linalg.svd(centred, full_matrices=False).Vh
    if len(axes) < 2:  # one dimension: a line
        axes = torch.cat((axes, torch.zeros_like(axes)))
    axes = axes * axes.sum(1, keepdim=True).sign()  # the sign of a principal axis means nothing: the same every time
    placed = centred @ axes[:2].T
    return points_svg(
        placed[:, 0].tolist(), placed[:, 1].tolist(), labels, x_label="axis 1", y_label="axis 2", names=names
    )


def neighbour_table(tables: Sequence[Tensor]) -> Table:
    rows: list[list[str | float]] = []
    for (column, names), table in zip(LEVELS.items(), tables, strict=True):
        near = nearest(table, table, 3, skip_self=True).tolist()
        rows += [
            [column, name, ", ".join(names[at] for at in result)] for name, result in zip(names, near, strict=True)
        ]
    return Table(
        "Neighbours",
        "The three nearest of every category, nearest first.",
        ["column", "category", "nearest"],
        rows,
    )


def predict(model: Model, files: Sequence[Path]) -> list[dict[str, Any]]:
    """Demand for the rows of CSV files with the columns month, weekday, city (by name) and price.

    Raises ProfundoError for a file that does not read, lacks a column, or names an unknown category.
    """
    net, known = model.networks["net"], model.known
    return [
        {"input": f"{file}, row {number}", "prediction": value}
        for file in files
        for number, value in enumerate(log_demand(net, read_rows(file, known["levels"]), known)[:, 0].exp().tolist(), 1)
    ]


def read_rows(file: Path, levels: Mapping[str, Sequence[str]]) -> Tensor:
    """float32 (rows, columns): indices of the categories, then log price."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            table = list(csv.DictReader(lines))
    except (OSError, ValueError, csv.Error) as reason:
        raise ProfundoError(f"{file}: expected a CSV with a header and rows: {reason}") from None
    if not table or not {*levels, "price"} <= set(table[0]):
        raise ProfundoError(f"{file}: expected rows with the columns {', '.join(levels)}, price")
    rows = []
    for number, row in enumerate(table, 1):
        for column, names in levels.items():
            if row[column] not in names:
                raise ProfundoError(
                    f"{file}, row {number}: {column} {row[column]!r} is unknown; it is one of {', '.join(names)}"
                )
        try:
            price = float(row["price"])
            if not (math.isfinite(price) and price > 0):
                raise ValueError
        except (TypeError, ValueError):
            raise ProfundoError(f"{file}, row {number}: expected a price above 0, got {row['price']!r}") from None
        rows.append([*(float(names.index(row[column])) for column, names in levels.items()), math.log(price)])
    return torch.tensor(rows)


def subject(model: Model, context: Context) -> Subject:
    return Subject(model.networks["net"], demand(model.asked.rows, seed=context.seed))


RECIPE = Recipe(Settings, Settings(rows=600, epochs=30), run, networks=networks, predict=predict, subject=subject)
