"""Does each number of a code say one thing? The mutual information gap (Chen, Li, Grosse & Duvenaud 2018, arXiv:1802.04942, eq. 6).

    I(z_j; v_k) = E_q(z_j, n) [log q(z_j | v_k(n)) − log q(z_j)],        nats
    MIG = mean over k of (I(z_j*; v_k) − I(z_j'; v_k)) / H(v_k),          j* and j' being the two numbers that say most of factor k

q(z_j) is the mixture of q(z_j | x) over all pictures x, q(z_j | v) that over those whose factor has that value (appendix B): no
bins are chosen. A gap of 1 means that each factor is said by one number, wholly, and by no other; 0 that two say it alike, or none.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["entropies", "information", "information_gaps"]


def information(
    mean: Tensor, log_variance: Tensor, factors: Tensor, generator: torch.Generator, draws: int = 1000
) -> Tensor:
    """I(z_j; v_k) in nats, float64 (code, factors), by so many draws. mean, log_variance: of q(z|x), (pictures, code); factors: int64
    (pictures, factors), which value each has. Raises ProfundoError for sizes that do not fit."""
    if mean.shape != log_variance.shape or len(factors) != len(mean) or mean.ndim != 2 or factors.ndim != 2:
        raise ProfundoError(
            "information: expected means and log variances (pictures, code) and values (pictures, factors), got "
            f"{tuple(mean.shape)}, {tuple(log_variance.shape)} and {tuple(factors.shape)}"
        )
    mean, log_variance = mean.double().cpu(), log_variance.double().cpu()
    chosen = torch.randperm(len(mean), generator=generator)[:draws]
    noise = torch.randn(len(chosen), mean.shape[1], generator=generator, dtype=torch.float64)
    codes = mean[chosen] + (0.5 * log_variance[chosen]).exp() * noise
    alike = [factors[chosen, None, k] == factors[:, k] for k in range(factors.shape[1])]
    rows = [_of_number(codes[:, j], mean[:, j], log_variance[:, j], alike) for j in range(mean.shape[1])]
    return torch.stack(rows)


def _of_number(codes: Tensor, mean: Tensor, log_variance: Tensor, alike: list[Tensor]) -> Tensor:
    """(factors,): of one number of the code, by its draws (draws,). alike: bool (draws, pictures) for each factor, whether a picture
    has the value of the one that a code was drawn for."""
    squares = (codes[:, None] - mean).square() * (-log_variance).exp()
    densities = (-0.5 * (math.log(2 * math.pi) + log_variance + squares)).exp()  # q(z_j | x), (draws, pictures)
    whole = densities.mean(1).log()
    of_value = [((densities * same).sum(1) / same.sum(1)).log() for same in alike]
    return torch.stack([(value - whole).mean() for value in of_value])


def entropies(factors: Tensor) -> Tensor:
    """H(v_k) in nats, float64 (factors,), of the shares of each factor's values."""
    columns = [torch.unique(column, return_counts=True)[1].double() / len(factors) for column in factors.unbind(1)]
    return torch.stack([torch.special.entr(shares).sum() for shares in columns])


def information_gaps(found: Tensor, entropy: Tensor) -> Tensor:
    """(I(z_j*; v_k) − I(z_j'; v_k)) / H(v_k) of each factor, (factors,): MIG is their mean. found: (code, factors), of a code of two
    numbers or more."""
    first, second = found.topk(2, 0).values
    gaps: Tensor = (first - second) / entropy
    return gaps
