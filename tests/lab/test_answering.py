"""Answers in the form that was asked for, valid whatever a network says."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profundo.lab.answering import as_csv, as_json, preferred
from profundo.lab.limits import Refusal
from profundo.records import Targets
from served import NASTY


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV; header=present", "text/csv"),
        ("text/*", "text/csv"),
        ("text/csv, application/json", "application/json"),
        ("text/csv, application/json;q=0.9", "text/csv"),
        ("text/csv;q=0.5, */*;q=0.1", "text/csv"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("application/json;q=0, */*", "text/csv"),
        ("text/csv;q=nonsense, application/json;q=0.1", "application/json"),
        (",,;q=1,", None),
        ("text/html", None),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        ("application/x-pickle", None),
    ],
)
def test_the_form_with_the_larger_weight_is_chosen(accept, form):
    if form is None:
        with pytest.raises(Refusal) as caught:
            preferred(accept)
        assert caught.value.status == 406
    else:
        assert preferred(accept) == form


@given(st.text(max_size=60))
def test_any_accept_header_is_answered_or_refused(accept):
    assert outcome(lambda: preferred(accept)) in ("application/json", "text/csv", 406)


def outcome(work):
    """What it returns, or the status of its refusal."""
    try:
        return work()
    except Refusal as refusal:
        return refusal.status


def strict(body):
    def fail(text):
        raise AssertionError(text)

    return json.loads(body, parse_constant=fail)


def test_numbers_that_json_lacks_become_null():
    told = {"predictions": [{"a": float("nan"), "b": [float("inf"), 1.0], "c": (2,)}]}
    assert strict(as_json(told)) == {"predictions": [{"a": None, "b": [None, 1.0], "c": [2]}]}


def test_any_name_becomes_valid_json_in_utf8():
    told = {name: name for name in (*NASTY, "\x00", "\ud800")}
    assert strict(as_json(told).decode("utf-8")) == {name: name for name in (*NASTY, "\x00", "?")}


def table(predictions, targets):
    return list(csv.reader(io.StringIO(as_csv(predictions, targets).decode(), newline="")))


def test_classes_become_columns_of_csv_whatever_their_names():
    names = (*NASTY, 'a"b', "c,d", "e\nf")
    shares = {name: 1 / len(names) for name in names}
    one = {"input": "i,1", "prediction": names[0], "probability": 1 / 7, "probabilities": shares}
    header, *lines = table([one, one], Targets("classes", names))
    assert header == ["input", "prediction", "probability", *(f"P({name})" for name in names)]
    assert len(lines) == 2
    assert lines[0][:2] == ["i,1", names[0]]
    assert [float(value) for value in lines[0][3:]] == list(shares.values())


def test_numbers_and_labels_become_csv_too():
    assert table([{"input": "row 1", "prediction": 1.5}], Targets("real")) == [
        ["input", "prediction"],
        ["row 1", "1.5"],
    ]
    pair = [{"input": "row 1", "prediction": [1.5, 2.5]}]
    assert table(pair, Targets("real", names=("x", "y"))) == [["input", "x", "y"], ["row 1", "1.5", "2.5"]]
    labels = Targets("labels", ("a", "b"))
    two = [{"input": "x", "prediction": ["a", "b"], "probabilities": {"a": 0.9, "b": 0.8}}]
    assert table(two, labels) == [["input", "prediction", "P(a)", "P(b)"], ["x", "a; b", "0.9", "0.8"]]
    assert table([{"input": "x", "prediction": []}], labels)[1] == ["x", ""]
