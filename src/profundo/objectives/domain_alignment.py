"""Costs that make codes of two domains alike, so that what was learned of one holds for the other.

    CORAL          ‖C_s − C_t‖²_F / (4 d²): the covariances of codes of d numbers     Sun & Saenko 2016, equation 1
    adversarial    cross-entropy of a critic that tells the domains apart, whose      Ganin et al. 2016, equation 13
                   gradient comes back reversed (nets/gradient_reversal.py)

Neither asks for a label of the second domain.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from profundo.objectives.outputs import full
from profundo.records import ProfundoError

__all__ = ["coral", "domain_cost"]


def coral(source: Tensor, target: Tensor) -> Tensor:
    """A scalar, from codes (samples, d) of each domain; they need not be equally many.

    Raises ProfundoError for codes of different widths, and for a single one, which has no covariance.
    """
    if source.shape[1:] != target.shape[1:] or min(len(source), len(target)) < 2:
        raise ProfundoError(
            f"CORAL: expected codes of one width, two or more of each domain; got {tuple(source.shape)} and {tuple(target.shape)}"
        )
    apart = covariance(full(source)) - covariance(full(target))
    return apart.square().sum() / (4 * source.shape[1] ** 2)


def covariance(codes: Tensor) -> Tensor:
    """(d, d), by samples − 1."""
    centred = codes - codes.mean(0)
    return centred.T @ centred / (len(codes) - 1)


def domain_cost(scores: Tensor, sources: int) -> Tensor:
    """The mean cross-entropy of scores (samples, 1), the log odds that a code is of the first domain, as the first `sources` are;
    each domain counts half."""
    first, second = full(scores[:sources]), full(scores[sources:])
    return (F.softplus(-first).mean() + F.softplus(second).mean()) / 2
