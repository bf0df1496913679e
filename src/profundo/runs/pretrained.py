"""Published networks by name: their files are found, or fetched once, and checked (nets/published_weights.py).

net = published_net("resnet18", data.spec)      # 1,000 classes of ImageNet before, the data's own now
run = profundo.fit(net, data, …)                # all layers, normalisation too

Of a detector they are its backbone's: `profundo train boxes --net fcos --pretrained resnet18`, also of classes of its own.
`profundo train photographs --pretrained efficientnet_lite0` leaves normalisation as it is (train/fine_tuning.py), with --freeze all
but the last part (`on_features`); the figures are in docs/transfer.md.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor, nn

from profundo.data.batches import in_order
from profundo.data.streams.cache import cache_folder, data_folder
from profundo.data.streams.download import fetch
from profundo.nets.detectors.backbones import begin_with
from profundo.nets.published_weights import IMAGENET, Published, load_published, published, seen_as_published
from profundo.records import Dataset, Inputs, ProfundoError, Samples, Spec
from profundo.runs.experiment import Experiment
from profundo.runs.saved_model import build_net
from profundo.runs.settings.manners import options_by_size
from profundo.train.fine_tuning import features
from profundo.train.randomness import seeded

__all__ = ["net_of", "on_features", "published_net", "published_weights", "seen_by"]


def published_weights(name: str, folder: str | Path | None = None) -> Path:
    """The file of the published weights of that net: in `folder`, in weights/ of the folder of data sets that PROFUNDO_DATA
    names, in the package that brings it, or fetched into the user's cache. Raises ProfundoError when it cannot be had."""
    known = published(name)
    own = data_folder(None)
    for place in (Path(folder) if folder is not None else None, own / "weights" if own is not None else None):
        if place is not None and (place / known.file).is_file():
            return place / known.file
    if known.package:
        return installed(name, known)
    place = Path(folder) if folder is not None else cache_folder() / "weights"
    return fetch(place / known.file, [known.url], known.sha256)


def installed(name: str, known: Published) -> Path:
    """The file in an installed package, of which nothing runs."""
    found = find_spec(known.package)
    places = [Path(place) / known.inside for place in (found.submodule_search_locations or ())] if found else []
    for path in places:
        if path.is_file():
            return path
    raise ProfundoError(
        f"weights of {name}: expected {known.inside} of {known.package}, which is not installed; {known.install}"
    )


def published_net(name: str, spec: Spec | None = None, folder: str | Path | None = None) -> nn.Module:
    """The net of that name with its published weights, in evaluation mode; see `load_published` for other classes."""
    return load_published(name, published_weights(name, folder), spec)


# ------------------------------------------------------------------------------------------------- of an experiment
def net_of(experiment: Experiment, name: str, data: Dataset) -> nn.Module:
    """The net of that name, new or with the published weights that were asked for; what is drawn, by the seed."""
    options = options_by_size(experiment.net_options, data.spec, len(data.train), name)
    if experiment.pretrained is None:
        return build_net(name, data.spec, options, experiment.seed)
    if data.spec.targets.traits.per == "object":
        backbone = published(experiment.pretrained).net
        net = build_net(name, data.spec, {**options, "backbone": backbone}, experiment.seed)
        begin_with(net, published_net(experiment.pretrained, of_whole_images(data.spec)))
        return net
    with seeded(experiment.seed):
        return published_net(experiment.pretrained, data.spec)


def of_whole_images(spec: Spec) -> Spec:
    """ImageNet's classes, of images in as many channels as these have."""
    shape = spec.inputs.shape[0], *IMAGENET.inputs.shape[1:]
    return Spec(replace(IMAGENET.inputs, shape=shape), IMAGENET.targets)


def seen_by(experiment: Experiment, data: Dataset) -> Dataset:
    """The data as the net is to see them: for a pretrained one, standardised as the images it learned from were."""
    if experiment.pretrained is None or data.spec.inputs.kind != "image":
        return data
    return replace(data, spec=replace(data.spec, inputs=seen_as_published(data.spec.inputs)))


def on_features(net: nn.Module, data: Dataset, workers: int) -> Dataset:
    """The training and validation samples as the features of a frozen net, each computed once; none to test, since the whole
    net is judged."""

    def seen(samples: Samples) -> Samples:
        return (
            replace(samples, inputs=_features(net, samples, data.spec, workers), anew=None) if len(samples) else samples
        )

    train = seen(data.train)
    assert isinstance(train.inputs, Tensor)
    inputs = Inputs(tuple(train.inputs.shape[1:]), "features")
    spec = replace(data.spec, inputs=inputs)
    none = Samples(train.inputs[:0], train.targets[:0])
    return replace(data, spec=spec, train=train, validation=seen(data.validation), test=none)


def _features(net: nn.Module, samples: Samples, spec: Spec, workers: int) -> Tensor:
    device, size = next(net.parameters()).device, 1024 if spec.inputs.texts else 64  # images take memory
    return features(net, in_order(samples, spec, device=device, workers=workers, batch_size=size))
