"""What a split by chance hides: traffic signs, of which some 30 photographs each show one and the same sign (a track).

    python -m benchmarks.splits_by_track [--seeds 0 1 2] [--epochs 3]

Needs traffic-signs/gtsrb-jpg.zip in PROFUNDO_DATA (Stallkamp et al. 2012). The set's own test split has tracks of its own. The
same net is trained twice: validated on photographs drawn by chance, and on whole tracks. Printed for each: the validation
and the test accuracy; the nearer they are, the better did validation tell what to expect.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import load_data
from profundo.studies.study import figures_on, trained

__all__ = ["main", "measured"]

RESULTS = Path(__file__).parent / "results" / "splits_by_track.json"
SPLITS = {"by chance": None, "by track": "group:.*_"}


def measured(data: Path, split_by: str | None, seed: int, epochs: int) -> dict[str, float]:
    """Validation and test accuracy of one training."""
    experiment = new_experiment(data=str(data), split_by=split_by, seed=seed, epochs=epochs, net="fast_cnn")
    run = trained(experiment, load_data(experiment))
    return {split: figures_on(run, getattr(run.data, split))["accuracy"] for split in ("validation", "test")}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    data = Path(os.environ["PROFUNDO_DATA"]) / "traffic-signs" / "gtsrb-jpg.zip"
    results: dict[str, dict[str, float]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for seed in options.seeds:
        for name, split_by in SPLITS.items():
            key = f"{name}, seed {seed}, {options.epochs} epochs"
            if key not in results:
                results[key] = measured(data, split_by, seed, options.epochs)
                RESULTS.write_text(json.dumps(results, indent=2) + "\n")
            one = results[key]
            print(f"{key}: validation {100 * one['validation']:.2f} %, test {100 * one['test']:.2f} %", flush=True)


if __name__ == "__main__":
    main()
