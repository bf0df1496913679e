"""What a net and data of one's own must be, found out before the first step of a training."""

from __future__ import annotations

from contextlib import suppress
from math import prod
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from profundo.boxes import NO_OBJECT
from profundo.data.batches import in_order
from profundo.data.splits.splits import chosen
from profundo.evaluate import evaluating
from profundo.languages import Said
from profundo.object_masks import table_of
from profundo.records import Batch, Dataset, Inputs, ProfundoError, Spec
from profundo.runs.experiment import Experiment
from profundo.runs.given.own import Own
from profundo.runs.saved_model import keepable, packed
from profundo.train.randomness import seeded
from profundo.train.updates import ALONE
from profundo.trees import arguments, called, leaves, length, main_output, mapped

__all__ = [
    "check_cost",
    "check_data",
    "check_loss",
    "check_normalisation",
    "check_outputs",
    "check_saving",
    "classes_last",
    "few_samples",
    "in_shapes",
    "note_of_output_layer",
    "trained_outputs",
    "tried_outputs",
]

TRIED = 2**18  # numbers of the samples that a net is tried on, of which there are from 8 to 64
FAR = 1000.0  # times as large as they are
# What PyTorch calls the steps back through the last layers, and through what only arranges values anew.
OUTPUT_LAYERS = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid", "Hardsigmoid": "sigmoid",
                 "LogSigmoid": "logsigmoid"}  # fmt: skip
ARRANGING = ("View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Transpose", "T", "Permute", "Clone", "Alias",
             "ToCopy", "Slice", "Select", "Expand", "Clamp")  # fmt: skip


def check_data(data: Dataset) -> None:
    """Raises ProfundoError when a split's targets do not fit its inputs, or its values are not what the spec says."""
    spec = data.spec
    for name, split in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        check_inputs(split.inputs, spec.inputs, f"{data.name}: {name}", len(split))
        targets = split.targets
        if spec.targets.kind == "any":
            continue
        if spec.targets.traits.per == "object":
            check_objects(targets, spec, f"{data.name}: {name}")
            continue
        if spec.targets.traits.per == "pixel":
            size = spec.inputs.shape[1:]
            dtype = torch.uint8 if spec.targets.kind == "mask" else torch.float32
            right = targets.dtype == dtype and tuple(targets.shape[1:]) == size
            wanted = f"{str(dtype)[6:]} (samples, {', '.join(map(str, size))})"
        elif spec.targets.kind in ("real", "labels"):
            right = targets.is_floating_point() and targets.ndim == 2 and targets.shape[1] == spec.outputs
            wanted = f"float (samples, {spec.outputs})"
            if spec.targets.kind == "labels":
                right, wanted = right and bool(((targets == 0) | (targets == 1)).all()), f"{wanted} of 0 and 1"
        else:
            right = targets.dtype == torch.int64 and targets.ndim == 1
            wanted = f"int64 (samples,) from 0 to {len(spec.targets.classes) - 1}"
            right = right and (
                not len(targets) or 0 <= int(targets.min()) <= int(targets.max()) < len(spec.targets.classes)
            )
        if not right:
            remedy = "; of one-hot rows give argmax(1)" if "int64" in wanted and targets.ndim == 2 else ""
            raise ProfundoError(
                f"{data.name}: {name} targets: expected {wanted}, got {targets.dtype} {tuple(targets.shape)}{remedy}"
            )


def check_objects(targets: Any, spec: Spec, where: str) -> None:
    """Raises ProfundoError for what is no table of objects, or has masks of another size than its images."""
    table, size = table_of(targets), spec.inputs.shape[1:]
    classes = table[..., 4] if table.ndim == 3 and table.shape[2] == 6 else None
    if classes is None or bool(((classes < NO_OBJECT) | (classes >= len(spec.targets.classes))).any()):
        raise ProfundoError(
            f"{where} targets: expected objects as boxes.packed makes them, (samples, most, 6) with classes from 0 to "
            f"{len(spec.targets.classes) - 1}, got {tuple(table.shape)}"
        )
    masks = targets["masks"] if table is not targets else None
    wanted = (*table.shape[:2], size[0], -(-size[1] // 8))
    if masks is not None and (masks.dtype != torch.uint8 or tuple(masks.shape) != wanted):
        raise ProfundoError(
            f"{where} masks: expected uint8 {wanted}, bits of the masks of its images {size}, as object_masks.bits_of makes them; "
            f"got {masks.dtype} {tuple(masks.shape)}"
        )


def check_inputs(inputs: Any, about: Inputs, where: str, targets: int) -> None:
    """Raises ProfundoError for another number of samples than targets, another shape, and what is not finite."""
    count = length(inputs) if isinstance(inputs, tuple | dict) else len(inputs)
    if count != targets:
        raise ProfundoError(f"{where} has {count} inputs and {targets} targets; expected as many")
    if about.parts:
        for leaf, part in zip(leaves(inputs), about.parts, strict=True):
            check_inputs(leaf, part, where, targets)
        return
    if isinstance(inputs, Tensor) and tuple(inputs.shape[1:]) != about.shape:
        raise ProfundoError(f"{where} inputs are {tuple(inputs.shape[1:])}, the spec says {about.shape}")
    if isinstance(inputs, Tensor) and inputs.is_floating_point() and not bool(inputs.isfinite().all()):
        raise ProfundoError(f"{where} inputs hold NaN or infinite values; clean them")


def few_samples(data: Dataset, device: torch.device) -> Batch:
    """The first training samples, as the net sees them, as many as no axis of a sample is long: what mistakes one axis for
    another fails now, and not at the first whole batch. Of fewer samples, the first again."""
    sizes = {
        data.spec.outputs,
        len(data.spec.targets.classes),
        *data.spec.inputs.shape,
        *(size for part in data.spec.inputs.parts for size in part.shape),
    }
    count = next(number for number in (2, 3, 5, 7, 11, 13) if number not in sizes or number == 13)
    places = torch.arange(count) % len(data.train)
    return next(in_order(chosen(data.train, places), data.spec, device=device, workers=0))


def tried_outputs(net: nn.Module, data: Dataset) -> Any:
    """What the net gives for a few samples. Raises ProfundoError where it does not take them."""
    parameter = next((one for one in net.parameters() if not is_lazy(one)), torch.empty(0))
    inputs = few_samples(data, parameter.device).inputs
    try:
        with evaluating(net), seeded(0):
            return called(net, inputs)
    except Exception as error:  # noqa: BLE001 - a program of somebody else
        raise ProfundoError(
            f"{type(net).__name__}: expected to take inputs {shapes_of(data.spec.inputs)}: {' '.join(str(error).split())[:300]}"
            f"{OF_TEXTS if data.spec.inputs.texts else usual_remedy(net, parameter, inputs)}"
        ) from None


OF_TEXTS = "; these are ids of words and characters of texts: fit('text_mean', data) reads them; for a net of your own give ids"


def usual_remedy(net: nn.Module, parameter: Tensor, inputs: Any) -> str:
    """What to do about a net that does not take its inputs, where the cause is a usual one; "" elsewhere."""
    if parameter.dtype in (torch.float64, torch.float16, torch.bfloat16):
        return "; samples come in float32: give net.float()"
    if isinstance(inputs, dict):
        return f"; forward gets one dict with {', '.join(map(repr, inputs))}: give the inputs that it takes alone, or in a tuple"
    if not isinstance(inputs, Tensor):
        return f"; {len(inputs)} inputs came, in a tuple: give the one it takes, or a net whose forward takes {len(inputs)}"
    if not inputs.is_floating_point() and any(isinstance(module, nn.Embedding) for module in net.modules()):
        rows, largest = (
            max(one.num_embeddings for one in net.modules() if isinstance(one, nn.Embedding)),
            int(inputs.max()),
        )
        return f"; some ids are {largest}, and the largest Embedding has {rows} rows" if largest >= rows else ""
    if inputs.ndim == 4 and inputs.shape[3] in (1, 3, 4) and inputs.shape[1] not in (1, 3, 4):
        return "; images come as (samples, channels, height, width): give X.transpose(0, 3, 1, 2)"
    if inputs.ndim == 3 and any(isinstance(module, nn.Conv2d) for module in net.modules()):
        return "; images come as (samples, channels, height, width): give X[:, None]"
    return ""


def shapes_of(inputs: Inputs) -> str:
    if inputs.parts:
        return ", ".join(map(shapes_of, inputs.parts))
    return f"({', '.join(map(str, ('batch', *inputs.shape)))})"


def check_outputs(net: nn.Module, data: Dataset) -> None:
    """Raises ProfundoError when the net does not take the data's inputs or does not give as many outputs as they need."""
    targets, given = data.spec.targets, tried_outputs(net, data)
    if targets.kind == "any":
        return
    if targets.traits.per == "object":
        check_detector(net, given)
        return
    outputs = main_output(given)
    if not outputs.is_floating_point():
        raise ProfundoError(
            f"{type(net).__name__}: expected outputs that follow smoothly from its parameters, got {str(outputs.dtype)[6:]}; leave "
            "out argmax, round and comparisons: predictions are made of the outputs afterwards"
        )
    tried = length(few_samples(data, outputs.device).inputs)
    grid = data.spec.inputs.shape[1:] if targets.traits.per == "pixel" else ()
    if outputs.shape == (tried, data.spec.outputs, *grid):
        return
    remedy = "change the width of the last layer"
    if targets.kind == "classes" and outputs.shape == (tried, 1):
        remedy += ", or give task='real' where the target is a number"
    if targets.kind == "real" and outputs.ndim == 2 and len(targets.names) == 1:
        remedy += ", or give task='classes' where the target is one of several"
    if data.spec.outputs == data.spec.inputs.shape[0] and targets.kind in ("real", "labels"):
        remedy += (
            "; where each item of the data is a batch, give a generator of them, such as (batch for batch in data)"
        )
    or_two = " or (batch, 2)" if targets.kind == "binary" else ""
    raise ProfundoError(
        f"{type(net).__name__}: expected outputs (batch, {data.spec.outputs}){or_two} for {data.name}, got {tuple(outputs.shape)} "
        f"for a batch of {tried}; {remedy}"
    )


def check_cost(net: nn.Module, data: Dataset) -> None:
    """Raises ProfundoError where a detector refuses the targets that the data have, such as boxes without masks: before a training,
    which leaves a folder. What fails otherwise, the first step tells more of."""
    if data.spec.targets.traits.per != "object":
        return
    device = next(net.parameters(), torch.empty(0)).device
    try:
        with evaluating(net), torch.no_grad(), seeded(0):
            batch = few_samples(data, device)
            net.cost(batch.inputs, batch.targets)  # type: ignore[operator]
    except ProfundoError:
        raise
    except Exception:  # noqa: BLE001 - a program of somebody else
        return


def check_detector(net: nn.Module, given: Any) -> None:
    """Raises ProfundoError where a net of one's own has no cost, or answers otherwise than detectors do."""
    right = isinstance(given, tuple) and len(given) in (3, 4) and all(isinstance(part, Tensor) for part in given)
    shapes = [tuple(part.shape) for part in given] if right else []
    if not callable(getattr(net, "cost", None)) or not right or shapes[0] != (*shapes[1], 4) or shapes[1] != shapes[2]:
        raise ProfundoError(
            f"{type(net).__name__}: expected a detector, with cost(images, targets) → {{part: scalar}} and forward(images) → boxes "
            f"(batch, places, 4), classes and scores (batch, places); got {in_shapes(given)}"
        )


def classes_last(outputs: Any, targets: Any) -> str:
    """What to do about outputs (batch, places, classes) beside targets (batch, places); "" elsewhere."""
    tensors = isinstance(outputs, Tensor) and isinstance(targets, Tensor) and not targets.is_floating_point()
    if tensors and outputs.ndim == targets.ndim + 1 > 2 and outputs.shape[:-1] == targets.shape:
        return "; classes come second, (batch, classes, …): give outputs.movedim(-1, 1)"
    return ""


def check_loss(net: nn.Module, data: Dataset, own: Own) -> None:
    """Raises ProfundoError when a loss of one's own does not take what the net gives, in evaluation and in training."""
    if own.loss is None:
        return
    device = next(net.parameters(), torch.empty(0)).device
    batch = few_samples(data, device)
    judged = None if own.loss.judge is not None else tried_outputs(net, data)
    for outputs in (judged, trained_outputs(net, data)):
        if outputs is None:
            continue
        try:
            with torch.enable_grad(), seeded(0):
                cost = own.loss.mean_cost(mapped(followed, outputs), batch.targets, length(batch.targets))
        except ProfundoError:
            raise
        except Exception as error:  # noqa: BLE001 - a function of somebody else
            raise ProfundoError(
                f"loss {own.loss.name}: failed for outputs {in_shapes(outputs)} and targets {in_shapes(batch.targets)}, which it "
                f"gets in this order: {type(error).__name__}: {' '.join(str(error).split())[:250]}"
                f"{classes_last(outputs, batch.targets)}"
            ) from None
        if not cost.requires_grad and all(isinstance(leaf, Tensor) for leaf in leaves(outputs)):
            raise ProfundoError(
                f"loss {own.loss.name}: expected a tensor computed from the outputs, got one without a gradient; leave out detach(), "
                "item(), numpy(), argmax and torch.tensor(…) on the way"
            )
        if not bool(cost.isfinite()) and data.spec.targets.kind == "any":
            raise ProfundoError(f"loss {own.loss.name}: gave {float(cost)} for a few samples; expected a finite number")


def followed(leaf: Tensor) -> Tensor:
    """A copy that gradients are followed to; no leaf of autograd's, for a loss may change its outputs in place."""
    real = isinstance(leaf, Tensor) and leaf.is_floating_point()
    return leaf.detach().clone().requires_grad_().clone() if real else leaf


def in_shapes(tree: Any) -> str:
    if isinstance(tree, Tensor):
        return f"({', '.join(map(str, tree.shape))}) {str(tree.dtype)[6:]}"
    return f"{type(tree).__name__} of {', '.join(in_shapes(leaf) for leaf in leaves(tree) if isinstance(leaf, Tensor))}"


def trained_outputs(net: nn.Module, data: Dataset) -> Any:
    """What the net gives in training for a few samples, where that may be more than in evaluation: its code looks at `training`.
    None elsewhere, and where it takes none."""
    if not any("training" in names_in(module.forward) for module in net.modules()):
        return None
    modes = [(module, module.training) for module in net.modules()]
    inputs = few_samples(data, next(net.parameters(), torch.empty(0)).device).inputs
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
    try:
        with torch.no_grad(), seeded(0):
            net.train()
            return torch.func.functional_call(net, buffers, *arguments(net, inputs))
    except Exception:  # noqa: BLE001 - the first step tells more
        return None
    finally:
        for module, mode in modes:
            module.training = mode


def names_in(function: Any) -> tuple[str, ...]:
    """What the code of a module's own forward reads; of PyTorch's modules nothing that matters here."""
    code = getattr(function, "__code__", None)
    if code is None or (getattr(function, "__module__", "") or "").startswith("torch.nn."):
        return ()
    return tuple(code.co_names)


def note_of_output_layer(net: nn.Module, data: Dataset) -> str:
    """A sentence where the net ends in an output layer, which the objective applies itself; "" where it does not."""
    targets, last = data.spec.targets, output_layer_of(net, data)
    if not last:
        return ""
    if targets.kind == "real":
        return (
            f"{type(net).__name__} ends in a {last}, but the numbers to predict are standardised to mean 0 and deviation 1: let "
            "it end in a linear layer."
        )
    effect = "it may be left out" if last == "log_softmax" and targets.kind == "classes" else "leave it out"
    return (
        f"{type(net).__name__} ends in a {last}, but the objective takes outputs without bounds and applies the output layer "
        f"itself, as do the predictions: {effect}."
    )


def output_layer_of(net: nn.Module, data: Dataset) -> str:
    """ "softmax", "sigmoid", "log_softmax" … where the net ends in one, else "".

    By the last operation; and by the outputs for some training samples, since a softmax may be written in many ways.
    """
    many = min(len(data.train), max(8, min(64, TRIED // prod(data.spec.inputs.shape))))
    last = ""
    with suppress(Exception), evaluating(net), torch.enable_grad(), seeded(0):  # what fails here will fail in training
        places = torch.linspace(0, len(data.train) - 1, many, dtype=torch.float64).long()
        device = next(net.parameters(), torch.empty(0)).device
        inputs = next(in_order(chosen(data.train, places), data.spec, device=device, workers=0)).inputs
        outputs = main_output(called(net, inputs))
        last = last_layer(outputs) or layer_of_shares(outputs)
        last = last or layer_of_bounds(torch.cat([outputs, main_output(called(net, mapped(far, inputs)))]))
    return last


def far(leaf: Tensor) -> Tensor:
    return FAR * leaf if leaf.is_floating_point() else leaf


def last_layer(outputs: Tensor) -> str:
    """The output layer that the outputs come from, by what autograd keeps of it; "" where it is none."""
    step = outputs.grad_fn
    while step is not None:
        name = step.name().split("Backward")[0]
        if name not in ARRANGING:
            return OUTPUT_LAYERS.get(name, "")
        step = step.next_functions[0][0]
    return ""


def layer_of_shares(outputs: Tensor) -> str:
    """The same where outputs (samples, K) are shares that sum to 1, or their logarithms."""
    outputs = outputs.detach().float()
    sums_to_one = [bool(((one.sum(1) - 1).abs() < 1e-3).all()) and one.shape[1] > 1 for one in (outputs, outputs.exp())]
    if sums_to_one[0] and float(outputs.min()) >= 0:
        return "softmax"
    return "log_softmax" if sums_to_one[1] else ""


def layer_of_bounds(outputs: Tensor) -> str:
    """The same where outputs for far inputs, too, are all within [0, 1], and come near both ends."""
    low, high = outputs.detach().aminmax()
    return "sigmoid" if 0 <= low < 1e-3 and 1 - 1e-3 < high <= 1 else ""


def check_normalisation(net: nn.Module, data: Dataset, choices: Experiment, processes: int = 1) -> None:
    """Raises ProfundoError where batch normalisation would be given one value a channel, of which it can make nothing."""
    batch = min(choices.batch_size or 1, len(data.train))
    if batch // min(choices.accumulate, max(1, batch // processes)) > 1:
        return
    modes = [(module, module.training) for module in net.modules()]
    sample = mapped(lambda leaf: leaf[:1], few_samples(data, next(net.parameters(), torch.empty(0)).device).inputs)
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
    try:
        with torch.no_grad(), seeded(0):
            if not net.training:
                net.train()
            torch.func.functional_call(net, buffers, *arguments(net, sample))
    except ValueError as error:
        if ALONE in str(error):
            parts = f" in {choices.accumulate} parts" if choices.accumulate > 1 else ""
            raise ProfundoError(
                f"batch normalisation: expected two samples or more in each part of a batch, got one (batches of {batch}{parts}); "
                "raise --batch-size" + (" or lower --accumulate" if parts else ""),
                told=Said("refusals.batch_of_one", size=batch),
            ) from None
    except Exception:  # noqa: BLE001 - of a net that cannot do this at all, the first step tells more
        pass
    finally:
        for module, mode in modes:
            module.training = mode


def check_saving(net: nn.Module) -> None:
    """Raises ProfundoError when files cannot keep the net's state, or it cannot be put back: before a training, not after."""
    try:
        before = packed(net.state_dict())
        net.load_state_dict(safetensors.torch.load(before))
        if packed(net.state_dict()) != before:
            raise ValueError("it is not the same afterwards")
    except Exception as error:  # noqa: BLE001 - hooks are programs of somebody else
        why = "; ".join(keepable(net)[1]) or " ".join(str(error).split())
        raise ProfundoError(
            f"{type(net).__name__}: its state cannot be saved and put back: {why}. Let state_dict give dense tensors, which "
            "files hold and load_state_dict takes, or keep nothing: out=False, without early_stop"
        ) from None
