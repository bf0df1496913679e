"""The loss at the places of a plane θ(a, b) = θ₀ + a u + b v, with no work done twice.

What a layer gives is linear in its own weights. Where no other weights come before it, its inputs are the same everywhere on
the plane, and so it gives y₀ + a y_u + b y_v, of three tensors that are computed once. A first convolution of few channels
is the slowest layer for its size: of LeNet-5 that halves the time of a place.

Places do not wait for each other: threads measure several, each with a copy of the net, where that is quicker. A place is
computed by one thread, so its bits do not tell how many there were.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from queue import SimpleQueue
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from profundo.inside.observing import removed_after
from profundo.inside.surface.directions import Plane
from profundo.inside.surface.weight_loss import WeightLoss
from profundo.threads import Pace, most_threads, person_decides, using
from profundo.trees import split_rows

__all__ = ["plane_losses", "refined_losses"]

LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)  # in their weights and biases together
MOST_BYTES = 1 << 28  # of what first layers give of all samples, three times: 256 MB
EACH = 2  # places of a thread between two looks at the clock
LOOK = 0.1  # seconds between two looks at a surface that is refined

Place = tuple[float, float]
Parts = tuple[Tensor, Tensor, Tensor]


def plane_losses(
    loss: WeightLoss,
    plane: Plane,
    across: Sequence[float],
    up: Sequence[float],
    known: Mapping[int, Tensor] | None = None,
) -> Iterator[tuple[int, Tensor]]:
    """Row by row, (index of b in `up`, losses over a in `across`). known: rows that need not be computed again."""
    surveyors: Surveyors | None = None
    try:
        for row, b in enumerate(up):
            if known and row in known:
                yield row, known[row]
                continue
            surveyors = surveyors or Surveyors(loss, plane)
            yield row, surveyors.losses([(a, b) for a in across])
    finally:
        if surveyors is not None:
            surveyors.close()


def refined_losses(
    loss: WeightLoss,
    plane: Plane,
    across: Sequence[float],
    up: Sequence[float],
    strides: Sequence[int],
    known: Tensor | None = None,
) -> Iterator[Tensor]:
    """From coarse to fine: float64 (up, across), NaN where nothing is measured yet, every tenth of a second and at last.

    strides: of every so many rows and columns first one place is measured, then of every so many …, such as (8, 4, 2, 1). known: what
    need not be measured again. A loss that is no number is infinite.
    """
    losses = torch.full((len(up), len(across)), torch.nan, dtype=torch.float64) if known is None else known.clone()
    wanted = [place for stride in strides for place in lattice(losses, stride)]
    wanted = [place for place in dict.fromkeys(wanted) if bool(losses[place].isnan())]
    surveyors = Surveyors(loss, plane) if wanted else None
    size, at = 1, 0
    try:
        while surveyors is not None and at < len(wanted):
            some = wanted[at : at + size]
            started = time.perf_counter()
            values = surveyors.losses([(across[column], up[row]) for row, column in some])
            losses[tuple(torch.tensor(some).T)] = torch.where(values.isnan(), torch.inf, values)
            at += len(some)
            size = max(1, min(len(wanted), round(len(some) * LOOK / max(time.perf_counter() - started, 1e-4))))
            if at < len(wanted):
                yield losses.clone()
    finally:
        if surveyors is not None:
            surveyors.close()
    yield losses


def lattice(losses: Tensor, stride: int) -> Iterator[tuple[int, int]]:
    """Every so many rows and columns, from the first to the last."""
    rows, columns = ((*range(0, size - 1, stride), size - 1) for size in losses.shape)
    return ((row, column) for row in rows for column in columns)


class Combined(nn.Module):
    """Stands where a first layer stood: for each batch in turn it gives y₀ + b y_v + a y_u, of which a row of the plane has the
    first two in common."""

    def __init__(self, parts: Sequence[Parts]) -> None:
        super().__init__()
        self.parts = parts
        self.place = (0.0, 0.0)
        self.turn = 0
        self.rows: list[tuple[float, Tensor | None]] = [(0.0, None)] * len(parts)

    def forward(self, _inputs: Tensor) -> Tensor:
        batch = self.turn % len(self.parts)
        self.turn += 1
        a, b = self.place
        return torch.add(self.row(batch, b), self.parts[batch][1], alpha=a)

    def row(self, batch: int, b: float) -> Tensor:
        known, row = self.rows[batch]
        if row is None or known != b:
            origin, _, second = self.parts[batch]
            row = torch.add(origin, second, alpha=b)
            self.rows[batch] = (b, row)
        return row


class Surveyor:
    """(a, b) ↦ the loss there, by a copy of the net of its own in which first layers are combined."""

    def __init__(self, loss: WeightLoss, plane: Plane, first: Mapping[str, Sequence[Parts]]) -> None:
        self.loss = loss.with_net(deepcopy(loss.net))
        self.combined = {name: Combined(parts) for name, parts in first.items()}
        for name, stand_in in self.combined.items():
            self.loss.net.set_submodule(name, stand_in)
        self.plane = plane.without(tuple(f"{name}." for name in first))

    def __call__(self, place: Place) -> Tensor:
        for stand_in in self.combined.values():
            stand_in.place, stand_in.turn = place, 0
        with torch.no_grad():
            return self.loss(self.plane.at(*place)).double().cpu()


class Surveyors:
    """As many as threads pay; whoever is free measures the next place."""

    def __init__(self, loss: WeightLoss, plane: Plane) -> None:
        try:
            deepcopy(loss.net)
        except Exception:  # noqa: BLE001 - whatever a net of one's own holds
            crew: list[Callable[[Place], Tensor]] = [lambda place: loss(plane.at(*place)).double().cpu()]
        else:
            first = first_layers(loss, plane)
            crew = [Surveyor(loss, plane, first) for _ in range(threads_for(loss))]
        self.free: SimpleQueue[Callable[[Place], Tensor]] = SimpleQueue()
        for each in crew:
            self.free.put(each)
        self.most = len(crew)
        self.pace = Pace(self.most)
        self.pool: ThreadPoolExecutor | None = None

    def losses(self, places: Sequence[Place]) -> Tensor:
        if self.most == 1:
            return torch.stack([self.one(place) for place in places])
        size = EACH * self.most
        pieces = [self.piece(places[begin : begin + size]) for begin in range(0, len(places), size)]
        return torch.stack([value for piece in pieces for value in piece])

    def piece(self, places: Sequence[Place]) -> list[Tensor]:
        """By as many threads as the pace says; PyTorch itself has one in each."""
        several = self.pace.next() > 1
        # which kernel computes attention is a setting of the process: no thread may change it under another
        with using(1), sdpa_kernel(SDPBackend.MATH):
            started = time.perf_counter()
            if several:
                self.pool = self.pool or ThreadPoolExecutor(self.most)
                values = list(self.pool.map(self.one, places))
            else:
                values = [self.one(place) for place in places]
        self.pace.took((time.perf_counter() - started) / len(places))
        return values

    def one(self, place: Place) -> Tensor:
        surveyor = self.free.get()
        try:
            with torch.no_grad():
                return surveyor(place)
        finally:
            self.free.put(surveyor)

    def close(self) -> None:
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)


def threads_for(loss: WeightLoss) -> int:
    """One where another device computes, a person decides, or numbers are drawn, for which all threads have one generator."""
    on_cpu = all(value.device.type == "cpu" for value in loss.weights.values())
    return most_threads() if on_cpu and not person_decides() and not draws(loss) else 1


def draws(loss: WeightLoss) -> bool:
    """Whether the net or its cost takes numbers from PyTorch's generator."""
    states = [torch.get_rng_state()]
    with torch.no_grad():
        loss.by_batch(loss.weights, lambda _: states.append(torch.get_rng_state()))
    return not all(torch.equal(states[0], state) for state in states)


# ------------------------------------------------------------------------------------------------ layers before all others
def first_layers(loss: WeightLoss, plane: Plane) -> dict[str, list[Parts]]:
    """Of each layer that no weights come before what it gives of every batch: at the origin, and by the two directions. None
    where they are too large, or the net does not compute the same with them."""
    first: dict[str, list[Parts]] = {}
    size = 0
    for name, batches in inputs_of(loss, before_all_weights(loss)).items():
        layer = loss.net.get_submodule(name)
        size += sum(part.nbytes for part in parts_of(layer, name, plane, batches[0])) * len(batches)
        if size > MOST_BYTES:
            return {}
        first[name] = [parts_of(layer, name, plane, inputs) for inputs in batches]
    return first if first and computes_the_same(loss, plane, first) else {}


def before_all_weights(loss: WeightLoss) -> list[str]:
    """Names of linear layers, of a class of PyTorch's own, whose inputs no weights that move lead to, by autograd."""
    candidates = linear_layers(loss.net)
    found: dict[str, bool] = {}

    def asking(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def ask(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            found[name] = found.get(name, True) and len(inputs) == 1 and not inputs[0].requires_grad

        return ask

    inputs, targets, weights = loss.batches[0]
    few = [next(split_rows(part, 2)) if part is not None else None for part in (inputs, targets, weights)]
    leaves_of = {name: value.detach().requires_grad_() for name, value in loss.weights.items()}
    hooks = (layer.register_forward_pre_hook(asking(name)) for name, layer in candidates.items())
    with removed_after(hooks), torch.enable_grad():
        WeightLoss(loss.net, loss.cost, [few]).by_batch(leaves_of, lambda _: None)
    return [name for name, is_first in found.items() if is_first]


def linear_layers(net: nn.Module) -> dict[str, nn.Module]:
    """By name, those that nothing else is tied or hooked to."""
    times = Counter(id(value) for _, value in net.named_parameters(remove_duplicate=False))

    def is_free(layer: nn.Module) -> bool:
        hooked = layer._forward_hooks or layer._forward_pre_hooks
        return not hooked and all(times[id(value)] == 1 for value in layer.parameters())

    linear = {name: layer for name, layer in net.named_modules() if name and type(layer) in LINEAR}
    return {name: layer for name, layer in linear.items() if is_free(layer)}


def inputs_of(loss: WeightLoss, names: Sequence[str]) -> dict[str, list[Tensor]]:
    """What each of these layers gets of every batch; of those that get the same each time they are called."""
    seen: dict[str, list[Tensor]] = {name: [] for name in names}

    def noting(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        return lambda _, inputs: seen[name].append(inputs[0])

    hooks = (loss.net.get_submodule(name).register_forward_pre_hook(noting(name)) for name in names)
    with removed_after(hooks), torch.no_grad():
        loss.by_batch(loss.weights, lambda _: None)
    many = len(loss.batches)

    def comes_again(inputs: list[Tensor]) -> bool:
        again = enumerate(inputs[many:])
        return len(inputs) % many == 0 and all(torch.equal(one, inputs[turn % many]) for turn, one in again)

    return {name: inputs[:many] for name, inputs in seen.items() if inputs and comes_again(inputs)}


@torch.no_grad()
def parts_of(layer: nn.Module, name: str, plane: Plane, inputs: Tensor) -> Parts:
    """By a direction a layer is only as linear as without what does not move."""

    def given(weights: Mapping[str, Tensor], still: Callable[[Tensor], Tensor]) -> Tensor:
        own = {at: weights.get(f"{name}.{at}", still(value)) for at, value in layer.named_parameters()}
        return functional_call(layer, own, (inputs,))  # type: ignore[no-any-return]

    origin = given(plane.origin, Tensor.detach)
    moves = (given(each, torch.zeros_like) for each in (plane.first, plane.second))
    first, second = (torch.empty_like(origin).copy_(one) for one in moves)  # in one memory layout
    return origin, first, second


def computes_the_same(loss: WeightLoss, plane: Plane, first: Mapping[str, Sequence[Parts]]) -> bool:
    """Whether a place away from the origin has the same loss with first layers combined, but for rounding."""
    try:
        combined, whole = (Surveyor(loss, plane, each)((1.0, 1.0)) for each in (first, {}))
    except (AttributeError, TypeError, RuntimeError):  # of a net that asks its first layer for more than its outputs
        return False
    return torch.allclose(combined, whole, rtol=1e-3, atol=1e-6, equal_nan=True)
