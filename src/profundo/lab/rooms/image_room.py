"""Images as numbers: what the lab's page about kernels and colours asks of `profundo.images`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from profundo.images.kernels import KERNELS
from profundo.lab.calls import Call, Question
from profundo.lab.desks import Desk

__all__ = ["CALLS"]


class Nothing(Question):
    """No arguments."""


def kernels(_: Desk, __: Nothing) -> Mapping[str, Any]:
    return {"kernels": sorted(KERNELS)}


CALLS: Mapping[str, Call] = {"kernels": Call(Nothing, kernels)}
