"""What is worth knowing of a column of texts: in which scripts they are, which are nearly the same, which are empty."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from profundo.data.text.text_ids import TAGS, normalised
from profundo.languages import Said
from profundo.looks.copies import copies_of
from profundo.looks.findings import DataFinding, some
from profundo.looks.table_facts import ColumnFacts

if TYPE_CHECKING:
    import polars

__all__ = ["text_findings"]

SCRIPTS = (
    *("Latin", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Devanagari", "Bengali", "Tamil", "Telugu", "Thai"),
    *("Georgian", "Ethiopic", "Khmer", "Hangul", "Han", "Hiragana", "Katakana", "Emoji_Presentation"),
)
RARE = 0.01  # of the texts in a script, below which it is not told
SHORTENED = 60  # characters of a text that is shown
LETTERS = re.compile(r"[^\W\d_]+")
FEWEST_LETTERS = 20  # of texts that are called nearly the same


def text_findings(frame: polars.DataFrame, columns: Sequence[ColumnFacts], split: np.ndarray) -> list[DataFinding]:
    """split: of each row, 0 for training, above for others."""
    texts = {
        column.name: frame[column.name].to_list() for column in columns if column.kind == "text" and column.features
    }
    found: list[DataFinding] = []
    for name, values in texts.items():
        found += [
            *_empty(name, values),
            *_alike(name, values, split),
            *_scripts(name, frame[name]),
            *_tagged(name, values),
        ]
    return found


def _empty(name: str, texts: Sequence[str | None]) -> Iterator[DataFinding]:
    rows = [row for row, text in enumerate(texts, 1) if text is None or not normalised(text)]
    if rows:
        yield DataFinding(
            "note",
            Said("looks.no_text", name=repr(name), count=len(rows), whole=len(texts)),
            Said("looks.no_text_do"),
            some([Said("looks.row", number=row) for row in rows]),
        )


def _alike(name: str, texts: Sequence[str | None], split: np.ndarray) -> Iterator[DataFinding]:
    """Texts that are the same but for numbers, signs, capitals and white space."""
    keys = ["".join(LETTERS.findall(text.casefold())) if text else "" for text in texts]
    long = [row for row, key in enumerate(keys) if len(key) >= FEWEST_LETTERS]
    copies = copies_of([keys[row] for row in long], split[long], np.zeros(len(long), np.int64))
    groups = [[long[place] for place in group] for group in copies.groups]
    differ = [group for group in groups if len({texts[row] for row in group}) > 1]
    if not differ:
        return
    extra, leaked = sum(len(group) - 1 for group in differ), len(copies.leaked)
    key = f"looks.texts_alike{'_across' if leaked else ''}"
    yield DataFinding(
        "warning" if extra > 0.01 * len(texts) or leaked else "note",
        Said(key, name=repr(name), count=extra, leaked=leaked),
        Said("looks.texts_alike_do"),
        some(differ, lambda group: Said("looks.alike", first=_named(group[0], texts), second=_named(group[1], texts))),
    )


def _scripts(name: str, texts: polars.Series) -> Iterator[DataFinding]:
    there = texts.drop_nulls()
    shares: Mapping[str, float] = {
        script.removesuffix("_Presentation"): int(there.str.contains(rf"\p{{{script}}}").sum()) / max(1, len(there))
        for script in SCRIPTS
    }
    told = [f"{script} ({100 * share:.0f} %)" for script, share in shares.items() if share >= RARE]
    if len(told) > 1 or (told and not told[0].startswith("Latin")):
        yield DataFinding("note", Said("looks.scripts", name=repr(name)), "", some(told))


def _tagged(name: str, texts: Sequence[str | None]) -> Iterator[DataFinding]:
    rows = [row for row, text in enumerate(texts, 1) if text and TAGS.search(text)]
    if rows:
        yield DataFinding(
            "note",
            Said("looks.tags", name=repr(name), count=len(rows)),
            Said("looks.tags_do"),
            some([Said("looks.row", number=row) for row in rows]),
        )


def _named(row: int, texts: Sequence[str | None]) -> Said:
    return Said("looks.row_text", number=row + 1, text=repr((texts[row] or "")[:SHORTENED]))
