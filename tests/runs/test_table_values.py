"""Rows come back from their features as a person wrote them."""

import math
from dataclasses import replace

import pytest
import torch

from profundo.data.standard import deviations
from profundo.data.tables.columns import as_features, encoded
from profundo.nets.summary import summary
from profundo.records import Column, Inputs, Samples
from profundo.runs.first_layer import first_layer
from profundo.runs.table_values import column_rows, values_of

DAY = 86_400.0
COLUMNS = (
    Column("city", "category", ("Reus", "Porto", "Zürich")),
    Column("express", "category", ("no", "yes")),
    Column("size", "number"),
    Column("ordered", "date"),
    Column("seen", "date", has_time=True),
    Column("rating", "category", ("good", "bad")),
)
NAN = math.nan
ROWS = [
    [0, 0, 1.5, 18_000 * DAY, 19_000 * DAY + 3600 * 13 + 60 * 37, 0],
    [1, 1, 0.1, 18_401 * DAY, 19_123 * DAY + 60 * 59, 1],
    [2, 1, NAN, 18_402 * DAY, 19_124 * DAY, NAN],
    [0, 0, -2500, -3 * DAY, 10_957 * DAY + 3600 * 23, 1],
]


@pytest.fixture
def table():
    raw = Samples(torch.tensor(ROWS, dtype=torch.float64), torch.zeros(len(ROWS)))
    inputs, (rows,), _ = as_features(Inputs((6,), "features", columns=COLUMNS), raw)
    wide = rows.inputs.double()
    mean, std = tuple(wide.mean(0).tolist()), deviations(wide.std(0, correction=0).tolist())
    return replace(inputs, mean=mean, std=std), rows.inputs


def test_values_are_told_as_they_were_written(table):
    inputs, rows = table
    told = [[value.text for value in values_of(row, inputs)] for row in rows]
    assert told == [
        ["Reus", "no", "1.5", "2019-04-14", "2022-01-08 13:37", "good"],
        ["Porto", "yes", "0.1", "2020-05-19", "2022-05-11 00:59", "bad"],
        ["Zürich", "yes", "missing", "2020-05-20", "2022-05-12 00:00", "missing"],
        ["Reus", "no", "−2,500", "1969-12-29", "2000-01-01 23:00", "bad"],
    ]


def test_how_unusual_a_value_is_follows_the_training_rows(table):
    inputs, rows = table
    city, express, size, *_ = values_of(rows[3], inputs)
    assert city.deviations == pytest.approx(0.6745, abs=1e-3)  # half of the rows: the quartile of a normal distribution
    assert city.remark == "50.00\u00a0% of the rows"
    assert express.remark == "50.00\u00a0% of the rows"
    sizes = torch.tensor([1.5, 0.1, 0.1, -2500.0], dtype=torch.float64)  # the gap is filled with the median
    assert size.deviations == pytest.approx(((-2500 - sizes.mean()) / sizes.std(correction=0)).item(), rel=1e-5)
    assert size.remark == "1.7\u00a0σ below the mean"


def test_a_category_that_was_never_seen_says_so(table):
    inputs, _ = table
    new = torch.tensor([[0, 0, 1.5, 18_000 * DAY, 19_000 * DAY, 0]], dtype=torch.float64)
    levels = [("Lima", "x", "y"), *[column.levels for column in COLUMNS[1:]]]
    (row,) = encoded(inputs.columns, new, levels)
    value = values_of(row, inputs)[0]
    assert (value.text, value.deviations) == ("another", math.inf)


def test_plain_features_keep_their_names_and_numbers():
    inputs = Inputs((2,), "features", (1.0, 0.0), (2.0, 0.0), ("a", "b"))
    first, second = values_of(torch.tensor([7.0, 3.25]), inputs)
    assert (first.name, first.text, first.deviations) == ("a", "7", 3.0)
    assert (second.text, second.deviations, second.remark) == ("3.25", 0.0, "")  # a constant feature has no spread
    assert [value.name for value in values_of(torch.tensor([1.0, 2.0]), Inputs((2,), "features"))] == ["x1", "x2"]


def test_columns_tell_what_became_of_them_and_of_their_gaps(table):
    city, express, size, ordered, seen, rating = column_rows(table[0])
    assert city.becomes.startswith("a feature for each category: Reus (50.00")
    assert express.becomes.startswith("one yes or no")
    assert city.gaps == express.gaps == ordered.gaps == "none"
    assert size.gaps == "25.00\u00a0%; filled with the median, 0.1, and told by a feature of its own"
    assert rating.gaps == "25.00\u00a0%; told by a feature of its own"
    assert ("the day" in seen.becomes, "the day" in ordered.becomes) == (True, False)


def test_first_weights_of_an_image_net_become_pictures_with_grey_for_zero():
    inputs = Inputs((3, 8, 8), "image", (0.0,) * 3, (1.0,) * 3)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 100, 3), torch.nn.Flatten(), torch.nn.LazyLinear(2))
    net(torch.zeros(1, 3, 8, 8))
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].weight[70:, :, 1, 1] = -2.0
    found = first_layer(net, inputs, summary(net, inputs))
    assert (found.units, found.images.shape) == (100, (64, 3, 12, 12))
    strong = found.images[found.images.amin((1, 2, 3)) == 0]
    assert len(strong) == 30  # the strongest are among those shown
    assert strong[0, 0].unique().tolist() == [0, 128]


def test_a_net_whose_first_layer_does_not_read_the_input_shows_none():
    inputs = Inputs((4,), "features", (0.0,) * 4, (1.0,) * 4)
    net = torch.nn.Sequential(torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    assert first_layer(net, inputs, summary(net, inputs)) is None
