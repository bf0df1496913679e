"""What the graph's page asks: the courses' numbers, the library's own values, and one line for what cannot be."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import profundo as pf
from profundo.graph import compare, parse, view
from profundo.lab.calls import answered
from profundo.lab.desks import Desk, Lab
from profundo.lab.messages import encoded
from profundo.lab.rooms.graph_room import STEPS, steps_for
from profundo.lab.rooms.graph_tracing import NETS
from profundo.lab.rooms.room_calls import CALLS
from profundo.nets.activations import ACTIVATIONS
from profundo.records import ProfundoError

SOURCE = (Path(__file__).parents[2] / "web/src/rooms/graph/examples.ts").read_text(encoding="utf-8")
EXAMPLES = re.findall(r'formula: "([^"]+)", values: ({[^}]*})', SOURCE)
assert len(EXAMPLES) == SOURCE.count('{ id: "')
COURSE = {"text": "(a+b)*3*b", "values": {"a": 5, "b": 3}}


@pytest.fixture
def desk(tmp_path):
    for name in ("runs", "uploads"):
        (tmp_path / name).mkdir()
    return Desk(Lab(tmp_path / "runs", tmp_path / "uploads"), "visitor", "a desk")


@pytest.fixture
def ask(desk):
    def answer(call_name, **given):
        call = CALLS[f"graph.{call_name}"]
        assert not call.changes
        made = answered(call_name, call, desk, given)
        encoded({"answer": made})  # it can be sent
        return made

    return answer


def nodes(answer):
    return {node["name"]: node for node in answer["graph"]["nodes"]}


def test_the_course_example_has_its_values_and_gradients(ask):
    answer = ask("formula", **COURSE, by="b")
    found = nodes(answer)
    assert {name: found[name]["value"]["item"] for name in "abuvf"} == {"a": 5, "b": 3, "u": 8, "v": 9, "f": 72}
    assert {name: found[name]["gradient"]["item"] for name in "abuvf"} == {"a": 9, "b": 33, "u": 9, "v": 8, "f": 1}
    made = answer["derivation"]
    assert (made["value"], made["count"]) == (33, 2)
    assert [path["value"] for path in made["paths"]] == [9, 24]
    assert answer["numbers"] == {"u": "5 + 3", "v": r"3 \cdot 3", "f": r"8 \cdot 9"}
    last = next(step for step in answer["sweep"] if step["name"] == "b")
    assert [(term["user"], term["outer"], term["local"], term["value"]) for term in last["terms"]] == [
        ("u", 9, 1, 9),
        ("v", 8, 3, 24),
    ]


@pytest.mark.parametrize(("text", "values"), EXAMPLES)
def test_every_example_of_the_page_is_drawn_and_derived(ask, text, values):
    answer = ask("formula", text=text, values=json.loads(re.sub(r"(\w+):", r'"\1":', values)))
    assert math.isfinite(nodes(answer)["f"]["value"]["item"])
    assert answer["derivation"] is not None


def test_nothing_is_derived_by_a_constant(ask):
    edges = ask("formula", text="x^2", values={"x": -1})["graph"]["edges"]
    assert [(one["from"], one.get("local")) for one in edges] == [("x", -2), ("2", None)]  # by 2 it would be ln(−1)


def test_variables_without_a_value_begin_at_one_and_others_are_left_out(ask):
    answer = ask("formula", text="w*x + b", values={"w": 2, "nobody": [1, 2]})
    assert [(one["name"], one["value"]) for one in answer["variables"]] == [("w", 2), ("x", 1), ("b", 1)]
    assert nodes(answer)["f"]["value"]["item"] == 3


def test_softmax_and_cross_entropy_have_the_gradient_p_minus_y(ask):
    z = [2.0, 1.0, 0.1]
    answer = ask("formula", text="y = [0, 1, 0]; p = softmax(z); -sum(y*log(p))", values={"z": z})
    p = np.exp(z) / np.exp(z).sum()
    assert nodes(answer)["z"]["gradient"]["entries"] == pytest.approx(p - [0, 1, 0])
    assert nodes(answer)["f"]["value"]["item"] == pytest.approx(-math.log(p[1]))
    assert {one["node"] for one in answer["handed"]} >= {"p"}


def test_the_three_ways_are_those_of_the_library(ask):
    values = {"a": 5.0, "b": 3.0}
    answer = ask("ways", text=COURSE["text"], values=values, exponent=-3.0)
    ours = compare(parse(COURSE["text"], values), values)
    assert [row["way"] for row in answer["rows"]] == [row.way for row in ours.rows]
    for row in answer["rows"]:
        assert row["gradients"] == [float(one) for one in ours[row["way"]].derivatives.gradients.values()]
        assert row["operations"] == ours[row["way"]].derivatives.operations
    assert answer["formulas"]["latex"] == {"a": r"3 \cdot b", "b": r"3 \cdot a + 6 \cdot b"}
    forward = answer["differences"][0]
    f = lambda a, b: (a + b) * 3 * b  # noqa: E731 - as it is written
    assert forward["gradients"][1] == pytest.approx((f(5, 3.001) - f(5, 3)) / 0.001, abs=1e-9)
    assert forward["error"] == pytest.approx(0.003, rel=1e-3)  # h·f''/2 = 0.001·6/2
    assert forward["errors"] == pytest.approx([0, 0.003], rel=1e-3, abs=1e-9)  # f is linear in a


def test_the_error_of_differences_is_a_v(ask):
    answer = ask("curve", text="exp(x)*sin(x)", values={"x": 1})
    steps = np.array(answer["steps"])
    central = next(one for one in answer["curves"] if (one["differences"], one["precision"]) == ("central", "float64"))
    logs = np.log10(np.maximum(central["errors"], 1e-18))
    right, left = (steps >= 1e-3) & (steps <= 1e-1), steps <= 1e-8
    assert np.polyfit(np.log10(steps[right]), logs[right], 1)[0] == pytest.approx(2, abs=0.1)
    assert np.polyfit(np.log10(steps[left]), logs[left], 1)[0] == pytest.approx(-1, abs=0.3)


def test_the_curve_of_many_numbers_has_fewer_steps_and_of_too_many_none(ask):
    assert steps_for(4) == STEPS
    for entries in (30, 50, 80):
        assert 15 <= len(steps_for(entries)) <= 1200 / entries + 1
    with pytest.raises(ProfundoError, match="expected at most 80 numbers for this curve, got 576"):
        ask("curve", text="sum(tanh(A B C D))", values={name: [[0.1] * 12] * 12 for name in "ABCD"})


def test_the_course_matrices_and_a_layer(ask):
    left, right = [[2, 5, 2], [1, 0, -2], [3, 1, 1]], [[-2, 1, 0], [-2, 2, 1], [0, 0, 3]]
    answer = ask("product", left=left, right=right)
    assert answer["result"] == [[-14, 12, 11], [-2, 1, -6], [-8, 5, 4]]
    assert np.array_equal(np.sum(answer["terms"], axis=-1), np.array(left) @ right)
    assert answer["steps"][0][1] == "c₁₂ = 2·1 + 5·2 + 2·0 = 12"
    layer = ask("product", left=[[1, -2]], right=[[3, 0], [1, 4]], bias=[0.5], activation="relu")
    assert layer["result"] == [[1.5, -7.5]]
    assert layer["activated"] == [[1.5, 0]]


def test_activations_move_along_their_curves(ask):
    known = ask("activations")["activations"]
    assert [one["name"] for one in known] == [*ACTIVATIONS]
    point = ask("activation", name="logistic", at=1.0)
    sigmoid = 1 / (1 + math.exp(-1))
    assert (point["value"], point["slope"]) == pytest.approx((sigmoid, sigmoid * (1 - sigmoid)))
    one = next(one for one in known if one["name"] == "logistic")
    assert float(np.interp(1.0, one["places"], one["values"])) == pytest.approx(sigmoid, abs=1e-4)


def test_a_net_is_traced_on_the_sample_that_is_asked_for(ask):
    answer = ask("net", net="digits-lenet5", sample=3)
    shown = ask("inside", net="digits-lenet5", sample=3, node="input")
    digits = pf.load("digits")
    pixels = digits.train.inputs[3].float().squeeze()
    drawn = shown["value"].squeeze()
    scaled = (drawn - drawn.min()) / (drawn.max() - drawn.min())
    assert torch.allclose(scaled, (pixels - pixels.min()) / (pixels.max() - pixels.min()), atol=1e-5)
    assert {"c1", "c3", "output"} <= {box["path"] for box in answer["scene"]["boxes"]}
    assert "entries" not in json.dumps(answer["graph"])
    other = ask("inside", net="digits-lenet5", sample=4, node="input")["value"].squeeze()
    assert not torch.equal(other, drawn)
    part = answer["scene"]["parts"][0]
    opened = ask("net", net="digits-lenet5", sample=3, open=[part])
    assert [frame["path"] for frame in opened["scene"]["frames"]] == [part]


def test_gradients_of_a_net_are_those_of_autograd(ask):
    """By the input and a weight of a net made anew, with the cost of its data, dropout off."""
    answer = ask("net", net="iris-linear", sample=7)
    shown = ask("inside", net="iris-linear", sample=7, node="0.weight")
    iris = pf.load("iris")
    torch.manual_seed(0)
    weight = shown["value"][0].clone().requires_grad_()
    bias = ask("inside", net="iris-linear", sample=7, node="0.bias")["value"].flatten()
    x = ask("inside", net="iris-linear", sample=7, node="input")["value"].flatten()
    cost = torch.nn.functional.cross_entropy((weight @ x + bias)[None], iris.train.targets[7:8].flatten())
    (gradient,) = torch.autograd.grad(cost, weight)
    assert torch.allclose(shown["gradient"][0], gradient, atol=1e-6)
    assert nodes(answer)[answer["graph"]["of"]]["value"]["item"] == pytest.approx(cost.item(), rel=1e-5)


@pytest.mark.parametrize("name", NETS)
def test_every_net_that_is_offered_can_be_traced(ask, name):
    answer = ask("net", net=name)
    assert nodes(answer)[answer["graph"]["of"]]["value"]["item"] > 0


def test_runs_are_those_of_the_folder_and_nothing_else(ask, desk, tmp_path):
    run = pf.fit("mlp", "iris", epochs=1, out=tmp_path / "elsewhere")
    (desk.lab.runs / "linked").symlink_to(tmp_path / "elsewhere")
    assert ask("nets")["runs"] == []
    for name in ("run:linked", "run:../elsewhere", "run:", "run:.", f"run:{tmp_path / 'elsewhere'}", "/etc/passwd"):
        with pytest.raises(ProfundoError, match="expected one of"):
            ask("net", net=name)
    (tmp_path / "elsewhere").rename(desk.lab.runs / "iris-1")
    assert ask("nets")["runs"] == ["iris-1"]
    weights = next(run.net.parameters()).detach()
    shown = ask("inside", net="run:iris-1", node="0.weight")
    assert torch.allclose(shown["value"][0], weights[:64, :64].cpu())


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("formula", {"text": "(a+"}, "character 4"),
        ("formula", {"text": "__import__('os')"}, "character 1"),
        ("formula", {"text": "2+3"}, "is a number"),
        ("formula", {"text": "a+" * 400 + "a"}, "at most 300 steps"),
        ("formula", {"text": "a" * 2001}, "2,000 characters"),
        ("formula", {"text": "a", "values": {"a": [[1], [1, 2]]}}, "rows of one length"),
        ("formula", {"text": "a", "values": {"a": float("nan")}}, "finite number"),
        ("formula", {"text": "a", "values": {"a": 1e300}}, "at most 1,000,000"),
        ("formula", {"text": "a", "values": {"a": [0.0] * 13}}, "values.a"),
        ("formula", {"text": "inv(A)", "values": {"A": [[1, 2], [2, 4]]}}, "cannot be computed"),
        ("formula", {"text": 5}, "expected a text"),
        ("formula", {"text": "a", "room": [1, 1]}, "at least 200"),
        ("ways", {"text": "a", "exponent": 3.0}, "at most 0"),
        ("ways", {"text": "x*2", "values": {"x": [1, 2]}}, "single fraction"),
        ("product", {"left": [[1]], "right": [[1], [2]]}, "as many columns"),
        ("product", {"left": [[1, 2], [3]], "right": [[1]]}, "rows of one length"),
        ("product", {"left": [[1]], "right": [[1]], "activation": "maxout"}, "weights of its own"),
        ("activation", {"name": "nn.ReLU", "at": 1.0}, "expected one of"),
        ("net", {"net": "iris-mlp", "sample": 10**6}, "training samples"),
        ("net", {"net": "iris-mlp", "open": ["nothing"]}, "no part 'nothing'"),
        ("inside", {"net": "iris-mlp", "node": "nothing"}, "no node 'nothing'"),
    ],
)
def test_what_cannot_be_is_one_line(ask, name, given, said):
    with pytest.raises(ProfundoError, match=said) as told:
        ask(name, **given)
    assert "\n" not in str(told.value)


def test_what_has_no_number_can_be_sent_all_the_same(ask):
    answer = ask("formula", text="log(a)/b", values={"a": -1, "b": 0})
    assert nodes(answer)["f"]["value"]["item"] == "nan"
    assert view(parse("log(a)/b"), {"a": -1, "b": 0}).notes == tuple(answer["graph"]["notes"])


@pytest.mark.parametrize(
    ("text", "values", "says"),
    [
        ("log(x)", {"x": -1.0}, "f = log(x) es NaN en x = −1: solo los números mayores que 0 tienen logaritmo"),
        ("x/y", {"x": 0.0, "y": 0.0}, "f = x / y es NaN en x = 0, y = 0: no se puede dividir por 0"),
        ("sqrt(x)", {"x": 0.0}, "todos los valores son finitos, y el gradiente respecto de x es ∞"),
    ],
)
def test_what_is_no_number_is_remarked_in_every_language(ask, text, values, says):
    [note] = ask("formula", text=text, values=values)["graph"]["notes"]
    assert note.everywhere["es"] == says
