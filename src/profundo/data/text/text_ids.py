"""Texts as rows of whole numbers: the words of each by their place in a vocabulary, then its characters by code point.

    words        id 0 for none, 1 for a word that training did not have, 2 … for those of the vocabulary
    characters   the code points of Unicode, 0 for none

Words are runs of letters and digits in lower case, single signs, and, of scripts without blanks between words (Chinese,
Japanese, Thai …), single characters. Characters keep their capitals, so that a row can be read again: `text_of`.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    import polars

__all__ = [
    "FIRST_WORD",
    "LARGEST_ID",
    "MOST_CHARACTERS",
    "MOST_WORDS",
    "TOGETHER",
    "UNKNOWN",
    "folded",
    "learned_words",
    "normalised",
    "reads_as_text",
    "text_ids",
    "text_of",
    "words_of",
]

UNKNOWN, FIRST_WORD = 1, 2
LARGEST_ID = 0x10FFFF  # of Unicode; float32 holds whole numbers up to 2²⁴
VOCABULARY, LEAST = 30_000, 2  # most words, and the texts that one has to be in
MOST_WORDS, MOST_CHARACTERS = 400, 1000  # of a text that are kept
MOST_NUMBERS = 100_000_000  # ids of all texts together: 400 MB
SHARE = 0.99  # of the texts that are kept whole
TOGETHER = 4096  # texts whose words are in memory at once, where they take several times as much as the text
FEWEST_WORDS = 5  # of letters, in the middle text of a column that is read as text: names of people have fewer

ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
WORD = rf"[{ALONE}]\p{{M}}*|[\w--[{ALONE}]]+(?:['’][\w--[{ALONE}]]+)*|[^\w\s]"  # in the syntax of Rust's regex
LETTERS = rf"[{ALONE}]|\p{{L}}\p{{M}}*[\p{{L}}\p{{M}}]+"
TAGS = re.compile(
    r"</?(a|abbr|article|b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|font|footer|h[1-6]|head|header|hr|html|i|img|li|"
    r"link|meta|nav|ol|p|pre|script|section|small|span|strike|strong|style|sub|sup|table|tbody|td|th|thead|title|tr|tt|u|ul)"
    r"(\s[^<>]*)?/?>|<!--.*?-->",
    re.IGNORECASE | re.DOTALL,
)


def normalised(text: str) -> str:
    """In composed characters (NFC), without the tags and entities of HTML, each run of white space one blank."""
    if "&" in text or "<" in text:
        text = TAGS.sub(" ", html.unescape(text))
    valid = text.encode("utf-8", "replace").decode()  # JSON may hold halves of characters
    return " ".join(unicodedata.normalize("NFC", valid).replace("\0", " ").split())


def folded(text: str) -> str:
    """By which two texts are called the same: whatever their capitals and white space."""
    return normalised(text).casefold()


def words_of(texts: Sequence[str]) -> polars.Series:
    """The words of each text: lists of words, in lower case. texts: normalised."""
    import polars

    return polars.Series("words", texts, dtype=polars.String).str.to_lowercase().str.extract_all(WORD)


def pieces(texts: Sequence[str] | polars.Series) -> Iterator[list[str]]:
    """The texts normalised, some at a time."""
    for begin in range(0, len(texts), TOGETHER):
        yield [normalised(text) for text in texts[begin : begin + TOGETHER]]


def learned_words(texts: Sequence[str] | polars.Series) -> tuple[tuple[str, ...], tuple[int, int]]:
    """The vocabulary of these texts, and how many words and characters of one are kept."""
    import polars

    counts = polars.DataFrame(schema={"words": polars.String, "texts": polars.UInt32})
    lengths = [np.zeros((2, 0), np.int64)]
    for piece in pieces(texts):
        words = words_of(piece)
        more = words.list.unique().explode().drop_nulls().value_counts(name="texts")
        counts = polars.concat([counts, more]).group_by("words").agg(polars.col("texts").sum())
        lengths.append(np.array([words.list.len().to_numpy(), [len(text) for text in piece]]))
    return vocabulary_of(counts), kept_lengths(*np.concatenate(lengths, 1))


def vocabulary_of(counts: polars.DataFrame) -> tuple[str, ...]:
    """The words that occur in two texts or more, at most 30,000 of them, the most frequent first; of very few texts all.

    counts: words, and in how many texts each is."""
    import polars

    several = counts.filter(polars.col("texts") >= LEAST)
    chosen = (several if len(several) else counts).sort(["texts", "words"], descending=[True, False])
    return tuple(chosen["words"].head(VOCABULARY).to_list())


def kept_lengths(words: np.ndarray, characters: np.ndarray) -> tuple[int, int]:
    """How many words and characters of a text are kept: so many that 99 % of these texts are kept whole, with bounds."""
    if not len(words):
        return 1, 1
    wanted = [int(np.quantile(lengths, SHARE, method="higher")) for lengths in (words, characters)]
    within = min(1.0, MOST_NUMBERS / max(1, len(words) * sum(wanted)))
    count, letters = (
        max(1, min(most, int(one * within))) for most, one in zip((MOST_WORDS, MOST_CHARACTERS), wanted, strict=True)
    )
    return count, letters


def text_ids(texts: Sequence[str] | polars.Series, vocabulary: Sequence[str], lengths: tuple[int, int]) -> Tensor:
    """float32 (texts, words + characters): the ids of each text's words, then its code points; both cut or padded with 0."""
    rows = np.zeros((len(texts), sum(lengths)), np.float32)
    for number, piece in enumerate(pieces(texts)):
        some = rows[number * TOGETHER :]
        some[: len(piece), : lengths[0]] = _word_ids(words_of(piece), vocabulary, lengths[0])
        for row, text in zip(some, piece, strict=False):
            points = np.frombuffer(text[: lengths[1]].encode("utf-32-le", "replace"), np.uint32)
            row[lengths[0] : lengths[0] + len(points)] = points
    return torch.from_numpy(rows)


def text_of(points: Tensor) -> str:
    """The text whose code points these are, (characters,), as far as it was kept."""
    return "".join(map(chr, points[points > 0].long().tolist()))


def reads_as_text(texts: polars.Series) -> bool:
    """Whether the middle one of some different cells has five words of letters or more; names and codes have fewer."""
    some = texts.gather_every(max(1, len(texts) // 1000))
    return float(some.str.count_matches(LETTERS).median() or 0) >= FEWEST_WORDS  # type: ignore[arg-type]


def _word_ids(words: polars.Series, vocabulary: Sequence[str], length: int) -> np.ndarray:
    """float64 (texts, length)."""
    import polars

    first = words.list.head(length)
    many = first.list.len().to_numpy().astype(np.int64)
    flat = first.explode().drop_nulls()
    known = range(FIRST_WORD, FIRST_WORD + len(vocabulary))
    ids = flat.replace_strict(list(vocabulary), list(known), default=UNKNOWN, return_dtype=polars.Int64)
    rows = np.repeat(np.arange(len(many)), many)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(many) - many, many)
    result = np.zeros((len(many), length))
    result[rows, places] = ids.to_numpy()
    return result
