"""Marks of what was found: seen in the SVG and in the painted pixels, told without colour, in four languages."""

import re
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from made_reports import images, object_report
from pages import parse
from profundo.languages import LANGUAGES, speaking
from profundo.pictures import report_html
from profundo.pictures.objects.found_objects import Mark, ObjectFacts, Picture
from profundo.pictures.objects.mark_looks import LOOKS, marked_key
from profundo.pictures.objects.marked_pictures import marked_svg
from profundo.pictures.objects.marked_pixels import marked_pixels, marked_png
from profundo.pictures.objects.object_results import object_results
from profundo.pictures.svg import COLOURS


def painted(picture):
    return np.asarray(Image.open(BytesIO(marked_png(picture))).convert("RGB")).astype(int)


def test_each_verdict_has_a_colour_a_line_and_a_sign_of_its_own():
    looks = [look for verdict, look in LOOKS.items() if verdict not in ("object", "doubtful")]  # which are not judged
    for part in ("style", "dashes", "sign"):
        assert len({getattr(look, part) for look in looks}) == len(looks), part
    assert len({look.dashes for verdict, look in LOOKS.items() if verdict != "found"}) == len(LOOKS) - 1


def test_a_box_lies_where_the_mark_says():
    """An image of 40 × 20 pixels is drawn eight times as large."""
    svg = marked_svg(Picture(images(1)[:, :, :5].repeat(1, 1, 4, 5)[0], [Mark((5, 4, 15, 14), "cat", "missed")], 3))
    boxes = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg)
    assert {tuple(map(float, box)) for box in boxes if box[3] != "12.5"} == {
        (40, 32, 80, 80)
    }  # but for the name's ground
    assert 'stroke-dasharray="1.5 3"' in svg
    assert "? cat" in svg
    assert 'viewBox="0 0 320 160"' in svg


def test_the_path_of_a_mask_covers_its_pixels():
    mask = torch.rand(6, 7, generator=torch.Generator().manual_seed(0)) > 0.5
    svg = marked_svg(Picture(torch.zeros(1, 6, 7, dtype=torch.uint8), [Mark((0, 0, 7, 6), "cat", "found", mask=mask)]))
    covered, scale = torch.zeros(6, 7, dtype=torch.bool), 320 / 7
    for left, top, right in re.findall(r"M([\d.]+) ([\d.]+)H([\d.]+)V", svg):
        row, start, end = (round(float(at) / scale) for at in (top, left, right))
        assert not covered[row, start:end].any()
        covered[row, start:end] = True
    assert torch.equal(covered, mask)


def test_boxes_and_masks_are_painted_into_the_pixels():
    black = torch.zeros(1, 400, 400, dtype=torch.uint8)
    mask = torch.zeros(400, 400, dtype=torch.bool)
    mask[100:200, 100:200] = True
    whole = painted(Picture(black, [Mark((50, 60, 300, 350), "cat", "found", 0.9, mask=mask)]))
    assert whole.shape == (400, 400, 3)
    blue = np.array([0x1F, 0x5F, 0xBF])
    np.testing.assert_array_equal(whole[60, 250], blue)
    np.testing.assert_array_equal(whole[200, 50], blue)
    np.testing.assert_array_equal(whole[150, 150], blue // 2)
    assert not whole[300, 200].any()
    dashed = painted(Picture(black, [Mark((50, 60, 300, 350), "cat", "false", 0.9)]))
    drawn = dashed[200:340, 50].any(1).mean()
    assert 0.5 < drawn < 0.9


def test_a_painted_image_keeps_its_size_and_larger_ones_have_thicker_lines():
    def thickness(side):
        whole = painted(
            Picture(torch.zeros(1, side, side, dtype=torch.uint8), [Mark((0, 0, side / 2, side / 2), "", "object")])
        )
        assert whole.shape == (side, side, 3)
        return whole[side // 4, side // 4 :].any(1).sum()

    assert thickness(1000) > thickness(100) >= 1


def test_a_painted_box_has_the_edges_that_it_says_and_a_picture_cuts_those_beyond_it():
    def changed(*box):
        image = torch.full((1, 60, 80), 200, dtype=torch.uint8)
        return (marked_pixels(Picture(image, [Mark(box, "", "object")])) != 200).any(0).numpy()

    rows, columns = np.nonzero(changed(10, 20, 40, 50))
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (10, 20, 40, 50)
    assert len(rows) == 2 * 30 + 2 * 28
    beyond = changed(-10, -12, 30, 40)
    assert beyond[39, :30].all()
    assert beyond[:40, 29].all()
    assert beyond.sum() == 30 + 40 - 1
    assert not changed(-30, -20, -3, -2).any()


def test_what_is_not_judged_has_the_colour_of_its_class_and_what_has_no_label_is_dotted():
    def edge(mark):
        return marked_pixels(Picture(torch.zeros(1, 100, 100, dtype=torch.uint8), [mark]))[:, 20:80, 10]

    for kind in (0, 3, 12):
        rgb = bytes(edge(Mark((10, 20, 60, 80), "", "object", kind=kind))[:, 30].tolist()).hex()
        assert f"#{rgb}" == COLOURS[kind % 12]
    assert 0.3 < (edge(Mark((10, 20, 60, 80), "", "doubtful", kind=3)) > 0).any(0).double().mean() < 0.6
    key = marked_key(("object", "doubtful"), ["cat", "dog"])
    assert "cat" in key
    assert key.count("<line") == 4
    assert key.count("stroke-dasharray") == 1


def test_names_on_a_page_lie_in_their_picture_and_not_over_each_other():
    draw = np.random.default_rng(0)
    corners = draw.uniform(0, 380, (30, 2))
    marks = [Mark((x, y, x + 20, y + 20), f"thing {at}", "found", 0.5) for at, (x, y) in enumerate(corners.tolist())]
    page = parse(marked_svg(Picture(torch.zeros(3, 400, 400, dtype=torch.uint8), marks)))
    grounds = [one.all("rect")[0].attributes for one in page.all("g") if one.attributes.get("class") == "name found"]
    boxes = np.array([[float(one[key]) for key in ("x", "y", "width", "height")] for one in grounds])
    assert 10 < len(boxes) <= 30
    boxes[:, 2:] += boxes[:, :2]
    assert boxes.min() >= 0
    assert boxes.max() <= 320 + 1e-6
    for at, one in enumerate(boxes):
        for other in boxes[:at]:
            assert (np.maximum(one[:2], other[:2]) >= np.minimum(one[2:], other[2:]) - 0.02).any()


def test_a_mask_coarser_than_its_picture_covers_the_same_part_of_it():
    mask = torch.zeros(4, 5, dtype=torch.bool)
    mask[1, 2:4] = True
    picture = Picture(torch.zeros(1, 40, 100, dtype=torch.uint8), [Mark((0, 0, 0, 0), "", "object", mask=mask)])
    filled = (marked_pixels(picture) > 0).any(0)
    expected = torch.zeros(40, 100, dtype=torch.bool)
    expected[10:20, 40:80] = True
    expected[:1, :1] = True  # the box, of no size
    assert torch.equal(filled, expected)
    assert "M128.0 64.0H256.0V128.0H128.0Z" in marked_svg(picture)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_section_tells_every_part_in_every_language(language):
    report = object_report()
    with speaking(language):
        page, parts = report_html(report), object_results(report.objects)
    (section,) = parse(page).all("section", id="objects")
    assert len(section.all("svg")) == len(("curves", "sizes", "errors", "key")) + len(parts["pictures"])
    for figure in (parts["curves"], parts["sizes"], parts["errors"], *parts["pictures"]):
        assert figure.svg in page
    assert len(parts["matrix"]) == 3
    assert [row[0] for row in parts["classes"].rows] == ["cat", "dog"]


def test_what_is_not_there_is_left_out():
    parts = object_results(ObjectFacts([]))
    assert (parts["curves"], parts["sizes"], parts["errors"], parts["pictures"]) == (None, None, None, [])
