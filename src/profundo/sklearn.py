"""Estimators for scikit-learn: a net by name, or of one's own, in a Pipeline, GridSearchCV, cross_val_score.

    from profundo.sklearn import ProfundoClassifier
    cross_val_score(make_pipeline(StandardScaler(), ProfundoClassifier("mlp", epochs=50)), X, y)

Columns of words and dates in a table of pandas or polars are read as `profundo train` reads them, and gaps in it filled.
Nothing is said and no folder is written. Equal rows of one target are one sample with their weights added, so that a weight
of two is the same as the row twice, to the last bit; rows of weight 0 are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import signature
from typing import Any
from warnings import warn

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor, nn

from profundo.data import standardize
from profundo.data.dataset_names import nearest
from profundo.data.objects import as_polars
from profundo.data.recognising import is_frame
from profundo.data.splits.splits import Collection, finished, stratified
from profundo.data.tables.column_kinds import recognised_columns
from profundo.data.tables.frames import none_left
from profundo.data.tables.new_rows import features_of_frame
from profundo.data.tables.raw_rows import raw_rows
from profundo.data.tables.reading import typed_table
from profundo.objectives import Objective
from profundo.records import Column, Inputs, ProfundoError, Samples, Spec, Targets
from profundo.runs.experiment import SETTINGS
from profundo.runs.given.arriving import prepare_own
from profundo.runs.given.foreign import FOREIGN as NAMES_OF_FIT
from profundo.runs.given.foreign import SAME
from profundo.runs.preparing import objective_of
from profundo.runs.supervised import learn_prepared
from profundo.runs.voice import Quiet
from profundo.train import History
from profundo.train.distributed import Group
from profundo.train.randomness import seeded
from profundo.units import in_own_units

__all__ = ["ProfundoClassifier", "ProfundoRegressor"]

HELD = 0.1  # share of the samples that decide when to stop, where that is asked for


FOREIGN = {
    **dict.fromkeys(
        ("hidden_layer_sizes", "widths", "hidden", "dropout", "activation", "module", "estimator", "model"),
        "a net is the first argument: ProfundoClassifier('mlp', net_options={'widths': [64], 'dropout': 0.2}), or a module",
    ),
    **dict.fromkeys(("seed", "random_seed"), "the name here is random_state"),
    **dict.fromkeys(("class_weights", "class_weight"), "the name here is class_weight, of classifiers"),
    **dict.fromkeys(("sample_weight", "X", "y"), "give it to fit(X, y, sample_weight=…)"),
    **dict.fromkeys(
        ("validation", "validation_fraction", "validation_split", "train_split", "eval_set"),
        "a tenth is kept aside where early_stop=10 asks for it",
    ),
    **dict.fromkeys(
        ("verbose", "quiet", "out", "log"), "nothing is said and nothing is written; history_ has the losses"
    ),
    **dict.fromkeys(
        ("callbacks", "cbs"), "there are none; early_stop=10 and schedule='one-cycle' do what they are for"
    ),
    **dict.fromkeys(("n_jobs", "num_workers", "workers"), "give n_jobs to what calls it: GridSearchCV(…, n_jobs=2)"),
    "warm_start": "every fit begins anew; profundo.fit(net, (X, y)) trains a module further",
}
"""What these estimators are given elsewhere, and `profundo.fit`, and what is here."""


class BadDataError(ProfundoError, ValueError):
    """What scikit-learn expects to be a ValueError."""


class UnknownParameterError(ProfundoError, TypeError, ValueError):
    """What Python expects to be a TypeError of __init__, and scikit-learn a ValueError of set_params."""


def check_names(estimator: type, names: Iterable[str]) -> None:
    """Raises UnknownParameterError for the first name that is no parameter, with its name here, or the nearest."""
    known = list(signature(estimator).parameters)
    if unknown := next((name for name in names if name not in known), None):
        raise UnknownParameterError(f"{estimator.__name__}: parameter {unknown!r} is unknown; {hint(unknown, known)}")


def hint(name: str, known: list[str]) -> str:
    """What to give instead; of the words of `profundo.fit` where these estimators have what it names."""
    of_fit = f"the name here is {SAME[name]}" if name in SAME else NAMES_OF_FIT.get(name, "")
    usable = any(re.search(rf"\b{one}=|the name here is {one}\b", of_fit) for one in known)
    if name in FOREIGN or usable:
        return FOREIGN.get(name, of_fit)
    if of_fit or name in SETTINGS:
        return "estimators have no such parameter, but profundo.fit(net, (X, y), …) may"
    if "__" in name:
        return "options of a net are one parameter, such as net_options={'widths': [64]}"
    return nearest(name, known)


class Estimator(BaseEstimator):  # type: ignore[misc]
    """net: a name, a module (a copy of it is trained), or a function that makes one of a Spec; None: one that suits the data.

    All other parameters are the settings of `profundo.fit`; None leaves them to the data.
    """

    def __init_subclass__(cls) -> None:
        """Let __init__ name what is near an unknown parameter. Its signature, which scikit-learn reads, stays as it is."""
        super().__init_subclass__()
        init = cls.__init__

        @wraps(init)
        def checked(self: Any, *args: Any, **parameters: Any) -> None:
            check_names(cls, parameters)
            init(self, *args, **parameters)

        cls.__init__ = checked  # type: ignore[method-assign]

    def set_params(self, **parameters: Any) -> Any:
        deep = {name for name in parameters if hasattr(getattr(self, name.partition("__")[0], None), "set_params")}
        check_names(type(self), parameters.keys() - deep)
        return super().set_params(**parameters)

    def __init__(
        self,
        net: str | nn.Module | Callable[[Spec], nn.Module] | None = None,
        *,
        net_options: Mapping[str, Any] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        optimizer: Any = None,
        schedule: Any = None,
        weight_decay: float | None = None,
        loss: Any = None,
        early_stop: int | None = None,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.net = net
        self.net_options = net_options
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.loss = loss
        self.early_stop = early_stop
        self.device = device
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _learn(self, X: np.ndarray, values: np.ndarray, targets: Targets, weights: np.ndarray) -> None:
        """values: class indices (n,), or numbers (n, outputs)."""
        rows, values, weights = merged(X, values, weights)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1)) if self.random_state is not None else 0
        inputs, outputs = torch.from_numpy(rows), torch.from_numpy(values)
        samples = Samples(inputs, outputs, weights=torch.from_numpy(weights * (len(weights) / weights.sum())).float())
        train, held = self._apart(samples, targets, seed)
        names = tuple(column.name for column in self._columns)
        about = Inputs(inputs.shape[1:], "features", names=names, columns=self._columns)
        collection = Collection("arrays", about, targets, train)
        data = finished(collection, train, held, train)
        names = ("net_options", "epochs", "batch_size", "learning_rate", "weight_decay", "early_stop")
        settings = {name: value for name in names if (value := getattr(self, name)) is not None}
        net = clone_of(self.net)
        try:
            prepared = prepare_own(
                *(net, data, {**settings, "seed": seed, "device": self.device, "capture": False}, False),
                loss=self.loss,
                optimizer=self.optimizer,
                schedule=self.schedule,
            )
            history = History()
            with seeded(seed):
                learn_prepared(prepared, history, None, Group(), Quiet(), None)
        except ProfundoError as error:
            raise BadDataError(str(error)) from None
        self.net_: nn.Module = prepared.net.cpu().double().eval()
        self.spec_: Spec = prepared.data.spec
        self.objective_: Objective = objective_of(prepared.experiment, prepared.data, prepared.own).likelihood
        self.history_ = {name: history[name] for name in history.names}
        self.n_iter_ = len(history)

    def _apart(self, samples: Samples, targets: Targets, seed: int) -> tuple[Samples, Samples]:
        """The samples to train on, and those that decide when to stop: none where nothing asks for them."""
        every = torch.arange(len(samples))
        rest, held = every, every[:0]
        if self.early_stop is not None:
            labels = samples.targets if targets.classes else torch.zeros(len(samples), dtype=torch.int64)
            rest, held = stratified(labels, every, HELD, torch.Generator().manual_seed(seed))
        return part(samples, rest), part(samples, held)

    def _validated(self, X: Any, y: Any, **how: Any) -> Any:
        """Numbers (samples, features) and targets. A table with words or dates is read as `profundo train` reads one, and how is
        kept in `_columns`: its numbers are raw rows as columns.py has them, NaN where a cell is empty."""
        how |= {"ensure_min_samples": 2, "dtype": np.float64}
        self._columns: tuple[Column, ...] = ()
        if column_of_words(X) is None:
            return validate_data(self, X, y, accept_sparse=True, **how)
        try:
            rows, self._columns = raw_table(X)
        except ProfundoError as error:
            raise BadDataError(f"X: {error}") from None
        result = validate_data(self, rows, y, ensure_all_finite="allow-nan", **how)
        validate_data(self, X, skip_check_array=True)  # names and number of the table's own columns
        return result

    def _features(self, X: Any) -> np.ndarray:
        """Numbers (samples, features) of rows to come."""
        if not self._columns:
            if (name := column_of_words(X)) is not None:
                raise BadDataError(f"column {name!r}: expected numbers, as in fit, got {X[name].dtype}")
            return dense(validate_data(self, X, reset=False, accept_sparse=True, dtype=np.float64))
        if not is_frame(X):
            names = ", ".join(column.name for column in self._columns)
            raise BadDataError(f"X: expected a table with the columns {names}, as in fit, got {type(X).__name__}")
        validate_data(self, X, reset=False, skip_check_array=True)
        features = features_of_frame(as_polars(X), self.spec_.inputs)
        if features.faults:
            row = min(features.faults)
            raise BadDataError(f"X, row {row + 1}: {features.faults[row]}")
        return features.values.numpy()

    def _outputs(self, X: Any) -> Tensor:
        """What the outputs say of each row, in float64, row by row the same whatever rows are beside it."""
        check_is_fitted(self)
        rows = self._features(X)
        with torch.no_grad():
            ready = standardize(torch.from_numpy(rows), self.spec_.inputs).double()
            said = self.objective_.predict(self.net_(ready))
        return in_own_units(said, self.spec_.targets)


class ProfundoClassifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """A net that tells classes apart. class_weight: "balanced", or a weight by class, as elsewhere in scikit-learn."""

    def __init__(
        self,
        net: str | nn.Module | Callable[[Spec], nn.Module] | None = None,
        *,
        net_options: Mapping[str, Any] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        optimizer: Any = None,
        schedule: Any = None,
        weight_decay: float | None = None,
        loss: Any = None,
        early_stop: int | None = None,
        device: str = "auto",
        random_state: Any = None,
        class_weight: Any = None,
    ) -> None:
        super().__init__(
            net,
            net_options=net_options,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            optimizer=optimizer,
            schedule=schedule,
            weight_decay=weight_decay,
            loss=loss,
            early_stop=early_stop,
            device=device,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ProfundoClassifier:
        """X: numbers (samples, features), sparse or not, or a table; y: classes (samples,); sample_weight: (samples,)."""
        X, y = self._validated(X, y)
        check_classification_targets(y)
        weights = checked_weights(sample_weight, X)
        if self.class_weight is not None:
            weights = weights * compute_sample_weight(self.class_weight, y)
        self.classes_, places = np.unique(y, return_inverse=True)
        left = len(np.unique(places[weights > 0]))
        if left < 2:
            raise BadDataError(f"y: expected two classes or more with weights above 0, got {left} class")
        names = tuple(map(str, self.classes_.tolist()))
        targets = Targets("classes" if len(names) > 2 else "binary", names)
        self._learn(dense(X), places.astype(np.int64), targets, weights)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """(samples, classes), in the order of `classes_`."""
        said = self._outputs(X).numpy()
        return np.column_stack([1 - said, said]) if said.ndim == 1 else said

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`, −∞ where one is too small."""
        with np.errstate(divide="ignore"):
            result: np.ndarray = np.log(self.predict_proba(X))
        return result

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each row."""
        places = self.predict_proba(X).argmax(axis=1)
        chosen: np.ndarray = self.classes_[places]
        return chosen


class ProfundoRegressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A net that predicts one number or several."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ProfundoRegressor:
        """X: numbers (samples, features), sparse or not, or a table; y: numbers (samples,) or (samples, outputs)."""
        X, y = self._validated(X, y, y_numeric=True, multi_output=True)
        weights = checked_weights(sample_weight, X)
        self.one_ = y.ndim == 1
        values = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        names = tuple(f"y{place + 1}" for place in range(values.shape[1]))
        self._learn(dense(X), values, Targets("real", names=names), weights)
        return self

    def predict(self, X: Any) -> np.ndarray:
        said = self._outputs(X).numpy()
        return said[:, 0] if self.one_ else said


def part(samples: Samples, places: Tensor) -> Samples:
    weights = samples.weights[places] if samples.weights is not None else None
    return Samples(samples.inputs[places], samples.targets[places], weights=weights)  # type: ignore[index]


def column_of_words(X: Any) -> str | None:
    """The first column of a table of pandas or polars that numbers cannot be made of."""
    for name in getattr(X, "columns", ()):
        try:
            np.asarray(X[name]).astype(np.float64)
        except (ValueError, TypeError):
            return str(name)
        if np.asarray(X[name]).dtype.kind in "mM":  # times become numbers alone, but not beside numbers
            return str(name)
    return None


def raw_table(X: Any) -> tuple[np.ndarray, tuple[Column, ...]]:
    """float64 (rows, columns) of a table, and what its columns are: words by what they look like in a file.

    Raises ProfundoError where no column can be learned from."""
    table = typed_table(as_polars(X), as_text=True)
    columns, left_out = recognised_columns(table.frame, table.readings)
    if not columns:
        raise ProfundoError(f"no column is left to learn from: {none_left(left_out)}")
    for name, why in left_out.items():
        warn(f"column {name!r} is left out: {why.partition(';')[0]}", stacklevel=4)
    return raw_rows(table.frame, columns).numpy(), columns


def dense(X: Any) -> np.ndarray:
    return np.ascontiguousarray(X.toarray() if hasattr(X, "toarray") else X)


def clone_of(net: Any) -> Any:
    """A module that is trained without changing the parameter."""
    from copy import deepcopy

    return deepcopy(net) if isinstance(net, nn.Module) else net


def checked_weights(weights: Any, X: Any) -> np.ndarray:
    """float64 (samples,). Raises ValueError for negative ones, and where all are 0."""
    result: np.ndarray = _check_sample_weight(weights, X, dtype=np.float64, ensure_non_negative=True)
    if not result.any():
        raise BadDataError("sample_weight: expected a weight above zero, all of them are zero")
    return result


def merged(X: np.ndarray, values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows in ascending order, equal ones of one target once, with their weights added."""
    there = weights > 0
    whole = np.column_stack([X, values])[there]
    order = np.lexsort(whole.T[::-1])  # as np.unique(axis=0), whose comparisons of wide rows are slow
    whole = whole[order]
    differ = (whole[1:] != whole[:-1]) & ~(np.isnan(whole[1:]) & np.isnan(whole[:-1]))
    first = np.append(True, differ.any(axis=1))
    rows, total = whole[first], np.bincount(first.cumsum() - 1, weights=weights[there][order])
    width = X.shape[1]
    outputs = rows[:, width].astype(np.int64) if values.ndim == 1 else np.ascontiguousarray(rows[:, width:])
    return np.ascontiguousarray(rows[:, :width]), outputs, total
