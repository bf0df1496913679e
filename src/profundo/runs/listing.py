"""The runs of a folder as rows of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from profundo.records import ProfundoError
from profundo.runs.folder import find_runs, read_scores
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.runs.voice import figure

__all__ = ["list_runs"]


def list_runs(parent: Path) -> list[dict[str, Any]]:
    """One row a run: what was trained on what, its state and first test score. A run that does not read says so."""
    rows = []
    for folder in find_runs(parent):
        try:
            asked, scores = read_experiment(folder.experiment), read_scores(folder)
        except ProfundoError as error:
            asked, scores = {}, {}
            state = f"damaged: {error}"
        else:
            state = folder.state
        settings = asked.get("settings")  # of a recipe
        nested: dict[str, Any] = settings if isinstance(settings, dict) else {}
        name, value = next(iter(scores.items()), (None, 0.0))
        rows.append(
            {
                "run": str(folder.path),
                "data": asked.get("data", nested.get("data")),
                "net": asked.get("net", asked.get("recipe")),
                "epochs": asked.get("epochs", nested.get("epochs")),
                "seed": asked.get("seed"),
                "state": state,
                "score": f"{name} {figure(name, value)}" if name else None,
            }
        )
    return rows
