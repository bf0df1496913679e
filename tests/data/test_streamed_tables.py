"""Parquet that streams: the same rows, targets and treatment as in memory; what cannot be read is refused."""

import io

import fsspec
import numpy as np
import polars
import pytest
import torch

from profundo.data import load
from profundo.data.batches import batches, in_order
from profundo.data.streams.addresses import Stored
from profundo.data.streams.blocks import gather
from profundo.data.tables import streamed_rows
from profundo.data.tables.parquet_footers import row_groups, rows_of_groups
from profundo.records import ProfundoError


def table(rows=3000, seed=0) -> polars.DataFrame:
    draw = np.random.default_rng(seed)
    size = draw.normal(size=rows)
    frame = polars.DataFrame(
        {
            "size": size,
            "rooms": draw.integers(1, 9, rows),
            "city": draw.choice(["Lima", "Quito", "Cali"], rows),
            "built": polars.date_range(polars.date(1990, 1, 1), polars.date(2030, 1, 1), "1d", eager=True)[:rows],
            "price": 3 * size + draw.normal(size=rows),
            "kind": draw.choice(["flat", "house"], rows),
        }
    )
    holes = polars.int_range(rows, eager=True)
    return frame.with_columns(
        polars.when(holes % 11 == 3).then(None).otherwise(polars.col("size")).alias("size"),
        polars.when(holes % 13 == 5).then(None).otherwise(polars.col("price")).alias("price"),
    )


def write(path, frame, group=250):
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path, row_group_size=group)
    return path


def rows_of(split):
    return gather(split.inputs, range(len(split)))


@pytest.mark.parametrize("target", ["price", "kind", "size,price"])
def test_a_streamed_table_is_the_one_in_memory(tmp_path, target):
    path = write(tmp_path / "t.parquet", table())
    streamed, kept = (load(path, target=target, stream=stream) for stream in (True, False))
    assert streamed.spec.targets == kept.spec.targets
    assert streamed.spec.inputs.columns == kept.spec.inputs.columns
    assert streamed.spec.inputs.names == kept.spec.inputs.names
    np.testing.assert_allclose(streamed.spec.inputs.mean, kept.spec.inputs.mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(streamed.spec.inputs.std, kept.spec.inputs.std, rtol=1e-9)
    for name in ("train", "validation", "test"):
        one, other = getattr(streamed, name), getattr(kept, name)
        assert torch.equal(one.targets, other.targets)
        assert torch.equal(rows_of(one), rows_of(other))
        assert torch.equal(one.inputs[5], other.inputs[5])
    assert set(kept.notes) <= set(streamed.notes)


def test_batches_are_the_rows_of_the_table_each_once(tmp_path):
    path = write(tmp_path / "t.parquet", table())
    data = load(path, target="price", stream=True)
    found = list(batches(data.train, data.spec, 32, seed=3).epoch(0))
    assert len(found) == len(data.train) // 32
    shown = torch.cat([torch.cat([batch.inputs, batch.targets], 1) for batch in found])
    inside = torch.cat([torch.cat([batch.inputs, batch.targets], 1) for batch in in_order(data.train, data.spec)])
    known = {tuple(row) for row in inside.tolist()}
    assert len({tuple(row) for row in shown.tolist()} & known) == len(shown)
    for one, other in zip(found, batches(data.train, data.spec, 32, seed=3, workers=0).epoch(0), strict=True):
        assert torch.equal(one.inputs, other.inputs)


def test_several_files_are_one_table_and_their_names_are_splits(tmp_path):
    whole = table()
    for place in range(3):
        write(tmp_path / "a" / f"part-{place}.parquet", whole[place * 1000 : (place + 1) * 1000])
    one = load(write(tmp_path / "t.parquet", whole), target="price", stream=True)
    parts = load(tmp_path / "a", target="price", stream=True)
    assert parts.spec == one.spec
    assert torch.equal(rows_of(parts.test)[::29], rows_of(one.test)[::29])
    assert parts.name == "a"
    for split, begin in (("train", 0), ("val", 1000), ("test", 2000)):
        write(tmp_path / "b" / f"{split}-0.parquet", whole[begin : begin + 1000])
    named = load(tmp_path / "b", target="price", stream=True)
    prices = [whole[begin : begin + 1000]["price"].drop_nulls().to_list() for begin in (0, 1000, 2000)]
    for split, expected in zip((named.train, named.validation, named.test), prices, strict=True):
        np.testing.assert_allclose(split.targets[:, 0], expected, rtol=1e-6)
    whole_again = load(f"{tmp_path}/a/part-{{0..2}}.parquet", target="price")  # small enough for the memory
    assert torch.equal(rows_of(whole_again.test)[::29], rows_of(parts.test)[::29])


def test_an_address_of_a_store_is_read_like_a_path(tmp_path):
    path = write(tmp_path / "t.parquet", table())
    fsspec.filesystem("memory").pipe("/tables/t.parquet", path.read_bytes())
    far, near = load("memory://tables/t.parquet", target="price", stream=True), load(path, target="price", stream=True)
    assert (far.spec, far.facts) == (near.spec, near.facts)


def test_a_large_table_is_learned_from_a_part_that_is_spread_evenly(tmp_path, monkeypatch):
    monkeypatch.setattr(streamed_rows, "LEARNING", 600)
    frame = table().with_columns(drift=polars.int_range(3000) / 3000)
    data = load(write(tmp_path / "t.parquet", frame), target="kind", stream=True)
    assert any("learned from 600 of 3,000 rows" in note for note in data.notes)
    place = data.spec.inputs.names.index("drift")
    assert abs(data.spec.inputs.mean[place] - 0.5) < 0.02  # of all rows to train on
    drift = next(column for column in data.spec.inputs.columns if column.name == "built")
    middle = (
        np.median([row.toordinal() for row in frame["built"]]) - np.datetime64("1970-01-01", "D").item().toordinal()
    )
    assert abs(drift.fill / 86400 - middle) < 300  # of 3,000 days; the first rows alone would be 1,200 off


@pytest.mark.parametrize("group", [1, 7, 100, 3000, 10_000])
def test_row_groups_are_those_that_were_written(tmp_path, group):
    path = write(tmp_path / "t.parquet", table(), group)
    found = row_groups(Stored(str(path), path.stat().st_size, ""), 3000)
    assert sum(found) == 3000
    assert max(found) <= group
    assert len(found) >= -(-3000 // group)


def test_a_description_written_by_hand_is_read():
    """Thrift's compact protocol, from its specification: version 1, no schema, 300 rows, groups of 100 and 200 rows."""
    group = [bytes([0x19, 0x0C, 0x16, 2]) + bytes([0x16]) + rows + b"\0" for rows in (b"\xc8\x01", b"\x90\x03")]
    described = bytes([0x15, 2, 0x19, 0x0C, 0x16]) + b"\xd8\x04" + bytes([0x19, 0x2C]) + b"".join(group) + b"\0"
    assert rows_of_groups(described) == [100, 200]


@pytest.mark.parametrize("seed", range(30))
def test_a_broken_description_makes_one_group_and_no_trouble(tmp_path, seed):
    path = write(tmp_path / "t.parquet", table(400), 100)
    draw = np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[-8:-4], "little")
    for place in draw.integers(len(content) - 8 - size, len(content) - 8, 20):
        content[place] = draw.integers(256)
    path.write_bytes(content)
    assert sum(row_groups(Stored(str(path), len(content), ""), 400)) == 400


def test_tables_that_cannot_be_streamed_are_refused_in_one_line(tmp_path):
    def refused(words, name, target="price"):
        with pytest.raises(ProfundoError, match=words) as caught:
            load(tmp_path / name, target=target, stream=True)
        assert "\n" not in str(caught.value)

    write(tmp_path / "a" / "0.parquet", table())
    write(tmp_path / "a" / "1.parquet", table().with_columns(polars.col("rooms").cast(polars.String)))
    refused(r"expected the columns of 0\.parquet; different: rooms", "a")
    refused("no column 'cost'", "a/0.parquet", "cost")
    refused("say which column", "a/0.parquet", None)
    (tmp_path / "noise.parquet").write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    refused("does not read", "noise.parquet")
    cut = write(tmp_path / "cut.parquet", table()).read_bytes()[:-100]
    (tmp_path / "cut.parquet").write_bytes(cut)
    refused("does not read", "cut.parquet")
    frame = io.BytesIO()
    table().with_columns(price=polars.lit(None, polars.Float64)).write_parquet(frame)
    (tmp_path / "empty.parquet").write_bytes(frame.getvalue())
    refused("is empty", "empty.parquet")
    (tmp_path / "both").mkdir()
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ProfundoError):
        load(tmp_path / "nothing")


def test_a_table_that_shrinks_while_it_is_read_is_an_error_in_one_line(tmp_path):
    path = write(tmp_path / "t.parquet", table())
    data = load(path, target="price", stream=True)
    write(path, table()[:500])
    with pytest.raises(ProfundoError, match="has changed"):
        list(batches(data.train, data.spec, 32).epoch(0))


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_a_table_that_can_only_be_read_whole_is_not_streamed(tmp_path, ending):
    place = tmp_path / f"t{ending}"
    between = "," if ending == ".csv" else "\t"
    place.write_text(
        "".join(f"{one}{between}{other}\n" for one, other in [("a", "b"), *zip(range(40), range(40), strict=True)])
    )
    with pytest.raises(ProfundoError, match=r"write it as .parquet"):
        load(place, target="b", stream=True)


@pytest.mark.parametrize(
    ("how", "stream", "says"),
    [
        ({"missing": ["-99"]}, False, "missing is for text"),
        ({"encoding": "latin-1"}, False, "encoding is for text"),
        ({"header": "none"}, True, "header is for tables that are read whole"),
        ({"columns": {"rooms": "category"}}, True, "columns is for tables that are read whole"),
    ],
)
@pytest.mark.parametrize("parts", [1, 2])
def test_options_that_nothing_would_heed_are_refused(tmp_path, how, stream, says, parts):
    for part in range(parts):
        write(tmp_path / "t" / f"{part}.parquet", table(300, part))
    where = tmp_path / "t" / ("0.parquet" if parts == 1 else "")
    if parts == 2 and not stream:
        says = says.replace("is for text", "is for tables that are read whole")  # several are always streamed
    with pytest.raises(ProfundoError, match=f"{says}.*; leave it out"):
        load(where, target="kind", stream=stream, **how)
    assert load(where, target="kind", stream=stream).train
