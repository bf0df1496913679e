"""Byte pairs: text in pieces that are learned from it, common strings of bytes (Sennrich, Haddow & Birch 2016, arXiv:1508.07909).

In the beginning there are the 256 bytes of UTF-8, so that no text is unknown (Radford et al. 2019, section 2.2). Again and again the
commonest pair of neighbours becomes a piece of its own; pieces never reach over the bounds of words, numbers and signs.

    pairs = BytePairs(learned_pairs(text, 500))
    pairs.decode(pairs.encode("To be, or not to be"))          # the same
"""

from __future__ import annotations

import codecs
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["BytePairs", "learned_pairs"]

BYTES = 256
WORDS = re.compile(r" ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")
"""A word, a number or signs, each with the blank before it; white space: every character is in one of them."""

Pair = tuple[int, int]


class BytePairs:
    """merges: pairs of pieces, the n-th of which is piece 256 + n. Raises ProfundoError for a pair of later pieces."""

    def __init__(self, merges: Iterable[Sequence[int]]) -> None:
        self.pieces = [bytes([byte]) for byte in range(BYTES)]
        self.ranks: dict[Pair, int] = {}
        for one, other in merges:
            if not (min(one, other) >= 0 and max(one, other) < len(self.pieces)):
                raise ProfundoError(f"byte pairs: expected pieces below {len(self.pieces)}, got {one} and {other}")
            self.ranks[one, other] = len(self.pieces)
            self.pieces.append(self.pieces[one] + self.pieces[other])
        self.known: dict[str, list[int]] = {}  # words that were encoded before

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> Tensor:
        """int64 (pieces,)."""
        symbols: list[int] = []
        for word in WORDS.findall(text):
            if word not in self.known:
                self.known[word] = self.word(word)
            symbols += self.known[word]
        return torch.tensor(symbols, dtype=torch.int64)

    def word(self, word: str) -> list[int]:
        """The pairs of a word are joined in the order in which they were learned."""
        symbols = spelled(word)
        while len(symbols) > 1:
            pair = min(pairwise(symbols), key=lambda pair: self.ranks.get(pair, len(self)))
            if pair not in self.ranks:
                break
            symbols = joined(symbols, pair, self.ranks[pair])
        return symbols

    def told(self, symbols: Iterable[int]) -> Iterator[str]:
        """Text as it comes, piece by piece: a character whose bytes are not all there yet waits for them."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for symbol in symbols:
            yield decoder.decode(self.pieces[symbol])
        yield decoder.decode(b"", final=True)

    def decode(self, symbols: Tensor) -> str:
        """The text of the pieces (pieces,); � for bytes that are none."""
        return "".join(self.told(symbols.tolist()))


def spelled(word: str) -> list[int]:
    return list(word.encode("utf-8", "replace"))


def joined(symbols: Sequence[int], pair: Pair, piece: int) -> list[int]:
    """With the piece in the place of each such pair, from the left."""
    result: list[int] = []
    for symbol in symbols:
        if symbol == pair[1] and result and result[-1] == pair[0]:
            result[-1] = piece
        else:
            result.append(symbol)
    return result


def learned_pairs(text: str, count: int) -> list[Pair]:
    """The pairs to be joined, in order: each time the commonest there is, of equals the first by its numbers; `count` of them, or
    fewer where none comes twice.

    Counted are words, each as often as it comes, and after a join only in those words that have it.
    """
    words = Counter(WORDS.findall(text))
    spellings, times = [spelled(word) for word in words], list(words.values())
    counts: Counter[Pair] = Counter()
    where: defaultdict[Pair, set[int]] = defaultdict(set)

    def count_word(number: int, sign: int) -> None:
        for pair in pairwise(spellings[number]):
            counts[pair] += sign * times[number]
            where[pair].add(number)

    for number in range(len(spellings)):
        count_word(number, 1)
    merges: list[Pair] = []
    while len(merges) < count and counts:
        pair = max(counts, key=lambda pair: (counts[pair], -pair[0], -pair[1]))
        if counts[pair] < 2:
            break
        for number in where.pop(pair):
            count_word(number, -1)
            spellings[number] = joined(spellings[number], pair, BYTES + len(merges))
            count_word(number, 1)
        merges.append(pair)
    return merges
