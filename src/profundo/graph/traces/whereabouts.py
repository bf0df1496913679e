"""Where a program is when PyTorch runs an operation for it: in which module, in which call, on which line.

Hooks on modules give the path ("layer1.0.conv1"), a TorchFunctionMode the call ("linear"), Python's frames the line
("lenet.py:40").
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from profundo import dispatch

__all__ = ["Calls", "Where", "within"]

TORCH = os.path.dirname(torch.__file__) + os.sep
MODULES = os.path.join(TORCH, "nn", "modules") + os.sep
OURS = (os.path.dirname(os.path.dirname(__file__)) + os.sep, dispatch.__file__)
Line = tuple[str, int]


class Where:
    """Where the program is: in which module, in which call of a function of torch, on which line.

    paths: dotted path by id of module; modules: class by path, of those that ran.
    """

    def __init__(self, paths: Mapping[int, str], root: str) -> None:
        self.paths = paths
        self.modules: dict[str, str] = {"": root}
        self.stack: list[str] = []
        self.call: list[str] = []  # the name of the call, and its scope once an operation was seen in it
        self.counts: Counter[str] = Counter()
        self.kinds: dict[CodeType, int] = {}
        self.thread = threading.get_ident()  # hooks see the modules of all threads, the recorder what runs in its own
        self.elsewhere = ""  # the module of the program that ran in another thread

    @property
    def module(self) -> str:
        return self.stack[-1] if self.stack else ""

    @property
    def scope(self) -> str:
        """Of the call that is running; numbered when the first operation in it asks."""
        if not self.call:
            return ""
        if len(self.call) == 1:
            self.counts[self.call[0]] += 1
            number = self.counts[self.call[0]]
            self.call.append(self.call[0] if number == 1 else f"{self.call[0]}_{number}")
        return self.call[1]

    def line(self) -> str:
        """The innermost outside torch and this room, within the call that is traced; else the innermost of a module."""
        frame: FrameType | None = sys._getframe(1)
        layer: Line | None = None
        while frame is not None and frame.f_code is not within.__code__:
            kind = self.kind(frame.f_code)
            if kind == 2:
                return _written((frame.f_code.co_filename, frame.f_lineno))
            if kind == 1 and layer is None:
                layer = (frame.f_code.co_filename, frame.f_lineno)
            frame = frame.f_back
        return _written(layer) if layer else ""

    def kind(self, code: CodeType) -> int:
        """0 for torch and for this room, 1 for torch's modules, 2 for everybody else."""
        if code not in self.kinds:
            file = code.co_filename
            is_layer = file.startswith(MODULES) and not file.endswith((f"{os.sep}module.py", f"{os.sep}container.py"))
            inside = file.startswith((TORCH, *OURS, "<frozen"))
            outside = 0 if inside else 2
            self.kinds[code] = 1 if is_layer else outside
        return self.kinds[code]

    def enter(self, module: nn.Module, _arguments: Any) -> None:
        if threading.get_ident() != self.thread:
            if id(module) in self.paths:
                self.elsewhere = f"{type(module).__name__} {self.paths[id(module)]}".strip()
            return
        path = self.paths.get(id(module), type(module).__name__)
        self.stack.append(path)
        self.modules.setdefault(path, type(module).__name__)

    def leave(self, module: nn.Module, _arguments: Any, _result: Any) -> None:
        if threading.get_ident() != self.thread:
            return
        path = self.paths.get(id(module), type(module).__name__)
        while self.stack and self.stack.pop() != path:  # of a module that failed, and whose error was caught
            pass

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Follow all modules."""
        handles = [
            register_module_forward_pre_hook(self.enter),
            register_module_forward_hook(self.leave, always_call=True),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def within(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Call it. No line is looked for outside of this frame."""
    return function(*arguments)


def _written(line: Line) -> str:
    return f"{os.path.basename(line[0])}:{line[1]}"


class Calls(TorchFunctionMode):
    """Tells `where` which function of torch is called from Python: the outermost, if one calls others."""

    def __init__(self, where: Where) -> None:
        super().__init__()
        self.where = where

    def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        outer, self.where.call = self.where.call, [_name(func)]
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.where.call = outer


def _name(func: Any) -> str:
    name = getattr(func, "__name__", type(func).__name__)
    if name in ("__get__", "__set__"):
        name = getattr(getattr(func, "__self__", None), "__name__", name)
    return str(name).strip("_")
