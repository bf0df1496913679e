"""Learning-rate range test: a few steps of training whose rate grows, to see where the loss falls and where it diverges.

Smith 2017 ("Cyclical Learning Rates for Training Neural Networks", section 3.3) lets the rate grow in a straight line;
here it grows exponentially, so that each decade gets as many steps. The losses of the batches are smoothed by a mean that
forgets: aᵢ = β aᵢ₋₁ + (1−β) lᵢ, over 1 − βⁱ, which makes up for the beginning (Kingma & Ba 2015, section 3).

    found = range_test(update, batches, low=1e-5, high=10)      # the update is afterwards as it was before
    found.suggestion
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.records import ProfundoError
from profundo.train.loop import Batches, Plan, Repeated, Update, fit
from profundo.train.randomness import random_state, restore_random_state

__all__ = ["RangeTest", "measure", "range_test", "smooth", "untouched"]

FORGET = 0.9  # β: about the last ten batches count
FEWEST = 10  # steps before a test may stop
DONE = 0.9  # share of the fall after which the loss counts as fallen


@dataclass(frozen=True, slots=True)
class RangeTest:
    """rates: of each step; losses: of its batch, before the step; smoothed: their forgetful mean, all of one length.

    The last losses may be infinite or NaN: those of the step at which the test stopped.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    diverged: bool

    @property
    def lowest(self) -> float:
        """The rate at which the smoothed loss is lowest: one that is already too large to begin with."""
        return self.rates[lowest(self.smoothed)]

    @property
    def steepest(self) -> float:
        """The rate at which the smoothed loss falls most steeply over log η."""
        return self.rates[steepest(self.rates, self.smoothed)]

    @property
    def fallen(self) -> float:
        """The first rate at which the smoothed loss has made nine tenths of its fall.

        Where the bottom is flat, this says more than where the lowest happens to lie.
        """
        start, best = self.smoothed[0], self.smoothed[lowest(self.smoothed)]
        down = (at for at, loss in enumerate(self.smoothed) if loss <= start - DONE * (start - best))
        return self.rates[next(down, 0)]

    @property
    def suggestion(self) -> float:
        """Half the rate at which nine tenths of the fall are done."""
        return self.fallen / 2


def growing(low: float, high: float, steps: int) -> list[float]:
    """From low to high, each the same multiple of the one before: low (high/low)^(i/(steps−1))."""
    return [low * (high / low) ** (index / (steps - 1)) for index in range(steps)]


def smooth(losses: Iterable[float], forget: float = FORGET) -> list[float]:
    """The mean that forgets, after each loss."""
    mean, smoothed = 0.0, []
    for count, loss in enumerate(losses, 1):
        mean = forget * mean + (1 - forget) * loss
        smoothed.append(mean / (1 - forget**count))
    return smoothed


def is_diverging(smoothed: Sequence[float]) -> bool:
    """Whether the loss has risen as far above its start as its lowest is below it, and at least to double.

    A loss that is not a number has diverged at any time.
    """
    if not math.isfinite(smoothed[-1]):
        return True
    start, best = smoothed[0], min(smoothed)
    return len(smoothed) >= FEWEST and smoothed[-1] > start + max(start - best, abs(start))


def lowest(smoothed: Sequence[float]) -> int:
    return min(range(len(smoothed)), key=lambda at: smoothed[at] if math.isfinite(smoothed[at]) else math.inf)


def steepest(rates: Sequence[float], smoothed: Sequence[float]) -> int:
    """Where d smoothed / d log η, by central differences, is least, before the lowest loss; the beginning if it never
    falls."""
    end = lowest(smoothed)
    slopes = {
        at: (smoothed[at + 1] - smoothed[at - 1]) / math.log(rates[at + 1] / rates[at - 1]) for at in range(1, end)
    }
    return min(slopes, key=slopes.__getitem__) if slopes else 0


def range_test(
    update: Update, batches: Batches | Iterable[Any], *, low: float, high: float, steps: int = 100
) -> RangeTest:
    """Train for at most `steps` steps at rates from low to high, and undo it all (`untouched`).

    Where parameters have rates of their own, low and high are those of the first optimizer's first group; the others
    keep their proportion to it. Raises ProfundoError unless 0 < low < high and there are at least ten steps.
    """
    with untouched(update.networks, update.optimizers, own_generators(batches)):
        return measure(update, batches, low=low, high=high, steps=steps)


def measure(
    update: Update,
    batches: Batches | Iterable[Any],
    *,
    low: float,
    high: float,
    steps: int = 100,
    stop: Callable[[Sequence[float]], bool] = is_diverging,
) -> RangeTest:
    """The range test itself, which leaves the update wherever it ended."""
    if not 0 < low < high < math.inf or steps < FEWEST:
        raise ProfundoError(
            f"range test: expected 0 < low < high and at least {FEWEST} steps, got {low:g}, {high:g} and {steps}"
        )
    served: Batches = batches if hasattr(batches, "epoch") else Repeated(batches)  # type: ignore[assignment]
    rates = growing(low, high, steps)
    epochs = -(-steps // max(1, len(served)))
    total = epochs * len(served)
    group = next(iter(update.optimizers)).param_groups[0]
    first = float(group.get("initial_lr", group["lr"]))
    plan = Plan(epochs, lambda share: rates[min(round(share * total), steps - 1)] / first)
    losses: list[float] = []
    smoothed: list[float] = []
    for step in fit(update, served, plan):
        losses.append(float(step.losses["loss"]))
        smoothed = smooth(losses)
        if stop(smoothed) or len(losses) == steps:
            break
    done = len(losses)
    return RangeTest(tuple(rates[:done]), tuple(losses), tuple(smoothed), done < steps or stop(smoothed))


# ------------------------------------------------------------------------------------------------- leaving no trace
@contextmanager
def untouched(
    networks: Mapping[str, nn.Module], optimizers: Iterable[Optimizer] = (), generators: Iterable[torch.Generator] = ()
) -> Iterator[None]:
    """Whatever happens inside, and however it ends, is undone: afterwards every bit is as before.

    Put back are parameters, gradients and buffers (those that no file keeps, too), on the device and in the layout that
    they had; plain values that modules keep, such as the mode of training or a count; states and settings of the
    optimizers; every global generator and those given. Costs a copy of all that for as long as it lasts.
    """
    undo = [
        *(put_back for net in networks.values() for module in net.modules() for put_back in _of_module(module)),
        *(put_back for optimizer in optimizers for put_back in _of_optimizer(optimizer)),
        *(_of_generator(generator) for generator in generators),
        _of_randomness(),
    ]
    try:
        yield
    finally:
        with _signals_waiting(), torch.no_grad():
            for put_back in undo:
                put_back()


Undo = Callable[[], object]
PLAIN = (bool, int, float, str, bytes, type(None), tuple)


def own_generators(batches: Any) -> list[torch.Generator]:
    """The generators that a DataLoader and its samplers shuffle by."""
    batch_sampler = getattr(batches, "batch_sampler", None)
    owners = (batches, getattr(batches, "sampler", None), batch_sampler, getattr(batch_sampler, "sampler", None))
    results = [getattr(owner, "generator", None) for owner in owners]
    return list({id(one): one for one in results if isinstance(one, torch.Generator)}.values())


def _of_module(module: nn.Module) -> Iterator[Undo]:
    for held in (module._parameters, module._buffers):
        yield _of_dict(held)
        yield from (_of_tensor(tensor) for tensor in held.values() if tensor is not None)
    kept = {name: value for name, value in vars(module).items() if isinstance(value, PLAIN)}

    def put_back() -> None:
        for name in [name for name, value in vars(module).items() if isinstance(value, PLAIN) and name not in kept]:
            del vars(module)[name]
        vars(module).update(kept)

    yield put_back


def _of_dict(held: dict[Any, Any]) -> Undo:
    before = dict(held)

    def put_back() -> None:
        held.clear()
        held.update(before)

    return put_back


def _of_tensor(tensor: Tensor) -> Undo:
    """Values in the same memory, which is laid out as it was; the gradient, and whether there is to be one."""
    place, values, wanted = tensor.data, tensor.detach().clone(), tensor.requires_grad
    gradient = tensor.grad
    slope = None if gradient is None else gradient.detach().clone()

    def put_back() -> None:
        tensor.data = place
        tensor.data.copy_(values)
        if tensor.is_leaf:
            tensor.requires_grad_(wanted)
            tensor.grad = gradient
        if gradient is not None and slope is not None:
            gradient.copy_(slope)

    return put_back


def _of_optimizer(optimizer: Optimizer) -> Iterator[Undo]:
    yield _of_dict(optimizer.state)
    for state in optimizer.state.values():
        yield _of_dict(state)
        yield from (_of_tensor(value) for value in state.values() if isinstance(value, Tensor))
    for group in optimizer.param_groups:
        yield _of_dict(group)
        yield from (
            _of_tensor(value) for name, value in group.items() if isinstance(value, Tensor) and name != "params"
        )


def _of_generator(generator: torch.Generator) -> Undo:
    state = generator.get_state()
    return lambda: generator.set_state(state)


def _of_randomness() -> Undo:
    state = random_state()
    return lambda: restore_random_state(state)


@contextmanager
def _signals_waiting() -> Iterator[None]:
    """Ctrl-C and the like wait, so that a second one does not leave half of it put back.

    Their handlers are held back, not the signals: the system may hand a signal to any thread, but Python runs handlers
    in the main one alone. In other threads there is nothing to hold back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda got, _frame: came.append(got))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        for late in came:
            signal.raise_signal(late)
