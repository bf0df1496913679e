"""Whatever data the program is given: it works, or ends at once in one line that names the file and says what to do.

Every refusal is by the command itself, within ten seconds; nothing that was there changes, nothing new stays, and what
a hostile file would have put into the world is not there.
"""

import io
import json
import os
import re
import shutil
import signal
import struct
import tarfile
import time
import zipfile
import zlib
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars
import pytest
import yaml
from PIL import Image

from commands import NOBODY, Ended, Trouble, contents, in_this_process, profundo
from profundo.train.checkpoints import digest
from vouching import vouch

DEADLINE = 60.0  # seconds after which a command hangs, however busy the machine
DRAW = np.random.default_rng(0)
ROWS = 60
TABLE = "\n".join(["a,b,c,y", *(f"{i * 0.37 % 1:.3f},{i % 7},{'rst'[i % 3]},{i % 2}" for i in range(ROWS))]) + "\n"
MARKUP = "<img src=x onerror=alert(1)>"


# ------------------------------------------------------------------------------------------------------------- helpers
def refused(folder: Path, *arguments: str, memory: int | None = None) -> str:
    """The one line in which the command refuses; the folder is as it was. memory: megabytes that it may have taken, in a process of
    its own."""
    before = whole(folder)
    ended, most = watched(folder, *arguments) if memory else (in_this_process(folder, *arguments), 0)
    assert whole(folder) == before
    assert not list(folder.rglob("*canary*"))
    assert memory is None or most < memory, f"{most} MB"
    return ended.error


def watched(folder: Path, *arguments: str) -> tuple[Ended, int]:
    """How the command ended, and the megabytes that it took at most."""
    command, most = profundo(folder, *arguments), 0
    end = time.monotonic() + DEADLINE
    while command.process.is_alive() and time.monotonic() < end:
        most = max(most, peak(command.pid))
        command.process.join(0.02)
    return command.wait(0.0), most


def peak(pid: int) -> int:
    """Megabytes that a process has taken at most."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


def whole(folder: Path) -> dict[str, str]:
    """Every file with its SHA-256, and the names of all else; without what commands said, here and in their log."""
    files = {
        name: found for name, found in contents(folder).items() if not name.startswith(("words-", "study/log.txt"))
    }
    others = {str(path.relative_to(folder)): "" for path in folder.rglob("*") if not path.is_file()}
    return {**others, **files}


def trained(folder: Path, *arguments: str) -> str:
    """What the command says that trains for an epoch."""
    ended = profundo(folder, "train", *arguments, "--epochs", "1", "--device", "cpu", "--out", "run").wait()
    assert ended.code == 0, ended.said
    assert (folder / "run" / "scores.json").is_file()
    assert "could not be written" not in ended.said, ended.said
    return ended.said


def write(folder: Path, name: str, content: str | bytes) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def sparse(folder: Path, name: str, gigabytes: int) -> str:
    with (folder / name).open("wb") as file:
        file.truncate(gigabytes << 30)
    return name


def image(kind: str = "PNG", side: int = 8) -> bytes:
    file = io.BytesIO()
    Image.fromarray(DRAW.integers(0, 255, (side, side), dtype=np.uint8)).save(file, kind)
    return file.getvalue()


def images(folder: Path, classes: tuple[str, ...] = ("ant", "bee"), each: int = 8, name: str = "images") -> Path:
    for label in classes:
        for number in range(each):
            write(folder, f"{name}/{label}/{number}.png", image())
    return folder / name


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, extra: bytes = b"") -> bytes:
    """What declares to be so large and holds nothing."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def npy(shape: tuple[int, ...], kind: str = "<f8", data: bytes = b"") -> bytes:
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def packed(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return file.getvalue()


def gigabyte(head: bytes) -> bytes:
    """The head of an array and more than as many zeros, packed in a hurry."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w") as member,
    ):
        member.write(head)
        for _ in range(1025):
            member.write(bytes(1 << 20))
    return file.getvalue()


def arrays(**values) -> bytes:
    file = io.BytesIO()
    np.savez(file, **values)
    return file.getvalue()


def parquet(**columns) -> bytes:
    file = io.BytesIO()
    polars.DataFrame(columns).write_parquet(file)
    return file.getvalue()


# ------------------------------------------------------------------------------------------------- 26, 28, 31 text tables
WIDE = ",".join(f"c{i}" for i in range(20_000)) + ",y\n" + ",".join("1" * 20_001) + "\n"
TEXTS = {
    "20,001 columns": (WIDE, "expected at most 20,000 columns, found 20,001"),
    "900,000 columns without a name": ("," * 900_000 + "\n", "expected at most 20,000 columns"),
    "a name of 200,000 letters": ("a" * 200_000 + ",y\n1,2\n", "name for each column"),
    "one column": ("y\n" + "0\n1\n" * 20, "no column is left to predict 'y' from: it has no other column"),
    "a header only": ("a,b,y\n", "at least one row, found 0"),
    "a header that is longer than the rows": (TABLE.replace("c,y", "c,d,y"), "row 1 (line 2): expected 5 values"),
    "a ragged row": (TABLE + "1,2,3\n", "row 61 (line 62): expected 4 values, as in the header, found 3"),
    "a name twice once trimmed": (TABLE.replace("a,b", "a , a"), "a is there twice"),
    "half of UTF-16": (TABLE.encode("utf-16")[:-1], "expected text in UTF-8"),
    "a mark and nothing": (b"\xef\xbb\xbf", "does not read"),
    "nothing": (b"", "at least one row"),
    "zero bytes": (TABLE.encode().replace(b"5", b"\0"), "zero byte"),
    "a quotation mark that stays open": (TABLE + '"1,3,r,1\n', "row 61"),
    "a row of 200,000 letters": (TABLE + "x" * 200_000 + "\n", "line 62"),
    "infinity": (TABLE + "inf,3,r,1\n", "column 'a', row 61: expected a finite number, got inf"),
    "a number of 400 digits": (TABLE + "9" * 400 + ",3,r,1\n", "column 'a', row 61"),
    "a number that float32 cannot hold": (TABLE + "1e300,3,r,1\n", "column 'a', row 61: expected a number up to 3.4e+38"),
    "an infinite target": (TABLE.replace(",1\n", ",1.5\n") + "1,3,r,inf\n", "'y' holds infinite values"),
    "a class a row": ("a,y\n" + "".join(f"{i},w{i}\n" for i in range(100_000)), "100,000 different values"),
    "nothing to learn from": ("a,b,y\n" + ",,1\n,,0\n" * 10, "column 'a' is left out: it is empty"),
    "one row": ("a,y\n1,1\n", "one value only"),
    "two rows": ("a,y\n1,1\n2,0\n", "leave none for the validation split"),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_a_table_that_cannot_be_learned_from_is_refused(name, fast):
    content, words = TEXTS[name]
    error = refused(fast, "train", write(fast, "t.csv", content), "--target", "y", "--out", "run")
    assert words in error
    assert "t" in error.split(":")[1]
    assert len(error) < 700


@pytest.mark.parametrize(
    "content",
    [
        TABLE.replace("\n", "\r\n"),
        TABLE.replace("\n", "\r"),
        TABLE.encode("utf-16"),
        b"\xef\xbb\xbf" + TABLE.encode(),
        TABLE.replace("a,b", '"a\nb",b'),
        TABLE.replace("a,b", "a\u2028,b\x0bc"),
        TABLE.replace("a,b", f"=HYPERLINK(1),{MARKUP}"),
        TABLE + "nan,,r,nan\n",
        TABLE.replace("a,b", "date,b").replace("\n0.", "\n2024-05-1").replace("\n2024-05-1000", "\n0001-01-01"),
    ],
    ids=["CRLF", "CR", "UTF-16", "mark", "quoted line end", "other line ends in names", "formula and markup", "holes", "dates"],
)  # fmt: skip
def test_a_table_of_odd_form_is_learned_from(content, fast):
    trained(fast, write(fast, "t.csv", content), "--target", "y")
    assert MARKUP not in (fast / "run" / "report.html").read_text()


# --------------------------------------------------------------------------------------------- 18, 25, 27, 39 no plain files
@pytest.mark.parametrize("suffix", ["csv", "parquet", "npz", "tar", "zip", "png"])
@pytest.mark.parametrize("kind", ["fifo", "zero", "sparse", "folder", "loop"])
def test_what_is_no_plain_file_neither_blocks_nor_fills_the_memory(suffix, kind, fast):
    name = f"x.{suffix}"
    if kind == "fifo":
        os.mkfifo(fast / name)
    elif kind == "folder":
        (fast / name).mkdir()
    elif kind == "sparse":
        sparse(fast, name, 3)
    else:
        os.symlink("/dev/zero" if kind == "zero" else name, fast / name)
    target = ["--target", "y"] if suffix in ("csv", "parquet") and kind != "folder" else []
    before = sorted(path.name for path in fast.iterdir())
    ended, most = watched(fast, "train", name, *target, "--out", "run")
    assert name in ended.error
    assert most < 800
    assert sorted(path.name for path in fast.iterdir() if not path.name.startswith("words-")) == before


# ------------------------------------------------------------------------------------------------------- 29, 38, 39 Parquet
GOOD = parquet(x=np.arange(ROWS) * 0.37 % 1, y=np.arange(ROWS) % 2)
PARQUETS = {
    "cut off": (GOOD[:-20], "does not read"),
    "another mark": (b"PAR2" + GOOD[4:-4] + b"PAR2", "does not read"),
    "empty": (b"", "does not read"),
    "a description larger than the file": (b"PAR1\xff\xff\xff\x7fPAR1", "does not read"),
    "no rows": (parquet(x=[], y=[]), "t.parquet"),
    "lists as target": (parquet(x=np.arange(ROWS), y=[[i % 2] for i in range(ROWS)]), "a target is a number or a word"),
    "structures as target": (parquet(x=np.arange(ROWS), y=[{"a": i % 2} for i in range(ROWS)]), "a target is a number"),
    "bytes as target": (parquet(x=np.arange(ROWS), y=[bytes([i % 2]) for i in range(ROWS)]), "a target is a number"),
    "infinite targets": (parquet(x=np.arange(ROWS), y=[0.0, 1.0, float("inf")] * 20), "infinite"),
    "columns without values": (parquet(x=[None] * ROWS, y=np.arange(ROWS) % 2), "it is empty"),
}  # fmt: skip


@pytest.mark.parametrize("stream", [[], ["--stream"]], ids=["in memory", "streamed"])
@pytest.mark.parametrize("name", PARQUETS)
def test_a_parquet_file_that_cannot_be_learned_from_is_refused(name, stream, fast):
    content, words = PARQUETS[name]
    path = write(fast, "t.parquet", content)
    error = refused(fast, "train", path, "--target", "y", *stream, "--out", "run")
    assert words in error
    assert "t.parquet" in error


def test_values_in_lists_count_before_they_are_unpacked(fast):
    path = write(fast, "t.parquet", parquet(x=polars.zeros(150_000_000, eager=True).implode(), y=[1]))
    assert (fast / path).stat().st_size < 100_000
    assert "t.parquet" in refused(fast, "train", path, "--target", "y", "--out", "run", memory=800)


def test_long_words_in_many_rows_take_no_more_memory_than_once(fast):
    words = polars.Series(["a" * 100_000, "b" * 100_000]).gather(np.arange(20_000) % 2)
    path = write(fast, "t.parquet", parquet(x=words, y=np.arange(20_000) % 2))
    ended, most = watched(fast, "train", path, "--target", "y", "--dry-run")
    assert ended.code == 0
    assert most < 1_000


@pytest.mark.parametrize("stream", [[], ["--stream"]], ids=["in memory", "streamed"])
def test_columns_of_every_kind_are_used_or_left_out_with_a_note(stream, fast):
    number = np.arange(ROWS)
    content = parquet(
        x=number * 0.37 % 1,
        lists=[[i, 2] for i in range(ROWS)],
        structures=[{"a": i} for i in range(ROWS)],
        bytes=[bytes([i]) for i in range(ROWS)],
        decimals=[Decimal(i * i % 17) / 7 for i in range(ROWS)],
        nothing=[None] * ROWS,
        holes=[0.5, float("nan"), 1.5] * 20,
        far=polars.Series((number * 2 + 9) * 10**15).cast(polars.Datetime("us")),
        y=[0.0, 1.0, float("nan")] * 20,
    )
    said = trained(fast, write(fast, "t.parquet", content), "--target", "y", *stream)
    for name in ("lists", "structures", "bytes", "nothing"):
        assert f"column '{name}' is left out" in said
    assert "20 rows without a value of 'y' are left out" in said


# ------------------------------------------------------------------------------------------------- 29, 35, 36, 39 arrays
X, Y = DRAW.normal(size=(ROWS, 4)).astype(np.float32), np.arange(ROWS) % 2
ARRAYS = {
    "no array": (packed(x=b"hello", y__npy=npy((0,))), "'x' is no array"),
    "no arrays by their names": (packed(x__npy=b"hello"), "is no array"),
    "64 TB declared": (packed(x__npy=npy((1 << 40, 8), data=b"1234")), "larger than the memory"),
    "a product that overflows": (packed(x__npy=npy((1 << 62, 1 << 62))), "cannot reshape"),
    "a negative length": (packed(x__npy=npy((-1, 4))), "negative"),
    "1 GB of zeros": (lambda: gigabyte(npy((1 << 27,))), "expected at most 100 times as many"),
    "pickled": (packed(x__npy=npy((2,), "|O", b"cos\nsystem\n(S'touch canary'\ntR.")), "Python objects"),
    "objects": (arrays(x=np.array([object()] * 4), y=Y), "Python objects"),
    "cut off": (arrays(x=X, y=Y)[:-100], "not a zip file"),
    "names out of the archive": (packed(**{"../../canary__npy": npy((0,)), "/tmp/canary__npy": npy((0,))}), "it has"),
    "complex numbers": (arrays(x=X.astype(np.complex64), y=Y), "inputs of numbers, got complex64"),
    "complex targets": (arrays(x=X, y=Y.astype(np.complex64)), "targets of numbers or words"),
    "structures": (arrays(x=X, y=np.zeros(ROWS, "i4,f4")), "targets of numbers or words"),
    "dates": (arrays(x=X.astype("M8[s]"), y=Y), "inputs of numbers"),
    "one number": (arrays(x=np.float32(1), y=Y), "targets only"),
    "other lengths": (arrays(x=X, y=Y[:-1]), "one target for each input"),
    "no samples": (arrays(x=X[:0], y=Y[:0]), "two classes or more"),
    "no features": (arrays(x=X[:, :0], y=Y), "at least one number"),
    "no pixels": (arrays(x=np.zeros((ROWS, 0, 0), np.uint8), y=Y), "at least one number"),
    "no targets": (arrays(x=X, y=np.zeros((ROWS, 0))), "targets of numbers or words"),
    "NaN": (arrays(x=X * np.nan, y=Y), "column 'x1' holds nan"),
    "5,000 words": (arrays(x=DRAW.normal(size=(5000, 2)), y=np.array([f"w{i}" for i in range(5000)])), "5,000 different"),
    "a class without training": (arrays(x_train=X, y_train=Y, x_test=X, y_test=Y + 5), "class '5' has samples in test"),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_cannot_be_learned_from_are_refused(name, fast):
    content, words = ARRAYS[name]
    written = write(fast, "a.npz", content() if callable(content) else content)
    error = refused(fast, "train", written, "--out", "run", memory=900)
    assert words in error
    assert "a.npz" in error


@pytest.mark.parametrize(
    "content",
    [arrays(x=X.astype(np.float16), y=Y), arrays(x=np.zeros((ROWS, 2, 2, 2, 2), np.uint8) + Y[:, None, None, None, None], y=Y),
     arrays(x=X, y=np.array([MARKUP, "\x1b[2J\ud800\n"])[Y])],
    ids=["float16", "5 dimensions", "words of any kind"],
)  # fmt: skip
def test_arrays_of_odd_form_are_learned_from(content, fast):
    said = trained(fast, write(fast, "a.npz", content.encode() if isinstance(content, str) else content))
    assert "\x1b[2J" not in said
    assert MARKUP not in (fast / "run" / "report.html").read_text()


# ------------------------------------------------------------------------------------------- 24, 25, 30–33, 36, 39 images
def test_every_bad_image_among_a_thousand_is_named_or_left_out_and_counted(fast):
    whole_folder = images(fast, each=500)
    for number in range(0, 500, 50):
        path = whole_folder / "ant" / f"{number}.png"
        path.write_bytes(path.read_bytes()[:40])
    error = refused(fast, "train", "images", "--out", "run")
    assert "10 of 1000 images cannot be decoded" in error
    assert all(f"ant/{number}.png" in error for number in range(0, 500, 50))
    assert "--skip-bad" in error
    assert "10 of 1,000 images could not be decoded and were left out" in trained(fast, "images", "--skip-bad")


def test_bombs_and_what_is_no_image_are_each_told_without_being_unpacked(fast):
    bomb = zlib.compress(bytes(200 << 20))
    bad = [
        png(60_000, 60_000),
        png(8, 8, chunk(b"iCCP", b"a\0\0" + bomb)),  # as profile, text and international text
        png(8, 8, chunk(b"zTXt", b"a\0\0" + bomb)),
        png(8, 8, chunk(b"iTXt", b"a\0\1\0\0\0" + bomb)),
        *(b"", b"hello", image("JPEG", 64)[:300], b"<svg onload=alert(1)>"),
    ]
    images(fast)
    for number, content in enumerate(bad):
        write(fast, f"images/ant/bad{number}.png", content)
    error = refused(fast, "train", "images", "--out", "run", memory=500)
    assert f"{len(bad)} of {len(bad) + 16} images cannot be decoded" in error
    assert "--skip-bad" in error


def test_links_devices_and_folders_among_images_are_passed_over(fast):
    place = images(fast) / "ant"
    (place / "folder.png").mkdir()
    os.mkfifo(place / "fifo.png")
    for name, to in {
        "loop": ".",
        "up": "../..",
        "out.png": "/etc/passwd",
        "zero.png": "/dev/zero",
        "self.png": "self.png",
    }.items():
        os.symlink(to, place / name)
    said = trained(fast, "images")
    assert "symbolic links were not followed" in said
    assert "12 to train on, 1 to validate, 3 to test" in said


def test_a_film_and_a_wrong_ending_are_images_all_the_same(fast):
    images(fast)
    frames = [Image.fromarray(DRAW.integers(0, 255, (8, 8), dtype=np.uint8)) for _ in range(1000)]
    frames[0].save(fast / "images" / "ant" / "film.gif", save_all=True, append_images=frames[1:])
    write(fast, "images/ant/other.png", image("GIF"))
    trained(fast, "images")


@pytest.mark.parametrize(
    ("classes", "each", "words"),
    [
        (("ant",), 8, "expected two classes or more"),
        (("ant", "bee"), 1, "leave none for the validation split"),
        ((), 0, "names no data set, and there is no such file"),
    ],
)
def test_too_few_images_are_refused(classes, each, words, fast):
    images(fast, classes, each)
    assert words in refused(fast, "train", "images", "--out", "run")


def test_a_class_that_only_the_test_has_is_refused(fast):
    images(fast, name="images/train")
    images(fast, ("ant", "bee", "cat"), name="images/test")
    assert "class 'cat' has images in test/ but none in train/" in refused(fast, "train", "images", "--out", "run")


def test_a_batch_larger_than_the_data_and_an_empty_class_train(fast):
    images(fast)
    (fast / "images" / "cat").mkdir()
    assert "folder 'cat' holds no images and was left out" in trained(fast, "images", "--batch-size", "5000")


def test_images_of_one_pixel_train(fast):
    images(fast)
    for path in (fast / "images").rglob("*.png"):
        path.write_bytes(image(side=1))
    trained(fast, "images")


@pytest.mark.parametrize("size", ["0", "100000", "-3"])
def test_a_size_that_would_fill_the_memory_is_refused(size, fast):
    images(fast)
    assert "size" in refused(fast, "train", "images", "--image-size", size, "--out", "run", memory=500)


def test_names_of_any_bytes_are_shown_as_text(fast):
    """Class folders with markup, line ends, escapes, 255 bytes and no UTF-8; a page that shows them runs nothing."""
    images(fast, (MARKUP.replace("/", ""), "a\nb", "\x1b[31m", "é" * 127, "=1+1"))
    strange = os.fsencode(fast / "images") + b"/\xff\xfe"
    os.mkdir(strange)
    for number in range(8):
        Path(os.fsdecode(strange + b"/\xff%d.png" % number)).write_bytes(image())
    said = trained(fast, "images")
    page = (fast / "run" / "report.html").read_text()
    assert MARKUP not in page
    assert "\x1b" not in said + page
    told = profundo(fast, "predict", "run", "images", "--csv").wait()
    assert told.code == 0
    assert "\x1b" not in told.said


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become nobody")
@pytest.mark.parametrize("what", ["images/bee", "images/bee/3.png", "t.csv", "t.npz", "t.tar", "t.parquet", "t.zip"])
def test_what_may_not_be_read_is_not_left_out_in_silence(what, fast):
    if what.startswith("images"):
        images(fast, ("ant", "bee", "cat"))
    else:
        write(fast, what, TABLE)
    (fast / what).chmod(0)
    fast.chmod(0o777)
    target = ["--target", "y"] if what.endswith(("csv", "parquet")) else []
    command = ["train", what.split("/")[0], *target, "--out", "run"]
    error = profundo(fast, *command, trouble=Trouble(user=NOBODY)).wait(DEADLINE).error
    assert what.removeprefix("images/") in error
    assert not (fast / "run").exists()


# ---------------------------------------------------------------------------------------------------- 27, 30, 36 tar shards
def shard(*more: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        good = [
            (f"{i:03}.{end}", text)
            for i in range(12)
            for end, text in (("png", image()), ("cls", b"01"[i % 2 : i % 2 + 1]))
        ]
        for name, content in [*good, *more]:
            entry = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def special(kind: bytes, to: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo("x.png")
    entry.type, entry.linkname = kind, to
    return entry


SHARDS = {
    "a name out of it": (shard(("../canary.png", image())), "points out of the archive"),
    "a link": (shard((special(tarfile.SYMTYPE, "/etc/passwd"), b"")), "is a link"),
    "a device": (shard((special(tarfile.CHRTYPE), b"")), "a device"),
    "pickled": (shard(("x.pkl", b"cos\nsystem\n(S'touch canary'\ntR.")), "is pickled"),
    "a name twice": (shard(("000.png", image())), "comes twice"),
    "no class": (shard(("x.png", image())), "expected its class beside it"),
    "a class that is no text": (shard(("x.png", image()), ("x.cls", b"\xff")), "expected text"),
    "deep JSON": (shard(("x.png", image()), ("x.json", b"[" * 100_000)), "expected JSON"),
    "60,000 × 60,000": (shard(("x.png", png(60_000, 60_000)), ("x.cls", b"1")), "1 of 13 images cannot be decoded"),
    "cut off": (shard()[:9_000], "damaged or cut off"),
    "zeros": (bytes(10_240), "expected samples"),
    "empty": (b"", "expected a tar file"),
    "gzip": (b"\x1f\x8b" + bytes(1000), "is compressed"),
}


@pytest.mark.parametrize("name", SHARDS)
def test_a_hostile_shard_is_refused(name, fast):
    content, words = SHARDS[name]
    assert words in refused(fast, "train", write(fast, "x.tar", content), "--stream", "--out", "run", memory=500)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("images", r"(ant|bee)/\d+\.png can no longer be read"),
        ("x.tar", "x.tar: can no longer be read"),
        ("t.parquet", "t.parquet: .*not read"),
    ],
)
def test_data_that_disappear_while_they_are_streamed_end_in_one_line(kind, words, fast):
    """The process stops itself at its third step, the data go, and it goes on."""
    data = images(fast, each=40) if kind == "images" else fast / write(fast, kind, shard() if kind == "x.tar" else GOOD)
    target = ["--target", "y"] if kind == "t.parquet" else []
    command = profundo(
        fast,
        *("train", kind, *target, "--stream", "--workers", "0", "--batch-size", "2", "--epochs", "50"),
        *("--device", "cpu", "--out", "run"),
        trouble=Trouble(show=3, signal=signal.SIGSTOP),
    )
    wait_until_stopped(command.pid)
    shutil.rmtree(data) if data.is_dir() else data.unlink()
    os.kill(command.pid, signal.SIGCONT)
    error = command.wait().error
    assert re.search(words, error)


def wait_until_stopped(pid: int) -> None:
    for _ in range(3000):
        if ") T " in Path(f"/proc/{pid}/stat").read_text():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to its third step")


# ------------------------------------------------------------------------------------------------------ 32, 36 addresses
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("foo://x", "foo:// is not read; known:"),
        ("http://user:secret@host/x.tar", "without a password"),
        ("file:///etc/passwd", "/etc/passwd"),
        ("/etc/passwd", "expected a folder or a .zip"),
        ("memory://x/y.tar", "found nothing there"),
        ("{a}" * 3000, "names no data set"),
        ("x{0..99999}{0..99999}.tar", "at most 100,000 files"),
        ("a" * 5000 + ".csv", "too long"),
        ("a" * 5000 + ".npz", "too long"),
        ("simplecache::memory://x", "is not read; known:"),
    ],
    ids=range(10),
)
def test_an_address_that_cannot_be_read_is_refused(name, words, fast):
    target = ["--target", "y"] if name.endswith("csv") else []
    error = refused(fast, "train", name, *target, "--out", "run")
    assert words in error
    assert "secret" not in error


# ---------------------------------------------------------------------------------------------- 35–40 the folder of a run
@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run on a table, one beside it, and a cross-validation of it; each test gets a copy."""
    folder = tmp_path_factory.mktemp("made")
    trained(folder, write(folder, "t.csv", TABLE), "--target", "y")
    os.rename(folder / "run", folder / "other")
    trained(folder, "t.csv", "--target", "y")
    study = ["cross-validate", "t.csv", "--target", "y", "--folds", "2", "--epochs", "1", "--out", "study"]
    assert profundo(folder, *study).wait().code == 0
    return folder


@pytest.fixture
def here(made, fast):
    shutil.copytree(made, fast, dirs_exist_ok=True, ignore=shutil.ignore_patterns("words-*"))
    return fast


COMMANDS = {
    "evaluate": ["evaluate", "run"],
    "predict": ["predict", "run", "t.csv"],
    "report": ["report", "run"],
    "compare": ["report", "other", "run", "--out", "page.html"],
    "export": ["export", "run", "--format", "safetensors", "--out", "exported"],
}
READ_BY = {
    "scores.json": ["evaluate", "report", "compare", "export"],
    "environment.json": ["report", "compare"],
    "model.json": ["predict", "evaluate", "export"],
}


@pytest.mark.parametrize(
    "content", ["null", "[]", "5", "[" * 100_000, ""], ids=["null", "list", "number", "deep", "empty"]
)
@pytest.mark.parametrize("name", READ_BY)
def test_a_run_whose_files_hold_other_things_is_refused_by_every_command(name, content, here):
    write(here, f"run/{name}", content)
    vouch(here / "run")
    for command in READ_BY[name]:
        error = refused(here, *COMMANDS[command])
        assert "run" in error


@pytest.mark.parametrize(
    "change",
    [
        {"history": {}}, {"history": []}, {"history": [5]}, {"history": [{"epoch": "x"}]}, {"history": [{"epoch": 1}]},
        {"best_epoch": "x"}, {"best_epoch": -1}, {"seconds": 5}, {"seconds": {"training": "x"}},
    ],
    ids=str,
)  # fmt: skip
def test_scores_that_were_changed_are_refused_in_one_line(change, here):
    kept = json.loads((here / "run" / "scores.json").read_text())
    write(here, "run/scores.json", json.dumps(kept | change))
    vouch(here / "run")
    assert "scores.json" in refused(here, *COMMANDS["report"])


def test_markup_in_the_files_of_a_run_stays_text(here):
    kept = json.loads((here / "run" / "scores.json").read_text())
    history = [{**row, MARKUP: 0.5} for row in kept["history"]]
    write(here, "run/scores.json", json.dumps(kept | {"history": history, "notes": [MARKUP]}))
    write(here, "run/environment.json", json.dumps({"profundo": MARKUP, MARKUP: "x"}))
    vouch(here / "run")
    for command in ("report", "compare", "export"):
        assert profundo(here, *COMMANDS[command]).wait().code == 0
    for page in (here / "run" / "report.html", here / "page.html", here / "exported" / "MODEL_CARD.md"):
        assert MARKUP not in page.read_text()


def inputs(**change):
    return lambda described: described["spec"]["inputs"].update(change)


def targets(**change):
    return lambda described: described["spec"]["targets"].update(change)


@pytest.mark.parametrize(
    "change",
    {
        "a million layers": lambda described: described.update(net_options={"widths": [1] * 1_000_000}),
        "1,001 layers": lambda described: described.update(net_options={"widths": [1] * 1_001}),
        "no width": lambda described: described.update(net_options={"widths": [0]}),
        "truth as width": lambda described: described.update(net_options={"widths": [True]}),
        "another net": lambda described: described.update(net="resnet"),
        "deviations of 0": inputs(std=[0.0] * 7),
        "means of NaN": inputs(mean=[float("nan")] * 7),
        "too few means": inputs(mean=[0.0] * 2, std=[1.0] * 2),
        "too few names": inputs(names=["a"]),
        "too few columns": inputs(columns=[]),
        "images": inputs(kind="image"),
        "no shape": inputs(shape=[]),
        "a negative shape": inputs(shape=[-1]),
        "one class": targets(classes=["a"]),
        "three classes of two": targets(classes=["a", "b", "c"]),
        "numbers with classes": targets(kind="real"),
        "another objective": lambda described: described.update(objective="os.system"),
        "an objective of other targets": lambda described: described.update(objective="gaussian"),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_description_that_contradicts_itself_is_refused(change, here):
    described = json.loads((here / "run" / "model.json").read_text())
    described.pop("description_sha256")
    before = json.dumps(described)
    change[1](described)
    assert json.dumps(described) != before
    write(here, "run/model.json", json.dumps({**described, "description_sha256": digest(described)}))
    refused(here, *COMMANDS["predict"], memory=800)


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "scores.json"])
def test_files_of_gigabytes_in_a_run_are_not_read(name, here):
    (here / "run" / name).unlink()
    before = sorted(path.name for path in here.iterdir())
    sparse(here, f"run/{name}", 3)
    ended, most = watched(here, *COMMANDS["evaluate"])
    assert name in ended.error
    assert most < 800
    assert sorted(path.name for path in here.iterdir() if not path.name.startswith("words-")) == before


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "scores.json", "experiment.yaml"])
@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_a_fifo_or_folder_in_a_run_never_blocks(name, kind, here):
    (here / "run" / name).unlink()
    os.mkfifo(here / "run" / name) if kind == "fifo" else (here / "run" / name).mkdir()
    refused(here, *COMMANDS["evaluate"], memory=800)


@pytest.mark.parametrize(
    "change",
    [
        {"data": "/etc/passwd"}, {"data": "/dev/zero"}, {"data": "s3://bucket/x.tar"}, {"data": "nowhere.csv"}, {"data": MARKUP},
        {"data": "iris"}, {"out": "canary"}, {"target": "a"}, {"workers": 10**6}, {"log": "canary"},
    ],
    ids=str,
)  # fmt: skip
def test_an_experiment_that_names_other_things_is_refused(change, here):
    asked = yaml.safe_load((here / "run" / "experiment.yaml").read_text()) | change
    asked = {name: value for name, value in asked.items() if name != "target" or asked["data"] not in ("iris",)}
    write(here, "run/experiment.yaml", yaml.safe_dump(asked))
    vouch(here / "run")
    refused(here, *COMMANDS["evaluate"])


# ------------------------------------------------------------------------------------------------ 35–40 the folder of a study
def kept_results(folder: Path, change) -> None:
    """results.json with another content that vouches for itself."""
    kept = json.loads((folder / "study" / "results.json").read_text())
    kept.pop("sha256")
    kept = change(kept)
    write(folder, "study/results.json", json.dumps({**kept, "sha256": digest(kept)}))


def each(**change):
    return lambda kept: {**kept, "results": {name: {**result, **change} for name, result in kept["results"].items()}}


@pytest.mark.parametrize(
    "change",
    {
        "nothing": lambda _: {},
        "a list": lambda kept: {**kept, "results": []},
        "numbers": lambda kept: {**kept, "results": dict.fromkeys(kept["results"], 5)},
        "empty results": lambda kept: {**kept, "results": {name: {} for name in kept["results"]}},
        "facts": lambda kept: {**kept, "facts": 5},
        "more": each(**{"os.system": "touch canary"}),
        "no figures": each(values={}),
        "a number as figures": each(values=5),
        "words as figures": each(values={"accuracy": "x"}),
        "samples": each(samples=5),
        "confusions": each(confusion=[5]),
        "uneven confusions": each(confusion=[[1, 2]]),
    }.items(),
    ids=lambda item: item[0],
)
def test_changed_results_of_a_study_are_refused_in_one_line(change, here):
    kept_results(here, change[1])
    assert "study" in refused(here, "cross-validate", "--resume", "study")


@pytest.mark.parametrize(
    "content",
    [
        "study: cross-validate\nsettings: !!python/object/apply:os.system ['touch canary']",
        "study: cross-validate\nfolds: 2\nsettings: {data: 5}",
        "study: &a [*a]",
        "[" * 100,
        "a: " + "x" * 70_000,
        "study: select",
    ],
    ids=["tag", "number", "alias", "deep", "long", "another"],
)
def test_a_hostile_question_of_a_study_is_refused_in_one_line(content, here):
    write(here, "study/study.yaml", content)
    assert "study" in refused(here, "cross-validate", "--resume", "study")


@pytest.mark.parametrize("change", [{"seed": 1}, {"learning_rate": 0.5}], ids=str)
def test_a_study_whose_question_was_edited_does_not_go_on(change, here):
    """What is kept answers the question as it was."""
    asked = yaml.safe_load((here / "study" / "study.yaml").read_text())
    write(here, "study/study.yaml", yaml.safe_dump({**asked, "settings": {**asked["settings"], **change}}))
    ((name, value),) = change.items()
    error = refused(here, "cross-validate", "--resume", "study")
    assert f"{name} was" in error
    assert f"is {value}" in error


@pytest.mark.parametrize("name", ["study.yaml", "results.json"])
def test_a_fifo_in_a_study_never_blocks(name, here):
    (here / "study" / name).unlink()
    os.mkfifo(here / "study" / name)
    refused(here, "cross-validate", "--resume", "study", memory=800)


# -------------------------------------------------------------------------------------------------- 18, 28, 32 what is predicted
PREDICTED = {
    "fifo": lambda folder: os.mkfifo(folder / "x"),
    "fifo.csv": lambda folder: os.mkfifo(folder / "x"),
    "a folder": lambda folder: (folder / "x").mkdir(),
    "a loop": lambda folder: os.symlink("x", folder / "x"),
    "/dev/zero": lambda folder: os.symlink("/dev/zero", folder / "x"),
    "a number that float32 cannot hold": lambda folder: write(folder, "x", "a,b,c\n1e300,2,r\n"),
    "a word for a number": lambda folder: write(folder, "x", "a,b,c\nx,2,r\n"),
    "no such column": lambda folder: write(folder, "x", "a,b\n1,2\n"),
    "a header only": lambda folder: write(folder, "x", "a,b,c\n"),
    "nothing": lambda folder: write(folder, "x", ""),
    "zero bytes": lambda folder: write(folder, "x", bytes(1 << 20)),
}


@pytest.mark.parametrize("name", PREDICTED)
def test_what_cannot_be_predicted_is_refused_in_one_line(name, here):
    PREDICTED[name](here)
    assert "x" in refused(here, "predict", "run", "x", memory=800)
