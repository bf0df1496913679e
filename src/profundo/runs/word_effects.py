"""What the words of texts do to a net's answers: each word is left out, and the answer looked at again (Li et al. 2016).

A text is read from the code points of its row, written anew without the word, and made a row as any other; so all that a net
reads of a word goes with it: its id, its characters, its neighbourhood.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from profundo.data.tables.columns import column_slices
from profundo.data.text.text_ids import text_ids, text_of, words_of
from profundo.pictures.run_page.report_content import WordEffect
from profundo.records import Column, Inputs
from profundo.runs.run import Run

__all__ = ["telling_words", "with_words", "without_each_word", "word_drivers", "words_at"]

MOST_TEXTS, MOST_LEFT_OUT = 400, 40  # texts that are looked at; words of each
FEWEST = 3  # texts that a word is in, to be called telling
MOST_TOLD = 12  # words of a class
MOST_CLASSES = 6
LEAST_CHANCE = 1e-6  # a probability is taken to be at least this far from 0 and 1


def without_each_word(row: Tensor, column: Column, at: slice) -> tuple[list[str], Tensor]:
    """The different words of a row's text, and rows (words, features) in which each is left out wherever it stands."""
    text, places = _spans(row, column, at)
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for word, *span in places:
        spans[word].append((span[0], span[1]))
    words = list(spans)[:MOST_LEFT_OUT]
    texts = [_cut(text, spans[word]) for word in words]
    rows = row.expand(len(words), -1).clone()
    rows[:, at] = text_ids(texts, column.levels, column.lengths).to(rows.dtype)
    return words, rows


def words_at(row: Tensor, column: Column, at: slice) -> list[str]:
    """The words of a row's text in their order, those of which the row has an id."""
    ids = row[at.start : at.start + column.lengths[0]].long()
    names = ["", "(unknown)", *column.levels]
    beyond = [names[one] for one in ids[ids > 0].tolist()]  # where more words were kept than characters
    written = [word for word, *_ in _spans(row, column, at)[1]]
    return [*written[: len(beyond)], *beyond[len(written) :]]


def with_words(row: Tensor, column: Column, at: slice, there: Tensor) -> Tensor:
    """Rows (sets, features) that have only some of the words of a row's text; there: bool (sets, words), as `words_at` has them."""
    text, places = _spans(row, column, at)
    rows, ids = row.repeat(len(there), 1), row[at.start : at.start + column.lengths[0]]
    some = (~there).any(1).nonzero()[:, 0].tolist()
    away = [[places[word][1:] for word in (~there[one]).nonzero()[:, 0].tolist() if word < len(places)] for one in some]
    texts = [_cut(text, spans) for spans in away]
    if some:
        rows[some, at] = text_ids(texts, column.levels, column.lengths).to(rows.dtype)
    stay = torch.ones(len(there), len(ids), dtype=torch.bool)
    stay[:, : there.shape[1]] = there
    rows[:, at.start : at.start + len(ids)] = (ids * stay).gather(1, (~stay).long().argsort(dim=1, stable=True))
    return rows


def _spans(row: Tensor, column: Column, at: slice) -> tuple[str, list[tuple[str, int, int]]]:
    """A row's text, and its words with where each begins and ends."""
    text = text_of(row[at.start + column.lengths[0] : at.stop])
    lowered, places, end = text.lower(), [], 0
    for word in words_of([text])[0].to_list():
        begin = lowered.index(word, end)
        end = begin + len(word)
        places.append((word, begin, end))
    return text if len(lowered) == len(text) else lowered, places


def _cut(text: str, spans: Sequence[tuple[int, int]]) -> str:
    parts, last = [], 0
    for begin, end in spans:
        parts.append(text[last:begin])
        last = end
    return "".join([*parts, text[last:]])


def word_drivers(
    answer: Callable[[Tensor], Tensor], row: Tensor, inputs: Inputs, names: Sequence[str]
) -> list[tuple[float, str, str]]:
    """(by how much the answer falls without it, the column, the word) of each word of the texts in a row (features,)."""
    results = []
    for column, at in column_slices(inputs):
        if column.kind == "text" and column.name in names:
            words, rows = without_each_word(row, column, at)
            falls = (answer(row[None]) - answer(rows)).tolist() if words else []
            results += [(fall, column.name, word) for fall, word in zip(falls, words, strict=True)]
    return results


def telling_words(run: Run, rows: Tensor) -> list[WordEffect]:
    """The words that speak most for each class, or for a larger number, over some texts; rows: (samples, features), raw.

    The mean change of the log odds of a class, or of the number, where the word is there and not left out.
    """
    effects: dict[tuple[str, str], list[Tensor]] = defaultdict(list)
    for column, at in column_slices(run.data.spec.inputs):
        if column.kind == "text":
            each = [without_each_word(row, column, at) for row in rows[:MOST_TEXTS]]
            if not (many := sum(len(words) for words, _ in each)):
                continue
            usual = _evidence(run, rows[:MOST_TEXTS])
            changed = torch.split(
                _evidence(run, torch.cat([left for _, left in each])), [len(words) for words, _ in each]
            )
            assert sum(map(len, changed)) == many
            for place, (words, _) in enumerate(each):
                for word, outputs in zip(words, changed[place], strict=True):
                    effects[column.name, word].append(usual[place] - outputs)
    means = {key: torch.stack(each).mean(0) for key, each in effects.items() if len(each) >= FEWEST}
    counts = {key: len(each) for key, each in effects.items()}
    several = len(run.data.spec.inputs.texts) > 1
    results = []
    for place, name in enumerate(_outputs(run)):
        ranked = sorted(means, key=lambda key: -float(means[key][place]))
        results += [
            WordEffect(
                name, f"{column}: {word}" if several else word, float(means[column, word][place]), counts[column, word]
            )
            for column, word in ranked[:MOST_TOLD]
            if means[column, word][place] > 0
        ]
    return results


def _outputs(run: Run) -> list[str]:
    targets = run.data.spec.targets
    return [*targets.classes][:MOST_CLASSES] if targets.classes else [*(targets.names or ("target",))][:MOST_CLASSES]


def _evidence(run: Run, rows: Tensor) -> Tensor:
    """float64 (rows, outputs): log odds of each class, or the numbers."""
    answers: Tensor = run.predict(rows).double().view(len(rows), -1)
    if not run.data.spec.targets.classes:
        return answers[:, :MOST_CLASSES]
    if run.data.spec.targets.kind == "binary":
        answers = torch.cat([1 - answers, answers], 1)
    return answers.clamp(LEAST_CHANCE, 1 - LEAST_CHANCE).logit()[:, :MOST_CLASSES]
