"""From what is asked to what is trained: data loaded, a net built, every choice made and checked."""

from __future__ import annotations

from typing import get_args

from torch import Tensor

from profundo import nets
from profundo.data import load
from profundo.data.batches import shared_batch_size
from profundo.evaluate.scores import PROBABILITIES
from profundo.languages import Said, either
from profundo.nets.detectors.backbones import BackboneName
from profundo.nets.published_weights import Published, published
from profundo.records import Dataset, ProfundoError
from profundo.runs.checks import check_cost, check_normalisation
from profundo.runs.experiment import Experiment
from profundo.runs.given.own import NOTHING, Own
from profundo.runs.preparing import Prepared, objective_of, precision_of
from profundo.runs.pretrained import net_of, seen_by
from profundo.runs.settings.manners import completed
from profundo.runs.tensorboard import check_log
from profundo.train.hardware import choose_device, normalised

__all__ = ["as_read", "check_choices", "check_named", "load_data", "net_name", "prepare"]


def prepare(experiment: Experiment, processes: int = 1) -> Prepared:
    """Load the data, build the net and make every choice. Raises ProfundoError for whatever cannot work."""
    check_named(experiment, "give them again in Python, profundo.fit(net, data, …)")
    device = choose_device(experiment.device)
    data = load_data(experiment)
    name = net_name(experiment, data)
    net = net_of(experiment, name, data)
    chosen = completed(experiment, data.spec, len(data.train), name, normalised(net), len(data.validation) > 0)
    chosen = as_read(chosen, data)
    check_choices(chosen, data)
    single = "pretrained" if chosen.pretrained else "a detector" if data.spec.targets.traits.per == "object" else ""
    if single and processes > 1:
        raise ProfundoError(f"{single}: expected one process, got {processes}; leave out torchrun")
    shared_batch_size(chosen.batch_size or 1, len(data.train), processes)
    check_normalisation(net, data, chosen, processes)
    check_cost(net, data)
    return Prepared(chosen, data, net, device, precision_of(chosen, net, data, device), processes)


def check_named(experiment: Experiment, remedy: str) -> None:
    """Raises ProfundoError for what was given in Python, which no file can name; remedy: what to do."""
    places = (("data", experiment.data), ("net", experiment.net or ""))
    given = [f"{place} {value[4:]!r}" for place, value in places if value.startswith("own:")]
    given += [f"{place} {value!r}" for place, value in experiment.own.items()]
    if given:
        raise ProfundoError(f"{', '.join(given)}: given in Python, which no file can name; {remedy}")


def as_read(chosen: Experiment, data: Dataset) -> Experiment:
    """With how data that have a name or a path were read, so that they are read again alike."""
    size = chosen.reading().get("image_size")
    return chosen.model_copy(update={"stream": not isinstance(data.train.inputs, Tensor), "image_size": size})


def load_data(experiment: Experiment) -> Dataset:
    """The data that an experiment names. Raises ProfundoError for those that were in memory, which no file can name."""
    if experiment.data.startswith("own:"):
        raise ProfundoError(
            f"data {experiment.data[4:]!r} were in memory, and no file can name them: give them again, "
            "profundo.open_run(path, data=…), or fit(net, data, …, out=…, resume=True)"
        )
    data = load(
        experiment.data, seed=experiment.splitting_seed, validation=experiment.validation, **experiment.reading()
    )
    return seen_by(experiment, data)


def net_name(experiment: Experiment, data: Dataset) -> str:
    """The net that was asked for, or suits the data. Raises ProfundoError where a pretrained one is to be another."""
    if experiment.pretrained is None:
        if experiment.freeze:
            raise ProfundoError(
                "freeze: expected a pretrained net, such as --pretrained efficientnet_lite0; got none",
                told=Said("refusals.freeze_alone"),
            )
        return experiment.net or nets.default(data.spec)
    known = published(experiment.pretrained)
    if data.spec.targets.traits.per == "object":
        return detector_on(experiment, known)
    if experiment.net not in (None, known.net) or experiment.net_options not in ({}, known.options):
        raise ProfundoError(
            f"pretrained {experiment.pretrained}: its weights say which net it is; leave out --net and --net-option",
            told=Said("refusals.pretrained_says", name=experiment.pretrained),
        )
    if experiment.freeze and experiment.augment:
        raise ProfundoError(
            "augment: features of a frozen net are computed once; leave out --augment or --freeze",
            told=Said("refusals.frozen_once"),
        )
    return known.net


def detector_on(experiment: Experiment, known: Published) -> str:
    """The detector that is to stand on a pretrained backbone. Raises ProfundoError where none can."""
    name, backbones = experiment.pretrained, get_args(BackboneName)[1:]
    if known.net not in backbones:
        raise ProfundoError(Said("refusals.detector_stands", name=name, known=either(backbones)))
    if experiment.net is None:
        raise ProfundoError(
            f"pretrained {name}: expected a detector to stand on it, such as --net fcos; got none",
            told=Said("refusals.detector_missing", name=name),
        )
    if experiment.net_options.get("backbone", known.net) != known.net:
        raise ProfundoError(
            f"pretrained {name}: its weights are of the backbone {known.net}, got {experiment.net_options['backbone']!r}; leave that "
            "out"
        )
    if experiment.freeze:
        raise ProfundoError(Said("refusals.detector_freeze"))
    return experiment.net


def check_choices(chosen: Experiment, data: Dataset, own: Own = NOTHING) -> None:
    """Raises ProfundoError for what cannot be with these data on this machine: objective, early stopping, threshold, log."""
    objective_of(chosen, data, own)
    if chosen.early_stop is not None and not len(data.validation):
        raise ProfundoError(
            f"--early-stop: expected a validation split to look at, that of {data.name} is empty; leave it out",
            told=Said("refusals.early_stop_empty", where=data.name),
        )
    if chosen.longer and (chosen.early_stop is None or chosen.heal):
        raise ProfundoError(
            "--longer: a second training follows where early stopping did not end the first; "
            + ("leave out --heal, which begins anew by itself" if chosen.heal else "give --early-stop EPOCHS, too"),
            told=Said("refusals.longer_needs"),
        )
    if chosen.threshold is not None:
        check_threshold(chosen, data, own)
    if data.spec.targets.traits.per == "object":
        check_detecting(chosen)
    check_log(chosen.log)
    if chosen.reinitialize and not str(chosen.net).startswith("own:"):
        raise ProfundoError(
            f"reinitialize: expected a net of your own, got {chosen.net}, which draws its weights itself"
        )


def check_detecting(chosen: Experiment) -> None:
    """Raises ProfundoError for settings of costs that are sums over samples: a detector's is one of a whole batch."""
    of_samples = {"accumulate": 1, "l1": 0.0, "class_weights": None, "label_smoothing": 0.0}
    for name, usual in of_samples.items():
        if getattr(chosen, name) != usual:
            raise ProfundoError(Said("refusals.detector_cost", name=name))


def check_threshold(chosen: Experiment, data: Dataset, own: Own = NOTHING) -> None:
    targets, objective = data.spec.targets, objective_of(chosen, data, own)
    if targets.kind != "binary" or objective.likelihood.quantity != PROBABILITIES:
        arrived = f"{len(targets.classes)} {targets.kind}" if targets.kind != "binary" else "margins of a hinge"
        raise ProfundoError(Said("refusals.threshold_binary", where=data.name, got=arrived))
    for index, name in enumerate(targets.classes):
        if not bool((data.validation.targets == index).any()):
            raise ProfundoError(
                f"threshold: it is chosen on the validation split, where {data.name} has no sample of {name!r}; give more "
                "samples, or a larger --validation",
                told=Said("refusals.threshold_class", where=data.name, name=repr(name)),
            )
