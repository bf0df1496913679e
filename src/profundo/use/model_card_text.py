"""A model card in Markdown, under the headings of Mitchell et al. 2019, of the plain data that model_card.py gathers.

Names of classes, columns and files may hold anything; in the card they stay text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from profundo.runs.voice import figure
from profundo.use.model_card import some_of

__all__ = ["TEXT", "card_text"]

TEXT = "MODEL_CARD.md"
TO_FILL = "*to be filled in by who publishes it*"
NO_MATTER = (
    "data",
    "data_dir",
    "workers",
    "checkpoint_seconds",
    "lang",
    "keep_epochs",
    "capture",
    "stream",
    "log",
    "doctor",
    "heal",
)  # to what was learned


def card_text(made: Mapping[str, Any]) -> str:
    """The card in Markdown."""
    data, scores = made["data"], made["scores"]
    parts = [
        f"# Model card: {plain(made['name'])}",
        "Headings after Mitchell et al. 2019, *Model Cards for Model Reporting*.",
        "## Model details",
        bullets(
            {
                "Task": plain(made["task"]),
                "Answer": plain(made["answer"]),
                "Net": plain(made["net"])
                + "".join(f", {plain(name)} {plain(value)}" for name, value in made["net_options"].items()),
                "Parameters": f"{made['parameters']:,}",
                "Classes": some_of([plain(name) for name in made["classes"]], 100),
                "Date": made["date"],
                "Version": f"weights with SHA-256 {plain(made['weights_sha256'])}",
                "Files": ", ".join(plain(name) for name in made.get("files", {})),
                "Licence": plain(made["license"]) if made["license"] else TO_FILL,
                "Authors and contact": TO_FILL,
            }
        ),
        "## Intended use",
        f"The {plain(made['task'])}, for inputs like those of the data below. Intended users, and uses it is not meant for: "
        f"{TO_FILL}.",
        "## Factors",
        f"Groups, instruments and surroundings on which its quality may depend: {TO_FILL}. None was examined apart from the "
        "classes below.",
        "## Metrics",
        metrics(scores, made["linear_name"]),
        "## Evaluation data",
        f"The test split, {made['test_samples']:,} samples, looked at once, after training.",
        "## Training data",
        bullets(
            {
                "Data": plain(data["name"]),
                "Samples": ", ".join(f"{name} {count:,}" for name, count in data["samples"].items()),
                "SHA-256 of the splits": plain(data["sha256"] or ""),
                "Preprocessing": plain(made["preprocessing"]),
                **{f"Note {number}": plain(note) for number, note in enumerate(data["notes"], 1)},
                "Source, consent and licence of the data": TO_FILL,
            }
        ),
        columns_table(made["inputs"]["columns"]),
        "### Training",
        f"{made['epochs']} epochs"
        + (f" in {made['seconds']:.1f} s" if made["seconds"] else "")
        + ", with these settings:",
        bullets({plain(name): plain(value) for name, value in made["training"].items() if name not in NO_MATTER}),
        "### Environment",
        bullets({plain(name): plain(value) for name, value in made["environment"].items()}),
        "## Quantitative analyses",
        per_class_table(made["per_class"]),
        calibration_table(
            made["calibration"], "labels given so were there" if made["kind"] == "labels" else "such answers were right"
        ),
        "## Ethical considerations",
        f"{TO_FILL}: whose data these are, whom a wrong answer harms, and what is done about it.",
        "## Caveats and recommendations",
        "\n".join(f"- {plain(sentence)}" for sentence in made["limits"]),
        "## How to use it",
        use_text(made),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def metrics(scores: Mapping[str, Mapping[str, float]], linear_name: str) -> str:
    """The test figures beside those of simpler predictors."""
    others = [("a constant", scores["baseline"]), (plain(linear_name), scores["linear"])]
    others = [(name, values) for name, values in others if values]
    rows = [
        [name, figure(name, value), *(figure(name, values[name]) if name in values else "" for _, values in others)]
        for name, value in scores["test"].items()
    ]
    return table(["test figure", "this net", *(name for name, _ in others)], rows)


def per_class_table(per_class: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            plain(one["name"]),
            f"{one['samples']:,}",
            *(f"{one[name]:.3f}" if one["samples"] else "–" for name in ("precision", "recall", "f1")),
            "" if one.get("auc") is None else f"{one['auc']:.4f}",
        ]
        for one in per_class
    ]
    return table(["class", "test samples", "precision", "recall", "F1", "ROC-AUC"], rows)


def calibration_table(bins: Sequence[Mapping[str, Any]], what: str) -> str:
    rows = [
        [
            f"{100 * one['low']:.0f} % to {100 * one['high']:.0f} %",
            f"{one['samples']:,}",
            f"{100 * one['confidence']:.1f} %",
            f"{100 * one['frequency']:.1f} %",
        ]
        for one in bins
    ]
    shown = table(["probability", "test answers", "mean probability", what], rows)
    return shown and f"Calibration: stated probabilities, and what came true.\n\n{shown}"


def columns_table(results: Sequence[Mapping[str, Any]]) -> str:
    def learned(one: Mapping[str, Any]) -> str:
        if one["kind"] == "category":
            return some_of([plain(level) for level in one["categories"]])
        if one["kind"] == "text":
            words, characters = one["words read"], one["characters read"]
            return f"{one['known words']:,} known words; {words:,} words and {characters:,} characters are read"
        fill = one.get("missing is taken for")
        return "" if fill is None else f"a hole is taken for {fill if isinstance(fill, str) else f'{fill:g}'}"

    return table(["column", "kind", "learned"], [[plain(one["name"]), one["kind"], learned(one)] for one in results])


def use_text(made: Mapping[str, Any]) -> str:
    uses = [one["use"] for one in made.get("files", {}).values() if one["use"]]
    if uses:
        return "\n\n".join(f"```python\n{use.rstrip()}\n```" for use in uses)
    return "`profundo predict` says what it sees in files; `profundo export` writes it for other programs."


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown; empty without rows, and without columns that are empty."""
    if not rows:
        return ""
    kept = [place for place in range(len(header)) if any(row[place] for row in rows)]
    lines = [[header[place] for place in kept], ["---"] * len(kept), *([row[place] for place in kept] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(facts: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items() if value not in ("", None))


def plain(text: object) -> str:
    """Text that Markdown shows as it is, on one line: names of classes and columns may hold anything."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(str(text).split()))
