"""Costs of two views of the same images, for which no label is needed: views of one image are to be known by their codes.

SimCLR           −log exp(s_ij / τ) / Σ_{k ≠ i} exp(s_ik / τ), s the cosine of two codes,       Chen et al. 2020, equation 1
                 j the other view of i and k all other views of the batch
Barlow Twins     Σ_i (1 − C_ii)² + λ Σ_{i ≠ j} C_ij², C the correlations of the numbers of       Zbontar et al. 2021, equation 1
                 a code with those of the other view
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.objectives.outputs import full
from profundo.records import ProfundoError

__all__ = ["barlow_twins", "sim_clr"]

FLAT = 1e-5  # of a variance: a number that is the same for all images correlates with nothing


def sim_clr(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """A scalar, the mean over both views of all images; codes (images, d) each. Raises ProfundoError for a single image."""
    check(first, second)
    codes = F.normalize(full(torch.cat([first, second])), dim=1)
    likeness = codes @ codes.T / temperature
    likeness.fill_diagonal_(-torch.inf)  # of itself
    partners = torch.arange(len(codes), device=codes.device).roll(len(first))
    return F.cross_entropy(likeness, partners)


def barlow_twins(first: Tensor, second: Tensor, redundancy: float) -> Tensor:
    """A scalar; codes (images, d) each. redundancy: λ. Raises ProfundoError for a single image."""
    check(first, second)
    one, other = standardised(full(first)), standardised(full(second))
    correlations = one.T @ other / len(first)
    same = correlations.diagonal()
    apart = correlations.square().sum() - same.square().sum()
    return (1 - same).square().sum() + redundancy * apart


def standardised(codes: Tensor) -> Tensor:
    variance, mean = torch.var_mean(codes, 0, correction=0)
    return (codes - mean) / (variance + FLAT).sqrt()


def check(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or len(first) < 2:
        raise ProfundoError(
            f"two views: expected codes of the same images, two or more, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
