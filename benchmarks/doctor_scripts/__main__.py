"""How often `profundo doctor script.py` is right on scripts as they are, and what being watched costs them.

    python -m benchmarks.doctor_scripts [--rounds 3] [--only plain_loop]
    python -m benchmarks.doctor_scripts --settled [--rounds 16]   # the long loop alone

A script whose framework is not installed is left out, and named. Overhead: processor seconds of the script's training with
the doctor over those without, in turn, first steps and the copying of batches included; and of a long loop (784-128-10, batches
of 64) once all is settled.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.common import keep

HERE = Path(__file__).parent
FRAMEWORKS = {
    "plain_loop": "torch",
    "with_lightning": "lightning",
    "with_trainer": "transformers",
    "with_keras": "keras",
}
CASES: dict[str, dict[str, tuple[str, ...]]] = {
    "plain_loop": {
        "no_zero_grad": ("missing_zero_grad",),
        "asleep": ("wrong_mode",),
        "softmax": ("double_softmax",),
        "broadcast": ("broadcast_loss",),
        "high_rate": ("learning_rate_too_high",),
        "healthy_accumulation": (),
        "healthy_regression": (),
    },
    "with_lightning": {
        "softmax": ("double_softmax",),
        "no_zero_grad": ("missing_zero_grad",),
        "unscaled": ("unscaled_input",),
        "high_rate": ("learning_rate_too_high",),
        "healthy_plain": (),
        "healthy_schedule": (),
    },
    "with_trainer": {
        "high_rate": ("learning_rate_too_high", "unstable_training"),
        "low_rate": ("learning_rate_too_low",),
        "misaligned": ("inputs_targets_misaligned",),
        "healthy_plain": (),
        "healthy_accumulation": (),
    },
    "with_keras": {
        "logits": ("double_softmax",),
        "single_softmax": ("single_unit_softmax",),
        "high_rate": ("learning_rate_too_high",),
        "healthy_classes": (),
        "healthy_binary": (),
    },
}


def trained(script: str, case: str, *doctor: str) -> tuple[float, str, str]:
    """Processor seconds of the training, what was printed on stdout, and the training's own lines."""
    before = ["-m", "profundo", "doctor", "--json", *doctor] if doctor else []
    done = subprocess.run([sys.executable, *before, str(HERE / f"{script}.py"), case], capture_output=True, text=True)
    spoken = done.stderr if doctor else done.stdout
    seconds = re.search(r"seconds: ([\d.]+)", spoken)
    if seconds is None:
        raise SystemExit(f"{script} {case} did not train: {done.stderr[-2000:]}")
    return float(seconds[1]), done.stdout, spoken


def examined(script: str, case: str, rounds: int, budget: float) -> dict[str, Any]:
    """The report of the last round, and the ratio of the medians."""
    alone, watched, report = [], [], {}
    for _ in range(rounds):
        alone.append(trained(script, case)[0])
        seconds, report, _ = trained(script, case, "--budget", f"{budget}")
        watched.append(seconds)
    told = json.loads(report)  # type: ignore[arg-type]
    causes = [one["cause"] for one in told["findings"]]
    return {
        "script": script, "case": case, "expected": list(CASES[script][case]), "causes": causes, "seen": told["seen"],
        "notes": told.get("notes", []), "seconds alone": alone, "seconds watched": watched,
        "ratio": statistics.median(watched) / statistics.median(alone),
    }  # fmt: skip


def settled(rounds: int = 7, steps: int = 1500) -> dict[str, Any]:
    """A step's seconds after the first 500, with an observer over without, in turn."""
    import torch
    from torch import nn

    from profundo.doctor.scripts.observer import Observer

    def seconds(watched: bool) -> float:
        observer = Observer()
        if watched:
            observer.install()
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        optimizer = torch.optim.SGD(net.parameters(), 0.01)
        rows, labels = torch.randn(50, 64, 784), torch.randint(10, (50, 64))
        for step in range(500 + steps):
            if step == 500:
                begin = time.process_time()
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(rows[step % 50]), labels[step % 50]).backward()
            optimizer.step()
        taken = time.process_time() - begin
        observer.close()
        return taken

    torch.set_num_threads(1)
    seconds(True)
    pairs: list[tuple[float, float]] = []
    for place in range(rounds):
        taken = {watched: seconds(watched) for watched in ((True, False) if place % 2 else (False, True))}
        pairs.append((taken[True], taken[False]))
    ratios = sorted(one / other for one, other in pairs)
    fastest = min(one for one, _ in pairs) / min(other for _, other in pairs)
    return {
        "ratio of medians": statistics.median(one for one, _ in pairs) / statistics.median(other for _, other in pairs),
        "median ratio": statistics.median(ratios),
        "smallest": ratios[0],
        "largest": ratios[-1],
        "ratio of fastest": fastest,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=30)
    parser.add_argument("--only", default="")
    parser.add_argument("--settled", action="store_true", help="the long loop alone, so many rounds")
    given = parser.parse_args()
    if given.settled:
        keep("doctor_scripts-settled", {"rounds": given.rounds, "settled": settled(given.rounds)})
        return
    absent = [script for script, name in FRAMEWORKS.items() if importlib.util.find_spec(name) is None]
    results: list[dict[str, Any]] = []
    after = settled()
    print("settled:", after, flush=True)
    for script, cases in CASES.items():
        for case in cases:
            if script in absent or given.only not in f"{script} {case}":
                continue
            results.append(one := examined(script, case, given.rounds, given.budget))
            print(
                f"{script} {case}: expected {one['expected']}, {one['causes']}, ratio {one['ratio']:.3f} {one['notes']}",
                flush=True,
            )
            about = {"rounds": given.rounds, "budget": given.budget, "left out": absent, "settled": after}
            if not given.only:  # as far as it has come
                keep("doctor_scripts", {**about, **figures(results), "scripts": results})
    print(json.dumps(figures(results), indent=2))


def figures(results: list[dict[str, Any]]) -> dict[str, Any]:
    ill, well = ([one for one in results if bool(one["expected"]) is want] for want in (True, False))
    right = sum(one["causes"][:1] != [] and one["causes"][0] in one["expected"] for one in ill)
    return {
        "right cause first": [right, len(ill)],
        "false alarms": [sum(bool(one["causes"]) for one in well), len(well)],
        "median ratio of seconds": statistics.median(one["ratio"] for one in results),
    }


if __name__ == "__main__":
    main()
