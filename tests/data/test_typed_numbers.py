"""What a person types for a column of numbers: read as the column writes them, told where otherwise, refused where it is two."""

import pytest

from profundo.data.tables.new_rows import BadInputError, features_of_rows
from profundo.data.tables.typed_numbers import typed_numbers
from profundo.languages import Said
from profundo.records import Column, Inputs, TableForm, Writing

PLAIN, COMMA = Writing(), Writing(",")
GROUPED = Writing(".", ",")
SPANISH = Writing(",", ".")


def column(writing: Writing, usual: float = 1.0) -> Column:
    return Column("price", "number", fill=usual, writing=writing)


def typed_number(text, column):
    [one] = typed_numbers([text], column)
    return one


@pytest.mark.parametrize(
    ("text", "writing", "usual", "value"),
    [
        ("2", PLAIN, 1.0, 2.0),
        ("2.000", PLAIN, 3.0, 2.0),  # near to what the column holds; two thousand is not
        ("5.843", PLAIN, 5.8, 5.843),
        ("2.000", PLAIN, 0.0, 2.0),  # of nought everything is as far
        ("2.000", GROUPED, 1800.0, 2.0),
        ("0.123", PLAIN, 500.0, 0.123),  # no thousands begin with a nought
        ("2.0001", PLAIN, 2000.0, 2.0001),
        ("2.000", SPANISH, 1.0, 2000.0),  # the column has thousands: its own writing is all
        ("1,234", GROUPED, 1.0, 1234.0),
        ("-1e3", PLAIN, 1.0, -1000.0),
        ("12 km", Writing(affixes=("km",)), 1.0, 12.0),
    ],
)
def test_what_is_written_as_the_column_writes_is_read_without_a_word(text, writing, usual, value):
    assert typed_number(text, column(writing, usual)) == (value, "")


@pytest.mark.parametrize(
    ("text", "writing", "value", "shown"),
    [
        ("1.234,50 €", PLAIN, 1234.5, "1234.5"),
        ("$1,234.50", SPANISH, 1234.5, "1234,5"),
        ("-2,5", PLAIN, -2.5, "-2.5"),
        ("(2,5)", PLAIN, -2.5, "-2.5"),
        ("12.1", COMMA, 12.1, "12,1"),
        ("0,123", PLAIN, 0.123, "0.1230"),
        ("1.234.567", PLAIN, 1234567.0, "1234567"),
        ("2 000", PLAIN, 2000.0, "2000"),
        ("1’234.5", PLAIN, 1234.5, "1234.5"),
        ("12,5 km", Writing(affixes=("km",)), 12.5, "12.5"),
        ("1,5e3", PLAIN, 1500.0, "1500"),
    ],
)
def test_what_is_written_otherwise_is_read_and_told(text, writing, value, shown):
    read = typed_number(text, column(writing))
    assert read.value == value
    assert str(read.notice) == f"column 'price': {text!r} was read as {shown}"
    assert typed_number(shown, column(writing)) == (value, ""), "what is told can be typed"


@pytest.mark.parametrize(
    ("text", "writing", "usual", "both"),
    [
        ("2.000", PLAIN, 1800.0, ("2", "2000")),
        ("2.345", PLAIN, 1800.0, ("2.3450", "2345")),
        ("1,234", PLAIN, 1.0, ("1.2340", "1234")),
        ("-1.234", COMMA, 1.0, ("-1,2340", "-1234")),
        ("2.000 €", PLAIN, 1.0, ("2", "2000")),
    ],
)
def test_what_may_be_two_numbers_is_refused_and_each_can_be_typed(text, writing, usual, both):
    refusal = typed_number(text, column(writing, usual))
    assert isinstance(refusal, Said)
    assert f"may be {both[0]} or {both[1]};" in refusal
    one, other = (typed_number(way, column(writing, usual)) for way in both)
    assert (one.notice, other.notice) == ("", "")
    assert other.value == 1000 * one.value


@pytest.mark.parametrize(
    "text", ["", "NA", "red", "5 %", "3 km", "1.2.3", "nan", "1e999", "٣", "1,23,4", "5 € 6", "$" * 99]
)
def test_what_is_no_number_of_the_column_is_left_to_it(text):
    assert typed_number(text, column(PLAIN)) is None


def test_rows_are_read_so_where_a_person_typed_them_and_as_cells_where_not():
    table = Inputs("features", (1,), names=("price",), columns=(column(PLAIN, 1800.0),))
    typed = features_of_rows([{"price": "1.234,50 €"}, {"price": 3}], table, typed=True)
    assert typed.values.flatten().tolist() == [1234.5, 3.0]
    assert [len(one) for one in typed.notices] == [1, 0]
    assert features_of_rows([{"price": "2.000"}], table).values.item() == 2.0, "a cell of a file is its column's"
    with pytest.raises(BadInputError, match="may be 2 or 2000") as error:
        features_of_rows([{"price": 1}, {"price": "2.000"}], table, typed=True)
    assert error.value.index == 1
    with pytest.raises(BadInputError, match="expected a number, got"):
        features_of_rows([{"price": "1.234,50 €"}], table)


@pytest.mark.parametrize("word", ["-99", " -99 ", "9999", "unknown"])
def test_a_word_for_nothing_is_nothing_also_where_it_looks_like_a_number(word):
    writing = Writing(missing=("9999",))
    table = Inputs(
        "features",
        (1,),
        names=("price",),
        columns=(column(writing, 1800.0),),
        form=TableForm(missing=("-99", "unknown")),
    )
    rows = [{"price": word}]
    typed, read = features_of_rows(rows, table, typed=True), features_of_rows(rows, table)
    assert typed.values.tolist() == read.values.tolist() == [[1800.0]]
    assert typed.notices == read.notices
    assert len(typed.notices[0]) == 1
    assert features_of_rows([{"price": "99"}], table, typed=True).values.item() == 99


def test_of_a_net_that_learned_from_no_table_the_mean_is_what_is_usual():
    plain = Inputs("features", (1,), names=("price",), mean=(1800.0,), std=(1.0,))
    with pytest.raises(BadInputError, match="may be 2 or 2000"):
        features_of_rows([{"price": "2.000"}], plain, typed=True)


@pytest.mark.parametrize(
    ("text", "writing", "missing"),
    [
        ("-99", PLAIN, ("-99",)),
        (" -99 ", PLAIN, ("-99",)),
        ("−99", PLAIN, ("-99",)),
        ("9.999", PLAIN, ("9.999",)),
        ("-1.000,0", PLAIN, ("-1.000,0",)),
        ("-9,0", COMMA, ("-9,0",)),
        ("0", Writing(missing=("0",)), None),
        ("-", PLAIN, ("-",)),
        ("\u2212", PLAIN, ("\u2212",)),
        ("-9", PLAIN, ("\u22129",)),
        ("", PLAIN, None),
    ],
)
def test_a_word_for_nothing_that_looks_like_a_number_is_nothing(text, writing, missing):
    table = Inputs(
        "features", (1,), names=("price",), columns=(column(writing, 1800.0),), form=TableForm(missing=missing)
    )
    typed = features_of_rows([{"price": text}], table, typed=True)
    assert typed.values.item() == 1800.0
    [[notice]] = typed.notices
    assert "missing" in notice


def test_a_minus_as_pages_write_it_is_one():
    table = Inputs("features", (1,), names=("price",), columns=(column(COMMA),))
    assert features_of_rows([{"price": "−0,5"}], table, typed=True).values.item() == -0.5
