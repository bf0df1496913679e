"""All recipes that make digits, before one judge: figures of each seed, and what the whole run cost.

    python -m benchmarks.generators [--only gan dcgan] [--seeds 0 1 2] [--runs FOLDER]

Needs mnist/ in PROFUNDO_DATA. Results of earlier calls stay; a generator and a seed that are there already are not run again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, data_folder, machine
from profundo.pictures.exhibits import Table
from profundo.recipes.recipe_run import run_recipe

__all__ = ["main"]

GENERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "gan": ("gan", {}),
    "dcgan": ("dcgan", {}),
    "wgan-gp": ("wgan-gp", {}),
    "vae": ("vae", {}),
    "vq-vae": ("vq-vae", {}),
    "diffusion": ("diffusion", {}),
    "flow": ("diffusion", {"way": "flow"}),
}
JUDGED = "What the classifier says"


def judged(name: str, seed: int, runs: Path | None) -> dict[str, Any]:
    """The scores, those of real training digits beside them, and processor seconds of the whole run. runs: where it is kept."""
    recipe, settings = GENERATORS[name]
    begun = time.process_time()
    out = runs / f"{name}-{seed}" if runs is not None else False
    run = run_recipe(recipe, settings, seed=seed, out=out, data_dir=str(data_folder()))
    table = next(one for one in run.outcome.exhibits if isinstance(one, Table) and one.title == JUDGED)
    rows = {str(row[0]): dict(zip(table.columns[1:], row[1:], strict=True)) for row in table.rows}
    return {
        "scores": dict(run.outcome.scores),
        "training digits": rows["training digits"],
        "CPU seconds": round(time.process_time() - begun),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", default=list(GENERATORS), choices=list(GENERATORS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, help="a folder in which the runs are kept, to be looked at")
    asked = parser.parse_args()
    path = RESULTS / "generators.json"
    for name in asked.only:
        for seed in asked.seeds:
            results = kept(path)
            if (key := f"{name}, seed {seed}") not in results:
                made = judged(name, seed, asked.runs)
                results = {**kept(path), key: made, "machine": machine()}  # another call may have written meanwhile
                path.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")
            print(key, results[key], flush=True)


def kept(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


if __name__ == "__main__":
    main()
