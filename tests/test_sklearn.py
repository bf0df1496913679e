"""Estimators for scikit-learn: its own checks, and what people do with estimators."""

import inspect
import pickle
import warnings
from datetime import date, timedelta

import numpy as np
import polars
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from torch import nn

from everyday import NUMBER, THREE, TWO, X, small
from profundo.records import ProfundoError
from profundo.sklearn import ProfundoClassifier, ProfundoRegressor, merged

OTHER_LIBRARIES = {"check_array_api_input", "check_sample_weights_pandas_series", "check_classifier_data_not_an_array",
                   "check_regressor_data_not_an_array"}  # fmt: skip
QUICK = {"epochs": 30, "learning_rate": 0.03}


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [ProfundoClassifier(epochs=8, learning_rate=0.02), ProfundoRegressor(epochs=8, learning_rate=0.02)],
    ids=["classifier", "regressor"],
)
def test_every_check_of_scikit_learn_holds(estimator):
    """Skipped is only what is for libraries that are not there, such as pandas."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_skip=None)
    assert len(results) > 50
    assert {one["check_name"] for one in results if one["status"] != "passed"} <= OTHER_LIBRARIES


@pytest.mark.parametrize("kind", [ProfundoClassifier, ProfundoRegressor])
def test_a_weight_of_two_is_the_row_twice_to_the_last_bit(kind):
    y, weights = (THREE if kind is ProfundoClassifier else NUMBER), np.arange(len(X)) % 3
    weighted = kind("mlp", **QUICK).fit(X, y, sample_weight=weights)
    repeated = kind("mlp", **QUICK).fit(X.repeat(weights, axis=0), y.repeat(weights))
    answer = "predict_proba" if kind is ProfundoClassifier else "predict"
    assert np.array_equal(getattr(weighted, answer)(X), getattr(repeated, answer)(X))
    other = kind("mlp", **QUICK).fit(X, y)
    assert not np.array_equal(getattr(weighted, answer)(X), getattr(other, answer)(X))


def test_rows_are_merged_and_their_weights_added():
    rows, targets, weights = merged(
        np.array([[1.0], [0.0], [1.0], [1.0]]), np.array([0, 1, 0, 1]), np.array([1.0, 2, 3, 0])
    )
    assert rows.tolist() == [[0.0], [1.0]]
    assert targets.tolist() == [1, 0]
    assert weights.tolist() == [2.0, 4.0]


def test_in_a_pipeline_a_search_and_a_cross_validation(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cancer = load_breast_cancer()
    pipe = make_pipeline(StandardScaler(), ProfundoClassifier("mlp", epochs=10, learning_rate=0.01))
    assert cross_val_score(pipe, cancer.data, cancer.target, cv=3).mean() > 0.94
    search = GridSearchCV(ProfundoClassifier("mlp", epochs=5), {"learning_rate": [1e-5, 0.02]}, cv=2)
    assert search.fit(cancer.data, cancer.target).best_params_ == {"learning_rate": 0.02}
    sugar = load_diabetes()
    assert cross_val_score(ProfundoRegressor("mlp", epochs=30), sugar.data, sugar.target, cv=2).mean() > 0.3
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


def test_sparse_rows_words_and_class_weights():
    words = np.array(["no", "yes"])[TWO]
    model = ProfundoClassifier("mlp", class_weight="balanced", **QUICK).fit(scipy.sparse.csr_matrix(X), words)
    assert model.classes_.tolist() == ["no", "yes"]
    assert (model.predict(scipy.sparse.csr_matrix(X)) == words).mean() > 0.9
    assert np.array_equal(model.predict_proba(X), model.predict_proba(scipy.sparse.csr_matrix(X)))
    assert model.predict_proba(X).sum(1) == pytest.approx(1)
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict_proba(X), model.predict_proba(X))


def test_nets_of_ones_own_are_copied_and_several_numbers_predicted():
    net = small(2)
    before = [p.detach().clone() for p in net.parameters()]
    model = ProfundoRegressor(net, **QUICK).fit(X, X[:, :2] * 3)
    assert model.predict(X).shape == (120, 2)
    assert model.score(X, X[:, :2] * 3) > 0.8
    assert all(bool((a == b).all()) for a, b in zip(before, net.parameters(), strict=True))
    assert clone(model).get_params()["epochs"] == 30
    built = ProfundoClassifier(lambda spec: nn.Linear(spec.inputs.shape[0], spec.outputs), **QUICK)
    assert built.fit(X, THREE).score(X, THREE) > 0.6


def test_early_stopping_sets_samples_aside():
    model = ProfundoClassifier("mlp", epochs=200, learning_rate=0.05, early_stop=3, random_state=0).fit(X, THREE)
    assert model.n_iter_ < 200
    assert len(model.history_["validation loss"]) == model.n_iter_


@pytest.mark.parametrize(
    ("settings", "y", "words"),
    [({"net": "mpl"}, THREE, "did you mean mlp"), ({"net": "mlp", "optimizer": "adan"}, THREE, "nearest: adam"),
     ({"net": "mlp"}, np.zeros(120), "two classes"), ({"net": small(2)}, THREE, "last layer")],
)  # fmt: skip
def test_what_cannot_work_is_a_value_error_in_one_line(settings, y, words):
    with pytest.raises(ValueError, match=words):
        ProfundoClassifier(**settings).fit(X, y)


def people(rows=120):
    """Ages with gaps, cities, days as text and as dates; what they earn depends on the city and the year."""
    cities, days = ["Lisboa", "Quito", None], [date(2020, 1, 1) + timedelta(days=37 * row) for row in range(rows)]
    frame = polars.DataFrame({
        "age": [None if row % 17 == 3 else float(row % 50) for row in range(rows)],
        "city": [cities[row % 3] for row in range(rows)],
        "begun": [f"{day.day:02d}/{day.month:02d}/{day.year}" for day in days],
        "day": days,
    })  # fmt: skip
    return frame, np.array([10.0 * (row % 3 == 1) + day.year - 2020 for row, day in enumerate(days)])


def test_tables_of_words_and_dates_are_read_as_train_reads_them():
    frame, earned = people()
    model = ProfundoRegressor("mlp", epochs=100).fit(frame, earned)
    assert model.score(frame, earned) > 0.9
    assert model.n_features_in_ == 4
    assert [column.kind for column in model.spec_.inputs.columns] == ["number", "category", "date", "date"]
    assert model.spec_.inputs.columns[2].writing.dates == "dmy"  # 01/02/2020 leaves a doubt that 31/01/2020 settles
    some = frame[7:9].with_columns(begun=polars.lit("02/03/2024"))  # read as learned, whatever else is there
    assert model.predict(some)[0] == pytest.approx(model.predict(some[:1])[0])
    turned = some.with_columns(begun=polars.lit("03/02/2024"))
    assert not np.array_equal(model.predict(turned), model.predict(some))
    high = np.where(earned > np.median(earned), "high", "low")
    assert (
        cross_val_score(
            ProfundoClassifier("mlp", epochs=60), frame, high, cv=KFold(3, shuffle=True, random_state=0)
        ).mean()
        > 0.8
    )
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(frame), model.predict(frame))


def test_equal_rows_of_a_table_are_one_with_their_weights_added_gaps_and_all():
    frame, earned = people()
    weights = np.arange(len(frame)) % 3
    rows = np.arange(len(frame)).repeat(weights)
    weighted = ProfundoRegressor("mlp", epochs=5).fit(frame, earned, sample_weight=weights)
    repeated = ProfundoRegressor("mlp", epochs=5).fit(frame[rows.tolist()], earned[rows])
    assert np.array_equal(weighted.predict(frame), repeated.predict(frame))


def test_tables_of_pandas_have_words_categories_and_dates():
    pandas = pytest.importorskip("pandas")
    frame, earned = people()
    table = pandas.DataFrame({name: frame[name].to_list() for name in frame.columns})
    table["day"], table["city"] = pandas.to_datetime(table["day"]), pandas.Categorical(table["city"])
    assert ProfundoRegressor("mlp", epochs=100).fit(table, earned).score(table, earned) > 0.9
    with pytest.raises(ValueError, match="NaN"):  # of numbers alone, as scikit-learn has it
        ProfundoClassifier("mlp", epochs=1).fit(table[["age"]], table["city"])


def test_what_a_table_lacks_is_a_value_error_in_one_line():
    frame, earned = people()
    model = ProfundoRegressor("mlp", epochs=1).fit(frame, earned)
    for given, words in (
        (frame.drop("city"), "city"),
        (frame.with_columns(begun=polars.lit("never")), "X, row 1: column 'begun': expected a date"),
        (
            frame[["age"]].fill_null(0).to_numpy(),
            "X: expected a table with the columns age, city, begun, day, as in fit",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            model.predict(given)
    names = polars.DataFrame({"name": [f"n{row}" for row in range(120)]})
    with pytest.raises(ValueError, match="no column is left to learn from: column 'name' is left out: names or codes"):
        model.fit(names, earned)
    with pytest.warns(UserWarning, match="column 'name' is left out: names or codes"):
        model.fit(frame.with_columns(names), earned)
    numbers = ProfundoRegressor("mlp", epochs=1).fit(frame[["age"]].fill_null(0), earned)
    with pytest.raises(ValueError, match="column 'age': expected numbers, as in fit, got String"):
        numbers.predict(frame[["city"]].rename({"city": "age"}))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("epoch", "nearest: epochs"),
        ("lr", "the name here is learning_rate"),
        ("max_iter", "the name here is epochs"),
        ("seed", "the name here is random_state"),
        ("hidden_layer_sizes", "net_options={'widths'"),
        ("betas", "optimizer=functools.partial"),
        ("gradient_clip_val", r"profundo.fit\(net, \(X, y\), …\) may"),
        ("net__widths", "options of a net are one parameter"),
        ("surprise", "known: net, net_options"),
    ],
)
def test_unknown_parameters_are_answered_with_their_name_here(name, words):
    for make in (lambda: ProfundoClassifier(**{name: 3}), lambda: ProfundoRegressor().set_params(**{name: 3})):
        with pytest.raises(ProfundoError, match=f"parameter {name!r} is unknown; .*{words}") as caught:
            make()
        assert isinstance(caught.value, TypeError)  # as Python has it
        assert isinstance(caught.value, ValueError)  # as scikit-learn's set_params


def test_parameters_are_read_and_kept_as_scikit_learn_does():
    class Narrow(ProfundoClassifier):
        def __init__(self, net="mlp", width=3, epochs=2):
            super().__init__(net, net_options={"widths": [width]}, epochs=epochs)
            self.width = width

    assert clone(Narrow(width=5)).fit(X, THREE).width == 5
    with pytest.raises(TypeError, match="Narrow: parameter 'widt' is unknown; nearest: width"):
        Narrow(widt=3)
    assert list(inspect.signature(ProfundoClassifier).parameters)[:3] == ["net", "net_options", "epochs"]


def test_logarithms_of_probabilities():
    model = ProfundoClassifier("mlp", epochs=3).fit(X, THREE)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))


def test_merging_is_that_of_numpy():
    draw = np.random.default_rng(0)
    rows = draw.integers(-1, 2, (60, 3)) * draw.choice([1.0, -0.0, 0.5], (60, 3))
    targets, weights = draw.integers(0, 2, 60), draw.random(60)
    wide, places = np.unique(np.column_stack([rows, targets]), axis=0, return_inverse=True)
    ours = merged(rows, targets, weights)
    assert np.array_equal(np.column_stack(ours[:2]), wide)
    assert np.array_equal(ours[2], np.bincount(places.ravel(), weights=weights))
