"""The parts of Transformers (Vaswani et al. 2017, arXiv:1706.03762): attention in heads, positions, blocks of both kinds.

    attention   softmax(Q Kᵀ / √d) V, in each of `heads` parts of the width               equation 1, section 3.2.2
    positions   sin and cos of the place at wavelengths from 2π to 10,000 · 2π, or learned        section 3.5
    encoder     x ← x + attention(norm x);  x ← x + feed-forward(norm x)
    decoder     the same, and between them  x ← x + attention(norm x to what the encoder read)

Normalised is what goes into a branch, not what comes out of it: so deep nets train without a long warm-up (Xiong et al. 2020,
arXiv:2002.04745). The last layer of each branch starts at 0: a new block passes on what it gets. A causal encoder block is what GPT
is made of.

A block returns keys and values of what it read. Given back with the next steps, they spare it from reading the past again:

    y, read = block(x[:, :9], causal=True)
    z, read = block(x[:, 9:], causal=True, read=read)          # z = block(x, causal=True)[0][:, 9:]
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.records import ProfundoError

__all__ = ["Attention", "DecoderBlock", "EncoderBlock", "Positions", "Read", "feed_forward", "sinusoids"]

Read = tuple[Tensor, Tensor]
"""Keys and values of what an attention read, each (batch, heads, places, width / heads)."""

LONGEST_WAVE = 10_000  # in units of 2π places


class Attention(nn.Module):
    """Steps ask, places answer: each step gets a mean of the places' values, weighed by how well its query fits their keys.

    Raises ProfundoError for a width that the heads do not divide.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if min(width, heads) < 1 or width % heads:
            raise ProfundoError(f"attention: expected a width that {heads} heads divide, got {width}")
        self.width, self.heads = width, heads
        self.inward = nn.Linear(width, 3 * width)  # queries, keys and values, by one product
        self.outward = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.inward.weight)
        for zero in (self.inward.bias, self.outward.weight, self.outward.bias):
            nn.init.zeros_(zero)

    def within(
        self, x: Tensor, *, causal: bool = False, there: Tensor | None = None, read: Read | None = None
    ) -> tuple[Tensor, Read]:
        """x (batch, steps, width) looks at itself and at what was read before → the same shape, and all that is read now.

        causal: each step looks at itself and at those before it only. there: which places of the whole there are, bool
        (batch, places), one of each sample at least; all if not given.
        """
        queries, keys, values = self.split(self.inward(x))
        if read is not None:
            keys, values = torch.cat([read[0], keys], 2), torch.cat([read[1], values], 2)
        return self.mixed(queries, (keys, values), mask_of(queries, keys, causal, there)), (keys, values)

    def across(self, x: Tensor, read: Read, there: Tensor | None = None) -> Tensor:
        """x (batch, steps, width) looks at a memory as `remembered` has it. there: bool (batch, places)."""
        return self.mixed(self.queries(x), read, None if there is None else there[:, None, None])

    def remembered(self, memory: Tensor) -> Read:
        """Keys and values of a memory (batch, places, width): the same for all steps, so computed once."""
        weight, bias = self.inward.weight[self.width :], self.inward.bias[self.width :]
        keys, values = self.split(F.linear(memory, weight, bias))
        return keys, values

    def weights(self, x: Tensor, read: Read, there: Tensor | None = None) -> Tensor:
        """Where `across` looks: softmax(Q Kᵀ / √d), (batch, heads, steps, places). For pictures: it is computed twice."""
        queries, (keys, _) = self.queries(x), read
        scores = queries @ keys.mT / queries.shape[-1] ** 0.5
        if there is not None:
            scores = scores.masked_fill(~there[:, None, None], -torch.inf)
        return torch.softmax(scores, -1)

    def queries(self, x: Tensor) -> Tensor:
        (queries,) = self.split(F.linear(x, self.inward.weight[: self.width], self.inward.bias[: self.width]))
        return queries

    def split(self, x: Tensor) -> tuple[Tensor, ...]:
        """(batch, steps, n · width) → n tensors (batch, heads, steps, width / heads)."""
        parts = x.view(*x.shape[:2], -1, self.heads, self.width // self.heads)
        return tuple(parts.permute(2, 0, 3, 1, 4))

    def mixed(self, queries: Tensor, read: Read, mask: Tensor | bool | None) -> Tensor:
        """mask: which places a step may look at, True for a causal one."""
        result: Tensor = self.outward(attended(queries, *read, mask).transpose(1, 2).flatten(2))
        return result


def attended(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | bool | None) -> Tensor:
    """softmax(Q Kᵀ / √d) V: (batch, heads, steps, width / heads).

    By PyTorch's kernel, but for bfloat16 on a CPU, where that takes three times as long as the products written out (gradients of
    16 × 3 heads of 64 over 128 places, PyTorch 2.13, AMD EPYC).
    """
    if queries.device.type != "cpu" or queries.dtype != torch.bfloat16:
        how = {"is_causal": mask} if isinstance(mask, bool) else {"attn_mask": mask}
        return F.scaled_dot_product_attention(queries, keys, values, **how)
    scores = queries @ keys.mT / queries.shape[-1] ** 0.5
    if mask is not None:
        steps, places = scores.shape[2:]
        seen = torch.ones(steps, places, dtype=torch.bool).tril() if isinstance(mask, bool) else mask
        scores = scores.masked_fill(~seen, -torch.inf)
    return torch.softmax(scores, -1) @ values


def mask_of(queries: Tensor, keys: Tensor, causal: bool, there: Tensor | None) -> Tensor | bool | None:
    """Which places a step may look at: bool (…, steps, places); True for all up to its own, None for all.

    The last step stands at the last place.
    """
    steps, places = queries.shape[2], keys.shape[2]
    if there is None:
        if not causal or steps == 1:
            return None
        if steps == places:
            return True  # for which there are faster kernels
    mask = None if there is None else there[:, None, None]
    if causal:
        past = torch.ones(steps, places, dtype=torch.bool, device=queries.device).tril(places - steps)
        mask = past if mask is None else mask & past
    return mask


def feed_forward(width: int, hidden: int, dropout: float = 0.0) -> nn.Sequential:
    """W₂ gelu(W₁ x): each place by itself (section 3.3, with the activation of GPT: Hendrycks & Gimpel 2016)."""
    up, down = nn.Linear(width, hidden), nn.Linear(hidden, width)
    nn.init.xavier_uniform_(up.weight)
    for zero in (up.bias, down.weight, down.bias):
        nn.init.zeros_(zero)
    return nn.Sequential(up, nn.GELU(), down, nn.Dropout(dropout))


class EncoderBlock(nn.Module):
    """Attention to one's own sequence, then a feed-forward net of four times the width.

    dropout: share of what each branch adds that is set to zero in training (section 5.4).
    """

    def __init__(self, width: int, heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention, self.attention_norm = Attention(width, heads), nn.LayerNorm(width)
        self.feed_forward, self.feed_forward_norm = feed_forward(width, 4 * width, dropout), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, *, causal: bool = False, there: Tensor | None = None, read: Read | None = None
    ) -> tuple[Tensor, Read]:
        """(batch, steps, width) → the same shape, and what is read now; the rest as for `Attention.within`."""
        added, read = self.attention.within(self.attention_norm(x), causal=causal, there=there, read=read)
        x = x + self.dropout(added)
        return x + self.feed_forward(self.feed_forward_norm(x)), read


class DecoderBlock(nn.Module):
    """Attention to what was written, then to a memory of what was read, then a feed-forward net of four times the width.

    The memory goes in as `block.memory.remembered(encoded)` gives it, once for all steps.
    """

    def __init__(self, width: int, heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention, self.attention_norm = Attention(width, heads), nn.LayerNorm(width)
        self.memory, self.memory_norm = Attention(width, heads), nn.LayerNorm(width)
        self.feed_forward, self.feed_forward_norm = feed_forward(width, 4 * width, dropout), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, memory: Read, there: Tensor | None = None, read: Read | None = None
    ) -> tuple[Tensor, Read]:
        """What is written so far (batch, steps, width), causal, and a memory of which the places `there`, bool (batch, places),
        are → the same shape, and what is read now of what is written."""
        added, read = self.attention.within(self.attention_norm(x), causal=True, read=read)
        x = x + self.dropout(added)
        x = x + self.dropout(self.memory.across(self.memory_norm(x), memory, there))
        return x + self.feed_forward(self.feed_forward_norm(x)), read

    def looks(self, x: Tensor, memory: Read, there: Tensor | None = None) -> Tensor:
        """Where in the memory each step looks: (batch, heads, steps, places), each row a share of 1."""
        x = x + self.attention.within(self.attention_norm(x), causal=True)[0]
        return self.memory.weights(self.memory_norm(x), memory, there)


def sinusoids(places: int, width: int) -> Tensor:
    """(places, width): sin(p / 10,000^(2i/width)) in the even columns 2i, the cosine in the odd ones (section 3.5)."""
    rates = LONGEST_WAVE ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(places)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)[:, :width]


class Positions(nn.Module):
    """What is added to a symbol's vector for its place: sinusoids, or what is learned for each.

    longest: places that there are.
    """

    table: Tensor

    def __init__(self, longest: int, width: int, *, learned: bool = True) -> None:
        super().__init__()
        if learned:
            self.table = nn.Parameter(0.02 * torch.randn(longest, width))
        else:
            self.register_buffer("table", sinusoids(longest, width), persistent=False)

    def forward(self, steps: int, first: int = 0) -> Tensor:
        """(steps, width), from place `first` on. Raises ProfundoError beyond the last place."""
        longest = len(self.table)
        if first + steps > longest:
            raise ProfundoError(f"positions: expected at most {longest} places, got {first + steps}; cut the sequence")
        return self.table[first : first + steps]
