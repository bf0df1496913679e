"""How many bits a sample costs a linear predictor, the rival that a neural model of sound has to beat.

    x̂_t = Σ_k a_k x_{t−k},  k = 1 … order;  p(code) = F((upper − x̂_t) / s_t) − F((lower − x̂_t) / s_t)

a by least squares (Atal & Hanauer 1971); F is Gauss's or Laplace's; the scale follows the errors: s_t² is their squares' mean with
weights that fade by `memory` a sample, as a predictor of speech must adapt to loud and quiet. A thousandth of p is uniform, which no
surprise can make infinite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

__all__ = ["Predictor", "best_predictor", "predictor_bits"]

UNIFORM = 1e-3
Shape = Literal["gauss", "laplace"]


@dataclass(frozen=True, slots=True)
class Predictor:
    """weights: a_1 … a_order; memory: of the scale, in [0, 1); shape: of the errors."""

    weights: np.ndarray
    memory: float
    shape: Shape


def fitted(signals: Sequence[np.ndarray], order: int) -> np.ndarray:
    """Least squares over all signals, each after zeros."""
    gram, right = np.zeros((order, order)), np.zeros(order)
    for signal in signals:
        past = lagged(signal, order)
        gram += past.T @ past
        right += past.T @ signal
    ridge = 1e-9 * max(np.trace(gram), 1e-9) * np.eye(order)
    weights: np.ndarray = np.linalg.solve(gram + ridge, right)
    return weights


def lagged(signal: np.ndarray, order: int) -> np.ndarray:
    """(samples, order): the values before each sample, the nearest first."""
    whole = np.concatenate([np.zeros(order), signal])
    windows = np.lib.stride_tricks.sliding_window_view(whole[:-1], order)
    return windows[:, ::-1]


def predictor_bits(
    predictor: Predictor, signals: Sequence[np.ndarray], codes: Sequence[np.ndarray], edges: np.ndarray
) -> float:
    """Mean of −log₂ p over all samples. edges: (codes + 1,), of the parts in the signals' units."""
    costs = [_costs(predictor, signal, code, edges) for signal, code in zip(signals, codes, strict=True)]
    return float(np.concatenate(costs).mean())


def _costs(predictor: Predictor, signal: np.ndarray, codes: np.ndarray, edges: np.ndarray) -> np.ndarray:
    from scipy.signal import lfilter  # takes a while to import

    expected = lagged(signal, len(predictor.weights)) @ predictor.weights
    squares = np.concatenate([[0.0], (signal - expected)[:-1] ** 2])
    smooth = lfilter([1 - predictor.memory], [1, -predictor.memory], squares)
    narrowest = np.diff(edges).min()
    scale = np.sqrt(smooth + (narrowest / 2) ** 2)
    outer = np.concatenate([[-np.inf], edges[1:-1], [np.inf]])  # the outermost codes hold all that lies beyond
    upper, lower = (_below((outer[codes + more] - expected) / scale, predictor.shape) for more in (1, 0))
    shares = (1 - UNIFORM) * (upper - lower) + UNIFORM / (len(edges) - 1)
    costs: np.ndarray = -np.log2(shares)
    return costs


def _below(values: np.ndarray, shape: Shape) -> np.ndarray:
    """The share of a distribution of mean 0 and variance 1 that lies below the values."""
    from scipy.special import ndtr

    if shape == "gauss":
        result: np.ndarray = ndtr(values)
        return result
    half = 0.5 * np.exp(-np.sqrt(2) * np.abs(values))
    two_sided: np.ndarray = np.where(values < 0, half, 1 - half)
    return two_sided


def best_predictor(
    train: Sequence[np.ndarray],
    validation: Sequence[np.ndarray],
    codes: Sequence[np.ndarray],
    edges: np.ndarray,
    orders: Sequence[int] = (4, 16, 32),
    memories: Sequence[float] = (0.9, 0.97, 0.99),
) -> Predictor:
    """That which costs least on the validation signals, whose codes these are; its weights are those of the training signals."""
    shapes: tuple[Shape, ...] = ("gauss", "laplace")
    weights = {order: fitted(train, order) for order in orders}
    every = [Predictor(weights[order], *rest) for order in orders for rest in product(memories, shapes)]
    return min(every, key=lambda one: predictor_bits(one, validation, codes, edges))
