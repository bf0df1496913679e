"""Several optimizers on the same net, from the same first weights, over the same batches.

race = Race(new_settings(data="spiral"), ("sgd", "adam"), rates={"sgd": 0.3})
race.epochs(10)
race.losses()                     # by optimizer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from profundo.playground.playground_settings import OPTIMIZER_NAMES, PlaygroundSettings, changed
from profundo.playground.session import Session
from profundo.records import ProfundoError

__all__ = ["Race"]


class Race:
    """One session for each optimizer, by its name. rates: learning rates where one is not to have the settings' own: what is a
    good rate for one is none for another. A stop condition ends the lap of the one that meets it."""

    def __init__(
        self,
        settings: PlaygroundSettings,
        optimizers: Sequence[str] = tuple(OPTIMIZER_NAMES),
        rates: Mapping[str, float] | None = None,
    ) -> None:
        names = [optimizers] if isinstance(optimizers, str) else list(optimizers)
        if not names or len(set(map(str, names))) < len(names):
            raise ProfundoError(f"playground: race: expected optimizers, each once, got {optimizers!r}")
        if strange := [one for one in rates or {} if one not in names]:
            raise ProfundoError(
                f"playground: race: rates: {strange[0]!r} is not in the race; it has {', '.join(names)}"
            )
        self.sessions = {
            name: Session(changed(settings, optimizer=name, **({"learning_rate": rates[name]} if rates and name in rates else {})))
            for name in names
        }  # fmt: skip

    def step(self, batches: int = 1) -> dict[str, int]:
        """So many updates of each. Returns how many each did."""
        return {name: session.step(batches) for name, session in self.sessions.items()}

    def epochs(self, count: int = 1) -> dict[str, int]:
        return {name: session.epochs(count) for name, session in self.sessions.items()}

    def curves(self) -> dict[str, dict[str, np.ndarray]]:
        """Of each its history, as Session.curves."""
        return {name: session.curves() for name, session in self.sessions.items()}

    def losses(self) -> dict[str, float]:
        """Of the training points, now; the best first, those that blew up last."""
        now = {name: session.scores()["train"].loss for name, session in self.sessions.items()}
        return dict(sorted(now.items(), key=lambda one: (not np.isfinite(one[1]), one[1])))

    def maps(self, side: int = 50) -> Tensor:
        """float32 (optimizers, side, side), or (optimizers, classes, side, side): what each net says of the plane."""
        return torch.stack([session.maps(side, side).output for session in self.sessions.values()])

    def as_plain_data(self) -> dict[str, Any]:
        """For JSON: of each its rate, steps and figures."""
        return {
            name: {
                "learning rate": session.settings.learning_rate,
                "steps": session.steps,
                "stopped": session.stopped,
                **{split: figures.as_plain_data() for split, figures in session.scores().items()},
            }
            for name, session in self.sessions.items()
        }

    def __repr__(self) -> str:
        rows = [f"{name:10}{self.sessions[name].scores()['train']}" for name in self.losses()]
        return "\n".join(["the training points, the best first:", *rows])
