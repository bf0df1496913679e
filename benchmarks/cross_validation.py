"""Cross-validated figures of the default nets beside scikit-learn's models, on the same folds of the same data.

Both sides learn from all rows of a fold's training part, standardised by those rows. scikit-learn's nets have one hidden layer
of 100 units (MLPClassifier, MLPRegressor) and its own defaults but for max_iter, so that they converge.

    python -m benchmarks.cross_validation [--folds 5] [--repeats 3] [--only digits,diabetes]
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import PredefinedSplit, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.common import keep
from profundo.data.loading import collect
from profundo.data.splits.folds import folds, labels_of, pooled, seed_of
from profundo.evaluate.spread import spread
from profundo.studies.cross_validation import cross_validate

NETS = {"digits": (None, "mlp"), "breast-cancer": (None,), "diabetes": (None,)}


def theirs(name: str, count: int, repeats: int, seed: int = 0) -> dict[str, list[float]]:
    """By model, the figure of every fold of every repetition."""
    found = pooled(collect(name))
    rows, targets = found.train.inputs.flatten(1).double().numpy(), found.train.targets.numpy().ravel()  # type: ignore[union-attr]
    real = found.targets.kind == "real"
    linear, net = (Ridge(), MLPRegressor) if real else (LogisticRegression(max_iter=2000), MLPClassifier)
    figures: dict[str, list[float]] = {}
    for repeat in range(repeats):
        of = np.empty(len(rows), dtype=int)
        labels = labels_of(found, found.train.targets)
        for number, held in enumerate(folds(labels, count, seed_of(seed, repeat))):
            of[held.numpy()] = number
        models = {type(linear).__name__: linear, net.__name__: net(max_iter=1000, random_state=repeat)}
        for model_name, model in models.items():
            scoring = "neg_root_mean_squared_error" if real else "accuracy"
            started = time.perf_counter()
            scores = cross_val_score(
                make_pipeline(StandardScaler(), model), rows, targets, cv=PredefinedSplit(of), scoring=scoring
            )
            figures.setdefault(model_name, []).extend(np.abs(scores).tolist())
            figures.setdefault(f"{model_name}, training seconds a fold", []).append(
                (time.perf_counter() - started) / count
            )
    return figures


def told(values: list[float], count: int) -> dict[str, Any]:
    found = spread(values, held=1 / (count - 1))
    return {
        "mean": found.mean,
        "standard deviation": found.deviation,
        "corrected standard error": found.corrected_error,
        "all": values,
    }


def compared(name: str, count: int, repeats: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for net in NETS.get(name, (None,)):
        ours = cross_validate(name, folds=count, repeats=repeats, net=net, seed=0)
        metric = ours.metrics[0]
        result[f"profundo {ours.net}"] = told([fold.values[metric] for fold in ours.results], count)
        result[f"profundo {ours.net}, training seconds a fold"] = float(
            np.mean([fold.seconds for fold in ours.results])
        )
        result[f"profundo's {ours.linear_name}"] = told([fold.linear[metric] for fold in ours.results], count)
        result["figure"] = metric
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for model, values in theirs(name, count, repeats).items():
            label = f"scikit-learn {model}"
            result[label] = float(np.mean(values)) if "seconds" in model else told(values, count)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default=",".join(NETS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for name in asked.only.split(","):
        found[name] = compared(name, asked.folds, asked.repeats)
        for model, row in found[name].items():
            if isinstance(row, dict):
                print(
                    f"{name:14} {model:40} {found[name]['figure']} {row['mean']:.4f} ± {row['standard deviation']:.4f}"
                )
            elif isinstance(row, float):
                print(f"{name:14} {model:40} {row:.3f}")
    keep("cross_validation", {"folds": asked.folds, "repeats": asked.repeats, **found})


if __name__ == "__main__":
    main()
