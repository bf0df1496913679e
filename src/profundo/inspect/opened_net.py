"""A net with the data that it was trained on and the inputs that are looked at: of a run, or any module of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from profundo.data.batches import prepared_inputs
from profundo.data.new_inputs import entries
from profundo.dispatch import Observed
from profundo.inside.features import Selectivity, class_selectivity, map_layers
from profundo.inside.observing import device_of, layer_output, module_at, observed, undisturbed
from profundo.inspect.plain_nets import in_float32, with_statistics
from profundo.languages import Said
from profundo.nets.detectors.image_codes import image_codes
from profundo.nets.fields import Fields
from profundo.nets.summary import summary
from profundo.object_masks import table_of
from profundo.objectives import Objective, default
from profundo.ranks_and_places import evenly
from profundo.records import Dataset, Inputs, LayerRow, ProfundoError, Samples, Spec, Targets
from profundo.runs.checks import output_layer_of
from profundo.runs.given.arriving import check_module, dataset_of
from profundo.runs.opening import open_run, with_samples
from profundo.runs.preparing import objective_of
from profundo.runs.report_facts import raw_samples, shown
from profundo.runs.run import Run
from profundo.trees import called, joined, length, main_output, split_rows, to_device
from profundo.units import in_own_units

__all__ = ["Looked", "of_net", "of_run"]

SHOWN = 10  # samples of the test split where no files are given
SEARCHED = 2000  # training samples on which selectivity is measured
AT_ONCE, VALUES_AT_ONCE = 250, 2**21  # samples that go through the net, and numbers in them, at most
MOST_VALUES = (
    2**25
)  # numbers in all samples that go through the net for a part of a page: of photographs that is a minute
SEVERAL = 3  # samples that a net is tried on; few layers have as many of anything else


@dataclass(frozen=True)
class Looked:
    """What a section is made from.

    objective: what the net's outputs mean. names, raw, labels: the inputs that are looked at, as they were read (inputs, *shape),
    and int64 (inputs,) their classes, where those are known. layer, unit: which is to be shown; None leaves it to the section.
    beside: another net, to compare with; run: where the net is from, if from one. ends_in: the output layer of a net of one's own,
    "softmax", "sigmoid" or ""; None leaves its outputs as they are. remarks: what was done to it to look at it.
    """

    title: str
    net: nn.Module
    data: Dataset
    objective: Objective
    names: Sequence[str]
    raw: Any
    labels: Tensor | None = None
    layer: str | None = None
    unit: int | None = None
    beside: nn.Module | None = None
    run: Run | None = None
    ends_in: str | None = None
    remarks: Sequence[str] = ()

    @property
    def spec(self) -> Spec:
        return self.data.spec

    @property
    def is_image(self) -> bool:
        return self.spec.inputs.kind == "image"

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, where each sample is of one."""
        targets = self.spec.targets
        return targets.classes if targets.traits.one_class else ()

    @property
    def held_out(self) -> Samples:
        """The test split; of data without one the training split."""
        return self.data.test if len(self.data.test) else self.data.train

    @cached_property
    def inputs(self) -> Any:
        """Those that are looked at, as the net takes them."""
        return self.ready(self.raw)

    @cached_property
    def layers(self) -> list[LayerRow]:
        return summary(self.net, self.spec.inputs)

    @cached_property
    def given(self) -> dict[str, Tensor]:
        """What every layer gives for a few samples, of those that give each sample its own."""
        raw = self.samples(self.data.train, SEVERAL)[0]
        with undisturbed(self.net), torch.no_grad():
            given = observed(self.net, self.ready(raw))[1]
        result = {name: one for name, one in given.items() if one.ndim > 1 and len(one) == length(raw)}
        if not result:
            raise ProfundoError(
                f"inside: no module of this {type(self.net).__name__} gives numbers for each sample; look at another net",
                told=Said("refusals.no_codes", net=type(self.net).__name__),
            )
        return result

    @cached_property
    def map_layers(self) -> list[str]:
        return map_layers(self.net, self.given)

    @cached_property
    def answer_layer(self) -> str:
        """The last layer, where it gives what the net answers with; else the net itself, by its class."""
        last = list(self.given)[-1]
        if self.ends_in:
            return type(self.net).__name__
        raw = self.samples(self.data.train, SEVERAL)[0]
        return last if self.given[last].shape == self.outputs(raw).shape else type(self.net).__name__

    @cached_property
    def code_layer(self) -> str:
        """The last layer before the weights that give the answer; the first where there is none before, the last of all where the net
        gives codes and no answers."""
        if self.spec.targets.kind == "any":
            return list(self.given)[-1]
        named, names = dict(self.net.named_modules()), list(self.given)
        modules = [named.get(name.partition("#")[0], self.net) for name in names]
        weighted = [at for at, one in enumerate(modules) if any(True for _ in one.parameters(recurse=False))]
        return names[max(0, (weighted or [len(names) - 1])[-1] - 1)]

    @cached_property
    def unit_layer(self) -> str:
        """The chosen layer; else the last one of maps, else of codes."""
        return self.layer or (self.map_layers or [self.code_layer])[-1]

    @cached_property
    def windows(self) -> Any:
        """Of each layer of maps the pixels that its places see: nets/fields.py."""
        zeros = self.ready(torch.zeros(SEVERAL, *self.spec.inputs.shape, dtype=self.raw.dtype))
        fields = Fields(zeros)
        chosen = [self.unit_layer] if self.unit_layer not in self.given else []
        with undisturbed(self.net), torch.no_grad(), Observed(fields.observe):
            given = observed(self.net, zeros, chosen)[1]
        return {name: fields.windows(maps) for name, maps in given.items() if maps.ndim == 4}

    @cached_property
    def selectivity(self) -> dict[str, Selectivity]:
        """Of every layer, over some training samples."""
        raw, targets = self.samples(self.data.train, SEARCHED)
        return class_selectivity(self.net, self.batches(raw), targets, len(self.classes))

    def ready(self, raw: Any) -> Any:
        """Raw inputs as the net takes them."""
        return to_device(prepared_inputs(raw, self.spec.inputs), device_of(self.net))

    def batches(self, raw: Any) -> Iterator[Any]:
        """The same, a few at a time."""
        size = max(1, min(AT_ONCE, VALUES_AT_ONCE // prod(self.spec.inputs.shape)))
        return (self.ready(part) for part in split_rows(raw, size))

    def affordable(self, most: int, passes: int = 1) -> int:
        """How many of so many samples may go through the net so many times."""
        return max(2, min(most, MOST_VALUES // passes // prod(self.spec.inputs.shape)))

    def samples(self, split: Samples, most: int, passes: int = 1) -> tuple[Any, Any]:
        """Raw inputs and targets of at most so many samples of a split, evenly spread over it; fewer where they are large."""
        many = min(self.affordable(most, passes), len(split))
        places = evenly(len(split), many)
        return raw_samples(split, places), split.targets[places]

    def outputs(self, raw: Any) -> Tensor:
        """What the net gives for raw inputs, on the CPU."""
        with undisturbed(self.net), torch.no_grad():
            return to_device(joined([called(self.net, part) for part in self.batches(raw)]), torch.device("cpu"))  # type: ignore[no-any-return]

    def shares(self, raw: Any) -> Tensor:
        """Of each class its probability, (inputs, classes)."""
        return self.probabilities(self.outputs(raw))

    def shares_of(self, ready: Tensor) -> Tensor:
        """The same of inputs as the net takes them."""
        with undisturbed(self.net), torch.no_grad():
            return self.probabilities(called(self.net, ready.to(device_of(self.net))).cpu())

    def numbers(self, raw: Any) -> Tensor:
        """Of real targets what the net says, in their own units, float64 (inputs, targets)."""
        return in_own_units(self.objective.predict(self.outputs(raw)), self.spec.targets)

    def unit_of(self, target: int) -> float | None:
        """One of the net's output in the units of a real target; None where a transform bends them."""
        targets = self.spec.targets
        if targets.kind != "real" or any(how.kind != "none" for how in targets.transforms[target : target + 1]):
            return None
        return targets.std[target] if targets.std else 1.0

    def probabilities(self, outputs: Tensor) -> Tensor:
        answers = self.objective.predict(outputs)
        return torch.stack((1 - answers, answers), 1) if answers.ndim == 1 else answers

    def pictures(self, raw: Tensor) -> Tensor | None:
        """uint8 images of raw inputs; None where they cannot be looked at."""
        return shown(raw, self.spec.inputs)

    def pictures_of(self, ready: Tensor) -> Tensor:
        """uint8 images of what has the form in which the net takes images."""
        pairs = zip(self.scale, (0.0, 1.0), strict=True)
        mean, std = (torch.tensor(one or (end,)).view(-1, 1, 1) for one, end in pairs)
        raw = ready.cpu() * std + mean
        images = self.pictures(raw.clamp(0, 255).round().byte() if self.raw.dtype == torch.uint8 else raw)
        assert images is not None
        return images

    @property
    def scale(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return self.spec.inputs.mean, self.spec.inputs.std

    @cached_property
    def ends(self) -> tuple[Tensor, Tensor]:
        """Black and white as the net takes them, (channels, 1, 1)."""
        some = self.samples(self.data.train, AT_ONCE)[0]
        low, high = (0, 255) if some.dtype == torch.uint8 else (some.min().item(), some.max().item())
        both = torch.stack([torch.full_like(some[0], low), torch.full_like(some[0], high)])
        black, white = self.ready(both)[:, :, :1, :1].cpu()
        return black, white

    @cached_property
    def colours(self) -> Tensor:
        """A root of the correlations between the channels of the data, (channels, channels)."""
        channels = self.ready(self.samples(self.data.train, AT_ONCE)[0]).cpu().transpose(0, 1).flatten(1).double()
        together = torch.corrcoef(channels).view(len(channels), -1).nan_to_num(0).fill_diagonal_(1)
        root: Tensor = torch.linalg.cholesky(together + 1e-3 * torch.eye(len(channels)))
        return root.float()


def of_run(run: str | Path | Run, files: Sequence[Path] = (), **choice: Any) -> Looked:
    """A finished training, from its folder or in hand, and the files, or samples of its test split. choice: layer, unit, beside."""
    run = with_samples(run if isinstance(run, Run) else open_run(run, evaluate=False))
    if run.data.spec.targets.traits.per == "object":
        title = run.folder.path.resolve().name if run.folder else run.data.name
        return of_detector(title, run.net, run.data, files, **choice)
    objective = objective_of(run.experiment, run.data, run.own).likelihood
    title = run.folder.path.resolve().name if run.folder else run.data.name
    net, lacking = _with_statistics(run.net, run.data)
    return _looked(title, net, run.data, objective, files, run=run, remarks=lacking, **choice)


def of_net(net: nn.Module, data: Any, files: Sequence[Path] = (), **choice: Any) -> Looked:
    """Any module with its data: a Dataset, whose inputs are standardised as in training, or what `fit` takes; tensors (X, y)
    are given to the net as they are."""
    check_module(net)
    name, remarks = type(net).__name__, []
    if (plain := in_float32(net)) is not net and not _same_doubles(net, data):
        net = plain
        if _are_tensors(data):
            data = tuple(one.float() if one.is_floating_point() else one for one in data)
        remarks.append(f"{name} is looked at in float32; its own weights have other digits.")
    data = _as_it_is(net, *data) if _are_tensors(data) else dataset_of(data, {"seed": 0}, net=net)
    if data.spec.targets.traits.per == "object":
        return of_detector(name, net, data, files, **choice)
    net, lacking = _with_statistics(net, data)
    remarks += lacking
    ends = output_layer_of(net, data)
    kinds = {"softmax": ("classes",), "sigmoid": ("binary", "labels")}
    ends_in = ends if data.spec.targets.kind in kinds.get(ends, ()) else ""
    if ends_in:
        remarks.append(
            f"{name} ends in a {ends_in}: its answers are its probabilities, and logits are their logarithms."
        )
    objective = default(data.spec.targets).likelihood
    return _looked(name, net, data, objective, files, ends_in=ends_in, remarks=remarks, **choice)


def of_detector(title: str, net: nn.Module, data: Dataset, files: Sequence[Path], **choice: Any) -> Looked:
    """What a detector sees of whole images: its backbone, which gives codes and no answers, on images brought to one size. Raises
    ProfundoError for one without."""
    codes = image_codes(net)
    spec = Spec(replace(data.spec.inputs, longest=None), Targets("any"))
    parts = {name: getattr(data, name) for name in ("train", "validation", "test")}
    plain = {name: replace(split, targets=table_of(split.targets)) for name, split in parts.items()}
    remark = (
        f"A {type(net).__name__} has as many answers as it finds: here is what it sees before, by its backbone, whose last maps, "
        "averaged over their places, are the code of an image. `profundo report` shows what it found and missed."
    )
    seen = replace(data, spec=spec, **plain)
    return _looked(title, codes, seen, default(data.spec.targets), files, remarks=[remark], **choice)


def _same_doubles(net: nn.Module, data: Any) -> bool:
    """Whether net and tensors are both of float64, and so may stay."""
    return _are_tensors(data) and {data[0].dtype, *(one.dtype for one in net.parameters())} == {torch.float64}


def _with_statistics(net: nn.Module, data: Dataset) -> tuple[nn.Module, Sequence[str]]:
    def samples(copy: nn.Module) -> None:
        few = Looked("", copy, data, default(data.spec.targets), (), None)
        for batch in few.batches(few.samples(data.train, SEARCHED)[0]):
            called(copy, batch)

    net, lacking = with_statistics(net, samples)
    remark = (
        f"{', '.join(lacking)}: normalised by each batch. Here by the statistics of training samples, so that an answer is one of "
        "its sample alone."
    )
    return net, [remark] if lacking else []


def _are_tensors(data: Any) -> bool:
    return isinstance(data, tuple) and len(data) == 2 and all(isinstance(one, Tensor) for one in data)


def _as_it_is(net: nn.Module, inputs: Tensor, targets: Tensor) -> Dataset:
    """Three fifths to train probes and to look for similar samples in, a fifth to validate, a fifth to test, at random. Whole numbers
    are classes, of which the net has as many as outputs, or two for one output."""
    if len(inputs) != len(targets) or not len(inputs):
        raise ProfundoError(f"data: expected as many targets as inputs, got {len(targets)} and {len(inputs)}")
    is_image = inputs.ndim == 4 and inputs.shape[1] in (1, 3, 4) and inputs.is_floating_point()
    if not targets.is_floating_point():
        with undisturbed(net), torch.no_grad():
            outputs = main_output(observed(net, to_device(inputs[:SEVERAL], device_of(net)))[0])
        wide = outputs.shape[1]
        if targets.ndim > 1:
            return _of_places(inputs, targets, outputs, is_image)
        if not 0 <= int(targets.min()) <= int(targets.max()) < max(2, wide):
            raise ProfundoError(
                f"targets: expected classes from 0 to {max(2, wide) - 1}, for the net has {wide} outputs, got "
                f"{int(targets.min())} to {int(targets.max())}; give real targets as floats"
            )
        about = Targets("binary" if wide == 1 else "classes", tuple(map(str, range(max(2, wide)))))
    else:
        targets = targets.reshape(len(targets), -1)
        many = targets.shape[1]
        about = Targets("real", (), tuple(f"target {at + 1}" for at in range(many)), (0.0,) * many, (1.0,) * many)
    return _divided(inputs, targets, Spec(Inputs(tuple(inputs.shape[1:]), "image" if is_image else "any"), about))


def _of_places(inputs: Tensor, targets: Tensor, outputs: Tensor, is_image: bool) -> Dataset:
    """Of a net that has an answer for each pixel, (batch, classes, height, width)."""
    places, several = tuple(targets.shape[1:]), max(2, outputs.shape[1])
    apart = outputs.ndim != targets.ndim + 1 or outputs.shape[2:] != places
    if apart or not 0 <= targets.min() <= targets.max() < several:
        raise ProfundoError(
            f"targets: expected a class for each sample, ({len(targets)},), a class below {several} for each place of the outputs "
            f"{tuple(outputs.shape)}, or floats; got {targets.dtype} {tuple(targets.shape)}"
        )
    about = Targets("mask", tuple(map(str, range(several))))
    return _divided(inputs, targets, Spec(Inputs(tuple(inputs.shape[1:]), "image" if is_image else "any"), about))


def _divided(inputs: Tensor, targets: Tensor, spec: Spec) -> Dataset:
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    fifth = max(1, len(inputs) // 5)
    rest, second = order[2 * fifth :], order[fifth : 2 * fifth]
    parts = (rest if len(order) > 2 else order, order[:fifth], second if len(order) > 1 else order)
    train, validation, test = (Samples(inputs[part], targets[part], part) for part in parts)
    return Dataset("its data", spec, train, validation, test)


def _looked(
    title: str, net: nn.Module, data: Dataset, objective: Objective, files: Sequence[Path], **choice: Any
) -> Looked:
    _check_weights(net)
    if choice.get("layer") is not None:
        module_at(net, choice["layer"])
    if files:
        looked = Looked(title, net, data, objective, *_read(files, data.spec.inputs), **choice)
        try:
            looked.outputs(looked.raw[:1])
        except (RuntimeError, ValueError) as error:
            sizes = f"{tuple(looked.raw.shape[1:])}, it learned from {data.spec.inputs.shape}"
            reason = " ".join(str(error).split())
            raise ProfundoError(f"{looked.names[0]}: the net does not take inputs of {sizes}: {reason}") from error
        return _checked(looked)
    split = data.test if len(data.test) else data.train
    places = _one_of_each(split, data.spec.targets)
    labels = split.targets[places] if data.spec.targets.traits.one_class else None
    names = [f"test sample {place}" for place in places]
    return _checked(Looked(title, net, data, objective, names, raw_samples(split, places), labels, **choice))


def _check_weights(net: nn.Module) -> None:
    """Raises ProfundoError for weights with which nothing can be computed here."""
    what = type(net).__name__
    for name, one in net.named_parameters():
        if not is_lazy(one) and not bool(one.isfinite().all()):
            raise ProfundoError(Said("refusals.weights_nan", what=what, name=name))


def _checked(looked: Looked) -> Looked:
    """Raises ProfundoError for a unit that the layer has not, and for a net beside it that does not take these inputs."""
    if looked.unit is not None:
        layer, raw = looked.unit_layer, looked.samples(looked.data.train, SEVERAL)[0]
        with undisturbed(looked.net), torch.no_grad():
            units = layer_output(looked.net, looked.ready(raw), layer).shape[1]
        if type(looked.unit) is not int or not 0 <= looked.unit < units:
            raise ProfundoError(Said("refusals.no_unit", unit=looked.unit, layer=layer, last=units - 1))
    if looked.beside is not None:
        _check_weights(looked.beside)
        looked = replace(looked, beside=_with_statistics(in_float32(looked.beside), looked.data)[0])
        assert looked.beside is not None
        try:
            with undisturbed(looked.beside), torch.no_grad():
                observed(looked.beside, to_device(looked.inputs, device_of(looked.beside)))
        except ProfundoError as error:
            raise ProfundoError(f"beside: expected a net that takes the same inputs; {error}") from error
    return looked


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
    if len({one.shape for one in values}) > 1:
        what = f"{inputs.things} of one size"
        raise ProfundoError(f"{names[0]}: expected {what}, got several; give those of one size together")
    return names, torch.stack(values)
