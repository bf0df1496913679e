"""The cost of sequences: each symbol is drawn from a categorical distribution given those before it.

    −log p(y₁ … yₙ | x) = Σₜ −log p(yₜ | y₁ … yₜ₋₁, x)

Divided by the number of symbols it is the cross-entropy in nats a symbol; divided by ln 2, in bits: what an arithmetic
coder with this model would spend on each (Shannon 1948). 2 to the bits is the perplexity.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["sequence_cost"]


def sequence_cost(logits: Tensor, targets: Tensor, pad: int | None = None) -> Tensor:
    """Mean of −log p over the targets that are not `pad`, nats a symbol: a scalar."""
    ignored = -100 if pad is None else pad  # PyTorch's own default: no symbol
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=ignored)
