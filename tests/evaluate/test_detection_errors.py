"""TIDE's errors against what its own code found, and by hand."""

import json
import math
from pathlib import Path

import pytest
import torch

from profundo.boxes import Detections, Objects
from profundo.evaluate.objects.detection_errors import ERRORS, detection_errors
from profundo.evaluate.objects.judged_scenes import scenes

KEPT = json.loads((Path(__file__).parent / "tide_figures.json").read_text("utf-8"))
A, B = (0, 0, 100, 100), (200, 0, 300, 100)


def seen(found, there):
    """One image; of detections (box, class, score), of objects (box, class)."""

    def parts(rows, width):
        table = torch.tensor([[*box, *others] for box, *others in rows], dtype=torch.float64).reshape(-1, width)
        return table[:, :4].float(), table[:, 4].long(), table[:, 5:].flatten()

    boxes, classes, scores = parts(found, 6)
    places, kinds, _ = parts(there, 5)
    return scenes([Detections(boxes, classes, scores)], [Objects(places, kinds, torch.zeros(len(kinds)).bool())])


@pytest.mark.parametrize("case", KEPT["cases"])
def test_errors_are_those_that_tide_found(case):
    tables = [
        [torch.tensor(one, dtype=torch.float64).reshape(-1, width) for one in case[name]]
        for name, width in (("found", 6), ("there", 5))
    ]
    found = [Detections(one[:, :4].float(), one[:, 4].long(), one[:, 5]) for one in tables[0]]
    there = [Objects(one[:, :4].float(), one[:, 4].long(), torch.zeros(len(one)).bool()) for one in tables[1]]
    result = detection_errors(scenes(found, there), case["classes"])
    assert [result.ap, *result.costs.values()] == pytest.approx(case["figures"], abs=1e-6)
    assert list(result.counts.values()) == case["counts"]


@pytest.mark.parametrize(
    ("detection", "kind"),
    [
        ((A, 1, 0.5), "class"),
        (((0, 0, 100, 40), 0, 0.5), "place"),
        (((0, 0, 100, 40), 1, 0.5), "both"),
        ((A, 0, 0.5), "double"),
        (((400, 0, 500, 9), 0, 0.5), "background"),
    ],
)
def test_a_wrong_detection_is_of_one_kind(detection, kind):
    result = detection_errors(seen([(A, 0, 0.9), detection], [(A, 0), (B, 0)]), 2)
    assert {name for name, count in result.counts.items() if count} == {kind, "missed"}
    assert result.missed.tolist() == [False, True]


def test_what_an_error_of_place_means_is_not_missed_and_mending_it_finds_it():
    off = (200, 0, 300, 40)
    result = detection_errors(seen([(A, 0, 0.9), (off, 0, 0.8)], [(A, 0), (B, 0)]), 1)
    assert result.counts == dict.fromkeys(ERRORS, 0) | {"place": 1}
    assert result.ap + result.costs["place"] == pytest.approx(1)
    assert result.costs["missed"] == 0


def test_of_two_that_mean_the_same_object_the_surer_is_mended_and_the_other_goes():
    off = (200, 0, 300, 40)
    result = detection_errors(seen([(off, 0, 0.8), (off, 0, 0.9), (A, 0, 0.5)], [(A, 0), (B, 0)]), 1)
    assert result.ap + result.costs["place"] == pytest.approx(1)
    doubled = detection_errors(seen([(A, 0, 0.9), (A, 0, 0.8), (B, 0, 0.7)], [(A, 0), (B, 0)]), 1)
    assert doubled.ap + doubled.costs["double"] == pytest.approx(1)


def test_of_a_net_that_finds_nothing_all_is_missed():
    result = detection_errors(seen([], [(A, 0), (B, 0)]), 1)
    assert (result.ap, result.counts["missed"], result.costs["missed"]) == (0, 2, 1)
    assert math.isnan(detection_errors(seen([(A, 0, 0.5)], []), 1).ap)
