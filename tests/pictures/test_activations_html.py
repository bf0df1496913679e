"""The page of activations, as a strict parser reads it."""

import math
import re

from pages import parse
from profundo.pictures.activation_curves import Plate, activations_html

HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;{{ 7 * 7 }}"


def plate(name="relu", **changes):
    given = {
        "title": "ReLU",
        "formulas": [("f(a)", "max(0, a)", r"\max(0, a)"), ("f′(a)", "1 if a > 0, else 0", r"\begin{cases} 1 & a > 0")],
        "facts": [("range", "[0, ∞)"), ("gain", "1.414")],
        "use": "The first choice.",
        "beware": "Dead units.",
        "a": [-1.0, 0.0, math.nan, 0.0, 1.0],
        "values": [0.0, 0.0, math.nan, 0.0, 1.0],
        "slopes": [0.0, 0.0, math.nan, 1.0, 1.0],
    }
    return Plate(name=name, **(given | changes))


def test_each_activation_has_its_section_with_curves_formulas_and_advice():
    page = parse(activations_html([plate(), plate("step")]))
    assert [section.attributes["id"] for section in page.all("section")] == ["relu", "step"]
    assert [link.attributes["href"] for link in page.one("nav").all("a")] == ["#in-relu", "#in-step"]
    section = page.one("section", id="relu")
    for words in ("ReLU", "max(0, a)", "1 if a > 0, else 0", "[0, ∞)", "1.414", "The first choice.", "Dead units."):
        assert words in section.text
    assert r"f'(a) = \begin{cases} 1 & a > 0" in section.text
    assert "the derivative" in section.one("svg").text


def test_a_jump_is_a_gap_and_no_line():
    """Two pieces of each curve."""
    svg = parse(activations_html([plate()])).one("section", id="relu").one("svg")
    assert len(svg.all("polyline")) == 4


def test_words_from_outside_are_words():
    page = activations_html([plate(title=HOSTILE, use=HOSTILE, beware=HOSTILE, formulas=[(HOSTILE, HOSTILE, HOSTILE)])])
    assert not parse(page).all("img")
    assert "49" not in re.sub(r"<svg.*?</svg>|<style.*?</style>", "", page, flags=re.S)


def test_the_page_needs_nothing_else():
    page = activations_html([plate()])
    assert not re.search(r"<script|https?://|@import|url\(", page)
    assert page == activations_html([plate()])
