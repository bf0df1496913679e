"""Images and masks: how masks are coded, paired with their images, made one size, moved with them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import profundo as pf
from profundo.data.augmenting.augment import augmentation
from profundo.data.dataset_names import Reading
from profundo.data.grids.grid_arrays import grid_targets
from profundo.data.grids.grid_folders import grid_collection, scaled
from profundo.data.grids.mask_codes import Coding, coding_of, colour_of, listed_classes, mask_png, read_codes
from profundo.looks.grids.mask_pictures import answered_panels, overlaid
from profundo.looks.look_page import page_of
from profundo.looks.look_text import text_of
from profundo.records import Dataset, Inputs, ProfundoError, Samples, Spec, Targets

HOW = Reading()


def png(pixels, mode=None, palette=None):
    image = Image.fromarray(pixels) if mode is None else Image.fromarray(pixels).convert(mode)
    if palette is not None:
        image.putpalette(palette)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def folder(place, pairs, names=None):
    """A folder of (image, mask) as arrays or bytes."""
    for number, (image, mask) in enumerate(pairs):
        name = names[number] if names else f"{number:02}.png"
        for role, one in (("images", image), ("masks", mask)):
            path = (place / name.replace("*", role)) if "*" in name else place / role / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(one if isinstance(one, bytes) else png(one))
    return place


def pair(size=(6, 8), values=(0, 1), seed=0):
    draw = np.random.default_rng(seed)
    return draw.integers(0, 256, (*size, 3), dtype=np.uint8), draw.choice(values, size).astype(np.uint8)


# ------------------------------------------------------------------------------------------------------------- codes
GREY = np.array([[0, 7], [7, 200]], np.uint8)
RED = np.array([[[255, 0, 0], [5, 5, 5]], [[0, 0, 0], [255, 0, 0]]], np.uint8)


def test_a_mask_says_its_classes_by_value_index_or_colour():
    assert read_codes(png(GREY))[0].tolist() == GREY.tolist()
    assert read_codes(png(np.stack([GREY] * 3, -1)))[0].tolist() == GREY.tolist()  # grey, saved in colour
    assert read_codes(png(GREY > 0))[0].tolist() == [[0, 1], [1, 1]]
    assert read_codes(png(GREY.astype(np.uint16) * 300))[0].tolist() == [[0, 2100], [2100, 60000]]
    assert read_codes(png(RED))[0].tolist() == [[-1 - 0xFF0000, 5], [0, -1 - 0xFF0000]]
    palette = [part for place in range(256) for part in colour_of(place)]
    index = Image.fromarray(GREY)
    index.putpalette(palette)
    file = io.BytesIO()
    index.save(file, "PNG")
    codes, colours = read_codes(file.getvalue())
    assert codes.tolist() == GREY.tolist()
    assert set(colours) == {0, 7, 200}
    assert read_codes(file.getvalue(), by_colour=True)[0][0, 0] == 0
    for bad in (b"", b"no image", png(RED)[:40]):
        with pytest.raises(ValueError, match=r"not an image|truncated|damaged|Truncated|broken|EOF|file"):
            read_codes(bad)


def test_the_colours_are_those_of_pascal_voc():
    """As its development kit lists them."""
    listed = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128)]
    assert [colour_of(place) for place in range(7)] == listed
    assert colour_of(20) == (0, 64, 128)  # the TV monitor


@pytest.mark.parametrize(
    ("codes", "classes", "ignored"),
    [
        ((0, 1, 2, 255), (0, 1, 2), 255),
        ((0, 5, 15, 255), (0, 5, 15), 255),
        ((0, 255), (0, 255), None),  # black and white
        ((0, 128, 255), (0, 128, 255), None),  # shades
        ((1, 2, 3), (1, 2, 3), None),
        ((-1 - 0xFF0000, 0, -1 - 0xE0E0C0), (-1 - 0xFF0000, 0), -1 - 0xE0E0C0),  # VOC in colours
    ],
)
def test_255_is_no_class_beside_indices_and_one_beside_shades(codes, classes, ignored):
    coding = coding_of(codes, {}, "here")
    assert (set(coding.codes), coding.ignored) == (set(classes), ignored)


def test_classes_are_named_by_a_list_in_any_of_its_forms():
    assert listed_classes("0 sky\n7 road", "c") == {0: "sky", 7: "road"}
    assert listed_classes("sky\nthe road\n\n", "c") == {0: "sky", 1: "the road"}
    assert listed_classes("255 0 0 fire\n0,0,0,night", "c") == {-1 - 0xFF0000: "fire", 0: "night"}
    coding = coding_of([0, 7, 255], {0: "sky", 7: "road", 9: "sea"}, "c")
    assert (coding.codes, coding.names, coding.ignored) == ((0, 7, 9), ("sky", "road", "sea"), 255)
    assert coding.indices(np.array([9, 0, 255, 7])).tolist() == [2, 0, 255, 1]
    with pytest.raises(ProfundoError, match=r"masks have 3, which classes\.txt does not list"):
        coding_of([0, 3, 7], {0: "sky", 7: "road"}, "c")
    with pytest.raises(ProfundoError, match="lists 7 twice"):
        listed_classes("7 a\n7 b", "c")


@pytest.mark.parametrize("codes", [(0, 1, 2), (0, 38, 255), (0, 300, 65535), (-1 - 0xFF0000, 0, -1 - 0x0102FF)])
def test_a_predicted_mask_is_written_as_those_of_training_were(codes):
    classes = np.array([[0, 1, 2], [2, 1, 0]])
    again = Coding(codes, ("a", "b", "c")).indices(read_codes(mask_png(classes, codes))[0])
    assert again.tolist() == classes.tolist()


def test_too_many_values_or_one_alone_are_refused():
    with pytest.raises(ProfundoError, match=r"301 different values.*task"):
        coding_of(range(0, 602, 2), {}, "here")
    with pytest.raises(ProfundoError, match="two classes or more, all pixels are 4"):
        coding_of([4], {}, "here")


# ----------------------------------------------------------------------------------------------------------- folders
def test_images_of_several_sizes_are_continued_and_count_nowhere_beyond_their_edges(tmp_path):
    sizes = [(6, 8), (5, 9), (7, 3)]
    pairs = [pair(size, seed=seed) for seed, size in enumerate(sizes)]
    found = grid_collection(folder(tmp_path, pairs), HOW)
    assert found.inputs == Inputs((3, 7, 9), "image", longest=0)
    assert found.targets == Targets("mask", ("0", "1"), codes=(0, 1))
    for row, ((height, width), (image, mask)) in enumerate(zip(sizes, pairs, strict=True)):
        inputs, target = found.train.inputs[row], found.train.targets[row]
        assert np.array_equal(inputs[:, :height, :width].permute(1, 2, 0), image)
        assert np.array_equal(target[:height, :width], mask)
        assert bool((target[height:] == 255).all())
        assert bool((target[:, width:] == 255).all())
        assert torch.equal(inputs[:, -1, :width], inputs[:, height - 1, :width])


def test_large_images_are_scaled_down_with_their_masks_and_it_is_said(tmp_path):
    mask = np.zeros((300, 600), np.uint8)
    mask[:, 300:] = 1
    image = np.stack([mask * 200] * 3, -1)
    found = grid_collection(folder(tmp_path, [(image, mask)]), HOW)
    assert (found.inputs.shape, found.inputs.longest) == ((3, 128, 256), 256)
    assert np.array_equal(found.train.targets[0], np.repeat([[0] * 128 + [1] * 128], 128, 0))
    assert any("--image-size says otherwise" in note for note in found.notes)
    assert grid_collection(tmp_path, Reading(image_size=60)).inputs.shape == (3, 30, 60)
    assert scaled((300, 600), 0) == (300, 600)


@pytest.mark.parametrize("layout", ["*/{}", "{}/*", "set/*/{}"])
def test_splits_are_read_from_folders_on_top_or_below(tmp_path, layout):
    names = [layout.format(split) + f"/{n}.png" for n, split in enumerate(("train", "train", "val", "test"))]
    found = grid_collection(folder(tmp_path, [pair(seed=n) for n in range(4)], names), HOW)
    assert [len(part) for part in (found.train, found.validation, found.test)] == [2, 1, 1]


def test_voc_names_palettes_and_zips_are_read(tmp_path):
    import zipfile

    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "SegmentationClass").mkdir()
    for number in range(3):
        image, mask = pair(values=(0, 15, 255), seed=number)
        Image.fromarray(image).save(tmp_path / "JPEGImages" / f"{number}.jpg")
        index = Image.fromarray(mask)
        index.putpalette([part for place in range(256) for part in colour_of(place)])
        index.save(tmp_path / "SegmentationClass" / f"{number}.png")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        for path in sorted(tmp_path.glob("*/*")):
            packed.write(path, path.relative_to(tmp_path))
    for where in (tmp_path, tmp_path / "all.zip"):
        found = grid_collection(where, HOW)
        assert (found.targets.codes, len(found.train)) == ((0, 15), 3)
        assert set(found.train.targets.unique().tolist()) == {0, 1, 255}
        assert any("of no class" in note for note in found.notes)


def test_indices_that_mean_another_colour_in_each_file_are_read_by_colour(tmp_path):
    pairs = []
    for number in range(2):
        image, mask = pair(seed=number)
        index = Image.fromarray(mask if number else 1 - mask)
        index.putpalette([0, 0, 0, 255, 0, 0] if number else [255, 0, 0, 0, 0, 0])
        file = io.BytesIO()
        index.save(file, "PNG")
        pairs.append((image, file.getvalue()))
    found = grid_collection(folder(tmp_path, pairs), HOW)
    assert set(found.targets.codes) == {0, -1 - 0xFF0000}
    for row in range(2):
        expected = pair(seed=row)[1] == 1
        assert np.array_equal(found.train.targets[row] == found.targets.codes.index(-1 - 0xFF0000), expected)


def test_images_of_16_bits_are_seen_through_a_window_of_training(tmp_path):
    pairs = [(pair(seed=n)[0][:, :, 0].astype(np.uint16) * 4 + 1000, pair(seed=n)[1]) for n in range(12)]
    data = pf.load(folder(tmp_path, pairs))
    low, high = data.spec.inputs.window
    assert 1000 <= low < high <= 2020
    assert int(data.train.inputs.max()) == 255


def test_depths_of_16_bits_are_numbers_where_that_is_said(tmp_path):
    pairs = [(pair(seed=n)[0], pair(seed=n)[1].astype(np.uint16) * 5000 + n) for n in range(12)]
    data = pf.load(folder(tmp_path, pairs), task="real")
    assert data.spec.targets.kind == "map"
    assert data.spec.targets.std[0] == pytest.approx(2500, rel=0.05)


BROKEN = {
    "an image without a mask": (lambda p: (p / "masks" / "00.png").unlink(), "1 images without a mask: images/00.png"),
    "a mask without an image": (lambda p: (p / "images" / "01.png").unlink(), "1 masks without an image: masks/01.png"),
    "a mask of another size": (
        lambda p: (p / "masks" / "02.png").write_bytes(png(pair((5, 5))[1])),
        r"masks/02.png \(5×5 pixels, its image has 8×6\)",
    ),
    "a mask that is no image": (
        lambda p: (p / "masks" / "03.png").write_bytes(b"no"),
        r"masks/03.png \(not an image\)",
    ),
    "two images of one name": (
        lambda p: (p / "images" / "04.jpg").write_bytes((p / "images" / "04.png").read_bytes()),
        "of a name that another one has",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_does_not_go_together_is_named_and_may_be_left_out(case, tmp_path):
    breaks, said = BROKEN[case]
    breaks(folder(tmp_path, [pair(seed=n) for n in range(6)]))
    with pytest.raises(ProfundoError, match=said):
        pf.load(tmp_path)
    left = grid_collection(tmp_path, Reading(skip_bad=True))
    assert len(left.train) == (6 if "two images" in case else 5)
    assert any("left out" in note for note in left.notes)
    assert any(finding.level == "error" for finding in pf.look(tmp_path).findings)


def test_a_look_counts_images_and_pixels_of_each_class_and_says_its_colours(tmp_path):
    values = (0, 3, 7)
    pairs = [pair(values=values if number % 2 else values[:2], seed=number) for number in range(8)]
    look, masks = pf.look(folder(tmp_path, pairs)), [mask for _, mask in pairs]
    assert look.counts == {"train": [sum((mask == value).any() for mask in masks) for value in values]}
    assert sum(look.shares) == pytest.approx(1)
    shown = text_of(look)
    assert "class  images  pixels" in shown
    assert all(f"{100 * share:.1f} %" in shown for share in look.shares)
    page = page_of(look)
    assert "Images that show each class" in page
    assert all("#{:02x}{:02x}{:02x}".format(*colour_of(place)) in page for place in range(len(look.classes)))


def test_one_image_is_too_few_and_classes_of_folders_are_no_masks(tmp_path):
    with pytest.raises(ProfundoError, match="1 samples of 1 classes leave none"):
        pf.load(folder(tmp_path / "one", [pair()]))
    for number in range(12):
        path = tmp_path / "classes" / ("images", "drawings")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(pair(seed=number)[0]))
    assert pf.load(tmp_path / "classes").spec.targets.kind == "binary"


# ------------------------------------------------------------------------------------------------------------ arrays
def test_arrays_of_whole_numbers_are_masks_and_others_maps(tmp_path):
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 256, (20, 5, 4, 3), dtype=np.uint8), draw.integers(0, 3, (20, 5, 4))
    y[0, 0] = -1
    np.savez(tmp_path / "masks.npz", x=x, y=y)
    data = pf.load(tmp_path / "masks.npz")
    assert (data.spec.inputs.kind, data.spec.inputs.shape, data.spec.targets.kind) == ("image", (3, 5, 4), "mask")
    counts = np.bincount(data.train.targets.flatten(), minlength=256)
    np.testing.assert_allclose(data.spec.targets.shares, counts[:3] / counts[:3].sum(), rtol=1e-6)
    values = draw.normal(5, 2, (20, 5, 4))
    values[3, 2] = np.nan
    np.savez(tmp_path / "maps.npz", x=x[..., 0] / 255, y=values)
    data = pf.load(tmp_path / "maps.npz")
    assert (data.spec.inputs.kind, data.spec.inputs.shape, data.spec.targets.kind) == ("array", (1, 5, 4), "map")
    known = data.train.targets.double()
    np.testing.assert_allclose(data.spec.targets.mean[0], known[known.isfinite()].mean(), rtol=1e-6)
    np.savez(tmp_path / "other.npz", x=x[:, :4], y=y)
    with pytest.raises(ProfundoError, match="of the height and width of their targets"):
        pf.load(tmp_path / "other.npz")
    with pytest.raises(ProfundoError, match="whole numbers as classes"):
        grid_targets(values, "classes", "y")


def test_a_class_without_pixels_to_train_on_is_told(tmp_path):
    names = [f"{split}/*/{n}.png" for n, split in enumerate(("train", "train", "val", "test"))]
    pairs = [pair(values=(0, 1, 2) if n == 3 else (0, 1), seed=n) for n in range(4)]
    data = pf.load(folder(tmp_path, pairs, names))
    assert data.spec.targets.shares[2] == 0
    assert any(note.startswith("Of 2 there are pixels") for note in data.notes)


# ------------------------------------------------------------------------------------------------------ augmentation
SPEC = Spec(Inputs((3, 12, 10), "image", (128.0,) * 3, (64.0,) * 3, longest=0), Targets("mask", ("a", "b", "c")))


@pytest.mark.parametrize("name", ["mirror", "flip", "shift", "rotation", "zoom", "crop", "elastic", "perspective"])
def test_masks_move_with_their_images(name):
    """An image whose red is its mask still is it, wherever it went."""
    generator = torch.Generator().manual_seed(0)
    masks = torch.zeros(16, 12, 10, dtype=torch.uint8)
    masks[:, 3:8, 2:7] = 2
    images = masks[:, None].float().expand(-1, 3, -1, -1).contiguous()
    moved, own = augmentation([name], SPEC).with_targets(images, masks, generator)
    assert own.dtype == torch.uint8
    sure = ((moved[:, 0] - moved[:, 0].round()).abs() < 0.2) & (own != 255)
    assert float(sure.float().mean()) > 0.8
    expected = (moved[:, 0] > 1).to(torch.uint8) * 2
    assert float((own == expected)[sure].float().mean()) > 0.97
    if name != "elastic":
        assert not torch.equal(own, masks)


def test_colours_leave_masks_alone_and_mixing_is_refused():
    masks = torch.randint(0, 3, (4, 12, 10), dtype=torch.uint8)
    _, own = augmentation(["colour", "noise"], SPEC).with_targets(torch.randn(4, 3, 12, 10), masks, torch.Generator())
    assert torch.equal(own, masks)
    with pytest.raises(ProfundoError, match="mixes classes; these targets are masks"):
        augmentation(["cutmix"], SPEC)


def test_a_map_moves_with_what_is_not_known_of_it():
    spec = Spec(SPEC.inputs, Targets("map", names=("value",)))
    maps = torch.arange(120.0).view(1, 12, 10).clone()
    maps[0, 0, 0] = torch.nan
    change = augmentation([{"mirror": {"share": 1}}], spec)
    images, own = change.with_targets(maps[:, None].expand(-1, 3, -1, -1).nan_to_num(), maps, torch.Generator())
    torch.testing.assert_close(own, maps.flip(2), equal_nan=True)
    torch.testing.assert_close(images[:, 0], maps.flip(2).nan_to_num())


def test_a_picture_of_an_answer_is_red_where_it_is_wrong():
    truth = torch.tensor([[[0, 1], [255, 1]]], dtype=torch.uint8)
    said = torch.tensor([[[0, 0], [1, 1]]], dtype=torch.uint8)
    image = torch.full((1, 1, 2, 2), 90, dtype=torch.uint8)
    picture = answered_panels(image, truth, said)[0].permute(1, 2, 0)
    assert picture.shape == (4, 4, 3)
    assert picture[3, 0].tolist() == [224, 224, 224]  # what is said there counts nowhere
    assert picture[0, 0].tolist() == [90, 90, 90]
    assert picture[0, 3].tolist() == list(colour_of(1))
    assert picture[1, 2].tolist() == [224, 224, 224]  # of no class
    assert picture[2, 1].tolist() == list(colour_of(0))
    red = picture[2:, 2:, 0] > 200
    assert red.tolist() == [[False, True], [False, False]]
    filled = (
        torch.nn.functional.pad(truth, (0, 3, 0, 1), value=255),
        torch.nn.functional.pad(said, (0, 3, 0, 1), value=1),
    )
    (cut,) = answered_panels(torch.full((1, 1, 3, 5), 90, dtype=torch.uint8), *filled)
    assert torch.equal(cut.permute(1, 2, 0), picture)
    (deep,) = answered_panels(
        image, torch.tensor([[[0.0, torch.nan], [2.0, 4.0]]]), torch.tensor([[[1.0, 9.0], [2.0, 2.0]]])
    )
    assert deep[0, 2:, 2:].tolist() == [[127, 224], [0, 255]]  # off by 1 and by 2, and what is not known
    assert overlaid(image, truth)[0, :, 0, 1].tolist() == [45 + 64, 45, 45]  # half dark red


def test_the_dataset_is_what_it_says(tmp_path):
    data = pf.load(folder(tmp_path, [pair(seed=n) for n in range(12)]))
    assert isinstance(data, Dataset)
    assert isinstance(data.train, Samples)
    assert data.train.targets.dtype == torch.uint8
    assert sum(len(split) for split in (data.train, data.validation, data.test)) == 12
