"""Why this answer: one registry of methods, one call for all of them.

    explain(net, images, of=3).map                                  # integrated gradients: (batch, channels, height, width)
    explain(net, images, "grad_cam")                                # of the largest output
    explain(net, rows, "shapley", baseline=training_rows[:100])     # SHAP values, over a hundred baselines
    explain(net, ids)                                               # of ids: at the first embedding
    explain(net, images, at="c3")                                   # of what a module gives

A map says what a method makes of a net, not what causes what in the world; `proofs.py` asks how far to believe it.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from profundo.inside.attributions.class_activation import grad_cam, grad_cam_plus_plus
from profundo.inside.attributions.coalitions import kernel_shap, lime, occlusion, shapley
from profundo.inside.attributions.input_gradients import (
    gradient,
    gradient_times_input,
    guided_backpropagation,
    integrated_gradients,
    smoothgrad,
)
from profundo.inside.attributions.question import MOST_VALUES, Of, Question, asking, check
from profundo.inside.observing import undisturbed
from profundo.languages import Said
from profundo.records import ProfundoError, at_the_door, is_number, is_whole, nearest_names
from profundo.threads import same_bits
from profundo.trees import leaves, length, mapped, split_rows

__all__ = ["METHODS", "Baseline", "Explanation", "Method", "explain"]

Baseline = float | Tensor
"""An input that says nothing: a number for every value; or one sample's; or several, (many, …)."""

MOST_AT_ONCE = 128  # samples
AT_LEAST = {
    "samples": 1, "steps": 1, "most_steps": 1, "window": 1, "stride": 1, "parts": 1, "seed": 0,
    "noise": 0.0, "ridge": 0.0, "width": 1e-6, "tolerance": 0.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Method:
    """function: of a question, a baseline where it takes one, and options; to the map and figures of how it came about.
    meaning: of a value of the map. adds_up: the map's sum is f(x) − f(baseline), but for what is told as the gap. one_by_one: of a
    single sample at a time. warning: what it does not show.
    """

    title: str
    function: Callable[..., tuple[Tensor, dict[str, float]]]
    meaning: str
    adds_up: bool = False
    one_by_one: bool = False
    warning: str = ""

    @property
    def options(self) -> list[str]:
        return [
            one.name for one in inspect.signature(self.function).parameters.values() if one.kind is one.KEYWORD_ONLY
        ]


METHODS: Mapping[str, Method] = {
    "gradient": Method(
        "Gradient", gradient, "by how much the answer rises for a small rise of the value"
    ),
    "gradient_times_input": Method(
        "Gradient × input", gradient_times_input, "the slope times how far the value is from the baseline",
        warning="where the answer is not straight it adds up to something else than the answer",
    ),
    "smoothgrad": Method(
        "SmoothGrad", smoothgrad, "the mean slope around the input, at values with noise"
    ),
    "integrated_gradients": Method(
        "Integrated gradients", integrated_gradients,
        "its share of the change of the answer from the baseline to the input, along the straight way", adds_up=True,
    ),
    "guided_backpropagation": Method(
        "Guided backpropagation", guided_backpropagation, "what of the slope comes through the ReLUs as positive",
        warning="it draws the input's edges nearly whatever the upper layers hold (Adebayo et al. 2018): no proof of why",
    ),
    "grad_cam": Method(
        "Grad-CAM", grad_cam, "how much the last convolution gives there of what raises the answer"
    ),
    "grad_cam_plus_plus": Method(
        "Grad-CAM++", grad_cam_plus_plus, "as of Grad-CAM, each place weighted anew, for several objects of a class"
    ),
    "occlusion": Method(
        "Occlusion", occlusion, "by how much the answer falls where the place is covered", one_by_one=True
    ),
    "lime": Method(
        "LIME", lime, "its weight in a linear model of the answer, over which parts are there", one_by_one=True,
        warning="worth what the linear model fits",
    ),
    "kernel_shap": Method(
        "Kernel SHAP", kernel_shap, "its fair share of the change of the answer from the baseline, over sets of parts",
        adds_up=True, one_by_one=True,
    ),
    "shapley": Method(
        "Shapley values", shapley, "its fair share of the change of the answer from the baseline, over all sets of parts",
        adds_up=True, one_by_one=True,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """map: (batch, …) like the values that are explained, with a channel of 1 where the method has one value for a place.
    of: int64 (batch,), the output that is explained, None for a function of one's own. answer: its value (batch,).
    change: answer less that of the baseline (batch,), None where the method has no baseline. adds_up: whether the method has the
    map's sum to be the change. places: the axes of the map that are places. at: the module whose output is explained.
    passes: rows that went through the net. figures: of how it came about, a mean over the batch. words: of texts, of each sample
    the word at each place of the map, "" at the places after its last.
    """

    method: str
    map: Tensor
    of: Tensor | None
    answer: Tensor
    change: Tensor | None
    adds_up: bool
    places: tuple[int, ...]
    at: str | None
    passes: int
    seconds: float
    figures: Mapping[str, float]
    remarks: tuple[str, ...]
    words: tuple[tuple[str, ...], ...] = ()

    @property
    def sum(self) -> Tensor:
        """(batch,)"""
        return self.map.flatten(1).sum(1)

    @property
    def gap(self) -> Tensor | None:
        """(batch,) what the map's sum lacks of the change; None where there is nothing that it should add up to."""
        return None if self.change is None else self.change - self.sum

    def __repr__(self) -> str:
        outputs = "a function of the outputs" if self.of is None else f"outputs {self.of.tolist()[:10]}"
        gap = ""
        if self.adds_up and self.gap is not None:
            gap = f", sums short of the change by {float(self.gap.abs().max()):.3g} at most"
        work = f"{self.passes} passes, {self.seconds:.3f} s"
        return f"{self.method} of {outputs}: map {tuple(self.map.shape)}{gap}; {work}"

    @property
    def by_place(self) -> Tensor:
        """(batch, *places), the sum over channels."""
        channels = [axis for axis in range(1, self.map.ndim) if axis not in self.places]
        return self.map.sum(channels) if channels else self.map


@at_the_door
def explain(
    net: nn.Module,
    inputs: Any,
    method: str = "integrated_gradients",
    *,
    of: Of = None,
    baseline: Baseline = 0.0,
    at: str | None = None,
    part: int | str | None = None,
    places: Sequence[int] | None = None,
    **options: Any,
) -> Explanation:
    """What in each sample of a batch the answer of a net is due to. inputs: (batch, …), or a tuple or dict of such.

    of: which output, by default each sample's largest. at: a module by name, whose output is explained in place of the inputs;
    part: the one that is explained of several inputs. places: the axes that are places, by default (1,) of rows and ids, else all
    from 2. options: the method's own. The net and PyTorch's randomness are afterwards as before.
    """
    chosen = method_named(method, options)
    check_options(chosen, options)
    started = time.perf_counter()
    inputs = mapped(lambda one: torch.from_numpy(one) if isinstance(one, np.ndarray) else one, inputs)
    check(inputs, part)
    if torch.is_inference(next(net.parameters(), torch.empty(0))):
        raise ProfundoError(
            "net: expected weights made outside torch.inference_mode(), which bars gradients; make it outside"
        )
    with undisturbed(net), torch.inference_mode(False), torch.enable_grad():
        net = getattr(net, "_orig_mod", net)  # of a compiled net what it was made of, which hooks can see
        wanted = {"at": at, "part": part, "places": places}
        like = (method, at, part, tuple(outlines(inputs)), tuple(outlines(options)))
        pieces = same_bits(net)(lambda: in_pieces(net, inputs, chosen, of, baseline, options, wanted), like)
    maps, answers, changes, figures, outputs, passes, all_places, names = zip(*pieces, strict=True)
    means = {name: sum(one[name] for one in figures) / len(figures) for name in figures[0]}
    return Explanation(
        method, map=torch.cat(maps), of=None if outputs[0] is None else torch.cat(outputs), answer=torch.cat(answers),
        change=None if changes[0] is None else torch.cat(changes), adds_up=chosen.adds_up, places=all_places[0], at=names[0],
        passes=sum(passes), seconds=time.perf_counter() - started, figures=means,
        remarks=(chosen.warning,) if chosen.warning else (),
    )  # fmt: skip


def in_pieces(
    net: nn.Module,
    inputs: Any,
    method: Method,
    of: Of,
    baseline: Baseline,
    options: Mapping[str, Any],
    wanted: Mapping[str, Any],
) -> list[tuple[Any, ...]]:
    """Of each piece of the batch: map, answers, changes, figures, the outputs that are explained, passes, the map's places, and
    what they are of. wanted: what is explained, as `asking` takes it."""
    size = max(1, min(MOST_AT_ONCE, MOST_VALUES * length(inputs) // sum(leaf.numel() for leaf in leaves(inputs))))
    found: list[tuple[Any, ...]] = []
    for some, own in zip(split_rows(inputs, size), split_choice(of, length(inputs), size), strict=False):
        whole = asking(net, some, own, **wanted)
        starting = baselines(whole, baseline) if "baseline" in method.options else None
        for one in whole.each() if method.one_by_one else [whole]:
            answer = answered(one, method, starting, options)
            found.append((*answer, one.chosen, one.passes, whole.places, whole.at))
    return found


def outlines(parts: Any) -> Iterator[Any]:
    """What tells work from other work, and can be hashed: of a tensor its shape and type."""
    if isinstance(parts, Mapping):
        for name, part in sorted(parts.items()):
            yield name, tuple(outlines(part))
    elif isinstance(parts, tuple):
        yield from (tuple(outlines(part)) for part in parts)
    else:
        yield (tuple(parts.shape), parts.dtype) if isinstance(parts, Tensor) else str(parts)


def check_options(method: Method, options: Mapping[str, Any]) -> None:
    """Raises ProfundoError for one that is no number where the method takes one, or no whole one, or too small. None stands for
    the method's own choice where it has one."""
    taken = inspect.signature(method.function).parameters
    for name, value in options.items():
        kinds = str(taken[name].annotation).split(" | ")
        if (value is None and "None" in kinds) or (isinstance(value, Tensor) and "Tensor" in kinds):
            continue
        if "str" in kinds:
            if not isinstance(value, str):
                raise ProfundoError(f"{name}: expected the name of a layer, got {value!r}")
            continue
        least, whole = AT_LEAST[name], "float" not in kinds
        if not (is_whole(value) if whole else is_number(value)) or not least <= value < 2**63:
            raise ProfundoError(f"{name}: expected a {'whole ' * whole}number of at least {least}, got {value!r}")


def split_choice(of: Any, batch: int, size: int) -> Iterator[Of]:
    """What is explained in each piece of a batch."""
    if isinstance(of, np.ndarray | np.generic):
        of = torch.as_tensor(of)
    if of is None or callable(of) or not ((isinstance(of, Tensor) and of.ndim) or isinstance(of, list | tuple)):
        yield from repeat(of)  # whatever it is, of each piece
        return
    if len(of) != batch:
        raise ProfundoError(f"of: expected one output, or one for each of {batch} samples, got {len(of)}")
    for begin in range(0, batch, size):
        yield of[begin : begin + size]


def method_named(name: str, options: Mapping[str, Any]) -> Method:
    """Raises ProfundoError for a name that is no method, and for an option that it has not."""
    if name not in METHODS:
        raise ProfundoError(
            f"method {name!r}: {nearest_names(name, METHODS) or 'expected one of ' + ', '.join(METHODS)}"
        )
    known = [one for one in METHODS[name].options if one != "baseline"]
    for option in options:
        if option not in known:
            raise ProfundoError(f"{name}: has no option {option!r}; it takes {', '.join(known) or 'none'}")
    return METHODS[name]


def answered(
    question: Question, method: Method, starting: Tensor | None, options: Mapping[str, Any]
) -> tuple[Tensor, Tensor, Tensor | None, dict[str, float]]:
    """The map, the answer, by how much it differs from the baseline's, and the method's own figures."""
    function = partial(method.function, question, **options)
    map_, figures = function() if starting is None else function(baseline=starting)
    with torch.no_grad():
        answer = question.answer(question.values)
        if not bool(answer.isfinite().all()):
            raise ProfundoError(
                "net: expected answers that are numbers, got nan or infinity for these inputs; look at them first",
                told=Said("refusals.answers_nan"),
            )
        if starting is None:
            return map_.detach(), answer, None, figures
        nothing = [question.answer(one.expand_as(question.values).contiguous()) for one in starting]
        return map_.detach(), answer, answer - torch.stack(nothing).mean(0), figures


def baselines(question: Question, baseline: Any) -> Tensor:
    """(many, …), of the values' own kind."""
    values, shape = question.values, question.values.shape[1:]
    if isinstance(baseline, np.ndarray):
        baseline = torch.from_numpy(baseline)
    if not isinstance(baseline, Tensor):
        if not is_number(baseline) or not math.isfinite(baseline):
            raise ProfundoError(f"baseline: expected a finite number or a tensor, got {baseline!r}")
        return torch.full_like(values[:1], baseline)
    if not bool(baseline.isfinite().all()):
        raise ProfundoError("baseline: expected finite numbers, got nan or infinity; fill them first")
    several = baseline if baseline.ndim == values.ndim else baseline[None]
    if several.shape[1:] != shape or not len(several):
        raise ProfundoError(
            f"baseline: expected a number, {tuple(shape)} or (many, {str(tuple(shape))[1:]}, got {tuple(baseline.shape)}"
        )
    return several.to(values)
