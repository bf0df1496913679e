"""What a person gives to train with, by name or itself: loss, optimizer, schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from profundo.data.object_arrays import NO_TARGETS
from profundo.objectives import OBJECTIVES, default_name
from profundo.objectives.objective_names import check
from profundo.objectives.own_losses import (
    LOGITS,
    NAMES,
    SHAPED,
    OwnLoss,
    loss_name,
    named_loss,
    own_loss,
    place_entropy,
    same_objective,
    shaped_loss,
)
from profundo.records import Dataset, ProfundoError, Targets
from profundo.runs.checks import classes_last, few_samples, in_shapes, note_of_output_layer, tried_outputs
from profundo.runs.given.own import Own
from profundo.train.optimizers import OPTIMIZERS
from profundo.train.own_optimizers import own_optimizer, own_schedule
from profundo.trees import main_output

__all__ = ["loss_of", "own_of", "takes_logits"]

PYTORCHS = {
    name.lower(): one for name, one in vars(torch.optim).items() if isinstance(one, type) and name != "Optimizer"
}


def own_of(
    net: nn.Module, data: Dataset, settings: Mapping[str, Any], loss: Any, optimizer: Any, schedule: Any
) -> tuple[Own, dict[str, Any]]:
    """What is no name, and the settings with what is one."""
    settings, given = dict(settings), dict[str, str]()
    ours, named = loss_of(net, data, loss)
    if named and settings.get("objective") not in (None, named["objective"]):
        raise ProfundoError(
            f"loss and objective are two names for one thing: {named['objective']} and {settings['objective']}; give one"
        )
    settings |= named
    if ours is not None:
        given["loss"] = ours.name
        for name in ("objective", "class_weights", "label_smoothing"):
            if settings.get(name):
                raise ProfundoError(
                    f"{name}: is for losses by name; the loss {ours.name} is a function: let it do that, or give loss a name"
                )
    made = None
    if isinstance(optimizer, str) and optimizer.lower() not in OPTIMIZERS:
        optimizer = PYTORCHS.get(optimizer.lower(), optimizer)
    if isinstance(optimizer, str):
        settings["optimizer"] = optimizer.lower()
    elif optimizer is not None:
        asked = {
            theirs: settings.pop(name)
            for name, theirs in (("learning_rate", "lr"), ("weight_decay", "weight_decay"))
            if settings.get(name) is not None
        }
        made = own_optimizer(optimizer, net, asked)
        group = made.param_groups[0]
        settings |= {"learning_rate": float(group["lr"]), "weight_decay": float(group.get("weight_decay", 0.0))}
        given["optimizer"] = type(made.parts[0] if hasattr(made, "parts") else made).__name__
    if isinstance(schedule, str):
        settings["schedule"] = schedule.lower().replace("_", "-")
    elif schedule is not None:
        given["schedule"] = getattr(schedule, "__name__", type(schedule).__name__)
        if not callable(schedule):
            own_schedule(schedule, 1)  # says what is expected
    return Own(ours, optimizer=made, given=given), settings


def loss_of(net: nn.Module, data: Dataset, loss: Any) -> tuple[OwnLoss | None, dict[str, Any]]:
    """The loss where it is a function of one's own, or the settings that say the same by name."""
    targets = data.spec.targets
    outputs = tried_outputs(net, data) if targets.kind in ("any", "binary") else None
    is_softmax = (
        loss is not None and not isinstance(loss, str) and loss_name(loss) in ("CrossEntropyLoss", "cross_entropy")
    )
    if is_softmax and main_output(tried_outputs(net, data)).shape[1] == 1:
        known = same_objective(loss() if isinstance(loss, type) else loss, replace(targets, kind="classes"))
        if known == ("categorical", 0.0) and targets.kind == "binary":  # the same cost, of one output for two classes
            return None, {"objective": default_name(targets)}
        raise ProfundoError(
            f"loss {loss_name(loss)}: expected an output for each class, got one, whose softmax is always 1; give the net more, "
            "or leave the loss out"
        )
    if targets.kind == "any" and isinstance(loss, str):
        name = objective_name(loss, targets)
        shares = name == "bernoulli" and "ends in a sigmoid" in note_of_output_layer(net, data)
        return own_loss(named_loss("shares" if shares else name), targets), {}
    if targets.kind == "any" and loss is None:
        device = next(net.parameters(), torch.empty(0)).device
        wanted = few_samples(data, device).targets
        suited = shaped_loss(wanted, outputs)
        if suited is None:
            what = "inputs to give back, for no targets were given," if NO_TARGETS in data.notes else "targets"
            raise ProfundoError(
                f"loss: none suits {what} {in_shapes(wanted)} beside outputs {in_shapes(outputs)} of {type(net).__name__}"
                + (classes_last(outputs, wanted) or "; change the last layer")
                + ", or give loss=…, a function of (outputs, targets)"
            )
        return own_loss(suited, targets), {}
    if loss is None:
        return None, {}
    if isinstance(loss, str):
        name = objective_name(loss, targets)
        try:
            check(name, targets)
        except ProfundoError as error:
            raise ProfundoError(f"loss {loss!r}: {str(error).partition(': ')[2]}") from None
        return None, {"objective": name}
    if (known := same_objective(loss, targets)) is not None:
        smoothed = {"label_smoothing": known[1]} if known[1] else {}
        return None, {"objective": known[0], **smoothed}
    width = main_output(outputs).shape[-1] if outputs is not None else 1
    return own_loss(loss, targets, width), {}


def objective_name(loss: str, targets: Targets) -> str:
    """The objective that a name of another library means, for these targets. Raises ProfundoError for an unknown one."""
    plain = {name.lower().replace("_", ""): objective for name, objective in NAMES.items()}
    name = loss if loss in OBJECTIVES else plain.get(loss.lower().replace("_", "").replace(" ", ""))
    if name is None:
        near = get_close_matches(loss, [*OBJECTIVES, *NAMES], n=3, cutoff=0.6)
        hint = f"nearest: {', '.join(near)}" if near else "or give a function of (outputs, targets)"
        raise ProfundoError(f"loss: expected one of {', '.join(OBJECTIVES)}; got {loss!r}; {hint}")
    if targets.kind == "any":
        if name not in SHAPED:
            raise ProfundoError(
                f"loss: expected one of {', '.join(SHAPED)} for targets of this shape; got {loss!r}; or give a function"
            )
        return name
    return default_name(targets) if {name, default_name(targets)} == {"categorical", "bernoulli"} else name


def takes_logits(own: Own) -> bool:
    return own.loss is None or own.loss.name in (*LOGITS, place_entropy.__name__)
