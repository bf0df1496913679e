"""Where the first number that is not finite comes from.

The step that fails is repeated with every operation watched, forward and backward: the first whose result is not finite
though all that went in was. With inputs of ordinary size it is the operation that is at fault, log 0 or √ at 0; with
numbers that had grown beyond all measure it is what made them grow.
"""

from __future__ import annotations

import math
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from profundo.dispatch import Observed
from profundo.doctor.patient import SEEDS, Patient
from profundo.doctor.programs import copied, one_step, parted
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import answers_of, batches, in_evaluation, unchanged, update
from profundo.train.randomness import seeded
from profundo.trees import called

__all__ = ["is_at_risk", "not_finite", "not_finite_at_times"]

CHEAP = 2.0  # seconds
ORDINARY = 1e6  # beyond, numbers have grown in training
LINE = re.compile(r'File "([^"]+)", line (\d+)')
OWN = ("/profundo/", "/torch/", "/contextlib", "importlib")
NAMES = """
    t transpose permute view _unsafe_view reshape expand select slice squeeze unsqueeze detach alias clone copy_ _to_copy
    as_strided transpose_ unbind split unsafe_split split_with_sizes cat stack lift_fresh scalar_tensor select_backward
    slice_backward zeros zeros_like ones ones_like new_zeros empty empty_like full full_like fill_ zero_ arange bernoulli_
    native_dropout native_dropout_backward add add_ sub rsub mul mul_ neg sum mean div.Scalar div_.Scalar addmm mm bmm convolution
    convolution_backward embedding embedding_dense_backward relu relu_ threshold_backward leaky_relu leaky_relu_backward elu
    elu_backward gelu gelu_backward silu silu_backward tanh tanh_ tanh_backward sigmoid sigmoid_ sigmoid_backward hardtanh
    hardtanh_backward clamp_min max_pool2d_with_indices max_pool2d_with_indices_backward avg_pool2d avg_pool2d_backward
    _adaptive_avg_pool2d _adaptive_avg_pool2d_backward native_layer_norm native_layer_norm_backward native_batch_norm
    native_batch_norm_backward _softmax _softmax_backward_data _log_softmax _log_softmax_backward_data nll_loss_forward
    nll_loss_backward nll_loss2d_forward nll_loss2d_backward mse_loss mse_loss_backward mkldnn_rnn_layer mkldnn_rnn_layer_backward
"""
SAFE = frozenset(NAMES.split())
"""What PyTorch computes that is finite, with its gradient, whatever ordinary numbers go in."""
OVERWRITING = ("copy_", "fill_", "zero_", "bernoulli_")
WEIGHTING = ("nll_loss_forward", "nll_loss2d_forward")
NORMALISING = ("native_layer_norm", "native_batch_norm")


@dataclass(slots=True)
class Origin:
    """operation: such as "log"; largest: of what went in; where: module and source line; backward: of its gradient."""

    operation: str
    largest: float
    smallest: float
    where: str
    backward: bool


def not_finite(patient: Patient) -> Iterator[Suspicion]:
    if patient.first.error and not patient.first.events:
        return
    seed, step = patient.seed, patient.course.first_not_finite
    spoiled = step is None and any(not bool(p.isfinite().all()) for p in patient.grown.parameters())
    if step is None and not spoiled:
        origin = origin_in_answers(patient)
    else:
        origin = origin_of(patient, first_spoiled(patient, seed) if step is None else step, seed)
    yield from unstable(origin)


def not_finite_at_times(patient: Patient) -> Iterator[Suspicion]:
    """With other orders of the samples than the first."""
    course = patient.course
    if not course.losses or course.first_not_finite is not None or patient.trial_steps * course.per_step >= CHEAP:
        return
    if not is_at_risk(patient):
        return
    for seed in range(patient.seed + 1, patient.seed + SEEDS):
        losses = patient.outcome(seed, patient.trial_steps, unchanged).losses
        step = next((place for place, loss in enumerate(losses) if not math.isfinite(loss)), None)
        if step is not None:
            yield from unstable(origin_of(patient, step, seed))
            return


def is_at_risk(patient: Patient) -> bool:
    """Whether a step computes anything that is not finite of some ordinary numbers, as a logarithm and a quotient are not. Told by
    the operations of its first: a net of products and ReLUs below a cross entropy need not be trained again to see it."""
    program, batch = copied(patient.program), patient.train.epoch(patient.program, None)[0]
    risky: list[str] = []

    def see(operation: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if not is_safe(str(operation), args):
            risky.append(str(operation))
        return operation(*args, **named)

    try:
        with seeded(patient.seed), Observed(see):
            if program.step is not None:
                one_step(program, batch)
            else:  # the optimizer's own operations are PyTorch's
                inputs, targets = parted(batch)
                program.loss(called(program.net.train(), inputs), targets).backward()
    except Exception:  # noqa: BLE001 - the person's own program
        return True
    if any(group.get("eps") == 0 for group in program.optimizer.param_groups):
        return True  # it divides by the size of gradients that may be 0
    targets = patient.train.targets
    left_out = (  # a class such as −100, perhaps in all of a batch
        isinstance(targets, Tensor) and not targets.is_floating_point() and bool((targets < 0).any())
    )
    return bool(risky) or left_out


def is_safe(operation: str, args: tuple[Any, ...]) -> bool:
    """operation: its name, such as aten.addmm.default."""
    _, name, form = operation.split(".")
    if not {name, f"{name}.{form}"} & SAFE or is_spoiled(args[1:] if name in OVERWRITING else args):
        return False  # what is masked by −∞ may be all that there is
    if name in NORMALISING:
        return bool(args[-1] > 0)  # what is added to a variance that may be 0
    return name not in WEIGHTING or args[2] is None  # a batch may have classes of no weight only


def unstable(origin: Origin | None) -> Iterator[Suspicion]:
    if origin is None or origin.largest > ORDINARY:
        return  # it grew: a matter of pace, which experiments decide
    of = "gradient of " if origin.backward else ""
    evidence = {
        "operation": of + origin.operation,
        "largest value that goes in": origin.largest,
        "smallest": origin.smallest,
    }
    stable = next((text for name, text in STABLE.items() if name in origin.operation), "")
    remedy = stable or f"give {origin.operation} a form that is finite for these values"
    yield Suspicion("unstable_operation", origin.where, evidence, remedy, "fatal")


STABLE = {
    "log": "keep what the logarithm gets above 0 (clamp_min, or log_softmax, logsigmoid, log1p in its place)",
    "sqrt": "add a small number under the root: its gradient at 0 is infinite",
    "pow": "add a small number to what is raised to a power below 1: its gradient at 0 is infinite",
    "div": "keep the divisor away from 0",
    "exp": "subtract the largest value before the exponential (softmax, logsumexp, softplus do)",
    "norm": "add a small number under the root of the norm: its gradient at 0 is infinite",
}


def origin_in_answers(patient: Patient) -> Origin | None:
    """Of a net whose answers are not finite though its costs were so far: log 0 of a class that was not the right one."""
    answers = answers_of(patient.grown, patient.held.inputs)
    if not isinstance(answers, Tensor) or not answers.is_floating_point() or bool(answers.isfinite().all()):
        return None
    watcher = Watcher(patient.grown)
    with watcher, Observed(watcher.see), in_evaluation(patient.grown), torch.no_grad():
        called(patient.grown, patient.held.inputs)
    return watcher.origin


def first_spoiled(patient: Patient, seed: int) -> int:
    """The number of the step that leaves a parameter that is not finite, though costs are finite: what is masked hides it."""
    variant = patient.variant.copy()
    with seeded(seed):
        if variant.program.step is None:
            variant.program.net.train()
        for number, batch in enumerate(islice(batches(variant, seed), patient.course.steps)):
            update(variant.program, batch)
            if not all(bool(one.isfinite().all()) for one in variant.program.net.parameters()):
                return number
    return patient.course.steps


def origin_of(patient: Patient, step: int, seed: int) -> Origin | None:
    """The first operation with a result that is not finite, of the step with this number or one of the two before."""
    variant = patient.variant.copy()
    program = variant.program
    watcher = Watcher(program.net)
    with seeded(seed):
        if program.step is None:
            program.net.train()
        for number, batch in enumerate(islice(batches(variant, seed), step + 1)):
            if number < step - 2:
                one_step(program, batch)
                continue
            with watcher, Observed(watcher.see), torch.autograd.set_detect_anomaly(True, check_nan=False):
                one_step(program, batch)
            if watcher.origin is not None:
                break
    return watcher.origin


class Watcher:
    """Knows which module computes; sees operations and keeps the first with a result that is not finite."""

    def __init__(self, net: nn.Module) -> None:
        self.net, self.path, self.hooks = net, [""], []  # type: ignore[var-annotated]
        self.origin: Origin | None = None

    def __enter__(self) -> Watcher:
        for name, module in self.net.named_modules():
            self.hooks.append(module.register_forward_pre_hook(lambda *_, name=name: self.path.append(name)))
            self.hooks.append(module.register_forward_hook(lambda *_: self.leave()))
        return self

    def leave(self) -> None:
        self.path.pop()

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()
        self.hooks.clear()

    def see(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = operation(*args, **kwargs)
        if self.origin is not None or not is_spoiled(result):
            return result
        given = list(real_numbers(args))
        if given and all(bool(part.isfinite().all()) for part in given):
            name = str(operation).removeprefix("aten.").split(".")[0].strip("_")
            node = torch._C._current_autograd_node()
            name = name if node is None else node.name().removesuffix("0").removesuffix("Backward").lower()
            sizes = torch.stack([part.detach().abs().max().double() for part in given])
            least = torch.stack([part.detach().abs().min().double() for part in given])
            self.origin = Origin(name, float(sizes.max()), float(least.min()), self.place(node), node is not None)
        return result

    def place(self, node: Any) -> str:
        """The module and source line that computed it; of a gradient those of the operation that it belongs to."""
        if node is None:
            frames = [(frame.filename, frame.lineno) for frame in traceback.extract_stack()]
        else:
            lines = (LINE.search(line) for line in node.metadata.get("traceback_", ()))
            frames = [(match[1], int(match[2])) for match in lines if match]
        own = [(file, line) for file, line in frames if not any(part in file for part in OWN)]
        line = f"{own[-1][0].rsplit('/', 1)[-1]}:{own[-1][1]}" if own else ""
        return ", ".join(part for part in (self.path[-1], line) if part) or "loss"


def is_spoiled(result: Any) -> bool:
    return any(not bool(part.isfinite().all()) for part in real_numbers((result,)))


def real_numbers(parts: Any) -> Iterator[Tensor]:
    """The tensors of them that there are in tuples and lists, without those that are empty."""
    for part in parts:
        if isinstance(part, tuple | list):
            yield from real_numbers(part)
        elif isinstance(part, Tensor) and part.is_floating_point() and part.numel():
            yield part
