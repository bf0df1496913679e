"""One set of images and objects, written as each tool writes it, is read as the same; and what cannot be meant ends in one line."""

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from profundo.boxes import NO_OBJECT, unpacked
from profundo.data.dataset_names import Reading
from profundo.data.loading import collect
from profundo.data.objects import object_collection
from profundo.data.objects_in_images.labelled_images import masks_drawn, objects_of
from profundo.data.objects_in_images.object_sources import found_objects, notes_of, read_objects
from profundo.data.objects_in_images.outlines import coded_mask
from profundo.data.streams import archives
from profundo.object_masks import masks_of
from profundo.records import ProfundoError

WIDTH, HEIGHT = 40, 30
SCENES = {  # file → (class, box, difficult)
    "a": [("cat", (4, 6, 14, 16), False), ("dog", (20, 0, 40, 10), False)],
    "b": [],
    "c": [("dog", (0, 0, 1, 30), True)],
    "d": [("cat", (10, 10, 30, 28), False)],
}
SPLITS = {"a": "train", "b": "train", "c": "test", "d": "train"}


def images(root: Path, place=lambda _: "images") -> None:
    for number, stem in enumerate(SCENES):
        pixels = np.full((HEIGHT, WIDTH, 3), 40 * number, np.uint8)
        for _, (left, top, right, bottom), _ in SCENES[stem]:
            pixels[top:bottom, left:right] = 200
        folder = root / place(stem)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{stem}.png")


def coco(root: Path) -> None:
    images(root)
    for split in ("train", "test"):
        stems = [stem for stem in SCENES if SPLITS[stem] == split]
        whole = {
            "images": [{"id": f"i{s}", "file_name": f"{s}.png", "width": WIDTH, "height": HEIGHT} for s in stems],
            "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "unused"}, {"id": 90, "name": "dog"}],
            "annotations": [
                {
                    "image_id": f"i{stem}",
                    "category_id": {"cat": 3, "dog": 90}[name],
                    "bbox": [left, top, right - left, bottom - top],
                    "iscrowd": int(hard),
                    "segmentation": outline(left, top, right, bottom, hard),
                }
                for stem in stems
                for name, (left, top, right, bottom), hard in SCENES[stem]
            ],
        }
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(whole))


def outline(left, top, right, bottom, is_crowd):
    if not is_crowd:
        return [[left, top, right, top, right, bottom, left, bottom]]
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    flat = mask.T.ravel()
    counts, value = [0], False
    for pixel in flat.tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return {"size": [HEIGHT, WIDTH], "counts": counts}


def voc(root: Path) -> None:
    images(root, lambda _: "JPEGImages")
    (root / "Annotations").mkdir()
    (root / "ImageSets" / "Main").mkdir(parents=True)
    for stem, things in SCENES.items():
        objects = "".join(
            f"<object><name>{name}</name><difficult>{int(hard)}</difficult><part><bndbox><xmin>9</xmin></bndbox></part><bndbox>"
            f"<xmin>{left + 1}</xmin><ymin>{top + 1}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
            for name, (left, top, right, bottom), hard in things
        )
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
        (root / "Annotations" / f"{stem}.xml").write_text(
            f"<annotation><filename>{stem}.png</filename>{size}{objects}</annotation>"
        )
    for split in ("train", "test"):
        names = "".join(f"{stem}\n" for stem in SCENES if SPLITS[stem] == split)
        (root / "ImageSets" / "Main" / f"{split}.txt").write_text(names)


def yolo(root: Path) -> None:
    images(root, lambda stem: f"{SPLITS[stem]}/images")
    (root / "data.yaml").write_text("train: ../train/images\ntest: ../../elsewhere\nnames: {0: dog, 1: cat}\n")
    for stem, things in SCENES.items():
        folder = root / SPLITS[stem] / "labels"
        folder.mkdir(exist_ok=True)
        lines = []
        for name, (left, top, right, bottom), _ in things:
            kind = ("dog", "cat").index(name)
            if name == "cat":
                corners = ((left, top), (right, top), (right, bottom), (left, bottom))
                lines.append(f"{kind} " + " ".join(f"{x / WIDTH:.9f} {y / HEIGHT:.9f}" for x, y in corners))
            else:
                middle = f"{(left + right) / 2 / WIDTH:.9f} {(top + bottom) / 2 / HEIGHT:.9f}"
                lines.append(f"{kind} {middle} {(right - left) / WIDTH:.9f} {(bottom - top) / HEIGHT:.9f}")
        if lines:
            (folder / f"{stem}.txt").write_text("\n".join(lines) + "\n")


def table(root: Path, names="filename,width,height,class,xmin,ymin,xmax,ymax,difficult,split") -> None:
    images(root)
    rows = [names.split(",")]
    for stem, things in SCENES.items():
        for name, box, hard in things:
            rows.append([f"{stem}.png", WIDTH, HEIGHT, name, *box, int(hard), SPLITS[stem]])
        if not things:
            rows.append([f"images/{stem}.png", WIDTH, HEIGHT, "", "", "", "", "", "", SPLITS[stem]])
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    (root / "boxes.csv").write_text(text.getvalue())


def one_mask(root: Path) -> None:
    images(root, lambda stem: f"{SPLITS[stem]}/images")
    for stem, things in SCENES.items():
        values = np.zeros((HEIGHT, WIDTH), np.uint16)
        for number, (_, (left, top, right, bottom), _) in enumerate(things, 1):
            values[top:bottom, left:right] = 300 * number
        folder = root / SPLITS[stem] / "instances"
        folder.mkdir(exist_ok=True)
        Image.fromarray(values).save(folder / f"{stem}.png")


def mask_each(root: Path) -> None:
    images(root)
    for stem, things in SCENES.items():
        for number, (name, (left, top, right, bottom), _) in enumerate(things):
            values = np.zeros((HEIGHT, WIDTH), np.uint8)
            values[top:bottom, left:right] = 255
            folder = root / "instances" / stem / name
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(folder / f"{number}.png")


WRITERS = {
    "COCO JSON": coco,
    "Pascal VOC XML": voc,
    "YOLO text": yolo,
    "a table of boxes": table,
    "masks of instances": one_mask,
    "masks of instances, one each": mask_each,
}


def read(root: Path, **how):
    found = found_objects(root)
    assert found is not None
    return read_objects(found, **how)


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_says_the_same_of_the_same_objects(form, packed, tmp_path):
    WRITERS[form](tmp_path / "scenes")
    where = tmp_path / "scenes"
    if packed:  # with a folder around all, as archives often have
        where = tmp_path / "scenes.zip"
        with zipfile.ZipFile(where, "w") as archive:
            for path in sorted((tmp_path / "scenes").rglob("*.*")):
                archive.write(path, Path("around", path.relative_to(tmp_path / "scenes")))
    result = read(where)
    assert result.form == form.partition(",")[0]
    rows = {Path(result.name(row)).stem: row for row in range(len(result.labels))}
    assert set(rows) == (set(SCENES) if "each" not in form else set(SCENES) - {"b"})
    for stem, row in rows.items():
        there = objects_of(result.labels[row])
        masks = [*masks_drawn(result.labels[row], result.sizes[row])]
        order = sorted(range(len(there)), key=lambda at: there.boxes[at].tolist())
        expected = sorted(SCENES[stem], key=lambda thing: thing[1])
        torch.testing.assert_close(
            there.boxes[order], torch.tensor([box for _, box, _ in expected]).float().reshape(-1, 4), atol=1e-4, rtol=0
        )
        if form != "masks of instances":  # of which nothing says a class
            assert [result.classes[int(there.classes[at])] for at in order] == [name for name, _, _ in expected]
        if form not in ("YOLO text", "masks of instances", "masks of instances, one each"):
            assert there.crowd[order].tolist() == [hard for _, _, hard in expected]
            assert result.splits[row] == SPLITS[stem]
        if result.outlined:
            for at, (_, (left, top, right, bottom), _) in zip(order, expected, strict=True):
                painted = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
                painted[top:bottom, left:right] = True
                assert np.array_equal(masks[at], painted)
    assert result.outlined == (form.startswith(("COCO", "masks")))


def test_classes_keep_the_order_of_their_source_and_those_without_objects_are_told_of(tmp_path):
    coco(tmp_path / "coco")
    yolo(tmp_path / "yolo")
    result = read(tmp_path / "coco")
    assert result.classes == ("cat", "dog")
    assert "unused" in " ".join(notes_of(result.remarks))
    assert read(tmp_path / "yolo").classes == ("dog", "cat")


CATEGORIES = {
    "ids with gaps": ({3: "cat", 90: "dog"}, {3: "cat", 90: "dog"}, (3, 90)),
    "texts": ({"x": "cat", "y": "dog"}, {"x": "cat", "y": "dog"}, ()),
    "files that differ": ({3: "cat", 90: "dog"}, {1: "cat", 2: "dog"}, ()),
    "more than runs keep": ({3: "cat", 2**31: "dog"}, {3: "cat", 2**31: "dog"}, ()),
    "one id for two": ({3: "cat"}, {3: "dog"}, ()),
}


@pytest.mark.parametrize("case", CATEGORIES)
def test_ids_of_classes_are_kept_where_each_has_one_of_its_own(case, tmp_path):
    *files, ids = CATEGORIES[case]
    images(tmp_path)
    for stem, names in zip(("a", "d"), files, strict=True):
        whole = {
            "images": [{"id": 1, "file_name": f"{stem}.png"}],
            "categories": [{"id": key, "name": name} for key, name in names.items()],
            "annotations": [{"image_id": 1, "category_id": key, "bbox": [1, 1, 9, 9]} for key in names],
        }
        (tmp_path / f"{stem}.json").write_text(json.dumps(whole))
    targets = collect(str(tmp_path), Reading()).targets
    assert targets.classes == ("cat", "dog")
    assert targets.codes == ids


@pytest.mark.parametrize(
    "names",
    [
        "ImageID,w0,h0,LabelName,XMin,YMin,XMax,YMax,IsGroupOf,subset",
        "path,w0,h0,label,x1,y1,x2,y2,iscrowd,set",
        "image,img_width,img_height,category,left,top,right,bottom,crowd,split",
    ],
)
def test_columns_of_several_tools_mean_the_same(names, tmp_path):
    table(tmp_path / "own")
    table(tmp_path / "other", names)
    (own, other) = (read(tmp_path / name) for name in ("own", "other"))
    assert own.classes == other.classes
    assert own.splits == other.splits
    for mine, theirs in zip(own.labels, other.labels, strict=True):
        assert np.array_equal(mine.boxes, theirs.boxes)
        assert np.array_equal(mine.crowd, theirs.crowd)


TABLES = {
    "without a header": "a.png,4,6,14,16,cat\nb.png,,,,,\n",
    "sides": "image_id;x;y;width;height;label\na;4;6;10;10;cat\n",
    "a box in a cell": 'image_id,width,height,bbox\na,40,30,"[4.0, 6.0, 10.0, 10.0]"\n',
    "shares": "filename,class,xmin,ymin,xmax,ymax\na.png,cat,0.1,0.2,0.35,0.53333333\n",
    "a polygon of VIA's": (
        "filename,file_size,region_shape_attributes,region_attributes\n"
        'a.png,9,"{""name"":""polygon"",""all_points_x"":[4,14,14,4],""all_points_y"":[6,6,16,16]}","{""kind"":""cat""}"\n'
        'b.png,9,"{}","{}"\n'
    ),
    "a rectangle of VIA's": (
        "filename,region_shape_attributes,region_attributes\n"
        'a.png,"{""name"":""rect"",""x"":4,""y"":6,""width"":10,""height"":10}","{}"\n'
    ),
}


@pytest.mark.parametrize("form", TABLES)
def test_tables_of_other_tools_are_read(form, tmp_path):
    images(tmp_path)
    (tmp_path / "boxes.csv").write_text(TABLES[form])
    result = read(tmp_path / "boxes.csv")  # the file by itself
    np.testing.assert_allclose(result.labels[0].boxes, [[4, 6, 14, 16]], atol=1e-5)
    assert len(result.labels) == 1 or len(result.labels[1]) == 0


# --------------------------------------------------------------------------------------------------- mended and refused
def one_box(root: Path, line: str) -> Path:
    images(root)
    path = root / "boxes.csv"
    path.write_text(f"filename,xmin,ymin,xmax,ymax,class\nd.png,10,10,30,28,cat\n{line}\n")
    return path


@pytest.mark.parametrize(
    ("line", "box", "says"),
    [
        ("a.png,-9,6,14,16,cat", (0, 6, 14, 16), "cut to it"),
        ("a.png,30,20,99,99,cat", (30, 20, 40, 30), "cut to it"),
        ("a.png,14,16,4,6,cat", (4, 6, 14, 16), "swapped"),
        ("a.png,4,6,4,16,cat", None, "of no size"),
        ("a.png,50,6,60,16,cat", None, "beyond"),
        ("a.png,-0.5,0,40.5,30,cat", (0, 0, 40, 30), ""),
    ],
)
def test_doubtful_boxes_are_mended_and_told_of(line, box, says, tmp_path):
    result = read(one_box(tmp_path, line))
    row = next(at for at in range(2) if result.name(at).endswith("a.png"))
    assert result.labels[row].boxes.tolist() == ([] if box is None else [list(map(float, box))])
    told = " ".join(notes_of(result.remarks))
    assert (says in told and "row 3" in told) if says else "row 3" not in told


BROKEN = {
    "no number": ("a.png,nan,6,14,16,cat", "row 3: nan is no place"),
    "words": ("a.png,four,6,14,16,cat", "row 3: expected a number, got 'four'"),
    "far": ("a.png,1e30,6,14,16,cat", "no place in an image"),
    "no image": ("z.png,4,6,14,16,cat", "row 3: there is no image 'z.png'"),
    "out of the folder": ("../../etc/passwd.png,4,6,14,16,cat", "there is no image"),
    "no class": ("a.png,4,6,14,16,", "expected the class"),
    "cells are missing": ("a.png,4,6", "expected a number, got ''"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_cannot_be_meant_ends_in_one_line_and_may_be_left_out(fault, tmp_path):
    line, says = BROKEN[fault]
    path = one_box(tmp_path, line)
    with pytest.raises(ProfundoError, match=says) as error:
        read(path)
    assert "\n" not in str(error.value)
    assert "boxes.csv" in str(error.value)
    assert "leave out what is faulty" in str(error.value)
    result = read(path, skip_bad=True)
    assert sum(map(len, result.labels)) == 1
    assert "left out" in " ".join(notes_of(result.remarks))


STORED = {  # note → where a corner of the scene is in the file
    5: lambda x, y: (y, x),
    6: lambda x, y: (y, WIDTH - x),
    7: lambda x, y: (HEIGHT - y, WIDTH - x),
    8: lambda x, y: (HEIGHT - y, x),
}


@pytest.mark.parametrize("note", STORED)
def test_labels_of_the_stored_image_are_turned_with_it(note, tmp_path):
    """The pixels of each object stay bright, and what is labelled covers them: by box, polygon and runs."""
    images(tmp_path)
    exif = Image.Exif()
    exif[0x112] = note
    annotations = []
    for number, (stem, things) in enumerate(SCENES.items()):
        path = tmp_path / "images" / f"{stem}.png"
        seen = np.asarray(Image.open(path)).copy()
        stored = np.zeros((WIDTH, HEIGHT, 3), np.uint8)
        for row in range(HEIGHT):
            for column in range(WIDTH):
                x, y = STORED[note](column + 0.5, row + 0.5)
                stored[int(y), int(x)] = seen[row, column]
        Image.fromarray(stored).save(path, exif=exif)
        for name, (left, top, right, bottom), hard in things:
            (x0, y0), (x1, y1) = STORED[note](left, top), STORED[note](right, bottom)
            edges = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
            mask = np.zeros((WIDTH, HEIGHT), bool)
            mask[edges[1] : edges[3], edges[0] : edges[2]] = True
            polygon = [[x0, y0, x1, y0, x1, y1, x0, y1]]
            coded = {"size": [WIDTH, HEIGHT], "counts": coded_mask(mask)}
            annotations.append(
                {
                    "image_id": number,
                    "category_id": 1 + (name == "dog"),
                    "bbox": [edges[0], edges[1], edges[2] - edges[0], edges[3] - edges[1]],
                    "iscrowd": int(hard),
                    "segmentation": coded if hard or name == "cat" else polygon,
                }
            )
    listed = [
        {"id": at, "file_name": f"{stem}.png", "width": HEIGHT, "height": WIDTH} for at, stem in enumerate(SCENES)
    ]
    kinds = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    whole = {"images": listed, "annotations": annotations, "categories": kinds}
    (tmp_path / "labels.json").write_text(json.dumps(whole))
    result = read(tmp_path)
    assert result.sizes == [(WIDTH, HEIGHT)] * len(SCENES)
    assert "turned by the camera’s note" in " ".join(notes_of(result.remarks))
    for labels, things in zip(result.labels, SCENES.values(), strict=True):
        assert sorted(map(tuple, labels.boxes.tolist())) == sorted(box for _, box, _ in things)
        for box, mask in zip(labels.boxes.astype(int), masks_drawn(labels, (WIDTH, HEIGHT)), strict=True):
            assert mask[box[1] : box[3], box[0] : box[2]].all()
            assert mask.sum() == (box[2] - box[0]) * (box[3] - box[1])


def test_labels_that_do_not_lie_in_the_stored_image_are_not_turned(tmp_path):
    root = changed_coco(tmp_path, lambda whole: [one.update(width=HEIGHT, height=WIDTH) for one in whole["images"]])
    exif = Image.Exif()
    exif[0x112] = 6
    for path in (root / "images").glob("*.png"):
        image = Image.open(path)
        image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    with pytest.raises(ProfundoError, match=r"a\.png: the image has 40×30 pixels, its labels are of 30×40 .*exchanged"):
        read(root)
    result = read(root, skip_bad=True)  # d, which would lie in either, is not turned: only the size of c is right
    assert [result.name(row) for row in range(len(result.images))] == ["images/c.png"]


def changed_coco(root: Path, change) -> Path:
    coco(root)
    path = root / "annotations" / "instances_train2017.json"
    whole = json.loads(path.read_text())
    change(whole)
    path.write_text(json.dumps(whole))
    return root


def put(what, number, **values):
    return lambda whole: whole[what][number].update(values)


COCO_FAULTS = {
    "category": (put("annotations", 0, category_id=8), "annotation 1: there is no category with the id 8"),
    "image": (put("annotations", 0, image_id="q"), "there is no image with the id q"),
    "image of another size": (put("images", 0, width=41), "has 40×30 pixels, its labels are of 41×30"),
    "image turned": (put("images", 0, width=30, height=40), "exchanged"),
    "ids twice": (put("images", 1, id="ia"), "the id ia is there twice"),
    "image twice": (put("images", 1, file_name="a.png"), "it is there twice"),
    "categories twice": (put("categories", 1, id=3), "is there twice"),
    "box": (put("annotations", 0, bbox=[1, 2, 3]), "annotation 1: expected 4 numbers"),
    "box of words": (put("annotations", 0, bbox=["1", 2, 3, 4]), "expected 4 numbers"),
    "box of nothing": (put("annotations", 0, bbox=[float("nan"), 2, 3, 4]), "expected 4 numbers"),
    "box of a giant": (put("annotations", 0, bbox=[10**400, 2, 3, 4]), "expected 4 numbers"),
    "polygon": (put("annotations", 0, segmentation=[[1, 2, 3, 4]]), "polygons of three corners"),
    "polygon of words": (put("annotations", 0, segmentation=[["x"] * 6]), "could not convert"),
    "polygon of nothing": (put("annotations", 0, segmentation=[[float("inf")] * 6]), "is no place in an image"),
    "runs too long": (put("annotations", 0, segmentation={"size": [30, 40], "counts": [0, 1201]}), "do not add up"),
    "runs of another size": (
        put("annotations", 0, segmentation={"size": [3, 4], "counts": [2, 10]}),
        "its runs are of 4×3",
    ),
    "runs of a giant": (put("annotations", 0, segmentation={"size": [30, 40], "counts": [10**30]}), "annotation 1: "),
    "coded runs": (
        put("annotations", 0, segmentation={"size": [30, 40], "counts": "oooooooooooo"}),
        "not written as COCO",
    ),
    "neither": (
        lambda whole: [whole["annotations"][0].pop(key) for key in ("bbox", "segmentation")],
        "a bbox or a segm",
    ),
    "no list": (lambda whole: whole.update(annotations={"a": 1}), "expected a list of annotations, found an object"),
    "no objects": (lambda whole: whole["images"].insert(0, 3), "image 1: expected an object, found a number"),
}


@pytest.mark.parametrize("fault", COCO_FAULTS)
def test_what_coco_cannot_mean_ends_in_one_line(fault, tmp_path):
    change, says = COCO_FAULTS[fault]
    with pytest.raises(ProfundoError, match=says) as error:
        read(changed_coco(tmp_path, change))
    assert "\n" not in str(error.value)
    assert len(read(tmp_path, skip_bad=True).labels) in (1, 2, 3, 4)


LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><annotation>&b;</annotation>'
VOC_FAULTS = {
    "entities": (LAUGHS, "declares a document type"),
    "no XML": ("<annotation><object>", "not XML from line 1"),
    "another root": ("<annotations/>", "expected <annotation>"),
    "no box": (
        "<annotation><object><name>cat</name></object></annotation>",
        "object 1: expected a name and one bndbox",
    ),
    "half a box": (
        "<annotation><object><name>cat</name><bndbox><xmin>3</xmin></bndbox></object></annotation>",
        "expected xmin, ymin, xmax, ymax",
    ),
    "deep": ("<annotation>" + "<a>" * 100_000 + "</a>" * 100_000 + "</annotation>", ""),
    "bytes": ("\0\1\2<annotation", "not XML"),
}


@pytest.mark.parametrize("fault", VOC_FAULTS)
def test_what_voc_cannot_mean_ends_in_one_line(fault, tmp_path):
    voc(tmp_path)
    text, says = VOC_FAULTS[fault]
    (tmp_path / "Annotations" / "a.xml").write_text(text)
    if not says:
        assert len(read(tmp_path).labels) == 4
        return
    with pytest.raises(ProfundoError, match=says) as error:
        read(tmp_path)
    assert "\n" not in str(error.value)
    assert "a.xml" in str(error.value)


YOLO_FAULTS = {
    "pixels": ("0 20 15 10 10", "line 1: expected shares"),
    "class": ("7 0.5 0.5 0.1 0.1", "line 1: class 7 is none of the 2"),
    "numbers": ("0 0.5 0.5 0.1", "line 1: expected 4 numbers of a box"),
    "words": ("cat 0.5 0.5 0.1 0.1", "expected the number of a class"),
    "no number": ("0 nan 0.5 0.1 0.1", "is no place in an image"),
}


@pytest.mark.parametrize("fault", YOLO_FAULTS)
def test_what_yolo_cannot_mean_ends_in_one_line(fault, tmp_path):
    yolo(tmp_path)
    text, says = YOLO_FAULTS[fault]
    (tmp_path / "train" / "labels" / "d.txt").write_text(text)
    with pytest.raises(ProfundoError, match=says) as error:
        read(tmp_path)
    assert "\n" not in str(error.value)
    assert "d.txt" in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &a [x, x]\nb: *a\n", "aliases"),
        ("names: [cat, cat]\n", "is there twice"),
        ("names: {1: cat}\n", "numbers from 0"),
        ("names: !!python/object:os.system [cat]\n", "tag"),
        ("names: [" * 3000, "data.yaml"),
        ("nc: 3\nnames: [dog, cat]", "nc says 3 classes, but names has 2"),
    ],
)
def test_names_of_classes_that_are_none_end_in_one_line(text, says, tmp_path):
    yolo(tmp_path)
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(ProfundoError, match=says) as error:
        read(tmp_path)
    assert "\n" not in str(error.value)
    assert "data.yaml" in str(error.value)


def test_two_images_of_one_name_are_told_apart_by_their_folders_or_not_at_all(tmp_path):
    images(tmp_path, lambda stem: f"{SPLITS[stem]}/images")
    (tmp_path / "test" / "images" / "a.png").write_bytes((tmp_path / "train" / "images" / "a.png").read_bytes())
    head = "filename,xmin,ymin,xmax,ymax,class\n"
    (tmp_path / "boxes.csv").write_text(head + "train/images/a.png,4,6,14,16,cat\n")
    assert read(tmp_path).name(0) == "train/images/a.png"
    (tmp_path / "boxes.csv").write_text(head + "a.png,4,6,14,16,cat\n")
    with pytest.raises(ProfundoError, match=r"two images are called 'a.png': test/images/a.png and train/images/a.png"):
        read(tmp_path)
    (tmp_path / "boxes.csv").rename(tmp_path / "test" / "boxes.csv")
    assert read(tmp_path).name(0) == "test/images/a.png"


def test_lists_of_splits_are_obeyed(tmp_path):
    voc(tmp_path)
    lists = tmp_path / "ImageSets" / "Main"
    (lists / "train.txt").write_text("a\nb\n")
    result = read(tmp_path)
    assert [Path(result.name(row)).stem for row in range(3)] == ["a", "b", "c"]
    assert "1 image is in no split, and is left out" in " ".join(notes_of(result.remarks))
    (lists / "train.txt").write_text("a\nb\nc\n")
    with pytest.raises(ProfundoError, match=r"line 3: JPEGImages/c.png is in the list of"):
        read(tmp_path)
    (lists / "train.txt").write_text("a\nb\nz\n")
    with pytest.raises(ProfundoError, match=r"train.txt, line 3: there is no image 'z'"):
        read(tmp_path)


def test_other_folders_are_no_objects(tmp_path):
    for name in ("cats", "dogs"):
        images(tmp_path / name, lambda _: "")
    (tmp_path / "labels.csv").write_text("filename,label\na.png,cat\n")
    (tmp_path / "cats" / "a.txt").write_text("a cat on a mat\n")
    (tmp_path / "package.json").write_text('{"images": 3}')
    assert found_objects(tmp_path) is None
    assert found_objects(tmp_path / "nothing") is None


# -------------------------------------------------------------------------------------------------------------- joined
def test_a_collection_has_boxes_in_the_pixels_of_its_images(tmp_path):
    coco(tmp_path)
    collection = collect(tmp_path, Reading(image_size=20))
    assert collection.targets.kind == "objects"
    assert collection.inputs.shape == (3, 15, 20)
    assert (len(collection.train), collection.validation, len(collection.test)) == (3, None, 1)
    there = unpacked(collection.train.targets["objects"][0])
    assert there.boxes.tolist() == [[2, 3, 7, 8], [10, 0, 20, 5]]
    assert (collection.train.targets["objects"][1, :, 4] == NO_OBJECT).all()


def test_an_image_that_does_not_decode_is_named_and_may_be_left_out(tmp_path):
    coco(tmp_path)
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)).save(whole, "JPEG")
    (tmp_path / "images" / "d.png").write_bytes(whole.getvalue()[:-200])  # its header says all that is asked at first
    with pytest.raises(ProfundoError, match=r"images/d.png cannot be decoded"):
        collect(tmp_path)
    collection = collect(tmp_path, Reading(skip_bad=True))
    assert len(collection.train) == 2
    assert "1 of 4 images could not be decoded" in " ".join(collection.notes)


def test_options_of_tables_are_refused(tmp_path):
    coco(tmp_path)
    with pytest.raises(ProfundoError, match="target is for tables"):
        collect(tmp_path, Reading(target="x"))


def test_an_image_a_folder_with_a_mask_for_each_of_its_objects(tmp_path):
    for stem, things in SCENES.items():
        for role in ("images", "masks"):
            (tmp_path / stem / role).mkdir(parents=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / stem / "images" / f"{stem}.png")
        for number, (_, (left, top, right, bottom), _) in enumerate(things):
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            mask[top:bottom, left:right] = 255
            Image.fromarray(mask).save(tmp_path / stem / "masks" / f"{stem}{number}x.png")
    result = read(tmp_path)
    assert [Path(result.name(row)).stem for row in range(len(result.labels))] == ["a", "c", "d"]
    assert result.labels[0].boxes.tolist() == [list(box) for _, box, _ in SCENES["a"]]


def test_voc_says_the_class_of_an_instance_by_another_mask(tmp_path):
    images(tmp_path, lambda _: "JPEGImages")
    for stem in "ab":
        values, kinds = np.zeros((2, HEIGHT, WIDTH), np.uint8)
        values[5:9, 5:9], values[5:9, 20:29], values[5:9, 9] = 1, 2, 255
        kinds[5:9, 5:9], kinds[5:9, 20:29] = 15, 7
        for role, array in (("SegmentationObject", values), ("SegmentationClass", kinds)):
            (tmp_path / role).mkdir(exist_ok=True)
            mask = Image.fromarray(array, "P")
            mask.putpalette([(31 * at) % 256 for at in range(768)])
            mask.save(tmp_path / role / f"{stem}.png")
    result = read(tmp_path)
    assert result.classes == ("15", "7")
    assert result.labels[0].boxes.tolist() == [[5, 5, 9, 9], [20, 5, 29, 9]]  # the border of value 255 is nobody's
    (tmp_path / "classes.txt").write_text("0 ground\n7 car\n15 person\n")
    assert read(tmp_path).classes == ("car", "person")


def test_images_with_masks_of_classes_are_no_objects(tmp_path):
    for split, stem in (("train", "a"), ("test", "b")):
        for role in ("images", "masks"):
            (tmp_path / split / role).mkdir(parents=True)
            Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / split / role / f"{stem}.png")
    assert found_objects(tmp_path) is None


def test_a_file_that_is_too_large_is_told_of_and_not_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "memory", lambda: 12 << 26)
    coco(tmp_path)
    path = tmp_path / "annotations" / "instances_train2017.json"
    with path.open("r+b") as file:
        file.truncate((1 << 26) + 1)  # of zeros, that take no place on the disk
    with pytest.raises(ProfundoError, match=r"instances_train2017.json: 64 MB, .* 12 times as much memory"):
        read(tmp_path)
    (tmp_path / "annotations" / "instances_test2017.json").unlink()
    with pytest.raises(ProfundoError, match=r"instances_train2017.json: 64 MB, .* 12 times as much memory"):
        read(tmp_path)
    path.write_text("{" * 100_000 + '"images" "annotations" "categories"')
    with pytest.raises(ProfundoError, match=r"instances_train2017.json: it is not JSON"):
        read(tmp_path)


def test_a_zip_is_read_where_it_lies_and_what_points_out_of_it_is_left_out(tmp_path):
    coco(tmp_path / "scenes")
    with zipfile.ZipFile(tmp_path / "scenes.zip", "w") as archive:
        for path in sorted((tmp_path / "scenes").rglob("*.*")):
            archive.write(path, path.relative_to(tmp_path / "scenes"))
        archive.writestr("../images/e.png", b"x")
        archive.writestr("annotations/instances_val2017.json", b'{"images": [], "annotations": [], "categories": []}')
    result = read(tmp_path / "scenes.zip")
    assert len(result.labels) == 4
    assert "points out of it" in " ".join(notes_of(result.remarks))


# -------------------------------------------------------------------------------------------------------------- splits
def splits_read(root: Path) -> dict[str, str | None]:
    result = read(root)
    return {result.name(row): result.splits[row] for row in range(len(result.labels))}


def notes(root: Path) -> str:
    return " ".join(notes_of(read(root).remarks))


def test_lists_beside_main_are_not_read_and_a_second_column_is_no_name(tmp_path):
    voc(tmp_path)
    (tmp_path / "ImageSets" / "Layout").mkdir()
    (tmp_path / "ImageSets" / "Layout" / "train.txt").write_text("a  2\nc  1\nz  4\n")
    assert splits_read(tmp_path) == {f"JPEGImages/{stem}.png": split for stem, split in SPLITS.items()}
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("a  2\nb  -1\nd  17\n")
    assert splits_read(tmp_path) == {f"JPEGImages/{stem}.png": split for stem, split in SPLITS.items()}


def test_lists_name_the_files_of_labels_where_images_are_called_otherwise(tmp_path):
    voc(tmp_path)
    (tmp_path / "Annotations" / "a.xml").rename(tmp_path / "Annotations" / "first.xml")
    names = tmp_path / "ImageSets" / "Main" / "train.txt"
    names.write_text(names.read_text().replace("a\n", "first\n"))
    assert splits_read(tmp_path) == {f"JPEGImages/{stem}.png": split for stem, split in SPLITS.items()}


def test_lists_tell_images_of_one_name_apart_by_their_folders(tmp_path):
    for split in ("train", "val"):
        images(tmp_path, lambda _, split=split: f"images/{split}")
        (tmp_path / "labels" / split).mkdir(parents=True)
        (tmp_path / "labels" / split / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
        lines = "".join(f"./images/{split}/{stem}.png\n" for stem in SCENES)
        (tmp_path / f"{split}.txt").write_text(lines)
    expected = {"train": "train", "val": "validation"}
    assert splits_read(tmp_path) == {f"images/{s}/{stem}.png": expected[s] for s in expected for stem in SCENES}


def test_what_is_set_apart_is_not_trained_on_and_what_becomes_of_the_rest_is_told(tmp_path):
    voc(tmp_path)
    lists = tmp_path / "ImageSets" / "Main"
    (lists / "train.txt").unlink()
    everything = {"a": "train", "b": "train", "c": "test", "d": "train"}
    assert splits_read(tmp_path) == {f"JPEGImages/{stem}.png": split for stem, split in everything.items()}
    assert "3 images are in no split while others are set apart: they are to train on" in notes(tmp_path)
    (lists / "val.txt").write_text("a\nb\nd\n")
    assert set(splits_read(tmp_path).values()) == {"validation", "test"}
    with pytest.raises(ProfundoError, match="to train on"):
        collect(tmp_path)
    (lists / "test.txt").write_text("")
    (lists / "val.txt").write_text("a\nb\nc\nd\n")
    assert set(splits_read(tmp_path).values()) == {None}
    assert "All images are of the validation split" in notes(tmp_path)
    (lists / "val.txt").rename(lists / "train.txt")
    (lists / "train.txt").write_text("a\nd\n")
    assert splits_read(tmp_path) == {"JPEGImages/a.png": None, "JPEGImages/d.png": None}
    assert "2 images are in no split, and are left out" in notes(tmp_path)


# --------------------------------------------------------------------------------------------------- told, and refused
def test_an_image_in_two_tables_or_splits_is_refused(tmp_path):
    table(tmp_path)
    whole = (tmp_path / "boxes.csv").read_text()
    (tmp_path / "train.csv").write_text(whole)
    with pytest.raises(ProfundoError, match=r"images/\w.png: train.csv: it is in another table, too"):
        read(tmp_path)
    assert sum(map(len, read(tmp_path, skip_bad=True).labels)) == sum(map(len, SCENES.values()))
    (tmp_path / "train.csv").unlink()
    (tmp_path / "boxes.csv").write_text(whole.replace("0,40,10,0,train", "0,40,10,0,test"))
    with pytest.raises(ProfundoError, match=r"row 3: expected the split train, that its image is in above, got test"):
        read(tmp_path)


def test_shares_polygons_and_images_without_labels_are_told_of(tmp_path):
    images(tmp_path / "table")
    (tmp_path / "table" / "boxes.csv").write_text(TABLES["shares"])
    told = notes(tmp_path / "table")
    assert "shares of the sides" in told
    assert "3 images have no labels that were read, and are left out" in told
    yolo(tmp_path / "yolo")
    assert "2 lines of labels are read as polygons" in notes(tmp_path / "yolo")
    mask_each(tmp_path / "masks")
    assert "1 image has no labels that were read, and is left out" in notes(tmp_path / "masks")
    coco(tmp_path / "coco")
    assert "no labels" not in notes(tmp_path / "coco")


def test_a_file_of_labels_without_an_image_is_told_of(tmp_path):
    yolo(tmp_path)
    assert "no image" not in notes(tmp_path)
    folder = next(path.parent for path in tmp_path.rglob("*.txt") if path.parent.name == "labels")
    (folder / "nobody.txt").write_text("0 .5 .5 .1 .2\n")
    (tmp_path / "readme.txt").write_text("These are images.\n")
    assert "1 file of labels has no image: " in (told := notes(tmp_path))
    assert "nobody.txt" in told
    assert "readme" not in told


@pytest.mark.parametrize("form", ["coco", "table"])
def test_corners_where_sides_are_meant_are_told_of(form, tmp_path):
    images(tmp_path)
    sides = [(4, 6, 10, 10), (20, 12, 15, 15), (10, 10, 20, 18)]
    corners = [(x, y, x + width, y + height) for x, y, width, height in sides]
    says = {}
    for name, boxes in (("sides", sides), ("corners", corners)):
        if form == "table":
            lines = [f"a.png,{','.join(map(str, box))},cat" for box in boxes]
            (tmp_path / "boxes.csv").write_text("\n".join(["filename,x,y,w,h,class", *lines]))
        else:
            told = [{"image_id": 1, "category_id": 1, "bbox": list(box)} for box in boxes]
            whole = {"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "cat"}]}
            (tmp_path / "boxes.json").write_text(json.dumps({**whole, "annotations": told}))
        says[name] = notes(tmp_path)
    assert "look like corners" in says["corners"]
    assert "corners" not in says["sides"]


def test_keypoints_are_not_read_as_polygons(tmp_path):
    yolo(tmp_path)
    (tmp_path / "data.yaml").write_text("names: [dog, cat]\nkpt_shape: [3, 2]\n")
    for skip_bad in (False, True):
        with pytest.raises(ProfundoError, match=r"data.yaml: kpt_shape says that keypoints"):
            read(tmp_path, skip_bad=skip_bad)


def test_an_object_that_the_mask_of_classes_calls_ground_is_refused(tmp_path):
    images(tmp_path, lambda _: "JPEGImages")
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[5:9, 5:9], kinds = 3, np.zeros_like(values)
    kinds[5, 5] = 7
    for role, array in (("SegmentationObject", values), ("SegmentationClass", kinds)):
        (tmp_path / role).mkdir()
        Image.fromarray(array).save(tmp_path / role / "a.png")
    with pytest.raises(ProfundoError, match=r"a.png: most pixels of the object of value 3 are ground"):
        read(tmp_path)


def test_a_coco_json_whose_categories_lie_beyond_what_is_read_is_refused_by_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "memory", lambda: 12 << 26)
    coco(tmp_path)
    whole = json.loads((tmp_path / "annotations" / "instances_train2017.json").read_text())
    for path in (tmp_path / "annotations").iterdir():
        path.unlink()
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({key: whole[key] for key in ("images", "annotations")})[:-1])
    with path.open("r+b") as file:
        file.truncate(1 << 26)
        file.seek(1 << 26)
        file.write(b', "categories": []}')
    for where in (path, tmp_path):
        with pytest.raises(ProfundoError, match=r"labels.json: 64 MB, .* 12 times as much memory"):
            read(where)
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(path, "labels.json")
        archive.write(tmp_path / "images" / "a.png", "images/a.png")
    with pytest.raises(ProfundoError, match=r"labels.json: 64 MB, .* 12 times as much memory"):
        read(tmp_path / "all.zip")


# ----------------------------------------------------------------------------------------------------------- in memory
def in_memory(box, label=0, **more):
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return [pixels] * 3, [{"boxes": [box, [1, 2, 5, 6]], "labels": [label, label], **more}] * 3


def test_boxes_in_memory_are_cut_to_their_images_and_told_of():
    masks = np.zeros((2, HEIGHT, WIDTH), bool)
    masks[1, 2:6, 1:5] = True
    collection = collected(in_memory([-9, 6, 14, 99]))
    assert unpacked(collection.train.targets[0]).boxes.tolist() == [[0, 6, 14, 30], [1, 2, 5, 6]]
    assert "3 boxes stand out of their images and were cut to them" in " ".join(collection.notes)
    collection = collected(in_memory([50, 6, 60, 16], masks=masks))
    assert unpacked(collection.train.targets["objects"][0]).boxes.tolist() == [[1, 2, 5, 6]]
    assert torch.equal(masks_of(collection.train.targets["masks"][0, 0], WIDTH), torch.from_numpy(masks[1]))
    assert "3 boxes beyond their images were left out" in " ".join(collection.notes)


@pytest.mark.parametrize("number", [np.int64, np.uint8, torch.tensor])
def test_labels_of_any_whole_number_are_in_the_order_of_numbers(number):
    images, objects = in_memory([1, 2, 5, 6])
    objects[0] = {**objects[0], "labels": [number(10), number(9)]}
    collection = collected((images, objects))
    assert collection.targets.classes == tuple(map(str, range(11)))
    assert collection.train.targets[0, :, 4].tolist() == [10, 9]


def test_figures_of_validation_samples_are_told_to_be_theirs():
    data = in_memory([1, 2, 5, 6])
    alone = object_collection(data, Reading(), validation=data)
    assert alone.test is alone.validation
    assert "the figures are of the validation samples" in " ".join(alone.notes)
    assert "validation samples" not in " ".join(object_collection(data, Reading(), validation=data, test=data).notes)
    assert "validation samples" not in " ".join(object_collection(data, Reading()).notes)


def collected(data):
    return object_collection(data, Reading())
