"""Who cannot tell made colours from true ones: nets in the place of the people who were asked in Zhang, Isola & Efros 2016.

Of each way to colour photographs a net learns to tell its colours from the true ones. Then it is shown an unseen photograph twice, in
both, and must say which is the true one: how often it is wrong is at most a half, unless it has learned nothing. Nets see what people
do not, such as noise that a camera leaves in colours: so all that judges are shown has 4 × 4 colours, and the same lightness.
And a classifier of true photographs names those that are made (section 3.1: if colours
are right, it knows better what it sees than in grey).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.data.standard import standardize
from profundo.nets import fast_cnn
from profundo.recipes.classifying import classified, train
from profundo.recipes.colouring.colour_planes import coloured, in_parts, lab_of
from profundo.recipes.context import Context
from profundo.recipes.net_outputs import outputs_in_parts
from profundo.recipes.own_data import several_classes
from profundo.records import Dataset, Samples, Spec, Targets

__all__ = ["coarsely", "fooled", "named_right"]

ACROSS = 4  # colours of what a judge is shown, and down
RULE = ("nesterov", 0.1, 5e-4)


def fooled(
    context: Context, spec: Spec, name: str, learned: tuple[Tensor, Tensor], asked: tuple[Tensor, Tensor], **how: Any
) -> float:
    """The share of unseen photographs of which a judge takes the made for the true one. learned, asked: uint8 images, true
    and made, in pairs; name: of the way they were made; how: epochs and batch size of the judge's training."""
    spec = replace(spec, targets=Targets("classes", classes=("made", "true")))
    judge, (true, made) = fast_cnn(spec), learned
    samples = Samples(torch.cat([true, made]), torch.cat([torch.ones(len(true)), torch.zeros(len(made))]).long())
    train(context, judge, samples, spec, RULE, augment=("mirror",), name=f"judge of {name}", **how)
    return share_fooled(*(trust(judge, images, spec) for images in asked))


def coarsely(images: Tensor, lightness: Tensor) -> Tensor:
    """uint8 images (images, 3, height, width) with the means of their colours in 4 × 4 parts, put onto this lightness."""
    parts = in_parts(images, lightness)
    return torch.cat([coloured(light, F.adaptive_avg_pool2d(lab_of(one)[:, 1:], ACROSS)) for one, light in parts])


def trust(judge: nn.Module, images: Tensor, spec: Spec) -> Tensor:
    """(images,), the log odds that the judge gives to their being true."""
    made, true = outputs_in_parts(judge, standardize(images, spec.inputs)).unbind(1)
    return true - made


def share_fooled(in_true: Tensor, in_made: Tensor) -> float:
    """Of pairs (pairs,); where both are trusted alike, it is wrong in half of the cases."""
    return ((in_made > in_true).double() + (in_made == in_true).double() / 2).mean().item()


def named_right(
    context: Context, data: Dataset, targets: Tensor, made: Mapping[str, Tensor], **how: Any
) -> Mapping[str, float]:
    """The share of photographs that a classifier, which learned from true ones, names right, by how they were coloured. Nothing where
    the data have no classes."""
    if not data.spec.targets.traits.one_class:
        return {}
    spec = several_classes(data).spec
    net = fast_cnn(spec)
    train(context, net, data.train, spec, RULE, augment=("mirror", "shift"), name="classifier", **how)
    return {
        name: classified(context, net, Samples(images, targets), spec, data.train)[1].values["accuracy"]
        for name, images in made.items()
    }
