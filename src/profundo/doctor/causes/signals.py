"""How signals and gradients travel through the net: the scale of the first weights, units that are silent or at their ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from profundo.doctor.causes.pace import FINE, clipped
from profundo.doctor.causes.structure import quietly
from profundo.doctor.passage import (
    DROPOUTS,
    LAYERS,
    PRODUCTS,
    RECTIFIERS,
    SQUASHERS,
    Call,
    Change,
    Passage,
    alter,
    altered,
    calls_of,
    hidden_calls,
    layers_of,
)
from profundo.doctor.patient import Patient
from profundo.doctor.programs import one_step
from profundo.doctor.reinitializing import USUAL, reinitialize_, relative_scale
from profundo.doctor.skill import skill
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Variant, answers_of

__all__ = ["signals"]

VANISHES, EXPLODES = 1e-3, 1e3  # gradient by the first layer's values over that by the last hidden one's
GROWN = 20.0  # values of the last layer over those of the first
LOUD = 4.0  # answers over targets
SILENT, ENDS = 0.7, 0.5  # share of a layer's units
GATED = {"rnn_tanh", "rnn_tanh_cell", "lstm", "lstm_cell", "gru", "gru_cell"}


def signals(patient: Patient) -> Iterator[Suspicion]:
    passage, course = patient.passage, patient.course
    fine = course.first_not_finite is None and course.train and course.train[-1] > FINE
    if passage is None or not course.losses or fine:
        return
    calls = calls_of(patient.net, patient.probe.inputs)[0]
    yield from quietly(patient, constant_weights, patient)
    raised = quietly(patient, bad_init_scale, calls) or quietly(patient, loud_answers, patient)
    raised += quietly(patient, saturated_units, calls)
    raised += quietly(patient, dead_units, patient, passage, calls) + quietly(patient, slope, passage, calls)
    raised += quietly(patient, through_time, passage)
    raised += quietly(patient, growing, passage)
    yield from raised or quietly(patient, underfit, patient, passage, calls)


# ----------------------------------------------------------------------------------------------------- initial weights
def bad_init_scale(calls: list[Call]) -> Iterator[Suspicion]:
    """Weights drawn far larger or smaller than their number of inputs calls for, or all of one sign."""
    ratios = [(relative_scale(call, one), call) for call in calls for one in call.weights]
    odd = [(ratio, call) for ratio, call in ratios if not USUAL[0] < ratio < USUAL[1]]
    odd.sort(key=lambda one: -abs(math.log(one[0] + 1e-9)))
    if odd:
        yield Suspicion(
            "bad_init_scale", layers_of(call for _, call in odd),
            {"layers": len(ratios), "with unusual weights": len(odd), "scale (1 is usual)": odd[0][0]},
            "draw weights by the number of their inputs: nn.init.kaiming_normal_ before ReLU, xavier_normal_ before tanh, biases 0",
            weight=0.62 if 2 * len(odd) >= len(ratios) else 0.55,
            cures={"weights drawn anew, each layer's values of deviation 1": redrawn},
        )  # fmt: skip


def loud_answers(patient: Patient) -> Iterator[Suspicion]:
    """Numbers that are many times too large before training, though no weight is: products of many vectors' numbers."""
    answers, targets = patient.outputs, patient.probe.targets
    if patient.task.kind != "real" or not isinstance(answers, Tensor):
        return
    first, wanted = float(answers.double().square().mean().sqrt()), float(targets.double().square().mean().sqrt())
    if first > LOUD * wanted > 0:
        yield Suspicion(
            "bad_init_scale", layers_of(loudest(patient.net, patient.probe.inputs)),
            {"answers before training": first, "targets": wanted},
            "draw smaller weights, vectors of nn.Embedding above all (nn.init.normal_, std=0.1): answers begin many times too large",
            weight=0.55, cures={"vectors and output weights a tenth as large": lowered},
        )  # fmt: skip


def lowered(variant: Variant) -> Variant:
    """The weights of embeddings, or where there are none those of the last layer."""
    few = variant.train.first(8).inputs
    weights = {id(one): one for call in loudest(variant.program.net, few) for one in call.weights}
    with torch.no_grad():
        for one in weights.values():
            one.mul_(0.1)
    return variant


def loudest(net: nn.Module, inputs: Any) -> list[Call]:
    """Embeddings, or where there are none the last layer."""
    calls = calls_of(net, inputs)[0]
    vectors = [call for call in calls if call.function == "embedding"]
    return vectors or [call for call in calls if call.weighted][-1:]


def constant_weights(patient: Patient) -> Iterator[Suspicion]:
    """A layer of which every weight is the same number: biases drawn at random hardly tell its units apart."""
    for name, one in patient.net.named_parameters():
        value = one.detach()
        same = value.ndim > 1 and len(value) >= 4 and bool((value == value.flatten()[0]).all())
        if same and (number := float(value.flatten()[0])) != 0:
            yield Suspicion(
                "symmetric_init", name, {"units": len(value), "every weight": number},
                "draw the weights at random (nn.init.kaiming_normal_): units that begin alike are told apart by their biases alone",
                weight=0.7, cures={"weights drawn anew": redrawn},
            )  # fmt: skip
            return


def redrawn(variant: Variant) -> Variant:
    reinitialize_(variant.program.net, variant.train.first(128).inputs)
    return variant


# --------------------------------------------------------------------------------------------------------- activations
def saturated_units(calls: list[Call]) -> Iterator[Suspicion]:
    """Sigmoids and hyperbolic tangents at the ends of their range for nearly all samples, from the beginning."""
    bounded = (*hidden_calls(calls, SQUASHERS), *(call for call in calls if call.function in GATED))
    found = [(call.signs.saturated, call) for call in bounded if call.signs]
    ends = [share for share, _ in found]
    if ends and max(ends) > ENDS:
        yield Suspicion(
            "saturated_units", layers_of(call for share, call in found if share > ENDS),
            {"layers": len(ends), "share of values at an end of their range": max(ends)},
            "draw smaller weights (nn.init.xavier_normal_, biases 0): where an activation is flat no gradient passes",
            weight=0.64, cures={"weights drawn anew, each layer's values of deviation 1": redrawn},
        )  # fmt: skip


def several(call: Call) -> bool:
    """Whether a function acts on a layer of some width."""
    given = call.arguments[0]
    return bool(given.shape[1 if given.ndim > 3 else -1] >= 4)


def dead_units(patient: Patient, passage: Passage, calls: list[Call]) -> Iterator[Suspicion]:
    """Units that are zero for every sample, before training or at its end."""
    before = [share for share, _ in silent(calls)]
    found = silent(calls_of(patient.grown, patient.probe.inputs)[0])
    after = [share for share, _ in found]
    if not after or max(after) <= SILENT:
        return
    from_birth = max(before, default=0.0) > SILENT
    yield Suspicion(
        "dead_units", layers_of(call for share, call in found if share > SILENT),
        {"share of silent units before training": max(before, default=0.0), "at the end": max(after), "layers": len(after)},
        "begin with biases of 0 and weights of kaiming_normal_" if from_birth
        else "lower the learning rate, or use leaky_relu: units that are zero for every sample get no gradient any more",
        weight=0.65 if from_birth else 0.4,
        cures={"leaky ReLU": altered(with_activation(passage.depth, RECTIFIERS, leaky))}
        | ({"weights drawn anew": redrawn} if from_birth else {}),
    )  # fmt: skip


def silent(calls: list[Call]) -> list[tuple[float, Call]]:
    """The share of dead units in each rectifier of a layer of some width."""
    return [(one.signs.dead, one) for one in hidden_calls(calls, RECTIFIERS) if one.signs and several(one)]


def leaky(values: Tensor) -> Tensor:
    return torch.nn.functional.leaky_relu(values, 0.1)


def with_activation(depth: int, names: frozenset[str], other: Callable[[Tensor], Tensor]) -> Change:
    """Another activation between the layers."""

    def change(call: Call, run: Callable[[], Any]) -> Any:
        return other(call.arguments[0]) if call.function in names and 0 < call.number < depth else run()

    return change


# ------------------------------------------------------------------------------------------------------------ gradients
def slope(passage: Passage, calls: list[Call]) -> Iterator[Suspicion]:
    """Gradients that shrink or grow from layer to layer by a constant factor."""
    measured = [call for call in passage.weighted if not math.isnan(call.gradient)]
    if len(measured) < 4 or not measured[-2].gradient > 0:
        return
    beside = [call for call in measured if call.arguments[0] is measured[0].arguments[0]]  # queries, keys and values
    first, last = max(call.gradient for call in beside), measured[-2].gradient
    ratio, layers = first / last, len(measured) - len(beside)
    evidence = {"layers": layers, "gradient by the first layer's values": first, "by the last hidden layer's": last}
    depth = passage.depth
    normal = {"each layer's values normalised": altered(between_layers(depth, normalised))}
    if ratio < VANISHES:
        squashed = any(True for _ in hidden_calls(calls, SQUASHERS))
        relu = altered(with_activation(depth, SQUASHERS, torch.relu))
        factor = ratio ** (1 / max(1, layers - 1)) if ratio else 0.0
        yield Suspicion(
            "vanishing_gradient", layers_of(call for call in measured if call.gradient < VANISHES * last),
            evidence | {"factor a layer": factor},
            "use ReLU and kaiming_normal_ in place of sigmoid or tanh, normalise between layers (nn.BatchNorm1d, nn.LayerNorm), "
            "add skip connections", weight=0.6,
            cures={**normal, "skip connections": altered(between_layers(depth, with_skips))}
            | ({"ReLU, weights drawn for it": lambda variant: redrawn(relu(variant))} if squashed else {}),
        )  # fmt: skip
    elif ratio > EXPLODES or not math.isfinite(ratio):
        yield Suspicion(
            "exploding_gradient", layers_of(call for call in measured if not call.gradient < EXPLODES * last), evidence,
            "clip gradients (nn.utils.clip_grad_norm_), normalise between layers", weight=0.6,
            cures={"gradients clipped to norm 1": clipped, **normal},
        )  # fmt: skip


def growing(passage: Passage) -> Iterator[Suspicion]:
    """Values that grow from layer to layer, as where those of many neighbours are summed up: gradients grow with them."""
    sizes = [call.size for call in passage.weighted if call.size > 0]
    if len(sizes) < 3 or not sizes[-1] > GROWN * max(1.0, sizes[0]):
        return
    yield Suspicion(
        "exploding_gradient", layers_of(call for call in passage.weighted if call.size > GROWN * max(1.0, sizes[0])),
        {"layers": len(sizes), "values of the first layer": sizes[0], "of the last": sizes[-1]},
        "let no layer enlarge what it gets: means in place of sums, normalisation between layers (nn.LayerNorm), weights drawn "
        "by the number of their inputs", weight=0.58,
        cures={
            "weights drawn anew, each layer's values of deviation 1": redrawn,
            "each layer's values normalised": altered(between_layers(passage.depth, normalised)),
        },
    )  # fmt: skip


def between_layers(depth: int, join: Callable[[Tensor, Tensor], Tensor]) -> Change:
    """What each layer but the last gives, joined with what it got."""

    def change(call: Call, run: Callable[[], Any]) -> Any:
        result = run()
        inner = call.weighted and call.function in LAYERS | PRODUCTS and call.number < depth
        return join(result, call.arguments[0]) if inner else result

    return change


def normalised(result: Tensor, _given: Tensor) -> Tensor:
    """Of mean 0 and deviation 1 over the features of each sample."""
    return torch.nn.functional.layer_norm(result, result.shape[1 if result.ndim > 3 else -1 :])


def with_skips(result: Tensor, given: Tensor) -> Tensor:
    return result + given if result.shape == given.shape else result


def through_time(passage: Passage) -> Iterator[Suspicion]:
    """Gradients that shrink or grow from step to step of a recurrent net."""
    for call in passage.calls:
        if call.times is None or not call.times[1] > 0:
            continue
        ratio = call.times[0] / call.times[1]
        where = layers_of([call])
        evidence = {"gradient by the first step's inputs": call.times[0], "by the last step's": call.times[1]}
        if ratio < VANISHES and call.function in {"lstm", "gru"}:
            yield Suspicion(
                "vanishing_gradient", where, evidence,
                "begin with gates that keep their state (an LSTM's forget biases at 1 to 3), or shorter sequences", weight=0.6,
                gain=0.3, share=0.5,  # gradients through gates vanish at first in many a sound net
                cures={"gates that begin by keeping their state": keeping},
            )  # fmt: skip
        if ratio < VANISHES and call.function in {"rnn_tanh", "rnn_relu"}:
            words = "use nn.LSTM or nn.GRU, whose gates let gradients pass"
            yield Suspicion("vanishing_gradient", where, evidence, words, weight=0.6, cures={"GRU": gated})
        elif ratio > EXPLODES or not math.isfinite(ratio):
            yield Suspicion(
                "exploding_gradient", where, evidence,
                "clip gradients (nn.utils.clip_grad_norm_) and begin with smaller recurrent weights (nn.init.orthogonal_)",
                weight=0.6, cures={"gradients clipped to norm 1": clipped, "weights drawn anew": redrawn},
            )  # fmt: skip
        return


def keeping(variant: Variant) -> Variant:
    """Biases of the second of the gates, of an LSTM what it forgets, of a GRU what it takes over, so that states last for some
    twenty steps (Gers, Schmidhuber and Cummins 2000; Tallec and Ollivier 2018)."""
    for module in variant.program.net.modules():
        if isinstance(module, nn.LSTM | nn.GRU | nn.LSTMCell | nn.GRUCell):
            size = module.hidden_size
            for name, bias in module.named_parameters():
                if name.startswith("bias"):
                    nn.init.constant_(bias.data[size : 2 * size], 3.0 if name.startswith("bias_ih") else 0.0)
    return variant


def gated(variant: Variant) -> Variant:
    """GRU in the place of every plain recurrent layer, for it takes and gives the same; its gates begin by keeping their state."""
    net, optimizer = variant.program.net, variant.program.optimizer
    for name, module in list(net.named_modules()):
        if isinstance(module, nn.RNN):
            other = nn.GRU(
                module.input_size, module.hidden_size, module.num_layers, module.bias, module.batch_first,
                module.dropout, module.bidirectional,
            )  # fmt: skip
            for one, bias in other.named_parameters():
                if one.startswith("bias_ih"):
                    nn.init.constant_(bias.data[module.hidden_size : 2 * module.hidden_size], 3.0)
            net.get_submodule(name.rpartition(".")[0]).register_module(name.rpartition(".")[2], other)
            optimizer.add_param_group({"params": list(other.parameters())})
    return variant


# ------------------------------------------------------------------------------------------------------------- capacity
def underfit(patient: Patient, passage: Passage, calls: list[Call]) -> Iterator[Suspicion]:
    """Too small for what it is to learn: it cannot fit a hundred samples, and the same net with a wide path beside it can."""
    inputs, weighted = patient.train.inputs, [call for call in calls if call.weighted]
    if not weighted or weighted[-1].function not in LAYERS | PRODUCTS or not isinstance(inputs, Tensor):
        return
    frozen = not all(one.requires_grad for one in patient.net.parameters())
    if patient.task.kind == "own" or patient.gives_back or frozen:
        return  # an autoencoder is narrow on purpose, and so is what is learned upon frozen features
    if not inputs.is_floating_point() or inputs.ndim < 2 or max(patient.course.train, default=0.0) > FINE:
        return  # it fitted what it was trained on: what it lacks elsewhere is not room
    if (fits := fit_of_few(patient)) > FINE:
        return
    hidden = [call for call in weighted[:-1] if call.weights]
    widths = [(call.weights[0].shape[1 if call.function in PRODUCTS else 0], call) for call in hidden]
    narrowest = min((units for units, _ in widths), default=0)
    yield Suspicion(
        "underfit", layers_of(call for units, call in widths if units == narrowest),
        {"layers": passage.depth, "units of the narrowest": narrowest, "skill when trained on a hundred samples": fits},
        "give the net more units in its hidden layers, or one more layer: it cannot fit even the samples that it is trained on",
        weight=0.1, gain=0.15, cures={"128 hidden units beside the net": partial(with_wide_path, passage.depth)},
    )  # fmt: skip


def fit_of_few(patient: Patient, count: int = 100, steps: int = 200) -> float:
    """How good the net becomes on few samples, trained on these alone with Adam and without dropout, until that is fine."""
    program = patient.variant.copy().program
    few = patient.train.first(count)
    adam = torch.optim.Adam([one for one in program.net.parameters() if one.requires_grad], 1e-2)
    program = replace(program, optimizer=adam)
    alter(program.net, lambda call, run: call.arguments[0] if call.function in DROPOUTS else run())
    best = -1.0
    for done in range(steps):
        one_step(program, few.batch(torch.arange(len(few))))
        if done % 40 == 39:
            best = max(best, skill(answers_of(program.net, few.inputs), few.targets, patient.task))
            if best > FINE:
                break
    return best


def with_wide_path(depth: int, variant: Variant) -> Variant:
    """A hidden layer of 128 units from the inputs to the last layer's values, in sum with what the net gives there."""
    net, example = variant.program.net, variant.train.inputs[:2]
    given: list[Tensor] = []
    path = nn.Sequential(nn.Flatten(), nn.Linear(example[0].numel(), 128), nn.ReLU())

    def change(call: Call, run: Callable[[], Any]) -> Any:
        result = run()
        if not call.weighted or call.number != depth:
            return result
        if len(path) == 3:
            path.append(nn.Linear(128, result[0].numel()))
        return result + path(given[0]).view_as(result)

    net.register_forward_pre_hook(lambda _net, arguments: given.__setitem__(slice(None), arguments[:1]))
    alter(net, change)
    answers_of(net, example)
    variant.program.optimizer.add_param_group({"params": list(path.parameters())})
    return variant
