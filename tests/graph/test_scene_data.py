"""A drawing as data: everything in its place, whatever the numbers are; what stands for what."""

import json
import re

import pytest
import torch
from torch import nn

from profundo.graph import parse, trace, view
from profundo.graph.drawings.scene_data import scene_data
from profundo.records import ProfundoError


def scene_of(text, values, **options):
    return scene_data(view(parse(text, values), values), **options)


def net_graph():
    inner = nn.Sequential(nn.Linear(4, 3), nn.Tanh())
    return trace(nn.Sequential(inner, nn.Linear(3, 2)), torch.ones(1, 4))


def test_places_depend_on_the_graph_and_not_on_its_numbers():
    small = scene_of("(a+b)*3*b", {"a": 5, "b": 3})
    assert small == scene_of("(a+b)*3*b", {"a": -123456.789, "b": 1e-7})
    assert small != scene_of("(a+b)*4*b", {"a": 5, "b": 3})


def test_boxes_stand_apart_in_the_order_of_the_computation():
    scene = scene_of("u = a+b; v = 3b; u*v", {"a": 5, "b": 3})
    order = [box["result"] for box in scene["boxes"]]
    assert order.index("u") < order.index("f") > order.index("v")
    assert {box["name"]: box["nodes"] for box in scene["boxes"]}["node u"] == ["u"]
    for one in scene["boxes"]:
        assert one["width"] / 2 <= one["x"] <= scene["width"] - one["width"] / 2
        for other in scene["boxes"]:
            apart = max(
                abs(one["x"] - other["x"]) - (one["width"] + other["width"]) / 2,
                abs(one["y"] - other["y"]) - (one["height"] + other["height"]) / 2,
            )
            assert one is other or apart > 0


def test_edges_go_from_box_to_box_and_name_their_uses():
    graph = view(parse("u = a+b; u*u"), {"a": 5, "b": 3})
    scene = scene_data(graph)
    boxes = {box["name"]: box for box in scene["boxes"]}
    assert sorted(use for edge in scene["edges"] for use in edge["uses"]) == sorted(graph.flows)
    for edge in scene["edges"]:
        x, y = map(float, edge["head"].split(" ")[0].split(","))
        target = boxes[edge["target"]]
        assert abs(x - target["x"]) <= target["width"] / 2 + 1
        assert abs(y - target["y"]) <= target["height"] / 2 + 1
        start = [float(number) for number in re.findall(r"-?[\d.]+", edge["path"])[:2]]
        assert start[0] == pytest.approx(boxes[edge["source"]]["x"] + boxes[edge["source"]]["width"] / 2, abs=4)


def test_numbers_are_not_written_in_boxes_but_constants_are():
    scene = scene_of("(a+b)*3*b", {"a": 5, "b": 7})
    words = [line["text"] for box in scene["boxes"] for line in (*box["inside"], *box["above"])]
    assert "3" in words
    assert not {"5", "7"} & set(words)


def test_modules_open_and_close_by_their_path():
    graph = net_graph()
    folded = scene_data(graph, depth=1)
    assert [box["path"] for box in folded["boxes"] if box["path"]] == ["0", "1"]
    assert "0" in folded["parts"]
    opened = scene_data(graph, depth=1, open=["0"])
    assert [frame["path"] for frame in opened["frames"]] == ["0"]
    assert {box["frame"] for box in opened["boxes"] if box["path"].startswith("0.")} == {"0"}
    with pytest.raises(ProfundoError, match="no part 'nothing'"):
        scene_data(graph, open=["nothing"])


def test_a_narrow_place_breaks_a_long_drawing_into_lines():
    wide, narrow = (scene_of("sin(sin(sin(sin(sin(x)))))", {"x": 1}, room=room) for room in ((3000, 300), (400, 700)))
    assert narrow["width"] < wide["width"]
    assert narrow["height"] > wide["height"]


def test_all_of_it_is_plain_data():
    json.dumps(scene_data(net_graph()), allow_nan=False)
