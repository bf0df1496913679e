"""Masks of objects: bits in memory, pasting into images, and the tables that hold them."""

import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from profundo.boxes import NO_OBJECT, Objects
from profundo.data.batches import Serving, batches, in_order
from profundo.data.dataset_names import Reading
from profundo.data.objects_in_images.images_with_objects import images_with_objects
from profundo.data.splits.splits import chosen, divide
from profundo.object_masks import bits_of, detections_in, found_table, masks_of, objects_in, pasted, targets_of
from profundo.records import ProfundoError

DRAW = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("width", [1, 7, 8, 9, 31])
def test_bits_are_those_of_numpy_and_come_back(width):
    masks = torch.rand(3, 2, 5, width, generator=DRAW) > 0.5
    bits = bits_of(masks)
    assert torch.equal(bits, torch.from_numpy(np.packbits(masks.numpy(), axis=-1)))
    assert torch.equal(masks_of(bits, width), masks)


def test_a_pasted_mask_is_the_bilinear_one_of_pytorch():
    """Of boxes on whole pixels: interpolate resizes the mask to the box, and is cut at one half."""
    masks = torch.rand(2, 28, 28, generator=DRAW)
    boxes = torch.tensor([[3.0, 5, 17, 26], [0, 0, 40, 30]])
    result = pasted(masks, boxes, (30, 40))
    for mask, (left, top, right, bottom), one in zip(masks, boxes.long().tolist(), result, strict=True):
        inside = F.interpolate(mask[None, None], (bottom - top, right - left), mode="bilinear")[0, 0] >= 0.5
        whole = torch.zeros(30, 40, dtype=torch.bool)
        whole[top:bottom, left:right] = inside
        assert torch.equal(one, whole)


def test_a_pasted_mask_stays_within_box_and_image():
    whole = torch.ones(3, 28, 28)
    boxes = torch.tensor([[-10.0, -10, 5, 5], [2.5, 2.5, 4.5, 3.5], [7.0, 7, 7, 7]])
    result = pasted(whole, boxes, (10, 10))
    assert result[0].nonzero().amax() == 4
    assert result[1].nonzero().tolist() == [
        [2, 2],
        [2, 3],
    ]  # centres at 2.5 and 3.5: the upper and the left edge are within
    assert not result[2].any()


class Largest(TorchDispatchMode):
    """How many numbers the largest tensor of numbers has that is made within."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.is_floating_point():
            self.count = max(self.count, result.numel())
        return result


def test_masks_of_a_photograph_are_pasted_within_their_boxes():
    left = torch.arange(40.0)
    boxes = torch.stack([left * 10 - 7.3, left * 12 - 20.6, left * 10 + 21.4, left * 12 + 30], 1)
    with Largest() as largest:
        result = pasted(torch.ones(40, 28, 28), boxes, (500, 400))
    assert largest.count <= 40 * 500 * 28  # the shares of its rows, not 40 × 500 × 400
    centres = torch.meshgrid(torch.arange(500) + 0.5, torch.arange(400) + 0.5, indexing="ij")
    for one, box in zip(result, boxes, strict=True):
        within = (centres[0] >= box[1]) & (centres[0] < box[3]) & (centres[1] >= box[0]) & (centres[1] < box[2])
        assert torch.equal(one, within)


def test_what_was_found_comes_surest_first_without_unused_places():
    boxes = torch.arange(12.0).view(1, 3, 4)
    table = found_table((boxes, torch.tensor([[4, NO_OBJECT, 2]]), torch.tensor([[0.2, 0.0, 0.9]])))
    found = detections_in(table, 0, (16, 16))
    assert found.classes.tolist() == [2, 4]
    assert found.scores.tolist() == pytest.approx([0.9, 0.2])
    assert torch.equal(found.boxes, boxes[0, [2, 0]])
    assert found.masks is None


def scene(*boxes, size=(20, 30), crowd=False):
    masks = torch.zeros(len(boxes), *size, dtype=torch.bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    crowds = torch.full((len(boxes),), crowd)
    return Objects(torch.tensor(boxes).float().view(-1, 4), torch.zeros(len(boxes), dtype=torch.int64), crowds, masks)


def test_targets_give_back_the_objects_of_each_image():
    images = [scene((1, 2, 9, 7), (3, 3, 30, 20)), scene(), scene((0, 0, 5, 5), crowd=True)]
    targets = targets_of(images, [bits_of(one.masks) for one in images])
    for index, one in enumerate(images):
        back = objects_in(targets, index, 30)
        assert torch.equal(back.boxes, one.boxes)
        assert torch.equal(back.crowd, one.crowd)
        assert torch.equal(back.masks, one.masks)
    assert targets_of(images).shape == (3, 2, 6)


def collection(sizes, scenes, **how):
    pixels = [np.full((*size, 3), 50 + at, np.uint8) for at, size in enumerate(sizes)]
    return images_with_objects("made", pixels.__getitem__, sizes, scenes, ["one"], **how)


def test_images_of_all_sizes_take_their_objects_along():
    """Where a box was painted white, white is after the change of size."""
    sizes, places = [(20, 30), (64, 128), (50, 10)], [(3, 4, 13, 14), (32, 16, 96, 48), (2, 10, 8, 40)]
    pixels = [np.zeros((*size, 1), np.uint8) for size in sizes]
    for one, (left, top, right, bottom) in zip(pixels, places, strict=True):
        one[top:bottom, left:right] = 255
    scenes = [scene(place, size=size) for place, size in zip(places, sizes, strict=True)]
    made = images_with_objects(
        "made", pixels.__getitem__, sizes, scenes, ["one"], colour=False, how=Reading(image_size=64)
    )
    assert made.inputs.shape == (1, 50, 64)
    assert made.inputs.longest == 64
    for index, image in enumerate(made.train.inputs):
        there = objects_in(made.train.targets, index, 64)
        assert torch.equal(there.masks[0], image[0] > 127)
        rows, columns = (image[0] > 127).nonzero().unbind(1)
        edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert there.boxes[0].tolist() == pytest.approx([int(edge) for edge in edges])


def test_splits_keep_their_objects_in_memory_and_streamed():
    scenes = [scene(*[(at, 0, at + 5, 9)] * (at % 3)) for at in range(24)]
    made = collection([(20, 30)] * 24, scenes)
    data = divide(made, validation=None, seed=0, stream=False)
    assert data.spec.targets.shares == (1.0,)
    for split in (data.train, data.validation, data.test):
        for index, number in enumerate(split.numbers.tolist()):
            assert torch.equal(objects_in(split.targets, index, 30).boxes, scenes[number].boxes)
    stream = chosen(data.train, None, stream=True)
    kept, read = (batches(one, data.spec, 4, seed=3, workers=0) for one in (data.train, stream))
    for one, other in zip(kept.epoch(0), read.epoch(0), strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets["objects"], other.targets["objects"])
        assert torch.equal(one.targets["masks"], other.targets["masks"])
        assert one.targets["masks"].shape == (4, 2, 20, 30)
        assert one.targets["masks"].dtype == torch.bool
    assert isinstance(kept.serving, Serving)
    assert next(in_order(data.test, data.spec, workers=0)).targets["masks"].dtype == torch.bool


def test_a_split_without_any_object_and_images_without_masks():
    scenes = [scene((0, 0, 5, 5)), scene((0, 0, 5, 5)), scene()]
    made = collection([(20, 30)] * 3, scenes, splits=["train", "validation", "test"])
    assert made.test.targets["masks"].shape == (1, 1, 20, 4)
    bare = [Objects(one.boxes, one.classes, one.crowd) for one in scenes]
    assert collection([(20, 30)] * 3, bare, splits=["train", "validation", "test"]).test.targets.shape == (1, 1, 6)
    with pytest.raises(ProfundoError, match="none in its training split"):
        collection([(20, 30)] * 3, scenes, splits=["test"] * 3)


def test_masks_are_drawn_one_after_the_other_and_only_where_they_fit():
    whole = scene((1, 2, 9, 7), (3, 3, 30, 20), (0, 0, 4, 4), (9, 9, 12, 20))
    bare = [replace(one, masks=None) for one in (whole, scene())]
    made, most = [], 0

    class Mask(np.ndarray):
        """An array that can be watched."""

    def drawn(at):
        nonlocal most
        for box in bare[at].boxes.long().tolist():
            mask = scene(box).masks[0].numpy().view(Mask)
            made.append(weakref.ref(mask))
            most = max(most, sum(one() is not None for one in made))
            yield mask
            del mask

    result = collection([(20, 30)] * 2, bare, masks=drawn)
    assert torch.equal(objects_in(result.train.targets, 0, 30).masks, whole.masks)
    assert len(made) == 4
    assert most <= 2  # the one before is let go when the next is there
    with pytest.raises(ProfundoError, match="do not fit in memory"):
        collection([(20, 30)] * 2, bare, masks=lambda _: 1 / 0, how=Reading(stream=True))
