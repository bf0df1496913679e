"""What users of detectors meet first: data in Python's own forms, refusals, comparisons, a look inside, pretrained backbones."""

import hashlib
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import profundo as pf
from painted_folders import painted_folder
from profundo import nets
from profundo.boxes import Objects, alike_but_for_scale, packed
from profundo.data.objects_in_images import outlines
from profundo.data.streams import archives
from profundo.inspect.opened_net import of_run
from profundo.nets.detectors import backbones
from profundo.nets.detectors.image_codes import image_codes
from profundo.nets.published_weights import IMAGENET, PUBLISHED, Published
from profundo.nets.resnets import resnet18
from profundo.objectives.detector_cost import DetectorCost
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.report_facts import _objects as objects_of
from profundo.runs.supervised import train
from profundo.studies.run_comparison import compare
from profundo.use.any_run import any_run
from profundo.use.image_search.image_index import index_images
from profundo.use.painted_files import painted_predictions
from profundo.use.predicting import Predictor
from stand_in_detector import StandIn

SMALL = {"epochs": 1, "batch_size": 4, "net_options": {"width": 8, "depth": 1, "finest": 8}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of fcos on a folder, hardly trained, and what is in its pictures."""
    place = tmp_path_factory.mktemp("doors")
    there = painted_folder(place / "data", 45)
    return pf.fit("fcos", str(place / "data"), out=place / "run", **SMALL), place, there


# ----------------------------------------------------------------------------------------------------- data in Python
BOXES = [[[3, 4, 20, 30], [10, 10, 30, 25]], [], [[0, 0, 9, 9]]] * 10
LABELS = [[1, 2], [], [2]] * 10
IMAGES = [np.random.default_rng(at).integers(0, 255, (40, 48, 3), dtype=np.uint8) for at in range(30)]
AS_RECORDS = [
    Objects(torch.tensor(boxes).float().view(-1, 4), torch.tensor(own).long() - 1)
    for boxes, own in zip(BOXES, LABELS, strict=True)
]
FORMS = {
    "mappings, as torchvision has them": [
        {"boxes": torch.tensor(boxes).float().view(-1, 4), "labels": torch.tensor(own)}
        for boxes, own in zip(BOXES, LABELS, strict=True)
    ],
    "mappings of lists": [{"boxes": boxes, "labels": own} for boxes, own in zip(BOXES, LABELS, strict=True)],
    "labels as real numbers": [
        {"boxes": boxes, "labels": list(map(float, own))} for boxes, own in zip(BOXES, LABELS, strict=True)
    ],
    "boxes with their class": [
        [[*box, label] for box, label in zip(boxes, own, strict=True)] for boxes, own in zip(BOXES, LABELS, strict=True)
    ],
    "records": AS_RECORDS,
    "records of lists": [
        Objects(boxes, [label - 1 for label in own]) for boxes, own in zip(BOXES, LABELS, strict=True)
    ],
    "a table": packed(AS_RECORDS),
    "a table of NumPy": packed(AS_RECORDS).numpy(),
}


@pytest.mark.parametrize("form", FORMS)
def test_objects_in_memory_come_in_every_usual_form(form):
    data, expected = pf.load((IMAGES, FORMS[form])), pf.load((IMAGES, AS_RECORDS))
    assert torch.equal(data.train.targets, expected.train.targets)
    are_places = "record" in form or "table" in form
    assert data.spec.targets.classes == (("0", "1") if are_places else ("1", "2"))
    assert data.spec.targets.codes == (() if are_places else (1, 2))


def test_boxes_alone_are_of_one_class_and_crowds_are_none_unless_told():
    data = pf.load((IMAGES, [np.array(boxes, float).reshape(-1, 4) for boxes in BOXES]))
    assert data.spec.targets.classes == ("object",)
    assert set(data.train.targets[..., 4].flatten().tolist()) == {-1, 0}
    assert Objects(torch.zeros(3, 4), torch.zeros(3).long()).crowd.tolist() == [False] * 3


def test_images_of_real_numbers_from_0_to_1_are_those_of_bytes():
    floats = [torch.from_numpy(image).permute(2, 0, 1).float() / 255 for image in IMAGES]
    assert torch.equal(pf.load((floats, AS_RECORDS)).train.inputs, pf.load((IMAGES, AS_RECORDS)).train.inputs)


def test_images_of_pillow_are_what_is_seen_of_them():
    """By Pillow's own conversions."""
    shown = [Image.fromarray(image).quantize(16) for image in IMAGES]
    expected = [np.asarray(image.convert("RGB")) for image in shown]
    clear = [image.convert("RGBA") for image in shown]
    for given in (shown, clear):
        assert torch.equal(pf.load((given, AS_RECORDS)).train.inputs, pf.load((expected, AS_RECORDS)).train.inputs)
    with pytest.raises(ProfundoError, match=r"leave out the fourth channel: image\[:, :, :3\]"):
        pf.load(([np.asarray(image) for image in clear], AS_RECORDS))


def test_data_with_objects_may_be_pickled_and_hold_no_second_copy(tmp_path):
    painted_folder(tmp_path, 12)
    for data in (pf.load(tmp_path), pf.load((IMAGES, AS_RECORDS))):
        again = pickle.loads(pickle.dumps(data))
        assert torch.equal(again.train.inputs, data.train.inputs)
        assert len(pickle.dumps(data.originals)) < 8_000
        if data.originals.files is not None:
            assert (again.originals.files.pixels(3) == data.originals.files.pixels(3)).all()


def test_a_large_file_of_something_else_is_not_told_of_before_labels_that_do_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_LARGEST", 20_000)
    Image.fromarray(IMAGES[0]).save(tmp_path / "0.png")
    write(tmp_path, "about.json", '{"words": "%s"}' % ("x" * 30_000))
    write(tmp_path, "labels.xml", "<html/>")
    with pytest.raises(ProfundoError, match=r"labels\.xml: expected <annotation>"):
        pf.load(tmp_path)


@pytest.mark.parametrize(
    ("images", "objects", "words"),
    [
        (IMAGES[:3], BOXES[:2], r"got 3 and 2"),
        (["a.png"] * 2, BOXES[:1] * 2, r"PIL.Image.open\('a.png'\)"),
        (np.stack(IMAGES), np.random.default_rng(0).random((30, 4)), r"tell what is in each image: \(images, \["),
        (np.stack(IMAGES), np.random.default_rng(0).random((30, 2, 4)), r"\(images, \["),
        (IMAGES, [{"bbox": [1, 2, 3, 4]}] * 30, r"image 1: expected \{.boxes.: "),
    ],
)
def test_what_tells_no_objects_is_refused_in_one_line_that_says_how(images, objects, words):
    with pytest.raises(ProfundoError, match=words) as error:
        pf.fit("fcos", (images, objects), out=False)
    assert "\n" not in str(error.value)


def test_an_object_of_a_number_that_the_net_does_not_know_is_refused():
    data = pf.load((IMAGES, FORMS["mappings of lists"]))
    run = pf.fit(StandIn(3, 2), data, out=False, epochs=1)
    with pytest.raises(ProfundoError, match="class 0: the net knows 1, 2"):
        run.evaluate(IMAGES[:2], [{"boxes": [[0, 0, 5, 5]], "labels": [0]}] * 2)


# ----------------------------------------------------------------------------------------------------------- refusals
def write(root, name, content):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


BROKEN = {
    "JSON cut short": ("annotations.json", '{"images": [\n{"id": 1,', r"annotations\.json: .*line 2"),
    "JSON of something else": ("labels.json", '{"version": 1, "images": []}', "without annotations, categories"),
    "XML of something else": ("Annotations/0.xml", "<html/>", r"expected <annotation>.*found <html>"),
    "XML cut short": ("Annotations/0.xml", "<root>\n<a>", r"0\.xml: it is not XML from line 2"),
    "a text of words": (
        "labels/0.txt",
        "0.5 0.5 cat 0.1 0.1\n",
        r"labels/0\.txt: line 1: expected the number of a class",
    ),
    "too few numbers": ("labels/0.txt", "3 0.5 0.5\n", r"labels/0\.txt: line 1: expected 4 numbers"),
    "a table of other columns": (
        "boxes.csv",
        "image,x1,y1,x2\n",
        r"boxes\.csv: expected columns .* found image, x1, y1, x2",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_of_labels_that_does_not_read_is_named_with_its_line_and_what_was_expected(case, tmp_path):
    file, content, words = BROKEN[case]
    (tmp_path / "images").mkdir()
    for number in range(3):
        Image.fromarray(IMAGES[number]).save(tmp_path / "images" / f"{number}.png")
    write(tmp_path, file, content)
    for door in (pf.load, pf.look):
        with pytest.raises(ProfundoError, match=words) as error:
            door(tmp_path)
        assert "\n" not in str(error.value)


def test_one_text_of_labels_that_does_not_read_is_told_among_others_that_do(tmp_path):
    (tmp_path / "images").mkdir()
    for number in range(3):
        Image.fromarray(IMAGES[number]).save(tmp_path / "images" / f"{number}.png")
        write(tmp_path, f"labels/{number}.txt", "0 0.5 0.5 0.2 0.2\n" if number else "0 0.5 here 0.2 0.2\n")
    with pytest.raises(ProfundoError, match=r"labels/0\.txt: line 1: expected the number of a class and places"):
        pf.load(tmp_path)


def test_masks_of_objects_in_jpeg_are_refused(tmp_path):
    for folder in ("images", "instances"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        Image.fromarray(IMAGES[number]).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(np.eye(40, 48, dtype=np.uint8) * 100).save(tmp_path / "instances" / f"{number}.jpg")
    with pytest.raises(ProfundoError, match=r"instances/0\.jpg: a JPEG blurs .* as PNG"):
        pf.load(tmp_path)


def test_a_net_that_needs_masks_is_refused_before_there_is_a_folder(trained, tmp_path):
    _, place, _ = trained
    for data in (str(place / "data"), pf.load(place / "data")):
        with pytest.raises(ProfundoError, match="expected masks of the objects"):
            pf.fit("mask_rcnn", data, epochs=1, out=tmp_path / "run")
    with pytest.raises(ProfundoError, match="expected masks of the objects"):
        train(new_experiment(data=str(place / "data"), net="mask_rcnn"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_nothing_is_drawn_where_an_input_does_not_read_unless_it_is_left_out(trained, tmp_path):
    _, place, there = trained
    files = [place / "data" / name for name in list(there)[:3]]
    (tmp_path / "bad.png").write_bytes(b"no image")

    def drawn(skip_bad):
        told, _ = any_run(place / "run").predictions([*files, tmp_path / "bad.png"], skip_bad, 0.0, tmp_path / "drawn")
        return [one for one in told if isinstance(one, dict)]

    assert len(drawn(False)) == 3  # told all the same
    assert not (tmp_path / "drawn").exists()
    records = drawn(True)
    assert sorted(one["file"] for one in records) == sorted(map(str, (tmp_path / "drawn").iterdir()))
    assert len(records) == 3


def test_files_of_labels_may_be_as_large_as_memory_bears(trained, monkeypatch):
    _, place, _ = trained
    monkeypatch.setattr(archives, "_LARGEST", 20_000)  # images still read
    table = place / "data" / "boxes.csv"
    content = table.read_text()
    table.write_text(content + "\n" * 40_000)
    assert len(pf.load(place / "data").train) == 22
    monkeypatch.setattr(archives, "memory", lambda: 12 * 30_000)
    with pytest.raises(ProfundoError, match=r"boxes\.csv: .*12 times as much memory"):
        pf.load(place / "data")
    table.write_text(content)


# ------------------------------------------------------------------------------------------------- one painter, at last
def test_the_worst_images_have_names_and_their_own_pixels_and_objects_lie_where_the_table_says(trained, tmp_path):
    _, place, there = trained
    run = pf.fit(StandIn(3, 2), str(place / "data"), image_size=32, epochs=1, out=tmp_path / "run")
    assert run.data.spec.inputs.shape == (3, 24, 32)
    facts = objects_of(run)
    assert {picture.name for picture in facts.pictures} <= set(list(there)[30:])
    for picture in facts.pictures:
        assert picture.image.shape == (3, 48, 64)
        with Image.open(place / "data" / picture.name) as file:
            assert (np.asarray(file).transpose(2, 0, 1) == picture.image.numpy()).all()
        own = dict.fromkeys(there[picture.name])
        missed = [(mark.name, tuple(map(round, mark.box))) for mark in picture.marks if mark.verdict == "missed"]
        assert set(missed) <= set(own)
    assert any(mark.verdict == "missed" for picture in facts.pictures for mark in picture.marks)
    assert f"{facts.pictures[0].name}: " in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_an_image_that_is_gone_is_shown_as_the_net_saw_it(trained, tmp_path):
    _, place, _ = trained
    painted_folder(tmp_path / "data")
    run = pf.fit(StandIn(3, 2), str(tmp_path / "data"), image_size=32, epochs=1, out=False)
    for path in (tmp_path / "data").glob("*.png"):
        path.unlink()
    assert {tuple(picture.image.shape) for picture in objects_of(run).pictures} == {(3, 24, 32)}
    assert place.is_dir()


def test_masks_are_painted_as_they_were_found_and_not_read_back_from_records(trained, monkeypatch, tmp_path):
    run, place, _ = trained
    spec = replace(run.data.spec, targets=replace(run.data.spec.targets, threshold=0.0))
    ready = Predictor(run.folder, StandIn(3, 2, masks=True), spec, DetectorCost())
    monkeypatch.setattr(outlines, "coded_runs", None)  # what reads a written mask
    (record,) = painted_predictions(ready, [place / "data" / "picture 0.png"], tmp_path / "drawn", False)
    assert record["objects"][0]["mask"]["size"] == [48, 64]
    with Image.open(record["file"]) as file, Image.open(place / "data" / "picture 0.png") as plain:
        changed = (np.asarray(file).astype(int) != np.asarray(plain)).any(2)
    left, top, right, bottom = map(round, max((one["box"] for one in record["objects"]), key=area))
    assert changed[top + 2 : bottom - 2, left + 2 : right - 2].mean() > 0.9


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


# --------------------------------------------------------------------------------------------------- compared, looked into
def test_runs_that_saw_one_folder_at_different_sizes_are_compared(trained, tmp_path):
    run, place, _ = trained
    small = pf.fit("fcos", str(place / "data"), image_size=40, out=False, **SMALL)
    compared = compare(run, small)
    assert not compared.pairings[0].apart
    assert compared.as_plain_data()["differences"][0]["figure"] == "AP"
    assert "</html>" in compared.write(tmp_path / "compared.html").read_text("utf-8")
    painted_folder(tmp_path / "other", 45, seed=5)
    other = pf.fit("fcos", str(tmp_path / "other"), out=False, **SMALL)
    assert "other samples" in compare(run, other).pairings[0].apart


def test_tables_are_alike_but_for_scale_where_each_image_has_its_own():
    boxes = packed(AS_RECORDS)
    times = torch.rand(30, 1, 2, generator=torch.Generator().manual_seed(0)).repeat(1, 1, 2) + 0.3
    other = torch.cat([boxes[..., :4] * times, boxes[..., 4:]], -1)
    assert alike_but_for_scale(boxes, other)
    moved, renamed = other.clone(), other.clone()
    moved[0, 0, 0] += 0.5
    renamed[0, 0, 4] = 1 - renamed[0, 0, 4]
    assert not alike_but_for_scale(boxes, moved)
    assert not alike_but_for_scale(boxes, renamed)
    assert not alike_but_for_scale(boxes, other[:5])


def test_what_a_detector_sees_is_looked_into_by_its_backbone(trained, tmp_path):
    run, place, _ = trained
    seen = pf.look_inside(place / "run")
    assert {"filters", "feature maps", "units", "codes"} <= set(seen.sections)
    assert not {"why", "depth", "mistakes"} & set(seen.sections)
    maps = seen["feature maps"].arrays
    backbone = image_codes(run.net).backbone
    names = {f"backbone.{name}" for name, _ in backbone.named_modules()}
    assert {name.partition("#")[0] for name in maps} <= names
    mean, std = (torch.tensor(one).view(-1, 1, 1) for one in (run.data.spec.inputs.mean, run.data.spec.inputs.std))
    images = (run.data.test.inputs[:2].float() - mean) / std
    images = torch.nn.functional.pad(images, (0, 0, 0, 16), mode="replicate")  # to 64 × 64
    with torch.no_grad():
        stem = backbone.eval().stem[0](images)
    assert torch.allclose(maps["backbone.stem.0"][0], stem[0], atol=1e-4)
    assert "Fcos has as many answers as it finds" in " ".join(seen.notes)
    assert not [note for note in seen.notes if "failed with" in note]
    seen.save(tmp_path / "inside.html")
    looked = of_run(run, [place / "data" / "picture 0.png"])
    assert looked.names[0].endswith("picture 0.png")
    assert looked.outputs(looked.raw).shape == (1, 32)  # as many as its last maps: 8, 16, 32


def test_what_cannot_be_looked_into_is_refused_in_one_line_that_says_what_to_do(trained):
    run, place, _ = trained
    for door, words in (
        (lambda: pf.landscape(run), "`profundo inside` shows its maps"),
        (lambda: pf.explain(run, run.data.test.inputs[:1]), "as many answers as it finds"),
        (lambda: pf.look_inside(pf.fit(StandIn(3, 2), str(place / "data"), epochs=1, out=False)), "`profundo report`"),
    ):
        with pytest.raises(ProfundoError, match=words) as error:
            door()
        assert "\n" not in str(error.value)


def test_images_are_indexed_by_what_a_detectors_backbone_makes_of_them(trained, tmp_path):
    run, place, there = trained
    index = index_images(place / "data", tmp_path / "index", place / "run").index
    (part,) = index.parts
    names = [name for name, _ in index.files(part)]
    assert sorted(names) == sorted(there)
    codes = image_codes(run.net).eval()
    pixels = torch.from_numpy(np.array(Image.open(place / "data" / names[3]))).permute(2, 0, 1)[None].float()
    inputs = run.data.spec.inputs
    mean, std = (torch.tensor(one).view(-1, 1, 1) for one in (inputs.mean, inputs.std))
    with torch.no_grad():
        maps = codes.backbone(torch.nn.functional.pad((pixels - mean) / std, (0, 0, 0, 16), mode="replicate"))[
            -1
        ]  # to 64 × 64
    expected = torch.nn.functional.normalize(maps.mean((2, 3)), dim=1)[0]
    assert torch.allclose(torch.from_numpy(np.array(index.values(part)[3])).float(), expected, atol=2e-3)


# ------------------------------------------------------------------------------------------------- pretrained backbones
@pytest.fixture
def published(tmp_path, monkeypatch):
    """A narrow ResNet-18 drawn by chance, as if it were published; its weights."""
    torch.manual_seed(3)
    narrow = {"width": 1 / 16}
    net = nets.build("resnet18", IMAGENET, **narrow)
    net.train()(torch.randn(4, 3, 64, 64))  # moves the running averages
    path = tmp_path / "data" / "weights" / "file.pth"
    path.parent.mkdir(parents=True)
    torch.save(net.state_dict(), path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    path.rename(path.with_name(f"resnet18-{digits}.pth"))
    monkeypatch.setenv("PROFUNDO_DATA", str(tmp_path / "data"))
    monkeypatch.setitem(PUBLISHED, "resnet18", Published(f"resnet18-{digits}.pth", "resnet18"))
    monkeypatch.setattr(Published, "build", lambda self, spec: nets.build(self.net, spec, **narrow))
    monkeypatch.setattr(backbones, "resnet18", lambda spec: resnet18(spec, **narrow))
    return net.state_dict()


def test_a_detector_begins_with_the_weights_of_the_published_file(published, trained, tmp_path):
    _, place, _ = trained
    settings = {"pretrained": "resnet18", "epochs": 1, "learning_rate": 1e-12, "net_options": {"width": 8}}
    run = pf.fit("fcos", str(place / "data"), out=tmp_path / "run", **settings)
    backbone = image_codes(run.net).backbone
    assert run.experiment.net_options == {"width": 8, "backbone": "resnet18"}
    assert run.data.spec.inputs.shape == (3, 48, 64)  # as the folder has them
    assert run.data.spec.inputs.mean == pytest.approx(IMAGENET.inputs.mean)
    flat = [value for key, value in published.items() if not key.startswith("fc.")]
    own = list(backbone.state_dict().values())
    assert len(own) == len(flat) == 120
    for mine, theirs in zip(own, flat, strict=True):
        assert torch.allclose(mine.float(), theirs.float(), atol=1e-6)
    again = pf.open_run(tmp_path / "run")
    assert all(map(torch.equal, again.net.state_dict().values(), run.net.state_dict().values()))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"net": "fast_cnn"}, "use fcos"),
        ({"net": "fcos", "pretrained": "vgg11"}, "stands on resnet18 or efficientnet_lite0"),
        ({"net": None}, "expected a detector to stand on it"),
        ({"net": "fcos", "freeze": True}, "freeze: of a detector"),
        ({"net": "fcos", "net_options": {"backbone": "small"}}, "of the backbone resnet18, got 'small'"),
    ],
)
def test_what_a_pretrained_backbone_cannot_be_is_said_in_one_line(settings, words, published, trained):  # noqa: ARG001
    _, place, _ = trained
    settings = {"pretrained": "resnet18", **settings}
    with pytest.raises(ProfundoError, match=words) as error:
        pf.fit(settings.pop("net"), str(place / "data"), out=False, **settings)
    assert "\n" not in str(error.value)
