"""The training of one run: the loop and its consumers put together, and what a checkpoint of them holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from profundo import objectives
from profundo.data import augmentation
from profundo.data.batches import batches, in_order, mix
from profundo.evaluate import answers, mean_cost, scores
from profundo.recipes.display import Voice
from profundo.recipes.experiment import Experiment
from profundo.recipes.folder import Folder, write_history
from profundo.records import Batch, Dataset, ProfundoError
from profundo.train import (
    EarlyStop,
    History,
    Plan,
    Position,
    Supervised,
    Update,
    checkpoint,
    early_stop,
    fit,
    progress,
    record,
)
from profundo.train.capture import Captured
from profundo.train.checkpoints import interruptible, save_checkpoint
from profundo.train.distributed import Group, share_normalization
from profundo.train.hardware import convolutional, keep_heap, repeatable
from profundo.train.optimizers import optimizer
from profundo.train.randomness import random_state, restore_random_state
from profundo.train.schedules import schedule
from profundo.train.updates import autocast

__all__ = ["Prepared", "State", "learn", "where"]

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a training needs, with every choice made."""

    experiment: Experiment
    data: Dataset
    net: nn.Module
    device: torch.device
    precision: str
    processes: int = 1


def learn(
    prepared: Prepared, history: History, folder: Folder | None, processes: Group, voice: Voice, state: State | None
) -> EarlyStop | None:
    """Train, from the start or from a checkpoint's state. The history fills; the net holds the weights to keep.

    folder: where checkpoints go; None keeps none. Returns the early stop, if one was asked for.
    Raises Interrupted after SIGINT or SIGTERM, when the state has been saved.
    """
    asked, data = prepared.experiment, prepared.data
    keep_heap()
    update = make_update(prepared, processes)
    train_batches = batches(
        data.train,
        data.spec,
        asked.batch_size or 1,
        seed=asked.seed,
        device=prepared.device,
        augment=augmentation(asked.augment) if asked.augment else None,
        rank=processes.rank,
        processes=processes.size,
        workers=asked.workers,
    )
    stopper = EarlyStop(prepared.net, history, "validation loss", asked.early_stop) if asked.early_stop else None
    start = begin(asked, processes) if state is None else restore(state, update, history, stopper, processes)

    saved = start

    def save(position: Position) -> None:
        nonlocal saved
        saved = position
        history.settle(position.epoch)
        check_finite(prepared.net, position)
        randoms = processes.gather(random_state())
        if folder is not None:
            done = position.epoch * len(train_batches) + position.index
            folder.check()
            save_checkpoint(folder.checkpoints, done, snapshot(prepared, update, history, stopper, position, randoms))
            write_history(folder, history.to_csv())

    plan = Plan(asked.epochs or 1, schedule(asked.schedule or "constant"))
    with interruptible() as signalled, repeatable(prepared.device, prepared.precision):
        steps = record(fit(update, train_batches, plan, start), history, validation(prepared, processes))
        if stopper is not None:
            steps = early_stop(steps, stopper)
        steps = progress(steps, voice, history)
        for _ in checkpoint(  # outermost: what it saves includes what the others made of the same step
            steps, save, seconds=asked.checkpoint_seconds, signalled=signalled, agree=processes.agree
        ):
            pass
    end = Position(len(history))
    if saved != end:
        save(end)
    if stopper is not None:
        stopper.restore()
    return stopper


def make_update(prepared: Prepared, processes: Group) -> Supervised | Captured:
    """The net on its device, laid out for it, with its objective and optimizer; on one CPU, its step recorded."""
    asked, net, targets = prepared.experiment, prepared.net, prepared.data.spec.targets
    if not net.training:
        net.train()
    if convolutional(net):
        net.to(prepared.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    else:
        net.to(prepared.device)
    if processes.size > 1:
        share_normalization(net)
    update = Supervised(
        net,
        objectives.default(targets, asked.label_smoothing),
        optimizer(asked.optimizer or "adamw", net, asked.learning_rate or 1e-3, asked.weight_decay or 0.0),
        precision=prepared.precision,
        accumulate=asked.accumulate,
        clip=asked.clip,
        processes=processes.size,
    )
    update.forward = processes.wrap(net, prepared.device)
    alone = processes.size == 1 and asked.accumulate == 1 and prepared.device.type == "cpu"
    return Captured(update) if asked.capture and alone else update


def validation(prepared: Prepared, processes: Group) -> Callable[[], Mapping[str, float]]:
    """A function that looks at the validation split, in the precision of training. The chief looks for all."""
    data, net = prepared.data, prepared.net
    if not len(data.validation):
        return dict
    likelihood = objectives.default(data.spec.targets)
    workers = prepared.experiment.workers
    kept: list[Batch] = []
    if isinstance(data.validation.inputs, Tensor):
        kept = list(in_order(data.validation, data.spec, device=prepared.device))

    def look() -> Mapping[str, float]:
        if not processes.chief:
            return processes.from_chief({})
        ordered = kept or in_order(data.validation, data.spec, device=prepared.device, workers=workers)
        with autocast(prepared.precision, prepared.device):
            said = answers(net, ordered, likelihood, data.spec.targets)
        name = "RMSE" if data.spec.targets.kind == "real" else "accuracy"
        figure = scores(said, data.spec.targets, data.train.targets).values[name]
        return processes.from_chief({"validation loss": mean_cost(said), f"validation {name}": figure})

    return look


def check_finite(net: nn.Module, position: Position) -> None:
    """Raise ProfundoError rather than save a network that the last update ruined, after losses that were finite yet."""
    for name, tensor in net.named_parameters():
        if not bool(tensor.isfinite().all()):
            raise ProfundoError(
                f"before epoch {position.epoch + 1}, step {position.index + 1}: {name} is no longer finite; the last "
                "checkpoint is from before. Try a smaller --learning-rate, or look for extreme values in the data"
            )


# ------------------------------------------------------------------------------------------------ what is saved
def snapshot(
    prepared: Prepared,
    update: Update,
    history: History,
    stopper: EarlyStop | None,
    position: Position,
    randoms: list[State],
) -> State:
    return {
        "experiment": prepared.experiment.settings(),
        "position": [position.epoch, position.index],
        "update": update.state_dict(),
        "history": history.state_dict(),
        "early_stop": stopper.state_dict() if stopper else None,
        "random": randoms,
        "on": where(prepared),
    }


def where(prepared: Prepared) -> dict[str, str]:
    """What must be the same for the same bits."""
    return {
        "device": prepared.device.type,
        "precision": prepared.precision,
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
    }


def begin(asked: Experiment, processes: Group) -> Position:
    """Every process draws its own dropout, the first one as a single process would."""
    torch.manual_seed(mix(asked.seed, processes.rank))
    return Position()


def restore(state: State, update: Update, history: History, stopper: EarlyStop | None, processes: Group) -> Position:
    """Put everything back as `snapshot` found it. Returns the next update to do."""
    try:
        update.load_state_dict(state["update"])
        history.load_state_dict(state["history"])
        if stopper is not None:
            stopper.load_state_dict(state["early_stop"])
        restore_random_state(state["random"][processes.rank])
        return Position(*state["position"])
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        said = " ".join(str(error).split())
        raise ProfundoError(f"the newest checkpoint is not one of this network and this training: {said}") from None
