"""Text with separators: what is wrong with it is found, and told with its row and line, in one sentence."""

import csv
import io
import random
import re

import numpy as np
import polars
import pytest

from collected import table_collection
from profundo.data import arrays
from profundo.data.arrays import array_collection
from profundo.data.dataset_names import Reading
from profundo.data.tables import delimited, numbers_in_text
from profundo.data.tables.delimited import HEAD, decoded, read_delimited, uneven_quoted, uneven_row
from profundo.data.tables.numbers_in_text import may_have_codes
from profundo.data.tables.reading import interpreted
from profundo.data.tables.table_files import read_frame, read_table
from profundo.records import ProfundoError

EVEN = "".join(f"{i},{i * 2},{'ab'[i % 2]}\n" for i in range(60))


def refusal(path, content, target="t"):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ProfundoError) as error:
        table_collection(path, Reading(target=target))
    said = str(error.value)
    assert "\n" not in said
    assert str(path) in said
    assert len(said) < 600
    return said.replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("x,y,t\n" + EVEN + "3,4\n" + EVEN, "FILE, row 61 (line 62): expected 3 values, as in the header, found 2"),
        ("x,y,t\n\n" + EVEN + "3,4,a,9\n", "FILE, row 61 (line 63): expected 3 values, as in the header, found 4"),
        ('x,y,t\n"1","2","a"\n"3, ""4""",a\n', "FILE, row 2 (line 3): expected 3 values, as in the header, found 2"),
        ("x,y,t\n" + EVEN + '3,"4,a\n' + EVEN, "FILE, row 61 (line"),
        (b"x,y,t\n" + EVEN.encode() * 300 + b"3,\x004,a\n", "FILE, line 18,002: expected text, found a zero byte"),
        ("x,y,t\n1,2,b\n3," + "9" * 2_000_000 + ",a\n", "FILE, line 3: expected a row, found more than 1,048,576"),
        ("x,y,t\n" + EVEN + "1e400,4,a\n" + EVEN, "column 'x', row 61: expected a finite number, got inf"),
        ("x,y,t\n1,2,\n" + EVEN + "inf,4,a\n", "column 'x', row 62: expected a finite number, got inf"),
        ('"x\ny",t\n1,a\n', "FILE"),
    ],
)
def test_faults_are_told_with_row_and_line(tmp_path, content, words):
    assert words in refusal(tmp_path / "table.csv", content)


@pytest.mark.parametrize(
    ("end", "quoted"), [("\n", False), ("\r\n", False), ("\r", False), ("\n", True), ("\r\n", True)]
)
def test_rows_are_counted_as_pythons_csv_reader_counts_them(end, quoted, tmp_path, monkeypatch):
    """Random tables, in small pieces: both ways of counting find the row that the standard library finds."""
    draw = random.Random(0)
    path = tmp_path / "t.csv"
    values = ['"a,b"', '"c""d"', '"e\nf,"', "7"] if quoted else ["7"]
    for _ in range(60):
        rows = [draw.choices(values, k=3 if draw.random() < 0.97 else draw.randint(1, 5)) for _ in range(40)]
        lines = ["a,b,c", *[",".join(row) for row in rows]]
        for _ in range(draw.randint(0, 3)):
            lines.insert(draw.randint(1, len(lines)), "")
        path.write_bytes((end.join(lines) + (end if draw.random() < 0.5 else "")).encode())
        content, _ = decoded(path, "")
        filled = [row for row in csv.reader(io.StringIO(content.decode(), newline="")) if row]
        first = next((place for place, row in enumerate(filled) if len(row) != 3), None)
        monkeypatch.setattr(delimited, "PIECE", draw.randint(1, 200))
        uneven = uneven_row(content, ",", 3)
        assert (None if uneven is None else uneven[0]) == first
        if first is not None and not quoted:  # of a value over several lines either may be named
            assert uneven == uneven_quoted(content, ",", 3)


def test_a_few_words_in_a_column_of_numbers_are_pointed_at_and_taken_as_missing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y,t\n" + EVEN + "3,four,a\n")
    collection = table_collection(path, Reading(target="t"))
    assert collection.train.inputs[-1].isnan().tolist() == [False, True]
    (note,) = [note for note in collection.notes if "'y'" in note]
    assert "1 cell is no number, such as 'four' in row 61, and taken as missing" in note


def test_quoted_line_ends_and_separators_belong_to_their_value(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('x,t\n"1","a, b"\n2,"c\nd"\n')
    assert read_frame(path)["t"].to_list() == ["a, b", "c\nd"]


def test_a_small_file_that_would_fill_the_memory_is_refused(tmp_path):
    path = tmp_path / "bomb.parquet"
    polars.DataFrame({"x": np.zeros(80_000_000, np.int8), "t": np.zeros(80_000_000, np.int8)}).write_parquet(path)
    assert path.stat().st_size < 2_000_000
    with pytest.raises(ProfundoError, match="80,000,000 rows of 2 columns"):
        read_frame(path)


def test_arrays_that_unpack_to_a_thousand_times_their_size_are_refused(tmp_path, monkeypatch):
    """A gigabyte of them, that may be as tight as it likes: test_arrays_that_cannot_be_learned_from_are_refused."""
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros((11, 1 << 20), np.uint8), y=np.arange(11))
    monkeypatch.setattr(arrays, "SMALL", 10 << 20)
    with pytest.raises(ProfundoError, match="expected at most 100 times"):
        array_collection(path)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["3,5", "-0,25", "", "7"], [3.5, -0.25, None, 7.0]),
        (["1.234,5", "12.345.678,25", "1"], [1234.5, 12345678.25, 1.0]),
        (["1,234", "5,678"], [1.234, 5.678]),  # or thousands: this is said
        (["3,5", "about 4"], None),
        (["1,2,3", "4,5"], None),
    ],
)
def test_decimal_commas_are_read_where_commas_do_not_separate(tmp_path, values, expected):
    path = tmp_path / "t.csv"
    path.write_text("a;b;c\n" + "".join(f"{value};x;y\n" for value in values))
    column = read_frame(path)["a"]
    assert column.to_list() == ([value or None for value in values] if expected is None else expected)


NUMBERS = [f"{place * 0.37 - 200:.2f}" for place in range(HEAD + 200)]


def is_read_at_once(path):
    from profundo.data.tables.reading import sure_numbers

    frame = read_delimited(path, numbers=lambda *about: sure_numbers(*about, but=["t"])).frame
    return frame["x"].dtype == polars.Float64


PLAIN = ("1.5", "", "-2e3", "1e-400", "9007199254740993", "+4")
ODD = ("007", "NA", "NaN", "oh", "1.5 ", "1_0", "-inf", "1e39", "1e400", "-", "12 €", "−3", '"1,5"')


@pytest.mark.parametrize(("cell", "at_once"), [(cell, cell in PLAIN) for cell in PLAIN + ODD])
def test_numbers_that_are_read_at_once_are_those_of_the_whole_columns_texts(tmp_path, cell, at_once):
    """Far below the rows from which is guessed that a column has numbers only, stands a cell that has to be looked at."""
    cells = [*NUMBERS[:-50], cell, *NUMBERS[-50:]]
    path = tmp_path / "t.csv"
    path.write_text("x,n,t\n" + "".join(f"{one},{row % 7},{'ab'[row % 2]}\n" for row, one in enumerate(cells)))
    table, texts = read_table(path, Reading(target="t")), read_delimited(path)
    slowly = interpreted(texts.frame, texts.separator, keep=["t"])
    assert set(texts.frame.dtypes) == {polars.String}
    assert table.frame.equals(slowly.frame, null_equal=True)
    assert table.readings == slowly.readings
    assert is_read_at_once(path) == at_once
    if at_once:
        assert table.frame["x"].to_list() == [float(one) if one else None for one in cells]


@pytest.mark.parametrize(
    ("cells", "separator", "more"),
    [
        ([f"2024{month:02}{day:02}" for month in range(1, 13) for day in range(1, 29)], ",", ""),
        ([f"{place}.{place % 900 + 100}" for place in range(200)], ";", ""),
        ([f"{place}.{place % 900 + 100}" for place in range(200)], ",", '"1,5"'),  # which may decide of the others
        ([f"{place:04}" for place in range(200)], ",", ""),
        (["", *[f"{place}.5" for place in range(HEAD)], "08"], ",", ""),
    ],
)
def test_texts_that_tell_more_than_their_numbers_are_not_read_at_once(tmp_path, cells, separator, more):
    path = tmp_path / "t.csv"
    rows = [separator.join(row) for row in zip(cells, [more] * len(cells), "ab" * len(cells), strict=False)]
    path.write_text("\n".join([separator.join("xmt"), *rows]))
    assert not is_read_at_once(path)


def test_codes_are_seen_wherever_they_stand(monkeypatch):
    """As a regular expression sees them, in pieces so small that cells lie across their ends."""
    draw = random.Random(0)
    found = []
    for _ in range(3000):
        monkeypatch.setattr(numbers_in_text, "PIECE", draw.randint(3, 9))
        content = "".join(draw.choices("0019,\n ./:", k=draw.randint(0, 24))).encode()
        found.append(re.search(rb"(^|[,\n ])0\d(?=[\d,\n ]|$)", content) is not None)
        assert may_have_codes(content, ",") == found[-1], content
    assert 300 < sum(found) < 2700
