"""What is in an image file reaches the net: also what is drawn in transparency alone, and what uses few of 16 bits."""

import io
import json
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import TypeAdapter

from profundo.data import load
from profundo.data.dataset_names import Reading
from profundo.data.images.image_folders import image_collection
from profundo.data.images.pixels import decode, window_of
from profundo.data.new_inputs import image_of
from profundo.data.splits.folds import held_out, labels_of
from profundo.data.streams.archives import open_files
from profundo.data.streams.blocks import gather
from profundo.data.streams.shard_packing import write_shards as write_from_folder
from profundo.looks.survey import survey_files
from profundo.recipes.metric_learning import known_of
from profundo.recipes.net_outputs import read_intensities
from profundo.records import Spec
from profundo.runs.experiment import new_experiment
from profundo.runs.saved_model import check_spec
from profundo.runs.supervised import train
from profundo.use import usage_code
from profundo.use.predicting import predictor

SIDE = 16
ALPHA = np.zeros((SIDE, SIDE), np.uint8)
ALPHA[3:9, 4:12] = 255
ALPHA[9, 4:12] = 128  # a soft edge
HARD = np.where(ALPHA > 200, 255, 0).astype(np.uint8)


def saved(image, kind="PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(values: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel, by its specification: uint16 (height, width, channels)."""
    height, width, channels = values.shape
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    head = struct.pack(">2I5B", width, height, 16, (0, 4, 2, 6)[channels - 1], 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def coloured(colour, alpha=ALPHA) -> np.ndarray:
    return np.concatenate([np.full((SIDE, SIDE, len(colour)), colour, np.uint8), alpha[:, :, None]], 2)


def palette(transparency) -> bytes:
    image = Image.fromarray((HARD // 255).astype(np.uint8), "P")
    image.putpalette([10, 60, 200, 10, 60, 200])
    return saved(image, transparency=transparency)


def premultiplied(colour) -> bytes:
    """TIFF with associated alpha (ExtraSamples 1), as compositing programs write it."""
    pixels = coloured(colour)
    pixels[:, :, :3] = np.rint(pixels[:, :, :3] * (ALPHA[:, :, None] / 255)).astype(np.uint8)
    strip = pixels.tobytes()
    entries = [
        (256, 3, 1, SIDE), (257, 3, 1, SIDE), (258, 3, 4, 8 + 2 + 10 * 12 + 4), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 1, 8 + 2 + 10 * 12 + 4 + 8), (277, 3, 1, 4), (278, 3, 1, SIDE), (279, 4, 1, len(strip)), (338, 3, 1, 1),
    ]  # fmt: skip
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4) + struct.pack("<4H", 8, 8, 8, 8) + strip


def over_white(colour, alpha) -> np.ndarray:
    share = alpha[:, :, None] / 255
    return np.rint(np.array(colour) * share + 255 * (1 - share))


BLUE = (10, 60, 200)
CLEAR = {
    "RGBA": (saved(Image.fromarray(coloured(BLUE))), BLUE, ALPHA),
    "black, by alpha alone": (saved(Image.fromarray(coloured((0, 0, 0)))), (0, 0, 0), ALPHA),
    "LA": (saved(Image.fromarray(coloured((40,)), "LA")), (40,), ALPHA),
    "a palette, one colour clear": (palette(0), BLUE, HARD),
    "a palette, an alpha for each colour": (palette(bytes([0, 255])), BLUE, HARD),
    "GIF": (saved(Image.open(io.BytesIO(palette(0))), "GIF", transparency=0), BLUE, HARD),
    "WebP": (saved(Image.fromarray(coloured(BLUE)), "WEBP", lossless=True), BLUE, ALPHA),
    "grey, one shade clear": (saved(Image.fromarray(HARD // 255 * 100), transparency=0), (100,), HARD),
    "RGB, one colour clear": (saved(Image.fromarray(np.stack([0 * HARD, HARD, HARD], 2)), transparency=(0, 0, 0)),
                              (0, 255, 255), HARD),
    "premultiplied": (premultiplied(BLUE), BLUE, ALPHA),
    "16 bits of alpha": (png(coloured(BLUE).astype(np.uint16) * 257), BLUE, ALPHA),
}  # fmt: skip


@pytest.mark.parametrize("name", CLEAR)
def test_what_is_drawn_in_transparency_is_seen_on_white(name):
    data, colour, alpha = CLEAR[name]
    np.testing.assert_allclose(decode(data), over_white(colour, alpha), atol=2)


def test_white_icons_are_seen_on_black_and_opaque_images_as_they_are():
    icon = decode(saved(Image.fromarray(coloured((255, 255, 255)))))
    np.testing.assert_array_equal(icon, np.repeat(ALPHA[:, :, None], 3, 2))
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
    noise[:, :, 3] = 255
    np.testing.assert_array_equal(decode(saved(Image.fromarray(noise))), noise[:, :, :3])
    paper = decode(saved(Image.fromarray(coloured((250, 250, 250), np.full_like(ALPHA, 255)))))
    assert (paper == 250).all()


def laid_out(root, contents, split=""):
    """Two classes; contents: of the files of each."""
    for name, files in zip("ab", contents, strict=True):
        (root / split / name).mkdir(parents=True)
        for number, data in enumerate(files):
            (root / split / name / f"{number}.png").write_bytes(data)
    return root


def same_everywhere(root, by_code=True):
    """The images of a folder in memory, streamed, predicted and by the code of the model card are the same."""
    kept, streamed = load(root), load(root, stream=True)
    assert kept.spec == streamed.spec
    assert kept.notes == streamed.notes
    for split in ("train", "validation", "test"):
        images = getattr(kept, split).inputs
        assert torch.equal(images, gather(getattr(streamed, split).inputs, range(len(images))))
    known = {image.numpy().tobytes() for split in (kept.train, kept.validation, kept.test) for image in split.inputs}
    code = usage_code.in_onnxruntime(kept.spec, "probabilities", "model.onnx")
    lines = "\n".join(line.removeprefix("# ") for line in code.splitlines() if line.startswith("# "))
    for path in sorted(root.rglob("*.png")):
        image = image_of(path.read_bytes(), kept.spec.inputs)
        assert image.numpy().tobytes() in known
        if not by_code:
            continue
        names = {"np": np}
        exec(lines.replace("photo.png", str(path)), names)
        shown = np.asarray(names["picture"]).reshape(SIDE, SIDE, -1).transpose(2, 0, 1)
        np.testing.assert_array_equal(shown, image.numpy())
    return kept


def test_forms_in_transparency_are_the_same_wherever_they_are_read(tmp_path):
    draw = np.random.default_rng(0)

    def icon(colour):
        alpha = np.zeros((SIDE, SIDE), np.uint8)
        alpha[2 : draw.integers(4, 14), 3 : draw.integers(5, 14)] = 255
        return saved(Image.fromarray(coloured(colour, alpha)))

    data = same_everywhere(
        laid_out(tmp_path, [[icon((0, 0, 0)) for _ in range(8)], [icon((255,) * 3) for _ in range(8)]])
    )
    assert all(len(image.unique()) == 2 for image in data.train.inputs)
    assert data.notes == ()


def test_images_without_anything_in_them_are_told_of(tmp_path):
    empty = saved(Image.new("RGBA", (SIDE, SIDE)))
    data = load(laid_out(tmp_path, [[empty] * 5, [empty] * 5]))
    assert "of one colour" in data.notes[0]


# ------------------------------------------------------------------------------------------------------------- 16 bits
WEAVE = np.add.outer(np.arange(SIDE), np.arange(SIDE)) % 2


def woven(draw, bottom, depth, channels=1) -> np.ndarray:
    noise = draw.integers(0, 5, (SIDE, SIDE, channels))
    return (bottom + noise + depth * WEAVE[:, :, None]).astype(np.uint16)


def as_tiff(values):
    return saved(Image.fromarray(values[:, :, 0]), "TIFF")


def as_pgm(values):
    return b"P5 %d %d 65535\n" % (SIDE, SIDE) + values.astype(">u2").tobytes()


@pytest.mark.parametrize(
    ("bottom", "depth", "channels", "write"),
    [(1000, 8, 1, png), (100, 100, 1, png), (0, 200, 1, as_tiff), (3000, 12, 1, as_pgm), (1000, 8, 3, png),
     (0, 65531, 1, png)],
)  # fmt: skip
def test_few_of_65536_shades_keep_their_contrast(tmp_path, bottom, depth, channels, write):
    draw = np.random.default_rng(0)
    files = [[write(woven(draw, bottom, amount, channels)) for _ in range(10)] for amount in (0, depth)]
    data = same_everywhere(laid_out(tmp_path, files), by_code=channels == 1)  # Pillow reads no 16 bits of colour
    low, high = data.spec.inputs.window
    assert (low, high) == (bottom, bottom + depth + 4)
    assert f"{low:,} becomes black and {high:,} white" in data.notes[0]
    flat, cloth = (data.train.inputs[data.train.targets == label].double() for label in (0, 1))
    contrast = (cloth[:, :, WEAVE == 1].mean() - cloth[:, :, WEAVE == 0].mean()) / 255
    assert float(contrast) == pytest.approx(depth / (depth + 4), abs=0.02)
    assert float(flat.max()) == pytest.approx(4 / (depth + 4) * 255, abs=1)


def test_a_window_is_of_the_images_to_train_on_alone(tmp_path):
    draw = np.random.default_rng(0)

    def lay(name, test_depth):
        root = laid_out(tmp_path / name, [[png(woven(draw, 500, d)) for _ in range(9)] for d in (0, 50)], "train")
        return load(laid_out(root, [[png(woven(draw, 400, test_depth))] * 2] * 2, "test"))

    near, far = lay("near", 10), lay("far", 9000)
    assert near.spec.inputs.window == far.spec.inputs.window == (500, 554)
    assert sorted(far.test.inputs.unique().tolist()) == [0, 255]
    write_from_folder(tmp_path / "far", tmp_path / "shards", samples=7)
    for stream in (True, False):
        shards = load(tmp_path / "shards", stream=stream)
        assert shards.spec.inputs == load(tmp_path / "shards", stream=not stream).spec.inputs
        assert shards.spec.inputs.window == (500, 554)
        test = gather(shards.test.inputs, range(4))
        assert torch.equal(test.sort(0).values, far.test.inputs.sort(0).values)
    # and in cross-validation each fold has its own
    contents = [[png(woven(draw, 500, 20))] + [png(woven(draw, 500, 10)) for _ in range(4)] for _ in range(2)]
    collection = image_collection(laid_out(tmp_path / "folds", contents), Reading())
    labels = labels_of(collection, collection.train.targets)
    windows = {
        held_out(collection, torch.tensor(fold), validation=None, seed=0).spec.inputs.window
        for fold in ([0, 5], [1, 6])
    }
    assert len(labels) == 10
    assert windows == {(500, 514), (500, 524)}


def test_a_saved_net_sees_new_images_through_its_window(tmp_path):
    draw = np.random.default_rng(0)
    files = [[png(woven(draw, 1000, depth)) for _ in range(20)] for depth in (0, 8)]
    run = train(new_experiment(data=str(laid_out(tmp_path / "set", files)), epochs=8), out=tmp_path / "run")
    assert run.scores.values["accuracy"] == 1.0
    ready = predictor(tmp_path / "run")
    assert ready.spec == run.data.spec
    told = ready.images([png(woven(draw, 1000, depth)) for depth in (0, 8, 8, 0)])
    assert [one["prediction"] for one in told] == ["a", "b", "b", "a"]
    assert "of 16 bits a channel, 1,000 is black and 1,012 white" in ready.card()["preprocessing"]
    description = json.loads((tmp_path / "run" / "model.json").read_text())
    for wrong in ([5], [9, 3], [0, 70000]):
        description["spec"]["inputs"]["window"] = wrong
        spec = TypeAdapter(Spec).validate_python(description["spec"])
        with pytest.raises(ValueError, match="no window of 16 bits"):
            check_spec(spec)


def test_recipes_see_new_images_through_the_window_of_their_data(tmp_path):
    draw = np.random.default_rng(0)
    data = load(laid_out(tmp_path / "set", [[png(woven(draw, 1000, depth)) for _ in range(6)] for depth in (0, 8)]))
    known, path = known_of(data), tmp_path / "set" / "b" / "0.png"
    expected = image_of(path.read_bytes(), data.spec.inputs)
    assert float(expected.max()) == 255
    assert torch.equal(255 * read_intensities([path], known["shape"], known["window"])[0], expected.float())


def test_a_broken_pixel_takes_no_shades_from_the_others():
    counts = np.zeros(65536, np.int64)
    counts[1000:1013] = 1000
    assert window_of(counts) == (1000, 1012)
    counts[[3, 65535]] = 2
    assert window_of(counts) == (988, 1024)
    counts[:] = 0
    counts[7] = 5
    assert window_of(counts) == (7, 7)
    counts[4000] = 1  # stars on a sky of one shade
    counts[7] = 5000
    assert window_of(counts) == (7, 4000)
    assert window_of(np.zeros(65536, np.int64)) == (0, 65535)


def test_eight_bits_beside_sixteen_stay_as_they_are(tmp_path):
    draw = np.random.default_rng(0)
    plain = draw.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    deep = [png(woven(draw, 2000, 40)) for _ in range(6)]
    data = load(laid_out(tmp_path, [[*deep, saved(Image.fromarray(plain))], deep]))
    assert data.spec.inputs.window == (2000, 2044)
    every = torch.cat([data.train.inputs, data.validation.inputs, data.test.inputs])
    assert any(np.array_equal(image[0], plain) for image in every)
    assert load(laid_out(tmp_path / "plain", [[saved(Image.fromarray(plain))] * 5] * 2)).spec.inputs.window == ()


def test_a_look_at_files_sees_what_is_in_them(tmp_path):
    draw = np.random.default_rng(0)
    icons = [saved(Image.fromarray(coloured((0, 0, 0))))] * 3
    root = laid_out(tmp_path, [[png(woven(draw, 1000, 8)) for _ in range(3)], icons])
    survey = survey_files(open_files(root), lambda *_: None)
    assert (survey.high.astype(int) - survey.low == 255).all()
    assert len(np.unique(survey.picture(0))) > 2
