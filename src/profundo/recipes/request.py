"""What is asked of a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """recipe: its name; settings: a value of its dataclass, complete."""

    recipe: str
    settings: Any
    seed: int = 0
    device: str = "auto"
    data_dir: str | None = None
