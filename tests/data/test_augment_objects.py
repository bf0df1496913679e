"""Objects move with their image: each is painted with a colour of its own, and what is seen of it says where its box must be."""

import numpy as np
import pytest
import torch

from profundo.boxes import NO_OBJECT, Objects, packed
from profundo.data.augmenting.augment import augmentation
from profundo.data.augmenting.moving_objects import LEAST_SEEN
from profundo.records import Inputs, ProfundoError, Spec, Targets

HEIGHT, WIDTH, PLACES = 96, 128, 5
SPEC = Spec(Inputs((3, HEIGHT, WIDTH), "image", (0.0,) * 3, (1.0,) * 3), Targets("objects", ("a", "b")))
CHANGES = [
    "mirror",
    "flip",
    {"shift": {"reach": 0.4}},
    {"zoom": {"factor": [0.5, 2]}},
    {"crop": {"scale": [0.2, 1]}},
    "mosaic",
]
CHANGED = [*CHANGES, {"mosaic": {"share": 1}}]


def colour_of(number):
    """A colour that no blend of another with the ground has."""
    return torch.from_numpy(np.random.default_rng(number).normal(0, 10, 3)).float()


def scene(draw, first, has_masks):
    """An image whose objects have colours from `first` on, apart from one another, and the objects."""
    image = torch.zeros(3, HEIGHT, WIDTH)
    boxes, masks = [], []
    corners = [(left, top) for left in range(4, WIDTH - 32, 40) for top in range(4, HEIGHT - 32, 40)]
    chosen = draw.permutation(len(corners))[: draw.integers(0, PLACES)]
    for number, at in enumerate(chosen):
        left, top = corners[at]
        wide, high = draw.integers(16, 32, 2).tolist()
        mask = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
        mask[top : top + high, left : left + wide] = True
        if has_masks:  # no rectangle
            mask[top : top + high // 2, left : left + wide // 2] = False
        image[:, mask] = colour_of(first + number)[:, None]
        boxes.append([left, top, left + wide, top + high])
        masks.append(mask)
    count = len(boxes)
    classes = torch.from_numpy(draw.integers(0, 2, count))
    whole = torch.stack(masks) if masks else torch.zeros(0, HEIGHT, WIDTH, dtype=torch.bool)
    return image, Objects(
        torch.tensor(boxes).float().reshape(-1, 4), classes, torch.zeros(count, dtype=torch.bool), whole
    )


def batch(seed, count=6, has_masks=True):
    """Images, targets with masks, and colour → class."""
    draw = np.random.default_rng(seed)
    scenes = [scene(draw, 10 + 10 * at, has_masks) for at in range(count)]
    table = packed([objects for _, objects in scenes], PLACES)
    masks = torch.zeros(count, PLACES, HEIGHT, WIDTH, dtype=torch.bool)
    colours = {}
    for at, (_, objects) in enumerate(scenes):
        masks[at, : len(objects)] = objects.masks
        colours |= {10 + 10 * at + number: int(kind) for number, kind in enumerate(objects.classes)}
    return torch.stack([image for image, _ in scenes]), {"objects": table, "masks": masks}, colours


def painted(image, colour):
    """The pixels that are an object's beyond doubt, those that may be, where colours are blended, and those inside of the first."""
    sure = ((image - colour_of(colour)[:, None, None]).abs() < 1e-2).all(0)
    near = torch.nn.functional.max_pool2d(sure[None].float(), 3, 1, 1)[0] > 0
    core = torch.nn.functional.max_pool2d(1 - sure[None].float(), 3, 1, 1)[0] == 0
    return sure, near, core


def box_of(mask):
    rows, columns = mask.nonzero().T
    return torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()


def inside(box, more=0):
    left, top, right, bottom = box.tolist()
    rows, columns = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    return (rows > top - more) & (rows < bottom + more) & (columns > left - more) & (columns < right + more)


@pytest.mark.parametrize("change", CHANGED, ids=str)
@pytest.mark.parametrize("with_masks", [True, False])
def test_boxes_and_masks_are_where_the_objects_are_painted(change, with_masks):
    """What is painted lies in boxes of its class, and a box ends where the paint in it does, which is blended at its rim."""
    augment = augmentation([change], SPEC)
    seen = 0
    for seed in range(2):
        images, targets, colours = batch(seed, has_masks=with_masks)
        given = targets if with_masks else targets["objects"]
        changed, moved = augment.with_targets(images, given, torch.Generator().manual_seed(seed))
        table = moved["objects"] if with_masks else moved
        for at, image in enumerate(changed):
            rows = [row for row in range(table.shape[1]) if table[at, row, 4] != NO_OBJECT]
            paint = {colour: painted(image, colour) for colour in colours}
            for colour, (_, _, core) in paint.items():
                boxed = [inside(table[at, row, :4], 1) for row in rows if table[at, row, 4] == colours[colour]]
                assert not (core & ~torch.stack(boxed).any(0)).any() if boxed else not core.any()
            for row in rows:
                box = table[at, row, :4]
                assert (box >= 0).all()
                assert (box[2:] <= torch.tensor([WIDTH, HEIGHT])).all()
                own = [one for colour, one in paint.items() if colours[colour] == table[at, row, 4]]
                sure, near = max(((a & inside(box, 1), b) for a, b, _ in own), key=lambda one: int(one[0].sum()))
                if sure.sum() < 12:  # hardly more than a rim
                    continue
                if not with_masks:
                    assert (box - box_of(sure)).abs().max() <= 2.6
                else:
                    assert torch.equal(box, box_of(moved["masks"][at, row]))
                    assert not (sure & ~moved["masks"][at, row]).any()
                    assert (moved["masks"][at, row] & ~near).sum() <= 0.35 * sure.sum() + 4
                seen += 1
    assert seen > 10


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_with_no_share_nothing_is_changed_and_seeds_repeat(change):
    name = change if isinstance(change, str) else next(iter(change))
    images, targets, _ = batch(0)
    still = augmentation([{name: {"share": 0.0}}], SPEC)
    same, alike = still.with_targets(images, targets, torch.Generator().manual_seed(0))
    assert torch.equal(same, images)
    assert torch.equal(alike["objects"], targets["objects"])
    augment = augmentation([change], SPEC)
    first, second = (augment.with_targets(images, targets, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert all(torch.equal(first[1][key], second[1][key]) for key in first[1])


def test_mirrored_twice_is_the_same_to_the_bit():
    images, targets, _ = batch(1)
    for name in ("mirror", "flip"):
        augment = augmentation([{name: {"share": 1.0}}] * 2, SPEC)
        twice, objects = augment.with_targets(images, targets, torch.Generator())
        assert torch.equal(twice, images)
        torch.testing.assert_close(objects["masks"], targets["masks"])
    boxes = augmentation([{"mirror": {"share": 1.0}}], SPEC).with_targets(
        images, targets["objects"], torch.Generator()
    )[1]
    there = targets["objects"][:, :, 4] != NO_OBJECT
    left, top, right, bottom = targets["objects"][there][:, :4].T
    torch.testing.assert_close(boxes[there][:, :4], torch.stack((WIDTH - right, top, WIDTH - left, bottom), 1))


def test_what_is_mostly_cut_away_counts_nowhere_and_what_is_out_is_gone():
    table = packed(
        [Objects(torch.tensor([[0.0, 0, 20, 20], [90, 40, 128, 80]]), torch.tensor([0, 1]), torch.zeros(2) > 0)]
    )
    images = torch.zeros(1, 3, HEIGHT, WIDTH)
    seen = set()
    for seed in range(60):
        _, moved = augmentation([{"shift": {"reach": 0.25}}], SPEC).with_targets(
            images, table, torch.Generator().manual_seed(seed)
        )
        box, kind, crowd = moved[0, 0, :4], moved[0, 0, 4], moved[0, 0, 5]
        share = ((box[2] - box[0]) * (box[3] - box[1]) / 400).item()
        if kind == NO_OBJECT:
            assert (moved[0, 0] == torch.tensor([0, 0, 0, 0, NO_OBJECT, 0])).all()
            seen.add("gone")
        else:
            assert (crowd == 1) == (share < LEAST_SEEN)
            seen.add("cut" if crowd else "whole")
    assert seen == {"gone", "cut", "whole"}


def test_a_mosaic_has_the_objects_of_four_images_and_of_no_more_places_than_needed():
    images, targets, _ = batch(2)
    _, moved = augmentation([{"mosaic": {"share": 1.0}}], SPEC).with_targets(
        images, targets, torch.Generator().manual_seed(0)
    )
    there = (moved["objects"][:, :, 4] != NO_OBJECT).sum(1)
    assert moved["objects"].shape[1] == there.max() > (targets["objects"][:, :, 4] != NO_OBJECT).sum(1).max()
    nothing = torch.zeros(6, 1, 6)
    nothing[:, :, 4] = NO_OBJECT
    _, empty = augmentation([{"mosaic": {"share": 1.0}}], SPEC).with_targets(images, nothing, torch.Generator())
    assert empty.shape == (6, 1, 6)


def test_what_makes_no_sense_of_objects_is_refused():
    for name in ("rotation", "elastic", "mixup", "cutmix"):
        with pytest.raises(ProfundoError, match="leave it out"):
            augmentation([name], SPEC)
    with pytest.raises(ProfundoError, match="these targets are none"):
        augmentation(["mosaic"], Spec(SPEC.inputs, Targets("classes", ("a", "b", "c"))))
    with pytest.raises(ProfundoError, match="needs to know the data"):
        augmentation(["mosaic"])


def test_colours_and_noise_leave_boxes_where_they_are():
    images, targets, _ = batch(0)
    _, same = augmentation(["colour", "noise", "cutout", "erase"], SPEC).with_targets(
        images, targets, torch.Generator()
    )
    assert same is targets
