"""A finished run's network tried on an input of one's own: what it takes, as a form, and what it answers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from profundo.data.images.pixels import work_of
from profundo.data.tables.new_rows import columns_of
from profundo.evaluate.conformal import LEVEL
from profundo.lab.limits import Limits
from profundo.lab.page import MOST_FIELDS
from profundo.lab.page import field as field_of
from profundo.lab.trainings.starting import state_of
from profundo.languages import Said
from profundo.records import ProfundoError
from profundo.runs.live.live_reading import run_row, run_traces
from profundo.use.predicting import Predictor, is_like_training, predictor

__all__ = ["Tried", "takes"]

KEPT = 4  # networks in memory
MOST_CLASSES = 10  # whose probabilities are told, the likeliest


@dataclass
class Tried:
    """Of one lab: the networks that were asked last. A run that changed is opened anew."""

    ready: OrderedDict[str, tuple[Any, Predictor]] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def predictor(self, runs: Path, name: str) -> Predictor:
        """Raises ProfundoError for a run that is none, not finished, or of a recipe."""
        row = run_row(runs, name)
        if row.state != "finished":
            raise ProfundoError(Said("refusals.unfinished", name=name, state=state_of(row)))
        with self.lock:
            traces = run_traces(runs, name)
            known = self.ready.pop(name, None)
            if known is None or known[0] != traces:
                known = traces, predictor(runs / name)
            self.ready[name] = known
            while len(self.ready) > KEPT:
                self.ready.popitem(last=False)
            return known[1]

    def close(self) -> None:
        self.ready.clear()


def takes(ready: Predictor) -> dict[str, Any]:
    """What the network takes: a kind, and of rows the fields of a form with usual values."""
    inputs = ready.spec.inputs
    columns = columns_of(inputs) if inputs.kind == "features" and inputs.forecast is None else ()
    fields = [field_of(column) for column in columns] if len(columns) <= MOST_FIELDS else []
    return {
        "kind": inputs.kind if inputs.forecast is None else "forecast",
        "shape": list(inputs.shape),
        "fields": [asdict(one) | {"levels": one.levels[:1000]} for one in fields],
        "classes": ready.spec.targets.classes[:1000],
        "targets": ready.spec.targets.names[:100],
    }


def tried_files(ready: Predictor, content: bytes) -> dict[str, Any]:
    """Of an image or a sound. Raises ProfundoError for one that would take too long to decode, or does not read."""
    if ready.spec.inputs.kind == "image":
        pixels, most = work_of(content), Limits().pixels
        if pixels > most:
            raise ProfundoError(Said("refusals.too_many_pixels", most=most, pixels=pixels))
        return told(ready, ready.images([content]))
    if ready.spec.inputs.kind != "sound":
        raise ProfundoError(Said("refusals.takes_other", things=Said(f"refusals.of_{ready.spec.inputs.things}")))
    return told(ready, ready.sounds([content]))


def tried_row(ready: Predictor, row: Mapping[str, str]) -> dict[str, Any]:
    """Of a row in words; an empty one is a value that is missing."""
    return told(ready, ready.rows([{name: value if value != "" else None for name, value in row.items()}], typed=True))


def told(ready: Predictor, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer, with the likeliest classes first; of numbers the interval that holds the truth in `level` of such cases;
    promised: unless training had no such row."""
    record = records[0]
    shares = record.get("probabilities")
    ranked = sorted(shares.items(), key=lambda one: -one[1])[:MOST_CLASSES] if isinstance(shares, dict) else []
    notices = list(record.get("notices", ()))
    promise = {"level": LEVEL, "promised": is_like_training(notices)}
    return {
        "prediction": record.get("prediction"),
        "ranked": [{"name": name, "share": share} for name, share in ranked],
        "targets": ready.spec.targets.names[:100],
        "interval": {name: record[name] for name in ("low", "high")} | promise if "low" in record else None,
        "notices": notices,
    }
