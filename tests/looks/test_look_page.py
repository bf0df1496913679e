"""The page of a look at data: pictures are where they are said to be."""

import base64
import io
from types import SimpleNamespace

import numpy as np
from PIL import Image

from pages import parse
from profundo.looks.data_facts import DataFacts
from profundo.looks.findings import DataFinding
from profundo.looks.look_page import page_of


def page(shades, **facts):
    """Of grey 4×4 images of one shade each, the class of each its shade modulo 2."""
    survey = SimpleNamespace(
        picture=lambda number: np.full((4, 4, 1), shades[number], np.uint8),
        reads=np.ones(len(shades), bool),
        split=np.zeros(len(shades), int),
        label=np.array(shades) % 2,
    )
    return parse(page_of(DataFacts("set", "images", **({"findings": (), "splits": {}, "training": {}} | facts),
                                   shape=(1, 4, 4), target="", survey=survey)))  # fmt: skip


def shades_of(element):
    """The shades of a picture on the page, row by row."""
    data = base64.b64decode(element.attributes["src"].split(",")[1])
    pixels = np.array(Image.open(io.BytesIO(data)).convert("LA"))
    return pixels[::5, ::5, 0].tolist()


def test_pairs_stand_one_above_the_other_and_other_pictures_side_by_side():
    pairs = DataFinding("warning", "what", "advice", pictures=(0, 1, 2, 3), pairs=True)
    some = DataFinding("note", "what", "advice", pictures=(0, 1, 2))
    first, second, _ = page([10, 20, 30, 40], findings=(pairs, some)).all("img")
    assert shades_of(first) == [[10, 30], [20, 40]]
    assert shades_of(second) == [[10, 20, 30]]


def test_each_class_has_its_strip_and_its_counts():
    document = page([2, 1, 4], classes=("even", "odd"), counts={"train": [30, 15], "test": [3, 0]})
    assert [shades_of(image) for image in document.all("img")] == [[[2, 4]], [[1]]]
    cells = [cell for cell in document.all("td") if "style" in cell.attributes]
    assert [cell.text for cell in cells] == ["30", "3", "15", "0"]
    assert cells[2].attributes["style"] == "--length:50.0"


def test_nothing_found_is_said():
    assert "Nothing suspicious was found." in page([1]).text
