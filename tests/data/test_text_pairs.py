"""Pairs of texts: dates against the reader of dates in tables, splits that share nothing, tables of one's own, pieces."""

import re
from datetime import date

import polars
import pytest
import torch

from profundo.data.tables.dates_in_text import read_dates
from profundo.data.text.characters import UNKNOWN
from profundo.data.text.text_pairs import (
    Pair,
    PairBatches,
    between_languages,
    number_pairs,
    own_pairs,
    texts_of_all_words,
)
from profundo.data.text.text_pieces import Vocabulary, pieces, vocabulary_of
from profundo.data.text.written_dates import FORMS, written_date
from profundo.records import END, PAD, ProfundoError, Writing


def test_dates_are_those_that_a_calendar_has():
    moon, leap = date(1969, 7, 20), date(2024, 2, 29)  # a Sunday and a Thursday
    assert written_date(moon, "es", 2) == "domingo, 20 de julio de 1969"
    assert written_date(moon, "en", 2) == "Sunday, 20 July 1969"
    assert written_date(leap, "ca", 2) == "dijous, 29 de febrer de 2024"
    assert written_date(leap, "pt", 1) == "quinta-feira, 29 de fevereiro de 2024"
    assert written_date(date(2024, 4, 1), "ca", 1) == "l'1 d'abril del 2024"
    assert written_date(date(2024, 8, 11), "ca", 1) == "l'11 d'agost del 2024"
    assert written_date(date(2024, 5, 1), "pt", 0) == "1º de maio de 2024"
    ordinals = [
        written_date(date(2024, 1, day), "en", 3).split()[1] for day in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 31)
    ]
    assert ordinals == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "31st"]


@pytest.mark.parametrize("language", FORMS)
def test_the_reader_of_dates_in_tables_reads_the_same_days(language):
    days = [date(1969 + (7 * at) % 100, 1 + at % 12, 1 + (5 * at) % 28) for at in range(84)]
    for form in range(len(FORMS[language])):
        told = [written_date(day, language, form) for day in days]
        plainer = [re.sub(r"^(el |l'|the )|(?<=\d)(st|nd|rd|th|º)\b|(?<=\d)º| of", "", text) for text in told]
        plainer = [re.sub(r" d'", " de ", text).replace(" del ", " de ").replace("-feira", "") for text in plainer]
        order = "mdy" if re.match(r"[A-Z][a-z]+ \d", plainer[0]) else "dmy"
        read = read_dates(polars.Series("day", plainer), Writing(dates=order))
        assert read.dt.date().to_list() == days, (told[0], plainer[0])


def test_no_number_and_no_day_of_the_test_is_in_training_in_any_language():
    splits = number_pairs(3000, 300, seed=1)
    assert [len(one) for one in (splits.train, splits.validation, splits.test)] == [3000, 300, 300]
    meant = [{figures_of(pair) for pair in one} for one in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, meant)) == len(set.union(*meant))
    assert len({pair.source for pair in splits.train}) == 3000  # what two languages write alike is there once
    assert len({pair.kind for pair in splits.test}) == 12
    assert number_pairs(50, 10, seed=1).train == splits.train[:50]
    assert number_pairs(50, 10, seed=2).train != splits.train[:50]


def figures_of(pair: Pair) -> str:
    """The number or the day that both sides mean."""
    return pair.source.split(": ")[1] if pair.kind.startswith("figures") else pair.target


def test_between_languages_both_sides_are_words_of_a_held_out_number():
    pairs, splits = between_languages(40, seed=1), number_pairs(3000, 300, seed=1)
    trained = {pair.target for pair in splits.train}
    assert len(pairs) == 40
    for pair in pairs:
        assert not any(letter.isdigit() for letter in pair.source + pair.target)
        assert pair.target not in trained


def write_table(path, rows, header=("en", "es"), sign="\t"):
    path.write_text("\n".join(sign.join(row) for row in [header, *rows]) + "\n", "utf-8")
    return path


ROWS = [(f"word {at} and {at * at}", f"palabra {at} y {at * at}") for at in range(30)]


def test_a_table_of_ones_own_is_divided_by_source_whatever_its_order_and_form(tmp_path):
    doubled = [*ROWS, ("word 3 and 9", "otra"), ROWS[0], ("", "nada")]
    first = own_pairs(write_table(tmp_path / "a.tsv", doubled), longest=60)
    again = own_pairs(write_table(tmp_path / "b.csv", doubled[::-1], sign=","), longest=60)
    sources = [{pair.source for pair in one} for one in (first.train, first.validation, first.test)]
    assert list(map(len, sources)) == [24, 3, 3]
    assert len(set.union(*sources)) == 30
    assert [set(one) for one in (again.train, again.test)] == [set(one) for one in (first.train, first.test)]
    assert first.notes == ("31 pairs, from en to es", "left out: 2 rows with an empty cell, or that are there twice")
    assert {pair.source for pair in own_pairs(tmp_path / "a.tsv", seed=1, longest=60).test} != sources[2]
    (tmp_path / "d.tsv").write_text("en\tes\n" + "\n".join(f"word {at}\tpalabra ñ {at}" for at in range(20)), "cp1252")
    assert "read as Windows-1252" in own_pairs(tmp_path / "d.tsv", longest=60).notes[0]
    lines = [f'{{"en": "{one}", "es": "{other}"}}' for one, other in doubled]
    (tmp_path / "c.jsonl").write_text("\n".join(lines), "utf-8")
    assert own_pairs(tmp_path / "c.jsonl", longest=60) == first


@pytest.mark.parametrize(
    ("rows", "header", "reason"),
    [
        (ROWS[:7], ("en", "es"), "at least 20 different texts with translations.*found 7"),
        ([(*row, "c") for row in ROWS], ("en", "es", "by"), r"expected two columns.*found 3 \(en, es, by\); keep two"),
        ([row[:1] for row in ROWS], ("en",), "expected two columns.*found 1"),
        ([("x " * 70, "y")] * 25, ("en", "es"), "of at most 60 words each; found 0"),
    ],
)
def test_other_tables_are_refused_in_one_line(rows, header, reason, tmp_path):
    with pytest.raises(ProfundoError, match=reason) as caught:
        own_pairs(write_table(tmp_path / "a.tsv", rows, header), longest=60)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("unit", ["words", "characters"])
@pytest.mark.parametrize(
    "text", ["ca: 22", "vint-i-dos mil", "¿Qué? a_b, 3.50 € l'1", "日本語 и ещё", "e\u0301 \U0001f600 x", "-", "7"]
)
def test_the_pieces_of_a_text_are_the_text(unit, text):
    vocabulary = vocabulary_of([text, "something else"], unit)
    assert vocabulary.text(vocabulary.targets([text, "else"])[0]) == text
    assert pieces("dos mil dos", "words") == [" dos", " mil", " dos"]


def test_what_a_vocabulary_lacks_is_unknown_or_refused():
    closed, opened = vocabulary_of(["a b"]), vocabulary_of(["a b", "a b d"], is_open=True)
    with pytest.raises(ProfundoError, match="text 'a c': expected words that training had, got 'c'"):
        closed.sources(["a b", "a c"])
    assert opened.text(opened.targets(["a c"])[0]) == f"a{UNKNOWN}"
    assert (
        opened.text(opened.targets(["a b d"])[0]) == f"a b{UNKNOWN}"
    )  # what comes once: training has the unknown, too
    assert closed.text(torch.tensor([3, PAD, 4, END, 3])) == "a b"


def test_batches_hold_every_pair_once_an_epoch_trimmed_and_go_on_where_they_stopped():
    pairs = [Pair("a " * (at % 5 + 1), "b " * (at % 3 + 1)) for at in range(50)]
    batches = PairBatches(pairs, Vocabulary([" a", " b", " "]), 8, seed=3)
    assert len(batches) == 6
    whole = list(batches.epoch(1))
    for batch in whole:
        assert (batch.inputs[:, -1] != PAD).any()
        assert (batch.targets == END).sum() == 8
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(batches.epoch(1, 4), whole[4:], strict=True))
    assert len(PairBatches(pairs[:5], Vocabulary([" a", " b", " "]), 8)) == 1


def test_no_drawn_pair_has_a_word_beyond_those_of_all():
    vocabulary = vocabulary_of(texts_of_all_words())
    vocabulary.encoded([text for pair in number_pairs(2000, 1).train for text in (pair.source, pair.target)])
