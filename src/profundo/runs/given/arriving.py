"""From what a person gives to `fit` to a training that is ready: net, data, loss, metrics, optimizer and schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from profundo import nets
from profundo.data import load
from profundo.data.dataset_names import Reading
from profundo.data.grids.grid_arrays import as_grids
from profundo.data.object_arrays import Taker
from profundo.data.objects import object_collection
from profundo.data.recognising import is_loader
from profundo.data.splits.splits import divide
from profundo.evaluate import evaluating
from profundo.nets.net_names import DETECTORS, NETS_FOR_PIXELS, OF_OBJECTS
from profundo.objectives import default
from profundo.objectives.own_losses import (
    OF_LABELS,
    PickedOutput,
    loss_name,
)
from profundo.records import Dataset, ProfundoError, Spec, Targets
from profundo.runs.checks import (
    check_cost,
    check_data,
    check_loss,
    check_normalisation,
    check_outputs,
    check_saving,
    note_of_output_layer,
    trained_outputs,
    tried_outputs,
)
from profundo.runs.choices import as_read, check_choices, net_name
from profundo.runs.experiment import belonging_to, new_experiment
from profundo.runs.given.foreign import understood
from profundo.runs.given.own import Own, metrics_of
from profundo.runs.given.ways_to_train import own_of, takes_logits
from profundo.runs.preparing import Prepared, precision_of
from profundo.runs.pretrained import net_of, seen_by
from profundo.runs.saved_model import build_net
from profundo.runs.settings.manners import completed, options_by_size
from profundo.train.hardware import choose_device, normalised
from profundo.train.own_optimizers import own_schedule
from profundo.train.randomness import seeded
from profundo.trees import called, main_output

__all__ = [
    "answered_by",
    "dataset_of",
    "instance_of",
    "made_by",
    "net_and_data",
    "of_loader",
    "prepare_own",
    "with_grids",
    "with_several_outputs",
]

READING = tuple(one.name for one in fields(Reading))
NEAR = 0.25  # of a mean to 0 and a deviation to 1, as of numbers that were standardised before
LENGTHS = ("lengths", "length", "seq_lengths", "seq_len", "x_lengths")  # a second parameter of forward called so


def net_and_data(net: Any, data: Any) -> tuple[Any, Any]:
    """The net first, then the data; of one alone, data: the net is then chosen for them."""
    if isinstance(net, nn.Module):
        check_module(net)
    if data is None:
        if is_net(net) or net is None:
            raise ProfundoError(
                "data: expected data after the net, such as fit(net, (X, y)), fit(net, loader) or fit('mlp', 'iris')"
            )
        return None, net
    return (data, net) if is_net(data) and not is_net(net) else (net, data)


def check_module(net: nn.Module) -> None:
    """Raises ProfundoError for a module that is not one yet."""
    if not hasattr(net, "_parameters"):
        raise ProfundoError(f"net {type(net).__name__}: its __init__ never called super().__init__(); let it begin so")
    if any(parameter.is_meta for parameter in net.parameters()):
        raise ProfundoError(
            f"net {type(net).__name__}: expected parameters with values, got some of the meta device; "
            "net.to_empty(device='cpu') and an initialisation give them values"
        )


def is_net(net: Any) -> bool:
    return isinstance(net, nn.Module) or (isinstance(net, str) and net in nets.NETS)


def prepare_own(
    net: Any,
    data: Any,
    settings: Mapping[str, Any],
    keeps: bool,
    *,
    validation: Any = None,
    test: Any = None,
    loss: Any = None,
    metrics: Any = None,
    optimizer: Any = None,
    schedule: Any = None,
) -> Prepared:
    """The same as `prepare` for a net, data and the like that are there. keeps: whether the run has a folder."""
    settings = understood(settings)
    settings.pop("own", None)  # of an experiment whose settings are given on: here are the things themselves
    device = choose_device(settings.setdefault("device", "auto"))
    if isinstance(net, type) and issubclass(net, nn.Module):
        net = instance_of(net)
    name = data.name if isinstance(data, Dataset) else str(data) if isinstance(data, str | Path) else ""
    knows_spec = isinstance(data, Dataset) or not isinstance(net, nn.Module)
    settings = {**of_loader(data), **settings}
    early = {key: value for key, value in settings.items() if key != "net_options"}
    asked = new_experiment(data=name or "own:data", **early)  # what is wrong is told before the data are read
    if asked.pretrained is not None and isinstance(data, str | Path):
        settings |= {key: value for key, value in asked.reading().items() if key == "image_size"}
    data = seen_by(asked, dataset_of(data, settings, validation, test, net, loss))
    data = data if isinstance(net, nn.Module) else as_grids(data)
    if not knows_spec and (note := note_of_units(type(net).__name__, data.spec)):
        data = with_note(data, note)
    name, settings = again_by(data, settings)
    called_net, net = net_for(net, data, settings)
    check_data(data)
    materialise(net, data)
    data = with_grids(net, data) if loss is None and not metrics else answered_by(net, data)
    own, settings = own_of(net, data, settings, loss, optimizer, schedule)
    of_metrics = metrics_of(metrics, data.spec.targets.kind)
    own = replace(own, metrics=of_metrics)
    given = {**own.given, **({"metrics": ", ".join(of_metrics)} if of_metrics else {})}
    experiment = new_experiment(data=name, net=called_net, own=given, **settings)
    if not len(data.test):
        raise ProfundoError(
            f"{data.name}: the test split is empty; expected samples to judge the net by, that training has not seen: keep some "
            "aside, or give the validation samples for both"
        )
    chosen = completed(experiment, data.spec, len(data.train), called_net, normalised(net), len(data.validation) > 0)
    if callable(schedule):
        own = replace(own, schedule=own_schedule(schedule, chosen.epochs or 1, chosen.learning_rate or 1.0))
    chosen = chosen if name.startswith("own:") else as_read(chosen, data)
    check_choices(chosen, data, own)
    if chosen.log is not None and not keeps:
        raise ProfundoError(f"fit: log={chosen.log!r} writes into the run's folder; leave out one of log and out=False")
    check_outputs(net, data)
    own, data = with_several_outputs(net, data, own)
    check_loss(net, data, own)
    check_normalisation(net, data, chosen)
    check_cost(net, data)
    if takes_logits(own) and (note := note_of_output_layer(net, data)):
        data = with_note(data, note)
    if keeps or chosen.early_stop is not None:  # which keeps the best weights in memory
        check_saving(net)
    return Prepared(chosen, data, net, device, precision_of(chosen, net, data, device), own=own)


def of_loader(data: Any) -> dict[str, Any]:
    """The settings that a DataLoader brings: its batches, and who reads them; a Dataset alone is read by this process."""
    if not is_loader(data):
        return {"workers": 0} if isinstance(data, torch.utils.data.Dataset) else {}
    return {"workers": data.num_workers} | ({"batch_size": data.batch_size} if data.batch_size else {})


def with_note(data: Dataset, note: str) -> Dataset:
    return replace(data, notes=(*data.notes, note))


# ---------------------------------------------------------------------------------------------------------------- data
def dataset_of(
    data: Any, settings: Mapping[str, Any], validation: Any = None, test: Any = None, net: Any = None, loss: Any = None
) -> Dataset:
    """The data as a Dataset. settings: among others, how they are read; net, loss: which are to take them.

    Raises ProfundoError for what is no data, and for a Dataset with what is decided where it is made.
    """
    if isinstance(data, Dataset):
        given = {name: settings.get(name) for name in belonging_to("data")} | {"validation": validation, "test": test}
        for name, value in given.items():
            if value is not None:
                raise ProfundoError(
                    f"fit: {name!r} is decided where data and net are made; give it to load(…) or to the net"
                )
        return data
    reading = {name: settings[name] for name in READING if settings.get(name) is not None}
    asked = new_experiment(data="own:data", seed=settings.get("seed", 0), split_seed=settings.get("split_seed"))
    seed = asked.splitting_seed  # once it can be one
    if isinstance(data, str | Path):
        return load(data, validation=validation, test=test, seed=seed, **reading)
    is_share = isinstance(validation, int | float) and not isinstance(validation, bool)
    share, held = (validation, None) if is_share else (None, validation)
    taker = replace(taker_of(net), labels=loss is not None and loss_name(loss) in OF_LABELS)
    collection = object_collection(data, Reading(**reading), validation=held, test=test, taker=taker)
    return divide(collection, validation=share, seed=seed, stream=False)


def again_by(data: Dataset, settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name by which data are read again, or one of data in memory; and the settings with how they were read and divided."""
    origin, own = dict(data.origin), (f"own:{data.name}", dict(settings))
    if not origin or [len(data.train), len(data.validation), len(data.test)] != data.facts.get("samples"):
        return own  # also of a part of a named set
    seed = origin.pop("seed")
    again = new_experiment(**origin, pretrained=settings.get("pretrained")).reading()
    if again.get("image_size") != origin.get("image_size"):  # a pretrained net would be given others than these
        return own
    name = origin.pop("data")
    return name, {**settings, **origin, "split_seed": None if seed == settings.get("seed", 0) else seed}


def note_of_units(net: str, spec: Spec) -> str:
    """A sentence where a net of one's own learns in other units than those of the data: who calls the net itself must know."""
    parts = spec.inputs.parts or (spec.inputs,)
    if not any(far_from_standard(part.mean, part.std) for part in parts if part.traits.measured):
        return ""
    numbers = "; its outputs are standardised numbers, too" if spec.targets.kind == "real" else ""
    return (
        f"{net} sees inputs standardised by the training samples: run.predict(x) takes them raw, the net itself as "
        f"profundo.data.standardize(x, run.data.spec.inputs) gives them{numbers}"
    )


def far_from_standard(means: Sequence[float], deviations: Sequence[float]) -> bool:
    return any(abs(mean) > NEAR or abs(std - 1) > NEAR for mean, std in zip(means, deviations, strict=True))


def taker_of(net: Any) -> Taker:
    """How many inputs a net of one's own takes, and whether whole numbers as they are."""
    if not isinstance(net, nn.Module):
        return Taker()
    try:
        parameters = list(signature(net.forward).parameters.values())
    except (TypeError, ValueError):
        return Taker()
    places = [one for one in parameters if one.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    needed = [one for one in places if one.default is Parameter.empty]
    lengths = len(places) > 1 and places[1].name in LENGTHS
    return Taker(1 if lengths else len(needed), lambda inputs: outputs_of(net, inputs), lengths)


def outputs_of(net: nn.Module, inputs: Any) -> Any:
    """What the net gives for these inputs as they are; None where it does not take them."""
    try:
        with evaluating(net), seeded(0):
            return called(net, inputs)
    except IndexError:  # ids that a table of embeddings has not: the check of the net says so
        return ()
    except Exception:  # noqa: BLE001 - a program of somebody else
        return None


# ----------------------------------------------------------------------------------------------------------------- net
def instance_of(net: type[nn.Module]) -> nn.Module:
    try:
        return net()
    except Exception as error:  # a program of somebody else
        raise ProfundoError(f"net {net.__name__}: give an instance of it, {net.__name__}(…), for {error}") from error


def net_for(net: Any, data: Dataset, settings: dict[str, Any]) -> tuple[str, nn.Module]:
    """The net and what it is called: by name, own, or made by a function of the Spec."""
    pretrained = settings.get("pretrained") is not None or settings.get("freeze")
    if pretrained and (net is None or isinstance(net, str)):
        asked = new_experiment(**{"data": "own:data", **settings, **({"net": net} if net else {})})
        name = net_name(asked, data)
        settings.pop("net", None)
        return name, net_of(asked, name, data)
    if pretrained:
        raise ProfundoError(
            "pretrained and freeze are of published nets: leave the net out, fit(data, pretrained='resnet18', freeze=True); layers "
            "of a net of your own are frozen by layer.requires_grad_(False)"
        )
    if isinstance(net, nn.Module):
        if "net" in settings or settings.get("net_options"):
            raise ProfundoError(
                "fit: 'net_options' is decided where data and net are made; give it to load(…) or to the net"
            )
        return f"own:{type(net).__name__}", net
    if net is None or isinstance(net, str):
        name = net or settings.pop("net", None) or nets.default(data.spec)
        if data.spec.targets.kind == "any" and name in DETECTORS:
            raise ProfundoError(f"net {name}: expected to be told where objects are in each image{OF_OBJECTS}")
        if data.spec.inputs.parts or data.spec.targets.kind == "any":
            if name in NETS_FOR_PIXELS and isinstance(data.train.targets, Tensor):
                shapes = f"{tuple(data.spec.inputs.shape)} and {tuple(data.train.targets.shape[1:])}"
                raise ProfundoError(
                    f"net {name}: expected images (channels, height, width) and masks (height, width) of one size, got {shapes}; "
                    "images with channels last are given as X.transpose(0, 3, 1, 2)"
                )
            what = "several inputs" if data.spec.inputs.parts else "targets of this shape, or none,"
            raise ProfundoError(f"net {name}: {what} need a net of your own, a torch.nn.Module: fit(net, data)")
        options = settings.get("net_options") or {}
        if not isinstance(options, Mapping):
            raise ProfundoError(f"net_options: expected them by name, such as {{'widths': [64]}}, got {options!r}")
        options = options_by_size(options, data.spec, len(data.train), name)
        return name, build_net(name, data.spec, options, settings.get("seed", 0))
    if callable(net):
        made = made_by(net, data.spec, settings.get("seed", 0))
        return f"own:{getattr(net, '__name__', type(made).__name__)}", made
    raise ProfundoError(
        f"net: expected a torch.nn.Module, a name such as 'mlp', or a function of a Spec, got {type(net).__name__}; the net comes "
        "first: fit(net, data)"
    )


def made_by(builder: Callable[[Spec], Any], spec: Spec, seed: int) -> nn.Module:
    """The net that a function makes of a Spec. Raises ProfundoError where it fails, or makes something else."""
    try:
        with seeded(seed):
            made = builder(spec)
    except ProfundoError:
        raise
    except Exception as error:  # a program of somebody else
        name = getattr(builder, "__name__", type(builder).__name__)
        raise ProfundoError(
            f"net {name}: expected a function of the data's Spec, such as lambda spec: Net(spec.outputs), or the net itself; it "
            f"failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        ) from error
    if not isinstance(made, nn.Module):
        raise ProfundoError(
            f"net: expected a function that makes a torch.nn.Module of a Spec, it made {type(made).__name__}"
        )
    return made


def materialise(net: nn.Module, data: Dataset) -> None:
    """Let lazy layers see the shape of their inputs, before anything asks for their weights."""
    if any(map(is_lazy, net.parameters())):
        tried_outputs(net, data)


def answered_by(net: nn.Module, data: Dataset) -> Dataset:
    """The data as the width of the net's output layer takes them: two classes by two outputs, classes without samples."""
    targets = data.spec.targets
    if not targets.traits.one_class:
        return data
    width = main_output(tried_outputs(net, data)).shape[-1]
    if targets.kind == "binary" and width == 2:
        return with_targets(data, replace(targets, kind="classes"))
    numbered = all(one.isdigit() and int(one) < width for one in targets.classes)
    if numbered and width > len(targets.classes) and len(targets.classes) * 2 >= width:
        numbers = torch.tensor([int(one) for one in targets.classes])
        shares = [0.0] * width
        for number, share in zip(numbers.tolist(), targets.shares, strict=False):
            shares[number] = share
        wider = Targets("classes", tuple(map(str, range(width))), shares=tuple(shares))
        note = f"the net has {width} outputs: classes without samples are among the classes"
        return with_note(with_targets(data, wider, numbers), note)
    return data


def with_grids(net: nn.Module, data: Dataset) -> Dataset:
    """The data as `answered_by` has them; or with masks as targets, where a net of one's own gives K outputs for each pixel of
    an image and the targets, so far of any shape, are a class for each. A loss or metric of one's own gets them as they came."""
    if data.spec.targets.kind != "any":
        return answered_by(net, data)
    outputs = tried_outputs(net, data)
    one = isinstance(outputs, Tensor) and outputs.ndim == 4
    return as_grids(data, tuple(outputs.shape[1:])) if one else data


def with_targets(data: Dataset, targets: Targets, numbers: Tensor | None = None) -> Dataset:
    """numbers: the new index of each class."""
    splits = {
        name: getattr(data, name)
        if numbers is None
        else replace(getattr(data, name), targets=numbers[getattr(data, name).targets])
        for name in ("train", "validation", "test")
    }
    return replace(data, spec=replace(data.spec, targets=targets), **splits)


def with_several_outputs(net: nn.Module, data: Dataset, own: Own) -> tuple[Own, Dataset]:
    """Of a net that gives several outputs, or one without the axis of outputs, the main one counts; but of a detector all do."""
    if data.spec.targets.traits.per == "object":
        return own, data
    given, trained = tried_outputs(net, data), trained_outputs(net, data)
    auxiliary = isinstance(given, Tensor) and trained is not None and not isinstance(trained, Tensor)
    if own.loss is not None:
        if auxiliary and data.spec.targets.kind != "any":
            own.loss.judge = PickedOutput(default(data.spec.targets))
        return own, data
    if isinstance(given, Tensor) and given.ndim > 1 and not auxiliary:
        return own, data
    if auxiliary or not isinstance(given, Tensor):
        when = " in training" if auxiliary else ""
        note = (
            f"{type(net).__name__} gives several outputs{when}: the main one is learned from; loss=… may take them all"
        )
        data = with_note(data, note)
    return replace(own, picked=True), data
