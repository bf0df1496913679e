"""Settings go through an address and come back; whatever else an address holds is told in one line."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from profundo.data.sets.plane_points import PLANE_SETS, draw_points
from profundo.nets.weight_schemes import WEIGHT_SCHEMES, begin_with_
from profundo.playground.plane_samples import plane_samples
from profundo.playground.playground_settings import FIELDS, OWN, PlaygroundSettings, new_settings
from profundo.playground.queries import from_query, kept_of_query, to_query
from profundo.playground.setting_kinds import Choice, Number, Pairs, Points, Several, Words
from profundo.records import ProfundoError


def values(kind):
    """What a setting of this kind may hold."""
    if isinstance(kind, Choice):
        return st.sampled_from(list(kind.options))
    if isinstance(kind, Number):
        numbers = st.integers(int(kind.low), int(kind.high)) if kind.whole else st.floats(kind.low, kind.high)
        usable = numbers.filter(lambda one: one != kind.low) if kind.above else numbers
        return st.none() | usable if kind.optional else usable
    if isinstance(kind, Several):
        of = kind.of.options if isinstance(kind.of, Choice) else None
        each = st.sampled_from(list(of)) if of else st.integers(int(kind.of.low), int(kind.of.high))
        return st.lists(each, min_size=kind.least, max_size=kind.most, unique=kind.distinct)
    if isinstance(kind, Points):
        near = st.floats(-20, 20)
        return st.lists(st.tuples(near, near, st.integers(0, 7)), max_size=6)
    if isinstance(kind, Words):
        return st.lists(st.text(min_size=1, max_size=9).filter(str.isprintable), max_size=kind.most)
    assert isinstance(kind, Pairs)
    return st.lists(st.tuples(st.floats(-9, 9), st.floats(0.1, 9)), max_size=3)


SOME = st.fixed_dictionaries({}, optional={name: values(about.kind) for name, about in FIELDS.items()})


def made_or_told(make):
    """The settings, or the one line that says what is wrong with them."""
    try:
        return make()
    except ProfundoError as error:
        (line,) = str(error).splitlines()
        return line


@settings(max_examples=150, deadline=None, derandomize=True)
@given(SOME)
def test_settings_come_back_from_their_address(some):
    asked = made_or_told(lambda: new_settings(**some))
    if isinstance(asked, str):  # settings that do not go together
        return
    query = to_query(asked)
    assert from_query(query) == asked
    assert from_query(f"?{query}") == asked
    assert query.isascii()
    assert " " not in query


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(max_size=40) | st.tuples(st.sampled_from(list(FIELDS)), st.text(max_size=20)).map("=".join))
def test_any_other_address_is_told_in_one_line(text):
    found = made_or_told(lambda: from_query(text))
    assert isinstance(found, PlaygroundSettings) or len(found) < 700


def test_an_address_holds_only_what_is_not_usual():
    assert to_query(new_settings()) == ""
    assert to_query(new_settings(data="spiral", hidden=(8, 8), learning_rate=0.1)) == (
        "data=spiral&hidden=8,8&learning_rate=0.1"
    )
    assert to_query(new_settings(batch_size="all", hidden=())) == "hidden=none&batch_size=all"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("data=spirl", "data: expected a name, nearest: spiral"),
        ("noise=51", "noise: expected a number from 0 to 50; got '51'|got 51"),
        ("noise=nan", "noise: expected a number"),
        ("train_share=0", "above 0 and at most 1"),
        ("hidden=3.5", "whole number"),
        ("hidden=1,1,1,1,1,1,1", "0 to 6 values"),
        ("features=none", "1 to 7 values"),
        ("features=x1,x1", "each at most once"),
        ("activation=maxout", "known: linear, logistic"),
        ("activation=tanh,relu,elu", "one for each of 2 hidden layers, got 3"),
        ("data=plane&loss=bernoulli", "gaussian or laplace or huber for values"),
        ("data=blobs&loss=hinge", "categorical for 3 classes"),
        ("data=plane&task=classification", "plane is no classification; .*circle"),
        ("data=plane&stop_accuracy=0.9", "no accuracy; use stop_loss"),
        ("data=points", "two points or more"),
        ("data=points&points=1:2:0;1:2", "three numbers"),
        ("data=points&points=1:2:0.5;1:2:0&task=classification", "classes 0 to 7"),
        ("seed=1&seed=2", "stands twice"),
        ("learning-rate=1", "nearest: learning_rate"),
        ("x" * 300_000, "at most 200,000 characters"),
    ],
)
def test_a_bad_value_is_named_with_what_may_stand_there(query, told):
    with pytest.raises(ProfundoError, match=told):
        from_query(query)


def test_the_door_is_as_narrow_in_python():
    for given_settings in ({"hidden": "4"}, {"noise": True}, {"samples": 10.0}, {"points": "1:2:0"}, {"nois": 1}):
        with pytest.raises(ProfundoError):
            new_settings(**given_settings)
    assert new_settings(samples=np.int64(10), learning_rate=np.float32(0.5)).samples == 10


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        new_settings().noise = 3.0


# ------------------------------------------------------------------------------------------------------------- points
@pytest.mark.parametrize("name", PLANE_SETS)
def test_points_are_in_the_plane_shared_out_by_class_and_drawn_by_the_seed(name):
    points, targets = draw_points(name, 301, 0.0, 3)
    assert points.shape == (301, 2)
    assert points.abs().max() < (7.5 if name in ("gauss", "blobs") else 6.001)
    again, other = draw_points(name, 301, 0.0, 3)[0], draw_points(name, 301, 0.0, 4)[0]
    assert points.equal(again)
    assert not points.equal(other)
    if PLANE_SETS[name].classes:
        counts = torch.bincount(targets)
        assert len(counts) == PLANE_SETS[name].classes
        assert counts.max() - counts.min() <= 1
    else:
        assert targets.abs().max() <= 1.01


def test_points_without_noise_follow_their_formula():
    (points, label), radius = draw_points("circle", 400, 0, 1), None
    radius = points.norm(dim=1)
    assert radius[label == 1].max() < 2.51
    assert radius[label == 0].min() > 3.49
    points, label = draw_points("xor", 400, 0, 1)
    assert ((points.prod(1) > 0) == (label == 1)).all()
    assert points.abs().min() >= 0.3
    points, label = draw_points("checkerboard", 400, 0, 1)
    field = ((points + 5) / 2.5).floor()
    assert (field.sum(1) % 2 == label).all()
    points, value = draw_points("wave", 400, 0, 1)
    torch.testing.assert_close(value, points[:, 0] * points[:, 0].sin() / 5)
    for name, formula in (
        ("sine", torch.sin),
        ("step", lambda x: (x >= 0) * 2.0 - 1),
        ("absolute", lambda x: x.abs() / 3 - 1),
    ):
        points, value = draw_points(name, 400, 0, 1)
        torch.testing.assert_close(value, formula(points[:, 0]))
    points, value = draw_points("multi_gauss", 4000, 0, 1)
    top = points[value.argmax()]
    assert min((top - torch.tensor(hill)).norm() for hill in ((-4.0, 2.5), (4.0, 2.5), (0.0, -2.5))) < 0.3


def test_noise_moves_points_by_what_it_says_and_leaves_their_class():
    points, label = draw_points("moons", 4000, 0, 5)
    moved, same = draw_points("moons", 4000, 20, 5)
    paired = {tuple(one): two for one, two in zip(points.tolist(), label.tolist(), strict=True)}
    assert len(paired) == 4000
    assert torch.bincount(same).tolist() == [2000, 2000]
    assert float((moved.square().sum() - points.square().sum()) / 8000) == pytest.approx(0.5**2, rel=0.15)


def test_own_points_are_mixed_before_they_are_divided_and_keep_their_values():
    own = [(float(k), -float(k), k % 2) for k in range(10)]
    data = plane_samples(new_settings(data=OWN, points=own, train_share=0.7))
    assert (len(data.train), len(data.test)) == (7, 3)
    both = torch.cat((data.train.inputs, data.test.inputs))[:, 0]
    assert sorted(both.tolist()) == list(range(10))
    assert both.tolist() != sorted(both.tolist())
    assert (data.train.targets == data.train.inputs[:, 0].long() % 2).all()
    values = plane_samples(new_settings(data=OWN, points=[(0, 0, 0.5), (1, 1, -0.5), (2, 2, 1)]))
    assert values.spec.targets.kind == "real"
    assert plane_samples(new_settings(data=OWN, points=own, task="regression")).train.targets.shape == (5, 1)


# ------------------------------------------------------------------------------------------------------- first weights
@pytest.mark.parametrize(
    ("scheme", "deviation"),
    [
        ("glorot", (2 / 500) ** 0.5),
        ("he", (2 / 200) ** 0.5),
        ("lecun", 200**-0.5),
        ("torch", (200 * 3) ** -0.5),
        ("uniform", 12**-0.5),
        ("large", 3.0),
        ("small", 0.001),
        ("zeros", 0.0),
    ],
)
def test_first_weights_have_the_deviation_of_their_formula(scheme, deviation):
    layer = torch.nn.Linear(200, 300)
    begin_with_(layer, scheme, 0)
    assert layer.weight.std().item() == pytest.approx(deviation, rel=0.02)
    assert layer.bias.abs().max().item() <= (0.1001 if scheme in ("torch", "uniform") else 0)


def test_every_scheme_is_tried():
    assert len(WEIGHT_SCHEMES) == 8


def test_of_a_query_the_right_parts_are_kept_and_each_wrong_one_is_named():
    settings, faults = kept_of_query("data=spiral&noise=999&hidden=3&epochs=7")
    assert to_query(settings) == "data=spiral&hidden=3&epochs=7"
    assert [str(one).split(":")[1].strip() for one in faults] == ["noise"]
    settings, faults = kept_of_query("task=regression&data=spiral&epochs=7")  # each can be, both together cannot
    assert to_query(settings) == "task=regression&epochs=7" or to_query(settings) == "data=spiral&epochs=7"
    assert len(faults) == 1
    settings, faults = kept_of_query("hidden=3,3&activation=tanh,relu,elu&stop_accuracy=0.9&data=plane&epochs=7")
    assert len(faults) == 2
    assert settings.epochs == 7
    assert kept_of_query("") == (from_query(""), [])


@pytest.mark.parametrize("name", ["data", "optimizer", "activation", "features", "loss", "schedule", "initialisation"])
def test_a_value_that_is_refused_does_not_stand_among_the_choices(name):
    with pytest.raises(ProfundoError) as caught:
        from_query(f"{name}=nope")
    choices, got = re.fullmatch(r".*known: (.*); got (.*)", str(caught.value)).groups()
    assert "nope" not in choices
    assert got == "'nope'"
