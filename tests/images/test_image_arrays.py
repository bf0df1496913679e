"""Images of files and arrays: what is kept of them, what is refused, and their figures."""

import contextlib
import io
import json
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from profundo import images
from profundo.images import as_image, read_image
from profundo.records import ProfundoError


@pytest.fixture
def colours():
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, bits, kind, rows):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("mode", "suffix", "channels", "bits"),
    [
        ("L", "png", ("grey",), 8),
        ("1", "png", ("grey",), 1),
        ("LA", "png", ("grey", "alpha"), 8),
        ("RGB", "png", ("red", "green", "blue"), 8),
        ("RGBA", "png", ("red", "green", "blue", "alpha"), 8),
        ("CMYK", "tif", ("cyan", "magenta", "yellow", "black"), 8),
        ("RGB", "tga", ("red", "green", "blue"), 8),
        ("RGB", "bmp", ("red", "green", "blue"), 8),
    ],
)
def test_a_file_keeps_its_channels_and_numbers(mode, suffix, channels, bits, colours, tmp_path):
    picture, path = Pillow.fromarray(colours).convert(mode), tmp_path / f"a.{suffix}"
    picture.save(path)
    image = read_image(path)
    assert (image.channels, image.bits, image.height, image.width) == (channels, bits, 20, 30)
    assert image.bytes == path.stat().st_size
    assert (image.pixels == np.asarray(picture).reshape(20, 30, -1)).all()
    assert image.rgb.shape == (20, 30, 3)
    shown = np.asarray(picture.convert("RGB")) / 255
    if "alpha" not in channels:
        assert np.abs(image.rgb - shown).max() < 1.01 / 255


def test_sixteen_bits_are_kept_in_grey_and_in_colour(tmp_path):
    grey = np.random.default_rng(1).integers(0, 65536, (4, 5), dtype=np.uint16)
    Pillow.fromarray(grey).save(tmp_path / "grey.png")
    assert (read_image(tmp_path / "grey.png").pixels[..., 0] == grey).all()
    for channels, kind in ((3, 2), (4, 6)):
        deep = np.random.default_rng(2).integers(0, 65536, (4, 5, channels), dtype=np.uint16)
        image = read_image(png(5, 4, 16, kind, b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)))
        assert (image.pixels == deep).all()
        assert (image.bits, image.low, image.high) == (16, 0, 65535)


def test_palettes_fractions_and_the_way_a_camera_was_held(colours, tmp_path):
    Pillow.fromarray(colours).convert("P").save(tmp_path / "p.gif")
    palette = read_image(tmp_path / "p.gif")
    assert palette.channels == ("red", "green", "blue")
    assert palette.note.startswith("a palette")
    first, other = (Pillow.fromarray(one).convert("P") for one in (colours, 255 - colours))
    first.save(tmp_path / "film.gif", save_all=True, append_images=[other])
    assert read_image(tmp_path / "film.gif").note.startswith("2 frames, of which this is the first; a palette")
    numbers = np.linspace(-2, 3, 20, dtype=np.float32).reshape(4, 5)
    Pillow.fromarray(numbers).save(tmp_path / "f.tif")
    fractions = read_image(tmp_path / "f.tif")
    assert (fractions.low, fractions.high) == (-2, 3)
    np.testing.assert_array_equal(fractions.pixels[..., 0], numbers)
    picture = Pillow.fromarray(colours)
    held = picture.getexif()
    held[0x0112] = 6
    picture.save(tmp_path / "held.png", exif=held)
    assert (read_image(tmp_path / "held.png").pixels == np.rot90(colours, -1)).all()


def test_arrays_and_tensors_are_images():
    for given, low, high in (
        (np.zeros((4, 5), np.uint8), 0, 1),
        (np.full((4, 5), 7, np.uint8), 0, 255),
        (np.full((4, 5), 7, np.uint16), 0, 65535),
        (np.full((4, 5), 0.5), 0, 1),
        (np.eye(4) * 9 - 3, -3, 6),
        (np.eye(4, dtype=bool), 0, 1),
        (np.full((4, 5), -2.0), -3, -2),
    ):
        image = as_image(given)
        assert (image.low, image.high) == (low, high)
        assert 0 <= image.unit.min() <= image.unit.max() <= 1
    assert as_image(torch.rand(3, 20, 30)).pixels.shape == (20, 30, 3)
    assert as_image(torch.rand(3, 5, 6)).channels == ("red", "green", "blue")
    assert as_image(torch.rand(20, 30, requires_grad=True)).pixels.shape == (20, 30, 1)


def test_an_array_of_numpy_is_read_by_its_header(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).random((4, 5, 3)).astype(np.float32))
    image = read_image(tmp_path / "a.npy")
    assert (image.format, image.pixels.dtype, image.pixels.shape) == ("NumPy", np.float32, (4, 5, 3))
    whole = (tmp_path / "a.npy").read_bytes()
    for damaged in (whole[:-1], whole[:20], whole.replace(b"(4, 5, 3)", b"(9, 9, 9)")):
        with pytest.raises(ProfundoError, match="does not read as one"):
            read_image(damaged)


@pytest.mark.parametrize("kind", [">u2", ">f4", "f2", "g", "i8", "?", "<u4"])
def test_numbers_of_other_machines_and_widths_are_read(kind, tmp_path):
    numbers = (np.arange(12).reshape(3, 4) * 5).astype(kind)
    np.save(tmp_path / "a.npy", numbers)
    image = read_image(tmp_path / "a.npy")
    assert (image.pixels[..., 0] == numbers).all()
    assert image.pixels.dtype.isnative
    assert image.pixels.dtype.itemsize <= 8
    assert json.loads(json.dumps(image.pixels.tolist())) == numbers[..., None].astype(float).tolist()
    assert image.high == {">u2": 65535, "?": 1}.get(kind, 55)


def test_objects_are_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (print, ("sprung",))

    np.save(tmp_path / "trap.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(ProfundoError, match="expected an array of numbers, got object"):
        read_image(tmp_path / "trap.npy")


def test_figures_are_those_of_numpy(colours):
    for pixels in (colours, colours.astype(np.uint16) * 257, colours / 255.0, colours.astype(np.int32) - 99):
        image = as_image(pixels)
        for at, one in enumerate(image.facts()):
            plane = pixels[..., at]
            expected = (plane.min(), plane.max(), plane.mean(), plane.std())
            assert (one.least, one.most, one.mean, one.deviation) == pytest.approx(expected)
            assert (one.at_low, one.at_high) == ((plane <= image.low).mean(), (plane >= image.high).mean())
        edges, counts = image.histogram(16)
        assert counts.sum(1).tolist() == [600] * 3
        assert counts[0].tolist() == np.histogram(pixels[..., 0], edges)[0].tolist()
    edges, counts = as_image(images.COURSE).histogram()
    assert (edges.tolist(), counts.tolist()) == ([0, 1, 2], [[32, 17]])


def test_a_pixel_is_a_point_of_five_dimensions(colours):
    points = as_image(colours).five()
    assert points.shape == (600, 5)
    assert points[2 * 30 + 7].tolist() == [7, 2, *colours[2, 7]]
    assert as_image(images.COURSE).five()[3].tolist() == [3, 0, 1, 1, 1]


def test_samples_have_names_but_files_come_first(tmp_path, monkeypatch):
    assert read_image("flower").pixels.shape == (427, 640, 3)
    assert (read_image("course").pixels[..., 0] == images.COURSE).all()
    assert set(images.SAMPLES) == {"flower", "china", "course"}
    monkeypatch.chdir(tmp_path)
    Pillow.new("L", (2, 3)).save(tmp_path / "course", format="PNG")
    assert read_image("course").pixels.shape == (3, 2, 1)


def many_scans():
    """A progressive JPEG of 4,000 × 4,000 pixels whose last scan is repeated 3,000 times."""
    file = io.BytesIO()
    Pillow.fromarray(np.zeros((4000, 4000), np.uint8)).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + 3000 * last + whole[-2:]


BOMB = png(60_000, 60_000, 8, 2, b"\0" * 100)
LARGE = png(9_000, 9_000, 8, 0, b"\0" * 100)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not an image"),
        (b"hello", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", "not an image"),
        (BOMB, "pixels"),
        (LARGE, "more than the limit"),
        (many_scans(), "in so many passes"),
        (png(4, 4, 8, 2, b"\0")[:-20], "does not read"),
        (np.full((2, 2), np.nan), "finite"),
        (np.array([[1, np.inf]]), "finite"),
        (np.array([[-1.7e308, 1.7e308]]), "finite"),
        (np.zeros((6, 6, 5)), "1 to 4 channels"),
        (np.zeros((0, 3)), "expected numbers"),
        (np.zeros(3), "expected numbers"),
        (np.array([["a"]]), "expected numbers"),
        (np.ones((2, 2)) * 1j, "expected numbers"),
        ("flwer", "nearest: flower"),
        ("no-such.png", "samples without a file are"),
        (".", "a folder"),
    ],
)
def test_what_is_no_image_is_explained_in_a_line(data, words):
    with pytest.raises(ProfundoError, match=words) as refusal:
        read_image(data)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("seed", range(40))
def test_damage_is_read_or_refused_and_never_anything_else(seed, colours, tmp_path):
    """Bytes changed and cut anywhere, in files of eight kinds."""
    random = np.random.default_rng(seed)
    kind = ("png", "gif", "jpg", "tif", "bmp", "webp", "tga", "ico")[seed % 8]
    Pillow.fromarray(colours).save(tmp_path / f"a.{kind}")
    data = bytearray((tmp_path / f"a.{kind}").read_bytes())
    for at in random.integers(0, len(data), 8):
        data[at] = random.integers(256)
    with contextlib.suppress(ProfundoError):
        assert read_image(bytes(data[: random.integers(len(data) // 2, len(data))])).pixels.size


def test_grey_of_16_bits_with_alpha_is_read_to_the_last_bit():
    image = read_image(png(2, 1, 16, 4, b"\0" + bytes(range(8))))
    assert image.channels == ("grey", "alpha")
    assert image.pixels.tolist() == [[[0x0001, 0x0203], [0x0405, 0x0607]]]
    assert (image.low, image.high, image.note) == (0, 65535, "")
    differences = read_image(
        png(2, 2, 16, 4, b"\1" + bytes(range(8)) + b"\2" + bytes([1] * 8))
    )  # from the left, and from above
    assert differences.pixels[0].tolist() == [[0x0001, 0x0203], [0x0406, 0x080A]]
    assert differences.pixels[1].tolist() == [[0x0102, 0x0304], [0x0507, 0x090B]]
