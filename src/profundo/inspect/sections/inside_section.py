"""One section of what a net has learned: the numbers, how the page shows them, and what they mean in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from torch import Tensor

from profundo.pictures.sheet import Part

__all__ = ["Section"]


@dataclass(frozen=True, slots=True, repr=False)
class Section:
    """name: by which it is got; finding: what came out, in a sentence; values: figures, as JSON can hold them;
    arrays: what the pictures are drawn from."""

    name: str
    finding: str
    part: Part
    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"{self.name}: {self.finding}"

    def _repr_html_(self) -> str:
        """Its sentences and pictures, for a notebook."""
        words = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in self.part.paragraphs)
        return words + "".join(f"{figure.svg}<p>{escape(figure.caption)}</p>" for figure in self.part.figures)
