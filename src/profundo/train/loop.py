"""The training loop: a generator that does one update and hands over what happened.

    for step in fit(update, batches, Plan(epochs=3)):
        ...                       # watch, draw, prune, stop: ordinary code, here in the caller

It knows three things only. *Batches* says which samples come in which order; an *update* changes parameters, given a
batch; a *plan* says for how many epochs and at which rate. Progress, early stopping, history and checkpoints consume
this iterator or wrap it (watch.py, checkpoints.py); none of them is known here.

The loop never reads a value back from the device: who reads a loss pays for it. Gradients are cleared at the start of
the next update, so at every yielded Step they are there to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.languages import Said
from profundo.records import Batch, ProfundoError, Step
from profundo.train.schedules import constant

__all__ = ["Around", "Batches", "Plan", "Position", "Update", "fit", "note_rates"]


class Update(Protocol):
    """One way of learning: supervised, adversarial, contrastive … Holds its networks and its optimizers."""

    @property
    def networks(self) -> Mapping[str, nn.Module]: ...

    @property
    def optimizers(self) -> Iterable[Optimizer]: ...

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        """Change the parameters once. Returns scalar losses by name, detached, still on the device."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Around:
    """What does an update in its own way and is the same update to everybody else."""

    update: Any

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        networks: Mapping[str, nn.Module] = self.update.networks
        return networks

    @property
    def optimizers(self) -> Iterable[Optimizer]:
        optimizers: Iterable[Optimizer] = self.update.optimizers
        return optimizers

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self.update.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.update.load_state_dict(state)


class Batches(Protocol):
    """The same order of samples every time that the same epoch is asked for."""

    def __len__(self) -> int: ...

    def epoch(self, epoch: int, skip: int = 0) -> Iterable[Batch]:
        """The batches of one epoch, without the first `skip`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast.

    epochs: passes over the training samples, ≥ 1.
    schedule: from the share of training done, in [0, 1), to a factor for every learning rate (schedules.py).
    """

    epochs: int
    schedule: Callable[[float], float] = constant

    def __post_init__(self) -> None:
        if not isinstance(self.epochs, int) or self.epochs < 1:
            raise ProfundoError(f"plan: expected epochs of at least 1, a whole number, got {self.epochs!r}")
        if not callable(self.schedule):
            raise ProfundoError(
                f"plan: expected a function as schedule, got {self.schedule!r}; train.schedule(name) gives one"
            )


@dataclass(frozen=True, slots=True)
class Position:
    """The next update to do: epoch and index within it, both from 0."""

    epoch: int = 0
    index: int = 0


def fit(update: Update, batches: Batches | Iterable[Any], plan: Plan, start: Position | None = None) -> Iterator[Step]:
    """Train: one update per batch, `plan.epochs` times over. Yields a Step after each update.

    batches: a Batches, or anything that can be iterated once per epoch over (inputs, targets), such as a DataLoader.
    start: where to go on after an interruption.
    Raises ProfundoError when an epoch has no batch at all.
    """
    steps: Batches = batches if hasattr(batches, "epoch") else Repeated(batches)  # type: ignore[assignment]
    start = start or Position()
    note_rates(update)
    in_epoch = len(steps)
    if in_epoch == 0:
        raise ProfundoError(
            "training: expected at least one batch an epoch, got none; is the training split empty?",
            told=Said("refusals.no_batch"),
        )
    total = plan.epochs * in_epoch
    for epoch in range(start.epoch, plan.epochs):
        skip = start.index if epoch == start.epoch else 0
        index = skip - 1
        for index, batch in enumerate(steps.epoch(epoch, skip), skip):
            rate = plan.schedule((epoch * in_epoch + index) / total)
            for group in groups(update):  # anew, for an update may put back an earlier state
                group["lr"] = rate * group["initial_lr"]
            losses = update(batch)
            yield Step(epoch, index, losses, batch.total, rate, index + 1 == in_epoch)
        if index + 1 != in_epoch:
            raise ProfundoError(
                f"training: expected {in_epoch} batches in epoch {epoch + 1}, as len() says; got {index + 1}"
            )


def note_rates(update: Update) -> None:
    """Write beside each rate what the schedule takes shares of, by the name that PyTorch's own schedulers use."""
    for group in groups(update):
        group.setdefault("initial_lr", group["lr"])


def groups(update: Update) -> Iterator[dict[str, Any]]:
    return (group for optimizer in update.optimizers for group in optimizer.param_groups)


class Repeated:
    """Any iterable of (inputs, targets) as Batches. Its order is its own; resuming reads and drops what was seen."""

    def __init__(self, pairs: Any) -> None:
        if iter(pairs) is pairs:
            raise ProfundoError(
                "training: expected batches that can be read again every epoch, got an iterator; give a list"
            )
        self.pairs = pairs
        self.length: int = len(pairs) if hasattr(pairs, "__len__") else sum(1 for _ in pairs)

    def __len__(self) -> int:
        return self.length

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The epoch's number is told to samplers that want it (`set_epoch`)."""
        sampler = getattr(self.pairs, "sampler", None)
        if sampler is not None and hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch)
        for index, pair in enumerate(self.pairs):
            if index >= skip:
                yield pair if isinstance(pair, Batch) else Batch(pair[0], pair[1], len(pair[0]))
