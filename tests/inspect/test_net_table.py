"""`profundo nets NAME`: the table of a net, against published sizes, and what it refuses."""

import json
import sys

import pytest
from torch import nn

import profundo as pf
from profundo.cli import main
from profundo.inspect.net_table import summary, tabulated
from profundo.records import ProfundoError


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("vgg16", 138_357_544),
        ("resnet50", 25_557_032),
        ("alexnet", 61_100_840),
        ("lenet5_1998", 60_000),
        ("resnet", 269_722),
    ],
)
def test_nets_are_shown_for_what_they_were_made_for(name, parameters):
    assert tabulated(name).parameters == parameters


def test_inputs_and_data_decide_the_sizes():
    small = tabulated("resnet18", inputs="3x32x32")
    assert (small.inputs, small.outputs) == ((3, 32, 32), 10)
    iris = tabulated("mlp", data="iris")
    assert (iris.inputs, iris.outputs) == ((4,), 3)
    assert [row.field for row in iris.layers] == [None] * 3
    assert tabulated("mlp", inputs="13").inputs == (13,)


def test_a_net_of_ones_own_is_shown_for_a_spec_or_for_data():
    data = pf.load("iris")
    net = nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Dropout(), nn.Linear(7, 3)).train()
    shown = pf.summary(net, data.spec)
    assert shown == summary(net, data)
    assert (shown.parameters, shown.flops) == (4 * 7 + 7 + 7 * 3 + 3, 2 * 4 * 7 + 7 + 2 * 7 * 3)
    assert net.training
    assert "<pre>Sequential for inputs 4 and 3 outputs" in shown._repr_html_()
    with pytest.raises(ProfundoError):
        pf.summary(nn.Linear(5, 3), data.spec)


def test_the_text_lines_up_and_ends_with_totals():
    said = str(tabulated("lenet5"))
    first, _, heads, *rows, total = said.splitlines()
    assert first == "lenet5 for inputs 1×28×28 and 10 outputs: 61,706 parameters, 846 k FLOPs a sample"
    place = heads.index("receptive field")
    assert [row[place:] for row in rows][:4] == ["5×5", "5×5", "6×6", "14×14"]
    assert total.split() == ["total", "61,706", "845,852"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "lenet"}, "did you mean lenet5"),
        ({"name": "resnet", "inputs": "13"}, "use mlp or linear"),
        ({"name": "mlp", "inputs": "3x"}, "such as 3x32x32"),
        ({"name": "mlp", "inputs": "0x3"}, "got 0"),
        ({"name": "mlp", "inputs": "99999x99999"}, "from 1 to 100,000,000"),
        ({"name": "mlp", "inputs": "3", "data": "iris"}, "not with data"),
    ],
)
def test_mistakes_are_explained(options, words):
    with pytest.raises(ProfundoError, match=words):
        tabulated(**options)


def test_the_command_speaks_json_and_still_lists_the_names(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["profundo", "nets", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capsys.readouterr()

    code, out, _ = call("lenet5", "--input", "1x28x28", "--json")
    said = json.loads(out)
    assert code == 0
    assert said["totals"] == {"parameters": 61_706, "flops": 845_852}
    assert said["layers"][0] == {
        "name": "c1", "kind": "Conv2d", "shape": [6, 28, 28], "parameters": 156, "flops": 235_200, "field": [5, 5],
    }  # fmt: skip
    assert said["layers"][-1]["field"] == "whole"
    code, out, _ = call()
    assert (code, out.split()[0]) == (0, "linear")
    code, out, err = call("--input", "3x32x32")
    assert (code, out) == (1, "")
    assert "say which net" in err
