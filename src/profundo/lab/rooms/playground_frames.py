"""What a page of the playground is shown of its session at each frame: figures, maps, links, and what may be wrong."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field
from torch import Tensor

from profundo.doctor import Finding
from profundo.doctor.verdicts import advice
from profundo.lab.calls import Question
from profundo.languages import everywhere
from profundo.playground.session import Session

__all__ = ["View", "finding_of", "frame_of", "shown"]


class View(Question):
    """What a frame holds beside the figures. output: cells of a side of its map; warped: a hidden layer's number, or none."""

    output: Annotated[int, Field(ge=10, le=200)] = 100
    neurons: Annotated[int, Field(ge=10, le=40)] = 20
    gradients: bool = False
    warped: Annotated[int, Field(ge=-1, le=5)] | None = None


def frame_of(session: Session, view: View) -> dict[str, Any]:
    maps = session.maps(view.output, view.neurons).as_bytes()
    output = shown(maps.output)
    told: dict[str, Any] = {
        "epoch": session.epoch,
        "step": session.steps,
        "stopped": session.stopped,
        "scores": {name: figures.as_plain_data() for name, figures in session.scores().items()},
        "curves": np.stack([*session.curves().values()]).astype(np.float32),
        "output": output,
        "features": maps.features,
        "neurons": maps.neurons,
        "weights": session.weights(),
        "biases": session.biases(),
        "units": session.units(),
    }
    if session.settings.is_curve:
        told["curve"] = session.curve()
    if view.gradients:
        told["gradients"], told["bias_gradients"] = session.gradients()
        told["gradient_sizes"] = session.gradient_sizes()
    if view.warped is not None and session.settings.hidden:
        told["warped"] = session.warped(min(view.warped, len(session.settings.hidden) - 1))
    return told


def shown(output: Tensor) -> np.ndarray:
    """(side, side) as it is; (classes, side, side) → (2, side, side): the likeliest class, and its probability of 255."""
    shares: np.ndarray = output.numpy()
    return shares if shares.ndim == 2 else np.stack([shares.argmax(0).astype(np.uint8), shares.max(0)])


def finding_of(one: Finding) -> dict[str, Any]:
    return {
        "cause": one.cause,
        "where": one.where,
        "remedy": everywhere(lambda: advice(one.cause, one.remedy)),
        "evidence": {
            name: value if isinstance(value, int | float) else str(value) for name, value in one.evidence.items()
        },
    }
