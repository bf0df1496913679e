"""GPT, a Transformer that only writes: p(next symbol | all before it), by causal blocks (Radford et al. 2018; 2019).

net = GPT(symbols=65, context=128)
logits, read = net(text)                       # int64 (batch, steps ≤ 128) → (batch, steps, 65), keys and values
more, _ = net(next, read)                      # the steps after it, without reading the text again
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from profundo.nets.decoding import Kept
from profundo.nets.transformers import EncoderBlock, Positions, Read
from profundo.records import ProfundoError

__all__ = ["GPT"]


class GPT(nn.Module):
    """context: symbols that it sees at once; width: of each symbol's vector; dropout: share of what each branch adds, and of the
    vectors of the symbols, that is set to zero in training.

    Raises ProfundoError for a width that the heads do not divide, and fewer than two symbols at once.
    """

    def __init__(
        self,
        symbols: int,
        width: int = 256,
        *,
        heads: int = 4,
        layers: int = 4,
        context: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if context < 2:
            raise ProfundoError(f"GPT: expected a context of at least 2 symbols, got {context}")
        self.context = context
        self.embedding = nn.Embedding(symbols, width)
        nn.init.normal_(self.embedding.weight, 0, 0.02)  # as large as the positions, so that both are seen
        self.positions = Positions(context, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(EncoderBlock(width, heads, dropout=dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, symbols)

    def forward(self, symbols: Tensor, read: tuple[Read, ...] | None = None) -> tuple[Tensor, tuple[Read, ...]]:
        """int64 (batch, steps), and what each block read before → logits of each step's next symbol (batch, steps, symbols), and
        what each block has read now. Raises ProfundoError for more symbols than the context holds."""
        first = 0 if read is None else read[0][0].shape[2]
        x = self.dropout(self.embedding(symbols) + self.positions(symbols.shape[1], first))
        reads = []
        for number, block in enumerate(self.blocks):
            x, now = block(x, causal=True, read=None if read is None else read[number])
            reads.append(now)
        return self.output(self.norm(x)), tuple(reads)

    def step(self, symbols: Tensor, kept: Kept) -> tuple[Tensor, Kept]:
        """For decoding.py; kept: the symbols that are in sight, and what was read of them.

        Where there are more than the context holds, the newer half of it is read anew: so a symbol costs two steps at most, and has
        at least half a context before it.
        """
        before, read = (symbols[:, :0], None) if kept is None else kept
        seen = torch.cat([before, symbols], 1)
        if seen.shape[1] > self.context:
            symbols = seen = seen[:, -(self.context // 2) :]
            read = None
        logits, read = self(symbols, read)
        return torch.log_softmax(logits[:, -1].float(), 1), (seen, read)
