"""Scenes of digits: what is said of each is what can be seen in it."""

import pytest
import torch

from profundo.data.sets import digit_scenes as module
from profundo.data.sets.digit_scenes import HIDDEN, INK, MOST, SIZES, collection, digit_scenes, resized, split_digits
from profundo.data.splits.splits import Collection, divide
from profundo.object_masks import objects_in
from profundo.records import Inputs, ProfundoError, Samples, Targets


@pytest.fixture(scope="module")
def digits():
    """Ten made digits: number k is a bar of k + 4 pixels by 20, bright to the edges."""
    images = torch.zeros(10, 1, 28, 28, dtype=torch.uint8)
    for k, image in enumerate(images):
        image[0, 4:24, 4 : 8 + k] = 255
    return Samples(images, torch.arange(10))


@pytest.fixture(scope="module")
def scenes(digits):
    return digit_scenes(digits, 40, seed=3, side=96)


def test_a_scene_is_a_function_of_seed_and_number(digits, scenes):
    later = digit_scenes(digits, 2, seed=3, first=5, side=96)
    assert torch.equal(later.images, scenes.images[5:7])
    assert torch.equal(later.objects, scenes.objects[5:7])
    assert torch.equal(later.masks, scenes.masks[5:7])
    assert not torch.equal(digit_scenes(digits, 2, seed=4, first=5, side=96).images, later.images)


def test_a_box_just_holds_its_mask_and_no_pixel_is_of_two_digits(scenes):
    assert int(scenes.masks.sum(1).max()) == 1
    for objects, masks in zip(scenes.objects, scenes.masks, strict=True):
        for row, mask in zip(objects, masks, strict=True):
            if row[4] < 0:
                assert not mask.any()
                continue
            rows, columns = torch.where(mask)
            assert row[:4].tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_from_one_to_eight_digits_of_all_sizes_and_classes(scenes):
    there = scenes.objects[:, :, 4] >= 0
    assert {1, 2, 6}.issubset(there.sum(1).tolist())
    assert 1 <= int(there.sum(1).min()) <= int(there.sum(1).max()) <= MOST
    boxes = scenes.objects[there]
    longer = (boxes[:, 2:4] - boxes[:, :2]).amax(1)
    assert longer.max() <= SIZES[1]
    assert longer.max() - longer.min() >= 20
    assert set(boxes[:, 4].tolist()) == set(range(10))
    assert not boxes[:, 5].any()


def test_of_no_digit_is_more_than_its_share_hidden(digits):
    """Bars hide one another often: each keeps what it is promised of the ink that its size has."""
    crowded = digit_scenes(digits, 60, seed=1, side=96)
    least = 1.0
    for objects, masks in zip(crowded.objects, crowded.masks, strict=True):
        for row, mask in zip(objects, masks, strict=True):
            if row[4] >= 0:
                whole = (row[2] - row[0]) * (row[3] - row[1])  # a bar fills its box, unless an edge of it is hidden
                least = min(least, float(mask.sum() / whole))
    assert 1 - HIDDEN <= least < 1


def test_ink_is_brighter_than_what_is_around_it(scenes):
    seen, image = scenes.masks.any(1), scenes.images[:, 0].float()
    assert image[seen].mean() > 4 * image[~seen].mean()
    assert len({round(float(one[~own].std())) for one, own in zip(image, seen, strict=True)}) > 5  # noise differs


def test_a_digit_is_cut_out_and_scaled_by_its_longer_side(digits):
    ink = resized(digits.inputs[0, 0], 40)  # 20 by 4
    assert ink.shape == (40, 8)
    assert (ink >= INK).all()


def test_digits_without_ink_leave_a_scene_without_objects():
    blank = Samples(torch.zeros(2, 1, 28, 28, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))
    scenes = digit_scenes(blank, 1)
    assert (scenes.objects[..., 4] == -1).all()
    assert not scenes.masks.any()


@pytest.mark.parametrize("wrong", [{"side": 95}, {"side": 161}, {"count": 0}, {"first": -1}])
def test_wrong_sizes_are_told_in_one_line(digits, wrong):
    with pytest.raises(ProfundoError, match="expected a side from 96 to 160 pixels, one scene or more"):
        digit_scenes(digits, wrong.pop("count", 1), **wrong)
    with pytest.raises(ProfundoError, match="expected digits in memory"):
        digit_scenes(Samples(torch.zeros(2, 3, 28, 28), torch.zeros(2)), 1)


def test_the_set_with_a_name_keeps_the_digits_of_its_splits_apart(digits, monkeypatch):
    """Of twelve digits each, the last is for validation; the test has its own: here all sevens."""
    monkeypatch.setattr(module, "COUNTS", (6, 3, 4))
    train = Samples(digits.inputs[[*range(5), *range(5), 5, 9]], torch.tensor([*range(5), *range(5), 5, 9]))
    assert [split.targets.tolist() for split in split_digits(train)] == [[*range(5), *range(5), 5], [9]]
    of_ten = Targets("classes", tuple("0123456789"))
    given = Collection(
        "mnist", Inputs((1, 28, 28), "image"), of_ten, train, test=Samples(digits.inputs[7:8], torch.tensor([7]))
    )
    data = divide(collection("digit-scenes", given), validation=None, seed=0, stream=False)
    assert (data.spec.targets.kind, data.spec.inputs.shape, data.spec.targets.classes) == (
        "objects",
        (1, 128, 128),
        tuple("0123456789"),
    )
    for split, known in ((data.train, set(range(6))), (data.validation, {9}), (data.test, {7})):
        assert set(split.targets["objects"][..., 4].unique().int().tolist()) - {-1} <= known
    assert [len(split) for split in (data.train, data.validation, data.test)] == [6, 3, 4]
    own = objects_in(data.test.targets, 0, 128)
    assert torch.equal(own.masks, digit_scenes(given.test, 1, seed=2).masks[0, : len(own)])
