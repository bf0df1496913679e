"""Functions that know the caller's net by name, made to know its copy instead.

    penalty = lambda p, t: F.mse_loss(p, t) + 1e-3 * sum(w.square().sum() for w in net.parameters())

A copy of the net would otherwise be trained by the cost of another one, and the caller's own would get gradients. The same
holds for a step that calls a scheduler, and for functions that such functions call.
"""

from __future__ import annotations

import collections
import copy
import dis
import functools
import itertools
import types
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

__all__ = ["rebound"]

DEEPEST = 4  # functions that call functions
CONTAINERS = (list, dict, set, collections.deque)
COPIED = (nn.Module, Optimizer, LRScheduler, *CONTAINERS, np.random.Generator, np.random.RandomState)
COUNTING = (itertools.count, itertools.cycle)
PLAIN = (int, float, str, tuple, type(None))  # what a variable of an outer function may be set to anew in each step


def rebound(thing: Any, memo: dict[int, Any], depth: int = 0) -> Any:
    """The thing with everything that `copy.deepcopy` noted in memo replaced by its copy.

    memo: id of the original → copy. Functions are made anew with other closures and globals; modules, optimizers,
    schedulers, plain containers, random generators and counters that they name are copied with them, and so are variables of
    outer functions that they may set; data and everything else is shared.
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
    if isinstance(thing, torch.Generator):
        return memo.setdefault(id(thing), thing.clone_state())
    if isinstance(thing, COUNTING):
        return memo.setdefault(id(thing), counting(thing))
    if isinstance(thing, Tensor) or (not isinstance(thing, COPIED) and not is_plain_object(thing)):
        return thing
    return copy.deepcopy(thing, memo)


def counting(iterator: Any) -> Any:
    """The same count or cycle, from where it is; shared where this Python cannot copy it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return copy.copy(iterator)
        except TypeError:
            return iterator


def is_plain_object(thing: Any) -> bool:
    """An instance of a class of somebody's own, such as a meter or a step with a memory."""
    kind = type(thing)
    own = kind.__module__.split(".")[0] not in {"builtins", "torch", "numpy", "collections", "functools"}
    return own and not isinstance(thing, type | types.ModuleType) and hasattr(thing, "__dict__") and callable(thing)


def rebound_function(function: types.FunctionType, memo: dict[int, Any], depth: int) -> Any:
    names = [name for name in names_of(function.__code__) if name in function.__globals__]
    given = {name: function.__globals__[name] for name in names}
    memo[id(function)] = function  # of those that call each other
    cells, usual, usual_named = function.__closure__ or (), function.__defaults__ or (), function.__kwdefaults__ or {}
    closure = tuple(rebound_cell(cell, memo, depth) for cell in cells)
    globals_ = {name: rebound(value, memo, depth + 1) for name, value in given.items()}
    defaults = tuple(rebound(value, memo, depth + 1) for value in usual)
    named = {name: rebound(value, memo, depth + 1) for name, value in usual_named.items()}
    before = (*given.values(), *cells, *usual, *usual_named.values())
    after = (*globals_.values(), *closure, *defaults, *named.values())
    same = all(one is other for one, other in zip(before, after, strict=True))
    if same and not sets_globals(function.__code__) and id(function.__globals__) not in memo:
        return function
    where: dict[str, Any] = memo.setdefault(id(function.__globals__), dict(function.__globals__))
    where.update((name, globals_[name]) for name in given if globals_[name] is not given[name])
    copied = types.FunctionType(function.__code__, where, function.__name__, defaults or None, closure or None)
    copied.__kwdefaults__ = named or None
    memo[id(function)] = copied
    return copied


def rebound_cell(cell: types.CellType, memo: dict[int, Any], depth: int) -> types.CellType:
    """A variable of an outer function: one for all copies of functions that share it, where it may be set or holds a copy."""
    if id(cell) in memo or is_empty(cell):
        known: types.CellType = memo.get(id(cell), cell)
        return known
    value = rebound(cell.cell_contents, memo, depth + 1)
    if value is cell.cell_contents and not isinstance(value, PLAIN):
        return cell
    memo[id(cell)] = types.CellType(value)
    return rebound_cell(cell, memo, depth)


@functools.lru_cache(1024)  # a program is copied many times
def sets_globals(code: types.CodeType) -> bool:
    """Whether a function, or one inside it, sets a global variable."""
    inside = any(sets_globals(const) for const in code.co_consts if isinstance(const, types.CodeType))
    return inside or any(one.opname == "STORE_GLOBAL" for one in dis.get_instructions(code))


@functools.lru_cache(1024)
def names_of(code: types.CodeType) -> frozenset[str]:
    """The global names that a function and those inside it use."""
    inside = [names_of(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    return frozenset(code.co_names).union(*inside)


def is_empty(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return True
    return False
