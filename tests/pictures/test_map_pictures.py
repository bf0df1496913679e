"""Numbers as pixels: each value has the grey that it should, each image its place."""

import base64
import io
import re

import torch
from PIL import Image

from pages import parse
from profundo.pictures.map_pictures import as_pixels, bars_of, collage, film_svg, tiles_svg


def test_black_is_nothing_without_negative_values_and_grey_is_nothing_with_them():
    assert as_pixels(torch.tensor([0.0, 1, 2])).tolist() == [0, 128, 255]
    assert as_pixels(torch.tensor([-4.0, 0, 2])).tolist() == [0, 128, 191]
    assert as_pixels(torch.zeros(3)).tolist() == [0, 0, 0]
    assert as_pixels(torch.tensor([torch.nan, torch.inf, 1.0])).tolist() == [0, 0, 255]


def test_each_has_its_own_scale_where_it_is_asked_for():
    values = torch.tensor([[1.0, 2], [10, 20]])
    assert as_pixels(values).tolist() == [[13, 26], [128, 255]]
    assert as_pixels(values, each=True).tolist() == [[128, 255], [128, 255]]


def test_a_collage_has_images_where_they_lie_and_the_first_of_several():
    places = torch.tensor([[0.0, 0.0], [0.01, 0.01], [1.0, 1.0], [1.0, 0.0]])
    images = torch.tensor([1, 2, 3, 4], dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 1, 2, 2)
    whole = collage(places, images, across=2)[0]
    assert whole[::2, ::2].tolist() == [[0, 3], [1, 4]]


def test_bars_are_as_high_as_their_share_of_the_highest():
    counts = torch.tensor([[0, 5, 10], [1, 0, 0]])
    frames = bars_of(counts, height=20, width=4)
    assert (frames[:, 0] < 255).sum(1)[:, [5, 9, 13]].tolist() == [[0, 10, 20], [20, 0, 0]]


def test_tiles_and_films_are_drawings_with_names():
    tiles = parse(tiles_svg(torch.zeros(3, 1, 4, 5, dtype=torch.uint8), "a <b>", 2)).one("svg")
    assert tiles.attributes["aria-label"] == "a <b>"
    assert tiles.attributes["viewbox"] == "0 0 31 25"  # three times as large, one pixel apart
    film = film_svg(torch.arange(3, dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 1, 6, 9) * 100, "made", 0.2)
    picture = Image.open(io.BytesIO(base64.b64decode(re.search('base64,([^"]+)', film)[1])))
    assert (picture.n_frames, picture.size) == (3, (9, 6))
