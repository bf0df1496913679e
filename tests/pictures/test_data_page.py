"""The page of a look at data: pictures are where they are said to be, and words from outside stay words."""

import base64
import io

import numpy as np
import torch
from PIL import Image

from pages import parse
from profundo.pictures.data_page import Alert, ColumnCard, DataPage, Strip, data_html


def plain(shades):
    """Grey 4×4 images of one shade each."""
    return torch.tensor(shades, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4)


def shades_of(element):
    """The shades of a picture on the page, row by row."""
    data = base64.b64decode(element.attributes["src"].split(",")[1])
    pixels = np.array(Image.open(io.BytesIO(data)).convert("LA"))
    return pixels[::5, ::5, 0].tolist()


def page(**parts):
    return parse(data_html(DataPage("set", ["lead"], **{"alerts": (), "facts": (), **parts})))


def test_pairs_stand_one_above_the_other():
    alert = Alert("warning", "what", "advice", pictures=plain([10, 20, 30, 40]), pairs=True)
    assert shades_of(page(alerts=[alert]).one("img")) == [[10, 30], [20, 40]]


def test_other_pictures_stand_side_by_side():
    alert = Alert("note", "what", "advice", pictures=plain([10, 20, 30]))
    assert shades_of(page(alerts=[alert]).one("img")) == [[10, 20, 30]]


def test_each_class_has_its_strip_and_its_counts():
    document = page(
        splits=["train", "test"],
        counts=[("a", (30, 3)), ("b", (15, 0))],
        strips=[Strip("a", plain([1, 2])), Strip("b", plain([3]))],
    )
    assert [shades_of(image) for image in document.all("img")] == [[[1, 2]], [[3]]]
    assert [cell.text for cell in document.all("td")] == ["30", "3", "15", "0"]
    assert [cell.attributes["style"] for cell in document.all("td")][2] == "--length:50.0"


def test_nothing_found_is_said():
    assert "Nothing suspicious was found." in page().text


def test_words_from_outside_stay_words():
    evil = "<script>alert(1)</script>"
    document = page(
        alerts=[Alert("note", evil, evil, [evil])],
        facts=[(evil, evil)],
        splits=[evil],
        counts=[(evil, (1,))],
        strips=[Strip(evil, plain([1]))],
        cards=[ColumnCard(evil, evil, evil, [(evil, evil)], "", [(evil, 1, 100.0)])],
        notes=[evil],
    )
    assert document.all("script") == []
    assert document.text.count(evil) >= 12
