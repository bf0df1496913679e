"""Connectionist temporal classification: labels in order, whose moments nobody knows (Graves et al. 2006, ICML, 369–376).

A net tells for each step t the probability yₜ(k) of each label k and of a blank. A path, one symbol a step, means the labels that
are left when repeated symbols become one and blanks none. p(labels) is the sum over all paths that mean them; forward–backward finds
it on a lattice of the labels with blanks around them, in which a path stays, goes on by one, or passes over a blank between two
labels that differ (eqs. 6–7):

    αₜ(s) = (αₜ₋₁(s) + αₜ₋₁(s−1) + [s may be reached from s−2] αₜ₋₁(s−2)) yₜ(s)

Training uses PyTorch's own loss, of which this lattice gives the value (tests); the lattice is for what the loss does not tell: which
step each label is due to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.records import BLANK

__all__ = ["Lattice", "ctc_cost", "lattice"]


def ctc_cost(logits: Tensor, steps: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
    """Mean over sequences of −log p(labels), in nats per label: a scalar. One with too few steps for its labels costs nothing.

    logits (longest, batch, symbols), of which `steps` (batch,) count; labels int64 (batch, most), of which `lengths` (batch,) do.
    """
    log_shares = logits.float().log_softmax(2)
    return F.ctc_loss(log_shares, labels, steps, lengths, blank=BLANK, zero_infinity=True)


@dataclass(frozen=True, slots=True)
class Lattice:
    """All paths that mean some labels. states: the symbol of each, blanks around the labels; int64 (2n + 1,).

    arriving, leaving: log αₜ(s), the probability of all beginnings that are in s at t, with yₜ; and of all ends after it, without;
    (steps, states).
    """

    states: Tensor
    arriving: Tensor
    leaving: Tensor

    @property
    def log_likelihood(self) -> Tensor:
        """log p(labels); −∞ where there are too few steps for them."""
        return self.arriving[-1, -2:].logsumexp(0)

    @property
    def posteriors(self) -> Tensor:
        """The share of the paths' probability that is in each state at each step, (steps, states); each step's add up to 1."""
        return (self.arriving + self.leaving - self.log_likelihood).exp()

    @property
    def places(self) -> Tensor:
        """The expected step of each label, (n,): Σ t γₜ / Σ γₜ over its own state."""
        own = self.posteriors[:, 1::2]
        return (torch.arange(len(own), device=own.device)[:, None] * own).sum(0) / own.sum(0)


def lattice(log_shares: Tensor, labels: Sequence[int]) -> Lattice:
    """Of log yₜ(k), finite, (steps, symbols), and labels that are none of them the blank."""
    states = torch.full((2 * len(labels) + 1,), BLANK, device=log_shares.device)
    states[1::2] = torch.as_tensor(labels, dtype=torch.int64, device=log_shares.device)
    emitted = log_shares[:, states]
    arriving = recursion(emitted, states)
    leaving = recursion(emitted.flip(0, 1), states.flip(0)).flip(0, 1) - emitted  # the same from the other end
    return Lattice(states, arriving, leaving)


def recursion(emitted: Tensor, states: Tensor) -> Tensor:
    """log α of log yₜ(s), (steps, states)."""
    passes = (states != BLANK) & (states != states.roll(2))
    passes[:2] = False
    row = torch.full_like(emitted[0], -torch.inf)
    row[:2] = emitted[0, :2]
    rows = [row]
    for now in emitted[1:]:
        by_one, by_two = (F.pad(row, (back, 0), value=-torch.inf)[: len(row)] for back in (1, 2))
        row = torch.stack([row, by_one, by_two.masked_fill(~passes, -torch.inf)]).logsumexp(0) + now
        rows.append(row)
    return torch.stack(rows)
