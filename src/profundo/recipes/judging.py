"""One judge for all that make images: a classifier of real ones, through whose features made ones are seen.

    judge = trained_judge(context, data, epochs=2)
    judge(images).scores                       # of uint8 images (images, channels, height, width)
    judged(judge, data, {"made": images})      # the same beside real ones, for `verdicts_table`

It learns the real images, as ever, from the same first weights whatever the method is. The Fréchet distance to unseen real ones says
how alike the two sets are; precision, how many of the made are like real ones, and recall, how many real ones they come near; how
sure it is of each class, and how evenly it finds them, say why. Of images without classes there is nothing to classify: the same net
judges with the random weights that it began with, whose features tell sets of images apart, too (Naeem et al. 2020, arXiv:2002.09797,
section 4), on another scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from profundo import objectives
from profundo.data.batches import batches
from profundo.data.standard import standardize
from profundo.evaluate.classes import classes_in_use, sure_share
from profundo.evaluate.frechet import frechet_distance
from profundo.evaluate.manifolds import NEIGHBOURS, precision_and_recall
from profundo.nets import fast_cnn, initialize_
from profundo.nets.init import SMALL_OUTPUT
from profundo.pictures.exhibits import Table
from profundo.ranks_and_places import evenly
from profundo.recipes.context import Context
from profundo.recipes.net_outputs import few_at_once, outputs, outputs_in_parts
from profundo.recipes.own_data import several_classes, things
from profundo.records import Dataset, ProfundoError, Samples
from profundo.train import Plan, Supervised, optimizer, schedule

__all__ = ["ImageJudge", "Verdict", "judged", "raw", "trained_judge", "verdicts_table"]

NEIGHBOURED = 5000  # images of each set at most whose neighbours are looked for


def raw(samples: Samples) -> Tensor:
    """The uint8 images of a split. Raises ProfundoError where they are read from disk."""
    if not isinstance(samples.inputs, Tensor):
        raise ProfundoError("expected images that fit in memory, got some that are read from disk; take fewer")
    return samples.inputs


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of a set of images. distance: Fréchet's to unseen real images, in the judge's features; precision, recall: there, of the
    manifolds of both, None for sets too small to have neighbours. sure, in_use: None where it knows no classes. things: digits, or
    other classes."""

    distance: float
    precision: float | None
    recall: float | None
    sure: float | None
    in_use: float | None
    things: str = "digits"

    @property
    def scores(self) -> dict[str, float]:
        figures = {
            "Fréchet distance": self.distance,
            "precision": self.precision,
            "recall": self.recall,
            "share sure": self.sure,
            f"{self.things} in use": self.in_use,
        }
        return {name: value for name, value in figures.items() if value is not None}


class ImageJudge:
    """A classifier of real images, or a net with random weights where there are no classes. real: the unseen ones, uint8, to
    which made ones are compared."""

    def __init__(self, net: nn.Sequential, data: Dataset, device: torch.device) -> None:
        self.net, self.spec, self.device = net, data.spec, device
        self.classes = "digits" if things(data) == "digits" else "classes"
        self.real = raw(data.test)
        self.real_features, _ = self.look(self.real)

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The last hidden layer (images, features) and class probabilities (images, classes) of uint8 images."""
        parts = [
            outputs(self.net[:-1], standardize(part.to(self.device), self.spec.inputs))
            for part in torch.split(images, min(1000, few_at_once(images)))
        ]
        features = torch.cat(parts)
        return features, outputs_in_parts(self.net[-1], features).softmax(1)

    def __call__(self, images: Tensor) -> Verdict:
        features, probabilities = self.look(images)
        distance = frechet_distance(features, self.real_features)
        precision, recall = self.near(features)
        if not self.spec.targets.classes:
            return Verdict(distance, precision, recall, None, None, self.classes)
        counts = torch.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])
        sure, in_use = sure_share(probabilities), classes_in_use(counts)
        return Verdict(distance, precision, recall, sure, in_use, self.classes)

    def near(self, features: Tensor) -> tuple[float, float] | tuple[None, None]:
        """Precision and recall of as many of both sets as there are of the smaller."""
        number = min(NEIGHBOURED, len(features), len(self.real_features))
        if number <= NEIGHBOURS:
            return None, None
        few, real = (of[evenly(len(of), number)] for of in (features, self.real_features))
        return precision_and_recall(few, real)

    def agreed(self, images: Tensor, classes: Tensor) -> float:
        """The share of the images, uint8, that it takes for what they were to be: (images,) of class numbers."""
        _, probabilities = self.look(images)
        return (probabilities.argmax(1) == classes).double().mean().item()


def trained_judge(context: Context, data: Dataset, epochs: int) -> ImageJudge:
    """The small strided net, trained on all training images: the same for every recipe with the same seed. Untrained where
    there are no classes."""
    data = several_classes(data)
    # The same first weights for every method, so that all are judged by the same net.
    net = initialize_(fast_cnn(data.spec), output_gain=SMALL_OUTPUT, generator=context.generator("classifier"))
    if not data.spec.targets.classes:
        return ImageJudge(net.to(context.device), data, context.device)
    precision = context.precision(net)
    update = Supervised(
        net, objectives.default(data.spec.targets), optimizer("nesterov", net, 0.2, 5e-4), precision=precision
    )
    seen = batches(data.train, data.spec, 256, seed=context.seed, device=context.device)
    context.train(update, seen, Plan(epochs, schedule("one-cycle")), name="classifier")
    return ImageJudge(net, data, context.device)


def judged(judge: ImageJudge, data: Dataset, sets: Mapping[str, Tensor]) -> dict[str, Verdict]:
    """What it says of sets of uint8 images by name, and beside them of as many real ones, of training and unseen."""
    train = raw(data.train)
    seen = train[evenly(len(train), len(data.test))]  # images of one's own lie class by class
    real = {f"training {things(data)}": seen, f"unseen {things(data)}": judge.real}
    return {name: judge(images) for name, images in {**sets, **real}.items()}


def verdicts_table(verdicts: Mapping[str, Verdict], things: str) -> Table:
    """A row for each set. things: what the images are called."""
    first = next(iter(verdicts.values()))
    judge = f"a classifier of real {things}" if first.sure is not None else "a net with fixed random weights"
    near = f"; precision: share of the {things} as near to real ones as those are to each other, recall: of real ones near to made"
    classes = (
        f"; share of the {things} of which it is more than 90 % sure, and how many {first.things} are in use (exp of "
        "the entropy of their shares)"
    )
    return Table(
        "What the classifier says" if first.sure is not None else "How near to real images",
        f"Fréchet distance to the unseen real {things} in the features of {judge} (smaller is nearer; as many real training "
        f"{things} show how near one can come){near if first.recall is not None else ''}{classes if first.sure is not None else ''}.",
        [things, *first.scores],
        [[name, *verdict.scores.values()] for name, verdict in verdicts.items()],
    )
