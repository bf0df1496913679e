"""One training of whatever kind: the loop and its consumers put together, saved as it goes, gone on with to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from profundo.data.batches import mix
from profundo.doctor.vital_signs import VitalSigns, Watched, noted_losses
from profundo.files import in_words
from profundo.languages import Said
from profundo.records import NotFiniteError, ProfundoError, Step
from profundo.runs.folder import Folder, write_history
from profundo.runs.live.live_progress import Telling
from profundo.runs.tensorboard import Diary, told
from profundo.runs.voice import Voice
from profundo.threads import person_decides, using
from profundo.train import (
    Batches,
    EarlyStop,
    Film,
    History,
    Plan,
    Position,
    Update,
    checkpoint,
    early_stop,
    filmed,
    fit,
    gradient_norms,
    progress,
    record,
)
from profundo.train.checkpoints import State, interruptible, save_checkpoint
from profundo.train.distributed import Group
from profundo.train.hardware import free_heap, keep_heap, repeatable
from profundo.train.kept_epochs import keeping_epochs
from profundo.train.longer import ONE, Rounds, again
from profundo.train.loop import note_rates
from profundo.train.pacing import Paced, recorded_threads
from profundo.train.randomness import random_state, restore_random_state, seed_pytorch

__all__ = ["Keeping", "State", "Training", "epochs_done", "is_out_of_memory", "learn", "where"]


@dataclass(frozen=True, slots=True)
class Training:
    """What is learnt and what watches it. seed: of everything drawn at random while it lasts; gradients: whether their
    norm is part of the history; diary: where every epoch is also told; signs: where vital signs are written down; consult:
    what is called when an epoch ended, and may end the training; rounds: where early stopping may lead to a second one."""

    update: Update
    batches: Batches
    plan: Plan
    history: History
    device: torch.device
    precision: str = "float32"
    validate: Callable[[], Mapping[str, float]] = dict
    stopper: EarlyStop | None = None
    film: Film | None = None
    seed: int = 0
    gradients: bool = False
    diary: Diary | None = None
    signs: VitalSigns | None = None
    consult: Callable[[], None] | None = None
    rounds: Rounds = ONE

    def epochs_from(self, done: int) -> int:
        """To how many a training that goes on after so many is counted: a second one is not announced before it begins."""
        rounds = self.rounds
        return rounds.epochs if rounds.times and done < rounds.epochs else self.plan.epochs


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where the state of a training is saved, how often, and what is saved with it: `facts`, to know it again by. epochs: whether
    the weights of the first network after each epoch are kept, too. live: who is told how far it is."""

    folder: Folder
    checkpoints: Path
    facts: Mapping[str, Any]
    seconds: float = 30.0
    history_file: bool = True
    epochs: bool = False
    live: Telling | None = None


def learn(training: Training, keeping: Keeping | None, processes: Group, voice: Voice, state: State | None) -> None:
    """Train, from the start or from a checkpoint's state. The history fills; the networks hold the weights to keep.

    keeping: None keeps nothing. Raises Interrupted after SIGINT or SIGTERM, when the state has been saved.
    """
    keep_heap()
    history, rounds = training.history, training.rounds
    initial = beginning(training, state)
    start = begin(training.seed, processes) if state is None else restore(state, training, processes)
    saved = start
    bits = recorded_threads(state)
    say_other_threads(bits, voice)
    paced = Paced(training.update, bits, alone=processes.size == 1)

    def save(position: Position) -> None:
        nonlocal saved
        saved = position
        history.settle(position.epoch)
        check_finite(training.update.networks, position)
        randoms = processes.gather(random_state())
        if keeping is not None:
            done = position.epoch * len(training.batches) + position.index
            keeping.folder.check()
            state = snapshot(training, keeping, position, randoms, paced.bits)
            if rounds.times and position.epoch <= rounds.epochs:
                state["initial"] = initial
            save_checkpoint(
                keeping.checkpoints, done, state, within=keeping.folder.path, resuming=keeping.folder.resuming
            )
            if keeping.history_file:
                write_history(keeping.folder, history.to_csv())

    update: Update = paced if training.device.type == "cpu" else training.update
    if training.signs is not None:
        update = Watched(update, training.signs, start.epoch * len(training.batches) + start.index)
    with interruptible() as signalled, repeatable(training.device, training.precision), using(bits or 1):
        steps = fit(update, training.batches, training.plan, start)
        steps = again(
            steps, rounds, training.update, initial, start, lambda: begins_again(training, keeping, processes, voice)
        )
        if keeping is not None and keeping.epochs:
            net, folder = next(iter(update.networks.values())), keeping.folder
            done = None if start == Position() else start.epoch
            steps = keeping_epochs(steps, net, folder.epochs, folder.path, done)
        steps = watched(steps, training, voice)
        steps = until_told(steps, keeping.folder.stop if keeping is not None else None, start, processes, voice)
        if keeping is not None and keeping.live is not None:
            keeping.live.start(training.epochs_from(start.epoch), len(training.batches))
            steps = keeping.live.follow(steps, history if keeping.history_file else None)
        for _ in checkpoint(  # outermost: what it saves includes what the others made of the same step
            steps,
            save,
            seconds=keeping.seconds if keeping is not None else float("inf"),
            signalled=signalled,
            agree=processes.agree,
        ):
            pass
    free_heap()
    end = Position(len(history))
    if saved != end:
        save(end)
    if training.stopper is not None:
        try:
            training.stopper.restore()
        except Exception as error:  # noqa: BLE001 - of hooks of the net, or a buffer that grew
            raise ProfundoError(
                f"the weights of the best epoch cannot be put back: {' '.join(str(error).split())}; let the net's buffers "
                "keep their shapes, or leave out early_stop"
            ) from None


def beginning(training: Training, state: State | None) -> State:
    """Where a second training is to begin: where the first did, also if that was in another process. Empty where none may come."""
    if not training.rounds.times:
        return {}
    note_rates(training.update)
    kept: State | None = (state or {}).get("initial")
    return kept if kept is not None else deepcopy(training.update.state_dict())


def begins_again(training: Training, keeping: Keeping | None, processes: Group, voice: Voice) -> None:
    """Say that a second training begins, to all who must know."""
    rounds, in_epoch = training.rounds, len(training.batches)
    voice.notice(
        f"validation got better until the end: once more from the start, {rounds.times} times as long, and the best is kept"
    )
    voice.stop()
    voice.start(rounds.total, in_epoch, processes.size)
    if keeping is not None and keeping.live is not None:
        keeping.live.start(rounds.total, in_epoch)


def watched(steps: Iterator[Step], training: Training, voice: Voice) -> Iterator[Step]:
    """The steps, with all that looks at them."""
    history = training.history
    if training.gradients:
        steps = gradient_norms(steps, history, training.update.networks, len(training.batches))
    steps = record(steps, history, training.validate)
    if training.signs is not None:
        steps = noted_losses(steps, training.signs, lambda: next(iter(history.last_losses.values()), []))
    if training.diary is not None:
        steps = told(steps, history, training.diary)
    if training.film is not None:
        steps = filmed(steps, training.film)
    if training.stopper is not None:
        steps = early_stop(steps, training.stopper)
    if training.consult is not None:
        steps = consulted(steps, training.consult)
    return progress(steps, voice, history)


def until_told(
    steps: Iterator[Step], stop: Path | None, start: Position, processes: Group, voice: Voice
) -> Iterator[Step]:
    """To the end of the epoch in which somebody makes the file `stop` in the run's folder: what was learned until then is judged
    and kept, as of a training that ended by itself. It stays there, and says so. stop: None in processes that keep nothing."""
    told = stop is not None and stop.exists()
    if start.epoch and start.index == 0 and max(processes.gather(told)):  # resumed after that epoch
        return
    for step in steps:
        yield step
        if step.last and processes.agree(step, int(stop is not None and stop.exists())):
            voice.notice(f"ended after epoch {step.epoch + 1}, as asked by the file stop")
            return


def consulted(steps: Iterator[Step], consult: Callable[[], None]) -> Iterator[Step]:
    for step in steps:
        if step.last:
            consult()
        yield step


def say_other_threads(bits: int | None, voice: Voice) -> None:
    """bits: the number of threads whose bits the training has so far."""
    if bits and person_decides() and bits != torch.get_num_threads():
        voice.notice(
            f"threads were {bits}, OMP_NUM_THREADS makes them {torch.get_num_threads()}: the result may differ in its last "
            "digits; leave it out for the same bits"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Of a GPU, which has a class for it, or of the processor, where PyTorch says it in words."""
    in_words = "allocate memory" in str(error) or "out of memory" in str(error)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and in_words)


def check_finite(networks: Mapping[str, nn.Module], position: Position) -> None:
    """Raise ProfundoError rather than save a network that the last update ruined, after losses that were finite yet."""
    for net in networks.values():
        for name, tensor in net.named_parameters():
            if not bool(tensor.isfinite().all()):
                raise NotFiniteError(
                    Said("refusals.weights_not_finite", epoch=position.epoch + 1, step=position.index + 1, name=name)
                )


# ------------------------------------------------------------------------------------------------ what is saved
def snapshot(
    training: Training, keeping: Keeping, position: Position, randoms: list[State], threads: int | None
) -> State:
    on = {**keeping.facts.get("on", {}), **({"threads": str(threads)} if threads else {})}
    return {
        **keeping.facts,
        "on": on,
        "position": [position.epoch, position.index],
        "update": training.update.state_dict(),
        "history": training.history.state_dict(),
        "early_stop": training.stopper.state_dict() if training.stopper else None,
        "film": training.film.state_dict() if training.film else None,
        "random": randoms,
        "seconds": keeping.live.clock.seconds() if keeping.live is not None else {},
    }


def where(device: torch.device, precision: str) -> dict[str, str]:
    """What must be the same for the same bits, beside the number of threads, which is kept by itself (train/pacing.py)."""
    return {
        "device": device.type,
        "precision": precision,
        "torch": torch.__version__,
    }


def epochs_done(state: State | None) -> int:
    """As a checkpoint says it; `restore` judges whether it is one."""
    match (state or {}).get("position"):
        case [int(epoch), _]:
            return epoch
    return 0


def begin(seed: int, processes: Group) -> Position:
    """Every process draws its own dropout, the first one as a single process would."""
    seed_pytorch(mix(seed, processes.rank))
    return Position()


def restore(state: State, training: Training, processes: Group) -> Position:
    """Put everything back as `snapshot` found it. Returns the next update to do."""
    try:
        training.update.load_state_dict(state["update"])
        training.history.load_state_dict(state["history"])
        if training.stopper is not None:
            training.stopper.load_state_dict(state["early_stop"])
        if training.film is not None:
            training.film.load_state_dict(state["film"])
        if training.signs is not None:
            epoch, index = state["position"]
            training.signs.go_on(training.history.rows, epoch * len(training.batches), index)
        restore_random_state(state["random"][processes.rank])
        epoch, index = state["position"]
        if not (
            isinstance(epoch, int) and isinstance(index, int) and 0 <= epoch <= training.plan.epochs and index >= 0
        ):
            raise ValueError(f"its position is {state['position']}")
        return Position(epoch, index)
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise ProfundoError(
            f"the newest checkpoint is not one of this network and this training: {in_words(error)}; train anew"
        ) from None
