"""Why a net answers as it does for one input, by one method, with the checks of that method beside it.

asked = asked_of(looked, row, "occlusion")     # the question in the terms of `explain`, whatever an input is
maps = explained(asked)                        # its map, asked.by_label(maps) of words and columns
checked_of(asked, maps)                        # what becomes of it when weights are forgotten, and places taken away
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from profundo.inside.attributions import METHODS, Explanation, explain
from profundo.inside.attributions.proofs import Randomised, RemovalCurves, randomised, removal_curves
from profundo.inspect.opened_net import Looked
from profundo.inspect.run_explanation import Text
from profundo.records import ProfundoError
from profundo.runs.column_effects import named_slices
from profundo.runs.table_values import values_of
from profundo.runs.word_effects import words_at

__all__ = [
    "BACKGROUND", "FEWER", "Asked", "Checked", "asked_of", "checked_of", "column_parts", "explained", "form", "gap_share",
    "methods_for", "of_outputs", "output_name", "unit_for",
]  # fmt: skip

BACKGROUND = 20  # training rows whose values stand for a column that is not known
STAGES = 3  # of forgetting

FEWER: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"most_steps": 200},
    "lime": {"samples": 300},
    "kernel_shap": {"samples": 400},
}


@dataclass(frozen=True, slots=True)
class Checked:
    """A method's maps of the inputs that are looked at, and what became of the tests."""

    maps: Explanation
    forgetting: Randomised
    curves: RemovalCurves

    @property
    def title(self) -> str:
        return METHODS[self.maps.method].title

    @property
    def figures(self) -> dict[str, Any]:
        """For JSON."""
        alike, areas = self.forgetting.alike, self.curves.areas
        result = {f"area, {name.replace('_', ' ')}": value for name, value in areas.items()} | dict(self.maps.figures)
        result |= {"rank correlation, output layer anew": alike[0], "rank correlation, all layers anew": alike[-1]}
        return result | {"passes": self.maps.passes} | ({"gap": gap_share(self.maps)} if self.maps.adds_up else {})


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about one input. inputs, options: as `explain` takes them. of: the output that is asked for, None for the
    largest. labels: of words and columns what each is called; parts: int64 (features,), of which column each feature is."""

    net: nn.Module
    inputs: Tensor
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    of: int | None = None
    labels: tuple[str, ...] = ()
    parts: Tensor | None = None
    classes: bool = True

    def by_label(self, maps: Explanation) -> list[float]:
        """A value for each label: of a column the sum over its features."""
        values = maps.by_place[0].double().cpu()
        if self.parts is not None:
            return torch.zeros(len(self.labels), dtype=torch.float64).index_add_(0, self.parts, values).tolist()
        return values[: len(self.labels)].tolist()


def unit_for(looked: Looked, method: str, maps: Explanation) -> float | None:
    """What a value of one is in the units of the real target that is explained; None for methods whose values are no parts of
    an answer, and where nothing is explained that has such units."""
    is_part = METHODS[method].adds_up or method == "occlusion"
    return looked.unit_of(int(maps.of[0])) if is_part and maps.of is not None else None


def methods_for(looked: Looked) -> list[str]:
    """Those that can be asked of such inputs; whether this very net bears one shows when it is asked."""
    kind = form(looked)
    if looked.spec.targets.kind == "any":  # codes, and no answers that would be due to something
        return []
    if kind in ("images", "sequences"):
        return [name for name in METHODS if name != "shapley"]  # of so many places only Kernel SHAP can be asked
    names = [name for name in METHODS if not name.startswith(("grad_cam", "guided"))] if kind else []
    if kind == "texts" and Text.of(looked.net, looked.spec.inputs).embedding is None:
        return [name for name in names if METHODS[name].one_by_one]
    return names


def asked_of(looked: Looked, row: Tensor, method: str, of: int | None = None) -> Asked:
    """row: one raw input (*shape). Raises ProfundoError for a method that cannot be asked of it."""
    if method not in (known := methods_for(looked)):
        raise ProfundoError(f"method {method!r}: expected one of {', '.join(known) or 'none, for this kind of net'}")
    options = dict(FEWER.get(method, {}))
    of = of_outputs(looked) if of is None else of
    classes = looked.spec.targets.traits.one_class
    if form(looked) == "texts":
        return _of_text(looked, row, method, options, of, classes)
    ready = looked.ready(row[None])
    if form(looked) == "ids":
        labels = tuple(str(one) for one in row.tolist())
        return Asked(looked.net, ready, method, options, of, labels, classes=classes)
    if form(looked) != "columns":
        return Asked(looked.net, ready, method, options, of, classes=classes)
    parts = column_parts(looked)
    if METHODS[method].one_by_one and method != "occlusion":
        options |= {"parts": parts}
    if method in ("kernel_shap", "shapley"):
        options |= {"baseline": looked.ready(looked.samples(looked.data.train, BACKGROUND)[0])}
    labels = tuple(f"{value.name} = {value.text}" for value in values_of(row, looked.spec.inputs))
    return Asked(looked.net, ready, method, options, of, labels, parts, classes)


def _of_text(looked: Looked, row: Tensor, method: str, options: dict[str, Any], of: int | None, classes: bool) -> Asked:
    """Its words: left out, or by their vectors."""
    text = Text.of(looked.net, looked.spec.inputs)
    labels = tuple(words_at(row, text.column, text.at))
    if METHODS[method].one_by_one:
        net, ready, own = text.left_out(row, method)
    else:
        net, ready, own = looked.net, text.ready(row[None]), text.vector_options(row, method) or {}
    return Asked(net, ready, method, {**options, **own}, of, labels, classes=classes)


def column_parts(looked: Looked) -> Tensor:
    """int64 (features,), of each feature the number of its column."""
    slices = named_slices(looked.spec.inputs)
    return torch.cat([torch.full((at.stop - at.start,), place) for place, (_, at) in enumerate(slices)])


def explained(asked: Asked) -> Explanation:
    return explain(asked.net, asked.inputs, asked.method, of=asked.of, **asked.options)


def checked_of(asked: Asked, maps: Explanation, stages: int = STAGES) -> Checked:
    """maps: what `explained` gave."""
    forgetting = randomised(asked.net, asked.inputs, asked.method, of=maps.of, stages=stages, **asked.options)
    where = {name: value for name, value in asked.options.items() if name in ("at", "places")}
    nothing = asked.options.get("baseline", 0.0)
    if isinstance(nothing, Tensor) and nothing.ndim == maps.map.ndim and len(nothing) > 1:  # several: their mean
        nothing = nothing.mean(0)
    places = where.pop("places", maps.places)
    curves = removal_curves(
        asked.net, asked.inputs, maps.by_place, of=maps.of, baseline=nothing, places=places, classes=asked.classes, **where
    )  # fmt: skip
    return Checked(maps, forgetting, curves)


def form(looked: Looked) -> str:
    """What one input is to a reader of the page: images, sequences, columns, ids, or nothing that has sections here."""
    inputs, is_real = looked.spec.inputs, isinstance(looked.inputs, Tensor) and looked.inputs.is_floating_point()
    if looked.is_image or not isinstance(looked.inputs, Tensor):
        return "images" if looked.is_image else ""
    if inputs.kind == "features" or looked.inputs.ndim == 2:
        return "texts" if inputs.texts else "columns" if is_real else "ids"
    return "sequences" if is_real else ""


def of_outputs(looked: Looked) -> int | None:
    """Which output is explained: the largest, of numbers the first."""
    return 0 if looked.spec.targets.traits.numeric else None


def output_name(looked: Looked, index: int) -> str:
    targets = looked.spec.targets
    if targets.kind == "binary":
        return targets.classes[1]
    names = targets.classes or targets.names
    return names[index] if index < len(names) else f"output {index}"


def gap_share(maps: Explanation) -> float:
    """The largest gap, as a share of the change."""
    assert maps.gap is not None
    assert maps.change is not None
    return float((maps.gap.abs() / maps.change.abs().clamp_min(1e-12)).max())
