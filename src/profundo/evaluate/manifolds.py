"""How many made samples are like real ones, and how many real ones are like made: precision and recall of two sets
(Kynkäänniemi et al. 2019, arXiv:1904.06991, "Improved precision and recall metric for assessing generative models").

The manifold of a set of features is what lies in the spheres around each of them, as large as the way to its k-th nearest
neighbour in the set (equation 1). Precision is the share of made samples in the manifold of the real ones, recall the share
of real ones in the manifold of the made (equation 2). Copies of one good image have all of the one and none of the other,
where the Fréchet distance has a single number for both.
"""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["NEIGHBOURS", "precision_and_recall"]

NEIGHBOURS = 3  # k, as in the paper's section 3
AT_ONCE = 1000  # rows of a matrix of distances


def precision_and_recall(made: Tensor, real: Tensor, neighbours: int = NEIGHBOURS) -> tuple[float, float]:
    """Shares of made and of real samples, each (samples, features), that lie in the manifold of the others.

    Both fall as sets get smaller or k does: compare figures of sets of the same sizes. Raises ProfundoError for sets of no
    more than k samples, and of unequal features.
    """
    if made.ndim != 2 or real.ndim != 2 or made.shape[1] != real.shape[1]:
        raise ProfundoError(
            "precision and recall: expected two sets (samples, features) of equally many features, got "
            f"{tuple(made.shape)} and {tuple(real.shape)}"
        )
    if not 1 <= neighbours < min(len(made), len(real)):
        raise ProfundoError(
            f"precision and recall: expected more samples of each than neighbours ({neighbours}, at least 1), got {len(made)} "
            f"and {len(real)}"
        )
    one, two = made.float(), real.float()
    reach_of_made, reach_of_real = reaches(one, neighbours), reaches(two, neighbours)
    within_real, within_made = [], torch.zeros(len(two), dtype=torch.bool, device=two.device)
    for part, reach in zip(torch.split(one, AT_ONCE), torch.split(reach_of_made, AT_ONCE), strict=True):
        apart = torch.cdist(part, two)
        within_real.append((apart <= reach_of_real).any(1))
        within_made |= (apart <= reach[:, None]).any(0)
    return torch.cat(within_real).double().mean().item(), within_made.double().mean().item()


def reaches(features: Tensor, neighbours: int) -> Tensor:
    """(samples,): from each to its k-th nearest among the others."""
    parts = [torch.cdist(part, features).topk(neighbours + 1, largest=False) for part in torch.split(features, AT_ONCE)]
    return torch.cat([part.values[:, neighbours] for part in parts])
