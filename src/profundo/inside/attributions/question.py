"""One number of a net's answer, as a function of its inputs or of what one of its modules gives.

Inputs that are ids have no gradient: the question is then put at the first embedding, whose vectors have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from profundo.inside.attributions.summed_axis import summed_axis
from profundo.inside.observing import device_of, module_at, observed, removed_after
from profundo.inside.quick_pooling import QuickPooling
from profundo.records import ProfundoError, is_whole
from profundo.trees import called, leaves, main_output, mapped, to_device

__all__ = ["MOST_VALUES", "Of", "Question", "asking", "check", "one"]

Of = int | Sequence[int] | Tensor | Callable[[Any], Tensor] | None
"""The output that is explained: its index, one for each sample, a function from outputs to (batch,), or None for the largest."""

MOST_ROWS, MOST_VALUES = 2**13, 2**20  # through the net at once
FEW_ROWS, FEW_VALUES = 256, 2**18  # that are always few enough


@dataclass(slots=True)
class Question:
    """inputs: what the net takes. values: (batch, …), what the answer is a function of: the inputs, that one of several inputs
    named `part`, or the output of the module `at`. places: the axes of values that are places; the others are channels of a place.
    chosen: int64 (batch,), the output that is explained; function: of one's own. passes: rows that went through the net so far.
    """

    net: nn.Module
    inputs: Any
    values: Tensor
    places: tuple[int, ...]
    at: str | None = None
    part: int | str | None = None
    chosen: Tensor | None = None
    function: Callable[[Any], Tensor] | None = None
    passes: int = field(default=0, compare=False)

    def outputs(self, values: Tensor) -> Any:
        """What the net gives for values (rows, …): copies of the batch, copy after copy."""
        self.passes += len(values)
        values = values.clone()  # a net may work on its inputs in place
        if self.at is None:
            if self.part is None:
                return called(self.net, values)
            others = repeated(self.inputs, len(values) // len(self.values))
            return called(self.net, with_part(others, self.part, values))
        with replaced(self.net, self.at, values):
            return called(self.net, repeated(self.inputs, len(values) // len(self.values)))

    def answer(self, values: Tensor) -> Tensor:
        """The number that is explained, (rows,)."""
        outputs = self.outputs(values)
        return self.function(outputs) if self.function is not None else self._chosen(scores_of(outputs))

    def probability(self, values: Tensor) -> Tensor | None:
        """(rows,) softmax over the outputs at the chosen one; None where there is one output, or a function of one's own."""
        if self.function is not None:
            return None
        scores = scores_of(self.outputs(values))
        return None if scores.shape[1] == 1 else self._chosen(scores.softmax(1))

    def _chosen(self, scores: Tensor) -> Tensor:
        assert self.chosen is not None
        return scores.gather(1, self.chosen.repeat(len(scores) // len(self.chosen))[:, None])[:, 0]

    @torch.no_grad()
    def in_parts(self, function: Callable[[Tensor], Tensor | None], values: Tensor, each: int = 1) -> Tensor:
        """A function of values, without gradients; so many at once as memory allows. each: rows that one of them becomes."""
        size = max(1, self.at_once // each)
        with QuickPooling():
            parts = [function(values[begin : begin + size]) for begin in range(0, len(values), size)]
        return torch.cat([part for part in parts if part is not None])

    @property
    def at_once(self) -> int:
        """Rows at once: whole copies of the batch."""
        batch, size = len(self.values), max(1, self.values[0].numel())
        rows = min(MOST_VALUES // size, max(FEW_ROWS, FEW_VALUES // size), MOST_ROWS)
        return batch * max(1, rows // batch)

    def each(self) -> Iterator[Question]:
        """The same of one sample at a time."""
        for at in range(len(self.values)):
            here = slice(at, at + 1)
            chosen = None if self.chosen is None else self.chosen[here]
            inputs = mapped(lambda leaf: leaf[here], self.inputs)  # noqa: B023 - used at once
            yield replace(self, inputs=inputs, values=self.values[here], chosen=chosen, passes=0)

    def spread(self, of_places: Tensor) -> Tensor:
        """(n, *places) → the same with an axis of 1 for each of channels, to go with values."""
        for axis in range(1, self.values.ndim):
            if axis not in self.places:
                of_places = of_places.unsqueeze(axis)
        return of_places

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the axes of places."""
        return tuple(self.values.shape[axis] for axis in self.places)


def asking(
    net: nn.Module,
    inputs: Any,
    of: Of = None,
    *,
    at: str | None = None,
    part: int | str | None = None,
    places: Sequence[int] | None = None,
) -> Question:
    """The question about a net in evaluation mode. Raises ProfundoError for an output or a module that it has not."""
    inputs = mapped(detached, to_device(inputs, device_of(net)))
    check(inputs, part)
    values = inputs[part] if part is not None else inputs
    try:
        with torch.no_grad():
            at, values, is_ids = values_at(net, inputs, values, at)
            chosen = checked_places(places, values)
            if is_ids or values.ndim == 2:
                chosen = chosen or (1,)
            elif not chosen:
                as_given = at is None and part is None
                chosen = places_of(net, values) if as_given else tuple(range(2, values.ndim))
            question = Question(net, inputs, values, chosen, at, part)
            return replace(question, **choice(question, of), passes=0)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        shapes = ", ".join(f"{leaf.dtype} {tuple(leaf.shape)}" for leaf in leaves(inputs))
        reason = str(error).strip().partition("\n")[0]
        raise ProfundoError(f"net: {type(net).__name__} does not take inputs of {shapes}: {reason}") from error


def values_at(net: nn.Module, inputs: Any, values: Any, at: str | None) -> tuple[str | None, Tensor, bool]:
    """The module whose output is explained, if one is, what it gives, and whether it makes vectors of ids."""
    is_ids = at is None and isinstance(values, Tensor) and not values.is_floating_point()
    layers = [name for name, module in net.named_modules() if isinstance(module, nn.Embedding)] if is_ids else []
    given = observed(net, inputs, [at] if at else layers)[1] if at or layers else {}
    if given:
        name, values = next(iter(given.items()))
        return name.partition("#")[0], values, is_ids
    if at is not None:
        raise ProfundoError(
            f"layer {at!r}: expected a module that gives a tensor of real numbers in a pass; choose another"
        )
    if not isinstance(values, Tensor):
        raise ProfundoError("inputs: several were given; say which is explained, such as part=0, or at='a layer'")
    if values.ndim < 2:
        raise ProfundoError(
            f"inputs: expected (batch, …), got {tuple(values.shape)}; one number a sample is inputs[:, None]"
        )
    return None, values, False


def places_of(net: nn.Module, values: Tensor) -> tuple[int, ...]:
    """The axes of a net's inputs that are places: all but that of the batch and that which its first weights sum over, as
    the second where they tell nothing."""
    channels = (summed_axis(net, values) if values.ndim in (3, 4) else None) or 1
    return tuple(axis for axis in range(1, values.ndim) if axis != channels) if values.ndim > 2 else (1,)


def checked_places(places: Any, values: Tensor) -> tuple[int, ...]:
    """Raises ProfundoError for what is no axis of values but the first; of None none."""
    given = () if places is None else tuple(places) if isinstance(places, list | tuple) else (places,)
    if not all(is_whole(one) and 1 <= one < values.ndim for one in given) or (places is not None and not given):
        raise ProfundoError(f"places: expected axes from 1 to {values.ndim - 1}, such as (1,), got {places!r}")
    return given


def check(inputs: Any, part: int | str | None) -> None:
    if not all(isinstance(leaf, Tensor) and leaf.ndim and len(leaf) for leaf in leaves(inputs)):
        shapes = [tuple(leaf.shape) if isinstance(leaf, Tensor) else type(leaf).__name__ for leaf in leaves(inputs)]
        raise ProfundoError(f"inputs: expected a batch of tensors (batch, …) with a sample at least, got {shapes}")
    parts = [] if isinstance(inputs, Tensor) else [*inputs] if isinstance(inputs, dict) else [*range(len(inputs))]
    if part is not None and part not in parts:
        raise ProfundoError(f"part {part!r}: the inputs have {', '.join(map(repr, parts)) or 'one part only'}")


def choice(question: Question, of: Of) -> dict[str, Any]:
    """The output of each sample that is explained: `chosen`, or `function`."""
    batch = len(question.values)
    if callable(of):
        one = of(question.outputs(question.values))
        if not isinstance(one, Tensor) or tuple(one.shape) != (batch,):
            shape = tuple(one.shape) if isinstance(one, Tensor) else type(one).__name__
            raise ProfundoError(f"of: expected a function from outputs to a number a sample, ({batch},), got {shape}")
        return {"function": of}
    scores = scores_of(question.outputs(question.values))
    if isinstance(of, str | bool):
        raise ProfundoError(f"of: expected an output by its index, one for each sample, or a function, got {of!r}")
    indices = scores.argmax(1) if of is None else torch.as_tensor(of, device=scores.device)
    indices = indices.expand(batch) if indices.ndim == 0 else indices
    many, whole = scores.shape[1], tuple(indices.shape) == (batch,) and not indices.is_floating_point()
    if not whole or not bool(((-many <= indices) & (indices < many)).all()):
        choices = f"an output from 0 to {many - 1}, or one for each of {batch} samples"
        raise ProfundoError(f"of: expected {choices}, got {of}")
    return {"chosen": indices.long() % many}


def scores_of(outputs: Any) -> Tensor:
    """(rows, outputs), the main tensor of them; of outputs with places, the mean over them."""
    tensor = main_output(outputs) if not isinstance(outputs, Tensor) or outputs.ndim else None
    if tensor is None or not tensor.is_floating_point():
        raise ProfundoError(
            "net: expected outputs that are real numbers, (batch, …); say of=a function from outputs to (batch,)"
        )
    return tensor.flatten(2).mean(2) if tensor.ndim > 2 else tensor


def detached(leaf: Any) -> Any:
    """A copy that autograd may keep, even of a tensor that was made in inference mode."""
    return leaf.detach().clone() if isinstance(leaf, Tensor) else leaf


def repeated(inputs: Any, copies: int) -> Any:
    return inputs if copies == 1 else mapped(lambda leaf: leaf.repeat(copies, *[1] * (leaf.ndim - 1)), inputs)


def with_part(inputs: Any, part: int | str, values: Tensor) -> Any:
    """A tuple or dict of inputs with others in one place."""
    if isinstance(inputs, dict):
        return {**inputs, part: values}
    return tuple(values if place == part else one for place, one in enumerate(inputs))


def one(baseline: Tensor) -> Tensor:
    """The baseline, where there is one."""
    if len(baseline) > 1:
        raise ProfundoError(
            f"baseline: expected one, got {len(baseline)}; several are for 'shapley', 'kernel_shap' and 'lime'"
        )
    return baseline


@contextmanager
def replaced(net: nn.Module, name: str, values: Tensor) -> Iterator[None]:
    """Inside, the module of that name gives these values, whatever it is given."""
    calls = 0

    def give(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        nonlocal calls
        calls += 1
        if calls > 1 or not isinstance(output, Tensor) or output.shape != values.shape:
            raise ProfundoError(
                f"layer {name!r}: expected a module that is called once and gives one tensor; choose another"
            )
        return values

    with removed_after([module_at(net, name).register_forward_hook(give)]):
        yield
