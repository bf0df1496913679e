"""Fewer samples on a page of what a net has learned than it has, for what does not ask how well something is known."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from profundo.inspect import opened_net
from profundo.inspect.sections import depth_sections, feature_sections, mistake_sections

__all__ = ["few_looked_at"]


@contextmanager
def few_looked_at() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opened_net, "SEARCHED", 100)
        patch.setattr(feature_sections, "SEARCHED", 100)
        patch.setattr(depth_sections, "CODED", 40)
        patch.setattr(depth_sections, "PROBED", (120, 60, 60))
        patch.setattr(mistake_sections, "KNOWN", 100)
        patch.setattr(mistake_sections, "ATTACKED", 20)
        yield
