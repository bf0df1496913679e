"""Maps over images and words: what speaks for is blue, what speaks against orange, nothing leaves the image grey."""

import re

import pytest
import torch

from pages import parse
from profundo.pictures.attribution_pictures import map_over_image, maps_svg, words_svg
from profundo.records import ProfundoError


def test_a_map_colours_its_image_by_sign_and_strength():
    image, by_place = (
        torch.full((1, 2, 3), 100, dtype=torch.uint8),
        torch.tensor([[1.0, 0.5, 0.0], [-1.0, 0.0, float("nan")]]),
    )
    red, _, blue = drawn = map_over_image(image, by_place).int()
    assert (blue - red)[0, 0] > (blue - red)[0, 1] > 0
    assert (blue - red)[1, 0] < 0
    for row, column in [(0, 2), (1, 1), (1, 2)]:
        assert len(set(drawn[:, row, column].tolist())) == 1
    assert len(map_over_image(image, torch.zeros(2, 3)).unique()) == 1


def test_images_stand_above_their_maps():
    drawn = maps_svg(torch.zeros(3, 3, 8, 8, dtype=torch.uint8), torch.randn(3, 8, 8), "three")
    assert parse(drawn).one("svg").attributes["aria-label"] == "three"
    assert 'viewBox="0 0 266 177"' in drawn  # 3 × 88 and 2 × 88 pixels, one apart
    with pytest.raises(ProfundoError, match="one of the image's size"):
        maps_svg(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.zeros(2, 4, 4), "no")


def test_words_have_the_colour_and_the_strength_of_their_value():
    drawn = parse(words_svg(["good", "bad", "the"], [2.0, -1.0, 0.0], "why"))
    bars = [(bar.attributes["fill"], float(bar.attributes["fill-opacity"])) for bar in drawn.all("rect")]
    assert [strength for _, strength in bars] == pytest.approx([0.6, 0.3, 0])
    assert ["curve-1" in bars[0][0], "curve-2" in bars[1][0]] == [True, True]
    assert re.search("good 2, bad −1", drawn.one("svg").attributes["aria-label"])
    lines = {bar.attributes["y"] for bar in parse(words_svg(["word"] * 40, [1.0] * 40, "why")).all("rect")}
    assert len(lines) > 2
    with pytest.raises(ProfundoError, match="a value for each word"):
        words_svg([], [], "none")
