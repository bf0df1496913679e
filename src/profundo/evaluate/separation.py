"""Can a straight line tell two classes apart, and with what room to spare?"""

from __future__ import annotations

import math
import warnings

import numpy as np
from torch import Tensor

__all__ = ["margin", "novikoff_bound"]


def margin(inputs: Tensor, labels: Tensor) -> float:
    """γ = max over ‖(w, b)‖ = 1 of min y (w·x + b): the distance, in the space of (x, 1), of the nearest sample from the
    best plane through the origin; negative or zero where no plane separates the classes.

    inputs: (samples, in); labels: (samples,) of 0 and 1. A support-vector machine finds it, on the samples y(x, 1) and
    their mirror images: by symmetry its intercept is zero.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import SVC

    signed = _signed(inputs, labels)
    mirrored = np.concatenate((signed, -signed))
    machine = SVC(kernel="linear", C=1e9, tol=1e-6, max_iter=100_000)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # without a separating plane there is nothing to converge to
        machine.fit(mirrored, np.repeat([1, -1], len(signed)))
    direction = machine.coef_[0]
    return float((signed @ direction).min() / max(np.linalg.norm(direction), 1e-300))


def novikoff_bound(inputs: Tensor, labels: Tensor) -> float:
    """(R/γ)², the most mistakes that the perceptron rule can make, R the longest (x, 1); infinite where γ ≤ 0."""
    room = margin(inputs, labels)
    radius = float(np.linalg.norm(_signed(inputs, labels), axis=1).max())
    return (radius / room) ** 2 if room > 0 else math.inf


def _signed(inputs: Tensor, labels: Tensor) -> np.ndarray:
    """y (x, 1) with y = ±1, in double precision."""
    extended = np.column_stack((inputs.double().cpu().numpy(), np.ones(len(inputs))))
    signed: np.ndarray = extended * (2.0 * labels.cpu().numpy() - 1)[:, None]
    return signed
