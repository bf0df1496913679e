"""Pairs of a text and its translation: of numbers and dates, drawn by rules, or of a table of one's own; and their batches.

    splits = number_pairs(40_000, 2000, seed=0)  # ("ca: 22", "vint-i-dos"), ("number: vint-i-dos", "22"), …
    splits = own_pairs(Path("pairs.tsv"), longest=60)  # two columns
    batches = PairBatches(splits.train, vocabulary, 64)

A source of the first kind begins with what is asked for: the language that a number is to be said in, `number` for words that
are to become figures, `date` for one that is to be written as ISO 8601 has it. A tenth of all numbers and of all days is for the
test alone and another for validation, in every language and direction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from profundo.data.batches import mix, order
from profundo.data.streams.archives import printable
from profundo.data.tables.table_files import read_texts
from profundo.data.text.number_words import LANGUAGES, in_words
from profundo.data.text.text_pieces import Unit, Vocabulary, pieces, plain
from profundo.data.text.written_dates import FIRST_DAY, FORMS, LAST_DAY, written_date
from profundo.records import PAD, Batch, ProfundoError, TableForm

__all__ = [
    "ASKED_FOR",
    "LEAST_PAIRS",
    "Pair",
    "PairBatches",
    "PairSplits",
    "between_languages",
    "divided_texts",
    "number_pairs",
    "own_pairs",
    "texts_of_all_words",
]

LEAST_PAIRS = 20  # of a table
VALIDATED = 500  # drawn pairs
TENTHS = {"train": range(2, 10), "validation": (1,), "test": (0,)}  # of all numbers and days
ASKED_FOR = (*LANGUAGES, "number", "date")  # what a source may begin with
Draws = torch.Generator


@dataclass(frozen=True, slots=True)
class Pair:
    """kind: which pairs are judged together."""

    source: str
    target: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class PairSplits:
    """facts: what identifies them; notes: how they were read."""

    train: Sequence[Pair]
    validation: Sequence[Pair]
    test: Sequence[Pair]
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


# ---------------------------------------------------------------------------------------------------- numbers and dates
def number_pairs(train: int, test: int, seed: int = 0) -> PairSplits:
    """So many pairs to train on and to test, no two of one source, each kind and language as often: numbers to be said, numbers that
    were said, and dates."""
    sizes = {"train": train, "validation": min(VALIDATED, test), "test": test}
    learned, held, judged = (
        different(partial(drawn_pair, TENTHS[name]), size, mix(seed, at))
        for at, (name, size) in enumerate(sizes.items())
    )
    return PairSplits(learned, held, judged, facts={"kind": "numbers and dates"})


def texts_of_all_words() -> Iterator[str]:
    """In which every word and sign of the drawn pairs is, whichever of them are drawn."""
    yield from (f"{asked}: 0123456789" for asked in ASKED_FOR)
    for language, forms in FORMS.items():
        yield from (in_words(number, language) for number in (*range(1000), *range(1000, 100_000, 1000)))
        yield from (form(date(2024, 1, 1) + timedelta(day)) for form in forms for day in range(366))


def between_languages(count: int, seed: int = 0) -> Sequence[Pair]:
    """Numbers of the test in the words of one language that are to be said in another: what no pair of the splits shows."""

    def pair(draws: Draws) -> Pair:
        one, other = (list(LANGUAGES)[place] for place in torch.randperm(len(LANGUAGES), generator=draws)[:2].tolist())
        number = drawn_number(TENTHS["test"], draws)
        return Pair(f"{other}: {in_words(number, one)}", in_words(number, other), "words → words")

    return different(pair, count, mix(seed, 3))


def different(draw: Callable[[Draws], Pair], count: int, seed: int) -> Sequence[Pair]:
    """Pairs of different sources: what two languages write alike is of the kind that was drawn first."""
    draws, pairs = torch.Generator().manual_seed(seed), dict[str, Pair]()
    while len(pairs) < count:
        pair = draw(draws)
        pairs.setdefault(pair.source, pair)
    return list(pairs.values())


def drawn_pair(tenths: Sequence[int], draws: Draws) -> Pair:
    language, task = list(LANGUAGES)[drawn(len(LANGUAGES), draws)], drawn(3, draws)
    if task == 2:
        day, form = drawn_day(tenths, draws), drawn(len(FORMS[language]), draws)
        return Pair(f"date: {written_date(day, language, form)}", day.isoformat(), f"dates, {language}")
    number = drawn_number(tenths, draws)
    told = in_words(number, language)
    if task == 1:
        return Pair(f"number: {told}", str(number), f"words → figures, {language}")
    return Pair(f"{language}: {number}", told, f"figures → words, {language}")


def drawn_number(tenths: Sequence[int], draws: Draws) -> int:
    """Of one to six digits, each length as often."""
    while True:
        digits = drawn(6, draws)
        least = 10**digits if digits else 0
        number = least + drawn(10 ** (digits + 1) - least, draws)
        if mix(0, number) % 10 in tenths:
            return number


def drawn_day(tenths: Sequence[int], draws: Draws) -> date:
    while True:
        number = drawn((LAST_DAY - FIRST_DAY).days + 1, draws)
        if mix(1, number) % 10 in tenths:
            return FIRST_DAY + timedelta(number)


def drawn(below: int, draws: Draws) -> int:
    return int(torch.randint(below, (), generator=draws))


# --------------------------------------------------------------------------------------------------------- of one's own
def own_pairs(
    path: Path, encoding: str | None = None, *, seed: int = 0, unit: Unit = "words", longest: int
) -> PairSplits:
    """The rows of a table with two columns, CSV, TSV or JSON lines: a tenth of the different sources each for validation and test.

    encoding: of text that is no UTF-8. longest: pieces of a text; pairs with longer ones are left out. Raises ProfundoError for
    other tables, and for fewer than twenty pairs.
    """
    (rows, told), where = read_texts(path, TableForm(encoding or "")), printable(str(path))
    if rows.width != 2:
        raise ProfundoError(
            f"{where}: expected two columns, a text and its translation, with their names in the first row; found {rows.width} "
            f"({printable(', '.join(rows.columns[:10]))}); keep two"
        )
    texts = [["" if cell is None else plain(str(cell)) for cell in row] for row in rows.iter_rows()]
    whole = list(dict.fromkeys(Pair(*row) for row in texts if all(row)))
    pairs = [pair for pair in whole if pieces_of(pair, unit) <= longest]
    if (different_texts := len({pair.source for pair in pairs})) < LEAST_PAIRS:
        raise ProfundoError(
            f"{where}: expected at least {LEAST_PAIRS} different texts with translations, of at most {longest} {unit} each; found "
            f"{different_texts}"
        )
    notes = (
        *told,
        f"{len(pairs):,} pairs, from {printable(rows.columns[0])} to {printable(rows.columns[1])}",
        *left_out(len(rows) - len(whole), "rows with an empty cell, or that are there twice"),
        *left_out(len(whole) - len(pairs), f"pairs with a text of more than {longest} {unit}"),
    )
    return divided(pairs, seed, notes)


def pieces_of(pair: Pair, unit: Unit) -> int:
    return max(len(pieces(text, unit)) for text in (pair.source, pair.target))


def left_out(number: int, what: str) -> tuple[str, ...]:
    return (f"left out: {number:,} {what}",) if number else ()


def divided(pairs: Sequence[Pair], seed: int, notes: Sequence[str]) -> PairSplits:
    """By source, so that none is in two splits; where one goes hangs on its text and the seed, not on the order of the rows."""
    place = divided_texts({pair.source for pair in pairs}, seed, 10)
    test, validation, train = ([pair for pair in pairs if place[pair.source] == part] for part in range(3))
    facts = {"sha256": digest("\n".join(f"{pair.source}\t{pair.target}" for pair in pairs))}
    return PairSplits(train, validation, test, facts, notes)


def divided_texts(texts: Set[str], seed: int, parts: int) -> dict[str, int]:
    """Which texts are of the test (0), of validation (1), one of so many parts each, and which of training (2)."""
    ordered = sorted(texts, key=lambda text: digest(f"{seed} {text}"))
    size = max(1, len(ordered) // parts)
    return {text: min(at // size, 2) for at, text in enumerate(ordered)}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# -------------------------------------------------------------------------------------------------------------- batches
class PairBatches:
    """inputs int64 (batch, longest source), targets int64 (batch, longest target with END), padded; the order is a function of
    (seed, epoch). An incomplete last batch is left out; fewer pairs than a batch are one."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        vocabulary: Vocabulary,
        batch_size: int,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.sources = vocabulary.sources([pair.source for pair in pairs])
        self.targets = vocabulary.targets([pair.target for pair in pairs])
        self.batch_size, self.seed, self.device = min(batch_size, len(pairs)), seed, torch.device(device)

    def __len__(self) -> int:
        return len(self.sources) // self.batch_size

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, without the first `skip`."""
        places = order(len(self.sources), self.seed, epoch)
        for index in range(skip, len(self)):
            chosen = places[index * self.batch_size : (index + 1) * self.batch_size]
            sources, targets = (trimmed(whole[chosen]).to(self.device) for whole in (self.sources, self.targets))
            yield Batch(sources, targets, len(chosen))


def trimmed(padded: Tensor) -> Tensor:
    """Without the last columns that are padding alone."""
    return padded[:, : int((padded != PAD).sum(1).max())]
