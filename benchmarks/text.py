"""Texts: the default net and tf-idf with logistic regression, on short messages and on sentences of film reviews.

    python -m benchmarks.text [--seeds 0 1 2 3 4] [--nets text_mean text_cnn text_gru text_transformer minilm]

Needs text-classes/ in PROFUNDO_DATA (SMS Spam Collection, Almeida & Gómez Hidalgo 2011; sentence polarity, Pang & Lee 2005). Splits
are made as `profundo train` makes them, 70 : 10 : 20, with copies of a text on one side. On the messages, of which 13 % are spam,
both the net and the linear model weigh the classes alike where the name says "balanced", and with "threshold" both
answer spam from the probability with which balanced accuracy is largest on the validation split. Settings were chosen by validation,
whose figure is kept beside that of the test.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from profundo.data import standardize
from profundo.evaluate.thresholds import choose_threshold
from profundo.runs.baselines.text_baseline import C, TextLinear
from profundo.runs.experiment import new_experiment
from profundo.runs.run import Run
from profundo.runs.supervised import load_data
from profundo.studies.study import figures_on, trained

__all__ = ["main", "measured"]

RESULTS = Path(__file__).parent / "results" / "text.json"
SETS = {
    "sms-spam, balanced": ("sms-spam.csv", "kind", {"class_weights": "balanced"}),
    "sms-spam, balanced threshold": (
        "sms-spam.csv",
        "kind",
        {"class_weights": "balanced", "threshold": "balanced"},
    ),
    "movie-sentences": ("movie-sentences.csv", "opinion", {}),
}


def measured(data: Path, target: str, net: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Balanced accuracy of one training on validation and test, and of the linear model on the test."""
    begun = {"pretrained": net} if net == "minilm" else {"net": net}
    experiment = new_experiment(data=str(data), target=target, seed=seed, **begun, **settings)
    begin = time.process_time()
    run = trained(experiment, load_data(experiment))
    seconds = time.process_time() - begin
    assert run.scores is not None
    name = "balanced accuracy" if "balanced accuracy" in run.scores.values else "accuracy"
    linear = run.scores.linear[name] if "class_weights" not in settings else balanced_linear(run)
    return {
        "validation": figures_on(run, run.data.validation)[name],
        "test": run.scores.values[name],
        "linear": linear,
        "epochs": len(run.history),
        "CPU seconds of training": round(seconds, 1),
    }


def balanced_linear(run: Run) -> float:
    """Balanced accuracy on the test of the linear model with classes that weigh alike, and the run's rule for the threshold."""
    model, data, rule = TextLinear(run.data.spec), run.data, run.experiment.threshold
    splits = (data.train, data.validation, data.test)
    train, validation, test = (standardize(split.inputs, data.spec.inputs) for split in splits)
    fitted = LogisticRegression(C=C, max_iter=1000, class_weight="balanced")
    fitted.fit(model.features(train, learn=True), data.train.targets.numpy())
    held, last = (torch.from_numpy(fitted.predict_proba(model.features(rows))[:, 1]) for rows in (validation, test))
    threshold = choose_threshold(rule, held, data.validation.targets, data.spec.targets) if rule else 0.5
    return float(balanced_accuracy_score(data.test.targets.numpy(), (last >= threshold).numpy()))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--nets", nargs="+", default=["text_mean"])
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    options = parser.parse_args()
    folder = Path(os.environ["PROFUNDO_DATA"]) / "text-classes"
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in options.sets:
        file, target, settings = SETS[name]
        for net in options.nets:
            for seed in options.seeds:
                key = f"{name}, {net}, seed {seed}"
                if key not in results:
                    results[key] = measured(folder / file, target, net, seed, settings)
                    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
                one = results[key]
                print(
                    key, *(f"{part} {100 * one[part]:.2f} %" for part in ("validation", "test", "linear")), flush=True
                )


if __name__ == "__main__":
    main()
