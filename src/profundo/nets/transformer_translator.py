"""The Transformer as it was published: an encoder that reads, a decoder that writes (Vaswani et al. 2017, arXiv:1706.03762).

Attention, positions and blocks are those of transformers.py. One table of vectors serves sources, targets and the choice of the
next symbol (section 3.4).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from profundo.nets.attention import shifted
from profundo.nets.decoding import Kept
from profundo.nets.transformers import DecoderBlock, EncoderBlock, Positions, Read
from profundo.records import PAD

__all__ = ["TransformerTranslator"]

Memory = tuple[tuple[Read, ...], Tensor]
"""Keys and values of what was read, for each block of the decoder, and which places there are, bool (batch, places)."""


class TransformerTranslator(nn.Module):
    """Sources and targets share one vocabulary, with PAD, BEGIN and END (records.py).

    layers: blocks of the encoder, and as many of the decoder. longest: symbols of a sequence. Raises ProfundoError for a width that
    the heads do not divide, and for longer sequences.
    """

    def __init__(
        self,
        symbols: int,
        width: int = 128,
        *,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
        longest: int = 512,
    ) -> None:
        super().__init__()
        self.longest = longest
        self.embedding = nn.Embedding(symbols, width)
        nn.init.normal_(self.embedding.weight, 0, width**-0.5)  # times √width they are as large as the positions
        self.positions = Positions(longest, width, learned=False)
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.ModuleList(EncoderBlock(width, heads, dropout=dropout) for _ in range(layers))
        self.decoder = nn.ModuleList(DecoderBlock(width, heads, dropout=dropout) for _ in range(layers))
        self.read_norm, self.written_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    @property
    def blocks(self) -> list[DecoderBlock]:
        """The decoder's, as what they are."""
        return [block for block in self.decoder if isinstance(block, DecoderBlock)]

    def embedded(self, symbols: Tensor, first: int = 0) -> Tensor:
        """int64 (batch, steps), the first of them at place `first` → (batch, steps, width)."""
        vectors = self.embedding.embedding_dim**0.5 * self.embedding(symbols)
        result: Tensor = self.dropout(vectors + self.positions(symbols.shape[1], first))
        return result

    def read(self, sources: Tensor) -> Memory:
        """int64 (batch, n), padded."""
        x, there = self.embedded(sources), sources != PAD
        for block in self.encoder:
            x, _ = block(x, there=there)
        x = self.read_norm(x)
        return tuple(block.memory.remembered(x) for block in self.blocks), there

    def written(self, x: Tensor) -> Tensor:
        """What comes out of the decoder (batch, steps, width) → logits of the next symbols (batch, steps, symbols)."""
        result: Tensor = self.written_norm(x) @ self.embedding.weight.T
        return result

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        """int64 (batch, n) and (batch, steps) → logits of every target given those before it (batch, steps, symbols)."""
        memory, there = self.read(sources)
        x = self.embedded(shifted(targets))
        for block, own in zip(self.blocks, memory, strict=True):
            x, _ = block(x, own, there)
        return self.written(x)

    def looks(self, sources: Tensor, targets: Tensor) -> Tensor:
        """Where the last block looks while each target is chosen, the mean of its heads: (batch, steps, n)."""
        memory, there = self.read(sources)
        x = self.embedded(shifted(targets))
        *before, (last, read) = zip(self.blocks, memory, strict=True)
        for block, own in before:
            x, _ = block(x, own, there)
        return last.looks(x, read, there).mean(1)

    def begun(self, sources: Tensor) -> Kept:
        """What `step` keeps before anything is written."""
        return (*self.read(sources), (None,) * len(self.blocks))

    def step(self, symbols: Tensor, kept: Kept) -> tuple[Tensor, Kept]:
        """For decoding.py; kept: the memory, and what each block has read of what is written."""
        memory, there, reads = kept
        x = self.embedded(symbols, 0 if reads[0] is None else reads[0][0].shape[2])
        now = []
        for block, own, read in zip(self.blocks, memory, reads, strict=True):
            x, read = block(x, own, there, read)
            now.append(read)
        return torch.log_softmax(self.written(x)[:, -1].float(), 1), (memory, there, tuple(now))
