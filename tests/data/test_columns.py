"""Raw rows become features by what the training rows teach; scikit-learn's encoders are the independent source."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from profundo.data.tables.columns import MOST_LEVELS, as_features, encoded, feature_names, learned
from profundo.records import Column, Inputs, ProfundoError, Samples

NAN = float("nan")


def features(columns, train, rows=None):
    taught, kept = learned(columns, torch.tensor(train, dtype=torch.float64))
    assert kept.all()
    rows = torch.tensor(train if rows is None else rows, dtype=torch.float64)
    return encoded(taught, rows, [column.levels for column in columns]), feature_names(taught), taught


@pytest.mark.parametrize("more", [[], [[3.5]], [[3.5], [4.0]]])
def test_gaps_in_numbers_are_filled_by_the_training_median_and_told(more):
    train = [[1.0], [NAN], [5.0], [2.0], [NAN], [4.0], *more]
    made, names, _ = features([Column("age", "number")], train)
    reference = SimpleImputer(strategy="median", add_indicator=True).fit_transform(np.array(train))
    assert np.allclose(made.numpy(), reference)
    assert names == ("age", "age missing")


def test_categories_are_those_of_scikit_learns_one_hot_encoder():
    levels = ("blue", "green", "red")
    train, rows = [[0.0], [2.0], [2.0], [1.0]], [[1.0], [0.0], [2.0]]
    made, names, _ = features([Column("colour", "category", levels)], train, rows)
    encoder = OneHotEncoder(sparse_output=False).fit([[levels[int(row[0])]] for row in train])
    assert np.array_equal(made.numpy(), encoder.transform([[levels[int(row[0])]] for row in rows]))
    assert names == ("colour = blue", "colour = green", "colour = red")


def test_two_categories_are_one_feature_and_an_unknown_one_none():
    column = Column("smokes", "category", ("no", "yes"))
    made, names, taught = features([column], [[0.0], [1.0], [1.0]])
    assert (made.flatten().tolist(), names) == ([0, 1, 1], ("smokes = yes",))
    unknown = encoded(taught, torch.tensor([[2.0]], dtype=torch.float64), [("no", "yes", "sometimes")])
    assert unknown.tolist() == [[0.0]]


def test_a_category_that_training_lacks_has_no_feature_and_gaps_have_their_own():
    column = Column("city", "category", ("Lima", "Oslo", "Porto"))
    made, names, _ = features([column], [[0.0], [NAN], [2.0], [2.0]], [[1.0], [NAN], [0.0]])
    assert names == ("city = Lima", "city = Porto", "city missing")
    assert made.tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0]]


def test_only_the_most_frequent_categories_get_a_feature():
    many = MOST_LEVELS + 30
    column = Column("word", "category", tuple(f"w{place:03}" for place in range(many)))
    rows = [[float(place)] for place in range(many) for _ in range(1 + (place >= 30))]
    _, names, taught = features([column], rows)
    assert len(names) == MOST_LEVELS
    assert taught[0].levels == column.levels[30:]


def test_dates_are_points_on_the_circles_of_year_week_and_day():
    def at(*date):
        return [datetime(*date, tzinfo=UTC).timestamp()]

    monday, new_year = at(2024, 5, 27, 6), at(2000, 1, 1)
    made, names, _ = features([Column("when", "date", has_time=True)], [monday, new_year, at(2010, 7, 4, 18, 30)])
    row = dict(zip(names, made[0].tolist(), strict=True))
    assert row["when, cosine of the week"] == pytest.approx(math.cos(2 * math.pi * 0.25 / 7), abs=1e-6)
    assert row["when, sine of the day"] == pytest.approx(1, abs=1e-6)  # six in the morning is a quarter of the day
    assert row["when, years since 2000"] == pytest.approx(24 + 147.25 / 366, abs=0.01)
    assert dict(zip(names, made[1].tolist(), strict=True))["when, years since 2000"] == pytest.approx(0, abs=1e-6)
    pairs = made[:, 1:].reshape(3, 3, 2)
    assert torch.allclose(pairs.square().sum(2), torch.ones(3, 3, dtype=torch.float64))


def test_columns_with_one_value_in_training_are_left_out_with_a_note():
    inputs = Inputs(
        (3,), "features", columns=(Column("a", "number"), Column("b", "number"), Column("c", "category", ("x",)))
    )
    train = torch.tensor([[1.0, 7.0, 0.0], [2.0, 7.0, 0.0]], dtype=torch.float64)
    other = torch.tensor([[3.0, 8.0, 0.0]], dtype=torch.float64)
    made, (first, second), notes = as_features(inputs, Samples(train, torch.zeros(2)), Samples(other, torch.zeros(1)))
    assert (made.names, made.shape) == (("a",), (1,))
    assert (first.inputs.tolist(), second.inputs.tolist()) == ([[1], [2]], [[3]])
    assert first.inputs.dtype == torch.float64
    assert [note.split(" is ")[0] for note in notes] == ["column 'b'", "column 'c'"]
    with pytest.raises(ProfundoError, match="nothing to learn from"):
        as_features(inputs, Samples(train[:1], torch.zeros(1)))


def test_what_is_learned_comes_from_the_training_rows_alone():
    columns = (Column("a", "number"), Column("b", "category", ("p", "q")))
    inputs = Inputs((2,), "features", columns=columns)
    train = torch.tensor([[1.0, 0.0], [3.0, 1.0], [NAN, 1.0]], dtype=torch.float64)
    for other in ([[100.0, 0.0]], [[NAN, NAN], [-5.0, 1.0]]):
        made, _, _ = as_features(
            inputs,
            Samples(train, torch.zeros(3)),
            Samples(torch.tensor(other, dtype=torch.float64), torch.zeros(len(other))),
        )
        assert [column.fill for column in made.columns] == [2.0, 0.0]
        assert made.columns[1].levels == ("p", "q")
