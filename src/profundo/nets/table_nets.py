"""The net for rows of a table: perceptrons that share their weights and differ in a few scales, on embedded numbers.

    squash     z = u / √(1 + (u/3)²),  u = (x − median) / interquartile range       RealMLP (Holzmüller et al. 2024, §3)
    embed      (z, relu(W e)), e_t = how far x is through the t-th piece, 0 to 1      Gorishniy et al. 2022, equation 1
    members    y = ((x ∘ r_m) W) ∘ s_m + b_m, W of all, r_m, s_m, b_m of member m   BatchEnsemble (Wen et al. 2020), TabM
    vote       the mean of the members' probabilities, or numbers                   (Gorishniy et al. 2025)

Squashing keeps order, and no value is farther out than 3: a few wrong cells cannot spoil a column. Pieces hold equally many
training rows each, so that a narrow net bends where a tree would split. Members err differently, so their mean errs less;
as they share W, several cost little more than one. Each row of a training batch teaches one member: a step costs what it
costs a single net. In evaluation every member answers every row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.activations import activation_layer
from profundo.nets.init import glorot_radius
from profundo.nets.net_names import of_a_spec
from profundo.records import Inputs, ProfundoError, Spec, Targets
from profundo.units import FARTHEST, squashed

__all__ = ["MemberLinear", "MemberOutput", "Pieces", "TableNet", "table_net"]

MOST_EMBEDDED = 100  # numbers; more are squashed only, for their pieces would cost more than all the rest
PIECES, EMBEDDING = 16, 5


@of_a_spec
def table_net(
    spec: Spec,
    members: int = 8,
    widths: Sequence[int] = (128, 128),
    activation: str = "silu",
    dropout: float | None = None,
) -> TableNet:
    """An ensemble of perceptrons with hidden layers of the given widths, on embedded numbers; flags stay as they are.

    dropout: probability that a hidden unit is set to zero at a training step (Srivastava et al. 2014). By default 0.05 for
        real targets and 0.15 for classes, whose likelihood suffers more from too much certainty.
    """
    if dropout is None:
        dropout = 0.05 if spec.targets.kind == "real" else 0.15
    return TableNet(spec, members, widths, activation, dropout)


class TableNet(nn.Module):
    """Rows (batch, features) → outputs (batch, outputs): of one member for each row in training, else of their vote."""

    def __init__(self, spec: Spec, members: int, widths: Sequence[int], activation: str, dropout: float) -> None:
        super().__init__()
        if members < 1 or any(width < 1 for width in widths) or not 0 <= dropout < 1:
            raise ProfundoError(
                "table_net: expected members and widths of at least 1 and dropout in [0, 1), got "
                f"{members} members, widths {tuple(widths)}, dropout {dropout}"
            )
        self.members = members
        self.features = Features(spec.inputs)
        layers: list[nn.Module] = []
        for place, (fan_in, fan_out) in enumerate(pairwise((self.features.width, *widths))):
            layers += [MemberLinear(members, fan_in, fan_out, differ=place == 0), activation_layer(activation)]
            layers += [ByteDropout(dropout)] if dropout else []
        self.layers = nn.Sequential(*layers, MemberOutput(members, [self.features.width, *widths][-1], spec.outputs))
        self.vote = Vote(spec.targets)

    def forward(self, rows: Tensor) -> Tensor:
        features = self.features(rows.flatten(1))
        if not self.training:
            answers: Tensor = self.vote(self.layers(features.expand(self.members, -1, -1)))
            return answers
        missing = -len(features) % self.members
        filled = F.pad(features, (0, 0, 0, missing)) if missing else features
        each: Tensor = self.layers(filled.view(self.members, -1, features.shape[1])).flatten(0, 1)
        return each[: len(features)] if missing else each

    @torch.no_grad()
    def measure_inputs(self, rows: Tensor) -> None:
        """Learn median and spread of every number from standardised training rows (samples, features)."""
        self.features.measure(rows.flatten(1))


class Features(nn.Module):
    """Rows (batch, features) → (batch, width): numbers squashed and embedded, then flags of 0 and 1."""

    numbers: Tensor
    flags: Tensor
    middle: Tensor
    spread: Tensor

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        flags = are_flags(inputs)
        places, which = torch.arange(len(flags), device="cpu"), torch.tensor(flags, device="cpu")
        self.register_buffer("numbers", places[~which], persistent=False)
        self.register_buffer("flags", places[which], persistent=False)
        self.register_buffer("middle", torch.zeros(len(flags)))
        self.register_buffer("spread", torch.ones(len(flags)))
        count = flags.count(False)
        self.embedding = Pieces(count) if 0 < count <= MOST_EMBEDDED else None
        self.width = len(flags) + (count * EMBEDDING if self.embedding is not None else 0)

    def forward(self, rows: Tensor) -> Tensor:
        rows = (rows - self.middle) / self.spread
        numbers = rows.index_select(1, self.numbers) if len(self.flags) else rows
        pieces = [self.embedding(numbers)] if self.embedding is not None else []
        flags = [rows.index_select(1, self.flags)] if len(self.flags) else []
        return torch.cat([squashed(numbers), *pieces, *flags], 1)

    def measure(self, rows: Tensor) -> None:
        ordered = rows.sort(0).values
        least, low, middle, high, most = (ordered[place * (len(ordered) - 1) // 4] for place in range(5))
        # Where half of the values are one, the range stands in; where all are, anything does.
        spread = torch.where(high > low, high - low, (most - least) / 2)
        middle[self.flags], spread[self.flags] = least[self.flags], (most - least)[self.flags]
        self.middle.copy_(middle)
        self.spread.copy_(torch.where(spread > 0, spread, 1.0))
        if self.embedding is not None:
            self.embedding.measure(((ordered - self.middle) / self.spread).index_select(1, self.numbers))


def are_flags(inputs: Inputs) -> list[bool]:
    """Of each feature whether it is 0 or 1 before standardisation: a category, or that a cell was empty."""
    flags = {f"{column.name} = {level}" for column in inputs.columns for level in column.levels}
    flags |= {f"{column.name} missing" for column in inputs.columns}
    return [name in flags for name in inputs.names] or [False] * math.prod(inputs.shape)


class Pieces(nn.Module):
    """Numbers (batch, numbers) → (batch, numbers · 5): of each, how far it is through each of 16 pieces of its range."""

    begin: Tensor
    slope: Tensor

    def __init__(self, numbers: int) -> None:
        super().__init__()
        begin = [FARTHEST * (2 * place / PIECES - 1) for place in range(PIECES)]
        self.register_buffer("begin", torch.empty(numbers, PIECES).copy_(torch.tensor(begin)))
        self.register_buffer("slope", torch.full((numbers, PIECES), PIECES / (2 * FARTHEST)))
        bound = PIECES**-0.5
        self.weight = nn.Parameter(torch.empty(numbers, PIECES, EMBEDDING).uniform_(-bound, bound))

    def forward(self, numbers: Tensor) -> Tensor:
        shares = ((numbers.unsqueeze(2) - self.begin) * self.slope).clamp(0, 1)
        return torch.bmm(shares.transpose(0, 1), self.weight).relu().transpose(0, 1).flatten(1)

    def measure(self, ordered: Tensor) -> None:
        """Cut at the quantiles of training rows (samples, numbers), each column in order; pieces without width stay 0."""
        edges = torch.stack([ordered[place * (len(ordered) - 1) // PIECES] for place in range(PIECES + 1)], 1)
        self.begin.copy_(edges[:, :-1])
        widths = edges.diff()
        self.slope.copy_(torch.where(widths > 1e-6, 1 / widths, 0.0))


class MemberLinear(nn.Module):
    """(members, rows, in) → (members, rows, out): one weight for all members, scales and biases of each (TabM, equation 3).

    differ: whether members see their inputs with signs of their own, ±1 at random; else they start alike.
    """

    def __init__(self, members: int, fan_in: int, fan_out: int, *, differ: bool) -> None:
        super().__init__()
        radius = glorot_radius(fan_in, fan_in, math.sqrt(2))  # √(6 / in): of He et al. 2015, for ReLU
        self.weight = nn.Parameter(torch.empty(fan_in, fan_out).uniform_(-radius, radius))
        signs = torch.empty(members * fan_in).random_(0, 2).mul_(2).sub_(1)
        # Flat, for penalties on weights are for what has more dimensions than one.
        self.inner = nn.Parameter(signs if differ else torch.ones(members * fan_in))
        self.outer = nn.Parameter(torch.ones(members * fan_out))
        self.bias = nn.Parameter(torch.zeros(members * fan_out))
        self.members = members

    def forward(self, rows: Tensor) -> Tensor:
        inner, outer, bias = (each.view(self.members, 1, -1) for each in (self.inner, self.outer, self.bias))
        if self.training:
            return (rows * inner) @ self.weight * outer + bias
        # The same with weights in place of rows scaled: members answer many rows, and scaling those took a third of the time.
        return torch.baddbmm(bias, rows, inner.transpose(1, 2) * self.weight * outer)


class MemberOutput(nn.Module):
    """(members, rows, in) → (members, rows, out): a linear layer for each member, small at first."""

    def __init__(self, members: int, fan_in: int, fan_out: int) -> None:
        super().__init__()
        bound = 0.3 * fan_in**-0.5
        self.weight = nn.Parameter(torch.empty(members, fan_in, fan_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members * fan_out))

    def forward(self, rows: Tensor) -> Tensor:
        bias = self.bias.view(len(self.weight), 1, -1)
        if self.training or self.weight.shape[2] > 1:
            return torch.baddbmm(bias, rows, self.weight)
        # The same of one output; a product of matrices of which one is a column takes three times as long.
        return (rows * self.weight.transpose(1, 2)).sum(2, keepdim=True) + bias


class ByteDropout(nn.Module):
    """Dropout (Srivastava et al. 2014) by a random byte for each value, so that its probability is a multiple of 1/256.

    PyTorch's own draws a whole number of the generator for each: it took a quarter of a step with batches of 256.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.dropped = min(255, round(256 * probability))

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or not self.dropped:
            return values
        *rows, width = values.shape
        words = torch.empty(*rows, -(-width // 8), dtype=torch.int64, device=values.device).random_(-(2**63), None)
        stays = words.view(torch.uint8)[..., :width] >= self.dropped
        return values * (stays * (256 / (256 - self.dropped))).to(values.dtype)


class Vote(nn.Module):
    """Outputs of members (members, batch, outputs) → (batch, outputs) that say the mean of what the members say.

    Of classes the logarithm of the mean probability, of one that is there or not the logit of it.
    """

    def __init__(self, targets: Targets) -> None:
        super().__init__()
        self.kind = targets.kind

    def forward(self, outputs: Tensor) -> Tensor:
        if self.kind == "real":
            return outputs.mean(0)
        if self.kind == "classes":
            return outputs.log_softmax(2).logsumexp(0) - math.log(len(outputs))
        return F.logsigmoid(outputs).logsumexp(0) - F.logsigmoid(-outputs).logsumexp(0)
