"""How often the doctor is right: each program of doctor_programs/ examined once.

    python -m benchmarks.doctor --half calibration        # thresholds were chosen on these
    python -m benchmarks.doctor --half published          # and the figures that are published come from these
    python -m benchmarks.doctor --half unseen             # written by someone who had not seen the doctor
    python -m benchmarks.doctor --half later              # written likewise, after the doctor had been mended on those
    python -m benchmarks.doctor --half fresh              # and these after it had been mended on all of them
    python -m benchmarks.doctor --half last               # and once more
    python -m benchmarks.doctor --half newest             # and again, after reports, by somebody who had read nothing of it

right first: the first finding has the program's cause, or one that is as right. false alarm: a finding on a healthy program.
right location: its place holds one of the words by which a person would name it; of those with the right cause first.
Intervals of 95 % by Wilson 1927. Beside them what plain rules would say: every suspicion believed without an experiment.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import torch

from benchmarks.common import keep
from benchmarks.doctor_programs.registry import Entry, programs
from profundo.doctor import Program, Report, examine

PLACELESS = {"underfit", "overfit", "undertrained"}


def wilson(right: int, of: int) -> tuple[float, float]:
    """The interval of 95 % of a share."""
    if not of:
        return 0.0, 1.0
    z, share = 1.96, right / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return middle - half, middle + half


def examined(name: str, budget: float) -> dict[str, Any]:
    entry = next(one for one in programs() if one.name == name)
    report = examine(Program(**entry.arguments()), budget=budget)
    causes = [finding.cause for finding in report.findings]
    right = {entry.cause, *entry.also}
    rules = by_rules(report)
    where = report.findings[0].where if report.findings else None
    return {
        "name": entry.name,
        "cause": entry.cause,
        "data": entry.data,
        "source": entry.source,
        "said": causes,
        "where": where,
        "location": located(entry, causes[0], where) if where else None,
        "follows": [list(finding.consequences) for finding in report.findings],
        "first": bool(causes) and causes[0] in right,
        "among": any(cause in right for cause in causes),
        "rules": rules,
        "rules first": rules in right,
        "notes": list(report.notes),
        "seconds": round(report.seconds, 1),
    }


def located(entry: Entry, cause: str, where: str) -> bool | None:
    """Whether one of the entry's words stands in the place as a whole word or module path, "0" in "0.weight" and not in "10".

    None: not judged, as of a cause that is of the training as a whole.
    """
    if not entry.where or (cause in PLACELESS and cause != entry.cause):
        return None
    return any(re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", where) for word in entry.where)


def by_rules(report: Report) -> str | None:
    """What one would say without an experiment: the gravest fact, else the suspicion that weighs most."""
    raised = [one for one in report.quantities["suspected"] if one["severity"] != "mild"]
    most = max(raised, key=lambda one: (one["weight"], one["severity"] == "fatal"), default=None)
    return most["cause"] if most else None


def share(rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    right = sum(bool(row[key]) for row in rows)
    low, high = wilson(right, len(rows))
    return {
        "right": right,
        "of": len(rows),
        "share": round(right / max(1, len(rows)), 3),
        "interval": [round(low, 3), round(high, 3)],
    }


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    faulty, healthy = [row for row in rows if row["cause"]], [row for row in rows if not row["cause"]]
    placed = [row for row in faulty if row["first"] and row["location"] is not None]
    confusion = Counter((row["cause"], (row["said"] or ["nothing"])[0]) for row in faulty if not row["first"])
    seconds = sorted(row["seconds"] for row in rows)
    return {
        "detected": share(faulty, "said"),
        "right cause first": share(faulty, "first"),
        "right cause among the findings": share(faulty, "among"),
        "right location, of those with the right cause first": share(placed, "location"),
        "false alarms": share(healthy, "said"),
        "false alarms by cause": dict(Counter(row["said"][0] for row in healthy if row["said"])),
        "confusion": {f"{cause} → {said}": count for (cause, said), count in confusion.most_common()},
        "by rules without experiments": {
            "right cause first": share(faulty, "rules first"),
            "false alarms": share(healthy, "rules"),
        },
        "seconds, median and longest": [seconds[len(seconds) // 2], seconds[-1]] if seconds else [],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--half",
        choices=("calibration", "published", "unseen", "later", "fresh", "last", "newest", "all"),
        default="published",
    )
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--only", default="", help="programs whose name holds this")
    parser.add_argument(
        "--processes", type=int, default=1, help="no more than there are idle cores: a budget is seconds"
    )
    asked = parser.parse_args()
    which = [one.name for one in programs() if asked.half in (one.half, "all") and asked.only in one.name]
    rows = []
    with ProcessPoolExecutor(asked.processes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for row in pool.map(partial(examined, budget=asked.budget), which):
            rows.append(row)
            mark = "·" if (row["first"] if row["cause"] else not row["said"]) else "✗"
            print(
                f"{mark} {row['name']}: {row['cause']} → {', '.join(row['said']) or 'nothing'} ({row['seconds']} s)"
                + (f" where: {row['where']}" if row["location"] is False else ""),
                flush=True,
            )
    result = figures(rows)
    print(json.dumps(result, indent=1, ensure_ascii=False))
    if not asked.only:
        keep(f"doctor-{asked.half}", {"figures": result, "programs": rows})


if __name__ == "__main__":
    main()
