"""A net with the data that it was trained on and the inputs that are looked at: of a run, or any module of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from profundo.data.batches import prepared_inputs
from profundo.data.new_inputs import entries
from profundo.inside.observing import device_of, module_at
from profundo.nets.summary import summary
from profundo.objectives import Objective, default
from profundo.records import Dataset, Inputs, LayerRow, ProfundoError, Samples, Spec, Targets
from profundo.runs.folder import Folder
from profundo.runs.given.arriving import check_module, dataset_of
from profundo.runs.opening import open_run
from profundo.runs.preparing import objective_of
from profundo.runs.report_facts import raw_samples
from profundo.runs.run import Run
from profundo.trees import to_device

__all__ = ["Looked", "of_net", "of_run"]

SHOWN = 10  # samples of the test split where no files are given


@dataclass(frozen=True)
class Looked:
    """What a section is made from.

    names, raw, labels: the inputs that are looked at, as they were read, (inputs, *shape); labels: int64 (inputs,) of their
    classes, where those are known. layer, unit: which one is to be shown; None leaves the choice to the section.
    """

    title: str
    net: nn.Module
    data: Dataset
    objective: Objective
    names: Sequence[str]
    raw: Tensor
    labels: Tensor | None = None
    layer: str | None = None
    unit: int | None = None
    folder: Folder | None = None
    seed: int = field(default=0, kw_only=True)

    @property
    def spec(self) -> Spec:
        return self.data.spec

    @property
    def is_image(self) -> bool:
        return self.spec.inputs.kind == "image"

    @cached_property
    def inputs(self) -> Any:
        """As the net takes them."""
        return self.ready(self.raw)

    @cached_property
    def layers(self) -> list[LayerRow]:
        return summary(self.net, self.spec.inputs)

    def ready(self, raw: Any) -> Any:
        """Raw inputs as the net takes them."""
        return to_device(prepared_inputs(raw, self.spec.inputs), device_of(self.net))

    def chosen(self, split: Samples, most: int) -> tuple[Tensor, Tensor]:
        """Raw inputs and targets of at most so many samples of a split, evenly spread over it."""
        places = torch.linspace(0, len(split) - 1, min(most, len(split))).round().long()
        return raw_samples(split, places.tolist()), split.targets[places]


def of_run(
    run: str | Path | Run, files: Sequence[Path] = (), *, layer: str | None = None, unit: int | None = None
) -> Looked:
    """A finished training, from its folder or in hand, and the files, or samples of its test split."""
    run = run if isinstance(run, Run) else open_run(run, evaluate=False)
    objective = objective_of(run.experiment, run.data, run.own)
    title = run.folder.path.name if run.folder else run.data.name
    return _looked(title, run.net, run.data, objective, files, layer, unit, run.folder)


def of_net(
    net: nn.Module, data: Any, files: Sequence[Path] = (), *, layer: str | None = None, unit: int | None = None
) -> Looked:
    """Any module with its data: a Dataset, whose inputs are standardised as in training, or what `fit` takes; tensors (X, y)
    are given to the net as they are."""
    check_module(net)
    data = _as_it_is(*data) if _are_tensors(data) else dataset_of(data, {"seed": 0}, net=net)
    return _looked(type(net).__name__, net, data, default(data.spec.targets), files, layer, unit)


def _are_tensors(data: Any) -> bool:
    return isinstance(data, tuple) and len(data) == 2 and all(isinstance(one, Tensor) for one in data)


def _as_it_is(inputs: Tensor, targets: Tensor) -> Dataset:
    """One set for every purpose."""
    if len(inputs) != len(targets) or not len(inputs):
        raise ProfundoError(f"data: expected as many targets as inputs, got {len(inputs)} and {len(targets)}")
    is_image = inputs.ndim == 4 and inputs.shape[1] in (1, 3, 4)
    kind = Inputs(tuple(inputs.shape[1:]), "image" if is_image else "any")
    if targets.is_floating_point():
        wide = tuple(f"target {at + 1}" for at in range(1 if targets.ndim == 1 else targets.shape[1]))
        about = Targets("real", names=wide, mean=(0.0,) * len(wide), std=(1.0,) * len(wide))
        targets = targets.reshape(len(targets), -1)
    else:
        about = Targets("classes", tuple(map(str, range(int(targets.max()) + 1))))
    return Dataset("data", Spec(kind, about), *(Samples(inputs, targets),) * 3)


def _looked(
    title: str,
    net: nn.Module,
    data: Dataset,
    objective: Objective,
    files: Sequence[Path],
    layer: str | None,
    unit: int | None,
    folder: Folder | None = None,
) -> Looked:
    if layer is not None:
        module_at(net, layer)
    if files:
        names, raw = _read(files, data.spec.inputs)
        return Looked(title, net, data, objective, names, raw, None, layer, unit, folder)
    split = data.test if len(data.test) else data.train
    places = _one_of_each(split, data.spec.targets)
    labels = split.targets[places] if data.spec.targets.traits.one_class else None
    names = [f"test sample {place}" for place in places]
    return Looked(title, net, data, objective, names, raw_samples(split, places), labels, layer, unit, folder)


def _one_of_each(split: Samples, targets: Targets) -> list[int]:
    """The first sample of each class; of other targets the first samples."""
    if not targets.traits.one_class:
        return list(range(min(SHOWN, len(split))))
    first = [(split.targets == label).nonzero()[:1, 0] for label in range(len(targets.classes))]
    return [int(place) for place in torch.cat(first).tolist()][:SHOWN]


def _read(files: Sequence[Path], inputs: Inputs) -> tuple[list[str], Tensor]:
    """Raises ProfundoError for the first that cannot be read."""
    names, values = [], []
    for entry in entries(files, inputs):
        if entry.values is None:
            raise ProfundoError(entry.fault)
        names.append(entry.name)
        values.append(entry.values)
    if not values:
        raise ProfundoError(f"{', '.join(map(str, files))}: expected {inputs.things}, found none in them")
    return names, torch.stack(values)
