"""The objectives by name. Importable without torch."""

from __future__ import annotations

from difflib import get_close_matches

from profundo.kinds import TargetKind
from profundo.languages import Said, either
from profundo.records import ProfundoError, Targets

__all__ = ["OBJECTIVES", "check", "default_name"]

OBJECTIVES: dict[str, str] = {
    "categorical": "softmax output, K classes: cross-entropy, logsumexp(z) − z_y",
    "dice": "softmax output, a class for each pixel: cross-entropy, and 1 − Dice, what is missing of each class's overlap",
    "bernoulli": "sigmoid output, two classes or several labels: cross-entropy, softplus((1 − 2y) z), summed over labels",
    "hinge": "linear output, two classes as y = ±1: max(0, 1 − y z), a margin without probabilities",
    "gaussian": "linear output, real targets: squared error",
    "laplace": "linear output, real targets with outliers: absolute error",
    "detection": "objects in images: the detector's own cost of where they are and what, as its file in nets/detectors tells",
    "huber": "linear output, real targets with outliers: squared error near zero, absolute error beyond one deviation",
}

_BY_TARGET: dict[TargetKind, tuple[str, ...]] = {
    "classes": ("categorical",),
    "binary": ("bernoulli", "hinge"),
    "labels": ("bernoulli",),
    "real": ("gaussian", "laplace", "huber"),
    "mask": ("dice", "categorical"),
    "map": ("gaussian", "laplace", "huber"),
    "objects": ("detection",),
    "any": (),
}


def default_name(targets: Targets) -> str:
    """The objective whose distribution suits the targets. Raises ProfundoError for those of any shape, which need a loss."""
    if not _BY_TARGET[targets.kind]:
        raise ProfundoError(
            "loss: targets of this shape have no usual one; give loss=…, a function of (outputs, targets)"
        )
    return _BY_TARGET[targets.kind][0]


def check(name: str, targets: Targets) -> None:
    """Raise ProfundoError when no objective has that name, or when it does not suit the targets."""
    if name not in OBJECTIVES:
        near = get_close_matches(name, OBJECTIVES, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "choose one of them"
        raise ProfundoError(f"objective: expected one of {', '.join(OBJECTIVES)}; got {name!r}; {hint}")
    suitable = _BY_TARGET[targets.kind]
    if name not in suitable:
        raise ProfundoError(Said("refusals.objective_kind", name=name, kind=targets.kind, fitting=either(suitable)))
