"""Functions that know the caller's net by name, made to know its copy instead.

    penalty = lambda p, t: F.mse_loss(p, t) + 1e-3 * sum(w.square().sum() for w in net.parameters())

A copy of the net would otherwise be trained by the cost of another one, and the caller's own would get gradients. The same
holds for a step that calls a scheduler, and for functions that such functions call.
"""

from __future__ import annotations

import copy
import functools
import types
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

__all__ = ["rebound"]

DEEPEST = 4  # functions that call functions
COPIED = (nn.Module, Optimizer, LRScheduler, list, dict, set)


def rebound(thing: Any, memo: dict[int, Any], depth: int = 0) -> Any:
    """The thing with everything that `copy.deepcopy` noted in memo replaced by its copy.

    memo: id of the original → copy. Functions are made anew with other closures and globals; modules, optimizers,
    schedulers and plain containers that they name are copied with them; data and everything else is shared.
    """
    if id(thing) in memo:
        return memo[id(thing)]
    if depth > DEEPEST:
        return thing
    if isinstance(thing, functools.partial):
        parts = [rebound(part, memo, depth + 1) for part in thing.args]
        named = {name: rebound(part, memo, depth + 1) for name, part in thing.keywords.items()}
        return functools.partial(rebound(thing.func, memo, depth + 1), *parts, **named)
    if isinstance(thing, types.MethodType):
        return types.MethodType(thing.__func__, rebound(thing.__self__, memo, depth + 1))
    if isinstance(thing, types.FunctionType):
        return rebound_function(thing, memo, depth)
    if isinstance(thing, Tensor) or (not isinstance(thing, COPIED) and not is_plain_object(thing)):
        return thing
    return copy.deepcopy(thing, memo)


def is_plain_object(thing: Any) -> bool:
    """An instance of a class of somebody's own, such as a meter or a step with a memory."""
    kind = type(thing)
    own = kind.__module__.split(".")[0] not in {"builtins", "torch", "numpy", "collections", "functools"}
    return own and not isinstance(thing, type | types.ModuleType) and hasattr(thing, "__dict__") and callable(thing)


def rebound_function(function: types.FunctionType, memo: dict[int, Any], depth: int) -> Any:
    cells = function.__closure__ or ()
    values = {place: cell.cell_contents for place, cell in enumerate(cells) if not is_empty(cell)}
    names = [name for name in names_of(function.__code__) if name in function.__globals__]
    given = {name: function.__globals__[name] for name in names}
    memo[id(function)] = function  # of those that call each other
    new = {place: rebound(value, memo, depth + 1) for place, value in values.items()}
    globals_ = {name: rebound(value, memo, depth + 1) for name, value in given.items()}
    defaults = tuple(rebound(value, memo, depth + 1) for value in function.__defaults__ or ())
    named = {name: rebound(value, memo, depth + 1) for name, value in (function.__kwdefaults__ or {}).items()}
    plain = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    pairs = [(new[place], values[place]) for place in values] + [(globals_[name], given[name]) for name in given]
    pairs += zip((*defaults, *named.values()), plain, strict=True)
    if all(one is other for one, other in pairs):
        return function
    closure = tuple(types.CellType(new[place]) if place in new else cell for place, cell in enumerate(cells))
    where = {**function.__globals__, **globals_} if globals_ else function.__globals__
    copied = types.FunctionType(function.__code__, where, function.__name__, defaults or None, closure or None)
    copied.__kwdefaults__ = named or None
    memo[id(function)] = copied
    return copied


def names_of(code: types.CodeType) -> set[str]:
    """The global names that a function and those inside it use."""
    inside = [names_of(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*inside)


def is_empty(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return True
    return False
