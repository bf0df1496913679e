"""Folders and archives of images: what is read equals what was drawn; what is damaged or hostile is refused."""

import io
import os
import pickle
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from profundo.data import load
from profundo.data.images import image_folders as reader
from profundo.data.images.pixels import decode
from profundo.data.streams.blocks import gather
from profundo.image_files import strict
from profundo.records import ProfundoError


def picture(seed: int, size=(6, 5), mode="RGB", kind="PNG") -> bytes:
    shape = (size[1], size[0]) if mode in ("L", "P") else (size[1], size[0], len(mode))
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    file = io.BytesIO()
    image = Image.fromarray(values) if mode != "P" else Image.fromarray(values).convert("P")
    (image if image.mode == mode else image.convert(mode)).save(file, kind)
    return file.getvalue()


def pixels(data: bytes) -> torch.Tensor:
    return torch.from_numpy(np.array(Image.open(io.BytesIO(data)).convert("RGB"))).permute(2, 0, 1)


def tree(classes=("cat", "dog", "eel"), each=10, split="") -> dict[str, bytes]:
    names = [(name, number) for name in classes for number in range(each)]
    return {f"{split}{name}/{number}.png": picture(place) for place, (name, number) in enumerate(names)}


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def pack(path: Path, files: dict[str, bytes], method=zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.fixture(params=["folder", "zip"])
def make(request, tmp_path):
    """Lays files out as a folder or as a .zip; returns its path."""

    def lay(files: dict[str, bytes]) -> Path:
        return write(tmp_path / "set", files) if request.param == "folder" else pack(tmp_path / "set.zip", files)

    return lay


def everything(found):
    for split in (found.train, found.validation, found.test):
        yield from zip(gather(split.inputs, range(len(split))), split.targets.tolist(), strict=True)


def refused(path, match, **options):
    with pytest.raises(ProfundoError, match=match) as error:
        load(path, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_image_comes_back_with_its_class(make):
    files = tree()
    found = load(make(files))
    assert found.spec.targets.classes == ("cat", "dog", "eel")
    assert found.spec.inputs.shape == (3, 5, 6)
    assert [len(s) for s in (found.train, found.validation, found.test)] == [22, 2, 6]
    got = sorted((label, image.numpy().tobytes()) for image, label in everything(found))
    drawn = sorted(
        (["cat", "dog", "eel"].index(n.split("/")[0]), pixels(d).numpy().tobytes()) for n, d in files.items()
    )
    assert got == drawn
    train = found.train.inputs.double()
    np.testing.assert_allclose(found.spec.inputs.mean, train.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(found.spec.inputs.std, train.std((0, 2, 3), correction=0), rtol=1e-12)


def test_streamed_samples_equal_those_in_memory(make):
    path = make(tree())
    found, streamed = load(path, seed=2), load(path, seed=2, stream=True)
    assert (found.spec, found.facts) == (streamed.spec, streamed.facts)
    assert not isinstance(streamed.train.inputs, torch.Tensor)
    for (one, label), (other, again) in zip(everything(found), everything(streamed), strict=True):
        assert torch.equal(one, other)
        assert label == again


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_read_what_the_parent_reads(make, workers):
    source = load(make(tree()), stream=True).train.inputs
    expected = gather(source, range(len(source)))  # the parent has the archive open now
    got = torch.cat(list(DataLoader(source, batch_size=4, num_workers=workers)))
    assert torch.equal(got, expected)
    assert torch.equal(pickle.loads(pickle.dumps(source))[3], expected[3])


def test_splits_given_as_folders_are_kept(make):
    parts = {"train": 8, "val": 3, "test": 4}
    files = {k: v for split, each in parts.items() for k, v in tree(each=each, split=f"{split}/").items()}
    path = make(files)
    found = load(path)
    assert [len(s) for s in (found.train, found.validation, found.test)] == [24, 9, 12]
    with pytest.raises(ProfundoError, match="validation split of its own"):
        load(path, validation=0.1)


def test_a_folder_around_everything_is_looked_through(make):
    found = load(make({f"outer/inner/{name}": data for name, data in tree().items()}))
    assert found.spec.targets.classes == ("cat", "dog", "eel")


def test_train_and_test_may_be_names_of_classes(make):
    found = load(make(tree(("train", "test"))))
    assert found.spec.targets.classes == ("test", "train")
    assert found.spec.targets.kind == "binary"
    assert found.notes == ("folders test, train are taken for classes; for splits, each holds a folder for each class",)


@pytest.mark.parametrize(
    "names",
    [
        ("Training", "Testing"),
        ("training_set", "test_set"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("train", "dev"),
    ],
)
def test_splits_are_known_by_the_names_that_archives_give_them(make, names):
    parts = dict(zip(names, (8, 4), strict=True))
    found = load(make({k: v for split, each in parts.items() for k, v in tree(each=each, split=f"{split}/").items()}))
    assert found.spec.targets.classes == ("cat", "dog", "eel")
    assert len(found.validation if names[1] == "dev" else found.test) == 12


@pytest.mark.parametrize(
    "names", [("images",), ("masks",), ("images", "labels"), ("imgs", "Annotations"), ("image", "gt")]
)
def test_images_beside_their_masks_are_no_classes(make, names):
    words = f"found {sorted(names)[0]}/.*lie in images/ and masks/ under the same names"
    with pytest.raises(ProfundoError, match=words):
        load(make(tree(names)))


def test_images_may_be_the_name_of_a_class(make):
    assert load(make(tree(("images", "drawings")))).spec.targets.classes == ("drawings", "images")


def test_other_files_are_ignored_and_stray_images_noted(make):
    junk = dict.fromkeys(
        ("Thumbs.db", "cat/.DS_Store", "cat/notes.txt", "__MACOSX/cat/._0.png", "cat/.hidden.png"), b"x"
    )
    found = load(make(tree() | junk | {"stray.png": picture(0)}))
    assert sum(1 for _ in everything(found)) == 30
    assert found.notes == ("1 images outside the class folders were left out.",)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P", "RGBA", "CMYK"])
def test_modes_become_grey_or_colour(make, mode):
    kind = {"CMYK": "TIFF"}.get(mode, "PNG")
    files = {
        f"{name}/{n}.{kind.lower()}": picture(n, mode="L" if mode == "1" else mode, kind=kind)
        for name in "ab"
        for n in range(9)
    }
    found = load(make(files))
    assert found.spec.inputs.shape[0] == (1 if mode in ("L", "1", "LA") else 3)


def shown_by_pillow(data: bytes, size: tuple[int, int], mode: str) -> torch.Tensor:
    """The image scaled by hand to cover the size, and its middle."""
    image = Image.open(io.BytesIO(data)).convert(mode)
    ratio = max(size[0] / image.width, size[1] / image.height)
    wide, high = size[0] / ratio, size[1] / ratio
    left, top = (image.width - wide) / 2, (image.height - high) / 2
    cut = image.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + wide, top + high))
    return torch.from_numpy(np.array(cut)).reshape(*size[::-1], -1).permute(2, 0, 1)


@pytest.mark.parametrize("stream", [True, False])
def test_images_of_several_sizes_cover_the_median_and_are_cut_about_their_centre(make, stream):
    files = tree() | {"dog/wide.png": picture(0, (12, 5)), "dog/tall.png": picture(1, (3, 9))}
    found = load(make(files), stream=stream)
    assert found.spec.inputs.shape == (3, 5, 6)
    assert found.notes[-1].startswith("The images have different sizes, from 3×9 to 12×5: each was scaled to cover 6×5")
    there = [image for image, _ in everything(found)]
    for name in ("dog/wide.png", "dog/tall.png", "cat/0.png"):
        expected = shown_by_pillow(files[name], (6, 5), "RGB")
        assert any((image.int() - expected.int()).abs().max() <= 1 for image in there), name


def test_large_images_are_made_smaller_until_their_longer_side_is_224(make):
    files = {f"{name}/{n}.png": picture(n, (300 + 100 * n, 100)) for name in "ab" for n in range(5)}
    assert load(make(files)).spec.inputs.shape == (3, 45, 224)  # the median is 500 × 100


def test_all_images_can_be_asked_to_have_one_size(make):
    found = load(make(tree()), image_size=4)
    assert found.spec.inputs.shape == (3, 4, 4)
    first = shown_by_pillow(tree()["cat/0.png"], (4, 4), "RGB")
    assert any((image.int() - first.int()).abs().max() <= 1 for image, _ in everything(found))
    with pytest.raises(ProfundoError, match="image_size is for folders and archives of images"):
        load("digits", image_size=4)


def test_one_image_in_colour_makes_all_of_them_colour(make):
    greys = {f"{name}/{n}.png": picture(n, mode="L") for name in "ab" for n in range(10)}
    assert load(make(greys)).spec.inputs.shape == (1, 5, 6)
    found = load(make(greys | {"a/odd.png": picture(0)}), stream=True)
    assert found.spec.inputs.shape == (3, 5, 6)
    assert "Some images are grey and some are in colour" in found.notes[-1]


def test_a_camera_that_was_turned_shows_its_images_upright(make):
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    values = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    Image.fromarray(values).save(file, "PNG", exif=exif)
    found = load(make(tree() | {"cat/turned.png": file.getvalue()}))
    assert found.spec.inputs.shape == (3, 5, 6)
    upright = torch.from_numpy(np.rot90(values, -1).copy()).permute(2, 0, 1)
    assert any(torch.equal(image, upright) for image, _ in everything(found))


@pytest.mark.parametrize("stream", [True, False])
def test_damaged_images_are_all_listed_or_skipped(make, stream):
    files = {f"{name}/{n}.jpg": picture(n, (40, 40), kind="JPEG") for name in "ab" for n in range(20)}
    for n in range(12):
        files[f"a/{n}.jpg"] = (files[f"a/{n}.jpg"][: 400 + n], b"", b"no image")[n % 3]
    path = make(files)
    message = refused(path, "12 of 40 images cannot be decoded", stream=stream)
    assert all(f"a/{n}.jpg (" in message for n in (0, 1, 10))
    assert "and 2 more" in message
    found = load(path, stream=stream, skip_bad=True)
    assert sum(1 for _ in everything(found)) == 28
    assert found.notes == ("12 of 40 images could not be decoded and were left out.",)


def test_nothing_left_of_a_class_is_an_error_even_when_skipping(make):
    files = {f"a/{n}.png": b"" for n in range(5)} | {f"b/{n}.png": picture(n) for n in range(5)}
    refused(make(files), "class 'a' has no image", skip_bad=True)
    assert "a/0.png" in refused(make(dict.fromkeys(files, b"")), "10 of 10", skip_bad=True)


def test_a_gigantic_image_is_refused_before_it_is_decoded(make):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    files = tree()
    for side in (9_000, 12_000, 60_000):  # over our limit, over Pillow's warning, over Pillow's error
        head = chunk(b"IHDR", struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0))
        data = chunk(b"IDAT", zlib.compress(bytes(10**6)))
        files[f"cat/big{side}.png"] = b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")
    path = make(files)
    before = psutil.Process().memory_info().rss
    message = refused(path, "3 of 33 images")
    assert psutil.Process().memory_info().rss - before < 50e6
    assert "9000×9000 pixels, more than the limit" in message
    for name in ("cat/big12000.png", "cat/big60000.png"):
        with pytest.raises(ValueError, match=r"^\d+ pixels, more than the limit of \d+$"), strict():
            decode(files[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "3 of 33" in load(path, skip_bad=True).notes[0]


def test_more_than_sixteen_bits_a_channel_are_refused(make):
    greys = {f"{name}/{n}.png": picture(n, mode="L") for name in "ab" for n in range(10)}
    file = io.BytesIO()
    Image.fromarray(np.full((5, 6), 0.5, np.float32)).save(file, "TIFF")
    refused(make(greys | {"a/deep.png": file.getvalue()}), "more than 16 bits")


def test_empty_class_folders_are_noted(make):
    path = make(tree(("cat", "dog")) | {"fox/readme.txt": b"none yet"})
    found = load(path)
    assert found.spec.targets.classes == ("cat", "dog")
    assert found.notes == ("train: folder 'fox' holds no images and was left out.",)


def test_too_few_classes_images_or_samples_are_refused(make):
    refused(make({"notes.md": b"", "a/b.md": b""}), "found none there")
    refused(make({"0.png": picture(0)}), "found none there and 1 outside")


def test_one_class_is_refused(make):
    refused(make(tree(("cat",))), "two classes or more, found images of 'cat' only")


def test_two_samples_are_too_few_and_six_are_enough(make, tmp_path):
    refused(make({"a/0.png": picture(0), "b/0.png": picture(1)}), "leave none")
    write(tmp_path / "six", {f"{name}/{n}.png": picture(n) for name in "ab" for n in range(3)})
    found = load(tmp_path / "six")
    assert [len(s) for s in (found.train, found.validation, found.test)] == [4, 1, 1]


def test_a_class_missing_from_training_is_refused(make):
    files = tree(("a", "b"), split="train/") | tree(("a", "b", "c"), split="test/")
    refused(make(files), r"class 'c' has images in test/ but none in train/")


ODD = ["ñandú 猫", "with space", "new\nline", "<img onerror=1>", "x" * 255, "-rf", "%2e%2e", "a\\b"]


def test_odd_names_work(make):
    files = {f"{name}/{n}.png": picture(n) for name in ODD for n in range(5)}
    files |= {f"ñandú 猫/{name[:250]}.png": picture(7) for name in ODD}
    found = load(make(files))
    assert len(found.spec.targets.classes) == len(ODD)
    assert not any("\n" in name for name in found.spec.targets.classes)


def test_names_that_are_no_utf8_work(tmp_path):
    root = os.fsencode(tmp_path / "set")
    for name in (b"caf\xe9", b"caf\xe8"):
        os.makedirs(os.path.join(root, name))
        for n in range(6):
            Path(os.fsdecode(os.path.join(root, name, b"%d\xff.png" % n))).write_bytes(picture(n))
    found = load(tmp_path / "set")
    assert found.spec.targets.classes == ("caf\\xe8", "caf\\xe9")
    Path(os.fsdecode(os.path.join(root, b"caf\xe9", b"bad\xff.png"))).write_bytes(b"")
    refused(tmp_path / "set", r"bad\\xff\.png").encode("utf-8")


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    outside = write(tmp_path / "outside", {"cat/secret.png": picture(99, (9, 9))})
    path = write(tmp_path / "set", tree())
    (path / "cat" / "link.png").symlink_to(outside / "cat" / "secret.png")
    (path / "cat" / "inner.png").symlink_to(path / "dog" / "0.png")
    (path / "cat" / "nothing.png").symlink_to(path / "gone.png")
    (path / "fox").symlink_to(outside / "cat")
    (path / "cat" / "loop").symlink_to(path)
    os.mkfifo(path / "cat" / "pipe.png")
    found = load(path)
    assert sum(1 for _ in everything(found)) == 31
    assert found.notes == ("3 symbolic links were not followed.",)


@pytest.mark.parametrize("name", ["../evil/0.png", "cat/../../evil.png", "/etc/evil.png"])
def test_archive_names_that_point_outside_are_left_out(tmp_path, name):
    path = pack(tmp_path / "set.zip", tree() | {name: picture(0)})
    before = sorted(tmp_path.rglob("*"))
    found = load(path)
    assert sum(1 for _ in everything(found)) == 30
    assert "left out" in found.notes[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_encrypted_members_are_refused(tmp_path):
    path = pack(tmp_path / "set.zip", tree())
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    refused(path, r"1 of 30 .*cat/0\.png \(encrypted\)")


def test_a_member_that_declares_too_much_is_not_read(tmp_path):
    path = pack(tmp_path / "set.zip", tree() | {"cat/bomb.bmp": bytes(2**26 + 1)})
    before = psutil.Process().memory_info().rss
    refused(path, r"cat/bomb\.bmp \(67,108,865 bytes, more than the limit")
    assert psutil.Process().memory_info().rss - before < 50e6


def test_a_member_that_lies_about_its_size_is_refused(tmp_path):
    path = pack(tmp_path / "set.zip", {"cat/bomb.png": picture(0)[:50] + bytes(2**24)} | tree())
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<I", 1000)
    path.write_bytes(data)
    refused(path, r"1 of 31 .*cat/bomb\.png")


def test_any_truncation_of_an_archive_is_refused(tmp_path):
    path = pack(tmp_path / "set.zip", tree(each=3))
    whole = path.read_bytes()
    for length in range(0, len(whole), 211):
        path.write_bytes(whole[:length])
        refused(path, "expected a folder or a .zip|cannot be read")


def test_flipped_bits_in_an_archive_never_change_a_pixel(tmp_path):
    files = tree(("a", "b"), each=6)
    drawn = {pixels(data).numpy().tobytes() for data in files.values()}
    path = pack(tmp_path / "set.zip", files)
    whole = path.read_bytes()
    refusals = 0
    for place in range(40, len(whole), 61):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1 :])
        try:
            found = load(path)
        except ProfundoError:
            refusals += 1
        else:  # it was a bit of a time or of a name, which have no checksum
            assert {image.numpy().tobytes() for image, _ in everything(found)} <= drawn
    assert refusals > 10


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x05\x06" + bytes(18)])
def test_files_that_are_no_archive_are_refused(tmp_path, content):
    path = tmp_path / "set.zip"
    path.write_bytes(content)
    refused(path, "expected")


def test_a_large_set_is_cached_and_a_damaged_cache_is_made_anew(make, tmp_path, monkeypatch):
    monkeypatch.setenv("PROFUNDO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(reader, "_CACHE_FROM", 0)
    path = make(tree() | {"cat/bad.png": b""})
    for stream in (False, True):
        first = load(path, stream=stream, skip_bad=True)
        with monkeypatch.context() as patch:
            patch.setattr(reader, "_survey", None)  # would fail if it were called
            again = load(path, stream=stream, skip_bad=True)
        refused(path, "1 of 31", stream=stream)
        (kept,) = (tmp_path / "cache" / "decoded").iterdir()
        whole = kept.read_bytes()
        for damaged in (whole[:-1], whole[: len(whole) // 2], b"", whole[:-9] + b"x" + whole[-8:], whole + b"x"):
            kept.write_bytes(damaged)
            rebuilt = load(path, stream=stream, skip_bad=True)
            assert (first.facts, first.notes) == (again.facts, again.notes) == (rebuilt.facts, rebuilt.notes)
            assert kept.read_bytes() == whole
        kept.unlink()


def test_a_changed_set_is_not_taken_from_the_cache(make, tmp_path, monkeypatch):
    monkeypatch.setenv("PROFUNDO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(reader, "_CACHE_FROM", 0)
    before = load(make(tree())).facts
    files = tree() | {f"cat/{n}.png": picture(100 + n) for n in range(10)}
    assert load(make(files)).facts != before


def test_large_images_are_decoded_by_threads_alike(make):
    files = {f"{name}/{n}.png": picture(n, (100, 97)) for name in "ab" for n in range(70)}
    found = load(make(files))
    drawn = sorted(pixels(data).numpy().tobytes() for data in files.values())
    assert sorted(image.numpy().tobytes() for image, _ in everything(found)) == drawn


def test_auto_streams_only_what_is_large(make, monkeypatch):
    path = make(tree())
    assert isinstance(load(path).train.inputs, torch.Tensor)
    monkeypatch.setattr(reader, "_memory_for_images", lambda: 30 * 90 - 1)
    assert not isinstance(load(path).train.inputs, torch.Tensor)


def test_a_file_that_changes_under_a_stream_is_reported(tmp_path):
    path = write(tmp_path / "set", tree())
    source = load(path, stream=True).train.inputs
    for file in path.rglob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(ProfundoError, match="no longer decodes"):
        source[0]
