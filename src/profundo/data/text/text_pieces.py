"""Texts as pieces, words or characters, that put together are the texts again; and their numbers in a vocabulary.

vocabulary = vocabulary_of(["vint-i-dos mil", "22"], "words")     # " mil", "-", " 2", "2", …
vocabulary.text(vocabulary.targets(["vint mil"])[0])              # "vint mil"
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from profundo.data.text.characters import UNKNOWN
from profundo.records import END, PAD, ProfundoError

__all__ = ["Unit", "Vocabulary", "pieces", "plain", "vocabulary_of"]

FIRST = END + 1  # index of the first piece of a vocabulary
MOST_PIECES = 8000
Unit = Literal["words", "characters"]
PIECES = {"words": re.compile(r" ?(?:\d|[^\W\d_]+|[^\w\s])|_|\s"), "characters": re.compile(".", re.DOTALL)}
"""A digit, word or sign with the blank before it; or each character."""


def plain(text: str) -> str:
    """In Unicode's composed form, with single blanks and none at the edges."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def pieces(text: str, unit: Unit) -> list[str]:
    return PIECES[unit].findall(f" {text}" if unit == "words" else text)  # the first word is like the others


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """pieces: of sources and targets alike, from index 3 on. What is not among them is UNKNOWN if that is, else refused."""

    pieces: Sequence[str]
    unit: Unit = "words"

    def __len__(self) -> int:
        return FIRST + len(self.pieces)

    def sources(self, texts: Sequence[str]) -> Tensor:
        """int64 (texts, longest), padded. Raises ProfundoError for a piece that it lacks."""
        return padded(self.encoded(texts))

    def targets(self, texts: Sequence[str]) -> Tensor:
        """The same with END after each."""
        return padded([[*text, END] for text in self.encoded(texts)])

    def encoded(self, texts: Sequence[str]) -> list[list[int]]:
        places = {piece: FIRST + at for at, piece in enumerate(self.pieces)}
        unknown = places.get(UNKNOWN)
        told = [pieces(text, self.unit) for text in texts]
        if unknown is None:
            self.check(told, places)
        return [[places.get(piece, unknown or 0) for piece in text] for text in told]

    def check(self, told: Sequence[Sequence[str]], known: Iterable[str]) -> None:
        for text in told:
            if strange := set(text) - set(known):
                first = next(piece for piece in text if piece in strange).strip()
                raise ProfundoError(
                    f"text {''.join(text).strip()[:60]!r}: expected {self.unit} that training had, got {first!r}; write it otherwise"
                )

    def names(self, indices: Tensor) -> list[str]:
        """What the indices (length,) stand for, up to the first END."""
        told = indices.tolist()
        told = told[: told.index(END)] if END in told else told
        return [self.pieces[index - FIRST] if index >= FIRST else "" for index in told]

    def text(self, indices: Tensor) -> str:
        return "".join(self.names(indices)).strip()


def padded(sequences: Sequence[Sequence[int]]) -> Tensor:
    """int64 (sequences, longest)."""
    rows = [torch.tensor(one, dtype=torch.int64) for one in sequences]
    return pad_sequence(rows, batch_first=True, padding_value=PAD)


def vocabulary_of(texts: Iterable[str], unit: Unit = "words", *, is_open: bool = False) -> Vocabulary:
    """The pieces of the texts, the most frequent first. is_open: other texts may have others, which are UNKNOWN, as those are that
    come once, so that training has it, too, and the rarest where there are more than 8,000."""
    counts = Counter(piece for text in texts for piece in pieces(text, unit))
    kept = sorted(counts, key=lambda piece: (-counts[piece], piece))
    several = [piece for piece in kept if counts[piece] > 1]
    return Vocabulary([UNKNOWN, *several[:MOST_PIECES]] if is_open else kept, unit)
