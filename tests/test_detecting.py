"""Objects in images through every door of a run: trained, resumed, judged, told, drawn, served."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

import profundo as pf
from profundo.boxes import Objects
from profundo.data.objects_in_images.images_with_objects import images_with_objects
from profundo.data.objects_in_images.outlines import coded_mask, coded_runs, drawn
from profundo.data.splits.splits import divide
from profundo.object_masks import detections_in
from profundo.records import Interrupted, ProfundoError, Targets
from profundo.runs.saved_model import predict
from profundo.train import Descent
from profundo.use.any_run import any_run
from profundo.use.exporting import export
from profundo.use.prediction_output import CocoResults, tell
from stand_in_detector import StandIn

COLOURS = {"red": 0, "blue": 2}
IDS = (7, 90)  # of the classes, in a file such as COCO's


def painted(seed, size=(32, 40), most=3, least=1):
    """An image (height, width, 3) and its rectangles of two colours."""
    draw = np.random.default_rng(seed)
    pixels = draw.integers(0, 60, (*size, 3), dtype=np.uint8)
    boxes, kinds, masks = [], [], []
    for _ in range(draw.integers(least, most + 1)):
        left, top = draw.integers(0, size[1] - 12), draw.integers(0, size[0] - 12)
        width, height = draw.integers(6, 12, 2)
        kind = int(draw.integers(2))
        pixels[top : top + height, left : left + width, list(COLOURS.values())[kind]] = 250
        boxes.append((left, top, left + width, top + height))
        kinds.append(kind)
        mask = np.zeros(size, bool)
        mask[top : top + height, left : left + width] = True
        masks.append(torch.from_numpy(mask))
    whole = torch.stack(masks) if masks else torch.zeros(0, *size, dtype=torch.bool)
    crowd = torch.zeros(len(kinds), dtype=torch.bool)
    return pixels, Objects(torch.tensor(boxes).float().view(-1, 4), torch.tensor(kinds).long(), crowd, whole)


def painted_data(count=24, masks=False, **how):
    made = [painted(seed, **how) for seed in range(count)]
    sizes = [pixels.shape[:2] for pixels, _ in made]
    scenes = [one if masks else Objects(one.boxes, one.classes, one.crowd) for _, one in made]
    whole = images_with_objects("painted", lambda at: made[at][0], sizes, scenes, list(COLOURS), codes=IDS)
    return divide(whole, validation=None, seed=0, stream=False)


@pytest.mark.parametrize("masks", [False, True])
def test_a_detector_of_ones_own_is_trained_judged_and_reported(masks, tmp_path):
    data = painted_data(masks=masks)
    run = pf.fit(StandIn(3, 2, masks), data, epochs=3, batch_size=8, out=tmp_path / "run")
    assert {"loss", "object cost", "class cost", "box cost", "validation loss", "validation AP"} <= set(
        run.history.names
    )
    parts = sum(run.history[name][-1] for name in ("object cost", "class cost", "box cost"))
    assert run.history["loss"][-1] == pytest.approx(parts, rel=1e-5)
    assert next(iter(run.scores.values)) == "AP"
    assert "</html>" in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_objects_in_memory_are_those_of_a_mapping_or_a_record():
    made = [painted(seed) for seed in range(30)]
    images = [pixels for pixels, _ in made]
    names = list(COLOURS)
    told = [{"boxes": one.boxes.tolist(), "labels": [names[k] for k in one.classes.tolist()]} for _, one in made]
    data = pf.load((images, told))
    assert data.spec.targets.classes == ("blue", "red")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [21, 3, 6]
    as_records = pf.load((images, [Objects(one.boxes, 1 - one.classes, one.crowd) for _, one in made]))
    assert torch.equal(data.train.targets, as_records.train.targets)


@pytest.mark.parametrize(
    ("image", "one", "words"),
    [
        (np.full((9, 9, 3), 2.0), {"boxes": []}, "uint8"),
        (np.zeros((9, 9, 2), np.uint8), {"boxes": []}, "3 channels"),
        (np.zeros((9, 9), np.uint8), {"boxes": [[3, 3, 3, 5]], "labels": [0]}, "of some size"),
        (np.zeros((9, 9), np.uint8), {"boxes": [[3, 3, np.nan, 5]], "labels": [0]}, "of some size"),
        (np.zeros((9, 9), np.uint8), {"boxes": [[3, 3, 5]], "labels": [0]}, "left, top"),
        (np.zeros((9, 9), np.uint8), {"boxes": [[3, 3, 5, 5]], "labels": []}, "as many classes"),
        (np.zeros((9, 9), np.uint8), {"boxes": [[3, 3, 5, 5]], "labels": [0], "masks": np.ones((1, 2, 2))}, "masks"),
    ],
)
def test_what_is_no_image_or_no_object_is_told_in_one_line(image, one, words):
    with pytest.raises(ProfundoError, match=words) as error:
        pf.load(([image] * 30, [one] * 30))
    assert "\n" not in str(error.value)


def only(objects, kept):
    """The objects of an image at these places."""
    return Objects(objects.boxes[kept], objects.classes[kept], objects.crowd[kept])


AWKWARD = {
    "a test split without objects": lambda split, one: only(one, slice(0, 0)) if split == "test" else one,
    "a validation split without objects": lambda split, one: only(one, slice(0, 0)) if split == "validation" else one,
    "training images without objects": lambda split, one: only(one, slice(0, 0)) if split == "train" else one,
    "a class without test objects": lambda split, one: only(one, one.classes == 0) if split == "test" else one,
    "one object in each": lambda _, one: only(one, slice(0, 1)),
    "crowds only": lambda _, one: Objects(one.boxes, one.classes, torch.ones_like(one.crowd)),
}


@pytest.mark.parametrize("case", AWKWARD)
def test_awkward_objects_go_through_training_figures_and_report(case, tmp_path):
    made = [painted(seed) for seed in range(18)]
    splits = ["train"] * 10 + ["validation"] * 4 + ["test"] * 4
    scenes = [AWKWARD[case](split, one) for split, (_, one) in zip(splits, made, strict=True)]
    sizes = [pixels.shape[:2] for pixels, _ in made]
    whole = images_with_objects("painted", lambda at: made[at][0], sizes, scenes, list(COLOURS), splits=splits)
    run = pf.fit(StandIn(3, 2), divide(whole, validation=None, seed=0, stream=False), epochs=1, out=tmp_path / "run")
    assert all(map(np.isfinite, run.scores.values.values()))
    assert 0 < run.data.spec.targets.threshold < 1
    assert (tmp_path / "run" / "report.html").is_file()


# -------------------------------------------------------------------------------------------- what a finished run is for
@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A run of the detector to begin with, small and hardly trained, which tells of nearly all that it finds."""
    place = tmp_path_factory.mktemp("found")
    settings = {"epochs": 4, "batch_size": 8, "net_options": {"width": 8, "depth": 1}}
    run = pf.fit("fcos", painted_data(60), out=place / "run", **settings)
    for number in range(2):
        Image.fromarray(painted(100 + number, size=(64, 80))[0]).save(place / f"{number}.png")
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(place / "tiny.png")
    return run, place


def told(place, style="json", least=0.02, draw=None, files=("0.png", "1.png", "tiny.png")):
    several, targets = any_run(place / "run").predictions([place / name for name in files], False, least, draw)
    stream = io.StringIO()
    tell(several, place / "run", style, stream, lambda _: None, targets=targets)
    return stream.getvalue()


def test_predictions_come_as_records_rows_and_results_of_coco(found):
    _, place = found
    records = json.loads(told(place))["predictions"]
    assert [(one["width"], one["height"]) for one in records] == [(80, 64), (80, 64), (7, 5)]
    objects = records[0]["objects"]
    assert objects
    assert [one["score"] for one in objects] == sorted((one["score"] for one in objects), reverse=True)
    for left, top, right, bottom in (one["box"] for one in objects):
        assert 0 <= left < right <= 80
        assert 0 <= top < bottom <= 64
    assert records[0]["prediction"] == [one["name"] for one in objects]
    assert [json.loads(line) for line in told(place, "jsonl").splitlines()] == records

    rows = list(csv.DictReader(io.StringIO(told(place, "csv"))))
    assert len(rows) == sum(len(one["objects"]) for one in records)
    assert [float(rows[0][edge]) for edge in ("left", "top", "right", "bottom")] == objects[0]["box"]
    results = json.loads(told(place, "coco"))
    assert len(results) == len(rows)
    left, top, right, bottom = objects[0]["box"]
    assert results[0]["bbox"] == pytest.approx([left, top, right - left, bottom - top])
    assert (results[0]["image_id"], results[0]["category_id"]) == (0, IDS[list(COLOURS).index(objects[0]["name"])])


def test_results_of_coco_count_classes_from_1_where_their_source_has_no_ids(tmp_path):
    file, objects = io.StringIO(), [{"box": [0, 1, 3, 5], "name": "blue", "score": 0.5}]
    writer = CocoResults(file, tmp_path, Targets("objects", ("red", "blue")))
    writer.add({"input": "7.png", "objects": objects})
    writer.end([])
    assert json.loads(file.getvalue()) == [{"image_id": 7, "category_id": 2, "bbox": [0, 1, 3, 4], "score": 0.5}]


def test_results_of_coco_have_the_ids_that_the_json_learned_from_gives(tmp_path):
    data = tmp_path / "data"
    names = {"a.png": 31, "one/same.png": "i1", "two/same.png": "i2"}
    for name in names:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(data / name)
    images = [{"id": key, "file_name": name} for name, key in names.items()]
    (data / "labels.json").write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    (tmp_path / "experiment.yaml").write_text(f"data: {data}\n")
    file, objects = io.StringIO(), [{"box": [0, 1, 3, 5], "name": "red", "score": 0.5}]
    writer = CocoResults(file, tmp_path, Targets("objects", ("red",)))
    for name in ("x/a.png", "a.jpg", "x/one/same.png", "two/same.png"):
        writer.add({"input": name, "objects": objects})
    assert writer.end([]) is None
    assert [one["image_id"] for one in json.loads(file.getvalue())] == [31, 31, "i1", "i2"]
    writer = CocoResults(io.StringIO(), tmp_path, Targets("objects", ("red",)))
    for name in ("same.png", "b.png", "a.png"):  # one of two, none, known
        writer.add({"input": name, "objects": objects})
    assert "2 of 3: image_id is the file's name" in writer.end([])


def test_what_is_told_begins_at_the_score_that_training_chose_or_another(found):
    run, place = found
    least = run.data.spec.targets.threshold
    records = json.loads(told(place, least=None))["predictions"]
    assert all(one["score"] >= round(least, 4) for record in records for one in record["objects"])
    assert told(place, "text", 1.0).splitlines()[0].endswith("0.png: none")
    assert told(place, "csv", 1.0) == "input,prediction,score,left,top,right,bottom\n"
    assert json.loads(told(place, "coco", 1.0)) == []
    with pytest.raises(ProfundoError, match="from 0 to 1, got 2"):
        told(place, least=2)


def test_images_are_written_with_what_was_found_in_them(found, tmp_path):
    _, place = found
    records = json.loads(told(place, draw=tmp_path / "drawn"))["predictions"]
    with Image.open(records[0]["file"]) as marked, Image.open(place / "0.png") as plain:
        assert marked.size[0] % plain.size[0] == marked.size[1] % plain.size[1] == 0  # small ones are enlarged
        assert (np.asarray(marked) != np.asarray(plain.resize(marked.size, Image.Resampling.NEAREST))).any()
    (tmp_path / "file").write_text("")
    with pytest.raises(ProfundoError, match="cannot be made"):
        told(place, draw=tmp_path / "file" / "drawn")


class Fixed(torch.nn.Module):
    """Finds the same two things wherever it looks, and remembers what size that had."""

    def forward(self, images):
        self.seen = tuple(images.shape[1:])
        many = len(images)
        boxes = torch.tensor([[4.0, 6, 20, 30], [0, 0, 3, 3]]).expand(many, 2, 4)
        return boxes, torch.tensor([[1, 0]]).expand(many, 2), torch.tensor([[0.9, 0.8]]).expand(many, 2)


@pytest.mark.parametrize(
    ("size", "seen", "boxes"),
    [
        ((32, 40), (3, 32, 40), [[4, 6, 20, 30], [0, 0, 3, 3]]),
        ((64, 80), (3, 32, 40), [[8, 12, 40, 60], [0, 0, 6, 6]]),
        ((8, 10), (3, 32, 40), [[4, 6, 10, 8], [0, 0, 3, 3]]),
        ((5, 3), (3, 32, 40), [[0, 0, 3, 3]]),
        ((160, 20), (3, 40, 40), [[16, 24, 20, 120], [0, 0, 12, 12]]),
        ((50, 83), (3, 32, 40), [[8.3, 12.5, 41.5, 50], [0, 0, 6.225, 6.25]]),  # scaled to 24 × 40
    ],
)
def test_boxes_are_in_the_photographs_own_pixels(size, seen, boxes):
    """The net sees the longer side of 40 pixels at most, in batches of 32 × 40; what lies beyond the photograph is not told."""
    spec, net = painted_data(24).spec, Fixed()
    spec = replace(spec, inputs=replace(spec.inputs, longest=40))
    answers = predict(net, spec, torch.zeros(2, 3, *size, dtype=torch.uint8))
    assert net.seen == seen
    assert answers["size"].tolist() == [list(size)] * 2
    assert detections_in(answers, 1, size).boxes.tolist() == [pytest.approx(box) for box in boxes]


def test_masks_are_written_as_coco_reads_them():
    draw = np.random.default_rng(0)
    for share in (0.0, 0.02, 0.5, 1.0):
        for size in ((1, 1), (7, 300), (40, 30)):
            mask = draw.random(size) < share
            assert (drawn(coded_runs(coded_mask(mask), *size), *size) == mask).all()


def test_onnx_finds_the_same_with_suppression_inside(found):
    run, place = found
    exported = export(run)
    assert exported.checked_on == "test samples"
    session = onnxruntime.InferenceSession(exported.model.read_bytes())
    (table,) = session.run(None, {"images": run.data.test.inputs.numpy()})
    sure = table[table[..., 5] > 0.02]
    assert len(sure) > 10
    assert set(sure[:, 4]) == {0, 1}  # each class suppressed by itself
    code = json.loads((place / "run" / "exported" / "model-card.json").read_text())["files"]["model.onnx"]["use"]
    assert "for left, top, right, bottom, which, score in objects[0].tolist()" in code
    subprocess.run([sys.executable, "-c", code], check=True, cwd=exported.model.parent)


# ------------------------------------------------------------------------------------------------------------- refusals
def test_what_a_detector_cannot_do_is_told_in_one_line(found):
    run, _ = found
    data = run.data
    for settings, words in (
        ({"accumulate": 2}, "whole batch"),
        ({"l1": 0.1}, "whole batch"),
        ({"class_weights": "balanced"}, "'objects' targets"),
        ({"label_smoothing": 0.1}, "leave it out"),
        ({"threshold": "f1"}, "leave it out"),
    ):
        with pytest.raises(ProfundoError, match=words):
            pf.fit("fcos", data, out=False, **settings)
    for net, words in (("fast_cnn", "use fcos"), (torch.nn.Conv2d(3, 2, 1), "expected a detector")):
        with pytest.raises(ProfundoError, match=words):
            pf.fit(net, data, out=False)
    with pytest.raises(ProfundoError, match="use table_net"):
        pf.fit("fcos", "iris", out=False)
    with pytest.raises(ProfundoError, match="expected objects"):
        pf.fit("fcos", replace(data, train=replace(data.train, targets=data.train.targets[..., :5])), out=False)


def test_a_net_of_other_answers_neither_draws_nor_chooses_scores(tmp_path):
    pf.fit("linear", "iris", epochs=1, out=tmp_path / "run")
    for asked in ({"least": 0.5}, {"draw": tmp_path / "drawn"}):
        with pytest.raises(ProfundoError, match="find objects"):
            any_run(tmp_path / "run").predictions([tmp_path / "x.csv"], False, **asked)


def test_a_training_that_was_interrupted_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    data, settings = painted_data(24, masks=True), {"epochs": 2, "batch_size": 8, "checkpoint_seconds": 0}

    def train(place, **more):
        torch.manual_seed(0)
        return pf.fit(StandIn(3, 2, masks=True), data, out=tmp_path / place, **settings, **more)

    whole, done, call = train("whole"), [], Descent.__call__

    def cut(self, batch):
        done.append(1)
        if len(done) > 3:
            raise Interrupted(2)
        return call(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Descent, "__call__", cut)
        with pytest.raises(Interrupted):
            train("cut")
    again = train("cut", resume=True)
    assert all(map(torch.equal, whole.net.state_dict().values(), again.net.state_dict().values()))
    assert again.scores.values == whole.scores.values


def test_python_is_told_detections_and_figures_of_other_images(found):
    run, place = found
    other = [painted(seed) for seed in range(70, 75)]
    images = [pixels for pixels, _ in other]
    one, several = run.predict(images[0]), run.predict(np.stack(images))
    assert len(several) == 5
    assert torch.allclose(one.boxes, several[0].boxes, atol=1e-3)  # alone and in a batch sums are rounded otherwise
    assert (one.scores >= run.data.spec.targets.threshold).all()
    scores = run.evaluate(images, [scene for _, scene in other])
    told = [{"boxes": s.boxes, "labels": [list(COLOURS)[k] for k in s.classes.tolist()]} for _, s in other]
    assert run.evaluate((images, told)).values == scores.values
    assert scores.samples == 5
    for number, pixels in enumerate(images):
        (place / "more" / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / "more" / "images" / f"{number}.png")
    rows = [
        [f"{number}.png", list(COLOURS)[int(kind)], *box.tolist()]
        for number, (_, scene) in enumerate(other)
        for kind, box in zip(scene.classes, scene.boxes, strict=True)
    ]
    with (place / "more" / "boxes.csv").open("w") as file:
        csv.writer(file).writerows([["filename", "class", "xmin", "ymin", "xmax", "ymax"], *rows])
    assert run.evaluate(str(place / "more")).values == pytest.approx(scores.values, abs=0.02)
    with pytest.raises(ProfundoError, match="expected \\(images, objects\\)"):
        run.evaluate(np.stack(images), np.arange(5))
    with pytest.raises(ProfundoError, match="the net knows red, blue"):
        run.evaluate((images, [{"boxes": [[0, 0, 5, 5]], "labels": ["green"]}] * 5))


def test_of_detectors_the_epoch_of_the_largest_validation_ap_is_kept(tmp_path):
    run = pf.fit(StandIn(3, 2), painted_data(60), epochs=6, early_stop=6, out=tmp_path / "run", learning_rate=0.03)
    aps = run.history["validation AP"]
    assert max(aps) > min(aps)
    assert aps[run.best_epoch] == max(aps)
    assert run.evaluate("validation")["AP"] == pytest.approx(max(aps), abs=1e-6)


def test_the_doctor_says_that_it_does_not_know_detectors(capsys):
    pf.fit(StandIn(3, 2), painted_data(24), epochs=1, doctor=True, out=False)
    assert "without the doctor: the doctor knows costs of outputs" in capsys.readouterr().err
