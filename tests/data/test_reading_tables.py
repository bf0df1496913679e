"""How columns are read is learned from all of their text, kept, and said: numbers, dates, codes, words, and what is none."""

import random
from dataclasses import replace
from datetime import datetime

import polars
import pytest

import profundo as pf
from profundo.data.dataset_names import Reading
from profundo.data.new_inputs import table_rows
from profundo.data.tables.dates_in_text import learned_dates, read_dates
from profundo.data.tables.new_rows import features_of_frame, features_of_rows
from profundo.data.tables.numbers_in_text import learned_numbers, read_numbers
from profundo.data.tables.reading import interpreted
from profundo.data.tables.table_files import read_table
from profundo.records import ProfundoError, Writing


@pytest.mark.parametrize(
    ("cells", "values", "doubt"),
    [
        (["€ 1.234,50", "€ 12,00", "-€ 3,10"], [1234.5, 12, -3.1], False),
        (["1.234,50 €", "12 €"], [1234.5, 12], False),
        (["$1,234.50", "$5", "($2.25)"], [1234.5, 5, -2.25], False),
        (["R$ 1.234,56", "R$ 5,00"], [1234.56, 5], False),
        (["12,030", "1,010"], [12030, 1010], False),
        (["1,000", "1200"], [1000, 1200], True),
        (["0,123", "1,500"], [0.123, 1.5], False),
        (["1.234.567", "3"], [1234567, 3], False),
        (["12,34,567", "1,000"], [1234567, 1000], False),  # as in India
        (["1 234,5", "2\u202f000"], [1234.5, 2000], False),
        (["1'234.5", "3"], [1234.5, 3], False),  # as in Switzerland
        (["45 %", "3%", "7"], [45, 3, 7], False),
        (["12 km", "3 km"], [12, 3], False),
        (["12.5 EUR", "3 EUR"], [12.5, 3], False),
        (["−5,5", "2,25"], [-5.5, 2.25], False),
        (["1.5e3", "2"], [1500, 2], False),
        (["3kg", "500g"], None, False),  # two units
        (["A1", "A2"], None, False),
        (["12A", "B7"], None, False),
        (["1.2.3", "4.5.6"], None, False),
        (["1,2,3", "4,5"], None, False),
        (["1.10", "1.20", "beta"], None, False),
        (["10-20", "20-30"], None, False),
        (["5+", "3"], None, False),
    ],
)
def test_numbers_are_read_as_the_whole_column_writes_them(cells, values, doubt):
    form = learned_numbers(cells)
    if values is None:
        assert form is None
        return
    assert read_numbers(polars.Series(cells), form.writing).to_list() == values
    assert bool(form.doubt) == doubt


@pytest.mark.parametrize(
    ("decimal", "thousands"),
    [(".", sign) for sign in ("", ",", " ", "'")] + [(",", sign) for sign in ("", ".", " ", "'")],
)
def test_written_numbers_are_read_back(decimal, thousands):
    """Of 200 random numbers, in each way to write them that can be told from others."""
    draw = random.Random(0)
    numbers = [round(draw.uniform(-5e6, 5e6) * 10 ** -draw.randint(0, 6), 2) for _ in range(200)]
    cells = [f"{number:,.2f}".translate({44: thousands or None, 46: decimal}) for number in numbers]
    form = learned_numbers(cells)
    assert (form.writing.decimal, form.writing.thousands, form.doubt) == (decimal, thousands, "")
    assert read_numbers(polars.Series(cells), form.writing).to_list() == numbers


@pytest.mark.parametrize(
    ("cells", "moments"),
    [
        (["2024-05-31", "2024-01-02"], [(2024, 5, 31), (2024, 1, 2)]),
        (["31/12/99", "01/01/00"], [(1999, 12, 31), (2000, 1, 1)]),
        (["12/31/68", "01/01/69"], [(2068, 12, 31), (1969, 1, 1)]),
        (["99-12-31", "98-01-02"], [(1999, 12, 31), (1998, 1, 2)]),
        (["5/31/2024 3:05 PM", "6/1/2024 12:00 AM"], [(2024, 5, 31, 15, 5), (2024, 6, 1)]),
        (["3 de mayo de 2024", "1 de enero de 2024"], [(2024, 5, 3), (2024, 1, 1)]),
        (["1 març 2024", "2 desembre 2023"], [(2024, 3, 1), (2023, 12, 2)]),
        (["12-Fev-20", "3-out-21"], [(2020, 2, 12), (2021, 10, 3)]),
        (["May 3, 2024", "Dec 25, 2023"], [(2024, 5, 3), (2023, 12, 25)]),
        (["Mon, 3 Jun 2024", "Tue, 4 Jun 2024"], [(2024, 6, 3), (2024, 6, 4)]),
        (["20240131", "20231231"], [(2024, 1, 31), (2023, 12, 31)]),
        (["2024-05", "2023-12"], [(2024, 5, 1), (2023, 12, 1)]),
        (["2024-05-31T10:00:00Z", "2024-05-31 10:00:00+02:00"], [(2024, 5, 31, 10), (2024, 5, 31, 8)]),
        (["31.12.2024", "1.2.2024"], [(2024, 12, 31), (2024, 2, 1)]),
        (["06.05.12", "01.02.03"], None),  # in which order?
        (["05-01-01", "03-04-20"], None),
        (["20241301", "20240101"], None),
        (["1.2", "3.4"], None),
        (["13/13/2024", "01/01/2024"], None),
    ],
)
def test_dates_are_read_in_the_order_that_the_whole_column_shows(cells, moments):
    series = polars.Series(cells)
    form = learned_dates(series)
    if moments is None:
        assert form is None
        return
    assert read_dates(series, form.writing).to_list() == [datetime(*moment) for moment in moments]


@pytest.mark.parametrize(
    ("cells", "separator", "order"),
    [
        ([f"{month:02}/01/2023" for month in range(1, 13)], ",", "mdy"),  # the first of every month
        ([f"01.{month:02}.2023" for month in range(1, 13)], ";", "dmy"),
        (["01/02/2023", "01/03/2023", "02/01/2023", "02/02/2023"], ";", "mdy"),  # so they run through the file
        (["03/04/2023", "01/02/2023"], ";", "dmy"),
        (["03/04/2023", "01/02/2023"], ",", "mdy"),
    ],
)
def test_dates_that_leave_their_order_open_are_said_to(cells, separator, order):
    form = learned_dates(polars.Series(cells), separator=separator)
    assert form.writing.dates == order
    assert cells[0] in form.doubt


@pytest.mark.parametrize(
    "cell", ["x" * 200_000, "1 " * 100_000, "a1" * 100_000, "€" * 100_000, "-" * 100_000, "1." * 100_000]
)
def test_a_giant_cell_takes_no_time_and_spoils_no_column(cell, tmp_path):
    table = read(tmp_path, "x;y\n" + "".join(f"{i},5;2\n" for i in range(40)) + cell + ";4\n")
    assert table.readings["x"].unread == 1
    assert table.readings["x"].kind == "number"


def read(tmp_path, text, name="t.csv", encoding="utf-8", **how):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return read_table(path, Reading(**how))


def test_other_columns_of_the_file_decide_where_one_leaves_a_doubt(tmp_path):
    table = read(
        tmp_path,
        "Umsatz;Quote;Tag;Ende\n900;0,25;01/02/2024;13/02/2024\n1.234;2,80;03/04/2024;14/04/2024\n12.500;1,1;05/06/2024;\n",
    )
    assert table.frame["Umsatz"].to_list() == [900, 1234, 12500]
    assert table.frame["Tag"].to_list() == [datetime(2024, 2, 1), datetime(2024, 4, 3), datetime(2024, 6, 5)]
    assert not any(reading.doubt for reading in table.readings.values())


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["007", "012", "100"], "code", ["007", "012", "100"]),
        (["01", "02", "A1"], "code", ["01", "02", "A1"]),
        (["1E2", "1E3", "2E1"], "number", [100, 1000, 20]),
        (["0", "1", "-"], "number", [0, 1, None]),
        (["True", "False", "unknown"], "category", ["True", "False", "unknown"]),
        (["AS", "NA", "EU"], "category", ["AS", "NA", "EU"]),
        (["yes", "NA", "no"], "category", ["yes", None, "no"]),
        (["1.5", "NA", "2"], "number", [1.5, None, 2]),
        ([" a", "a ", "b\u00a0"], "category", ["a", "a", "b"]),
        (["Ma\u0301laga", "Málaga"], "category", ["Málaga", "Málaga"]),
        (["#DIV/0!", "3", "4"], "number", [None, 3, 4]),
        (["12345678901234567890", "1", "2"], "number", [12345678901234567890.0, 1, 2]),
    ],
)
def test_what_a_column_is(cells, kind, values, tmp_path):
    table = read(tmp_path, "x,y\n" + "".join(f"{cell},1\n" for cell in cells))
    assert (table.readings["x"].kind, table.frame["x"].to_list()) == (kind, values)


@pytest.mark.parametrize(
    ("text", "columns", "note"),
    [
        (",age,y\n0,5,a\n1,6,b\n", ["age", "y"], "column 1, which has no name, is left out: it numbers the rows"),
        ("age,y,\n5,a,\n6,b,\n", ["age", "y"], "column 3, which has no name, is left out: it is empty"),
        ('"",x,y\nMazda,5,a\nFiat,6,b\n', ["x", "y"], "it names the rows"),
        ("sep=;\nage;y\n5;a\n6;b\n", ["age", "y"], ""),
        ('"a,b";c\n1,5;2\n2,5;3\n', ["a,b", "c"], ""),
        ("a,b,b\n1,2,2\n3,4,4\n", ["a", "b"], "'b' is there twice, with the same cells"),
        ("1,5.1\n2,3\n", ["1", "5.1"], "--header none"),
    ],
)
def test_headers_are_read_as_people_mean_them(text, columns, note, tmp_path):
    table = read(tmp_path, text)
    assert table.frame.columns == columns
    assert note in " ".join(table.notes)


def test_what_a_person_says_of_a_column_holds(tmp_path):
    text = 'zip,when,price,note,gone\n1067,01/02/2024,"1,5",x,\n1068,03/04/2024,"2,25",.,9\n'
    told = {"zip": "category", "when": "date:%d/%m/%Y", "price": "number:,", "note": "text"}
    table = read(tmp_path, text, columns=told, missing=["."])
    assert table.frame["zip"].to_list() == ["1067", "1068"]
    assert table.frame["when"].to_list() == [datetime(2024, 2, 1), datetime(2024, 4, 3)]
    assert table.frame["price"].to_list() == [1.5, 2.25]
    assert table.frame["note"].to_list() == ["x", None]
    assert read(tmp_path, "1;2\n3;4\n", header="none").frame.to_dict(as_series=False) == {
        "column 1": [1, 3],
        "column 2": [2, 4],
    }
    assert read(tmp_path, "x\nn\u00e3o\n", encoding="cp850").frame["x"][0] != "não"
    (tmp_path / "t.csv").write_bytes("x\nnão\n".encode("cp850"))
    assert read_table(tmp_path / "t.csv", Reading(encoding="cp850")).frame["x"][0] == "não"
    with pytest.raises(ProfundoError, match="encoding: expected a name"):
        read_table(tmp_path / "t.csv", Reading(encoding="klingon"))
    for columns, words in (
        ({"zip": "nonsense"}, "expected number"),
        ({"note": "date"}, "expected dates"),
        ({"no": "text"}, "no column"),
    ):
        with pytest.raises(ProfundoError, match=words):
            read(tmp_path, text, columns=columns)


def test_words_for_nothing_may_look_like_numbers(tmp_path):
    assert read(tmp_path, "x,y\n-99,a\n 0,b\n3,-99\n", missing=["-99"]).frame.rows() == [
        (None, "a"),
        (0, "b"),
        (3, None),
    ]


def learned(tmp_path, text, **how):
    path = tmp_path / "train.csv"
    path.write_text(text)
    return pf.load(path, target="y", **how).spec.inputs


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["True", "False", "unknown"], True),
        (["01", "02", "A1"], 1),
        (["yes", "no"], True),
        (["1.10", "1.20", "beta"], 1.1),
    ],
)
def test_a_row_has_the_same_features_whatever_other_rows_its_file_has(words, asked, tmp_path):
    draw = random.Random(0)
    inputs = learned(tmp_path, "c,y\n" + "".join(f"{draw.choice(words)},{draw.choice('pq')}\n" for _ in range(200)))
    together = features_of_frame(polars.DataFrame({"c": words}), inputs).values
    for place, word in enumerate(words):
        alone = features_of_frame(polars.DataFrame({"c": [word]}), inputs).values
        assert alone.tolist() == [together[place].tolist()] == features_of_rows([{"c": word}], inputs).values.tolist()
    assert features_of_rows([{"c": asked}], inputs).values.tolist() == [together[0].tolist()]


def test_a_cell_that_cannot_be_read_is_the_fault_of_its_row_alone(tmp_path):
    rows = "".join(
        f"{day}/{month}/2024;{i},5;{'pq'[i % 2]}\n"
        for i, (day, month) in enumerate((d, m) for d in (3, 17, 28) for m in range(1, 13))
    )
    inputs = learned(tmp_path, "d;x;y\n" + rows)
    frame = polars.DataFrame({"d": ["28/2/2024", "soon", "2024-02-28", ""], "x": ["1,5", "2", "many", "3"]})
    features = features_of_frame(frame, inputs)
    assert features.faults == {
        1: "column 'd': expected a date such as 31/05/2024, got 'soon'",
        2: "column 'x': expected a number such as 1234,5, got 'many'",
    }
    assert "column 'd' is missing" in features.notices[3][0]
    iso = features_of_rows([{"d": "2024-02-28", "x": 1.5}], inputs).values
    assert iso.tolist() == features.values[:1].tolist()
    with pytest.raises(ProfundoError, match="expected a date"):
        features_of_rows([{"d": 5, "x": 1.5}], inputs)


def test_a_word_that_recurs_among_numbers_stands_for_nothing_in_later_files_too(tmp_path):
    inputs = learned(
        tmp_path, "x,y\n" + "".join(f"{'varies' if i % 20 == 0 else i / 3},{'pq'[i % 2]}\n" for i in range(200))
    )
    assert inputs.columns[0].writing == Writing(missing=("varies",))
    assert features_of_frame(polars.DataFrame({"x": ["varies", "lots"]}), inputs).faults.keys() == {1}


@pytest.mark.parametrize("missing", [["-99", "NA"], ["x"], None])
@pytest.mark.parametrize(
    "cell", ["1.5", "-2e3", "007", "", "  4", "inf", "-inf", "nan", "NaN", "NA", "-99", "1e39", "1,5", "oh", "+3"]
)
def test_a_cell_is_read_alike_whatever_cells_are_beside_it(tmp_path, cell, missing):
    """Columns of plain numbers are read at once; those with others cell by cell."""
    text = "x,z,y\n" + "".join(f"{7 * i % 31},{i % 4},{'pq'[i % 2]}\n" for i in range(60))
    inputs = learned(tmp_path, text, missing=missing)
    cells = [None if cell == "" else cell, "7"]
    alone, beside = (
        features_of_frame(polars.DataFrame({"x": some, "z": "1"}), inputs) for some in (cells, [*cells, "?!"])
    )
    assert alone.values.tolist() == beside.values[:2].tolist()
    assert alone.faults == {row: fault for row, fault in beside.faults.items() if row < 2}
    assert alone.notices[0] == beside.notices[0]
    if missing and cell in missing:
        assert "missing" in alone.notices[0][0]
    for file, others in (("a.csv", "7,1\n"), ("b.csv", "?!,1\n")):  # read as numbers at once, and as text
        quoted = f'"{cell}"' if "," in cell else cell
        (tmp_path / file).write_text(f"x,z\n{quoted},1\n7,1\n{others}")
        (rows,) = table_rows(tmp_path / file, inputs)
        assert rows.features.values[:2].tolist() == alone.values.tolist()
        assert {row: fault for row, fault in rows.features.faults.items() if row < 2} == alone.faults
        assert rows.features.notices[0] == alone.notices[0]
        assert rows.names[1] == f"{tmp_path / file}, row 2"


def test_columns_that_say_which_row_it_is_are_carried_and_not_learned_from(tmp_path):
    from profundo.data.new_inputs import entries

    text = "who,x,z,y\n" + "".join(f"c{i:03},{i % 7},{i % 3},{'pq'[i % 2]}\n" for i in range(60))
    inputs = learned(tmp_path, text, id_columns=["who"], drop=["z"])
    assert (inputs.names, inputs.form.ids) == (("x",), ("who",))
    (tmp_path / "new.csv").write_text("x,who,who else,who else\n3,c9,1,2\n")
    (entry,) = entries([tmp_path / "new.csv"], inputs)
    assert entry.ids == {"who": "c9"}
    assert learned(tmp_path, text, only=["x", "z"]).names == ("x", "z")
    assert learned(tmp_path, text, drop="z", id_columns="who", missing="-99") == replace(
        inputs, form=replace(inputs.form, missing=("-99",))
    )
    with pytest.raises(ProfundoError, match="no column 'w' for drop"):
        learned(tmp_path, text, drop=["w"])


def test_classes_have_the_words_of_the_file(tmp_path):
    for words in (["001", "002", "010"], ["2E1", "1E2", "1E3"], ["AS", "EU", "NA"], ["1.0", "2.0"]):
        (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i % 17},{words[i % len(words)]}\n" for i in range(100)))
        assert pf.load(tmp_path / "t.csv", target="y").spec.targets.classes == tuple(words)


def test_reading_says_what_was_decided(tmp_path):
    (tmp_path / "t.csv").write_text(
        "day,v,y\n" + "".join(f"{i % 12 + 1:02}/{i % 11 + 1:02}/2023,{i % 9},{i % 5}.5\n" for i in range(132))
    )
    data = pf.load(tmp_path / "t.csv", target="y")
    assert any("no day above 12" in note and "--column day=date:dmy" in note for note in data.notes)
    uses = {reading.name: (reading.kind, reading.use) for reading in data.readings}
    assert uses == {"day": ("date", "input"), "v": ("number", "input"), "y": ("number", "target")}


def test_interpreting_leaves_no_doubt_between_columns_without_rows():
    table = interpreted(polars.DataFrame({"a": [None, None]}, schema={"a": polars.String}), ",")
    assert table.readings["a"].missing == 2
