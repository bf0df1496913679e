"""What there is to learn in the data, whatever the net: kernel ridge regression with its leave-one-out answers in closed form.

With the kernel matrix K = V diag(κ) Vᵀ of the inputs and G = (K + λI)⁻¹ = V diag(1 / (κ + λ)) Vᵀ, the weights for targets Y are
GY, and what the model would have answered for sample i, had it been trained without i, is Yᵢ − (GY)ᵢ / Gᵢᵢ (Wahba 1990). V and κ
do not depend on the targets: to ask the same of other targets, permuted or shifted ones, costs a product for each λ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.doctor.skill import Task, distinct
from profundo.trees import leaves

__all__ = ["Reference", "columns_of", "explained", "straight_share", "table_of"]

MOST = 800  # samples, of which the time is the cube
WIDE, BAG, FEW_NAMES = 3072, 512, 256  # columns of an input, of a bag of whole numbers; of which more are names
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)  # the larger ones for targets of which there is little to learn
PERMUTATIONS, AT_ONCE = 30, 4096
MOST_NUMBERS = 2_000_000  # of a table that a straight line is fitted to
SAMPLES_A_LINE = 10  # for each of its coefficients
RARE = 20.0  # times the median distance from the median: numbers beyond it count as that far


@dataclass(frozen=True, slots=True)
class Reference:
    """chosen: which samples it learns from, ascending. points: their standardised columns (samples, columns). vectors: V.

    shares: 1 / (κ + λ), and diagonals: of G, of each penalty λ.
    """

    chosen: Tensor
    points: Tensor
    width: float
    vectors: Tensor
    shares: tuple[Tensor, ...]
    diagonals: tuple[Tensor, ...]

    @classmethod
    def of(cls, inputs: Any) -> Reference | None:
        """None for what is no table of numbers, too few or all the same."""
        columns = columns_of(inputs)
        if columns is None or len(columns) < 2:
            return None
        order = torch.randperm(len(columns), generator=torch.Generator().manual_seed(0))
        chosen = order[:MOST].sort().values
        points = columns[chosen].double()
        distances = torch.cdist(points, points).square()
        width = float(distances.median())
        if not width > 0:
            return None
        values, vectors = torch.linalg.eigh(torch.exp(-distances / width))
        shares, squares = tuple(1 / (values.clamp_min(0) + penalty) for penalty in PENALTIES), vectors.square()
        return cls(chosen, points, width, vectors, shares, tuple(squares @ share for share in shares))

    def left_out(self, targets: Tensor) -> tuple[Tensor, Tensor]:
        """For targets (samples, k) of those chosen: what it answers for each without having seen it, by the penalty that
        serves best; and its weights."""
        turned = self.vectors.T @ (targets - targets.mean(0))
        best = None
        for share, diagonal in zip(self.shares, self.diagonals, strict=True):
            weights = self.vectors @ (share[:, None] * turned)
            residual = weights / diagonal[:, None]
            error = float(residual.square().sum())
            if best is None or error < best[0]:
                best = error, targets - residual, weights
        assert best is not None
        return best[1], best[2]

    def answers(self, columns: Tensor, targets: Tensor) -> Tensor:
        """For other samples, some at a time, once it has learned the targets of those chosen."""
        _, weights = self.left_out(targets)
        distances = (torch.cdist(part.double(), self.points).square() for part in torch.split(columns, AT_ONCE))
        return torch.cat([torch.exp(-one / self.width) @ weights for one in distances]) + targets.mean(0)

    def by_chance(self, targets: Tensor) -> tuple[float, float]:
        """The share that it explains of these targets when they are permuted: mean and deviation."""
        return permuted(lambda other: explained(self.left_out(other)[0], other), targets)


def permuted(share: Callable[[Tensor], float], targets: Tensor) -> tuple[float, float]:
    """Mean and deviation of a figure of targets that are permuted."""
    draws = torch.Generator().manual_seed(0)
    orders = [torch.randperm(len(targets), generator=draws) for _ in range(PERMUTATIONS)]
    shares = torch.tensor([share(targets[order]) for order in orders])
    return float(shares.mean()), float(shares.std())


def straight_share(inputs: Any, table: Tensor) -> tuple[float, float, float]:
    """The share of all targets (samples, k) that a linear model of the inputs' first principal components explains, and of
    permuted ones: mean and deviation. Of many samples it sees a weak relation that the kernel, which has few, does not."""
    columns = columns_of(inputs)
    if columns is None or len(columns) != len(table):
        return 0.0, 0.0, 0.0
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(0))
    some = order[: max(MOST, MOST_NUMBERS // columns.shape[1])].sort().values
    points, targets = columns[some].double(), table[some] - table[some].mean(0)
    across, sizes, _ = torch.linalg.svd(points - points.mean(0), full_matrices=False)
    most = max(1, len(some) // SAMPLES_A_LINE)
    across = across[:, :most][:, sizes[:most] > 1e-6 * sizes[0]]

    def share(other: Tensor) -> float:
        return float((across.T @ other).square().sum() / other.square().sum().clamp_min(1e-12))

    return share(targets), *permuted(share, targets)


def explained(answers: Tensor, targets: Tensor) -> float:
    """1 − what is left / what there was, of all columns together: R²."""
    total = float((targets - targets.mean(0)).square().sum())
    return 1 - float((answers - targets).square().sum()) / total if total > 0 else 0.0


def columns_of(inputs: Any, like: Any = None) -> Tensor | None:
    """Inputs as standardised columns (samples, columns): images and sequences small enough, whole numbers also as a bag.

    like: the inputs whose mean and deviation standardise; these themselves where None.
    """
    own = raw_columns(inputs)
    if own is None:
        return None
    by = own if like is None else raw_columns(like)
    if by is None or by.shape[1] != own.shape[1]:
        return None
    deviation = by.std(0)
    return ((own - by.mean(0)) / torch.where(deviation > 0, deviation, 1.0)).clamp(-10, 10)


def raw_columns(inputs: Any) -> Tensor | None:
    parts = []
    for leaf in leaves(inputs):
        if not isinstance(leaf, Tensor) or leaf.ndim == 0 or leaf.is_complex():
            return None
        flat = leaf.detach().cpu().float().flatten(1) if leaf.ndim > 1 else leaf.detach().cpu().float()[:, None]
        if leaf.ndim == 4 and flat.shape[1] > WIDE:
            flat = F.adaptive_avg_pool2d(leaf.detach().cpu().float(), 24).flatten(1)
        names = not leaf.is_floating_point() and leaf.ndim <= 2 and flat.shape[1] > 1
        if names:
            parts.append(F.one_hot(flat.long().remainder(BAG), BAG).sum(1).float())
        if not names or int(leaf.max() - leaf.min()) <= FEW_NAMES:  # of words, numbers say nothing by their size
            parts.append(flat[:, :: -(-flat.shape[1] // WIDE)] if flat.shape[1] > WIDE else flat)
    whole = torch.cat(parts, 1) if parts else None
    return whole.nan_to_num(0, 0, 0) if whole is not None and whole.shape[1] else None


def table_of(targets: Any, task: Task) -> Tensor | None:
    """Targets as standardised columns (samples, k): a column a class, or numbers; of many numbers 16 means."""
    if not isinstance(targets, Tensor) or targets.is_complex() or not targets.numel():
        return None
    flat = targets.detach().cpu().double().reshape(len(targets), -1)
    if flat.shape[1] == 1 and task.kind in {"classes", "binary"}:
        return (flat == distinct(flat)).double()
    flat = flat.nan_to_num(0, 0, 0)
    wide = F.adaptive_avg_pool1d(flat[:, None], 16)[:, 0] if flat.shape[1] > 16 else flat
    middle = wide.median(0).values  # a few huge ones among them must not hide the rest
    usual = (wide - middle).abs().median(0).values
    wide = torch.where(usual > 0, (wide - middle).clamp(-RARE * usual, RARE * usual), wide - middle)
    return (wide - wide.mean(0)) / wide.std(0).clamp_min(1e-12)
