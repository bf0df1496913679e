"""What is drawn of the activations, and the command that lists and draws them."""

import json
import re
import sys
from pathlib import Path

import pytest
import torch

from pages import parse
from profundo.cli import main
from profundo.inspect.activation_page import activations_page, listed, sampled, value_and_slope
from profundo.nets.activations import ACTIVATIONS
from profundo.pictures.numbers import plain


def call(monkeypatch, capsys, *arguments):
    """(exit status, stdout, stderr) of the program in this process."""
    monkeypatch.setattr(sys, "argv", ["profundo", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0, *capsys.readouterr()


@pytest.mark.parametrize("one", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_curves_and_derivatives_are_those_of_the_layer(one):
    a, values, slopes = sampled(one)
    there = ~a.isnan()
    assert there.sum() > 200
    assert (~there).sum() == len(one.kinks)
    torch.testing.assert_close(values[there], one.make().double()(a[there]))
    differences = (one.make().double()(a[there] + 1e-10) - one.make().double()(a[there] - 1e-10)) / 2e-10
    torch.testing.assert_close(slopes[there], differences, atol=1e-4, rtol=0)
    assert values[~there].isnan().all()
    assert slopes[~there].isnan().all()


@pytest.mark.parametrize("one", ACTIVATIONS.values(), ids=ACTIVATIONS)
@pytest.mark.parametrize("a", [-2.75, 0.625, 3.5])
def test_value_and_slope_at_a_place_are_those_of_the_curve(one, a):
    value, slope = value_and_slope(one, a)
    near = [one.make().double()(torch.tensor(a + h, dtype=torch.float64)).item() for h in (-1e-6, 0, 1e-6)]
    assert value == near[1]
    assert slope == pytest.approx((near[2] - near[0]) / 2e-6, abs=1e-7)


def test_each_has_its_section_with_curves_formulas_and_advice():
    whole = activations_page()
    page = parse(whole)
    assert [section.attributes["id"] for section in page.all("section")] == list(ACTIVATIONS)
    assert [link.attributes["href"] for link in page.one("nav").all("a")] == [f"#in-{name}" for name in ACTIVATIONS]
    for one in ACTIVATIONS.values():
        section = page.one("section", id=one.name)
        words = (one.title, one.formula, one.slope, one.values, plain(one.gain), one.use, one.beware)
        assert all(word in section.text for word in words)
        assert f"f'(a) = {one.slope_latex}" in section.text
        assert "the derivative" in section.one("svg").text
    assert not re.search(r"<script|https?://|@import|url\(", whole)


def test_a_jump_is_a_gap_and_no_line():
    """Two pieces of each curve."""
    svg = parse(activations_page()).one("section", id="step").one("svg")
    assert len(svg.all("polyline")) == 4


def test_the_command_lists_draws_and_speaks_json(monkeypatch, capsys, tmp_path):
    code, out, _ = call(monkeypatch, capsys, "activations")
    assert code == 0
    assert all(f"f(a) = {one.formula}" in out and one.beware in out for one in ACTIVATIONS.values())
    page = tmp_path / "page.html"
    code, out, _ = call(monkeypatch, capsys, "activations", "--out", page, "--json")
    assert code == 0
    assert json.loads(out) == {"activations": listed(), "page": str(page)}
    assert page.read_text("utf-8") == activations_page()
    code, out, err = call(monkeypatch, capsys, "activations", "--out", tmp_path / "no" / "page.html")
    assert (code, out) == (1, "")
    assert "a folder that exists" in err


def test_the_table_of_the_guide_says_what_the_records_say():
    page = (Path(__file__).parents[2] / "docs" / "layers.md").read_text("utf-8")
    for one in ACTIVATIONS.values():
        cells = [f"`{one.name}`", one.formula, one.slope, one.values, plain(one.gain), one.advice]
        assert f"| {' | '.join(cells)} |" in page
