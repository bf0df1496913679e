"""Texts that stay in their files while a network trains: the same words, targets and splits as in memory, and few at once."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars
import pytest
import torch
from PIL import Image

import profundo as pf
from profundo.data.batches import batches
from profundo.data.streams.archives import open_files
from profundo.data.streams.blocks import gather
from profundo.data.tables import json_lines, streamed_rows
from profundo.data.tables.json_lines import JsonLines
from profundo.data.tables.text_folders import TextFiles
from profundo.data.text.text_ids import text_of
from profundo.records import ProfundoError

WORDS = [
    "the",
    "a",
    "of",
    "film",
    "plot",
    "cast",
    "was",
    "is",
    "very",
    "not",
    "bad",
    "dull",
    "fine",
    "long",
    "short",
    "warm",
]


def sentences(many, seed=0):
    draw = np.random.default_rng(seed)
    return [" ".join(draw.choice(WORDS, draw.integers(6, 14))) + f" {number}" for number in range(many)]


def folder(place, many=60, splits=("",)):
    for split in splits:
        for kind in ("bad", "good"):
            inside = place / split / kind
            inside.mkdir(parents=True)
            for number, text in enumerate(sentences(many, 10 * len(split) + len(kind))):
                (inside / f"{number}.txt").write_text(f"{kind if number % 3 else ''} {text} {split}", "utf-8")
    return place


def rows_file(path, rows, encoding="utf-8"):
    path.write_bytes("\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode(encoding))
    return path


def reviews(many=120):
    kinds = [("bad", "good")[number % 2] for number in range(many)]
    return [
        {"review": f"{text} {kind}", "stars": number % 5 if number % 7 else None, "kind": kind, "new": number % 3 == 0}
        for number, (text, kind) in enumerate(zip(sentences(many), kinds, strict=True))
    ]


def rows_of(split):
    return gather(split.inputs, range(len(split))).float()


def assert_same(streamed, kept):
    assert streamed.spec.targets == kept.spec.targets
    assert streamed.spec.inputs.columns == kept.spec.inputs.columns
    assert streamed.spec.inputs.names == kept.spec.inputs.names
    np.testing.assert_allclose(streamed.spec.inputs.mean, kept.spec.inputs.mean, rtol=1e-6)
    for name in ("train", "validation", "test"):
        one, other = getattr(streamed, name), getattr(kept, name)
        assert torch.equal(one.targets, other.targets)
        assert torch.equal(rows_of(one), rows_of(other))


@pytest.mark.parametrize("splits", [("",), ("train", "test")])
def test_a_streamed_folder_is_the_one_in_memory(tmp_path, splits):
    place = folder(tmp_path / "reviews", splits=splits)
    assert_same(pf.load(place, stream=True), pf.load(place, stream=False))


def test_a_streamed_zip_is_the_folder(tmp_path):
    place = folder(tmp_path / "reviews")
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", place)
    assert_same(pf.load(packed, stream=True), pf.load(place, stream=False))


@pytest.mark.parametrize("target", ["kind", "stars"])
def test_streamed_lines_are_the_rows_in_memory(tmp_path, target):
    path = rows_file(tmp_path / "reviews.jsonl", reviews())
    assert_same(pf.load(path, target=target, stream=True), pf.load(path, target=target, stream=False))


def test_lines_may_be_empty_begin_with_a_mark_and_be_of_another_encoding(tmp_path):
    rows = [row | {"review": f"{row['review']} café"} for row in reviews(60)]
    path = rows_file(tmp_path / "western.jsonl", rows, "cp1252")
    assert_same(pf.load(path, target="kind", stream=True), pf.load(path, target="kind", stream=False))
    marked = tmp_path / "marked.jsonl"
    lines = "\n\n".join(json.dumps(row) for row in rows)
    marked.write_text(f"\ufeff{lines}\n \n", "utf-8")
    assert_same(pf.load(marked, target="kind", stream=True), pf.load(path, target="kind", stream=False))


def test_values_of_several_kinds_are_told_by_all_lines(tmp_path):
    rows = [row | {"size": 1, "odd": 2} for row in reviews(60)]
    rows[41] |= {"size": 2.5, "odd": ["a", 1], "late": "x"}
    table = JsonLines(rows_file(tmp_path / "t.jsonl", rows))
    frame = table.taken(np.array([0, 41]), ["size", "odd", "late", "new"])
    assert frame.rows() == [(1.0, "2", None, True), (2.5, '["a", 1]', "x", False)]


def test_copies_of_a_text_stay_on_one_side(tmp_path):
    place = folder(tmp_path / "reviews")
    for number, file in enumerate(sorted((place / "good").iterdir())[:30]):
        (place / "good" / f"again {number}.txt").write_text(file.read_text("utf-8").upper() + " ", "utf-8")
    data = pf.load(place, stream=True)
    (column,) = data.spec.inputs.columns
    sides = [
        {text_of(row[column.lengths[0] :]).casefold().strip() for row in rows_of(split)}
        for split in (data.train, data.validation, data.test)
    ]
    assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]
    assert sum(map(len, sides)) == 120


def test_few_texts_are_in_memory_at_once_and_every_block_is_of_all_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(streamed_rows, "LEARNING_BYTES", 1)
    monkeypatch.setattr(streamed_rows, "FEWEST", 20)
    monkeypatch.setattr(streamed_rows, "WINDOW_BYTES", 2**15)
    read, plain = [], TextFiles._texts

    def noted(self, indices):
        texts = list(plain(self, indices))
        read.append(sum(map(len, texts)))
        return texts

    monkeypatch.setattr(TextFiles, "_texts", noted)
    data = pf.load(folder(tmp_path / "reviews", 100), stream=True)
    assert any("learned from 20 of 200" in note for note in data.notes)
    shown = list(batches(data.train, data.spec, 20, seed=1, workers=0).epoch(0))
    assert 0 < max(read) <= 2**13  # a quarter of a window
    inputs, targets = data.train.inputs, data.train.targets
    blocks = inputs.source.blocks[inputs.indices]
    assert len(blocks.unique()) > 4
    assert all(len(targets[blocks == block].unique()) == 2 for block in blocks.unique())
    later = batches(pf.load(tmp_path / "reviews", stream=True).train, data.spec, 20, seed=1, workers=0).epoch(0, skip=3)
    for one, other in zip(shown[3:], later, strict=True):
        assert torch.equal(one.inputs, other.inputs)


def test_what_cannot_be_streamed_or_has_changed_is_said_in_one_line(tmp_path):
    whole = tmp_path / "list.json"
    whole.write_text(json.dumps(reviews(20)))
    with pytest.raises(ProfundoError, match=r"leave stream out, or write it .* with an object a line"):
        pf.load(whole, target="kind", stream=True)
    path = rows_file(tmp_path / "broken.jsonl", reviews(20))
    path.write_bytes(path.read_bytes() + b"\n[1]")
    with pytest.raises(ProfundoError, match=r"broken\.jsonl, line 21: expected an object"):
        pf.load(path, target="kind", stream=True)
    path = rows_file(tmp_path / "reviews.jsonl", reviews(60))
    data = pf.load(path, target="kind", stream=True)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ProfundoError, match=r"reviews\.jsonl"):
        rows_of(data.train)
    place = folder(tmp_path / "reviews", 20)
    data = pf.load(place, stream=True)
    next((place / "bad").iterdir()).unlink()
    with pytest.raises(ProfundoError, match="cannot be read"):
        rows_of(data.train), rows_of(data.validation), rows_of(data.test)


def test_a_column_of_codes_is_a_text_where_it_is_told_so(tmp_path):
    rows = [{"word": f"k{number}", "size": number, "kind": "ab"[number % 2]} for number in range(200)]
    path = rows_file(tmp_path / "codes.jsonl", rows)
    with pytest.raises(ProfundoError, match="names or codes"):
        pf.load(path, target="kind", drop="size", stream=True)
    told = {"target": "kind", "columns": {"word": "text"}}
    assert_same(pf.load(path, **told, stream=True), pf.load(path, **told, stream=False))
    for name, says in (("wrd", "no column 'wrd'"), ("size", "expected words for a text, it holds Int64")):
        with pytest.raises(ProfundoError, match=says):
            pf.load(path, target="kind", columns={name: "text"}, stream=True)


def test_lines_that_name_images_and_lines_for_forecasts_are_read_whole(tmp_path, monkeypatch):
    rows = []
    for number in range(30):
        Image.new("L", (6, 5), 8 * number).save(tmp_path / f"{number}.png")
        rows.append({"image": f"{number}.png", "kind": "ab"[number % 2]})
    path = rows_file(tmp_path / "named.jsonl", rows)
    whole = pf.load(path, target="kind", stream=False)
    packed = tmp_path / "named.parquet"
    polars.DataFrame(rows).write_parquet(packed)
    for place, how in ((path, {}), (path, {"image_size": 4}), (packed, {})):
        data = pf.load(place, target="kind", stream=True, **how)
        assert (data.spec.inputs.kind, len(data.train)) == ("image", len(whole.train))
    monkeypatch.setattr(json_lines, "fits_in_memory", lambda _, stream: stream is False)
    assert pf.load(path, target="kind").spec.inputs.kind == "image"
    steps = rows_file(tmp_path / "steps.jsonl", [{"day": number, "sales": number % 7 + 0.5} for number in range(90)])
    assert pf.load(steps, target="sales", split_by="time:day", horizon=2, lookback=3).spec.targets.kind == "real"
    with pytest.raises(ProfundoError, match="forecasts and series are made of a table in memory; leave"):
        pf.load(steps, target="sales", split_by="time:day", horizon=2, lookback=3, stream=True)


def test_other_texts_of_the_same_lengths_are_other_data(tmp_path):
    def marks():
        return [TextFiles(open_files(where, "texts")).identity() for where in (place, packed)] + [
            JsonLines(path).identity()
        ]

    def pack():
        return Path(shutil.make_archive(str(tmp_path / "packed"), "zip", place))

    place = folder(tmp_path / "reviews", 5)
    packed, path = pack(), rows_file(tmp_path / "t.jsonl", [{"a": "warm"}, {"a": "dull"}])
    before = marks()
    assert before == marks()
    file = next((place / "bad").iterdir())
    file.write_text(file.read_text("utf-8").swapcase(), "utf-8")
    pack()
    rows_file(path, [{"a": "dull"}, {"a": "warm"}])
    assert not set(before) & set(marks())
