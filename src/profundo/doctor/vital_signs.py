"""Vital signs of a training on its way, looked at now and then: how signals and gradients travel through the net, how far
weights move, how noisy gradients are, and whether a step goes as far as the cost bends.

    watched = Watched(update, signs := VitalSigns())       # an update for the loop, train/loop.py
    for step in fit(watched, batches, plan): …
    signs.arrays()["update ratio"]                         # (looks, weights)

The training is not touched: what is computed besides is computed on a copy of the net, with every generator put back, so that
a watched training has the bits of one that is not. Values stay on the device until they are asked for.

With gradients a, b of the halves of a batch (n samples each), g their mean, and a step that moved the weights by d:

    noise scale   tr Σ / |G|²,  tr Σ ≈ n|a − b|²/2,  |G|² ≈ a·b        McCandlish et al. 2018, section 2; a batch of that size is
                                                                       as much signal as noise
    curvature     dᵀHd / |g·d| ≈ 2 (L(w + d) − L(w) − g·d) / |g·d|    0 straight, 1 the bottom of the parabola, above 2 uphill
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from profundo.doctor.course import measures
from profundo.doctor.passage import RECTIFIERS, SQUASHERS, Call, Functions
from profundo.doctor.rebinding import rebound
from profundo.doctor.trials import main
from profundo.languages import Said
from profundo.records import Batch, Step
from profundo.train.loop import Around, Update
from profundo.train.randomness import random_state, restore_random_state
from profundo.train.updates import Supervised, part_of
from profundo.trees import length

__all__ = ["EDGES", "VitalSigns", "Watched", "noted_losses", "update_of"]

SHARE = 0.03  # of the training's time that looks may take
# Seconds that the looks at steps 1, 2, 4, 8 … may take, whatever the share: a short training is seen, too.
AT_FIRST = 0.05
MOST_LOOKS, MOST_ROWS, MOST_LOSSES, MOST_SPIKES = 96, 48, 1024, 64
MOST_COUNTED = 20_000  # values of a tensor that its histogram is made of
EDGES = np.linspace(-10, 4, 29)  # of histograms, in powers of ten of the size
SMOOTH = {"gelu", "silu", "elu", "selu", "celu", "leaky_relu", "prelu", "mish", "softplus", "softmax"}
ACTIVATIONS = RECTIFIERS | SQUASHERS | SMOOTH
SPIKE, NEAR = 4.0, 20  # times the median of so many losses before it


@dataclass
class VitalSigns:
    """What was seen. layers: functions of the net in their order, weights: parameters by name, the rows of what is seen of them.

    looks: of each look its figures by name, on the device. first: the loss of the first step; losses: means over `block`
    steps each, rest: those since; before: the last ones. spikes: step and loss.
    off: why nothing is looked at any more.
    """

    layers: list[str] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    looks: list[dict[str, Tensor]] = field(default_factory=list)
    first: float = math.nan
    losses: list[float] = field(default_factory=list)
    block: int = 1
    rest: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    spikes: list[tuple[int, float]] = field(default_factory=list)
    done: int = 0
    every: int = 1
    off: str = ""

    def add(self, step: int, figures: dict[str, Tensor]) -> None:
        self.steps.append(step)
        self.looks.append(figures)
        if len(self.steps) > MOST_LOOKS:
            del self.steps[1::2], self.looks[1::2]
            self.every *= 2

    def add_losses(self, losses: Sequence[float]) -> None:
        """Of the next steps, in their order."""
        if not self.done and losses:
            self.first = losses[0]
        for loss in losses:
            self.done += 1
            near = sorted(self.before)
            if len(near) == NEAR and loss > SPIKE * abs(near[NEAR // 2]) and len(self.spikes) < MOST_SPIKES:
                self.spikes.append((self.done, loss))
            self.before = [*self.before[1 - NEAR :], loss]
            self.rest.append(loss)
            if len(self.rest) == self.block:
                self.losses.append(sum(self.rest) / self.block)
                self.rest = []
        while len(self.losses) > MOST_LOSSES:
            even = len(self.losses) // 2 * 2
            self.rest = self.losses[even:] * self.block + self.rest
            self.losses = [(a + b) / 2 for a, b in zip(self.losses[:even:2], self.losses[1:even:2], strict=True)]
            self.block *= 2

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by name, the looks along the first axis; NaN where something was not seen."""
        result = {
            "step": np.array(self.steps, np.int64),
            "layer": np.array(self.layers, np.str_),
            "weight": np.array(self.weights, np.str_),
            "edges": EDGES,
            "loss": np.array(self.losses, np.float64),
            "steps of a loss": np.array(self.block, np.int64),
            "spikes": np.array(self.spikes, np.float64).reshape(-1, 2),
        }
        result |= {name: np.array(getattr(self, name), np.float64) for name in ("rest", "before")}
        result |= {name: np.array(getattr(self, name), np.int64) for name in ("done", "every")}
        result |= {name: stacked([look.get(name) for look in self.looks]) for name in FIGURES}
        return result | {"noise scale": noise_scales(result["noise"]), "curvature": curvatures(result["along"])}

    def recall(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what an interrupted training had seen. Raises LookupError, ValueError or TypeError for other arrays."""
        self.layers, self.weights, self.steps = (arrays[name].tolist() for name in ("layer", "weight", "step"))
        seen = {name: torch.from_numpy(arrays[name]) for name in FIGURES if arrays[name].shape[1]}
        self.looks = [{name: values[place] for name, values in seen.items()} for place in range(len(self.steps))]
        self.losses, self.rest, self.before = (arrays[name].tolist() for name in ("loss", "rest", "before"))
        self.spikes = [(int(step), loss) for step, loss in arrays["spikes"].tolist()]
        self.block, self.done, self.every = (int(arrays[name]) for name in ("steps of a loss", "done", "every"))

    def go_on(self, rows: Sequence[Mapping[str, float]], done: int, index: int) -> None:
        """From a checkpoint: what was seen after it is forgotten, and of losses that were not seen there is NaN.

        rows: of the history, an epoch each, in all `done` steps; index: steps of the next epoch.
        """
        seen = sum(step <= done + index for step in self.steps)
        self.steps, self.looks = self.steps[:seen], self.looks[:seen]
        while done // self.block > MOST_LOSSES:
            self.block *= 2
        self.losses = padded(self.losses, done // self.block)
        self.rest = padded(self.rest if self.done == done else [], done % self.block)
        self.before = self.before if self.done == done else []
        self.spikes = [one for one in self.spikes if one[0] <= done]
        self.first, self.done = rows[0].get("loss", math.nan) if rows else math.nan, done


def padded(values: list[float], count: int) -> list[float]:
    return values[:count] + [math.nan] * (count - len(values))


FIGURES = ("activations", "activation sizes", "gradient", "gradient sizes", "update ratio", "noise", "along")
"""Of a look. By layer: mean, deviation, dead and saturated share (layers, 4), and counts of sizes. By weight: the gradient's
norm, counts of its sizes, and the move's norm over the weight's. Of the step: a·b, |a − b|², n (3,); L(w), L(w + d), g·d (3,)."""


def stacked(values: Sequence[Tensor | None]) -> np.ndarray:
    """(looks, …); NaN where a look has none, or one of another shape, as of a net that changes while it is trained."""
    known = [value for value in values if value is not None]
    if not known:
        return np.zeros((len(values), 0))
    none = torch.full(known[0].shape, math.nan)
    rows = [none if value is None or value.shape != none.shape else value.float().cpu() for value in values]
    result: np.ndarray = torch.stack(rows).numpy()
    return result


def noise_scales(noise: np.ndarray) -> np.ndarray:
    """(looks,) of a·b, |a − b|² and n; both are averaged over the last looks, for of one alone they are very rough."""
    if not noise.shape[1]:
        return np.full(len(noise), math.nan)
    signal, spread = noise[:, 0].astype(np.float64), noise[:, 1].astype(np.float64) * noise[:, 2] / 2
    window = [slice(max(0, at - 4), at + 1) for at in range(len(noise))]
    return ratios(np.array([spread[one].mean() for one in window]), np.array([signal[one].mean() for one in window]))


def curvatures(along: np.ndarray) -> np.ndarray:
    """(looks,) of L(w), L(w + d) and g·d."""
    if not along.shape[1]:
        return np.full(len(along), math.nan)
    before, after, slope = along.T.astype(np.float64)
    with np.errstate(invalid="ignore"):  # of a training that blew up
        return ratios(2 * (after - before - slope), np.abs(slope))


def ratios(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """NaN where the size is not above 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sizes > 0, values / sizes, math.nan)


# --------------------------------------------------------------------------------------------------------------- looking
Before = tuple[Any, list[Tensor], dict[str, Tensor], list[Tensor], Tensor]
"""Of a step: the generators, the weights, the figures so far, the gradient and the cost, of the copy."""


class Watched(Around):
    """An update that is looked at now and then; what it does is what the update does. count: of steps done before."""

    update: Update

    def __init__(self, update: Update, signs: VitalSigns, count: int = 0) -> None:
        self.update, self.signs = update, signs
        self.supervised = update_of(update)
        self.copy: Supervised | None = None
        on_gpu = next(self.supervised.net.parameters()).is_cuda
        self.now = time.perf_counter if on_gpu else time.thread_time  # seconds of this thread, whoever else computes
        self.count, self.begin, self.spent, self.cost = count, self.now(), 0.0, 0.0

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        step = self.count
        self.count += 1
        if not self.is_due(step):
            return self.update(batch)
        began = self.clock()
        before = self.quietly(self.look_before, batch)
        spent = self.clock() - began
        losses = self.update(batch)
        began = self.clock()
        if before is not None:
            self.quietly(self.look_after, batch, step, before)
        spent += self.clock() - began
        self.cost = min(spent, self.cost or spent)  # the first one takes longer than others
        self.spent += spent
        return losses

    def is_due(self, step: int) -> bool:
        """The first look tells what one costs."""
        signs = self.signs
        if signs.off or step % signs.every:
            return False
        spent = self.spent + self.cost
        if step & (step - 1) == 0 and spent <= AT_FIRST:
            return True
        return spent <= SHARE * (self.now() - self.begin - self.spent)

    def clock(self) -> float:
        """`now`, when a GPU has done what it was given."""
        if self.now is time.perf_counter:
            torch.cuda.synchronize()
        return self.now()

    def quietly(self, look: Callable[..., Any], *arguments: Any) -> Any:
        """Where a look fails there are none from then on: the training goes on."""
        try:
            return look(*arguments)
        except Exception as error:  # noqa: BLE001 - the person's own net, or no memory for a copy
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            self.signs.off = Said("refusals.signs_until", step=self.count, reason=reason)
            self.copy = None
            return None

    def parameters(self) -> dict[str, nn.Parameter]:
        return {name: one for name, one in self.supervised.net.named_parameters() if one.requires_grad}

    def look_before(self, batch: Batch) -> Before:
        weights = [one.detach().clone() for one in self.parameters().values()]
        if self.copy is None:
            self.copy = copied_update(self.supervised)
        load(self.copy.net, self.supervised.net)
        rows: list[tuple[str, Tensor, Tensor]] = []
        halves = halves_of(batch)
        moving = [one for one in self.copy.net.parameters() if one.requires_grad]
        gradients, costs = [], []
        chance = random_state()
        with drawing(chance), torch.enable_grad():
            for place, half in enumerate(halves):
                with Functions(listener(rows) if place == 0 else passed):
                    costs.append(self.copy.cost(*half))
                gradients.append(torch.autograd.grad(costs[-1], moving, allow_unused=True))
        whole = [sum_of(parts, like) for parts, like in zip(zip(*gradients, strict=True), weights, strict=True)]
        figures = {}
        if rows:
            rows = [rows[at] for at in spread(len(rows))]
            self.signs.layers = self.signs.layers or [name for name, _, _ in rows]
            figures["activations"] = torch.stack([one for _, one, _ in rows])
            figures["activation sizes"] = torch.stack([one for _, _, one in rows])
        if len(halves) == 2:
            figures["noise"] = noise_of(gradients, [length(half[1]) for half in halves], batch.total)
        return chance, weights, figures, whole, torch.stack([cost.detach().float() for cost in costs]).sum()

    def look_after(self, batch: Batch, step: int, seen: Before) -> None:
        chance, before, figures, whole, cost = seen
        parameters = self.parameters()
        moves = [one.detach() - was for one, was in zip(parameters.values(), before, strict=True)]
        assert self.copy is not None
        load(self.copy.net, self.supervised.net)
        with drawing(chance), torch.no_grad():
            after = torch.stack([self.copy.cost(*half).float() for half in halves_of(batch)]).sum()
        slope = torch.stack([(a.float() * b.float()).sum() for a, b in zip(whole, moves, strict=True)]).sum()
        figures["along"] = torch.stack([cost, after, slope])
        names = [name for name, one in parameters.items() if one.ndim > 1] or list(parameters)
        names = [names[at] for at in spread(len(names))]
        self.signs.weights = self.signs.weights or names
        at = {name: place for place, name in enumerate(parameters)}
        gradients = [dense(parameters[name]) for name in names]
        figures["gradient"] = torch.stack([one.norm().float() for one in gradients])
        figures["gradient sizes"] = torch.stack([sizes(one) for one in gradients])
        sizes_of = [moves[at[name]].norm() / before[at[name]].norm().clamp_min(1e-12) for name in names]
        figures["update ratio"] = torch.stack(sizes_of).float()
        self.signs.add(step + 1, figures)


@contextmanager
def drawing(chance: Any) -> Iterator[None]:
    """Every generator as it was at that moment; afterwards as before."""
    before = random_state()
    restore_random_state(chance)
    try:
        yield
    finally:
        restore_random_state(before)


def update_of(update: Any) -> Supervised:
    """The plain update within what paces and records it."""
    while not isinstance(update, Supervised):
        update = update.update
    return update


def copied_update(update: Supervised) -> Supervised:
    """The same cost on a copy of the net; its optimizer is not there to be used."""
    memo: dict[int, Any] = {}
    result = copy.copy(update)
    result.net = result.forward = copy.deepcopy(update.net, memo)
    result.objective = rebound(update.objective, memo)
    return result


def load(net: nn.Module, other: nn.Module) -> None:
    """The values of the other's parameters and buffers, and its modes."""
    with torch.no_grad():
        for own, its in ((net.parameters(), other.parameters()), (net.buffers(), other.buffers())):
            for one, value in zip(own, its, strict=True):
                one.copy_(value)
    for module, like in zip(net.modules(), other.modules(), strict=True):
        module.training = like.training


def halves_of(batch: Batch) -> list[tuple[Any, Any, int, Tensor | None]]:
    """A batch in two parts; of fewer than four samples, which a normalisation could not take, in one."""
    count = length(batch.targets)
    if count < 4:
        return [part_of(batch, 0, count)]
    return [part_of(batch, 0, count // 2), part_of(batch, count // 2, count - count // 2)]


def listener(rows: list[tuple[str, Tensor, Tensor]]) -> Callable[[Call, Callable[[], Any]], Any]:
    """Writes down the values of every layer and activation of one pass."""
    names: dict[str, int] = {}

    def listen(call: Call, run: Callable[[], Any]) -> Any:
        result = run()
        values = main(result)
        seen = call.weighted or (call.function in ACTIVATIONS and call.number > 0)
        if seen and isinstance(values, Tensor) and values.is_floating_point() and values.numel():
            names[call.function] = names.get(call.function, 0) + 1
            name = f"{call.function.replace('_', ' ')} {names[call.function]}"
            rows.append((name, measures(values.detach().float()), sizes(values.detach())))
        return result

    return listen


def passed(_call: Call, run: Callable[[], Any]) -> Any:
    return run()


def noise_of(gradients: Sequence[Sequence[Tensor | None]], counts: Sequence[int], total: int) -> Tensor:
    """a·b, |a − b|² and the samples of a half, of each half's share of the mean cost's gradient."""
    both = [(a, b) for a, b in zip(*gradients, strict=True) if a is not None and b is not None]
    pairs = [(a.float() * (total / counts[0]), b.float() * (total / counts[1])) for a, b in both]
    product = torch.stack([(a * b).sum() for a, b in pairs]).sum()
    apart = torch.stack([(a - b).square().sum() for a, b in pairs]).sum()
    return torch.stack([product, apart, product.new_tensor(2 / (1 / counts[0] + 1 / counts[1]))])


def sum_of(parts: Sequence[Tensor | None], like: Tensor) -> Tensor:
    return sum((part for part in parts if part is not None), torch.zeros_like(like))


def sizes(values: Tensor) -> Tensor:
    """How many values are of which size (bins,), of so many evenly chosen ones; those beyond an end are in its bin."""
    flat = values.flatten()
    some = flat[:: max(1, flat.numel() // MOST_COUNTED)].abs().float()
    powers = some[some.isfinite()].clamp(10.0 ** EDGES[0], 10.0 ** EDGES[-1]).log10()
    return torch.histc(powers, len(EDGES) - 1, float(EDGES[0]), float(EDGES[-1]))


def dense(parameter: nn.Parameter) -> Tensor:
    """Its gradient; zeros where it has none."""
    gradient = parameter.grad
    if gradient is None:
        return torch.zeros_like(parameter)
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def spread(count: int) -> list[int]:
    """All places, or so many evenly spread ones."""
    return list(range(count)) if count <= MOST_ROWS else [at * count // MOST_ROWS for at in range(MOST_ROWS)]


# ------------------------------------------------------------------------------------------------------- with the history
def noted_losses(steps: Iterable[Step], signs: VitalSigns, losses: Callable[[], Sequence[float]]) -> Iterator[Step]:
    """Write down the losses of every epoch when it ends, when the history has read them. losses: of its last steps."""
    for step in steps:
        if step.last:
            signs.add_losses(losses()[-(step.index + 1) :])
        yield step
