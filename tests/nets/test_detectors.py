"""Detectors: one contract for all, and what each is said to compute, by hand."""

import pytest
import torch
import torch.nn.functional as F

from profundo.boxes import NO_OBJECT, Detections, overlaps
from profundo.nets import build
from profundo.nets.detectors.backbones import begin_with, tapped
from profundo.nets.detectors.fcos import CANDIDATES, Places, assigned, distances_of, fcos, focal_cost
from profundo.nets.detectors.mask_rcnn import MASK_SIDE, cells_of
from profundo.nets.detectors.proposals import BACKGROUND, NOT_ASKED, anchors, drawn, matched
from profundo.nets.detectors.suppression import PLACES
from profundo.object_masks import pasted
from profundo.records import Inputs, ProfundoError, Spec, Targets

NETS = ("fcos", "faster_rcnn", "mask_rcnn")
SMALL = {"width": 8}
STEPS = 150


def spec(size=(64, 64), channels=1, kind="objects", classes=3):
    return Spec(Inputs((channels, *size), "image"), Targets(kind, tuple(map(str, range(classes)))))


def bright(boxes, classes, size=(64, 64)):
    """An image with a filled box each, the brighter the higher its class, and its targets."""
    image, table = torch.zeros(1, *size), torch.zeros(4, 6)
    masks, table[:, 4] = torch.zeros(4, *size, dtype=torch.bool), -1
    for place, (box, kind) in enumerate(zip(boxes, classes, strict=True)):
        left, top, right, bottom = box
        image[0, top:bottom, left:right] = 1 + kind
        masks[place, top:bottom, left:right] = True
        table[place] = torch.tensor([*box, kind, 0])
    return image, table, masks


def together(*scenes):
    images, tables, masks = (torch.stack(parts) for parts in zip(*scenes, strict=True))
    return images, {"objects": tables, "masks": masks}


SCENES = together(
    bright([(6, 8, 26, 24), (36, 30, 56, 58)], [0, 2]),
    bright([(20, 20, 44, 40)], [1]),
    bright([], []),
    bright([(2, 34, 20, 60)], [2]),
)


@pytest.fixture(scope="module", params=NETS)
def net(request):
    torch.manual_seed(0)
    return build(request.param, spec(), **SMALL)


@pytest.mark.parametrize("size", [(64, 64), (50, 71), (16, 16)])
def test_a_fixed_number_of_places_the_surest_first_inside_the_image(net, size):
    net.eval()
    with torch.no_grad():
        boxes, classes, scores, *masks = net(torch.randn(2, 1, *size))
    assert boxes.shape == (2, PLACES, 4)
    assert classes.shape == scores.shape == (2, PLACES)
    assert (scores[:, :-1] >= scores[:, 1:]).all()
    assert torch.equal(scores == 0, classes == -1)
    assert not boxes[scores == 0].any()
    assert boxes.min() >= 0
    assert (boxes <= torch.tensor([size[1], size[0], size[1], size[0]])).all()
    for cells in masks:
        assert cells.shape == (2, PLACES, MASK_SIDE, MASK_SIDE)
        assert not cells[scores == 0].any()


def test_its_cost_reaches_every_weight(net):
    net.train()
    net.zero_grad()
    sum(net.cost(*SCENES).values()).backward()
    still = [name for name, one in net.named_parameters() if one.grad is None or not one.grad.abs().sum() > 0]
    assert still == []


def test_images_without_objects_and_with_crowds_only_have_a_cost(net):
    images, targets = SCENES
    empty = {name: part.clone() for name, part in targets.items()}
    empty["objects"][..., 4] = -1
    crowds = {name: part.clone() for name, part in targets.items()}
    crowds["objects"][..., 5] = 1
    for one in (empty, crowds):
        parts = net.cost(images, one)
        assert all(torch.isfinite(part) for part in parts.values())
        assert parts["box"] == 0
        sum(parts.values()).backward()


def test_half_precision_costs_nearly_what_single_precision_does(net):
    """As a run chooses it where processors multiply it faster: places and weights of RoIAlign stay float32, maps are read as such."""
    costs = []
    for half in (False, True):
        torch.manual_seed(0)
        net.train().zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            parts = net.cost(*SCENES)
        assert {part.dtype for part in parts.values()} == {torch.float32}
        sum(parts.values()).backward()
        assert all(bool(one.grad.isfinite().all()) for one in net.parameters() if one.grad is not None)
        costs.append({name: part.item() for name, part in parts.items()})
    assert costs[1] == pytest.approx(costs[0], rel=0.1, abs=0.02)


@pytest.mark.parametrize(("name", "options"), [("fcos", {}), ("mask_rcnn", {"features": 64, "depth": 1})])
def test_it_learns_scenes_by_heart(name, options):
    """The surest are the objects, each in its place and of its class, and outlined. Mask R-CNN is Faster R-CNN, too."""
    images, targets = SCENES[0][:2], {key: part[:2] for key, part in SCENES[1].items()}
    torch.manual_seed(0)
    net = build(name, spec(), **SMALL, **options).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1, (step + 1) / 10, 2 - 2 * step / STEPS)
        optimizer.zero_grad()
        sum(net.cost(images, targets).values()).backward()
        optimizer.step()
    with torch.no_grad():
        boxes, classes, _, *cells = net.eval()(images)
    for image, (table, masks) in enumerate(zip(*targets.values(), strict=True)):
        there = table[:, 4] >= 0
        first = slice(0, int(there.sum()))
        best, which = overlaps(table[there, :4], boxes[image, first]).max(1)
        assert best.min() > 0.65
        assert torch.equal(classes[image, first][which], table[there, 4].long())
        if cells:
            outlines = pasted(cells[0][image, first], boxes[image, first], (64, 64))[which]
            both, either = (outlines & masks[there]).sum((1, 2)), (outlines | masks[there]).sum((1, 2))
            assert (both / either).min() > 0.65


def test_they_are_for_objects_and_for_sizes_that_can_be():
    with pytest.raises(ProfundoError, match="the data have one for each sample"):
        build("fcos", spec(kind="classes"))
    with pytest.raises(ProfundoError, match="expected a width from 4 to 512 and 4 or 8 as finest"):
        build("faster_rcnn", spec(), finest=2)
    with pytest.raises(ProfundoError, match="expected the Spec of data"):
        fcos(3)
    with pytest.raises(ProfundoError, match="the data have boxes only; use faster_rcnn or fcos"):
        build("mask_rcnn", spec(), **SMALL).cost(SCENES[0], SCENES[1]["objects"])


# ------------------------------------------------------------------------------------------------------------- backbones
@pytest.mark.parametrize("backbone", ["resnet18", "efficientnet_lite0"])
def test_nets_for_imagenet_are_read_at_their_strides_and_give_their_weights(backbone):
    """The last map is what the whole net averages, and the others are as large as their strides say."""
    torch.manual_seed(0)
    about = Spec(Inputs((3, 64, 96), "image"), Targets("classes", ("a", "b")))
    whole = build(backbone, about, width=0.25).eval()
    images, seen = torch.randn(2, 3, 64, 96), []
    pool = whole.avgpool if backbone == "resnet18" else whole.head
    pool.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        whole(images)
        for finest in (4, 8):
            maps = (own := tapped(whole, finest))(images)
            assert [tuple(one.shape[2:]) for one in maps] == [(64 // s, 96 // s) for s in own.strides]
            assert [one.shape[1] for one in maps] == own.channels
            torch.testing.assert_close(maps[-1], seen[0])


def test_a_detector_begins_with_published_weights_of_its_own_backbone():
    torch.manual_seed(0)
    net = build("fcos", spec((70, 40), channels=3), width=8, backbone="resnet18")
    about = Spec(Inputs((3, 96, 64), "image"), Targets("classes", ("a", "b")))
    other = build("resnet18", about)
    begin_with(net, other)
    torch.testing.assert_close(net.pyramid.backbone.parts[0][0][0].weight, other.conv1.weight)
    assert net.eval()(torch.randn(1, 3, 70, 40))[0].shape == (1, PLACES, 4)
    with pytest.raises(ProfundoError, match="got the weights of another EfficientNetLite"):
        begin_with(net, build("efficientnet_lite0", about, width=0.25))
    with pytest.raises(ProfundoError, match="not the small one"):
        begin_with(build("fcos", spec(), **SMALL), other)
    with pytest.raises(ProfundoError, match="expected a net for ImageNet"):
        tapped(torch.nn.Linear(2, 2), 4)


# ------------------------------------------------------------------------------------------------------------- FCOS
def test_a_place_answers_for_the_smallest_box_near_whose_centre_it_lies():
    xy = torch.tensor([[10.0, 10], [30, 30], [20, 21], [50, 50], [15, 10]])
    ones = torch.ones(5)
    places = Places(xy, 4 * ones, 0 * ones, 100 * ones)
    large, small, crowd = [0.0, 0, 60, 60, 1, 0], [12.0, 14, 28, 28, 0, 0], [40.0, 40, 64, 64, 0, 1]
    which, ignored = assigned(places, torch.tensor([[large, small, crowd, [0, 0, 0, 0, -1, 0]]]))
    assert which[0].tolist() == [-1, 0, 1, -1, -1]
    assert ignored[0].tolist() == [False, False, False, True, False]


def test_a_place_answers_for_boxes_of_its_level_only():
    xy, far = torch.tensor([[32.0, 32], [32, 32]]), torch.tensor([32.0, float("inf")])
    places = Places(xy, torch.tensor([4.0, 8]), torch.tensor([0.0, 32]), far)
    for half, level in ((10, 0), (32, 0), (33, 1)):
        box = [32.0 - half, 32 - half, 32 + half, 32 + half, 0, 0]
        which, _ = assigned(places, torch.tensor([[box]]))
        assert which[0].tolist() == [0 if at == level else -1 for at in range(2)]


def test_focal_cost_is_its_formula_and_half_of_cross_entropy_without_focus():
    logits, wanted = torch.linspace(-4, 4, 9).double(), torch.tensor([0, 1] * 4 + [1])
    yes = torch.sigmoid(logits)
    expected = torch.where(wanted == 1, -0.25 * (1 - yes) ** 2 * yes.log(), -0.75 * yes**2 * (1 - yes).log())
    torch.testing.assert_close(focal_cost(logits, wanted), expected)
    plain = F.binary_cross_entropy_with_logits(logits, wanted.double(), reduction="none")
    torch.testing.assert_close(focal_cost(logits, wanted, focus=0.0, balance=0.5), plain / 2)


def test_distances_are_powers_of_e_and_go_on_straight():
    at = torch.tensor([-2.0, 0, 2.9, 3, 4, 1000], requires_grad=True)
    far = distances_of(at)
    torch.testing.assert_close(far[:3], at[:3].exp())
    torch.testing.assert_close(far[3:], torch.e**3 * (at[3:] - 2))
    far.sum().backward()
    torch.testing.assert_close(at.grad[2:5], torch.tensor([2.9, 3, 3]).exp())


def test_a_crowd_is_no_background():
    """What a place inside a crowd says of classes costs nothing, outside it does."""
    torch.manual_seed(0)
    net = build("fcos", spec(), **SMALL)
    table = torch.tensor([[[0.0, 0, 64, 64, 0, 1]]])
    assert net.cost(SCENES[0][:1], table)["there"] == 0
    table[..., 2] = 32
    assert net.cost(SCENES[0][:1], table)["there"] > 0
    assert CANDIDATES >= PLACES


# ------------------------------------------------------------------------------------------------------------- proposals
def test_anchors_stand_at_places_in_three_shapes_of_one_area():
    boxes = anchors([torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 1, 1)], [4, 16])
    assert boxes.shape == (3 * (6 + 1), 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    torch.testing.assert_close(sides.prod(1), torch.tensor([256.0] * 18 + [4096.0] * 3))
    torch.testing.assert_close(sides[:3, 1] / sides[:3, 0], torch.tensor([0.5, 1, 2]))
    torch.testing.assert_close((boxes[:, :2] + boxes[:, 2:])[[4, 9, 18]] / 2, torch.tensor([[6.0, 2], [2, 6], [8, 8]]))


def test_boxes_are_matched_by_overlap():
    table = torch.tensor([[[0.0, 0, 10, 10, 2, 0], [50, 50, 60, 60, 1, 0], [30, 0, 40, 10, 0, 1], [0, 0, 0, 0, -1, 0]]])
    boxes = torch.tensor(
        [[[0.0, 0, 10, 10], [0, 0, 10, 20], [0, 0, 10, 100], [55, 55, 65, 65], [30, 0, 40, 10], [0, 0, 0, 0]]]
    )
    one, middle, none = 0, NOT_ASKED, BACKGROUND
    assert matched(boxes, table, 0.3, 0.7)[0].tolist() == [one, middle, none, none, NOT_ASKED, none]
    assert matched(boxes, table, 0.3, 0.7, best=True)[0].tolist() == [one, middle, none, 1, NOT_ASKED, none]
    assert matched(boxes, table, 0.5, 0.5)[0].tolist() == [one, one, none, none, NOT_ASKED, none]


def test_a_box_in_a_crowd_far_larger_than_it_is_not_asked():
    """By the share of its own area: the union with a crowd of 200 × 200 makes next to nothing of a box of 16 × 16."""
    table = torch.tensor([[[0.0, 0, 200, 200, 0, 1], [80, 80, 96, 96, 1, 0]]])
    boxes = torch.tensor(
        [[[20.0, 20, 36, 36], [192, 20, 208, 36], [193, 20, 209, 36], [80, 80, 96, 96], [0, 0, 400, 200]]]
    )
    wanted = [NOT_ASKED, NOT_ASKED, BACKGROUND, 1, NOT_ASKED]
    assert matched(boxes, table, 0.3, 0.7)[0].tolist() == wanted
    assert matched(boxes, table, 0.5, 0.5, best=True)[0].tolist() == wanted
    table[..., 4] = NO_OBJECT
    assert matched(boxes, table, 0.3, 0.7)[0].tolist() == [BACKGROUND] * 5


def test_a_sample_has_at_most_so_many_objects_and_is_full_where_it_can_be():
    which = torch.full((3, 40), BACKGROUND)
    which[0, :20], which[1, :2], which[2, 3:] = 5, 0, NOT_ASKED
    positive, asked = drawn(which, 16, 4)
    assert positive.sum(1).tolist() == [4, 2, 0]
    assert asked.sum(1).tolist() == [16, 16, 3]
    assert (which[positive] >= 0).all()
    assert (which[asked & ~positive] == BACKGROUND).all()
    assert not torch.equal(drawn(which, 16, 4)[1], asked)


# ------------------------------------------------------------------------------------------------------------- masks
def test_cells_of_a_mask_are_pasted_back_as_the_mask():
    mask = torch.zeros(1, 64, 64, dtype=torch.bool)
    mask[0, 20:40, 12:30] = True
    mask[0, 26:34, 18:24] = False
    box = torch.tensor([[10.0, 18, 38, 46]])
    cells = cells_of(mask, box)
    assert cells.shape == (1, MASK_SIDE, MASK_SIDE)
    assert torch.equal(pasted(cells, box, (64, 64)), mask)  # a cell a pixel
    found = Detections(box, torch.tensor([0]), torch.tensor([0.5]), pasted(cells, box * 1.0, (64, 64)))
    assert int(found.masks.sum()) == int(mask.sum())


def test_outlines_are_decided_at_the_pixels_of_the_image():
    """By hand: where the last layers pass on what they see of the image alone, the cells are the image, finer than any map has it."""
    torch.manual_seed(0)
    net = build("mask_rcnn", spec((32, 32)), **SMALL).eval()
    first, _, last = net.outlines
    with torch.no_grad():
        for layer in (first, last):
            layer.weight.zero_()
            layer.bias.zero_()
        first.weight[0, -1, 1, 1] = last.weight[:, 0] = 1.0
        images = torch.rand(2, 1, 32, 32)
        boxes = torch.tensor([2.0, 1.0, 2.0 + MASK_SIDE, 1.0 + MASK_SIDE]).expand(2, 1, 4)  # a cell is a pixel
        cells = net.cells(images, net.boxes.maps(images), boxes)
    seen = images[:, :, 1 : 1 + MASK_SIDE, 2 : 2 + MASK_SIDE]
    assert cells.shape == (2, 1, 3, MASK_SIDE, MASK_SIDE)
    torch.testing.assert_close(cells[:, 0], seen.expand(-1, 3, -1, -1), rtol=1e-4, atol=1e-5)
