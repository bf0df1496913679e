"""Tar shards: what is read equals what was written; what is damaged or hostile is refused in one line."""

import gzip
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
import torch

from profundo.data import load, standardize
from profundo.data.streams import shard_index
from profundo.data.streams.shard_packing import write_shards as write_from_folder
from profundo.records import ProfundoError
from shard_files import picture, pixels, samples, write_shards, write_tar


def everything(data):
    """All samples of the splits together, as a set of (first pixels, class name)."""
    found = []
    for split in (data.train, data.validation, data.test):
        found += [
            (split.inputs[place].numpy().tobytes(), data.spec.targets.classes[label])
            for place, label in enumerate(split.targets.tolist())
        ]
    return sorted(found)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("label", ["cls", "txt", "json"])
def test_samples_are_those_that_were_written(tmp_path, stream, label):
    data = load(write_shards(tmp_path / "s", label=label), stream=stream)
    expected = [(pixels(number).transpose(2, 0, 1).tobytes(), str(number % 3)) for number in range(60)]
    assert everything(data) == sorted(expected)
    assert isinstance(data.train.inputs, torch.Tensor) is (not stream)


def test_streamed_and_in_memory_are_the_same_data_set(tmp_path):
    write_shards(tmp_path / "s")
    streamed, kept = (load(tmp_path / "s", stream=stream) for stream in (True, False))
    assert streamed.spec == kept.spec
    for name in ("train", "validation", "test"):
        one, other = getattr(streamed, name), getattr(kept, name)
        assert torch.equal(one.targets, other.targets)
        assert all(torch.equal(one.inputs[place], other.inputs[place]) for place in range(len(one)))


def test_the_training_split_has_mean_zero_and_deviation_one_when_standardised(tmp_path):
    data = load(write_shards(tmp_path / "s"), stream=True)
    raw = torch.stack([data.train.inputs[place] for place in range(len(data.train))])
    values = standardize(raw, data.spec.inputs).double()
    assert values.mean((0, 2, 3)).abs().max() < 1e-6
    assert (values.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-6


@pytest.mark.parametrize("names", ["{0}-{1:03}.tar", "{0}/{1:03}.tar"])
def test_names_and_folders_of_shards_are_splits(tmp_path, names):
    for split, begin in (("train", 0), ("val", 30), ("test", 60)):
        write_tar(tmp_path / "s" / names.format(split, 0), samples(range(begin, begin + 15)))
    data = load(tmp_path / "s", stream=True)
    assert (len(data.train), len(data.validation), len(data.test)) == (15, 15, 15)
    first = pixels(60).transpose(2, 0, 1)
    assert np.array_equal(data.test.inputs[0], first)


def test_an_archive_left_beside_folders_of_images_is_not_taken_for_a_shard(tmp_path):
    for number in range(30):
        place = tmp_path / "s" / ("ant", "bee")[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture(number))
    write_tar(tmp_path / "s" / "download.tar", [("ant/0.png", picture(0))])
    data = load(tmp_path / "s")
    assert data.spec.targets.classes == ("ant", "bee")
    assert len(data.train) + len(data.validation) + len(data.test) == 30


def test_shards_that_are_named_one_by_one_are_divided(tmp_path):
    write_shards(tmp_path / "s", name="train-{:03}.tar")
    data = load(f"{tmp_path}/s/train-{{000..001}}.tar", stream=True)
    assert len(data.train) + len(data.validation) + len(data.test) == 40
    assert data.name == "train"


@pytest.mark.parametrize(
    ("file", "content"), [("classes.txt", "ant\nbee\ncat\n"), ("dataset.json", '{"classes": ["ant", "bee", "cat"]}')]
)
def test_a_list_beside_the_shards_names_the_classes(tmp_path, file, content):
    write_shards(tmp_path / "s")
    (tmp_path / "s" / file).write_text(content)
    data = load(tmp_path / "s", stream=True)
    assert data.spec.targets.classes == ("ant", "bee", "cat")
    place = int((data.train.targets == 1).nonzero()[0])
    written = {pixels(number).transpose(2, 0, 1).tobytes(): number % 3 for number in range(60)}
    assert written[data.train.inputs[place].numpy().tobytes()] == 1


def test_names_as_classes_and_numbers_in_their_own_order(tmp_path):
    named = [(f"{n}.png", picture(n)) for n in range(30)]
    write_tar(
        tmp_path / "a.tar", [m for n, one in enumerate(named) for m in (one, (f"{n}.cls", b"pear fig".split()[n % 2]))]
    )
    assert load(tmp_path / "a.tar").spec.targets.classes == ("fig", "pear")
    write_tar(tmp_path / "b.tar", [m for n, one in enumerate(named) for m in (one, (f"{n}.cls", b"%d" % (9 + n % 3)))])
    assert load(tmp_path / "b.tar").spec.targets.classes == ("9", "10", "11")


@pytest.mark.parametrize("stream", [True, False])
def test_sizes_and_colours_follow_the_rules_of_folders(tmp_path, stream):
    """The same images as a folder and as shards become the same tensors."""
    kinds = [{"size": (12, 10)}, {"size": (20, 8)}, {"size": (16, 16), "mode": "L"}]
    images = {number: picture(number, **kinds[number % 2 if number < 20 else 2]) for number in range(40)}
    for number, content in images.items():
        place = tmp_path / "f" / "ab"[number % 2] / f"{number:03}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    write_tar(
        tmp_path / "s.tar",
        [
            m
            for n, content in images.items()
            for m in ((f"{n:03}.png", content), (f"{n:03}.cls", b"ab"[n % 2 : n % 2 + 1]))
        ],
    )
    folder, tar = load(tmp_path / "f", stream=stream), load(tmp_path / "s.tar", stream=stream)
    assert tar.spec.inputs.shape == folder.spec.inputs.shape
    assert everything(tar) == everything(folder)
    assert [note for note in tar.notes if "different sizes" in note] == [
        n for n in folder.notes if "different sizes" in n
    ]
    small = load(tmp_path / "s.tar", stream=stream, image_size=7)
    assert small.spec.inputs.shape == (3, 7, 7)
    assert everything(small) == everything(load(tmp_path / "f", stream=stream, image_size=7))


def test_grey_among_colour_of_one_size_is_measured_as_colour(tmp_path):
    members = [m for n in range(30) for m in samples([n], mode="L" if n % 4 == 0 else "RGB")]
    write_tar(tmp_path / "s.tar", members)
    streamed, kept = (load(tmp_path / "s.tar", stream=stream) for stream in (True, False))
    assert streamed.spec.inputs == kept.spec.inputs
    assert streamed.spec.inputs.shape[0] == 3


def test_arrays_of_bytes_are_images_whichever_way_their_channels_lie(tmp_path):
    def saved(array):
        file = io.BytesIO()
        np.save(file, array)
        return file.getvalue()

    lying = [lambda p: p, lambda p: p.transpose(2, 0, 1), lambda p: np.asfortranarray(p)]
    arrays = [(f"{n}.npy", saved(lying[n % 3](pixels(n)))) for n in range(30)]
    write_tar(tmp_path / "s.tar", [m for n, one in enumerate(arrays) for m in (one, (f"{n}.cls", b"%d" % (n % 2)))])
    expected = sorted((pixels(n).transpose(2, 0, 1).tobytes(), str(n % 2)) for n in range(30))
    assert everything(load(tmp_path / "s.tar", stream=True)) == expected


# ------------------------------------------------------------------------------------------------------------- the cache
def test_a_shard_is_read_once_and_anew_when_it_changes(tmp_path, monkeypatch):
    write_shards(tmp_path / "s")
    looked = []
    look = shard_index._index
    monkeypatch.setattr(shard_index, "_index", lambda file, how: looked.append(file.name) or look(file, how))
    load(tmp_path / "s", stream=True)
    assert len(looked) == 3
    load(tmp_path / "s", stream=True)
    assert len(looked) == 3
    write_tar(tmp_path / "s" / "shard-001.tar", samples(range(100, 130)))
    data = load(tmp_path / "s", stream=True)
    assert looked[3:] == ["shard-001.tar"]
    assert len(data.train) + len(data.validation) + len(data.test) == 70


def test_a_shard_of_the_same_size_and_time_is_still_seen_to_have_changed(tmp_path):
    place = write_tar(
        tmp_path / "s.tar",
        [(f"{n}.{end}", what) for n in range(30) for end, what in (("png", picture(n)), ("cls", b"%d" % (n % 2)))],
    )
    before, times = dict(everything(load(place, stream=True))), os.stat(place)
    write_tar(
        place,
        [(f"{n}.{end}", what) for n in range(30) for end, what in (("png", picture(n)), ("cls", b"%d" % (1 - n % 2)))],
    )
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert os.stat(place).st_size == times.st_size
    after = dict(everything(load(place, stream=True)))
    assert {image: "10"[int(label)] for image, label in before.items()} == after


def test_facts_tell_changed_pixels_and_not_where_the_shards_lie(tmp_path):
    import shutil

    write_shards(tmp_path / "s")
    shutil.copytree(tmp_path / "s", tmp_path / "elsewhere" / "s")
    before = load(tmp_path / "s", stream=True).facts
    assert load(tmp_path / "elsewhere" / "s", stream=True).facts == before
    for place in range(3):
        numbers = range(place * 20, place * 20 + 20)
        changed = [
            (name, picture(int(name[:6]) + 1000) if name.endswith("png") else data) for name, data in samples(numbers)
        ]
        write_tar(tmp_path / "s" / f"shard-{place:03}.tar", changed)
    assert load(tmp_path / "s", stream=True).facts != before


# ------------------------------------------------------------------------------------------------------ what goes wrong
def entry(name, kind=tarfile.REGTYPE, size=0, link=""):
    found = tarfile.TarInfo(name)
    found.type, found.size, found.linkname = kind, size, link
    return found


class Canary:
    def __reduce__(self):
        return (open, ("canary", "w"))


def hostile():
    """Name → (bytes of a tar, words of the message)."""

    def tar(*entries):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            for name, content in samples(range(4)):
                archive.addfile(entry(name, size=len(content)), io.BytesIO(content))
            for one, content in entries:
                archive.addfile(one, io.BytesIO(content))
        return file.getvalue()

    def numbered(*entries):
        return tar(*((entry(name, size=len(content)), content) for name, content in entries))

    good = numbered()
    negative = entry("9.cls").tobuf()[:124] + b"\xff" * 12 + entry("9.cls").tobuf()[136:]
    negative = negative[:148] + b"        " + negative[156:]
    negative = negative[:148] + b"%06o\0 " % sum(negative[:512]) + negative[156:]
    objects = io.BytesIO()
    np.save(objects, np.array([Canary()], dtype=object), allow_pickle=True)
    declares = io.BytesIO()
    np.lib.format.write_array_header_1_0(declares, {"descr": "|u1", "fortran_order": False, "shape": (2**40, 2**20, 3)})
    return {
        "cut in a member": (good[: good.index(b"000002.png") + 542], "cut off"),
        "cut after a member": (good[: good.rindex(b"000003.cls") + 1024], "cut off"),
        "cut in a header": (good[: good.rindex(b"000003.cls") + 100], "cut off"),
        "noise": (np.random.default_rng(0).bytes(4096), "damaged or cut off"),
        "no bytes": (b"", "found 0 bytes"),
        "nothing inside": (bytes(10240), "found none"),
        "compressed": (gzip.compress(good), "gunzip"),
        "out of the archive": (numbered(("../evil.png", b"x")), "points out of the archive"),
        "an absolute name": (numbered(("/tmp/evil.png", b"x")), "points out of the archive"),
        "a symbolic link": (tar((entry("9.png", tarfile.SYMTYPE, link="/etc/passwd"), b"")), "is a link"),
        "a hard link": (tar((entry("9.png", tarfile.LNKTYPE, link="000000.png"), b"")), "is a link"),
        "a device": (tar((entry("9.png", tarfile.CHRTYPE), b"")), "is a device"),
        "a size beyond the file": (entry("9.png", size=2**62).tobuf() + bytes(2048), "damaged or cut off"),
        "a negative size": (good[: good.rindex(b"000003.cls") + 1024] + negative + bytes(10240), "damaged or cut off"),
        "a header of gigabytes": (
            entry("x", tarfile.XHDTYPE, size=2**33 - 1).tobuf() + bytes(4096),
            "damaged or cut off",
        ),
        "pickled": (numbered(("9.pyd", pickle.dumps(Canary()))), "is pickled"),
        "no class": (numbered(("9.png", picture(9))), "expected its class beside it"),
        "an empty class": (numbered(("9.png", picture(9)), ("9.cls", b"")), "found none"),
        "a caption": (numbered(("9.png", picture(9)), ("9.txt", b"A dog, " * 99)), "one short line"),
        "broken JSON": (numbered(("9.png", picture(9)), ("9.json", b'{"label": ')), "expected JSON"),
        "deep JSON": (numbered(("9.png", picture(9)), ("9.json", b"[" * 10**5)), "expected JSON"),
        "JSON without a class": (
            numbered(("9.png", picture(9)), ("9.json", b'{"name": 1}')),
            '"label", "class" or "cls"',
        ),
        "twice": (numbered(*samples([0])), "comes twice"),
        "two images": (numbered(("9.left.png", picture(9)), ("9.right.png", picture(9))), "second image"),
        "pickled objects": (
            numbered(("9.npy", objects.getvalue()), ("9.cls", b"1")),
            "1 of 5 images cannot be decoded",
        ),
        "an absurd array": (
            numbered(("9.npy", declares.getvalue()), ("9.cls", b"1")),
            "1 of 5 images cannot be decoded",
        ),
        "floats": (numbered(("9.npy", b"\x93NUMPY"), ("9.cls", b"1")), "1 of 5 images cannot be decoded"),
    }


@pytest.mark.parametrize("name", hostile())
@pytest.mark.parametrize("stream", [True, False])
def test_what_cannot_be_used_is_refused_in_one_line_and_leaves_nothing_behind(tmp_path, monkeypatch, name, stream):
    content, words = hostile()[name]
    folder = tmp_path / "inside"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "s.tar").write_bytes(content)
    with pytest.raises(ProfundoError, match=words) as caught:
        load("s.tar", stream=stream)
    assert "\n" not in str(caught.value)
    assert [path.name for path in folder.iterdir()] == ["s.tar"]
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


@pytest.mark.parametrize("stream", [True, False])
def test_all_images_that_do_not_decode_are_named_or_left_out_and_counted(tmp_path, stream):
    members = [
        (name, b"no image" if name in ("000004.png", "000017.png") else data) for name, data in samples(range(30))
    ]
    write_tar(tmp_path / "s.tar", members)
    with pytest.raises(ProfundoError, match=r"2 of 30 images.*000004\.png.*000017\.png"):
        load(tmp_path / "s.tar", stream=stream)
    data = load(tmp_path / "s.tar", stream=stream, skip_bad=True)
    assert len(data.train) + len(data.validation) + len(data.test) == 28
    assert "2 of 30 images could not be decoded and were left out." in data.notes


def test_members_that_are_neither_image_nor_class_are_counted(tmp_path):
    members = [m for n in range(30) for m in (*samples([n]), (f"{n:06}.xml", b"<x/>"))]
    write_tar(tmp_path / "s.tar", members)
    assert (
        "30 members of the shards are neither images nor classes and were left out." in load(tmp_path / "s.tar").notes
    )


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("classes.txt", "ant\nbee\n", "class '2' is not among the 2"),
        ("classes.txt", "ant\nant\nbee\n", "each once"),
        ("dataset.json", "{", "a JSON list"),
        ("dataset.json", "[" * 10**5, "a JSON list"),
    ],
)
def test_lists_of_classes_that_do_not_fit_are_refused(tmp_path, file, content, words):
    write_shards(tmp_path / "s")
    (tmp_path / "s" / file).write_text(content)
    with pytest.raises(ProfundoError, match=words):
        load(tmp_path / "s")


def test_a_class_without_training_samples_is_refused(tmp_path):
    write_tar(tmp_path / "s" / "train-0.tar", [m for n in range(30) if n % 3 for m in samples([n])])
    write_tar(tmp_path / "s" / "val-0.tar", samples(range(30, 40)))
    with pytest.raises(ProfundoError, match=r"val-0\.tar: class '0' has samples here but none to train on"):
        load(tmp_path / "s")


def test_a_shard_that_shrinks_while_it_is_read_is_an_error_in_one_line(tmp_path):
    write_shards(tmp_path / "s")
    data = load(tmp_path / "s", stream=True)
    for path in (tmp_path / "s").glob("*.tar"):
        path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ProfundoError, match=r"can no longer be read: ends early"):
        data.train.inputs[len(data.train) - 1]


# ------------------------------------------------------------------------------------------------------------- writing
def test_a_folder_written_as_shards_is_the_same_data_set(tmp_path):
    for split, begin in (("train", 0), ("test", 40)):
        for number in range(begin, begin + 40 if split == "train" else begin + 10):
            place = tmp_path / "f" / split / ("ant", "bee", "cat")[number % 3] / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(picture(number))
    written = write_from_folder(tmp_path / "f", tmp_path / "s", samples=15)
    assert [path.name for path in written] == ["test-0000.tar", "train-0000.tar", "train-0001.tar", "train-0002.tar"]
    folder, tar = load(tmp_path / "f", stream=True), load(tmp_path / "s", stream=True)
    assert tar.spec.targets == folder.spec.targets
    assert everything(tar) == everything(folder)
    again = write_from_folder(tmp_path / "f", tmp_path / "again", samples=15)
    assert [one.read_bytes() for one in written] == [one.read_bytes() for one in again]
    with pytest.raises(ProfundoError, match="new or empty folder"):
        write_from_folder(tmp_path / "f", tmp_path / "s")


def test_a_header_that_claims_to_be_long_is_not_read(tmp_path):
    with (tmp_path / "s.tar").open("wb") as file:
        file.write(entry("x", tarfile.XHDTYPE, size=2**27).tobuf())
        file.truncate(2**28)  # a hole, which takes no place on the disk
    with pytest.raises(ProfundoError, match="a header of 134,217,728 bytes"):
        load(tmp_path / "s.tar")
