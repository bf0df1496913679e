"""A supervised training made ready: the update, the batches and the look at the validation split, of one experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from profundo import objectives
from profundo.data import standardize_targets
from profundo.data.augmenting.augment import augmentation, value_range
from profundo.data.batches import batches, in_memory, in_order
from profundo.data.splits.splits import chosen
from profundo.doctor.reinitializing import reinitialize_
from profundo.evaluate import answers, figure_of, mean_cost
from profundo.evaluate.leading import leading_figure
from profundo.evaluate.scores import PROBABILITIES
from profundo.objectives.detector_cost import summed
from profundo.objectives.own_losses import PickedOutput
from profundo.records import Batch, Dataset, Targets
from profundo.runs.experiment import Experiment
from profundo.runs.given.own import NOTHING, Own, measured
from profundo.runs.pretrained import on_features
from profundo.runs.resumable import Training
from profundo.runs.settings.manners import is_ensemble
from profundo.train import Batches, Descent, EarlyStop, History, Plan, Supervised
from profundo.train.capture import Captured
from profundo.train.distributed import Group, share_normalization
from profundo.train.fine_tuning import freeze_normalisation, last_part
from profundo.train.hardware import choose_precision
from profundo.train.layout import lay_out
from profundo.train.longer import Rounds
from profundo.train.optimizers import optimizer
from profundo.train.randomness import seeded
from profundo.train.schedules import schedule
from profundo.train.updates import autocast

__all__ = [
    "Prepared",
    "batch_size",
    "from_pretrained",
    "make_update",
    "monitored",
    "objective_of",
    "precision_of",
    "rounds_of",
    "train_batches",
    "training",
    "unsettled_epochs",
]


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a training needs, with every choice made."""

    experiment: Experiment
    data: Dataset
    net: nn.Module
    device: torch.device
    precision: str
    processes: int = 1
    own: Own = NOTHING


def training(prepared: Prepared, history: History, processes: Group) -> Training:
    """What is to be done: update, batches, plan, and what watches them."""
    experiment = prepared.experiment
    prepared = from_pretrained(prepared)
    rounds = rounds_of(experiment)
    return Training(
        make_update(prepared, processes),
        train_batches(prepared, processes),
        Plan(
            rounds.total,
            rounds.schedule(prepared.own.schedule or schedule(experiment.schedule or "constant", experiment.warm_up)),
        ),
        history,
        prepared.device,
        prepared.precision,
        validate=validation(prepared, processes),
        stopper=EarlyStop(
            prepared.net,
            history,
            monitored(prepared.data.spec.targets),
            experiment.early_stop,
            after=unsettled_epochs(experiment, prepared.data.spec.targets),
            larger=monitored(prepared.data.spec.targets) != LOSS,
            rounds=rounds,
        )
        if experiment.early_stop
        else None,
        seed=experiment.seed,
        gradients=True,
        rounds=rounds,
    )


def rounds_of(experiment: Experiment) -> Rounds:
    return Rounds(experiment.epochs or 1, experiment.longer or 0 if experiment.early_stop else 0)


LOSS = "validation loss"


def monitored(targets: Targets) -> str:
    """The column of the history that says which epoch is the best: the loss, of which less is better; of objects what leads, of
    which more is, for a detector's cost rises with its certainty while it still finds more."""
    return f"validation {leading_figure(targets)}" if targets.traits.per == "object" else LOSS


def from_pretrained(prepared: Prepared) -> Prepared:
    """What is trained of a pretrained net: if frozen, its last part, on features; else all of it.

    All of it from the beginning, at one rate: to fit the output layer to the features first (Kumar et al. 2022) made the weights
    large of features that hardly vary, and rates that rise with depth (Howard & Ruder 2018) kept what images of another kind need
    early from changing (docs/transfer.md).
    """
    experiment, net, data = prepared.experiment, prepared.net, prepared.data
    if experiment.pretrained is None or not experiment.freeze:
        return prepared
    lay_out(net, prepared.device)
    net.requires_grad_(False)
    last = last_part(net).requires_grad_()
    return replace(prepared, net=last, data=on_features(net, data, experiment.workers), precision="float32")


def unsettled_epochs(experiment: Experiment, targets: Targets) -> int:
    """The epochs at the beginning of which none is kept as the best, of an ensemble for tables: while the rate rises, and of
    numbers until half are over.

    A validation split of forty rows takes one of them for the best by luck, and stops before the rate is low: on the tables of
    TUNE in benchmarks/tables_against_trees.py RMSE was 3 % worse so in the mean, and 15 % on one of 400 rows. Probabilities
    are often best early, and too certain later.
    """
    early = experiment.early_stop and experiment.schedule == "one-cycle" and is_ensemble(experiment.net or "")
    return (experiment.epochs or 1) // (2 if targets.kind == "real" else 5) if early else 0


def train_batches(prepared: Prepared, processes: Group) -> Batches:
    """The training samples in their order, augmented: this process's share of each batch."""
    experiment, data = prepared.experiment, prepared.data
    return batches(
        data.train,
        data.spec,
        batch_size(experiment, data),
        seed=experiment.seed,
        device=prepared.device,
        augment=augmentation(experiment.augment, data.spec, value_range(data.train)) if experiment.augment else None,
        rank=processes.rank,
        processes=processes.size,
        workers=experiment.workers,
    )


def batch_size(experiment: Experiment, data: Dataset) -> int:
    """Samples of an update: as many as were asked for and are there."""
    return min(experiment.batch_size or 1, len(data.train))


def objective_of(experiment: Experiment, data: Dataset, own: Own = NOTHING) -> objectives.Objective:
    """What training lowers: a loss of one's own; else the objective that was asked for, or suits the targets, with its
    smoothing and weights.

    Raises ProfundoError for an objective, smoothing or weights that do not suit the targets.
    """
    targets = data.spec.targets
    if own.loss is not None:
        return own.loss
    name = experiment.objective or objectives.default_name(targets)
    objective = objectives.build(name, targets, experiment.label_smoothing)
    if experiment.class_weights is not None:
        weights = objectives.class_weights(experiment.class_weights, targets, data.train.targets)
        objective = objectives.weighted(objective, weights)
    return PickedOutput(objective) if own.picked else objective


def precision_of(experiment: Experiment, net: nn.Module, data: Dataset, device: torch.device) -> str:
    """ "float32" or "bfloat16"; the edges of boxes ask for more digits than bfloat16 has, unless that is asked for."""
    if experiment.precision == "auto" and data.spec.targets.traits.per == "object":
        return "float32"
    return choose_precision(experiment.precision, net, device, data.spec.inputs.shape)


def make_update(prepared: Prepared, processes: Group) -> Supervised | Captured | Descent:
    """The net on its device, laid out for it, with its objective and optimizer; on one CPU, its step recorded."""
    experiment, net = prepared.experiment, prepared.net
    if not net.training:
        net.train()
    lay_out(net, prepared.device)
    if processes.size > 1:
        share_normalization(net)
    if experiment.reinitialize:
        draw_anew(prepared)
    measure_inputs(net, prepared.data)
    if experiment.pretrained is not None and not experiment.freeze:
        freeze_normalisation(net)
    moves = prepared.own.optimizer or optimizer(
        experiment.optimizer or "adamw", net, experiment.learning_rate or 1e-3, experiment.weight_decay or 0.0
    )
    if prepared.data.spec.targets.traits.per == "object":
        return Descent(net, partial(detector_costs, net, prepared.precision), moves, clip=experiment.clip)
    update = Supervised(
        net,
        objective_of(experiment, prepared.data, prepared.own),
        moves,
        precision=prepared.precision,
        accumulate=experiment.accumulate,
        clip=experiment.clip,
        l1=experiment.l1,
        processes=processes.size,
    )
    update.forward = processes.wrap(net, prepared.device)
    alone = processes.size == 1 and experiment.accumulate == 1 and prepared.device.type == "cpu"
    return Captured(update) if experiment.capture and alone else update


def detector_costs(net: Any, precision: str, batch: Batch) -> dict[str, Tensor]:
    """The "loss" of a batch, and the parts that it is the sum of."""
    with autocast(precision, batch.inputs.device):
        parts: Mapping[str, Tensor] = net.cost(batch.inputs, batch.targets)
    return {"loss": summed(parts), **parts}


DRAWN_BY = 128  # training samples that first weights are scaled by


def draw_anew(prepared: Prepared) -> None:
    """The first weights of a net of one's own, by some of its training samples and the seed alone."""
    data, count = prepared.data, min(DRAWN_BY, len(prepared.data.train))
    some = chosen(data.train, torch.arange(count) * len(data.train) // count)
    with seeded(prepared.experiment.seed):
        reinitialize_(prepared.net, next(in_order(some, data.spec, device=prepared.device)).inputs)


MEASURED, MEASURED_TEXTS = 10_000, 50_000  # training rows that a net's own statistics come from
PIECES = 10  # of the split that they are taken from


def measure_inputs(net: nn.Module, data: Dataset) -> None:
    """Let a net that scales its inputs by itself (nets/table_nets.py), or weighs them by the targets (nets/text_nets.py), learn
    how, from training rows as it will see them; and one that begins where a formula ends (nets/series_nets.py) solve it."""
    measure, relate, solve = (getattr(net, name, None) for name in ("measure_inputs", "measure_samples", "solve"))
    if solve is not None:
        targets = standardize_targets(data.train.targets, data.spec.targets)
        device = next(net.parameters()).device
        inputs = torch.cat([batch.inputs for batch in in_order(data.train, data.spec, device=device)])
        solve(inputs, targets.to(device))
    if measure is None and relate is None:
        return
    count, most = len(data.train), MEASURED if relate is None else MEASURED_TEXTS
    begins = torch.arange(PIECES) * count // PIECES
    places = (begins[:, None] + torch.arange(min(most, count) // PIECES)).flatten()
    some = chosen(data.train, places if count > most else torch.arange(count))
    ordered = list(in_order(some, data.spec, device=next(net.parameters()).device))
    rows = torch.cat([batch.inputs for batch in ordered])
    if measure is not None:
        measure(rows)
    if relate is not None:
        relate(rows, torch.cat([batch.targets for batch in ordered]))


def validation(prepared: Prepared, processes: Group) -> Callable[[], Mapping[str, float]]:
    """A function that looks at the validation split, in the precision of training. The chief looks for all."""
    data, net = prepared.data, prepared.net
    if not len(data.validation):
        return dict
    likelihood = objective_of(prepared.experiment, data, prepared.own).likelihood
    workers, metrics = prepared.experiment.workers, prepared.own.metrics
    name = leading_figure(data.spec.targets, likelihood.quantity == PROBABILITIES)
    kept: list[Batch] = []
    if in_memory(data.validation):
        kept = list(in_order(data.validation, data.spec, device=prepared.device, workers=workers))

    def look() -> Mapping[str, float]:
        if not processes.chief:
            return processes.from_chief({})
        ordered = kept or in_order(data.validation, data.spec, device=prepared.device, workers=workers)
        with autocast(prepared.precision, prepared.device):
            predictions = answers(net, ordered, likelihood, data.spec.targets)
        result = {LOSS: mean_cost(predictions)}
        result[f"validation {name}"] = figure_of(name, predictions, data.spec.targets)
        result |= {
            f"validation {name}": value for name, value in measured(metrics, predictions, data.spec.targets).items()
        }
        return processes.from_chief(result)

    return look
