"""Texts as a column of a table: words, ids, what training teaches, files of text, copies on one side of a split."""

import json
import random
import re
import unicodedata
from collections import Counter

import polars
import pytest
import torch

import profundo as pf
from profundo.data.batches import InMemory, Serving
from profundo.data.new_inputs import table_rows
from profundo.data.tables.column_kinds import recognised
from profundo.data.tables.columns import as_features, encoded, feature_names, learned, text_places
from profundo.data.tables.new_rows import features_of_rows
from profundo.data.tables.table_files import read_table
from profundo.data.text import text_files
from profundo.data.text import text_ids as text_ids_module
from profundo.data.text.text_files import read_json_rows
from profundo.data.text.text_ids import (
    folded,
    learned_words,
    normalised,
    text_ids,
    text_of,
    words_of,
)
from profundo.looks.data_look import look
from profundo.records import Column, Inputs, ProfundoError, Samples

GOOD, BAD = ("a lovely warm day in", "what a bright friendly place"), ("a cold grey day in", "what a noisy rude place")
PLACES = ("Quito", "Lisboa", "Oslo", "Lima", "Praia", "Porto", "Sucre", "Mendoza")


def reviews(count, seed=0):
    """(text, class) of two kinds, no two alike."""
    draw = random.Random(seed)
    kinds = [draw.random() < 0.5 for _ in range(count)]
    return [
        (f"{draw.choice(GOOD if kind else BAD)} {draw.choice(PLACES)} {number}x", "good" if kind else "bad")
        for number, kind in enumerate(kinds)
    ]


def table(tmp_path, rows, name="reviews.csv", header=("review", "kind")):
    path = tmp_path / name
    polars.DataFrame(rows, schema=list(header), orient="row").write_csv(path)
    return path


# ---------------------------------------------------------------------------------------------------------- words, ids
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't GO, go!", ["don't", "go", ",", "go", "!"]),
        ("我爱北京", ["我", "爱", "北", "京"]),
        ("हिन्दी अच्छी", ["हिन्दी", "अच्छी"]),  # vowel signs belong to their word
        ("مرحبا بالعالم", ["مرحبا", "بالعالم"]),
        ("so good 😀😀", ["so", "good", "😀", "😀"]),
        ("", []),
    ],
)
def test_words_of_any_script(text, words):
    assert words_of([normalised(text)])[0].to_list() == words


def test_words_of_plain_english_are_those_of_pythons_own_expressions():
    text = "It was the best of times, it was the worst of times -- 3 of 4!"
    assert words_of([text])[0].to_list() == re.findall(r"\w+|[^\w\s]", text.lower())


def test_a_text_is_read_without_markup_and_composed():
    assert normalised("a<br />b &amp; c\r\n <p class='x'>d</p>\0") == "a b & c d"
    assert normalised("1 < 2 <3 a<b") == "1 < 2 <3 a<b"  # no tags
    assert normalised("cafe\u0301") == unicodedata.normalize("NFC", "cafe\u0301") == "café"
    assert normalised("half a pair \ud83d") == "half a pair ?"
    assert folded("  Free\nENTRY ") == folded("free entry")


def test_ids_are_places_in_the_vocabulary_and_code_points():
    rows = text_ids(["Good day", "bad", ""], ("good", "day"), (3, 6))
    assert rows[:, :3].tolist() == [[2, 3, 0], [1, 0, 0], [0, 0, 0]]
    assert rows[0, 3:].tolist() == [float(ord(letter)) for letter in "Good d"]
    assert text_of(rows[0, 3:]) == "Good d"
    assert text_of(rows[2, 3:]) == ""


def test_ids_survive_float32():
    rows = text_ids(["\U0010ffff\U0001f600"], (), (1, 2))
    assert rows.float().double().equal(rows)


def test_the_vocabulary_holds_words_of_two_texts_or_more_the_most_frequent_first():
    assert learned_words(["a b b b", "a c", "a c d"])[0] == ("a", "c")
    assert set(learned_words(["x y"])[0]) == {"x", "y"}  # of a single text all


def test_lengths_keep_99_of_100_texts_whole_and_are_bounded():
    texts = ["one two three"] * 995 + ["word " * 5000] * 5
    assert learned_words(texts)[1] == (3, 13)
    long = ["word " * 5000] * 3
    assert learned_words(long)[1] == (400, 1000)


# ------------------------------------------------------------------------------------------------------------- columns
def test_a_column_of_sentences_is_text_one_of_names_or_codes_is_not():
    sentences = polars.Series("s", [f"the {n}th of many different sentences" for n in range(60)])
    codes = polars.Series("c", [f"A/5 {n}" for n in range(60)])
    assert recognised(sentences).kind == "text"
    assert "--column c=text" in recognised(codes)


def test_what_somebody_says_of_a_column_decides(tmp_path):
    path = table(tmp_path, reviews(60))
    assert pf.load(path, target="kind").spec.inputs.columns[0].kind == "text"
    with pytest.raises(ProfundoError, match="no column is left"):
        pf.load(path, target="kind", drop=["review"])
    levels = pf.load(path, target="kind", columns={"review": "category"}, split_by=None).spec.inputs.columns[0]
    assert levels.kind == "category"
    codes = table(tmp_path, [(f"A/{n % 30} {n}", "yn"[n % 2]) for n in range(90)], "codes.csv")
    assert pf.load(codes, target="kind", columns={"review": "text"}).spec.inputs.columns[0].kind == "text"


def test_only_training_texts_teach_the_vocabulary(tmp_path):
    data = pf.load(table(tmp_path, reviews(100)), target="kind")
    (column,) = data.spec.inputs.columns
    texts = [text_of(row[column.lengths[0] :]) for row in data.train.inputs]
    assert set(column.levels) <= {word for words in words_of(texts).to_list() for word in words}
    assert column.levels == learned_words(texts)[0]


def test_features_stand_beside_others_and_are_not_standardised():
    columns = (Column("n", "number"), Column("t", "text", ("a good day", "a bad day", "so good")))
    raw = torch.tensor([[1.0, 0], [3, 1], [5, 2], [9, float("nan")]], dtype=torch.float64)
    inputs, (made,), _ = as_features(
        Inputs((2,), "features", columns=columns), Samples(raw, torch.zeros(4, dtype=torch.int64))
    )
    own = inputs.columns[1]
    assert inputs.names == tuple(feature_names(inputs.columns))
    assert inputs.names[:2] == ("n", "t, word 1")
    assert text_places(inputs.columns) == [False] + [True] * sum(own.lengths)
    assert made.inputs[3, 1:].eq(0).all()  # no text
    measured = pf.data.standard.measured_rows(inputs, made.inputs)
    assert (measured.mean[1:], measured.std[1:]) == ((0.0,) * sum(own.lengths), (1.0,) * sum(own.lengths))
    ready = pf.data.standardize(made.inputs, measured)
    assert ready[:, 1:].equal(made.inputs[:, 1:].float())
    assert abs(float(ready[:, 0].mean())) < 1e-6


def test_encoding_some_rows_is_encoding_all_and_taking_some():
    column = Column("t", "text", ("one two", "two three", "three four"))
    raw = torch.tensor([[2.0], [0], [1], [0]], dtype=torch.float64)
    taught, _ = learned([column], raw)
    whole = encoded(taught, raw, [column.levels])
    assert encoded(taught, raw[1:3], [column.levels]).equal(whole[1:3])


# ---------------------------------------------------------------------------------------------------------- new rows
@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rows = [(text, 40 + number % 7, kind) for number, (text, kind) in enumerate(reviews(200))]
    path = table(tmp_path_factory.mktemp("texts"), rows, header=("review", "price", "kind"))
    return pf.load(path, target="kind")


def test_a_row_to_come_is_read_as_in_training(data):
    inputs = data.spec.inputs
    (column,) = inputs.texts
    row = data.train.inputs[0]
    again = features_of_rows([{"review": text_of(row[column.lengths[0] : -1]), "price": float(row[-1])}], inputs)
    assert again.values[0].equal(row)


def test_what_is_unusual_of_a_text_is_noticed(data):
    (column,) = data.spec.inputs.texts
    texts = ["a lovely day", None, "xyzzy qwerty", "day " * 400, "", 7]
    features = features_of_rows([{"review": text, "price": 41} for text in texts], data.spec.inputs)
    notices = [" ".join(one) for one in features.notices]
    assert notices[0] == ""
    assert "missing" in notices[1]
    assert "no word of it was seen" in notices[2]
    assert f"the first {column.lengths[1]:,} are read" in notices[3]
    assert "missing" in notices[4]
    assert features.values.shape == (6, *data.spec.inputs.shape)


def test_files_of_text_are_rows_of_a_net_that_reads_texts_alone(tmp_path):
    spec = pf.load(table(tmp_path, reviews(60)), target="kind").spec
    (tmp_path / "one.txt").write_text("a lovely day", "utf-8")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "two.txt").write_bytes("caf\xe9".encode("cp1252"))
    (rows,) = table_rows(tmp_path / "one.txt", spec.inputs)
    (others,) = table_rows(tmp_path / "more", spec.inputs)
    (column,) = spec.inputs.texts
    assert text_of(rows.features.values[0, column.lengths[0] :]) == "a lovely day"
    assert text_of(others.features.values[0, column.lengths[0] :]) == "café"
    assert others.names[0].endswith("two.txt")


# --------------------------------------------------------------------------------------------------- files and folders
def test_a_folder_of_texts_is_a_table_with_the_class_of_each(tmp_path):
    for split, count in (("train", 30), ("test", 12)):
        for number, (text, kind) in enumerate(reviews(count, seed=len(split))):
            place = tmp_path / "texts" / split / kind
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}.txt").write_text(text, "utf-8")
    data = pf.load(tmp_path / "texts")
    assert data.spec.targets.classes == ("bad", "good")
    assert len(data.test) == 12
    assert len(data.train) + len(data.validation) == 30
    assert look(tmp_path / "texts").columns[0].kind == "text"


def test_json_lines_are_a_table(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"text": text, "kind": kind, "n": n} for n, (text, kind) in enumerate(reviews(40))]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert read_table(path).frame.to_dicts() == rows
    whole = tmp_path / "rows.json"
    whole.write_text(json.dumps(rows), "utf-8")
    assert read_json_rows(whole).to_dicts() == rows
    assert pf.load(path, target="kind").spec.inputs.texts[0].name == "text"


def test_json_lines_are_the_same_however_many_are_read_at_once(tmp_path, monkeypatch):
    """Columns that come up late, texts among numbers, gaps, an old encoding: as of all lines together, or of a list."""
    rows = [{"a": n, "b": "é" * n, "c": None if n < 7 else f"late {n}", "d": n if n < 5 else "word"} for n in range(10)]
    rows += [{"e": True, "f": 0.5, "b": ""}, {"e": None, "f": 2, "b": "\ud83d"}]
    for encoding in ("utf-8", "utf-8-sig", "cp1252"):
        path, whole = tmp_path / f"{encoding}.jsonl", tmp_path / f"{encoding}.json"
        lines = [json.dumps(row, ensure_ascii=n > 10) for n, row in enumerate(rows)]
        path.write_text("\n\n".join(lines) + "\n", encoding)
        whole.write_text("[" + ",".join(lines) + "]", encoding)
        expected = read_json_rows(whole)
        for together in (1, 3, 4096):
            monkeypatch.setattr(text_files, "TOGETHER", together)
            assert read_json_rows(path).equals(expected)
            assert read_json_rows(path).schema == expected.schema
    path.write_text('{"a": 1}\n{"a": 2}\n\n{"a": }\n')
    monkeypatch.setattr(text_files, "TOGETHER", 2)
    with pytest.raises(ProfundoError, match="line 4: expected an object in JSON"):
        read_json_rows(path)


def test_words_and_ids_are_the_same_however_many_texts_are_read_at_once(monkeypatch):
    texts = [f"{['good', 'bad', 'so-so'][n % 3]} number {n % 11} {'x ' * (n % 5)}ñ" for n in range(50)] + [""]
    vocabulary, lengths = learned_words(texts)
    ids = text_ids(texts, vocabulary, lengths)
    monkeypatch.setattr(text_ids_module, "TOGETHER", 7)
    assert learned_words(texts) == learned_words(polars.Series(texts)) == (vocabulary, lengths)
    assert text_ids(texts, vocabulary, lengths).equal(ids)
    counts = Counter(word for words in words_of(texts).to_list() for word in set(words))
    assert vocabulary == tuple(sorted((w for w in counts if counts[w] > 1), key=lambda w: (-counts[w], w)))


def test_rows_of_texts_alone_stay_as_they_are_and_are_kept_once(tmp_path):
    data = pf.load(table(tmp_path, reviews(100)), target="kind")
    assert data.train.inputs.dtype == torch.float32
    batches = InMemory(data.train, Serving(data.spec, 8, 0, torch.device("cpu"), None, 0, 1))
    assert batches.inputs.data_ptr() == data.train.inputs.data_ptr()
    assert set(data.spec.inputs.mean) == {0} and set(data.spec.inputs.std) == {1}  # noqa: PT018


@pytest.mark.parametrize("content", ['{"a": 1}\nnonsense', "[1, 2]", "", '{"a": 1}\n[2]'])
def test_what_is_no_json_is_said_in_one_line(tmp_path, content):
    path = tmp_path / "rows.jsonl"
    path.write_text(content, "utf-8")
    with pytest.raises(ProfundoError) as error:
        read_table(path)
    assert "\n" not in str(error.value)


def test_line_breaks_and_quotes_in_cells_are_read(tmp_path):
    rows = [(f'he said "{text}",\nand left', kind) for text, kind in reviews(40)]
    data = pf.load(table(tmp_path, rows), target="kind")
    (column,) = data.spec.inputs.columns
    assert text_of(data.train.inputs[0, column.lengths[0] :]).startswith('he said "')


def test_streamed_texts_are_those_in_memory(tmp_path):
    path = tmp_path / "reviews.parquet"
    polars.DataFrame(reviews(300), schema=["review", "kind"], orient="row").write_parquet(path)
    streamed, whole = (pf.load(path, target="kind", stream=stream) for stream in (True, False))
    assert streamed.spec.inputs.columns == whole.spec.inputs.columns
    assert torch.stack([streamed.test.inputs[row] for row in range(20)]).double().equal(whole.test.inputs[:20])


def test_streamed_texts_from_which_nothing_was_learned_are_read_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("profundo.data.tables.streamed_rows.LEARNING", 60)
    path = tmp_path / "reviews.parquet"
    polars.DataFrame(reviews(300), schema=["review", "kind"], orient="row").write_parquet(path, row_group_size=20)
    data = pf.load(path, target="kind", stream=True)
    (column,) = data.spec.inputs.columns
    texts = {text_of(data.train.inputs[row][column.lengths[0] :]) for row in range(len(data.train))}
    assert len(texts) == len(data.train)


# -------------------------------------------------------------------------------------------------------------- copies
def test_copies_of_a_text_stay_on_one_side(tmp_path):
    rows = reviews(120)
    rows += [(text.upper() + "  ", kind) for text, kind in rows[:60]]
    data = pf.load(table(tmp_path, rows), target="kind")
    (column,) = data.spec.inputs.columns
    sides = [
        {text_of(row[column.lengths[0] :]).casefold() for row in split.inputs}
        for split in (data.train, data.validation, data.test)
    ]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    assert sum(len(split) for split in (data.train, data.validation, data.test)) == 180
    assert any("different texts" in note for note in data.notes)


def test_texts_that_are_all_different_are_split_by_chance(tmp_path):
    assert not pf.load(table(tmp_path, reviews(120)), target="kind").notes


def test_a_class_of_one_text_is_split_by_chance(tmp_path):
    rows = [*reviews(60), *[("always the very same words", "same")] * 20]
    data = pf.load(table(tmp_path, rows), target="kind")
    assert all((split.targets == 2).any() for split in (data.train, data.test))


def test_a_text_that_groups_the_rows_stays_an_input(tmp_path):
    data = pf.load(table(tmp_path, reviews(120) * 2), target="kind", split_by="group:review")
    assert [column.name for column in data.spec.inputs.texts] == ["review"]


def test_the_look_tells_near_copies_empty_texts_and_scripts(tmp_path):
    rows = [*reviews(60), ("", "bad"), ("Win 100 now in our great weekly prize draw!", "bad")]
    rows += [("win 250 now, in our GREAT weekly prize draw", "bad"), ("это очень хороший день", "good")]
    what = " ".join(finding.what for finding in look(table(tmp_path, rows), target="kind").findings)
    assert "no text in 1 of 64 rows" in what
    assert "differ from another in numbers, signs or capitals only" in what
    assert "several scripts" in what


def test_names_of_people_are_no_texts_until_somebody_says_so(tmp_path):
    draw = random.Random(0)
    rows = [
        (f"{draw.choice(PLACES)}, Mr. {draw.choice(PLACES)} Ana {number}", "yn"[number % 2]) for number in range(90)
    ]
    with pytest.raises(ProfundoError, match="names or codes, 90 different ones"):
        pf.load(table(tmp_path, rows), target="kind")
    assert pf.load(table(tmp_path, rows), target="kind", columns={"review": "text"}).spec.inputs.texts


@pytest.mark.parametrize("stream", [False, True])
def test_a_file_that_is_no_text_is_refused_by_name_and_utf_16_with_its_mark_is_read(stream, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(20):
            (tmp_path / name / f"{number}.txt").write_text(f"film {number} {name * 3}", "utf-8")
    (tmp_path / "a" / "3.txt").write_text("película ñandú", "utf-16")
    data = pf.load(tmp_path, stream=stream, seed=0)
    assert "ñandú" in " ".join(text_files.read_texts(tmp_path / "a")[1])
    assert len(data.spec.targets.classes) == 2
    (tmp_path / "b" / "7.txt").write_bytes(b"\x7fELF\x02\x01\x00\x00 film")
    with pytest.raises(ProfundoError, match=r"b/7\.txt: expected a text, got something else \(character 7 is NUL\)"):
        pf.load(tmp_path, stream=stream, seed=0)
    with pytest.raises(ProfundoError, match=r"7\.txt: expected a text"):
        text_files.read_texts(tmp_path / "b" / "7.txt")
