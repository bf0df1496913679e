"""A look at data: of everything that training takes, true to what training does, and safe to show."""

import io
import json
import tarfile
import zipfile
from datetime import date, datetime, timedelta

import numpy as np
import polars
import pytest
import torch
from PIL import Image

import profundo as pf
from pages import parse
from profundo.data import names
from profundo.data.dataset_names import PUBLISHED, Reading
from profundo.data.loading import collect
from profundo.looks import table_look
from profundo.looks.data_facts import DataFacts
from profundo.looks.look_page import fragment_of, page_of
from profundo.looks.look_text import text_of
from profundo.looks.table_look import look_at_rows
from profundo.records import ProfundoError

SMALL = [name for name in names() if name not in PUBLISHED and name != "digit-scenes"]  # see test_looking_at_objects.py


def png(seed, size=(12, 10), mode="RGB"):
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).convert(mode).save(file, "PNG")
    return file.getvalue()


def folder(root, each=20, classes=("cat", "dog", "eel"), split=""):
    for place, (name, number) in enumerate((name, number) for name in classes for number in range(each)):
        path = root / split / name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(hash_of(split, place)))
    return root


def hash_of(split, place):
    return 1000 * len(split) + place


def sizes(data):
    return {name: len(getattr(data, name)) for name in ("train", "validation", "test")}


def whats(look):
    return " | ".join(finding.what for finding in look.findings)


def checked(look: DataFacts) -> DataFacts:
    """Every way of showing it works, and the page needs nothing from outside."""
    json.loads(json.dumps(look.as_plain_data(), allow_nan=False))
    text, page = text_of(look), page_of(look)
    assert text.startswith(look.name)
    for finding in look.findings:
        assert finding.advice
        assert finding.what.split(" ")[0] in text
    document = parse(page)
    assert document.all("script") == []
    assert all(image.attributes["src"].startswith("data:") for image in document.all("img"))
    assert "http" not in page.replace("http-equiv", "")
    assert [item.attributes["class"] for item in document.all("li") if "class" in item.attributes] == [
        finding.level for finding in look.findings
    ]
    assert fragment_of(look).count("<li>") == max(1, len(look.findings))
    return look


@pytest.mark.parametrize("name", SMALL)
def test_every_small_set_can_be_looked_at_and_is_divided_as_training_divides_it(name):
    look = checked(pf.look(name))
    data = pf.load(name)
    assert look.training == sizes(data)
    assert look.shape == data.spec.inputs.shape
    assert look.classes == data.spec.targets.classes
    assert not [finding for finding in look.findings if finding.level == "error"]
    if look.classes:
        assert sum(map(sum, look.counts.values())) == look.samples


def test_a_folder_of_images_is_divided_as_training_divides_it(tmp_path):
    look = checked(pf.look(folder(tmp_path / "set")))
    data = pf.load(tmp_path / "set")
    assert (look.kind, look.name) == ("images", "set")
    assert (look.training, look.shape) == (sizes(data), data.spec.inputs.shape)
    assert look.counts == {"train": [20, 20, 20]}
    assert look.findings == ()
    assert "Nothing suspicious" in str(look)
    assert len(parse(look.page()).all("img")) == 3  # a strip of each class


def test_splits_of_a_folder_are_kept_and_counted(tmp_path):
    folder(tmp_path, 20, split="train")
    look = checked(pf.look(folder(tmp_path, 6, split="test")))
    assert look.splits == {"train": 60, "test": 18}
    assert look.counts == {"train": [20] * 3, "test": [6] * 3}
    assert look.training == sizes(pf.load(tmp_path))


def test_images_of_several_sizes_are_made_to_fit_as_training_makes_them(tmp_path):
    folder(tmp_path)
    for number in range(15):
        (tmp_path / "cat" / f"large{number}.png").write_bytes(png(90 + number, (40 + number, 30), "L"))
    for size in (None, 16):
        look = checked(pf.look(tmp_path, image_size=size))
        assert look.shape == pf.load(tmp_path, image_size=size).spec.inputs.shape
        assert "cut about its centre" in whats(look)
    assert "<circle" in look.page()  # the plot of sizes


def test_bad_files_are_listed_and_nothing_stops(tmp_path):
    folder(tmp_path)
    (tmp_path / "cat" / "half.png").write_bytes(png(1)[:200])
    (tmp_path / "dog" / "empty.jpg").write_bytes(b"")
    (tmp_path / "fox").mkdir()
    (tmp_path / "dog" / "notes.txt").write_text("x")
    (tmp_path / "loose.png").write_bytes(png(500))
    look = checked(pf.look(tmp_path))
    assert look.findings[0].level == "error"
    assert {place.split(" ")[0] for place in look.findings[0].examples} == {"cat/half.png", "dog/empty.jpg"}
    for words in ("folder 'fox' holds no images", "outside the class folders", "no image by name"):
        assert words in whats(look)
    assert look.training == sizes(pf.load(tmp_path, skip_bad=True))
    assert look.images.unreadable == 2


def test_what_would_stop_training_is_a_finding(tmp_path):
    for name, lay in {
        "one": lambda root: folder(root, classes=("cat",)),
        "loose": lambda root: [root.mkdir(), *((root / f"{n}.png").write_bytes(png(n)) for n in range(3))],
        "single": lambda root: folder(root, each=1),
        "untaught": lambda root: [folder(root, split="train"), folder(root, classes=("cat", "fox"), split="test")],
    }.items():
        lay(tmp_path / name)
        with pytest.raises(ProfundoError):
            pf.load(tmp_path / name)
        look = checked(pf.look(tmp_path / name))
        assert look.findings[0].level == "error", name
        assert "raining stops" in whats(look), name


def test_a_zip_is_looked_at_without_unpacking(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(folder(tmp_path / "set").glob("*/*")):
            archive.write(path, str(path.relative_to(tmp_path / "set")))
    before = set(tmp_path.rglob("*"))
    look = checked(pf.look(tmp_path / "set.zip"))
    assert (look.samples, look.training) == (60, sizes(pf.load(tmp_path / "set.zip")))
    assert set(tmp_path.rglob("*")) == before


@pytest.fixture
def table(tmp_path):
    random = np.random.default_rng(0)
    frame = polars.DataFrame(
        {
            "age": random.integers(18, 80, 300),
            "city": random.choice(["Porto", "Lima", "Oslo"], 300),
            "income": random.lognormal(3, 2, 300),
            "likes": random.choice(["a;b", "b", "c"], 300),
            "rain": random.integers(0, 2, 300),
            "sun": random.integers(0, 2, 300),
            "<b>risk</b>": random.choice(["high", "low"], 300),
        }
    )
    frame.write_csv(tmp_path / "people.csv")
    frame.write_csv(tmp_path / "people.tsv", separator="\t")
    frame.write_parquet(tmp_path / "people.parquet")
    return tmp_path / "people.csv"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize(
    ("target", "task"), [("<b>risk</b>", "auto"), ("income", "auto"), ("rain, sun", "auto"), ("likes", "labels")]
)
def test_a_table_is_described_with_any_target(table, suffix, target, task):
    path = table.with_suffix(suffix)
    look = checked(pf.look(path, target=target, task=task))
    data = pf.load(path, target=target, task=task)
    assert (look.training, look.shape) == (sizes(data), data.spec.inputs.shape)
    assert look.classes == data.spec.targets.classes
    assert [column.is_target for column in look.columns].count(True) == target.count(",") + 1
    has_one = data.spec.targets.kind in ("binary", "real")
    assert any(column.relation is not None for column in look.columns) == has_one
    assert "<b>" not in look.page()


@pytest.fixture
def holes(tmp_path):
    """A table with gaps, dates and truth values, in one file and in a folder of several."""
    random = np.random.default_rng(0)
    frame = polars.DataFrame(
        {
            "amount": random.normal(size=900),
            "kind": random.choice(["u", "v", None], 900).tolist(),
            "day": [date(2020, 1, 1) + timedelta(days=int(days)) for days in random.integers(0, 900, 900)],
            "moment": [datetime(2020, 1, 1) + timedelta(hours=int(n)) for n in random.integers(0, 9000, 900)],
            "y": random.choice(["p", "q"], 900),
        }
    )
    (tmp_path / "parts").mkdir()
    frame.write_parquet(tmp_path / "whole.parquet")
    for part in range(3):
        frame[300 * part : 300 * part + 300].write_parquet(tmp_path / "parts" / f"{part}.parquet", row_group_size=100)
    return tmp_path


def test_a_folder_of_tables_is_seen_as_the_one_table_that_it_is(holes):
    whole, parts = (checked(pf.look(holes / name, target="y")) for name in ("whole.parquet", "parts"))
    assert (parts.training, parts.shape, parts.counts) == (whole.training, whole.shape, whole.counts)
    assert parts.columns[:4] == whole.columns[:4]


def test_a_table_that_is_streamed_is_seen_as_in_memory(holes, monkeypatch):
    whole = pf.look(holes / "whole.parquet", target="y")
    found = collect(holes / "parts", Reading(target="y", stream=True))
    streamed = checked(look_at_rows(found))
    assert not isinstance(found.train.inputs, torch.Tensor)
    assert (streamed.training, streamed.shape, streamed.counts) == (whole.training, whole.shape, whole.counts)
    assert streamed.columns[:4] == whole.columns[:4]
    monkeypatch.setattr(table_look, "MOST_ROWS", 90)
    some = checked(look_at_rows(found))
    assert some.samples == 90
    assert some.training == whole.training
    assert "90 of 900 rows were looked at" in whats(some)


def test_shards_are_seen_as_the_folder_they_were_made_of(tmp_path):
    files = sorted(folder(tmp_path / "set").glob("*/*"))
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        for number, path in enumerate(files):
            for suffix, content in ((".png", path.read_bytes()), (".cls", path.parent.name.encode())):
                member = tarfile.TarInfo(f"{number:04}{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    shards, lone = checked(pf.look(tmp_path / "set.tar")), pf.look(tmp_path / "set")
    assert (shards.counts, shards.training, shards.shape) == (lone.counts, lone.training, lone.shape)
    assert (shards.images.low, shards.images.high) == (lone.images.low, lone.images.high)


def test_a_table_without_a_target_is_looked_at_all_the_same(table):
    look = checked(pf.look(table))
    assert (look.samples, len(look.columns), look.training) == (300, 7, {})
    assert "--target" in look.findings[-1].advice


def test_a_target_that_training_refuses_is_a_finding_and_a_misspelt_one_an_error(table):
    frame = polars.read_csv(table).with_columns(polars.lit("same").alias("same"))
    frame.write_csv(table)
    look = checked(pf.look(table, target="same"))
    assert (look.findings[0].level, look.training) == ("error", {})
    assert "one value only" in look.findings[0].what
    with pytest.raises(ProfundoError, match=r"no column 'incone'.*nearest: income"):
        pf.look(table, target="incone")


def test_arrays_of_every_kind_are_looked_at(tmp_path):
    random = np.random.default_rng(0)
    images, rows = random.integers(0, 256, (60, 9, 9), dtype=np.uint8), random.normal(size=(60, 4))
    for name, arrays in {
        "images": {"x": images, "y": np.arange(60) % 3},
        "real images": {"x": images, "y": random.normal(size=60)},
        "labels": {"x": rows, "y": random.integers(0, 2, (60, 3))},
        "labelled images": {"x": images, "y": random.integers(0, 2, (60, 3))},
        "several": {"x": rows, "y": random.normal(size=(60, 2))},
        "split": {"x_train": rows[:40], "y_train": np.arange(40) % 2, "x_test": rows[40:], "y_test": np.arange(20) % 2},
    }.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
        look = checked(pf.look(tmp_path / f"{name}.npz"))
        data = pf.load(tmp_path / f"{name}.npz")
        assert look.kind == ("images" if "images" in name else "table"), name
        assert (look.training, look.shape, look.classes) == (
            sizes(data), data.spec.inputs.shape, data.spec.targets.classes
        ), name  # fmt: skip
        assert look.samples == 60


def test_columns_are_not_described_by_the_rows_of_the_test(tmp_path):
    train, test = np.zeros((50, 1)), np.full((20, 1), 1000.0)
    train[:, 0] = np.arange(50)
    np.savez(tmp_path / "x.npz", x_train=train, y_train=np.arange(50) % 2, x_test=test, y_test=np.arange(20) % 2)
    spread = pf.look(tmp_path / "x.npz").columns[0].spread
    assert (spread.low, spread.high) == (0, 49)


def test_names_that_are_html_are_shown_and_not_run(tmp_path):
    folder(tmp_path, classes=("<img src=x onerror=alert(1)>", "b\x1b[31m", "ñ日本"))
    (tmp_path / "ñ日本" / "<script>.png").write_bytes((tmp_path / "ñ日本" / "0.png").read_bytes())
    look = checked(pf.look(tmp_path))
    assert "<img src=x" not in look.page() + look._repr_html_()
    assert "\x1b" not in str(look)


def test_no_word_of_a_table_steers_the_terminal(tmp_path):
    column, word = "c\x1b]0;x\x07", "\x1b[2J"
    lines = [f"{column},y", *(f"{word},a\nplain,b" for _ in range(30))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    text = str(checked(pf.look(tmp_path / "t.csv", target="y")))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\\x1b[2J" in text


def test_very_small_numbers_are_told_without_escapes(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{(row + 1) * 1e-7},{row % 2}\n" for row in range(30)))
    text = str(pf.look(path, target="y"))
    assert "1.00 · 10⁻⁷" in text
    assert "\\x" not in text


def test_what_cannot_be_looked_at_is_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.csv").write_text("a,b\n1,2,3\n")
    (tmp_path / "bad.npz").write_bytes(b"x")
    (tmp_path / "bad" / "a").mkdir(parents=True)
    (tmp_path / "bad" / "a" / "1.png").write_bytes(b"x")
    for name in ("mnits", "", "\0", tmp_path / "empty", tmp_path / "bad.csv", tmp_path / "bad.npz", tmp_path / "bad"):
        with pytest.raises(ProfundoError) as error:
            pf.look(name)
        assert "\n" not in str(error.value)
    with pytest.raises(ProfundoError, match="known: auto, classes"):
        pf.look("iris", task="class")
    with pytest.raises(ProfundoError, match="target is for tables"):
        pf.look("digits", target="x")


def test_progress_is_told_to_the_end(tmp_path):
    told = []
    pf.look(folder(tmp_path), tell=lambda done, total: told.append((done, total)))
    assert told[-1] == (60, 60)
    assert told == sorted(told)


@pytest.mark.needs_data
def test_mnist_has_the_published_counts_and_no_copies(real_data):
    look = checked(pf.look("mnist", data_dir=real_data))
    assert look.counts["train"] == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert look.counts["test"] == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert look.training == {"train": 55_000, "validation": 5_000, "test": 10_000}
    assert not [finding for finding in look.findings if finding.level != "note"]
    assert "cop" not in whats(look)


@pytest.mark.needs_data
def test_a_known_near_copy_is_found_among_real_images(real_data, tmp_path):
    """Barz and Denzler, "Do we train on test data?", 2020: some test images of CIFAR-10 are nearly in training."""
    with (
        zipfile.ZipFile(real_data / "cifar10" / "cifar10-jpg.zip") as every,
        zipfile.ZipFile(tmp_path / "dogs.zip", "w") as dogs,
    ):
        for name in every.namelist():
            if "/dog/0" in name or name.startswith("train/dog/1") or "/frog/0" in name:
                dogs.writestr(name, every.read(name))
    look = pf.look(tmp_path / "dogs.zip")
    assert look.counts == {"train": [2000, 1000], "test": [1000, 1000]}
    assert look.training == {"train": 2700, "validation": 300, "test": 2000}
    assert "1 image of test looks almost like one in training" in whats(look)
    copies = next(finding for finding in look.findings if "one in training" in finding.what)
    assert copies.examples == ("test/dog/0739.jpg ≈ train/dog/1557.jpg",)
