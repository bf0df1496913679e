"""What is drawn of the activations, and the command that lists and draws them."""

import json
import sys
from pathlib import Path

import pytest
import torch

from profundo.cli import main
from profundo.inspect.activation_page import activations_page, listed, sampled
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


def test_the_page_has_all_of_them():
    page = activations_page()
    for one in ACTIVATIONS.values():
        assert f'<section id="{one.name}"' in page


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
