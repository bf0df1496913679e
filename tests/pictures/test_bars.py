"""Histograms and relations as drawn: lengths in proportion, numbers told, foreign names inert."""

import xml.etree.ElementTree as ElementTree

import pytest

from profundo.pictures.bars import relations_svg, small_histogram_svg
from profundo.records import ProfundoError


def bars(svg):
    return [
        {name: float(rect.attrib[name]) for name in ("x", "y", "width", "height")}
        for rect in ElementTree.fromstring(svg).iter("rect")
    ]


def texts(svg):
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter("text")]


def test_bars_of_a_histogram_are_as_tall_as_their_counts():
    drawn = bars(small_histogram_svg([0, 1, 2, 4], [5, 10, 0], label="x"))
    assert drawn[0]["height"] == pytest.approx(drawn[1]["height"] / 2)
    assert drawn[2]["height"] == 0
    assert drawn[2]["width"] == pytest.approx(2 * drawn[0]["width"], abs=1.1)
    assert all(bar["y"] + bar["height"] == pytest.approx(92, abs=0.02) for bar in drawn)
    assert drawn[1]["x"] == pytest.approx(320 / 4)


def test_ends_of_a_histogram_are_written_below_it():
    assert texts(small_histogram_svg([-2.5, 0, 1e6], [1, 2], label="x")) == ["−2.500", "1,000,000"]
    assert texts(small_histogram_svg([0, 1], [1], label="x", ends=("first", "last"))) == ["first", "last"]


def test_relations_go_to_both_sides_of_zero():
    drawn = bars(relations_svg(["up", "down", "none"], [0.8, -0.4, 0.0], label="r"))
    zero = drawn[0]["x"]
    assert drawn[1]["x"] + drawn[1]["width"] == pytest.approx(zero, abs=0.11)
    assert drawn[0]["width"] == pytest.approx(2 * drawn[1]["width"], abs=0.2)
    assert drawn[2]["width"] == 0
    assert "−0.40" in texts(relations_svg(["down"], [-0.4], label="r"))


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ProfundoError, match="an edge more than counts"):
        small_histogram_svg([0, 1], [1, 2], label="x")
    with pytest.raises(ProfundoError, match="a name for each value"):
        relations_svg(["a"], [], label="r")
