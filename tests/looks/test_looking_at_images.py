"""What a look at images finds: planted faults by their names, copies as brute force finds them, figures as NumPy has them."""

import io
import itertools
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from profundo.data import load
from profundo.data.loading import collect
from profundo.data.streams.archives import open_files
from profundo.looks.copies import copies_of
from profundo.looks.data_look import look
from profundo.looks.image_facts import image_facts
from profundo.looks.image_findings import image_findings
from profundo.looks.other_files import other_files
from profundo.looks.resemblance import ALIKE, SIDE, alike, vectors
from profundo.looks.survey import survey_files, survey_samples
from profundo.records import ProfundoError


def nobody(done, total):
    del done, total


def smooth(seed, size=(48, 32)):
    """A picture with something in it: a few waves, its own for each seed."""
    draws = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    waves = [np.sin(draws.uniform(2, 14) * x + draws.uniform(2, 14) * y + draws.uniform(0, 6)) for _ in range(9)]
    channels = [128 + 35 * sum(waves[start : start + 3]) for start in (0, 3, 6)]
    return Image.fromarray(np.clip(np.stack(channels, 2), 0, 255).astype(np.uint8))


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def lay(root, files):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def surveyed(path):
    return survey_files(open_files(path), nobody)


def found_in(path):
    """By the first words that tell one finding from another: the finding."""
    findings, _ = image_findings(surveyed(path))
    return findings


def one_that(findings, words):
    (finding,) = [finding for finding in findings if words in finding.what]
    return finding


@pytest.fixture
def clean(tmp_path):
    files = {f"{'ab'[n % 2]}/{n}.png": encoded(smooth(n)) for n in range(20)}
    return lay(tmp_path / "set", files)


def test_a_clean_set_raises_no_finding(clean):
    assert found_in(clean) == []


def test_figures_equal_those_of_the_pixels(clean):
    survey = surveyed(clean)
    for number in range(len(survey)):
        pixels = np.asarray(smooth(int(survey.name(number).split("/")[1].removesuffix(".png"))))
        assert survey.sizes[number].tolist() == [48, 32]
        assert (survey.low[number], survey.high[number]) == (pixels.min(), pixels.max())
        assert np.array_equal(survey.picture(number), pixels)
        cells = pixels.reshape(SIDE, 2, SIDE, 3, 3).mean((1, 3, 4))  # a cell is 3 × 2 pixels
        assert np.abs(survey.thumbnails[number] - cells).max() < 1.5  # Pillow rounds twice
    facts = image_facts(survey)
    assert facts.sizes == ((48, 32, 20),)
    assert facts.modes == {"RGB": 20}
    assert facts.formats == {"PNG": 20}
    assert facts.bytes == sum(path.stat().st_size for path in clean.glob("*/*"))


def test_every_bad_file_is_listed_with_its_reason_and_the_good_ones_are_looked_at(clean):
    data = encoded(smooth(50), "JPEG")
    lay(clean, {"a/half.jpg": data[: len(data) // 2], "a/none.png": b"", "b/text.bmp": b"no image" * 9})
    survey = surveyed(clean)
    assert {survey.name(n): reason for n, reason in survey.faults.items()} == {
        "a/half.jpg": survey.faults[next(n for n in survey.faults if "half" in survey.name(n))],
        "a/none.png": "the file is empty, 0 bytes",
        "b/text.bmp": "not an image",
    }
    finding = one_that(image_findings(survey)[0], "cannot be decoded")
    assert finding.level == "error"
    assert finding.what.startswith("3 images")
    assert "--skip-bad" in finding.advice
    with pytest.raises(ProfundoError) as stop:  # training names the same files
        load(clean)
    assert all(survey.name(n) in str(stop.value) for n in survey.faults)
    assert image_facts(survey).images == 20


def test_a_large_jpeg_that_ends_early_is_noticed_though_it_is_decoded_smaller(tmp_path):
    large = encoded(smooth(1, (1200, 900)), "JPEG", quality=90)
    lay(tmp_path, {"a/whole.jpg": large, "a/cut.jpg": large[: 2 * len(large) // 3], "b/1.png": encoded(smooth(2))})
    survey = surveyed(tmp_path)
    assert [survey.name(n) for n in survey.faults] == ["a/cut.jpg"]
    whole = next(n for n in range(3) if survey.name(n) == "a/whole.jpg")
    assert survey.sizes[whole].tolist() == [1200, 900]


def test_an_image_of_billions_of_pixels_is_a_fault_and_costs_no_memory(clean):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
    lay(clean, {"a/bomb.png": bomb})
    surveyed(clean)  # what is imported once does not count
    tracemalloc.start()
    survey = surveyed(clean)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [survey.name(n) for n in survey.faults] == ["a/bomb.png"]
    assert peak < 100e6  # 10.8 GB decoded


def test_copies_leaks_and_quarrels_are_found_in_files(tmp_path):
    pictures = [encoded(smooth(n)) for n in range(30)]
    files = {f"train/{'ab'[n % 2]}/{n}.png": pictures[n] for n in range(20)}
    files |= {f"test/{'ab'[n % 2]}/{n}.png": pictures[n] for n in range(20, 30)}
    files |= {"test/a/leak.png": pictures[0], "train/b/quarrel.png": pictures[2], "train/a/twice.png": pictures[4]}
    findings = found_in(lay(tmp_path / "set", files))
    assert one_that(findings, "in training, too").examples == ("test/a/leak.png = train/a/0.png",)
    assert one_that(findings, "different classes").examples == ("train/a/2.png = train/b/quarrel.png",)
    assert one_that(findings, "exact cop").examples == ("train/a/4.png = train/a/twice.png",)
    assert [finding.level for finding in findings] == ["error", "error", "note"]
    assert all(finding.advice for finding in findings)


def test_without_a_test_split_copies_are_a_warning(clean):
    lay(clean, {"a/again.png": (clean / "a/0.png").read_bytes()})
    (finding,) = found_in(clean)
    assert finding.level == "warning"
    assert "both sides" in finding.what


def test_copies_are_those_of_brute_force():
    draws = np.random.default_rng(0)
    for _ in range(30):
        contents = draws.integers(0, 12, 20).tolist()
        split, label = draws.integers(-1, 3, 20), draws.integers(0, 2, 20)
        found = copies_of(contents, split, label, split >= 0)
        pairs = [
            (a, b)
            for a, b in itertools.combinations(range(20), 2)
            if contents[a] == contents[b] and min(split[[a, b]]) >= 0
        ]
        assert {pair for group in found.groups for pair in itertools.combinations(group, 2)} == set(pairs)
        leaked = {n for a, b in pairs for n, other in ((a, b), (b, a)) if split[n] > 0 and split[other] == 0}
        assert {a for a, _ in found.leaked} == leaked
        assert all(contents[a] == contents[b] and split[b] == 0 for a, b in found.leaked)
        quarrelling = {contents[a] for a, b in pairs if label[a] != label[b]}
        assert {contents[group[0]] for group in found.quarrels} == quarrelling


@pytest.mark.parametrize(
    "change",
    [
        lambda image: encoded(image, "JPEG", quality=85),
        lambda image: encoded(image.resize((96, 64))),
        lambda image: encoded(image.point(lambda value: 0.8 * value + 20)),
    ],
    ids=["compressed again", "resized", "brightened"],
)
def test_a_changed_copy_is_found_by_its_looks(clean, change):
    lay(clean, {"b/like.png": change(smooth(6))})
    finding = one_that(found_in(clean), "alike")
    assert finding.examples == ("a/6.png ≈ b/like.png",)
    assert len(finding.pictures) == 2


def test_alike_pairs_are_those_of_all_pairs():
    draws = np.random.default_rng(1)
    base = np.stack([np.asarray(smooth(n).convert("L").resize((SIDE, SIDE))) for n in range(300)]).astype(float)
    noisy = base[:150] + draws.normal(0, 1, (150, SIDE, SIDE)) * draws.uniform(0, 3, (150, 1, 1))
    thumbnails = np.clip(np.concatenate([base, noisy]), 0, 255).astype(np.uint8)
    likeness = np.triu(np.corrcoef(thumbnails.reshape(450, -1)), 1)
    expected = {(int(a), int(b)) for a, b in np.argwhere(likeness >= ALIKE)}
    assert len(expected) > 50
    pairs, correlations = alike(thumbnails, np.ones(450, bool))
    assert {(int(a), int(b)) for a, b in pairs} <= expected
    assert len(pairs) >= 0.98 * len(expected)  # a pair is missed by chance, once in very many
    for (a, b), value in zip(pairs, correlations, strict=True):
        assert value == pytest.approx(likeness[a, b], abs=1e-5)
    assert np.all(np.diff(correlations) <= 0)
    usable = np.arange(450) < 300
    assert all(max(pair) < 300 for pair in alike(thumbnails, usable)[0].tolist())


def test_flat_images_are_not_called_alike():
    thumbnails = np.random.default_rng(0).integers(100, 104, (50, SIDE, SIDE)).astype(np.uint8)
    assert len(alike(thumbnails, np.ones(50, bool))[0]) == 0
    assert np.allclose(np.linalg.norm(vectors(thumbnails), axis=1), 1, atol=1e-5)


def test_odd_images_are_named(clean):
    grey = np.random.default_rng(3).integers(0, 255, (32, 48), dtype=np.uint8)
    odd = {
        "a/black.png": encoded(Image.new("RGB", (48, 32), (9, 9, 9))),
        "a/wide.png": encoded(smooth(60, (300, 20))),
        "a/tiny.png": encoded(smooth(61, (6, 5))),
        "b/lie.png": encoded(smooth(62), "JPEG"),
        "b/grey.png": encoded(Image.fromarray(grey)),
    }
    findings = found_in(lay(clean, odd))
    for words, name in (
        ("one colour only", "a/black.png"),
        ("far wider or taller", "a/wide.png (300×20)"),
        ("fewer pixels", "a/tiny.png (6×5)"),
        ("another format", "b/lie.png is JPEG"),
        ("is grey", "b/grey.png"),
    ):
        assert one_that(findings, words).examples == (name,)
    assert len(findings) == 5


def test_a_colour_set_that_shows_greys_only_is_noticed(tmp_path):
    files = {f"{'ab'[n % 2]}/{n}.png": encoded(smooth(n).convert("L").convert("RGB")) for n in range(8)}
    assert "greys only" in found_in(lay(tmp_path, files))[0].what


def test_values_that_use_little_of_a_byte_are_noticed(tmp_path):
    np.savez(
        tmp_path / "x.npz", x=np.random.default_rng(0).integers(0, 17, (40, 8, 8), dtype=np.uint8), y=np.arange(40) % 2
    )
    findings, _ = image_findings(survey_samples(collect(tmp_path / "x.npz"), nobody))
    assert "above 16" in one_that(findings, "a byte goes to 255").what


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_mode_that_training_reads_is_looked_at(tmp_path, mode):
    deep = Image.fromarray(np.asarray(smooth(0).convert("L")).astype(np.uint16) * 257)
    image = deep if mode == "I;16" else smooth(0).convert(mode)
    lay(tmp_path, {"a/x.tif": encoded(image, "TIFF") if mode != "P" else encoded(image)})
    survey = surveyed(tmp_path)
    assert survey.faults == {}
    assert survey.mode == [mode]
    assert survey.high[0] > survey.low[0]


def test_a_turned_photograph_has_its_sides_exchanged(tmp_path):
    image = smooth(0)
    note = image.getexif()
    note[0x0112] = 6
    lay(tmp_path, {"a/x.jpg": encoded(image, "JPEG", exif=note), "b/y.jpg": encoded(smooth(2), "JPEG")})
    survey = surveyed(tmp_path)
    assert survey.sizes.tolist() == [[32, 48], [48, 32]]
    assert survey.turned.tolist() == [True, False]
    assert survey.picture(0).shape == (48, 32, 3)


def test_zip_and_folder_are_seen_alike(clean, tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(clean.glob("*/*")):
            archive.write(path, str(path.relative_to(clean)))
    one, other = surveyed(clean), surveyed(tmp_path / "set.zip")
    assert one.digests == other.digests
    assert one.classes == other.classes
    assert np.array_equal(one.thumbnails, other.thumbnails)
    assert np.array_equal(one.label, other.label)


def test_memory_and_files_give_the_same_copies():
    images = torch.randint(0, 256, (40, 3, 9, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images[7] = images[31]
    from profundo.data.splits.splits import Collection
    from profundo.records import Inputs, Samples, Targets

    labels = torch.arange(40) % 2
    found = Collection(
        "x",
        Inputs((3, 9, 9), "image"),
        Targets("binary", ("p", "q")),
        Samples(images[:30], labels[:30]),
        test=Samples(images[30:], labels[30:]),
    )
    findings, copies = image_findings(survey_samples(found, nobody))
    assert copies.leaked == ((31, 7),)
    assert one_that(findings, "in training, too").examples == ("test 2 = train 8",)


def test_other_files_are_counted_by_their_ending(clean, tmp_path):
    lay(clean, {"a/x.TXT": b"x", "a/y.txt": b"y", "photo.heic": b"z", ".hidden/z.txt": b"", "a/none": b""})
    assert other_files(clean) == {".txt": 2, ".heic": 1, "": 1}
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/1.png", b"")
        archive.writestr("a/1.csv", b"")
    assert other_files(tmp_path / "x.zip") == {".csv": 1}


def test_a_split_by_a_part_of_the_file_name_is_told_before_training(tmp_path):
    files = {
        f"{kind}/{track:02}_{frame}.png": encoded(smooth(9 * track + frame))
        for kind in "ab"
        for track in range(6)
        for frame in range(3)
    }
    lay(tmp_path, files)
    whole = look(tmp_path, split_by="group:.*_")
    assert any("12 groups" in finding.what and "none on two sides" in finding.what for finding in whole.findings)
    assert sum(whole.training.values()) == 36
    assert all(size % 3 == 0 for size in whole.training.values())
    with pytest.raises(ProfundoError, match="36 of 36 names hold no such part"):
        look(tmp_path, split_by="group:zzz")
