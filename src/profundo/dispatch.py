"""Watching what PyTorch computes: each operation, just below autograd, goes through an observer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from profundo.compiler import leave_the_compiler_out

__all__ = ["Observed", "Observer"]

Observer = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
"""(operation, arguments, named arguments) → its result. It runs the operation itself: before, it sees what goes in."""


class Observed(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is entered, the observer runs every operation. What the observer computes itself is not observed."""

    supports_higher_order_operators = True  # the observer is shown them, too

    def __init__(self, observer: Observer) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.observer = observer

    def __torch_dispatch__(self, operation: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.observer(operation, args, kwargs or {})


leave_the_compiler_out([Observed.__torch_dispatch__])
