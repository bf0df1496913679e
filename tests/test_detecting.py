"""Objects in images through every door of a run: trained, resumed, judged, told, drawn, served."""

import numpy as np
import pytest
import torch

import profundo as pf
from profundo.boxes import Objects
from profundo.data.objects_in_images.images_with_objects import images_with_objects
from profundo.data.splits.splits import divide
from profundo.records import ProfundoError
from stand_in_detector import StandIn

COLOURS = {"red": 0, "blue": 2}


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
    whole = images_with_objects("painted", lambda at: made[at][0], sizes, scenes, list(COLOURS))
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
        (np.zeros((9, 9, 3)), {"boxes": []}, "uint8"),
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
