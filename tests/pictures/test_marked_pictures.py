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
from profundo.pictures.objects.marked_pictures import LOOKS, marked_png, marked_svg
from profundo.pictures.objects.object_results import object_results


def painted(picture):
    return np.asarray(Image.open(BytesIO(marked_png(picture))).convert("RGB")).astype(int)


def test_each_verdict_has_a_colour_a_line_and_a_sign_of_its_own():
    looks = [look for verdict, look in LOOKS.items() if verdict != "object"]
    for part in ("style", "dashes", "sign"):
        assert len({getattr(look, part) for look in looks}) == len(looks), part


def test_a_box_lies_where_the_mark_says():
    """An image of 40 × 20 pixels is drawn eight times as large."""
    svg = marked_svg(Picture(images(1)[:, :, :5].repeat(1, 1, 4, 5)[0], [Mark((5, 4, 15, 14), "cat", "missed")], 3))
    boxes = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg)
    assert {tuple(map(float, box)) for box in boxes} == {(40, 32, 80, 80)}
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
