"""Tables and arrays that a person gives, each in the one form that it has: rows of a table, or inputs and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from profundo.data.arrays import INPUTS, TARGETS
from profundo.data.dataset_names import Reading
from profundo.data.object_arrays import Raw, Taker, plain, samples_in
from profundo.data.recognising import (
    is_array,
    is_frame,
    is_image,
    is_keras_dataset,
    is_loader,
    library,
)
from profundo.records import Dataset, ProfundoError

if TYPE_CHECKING:
    import polars

__all__ = [
    "Framed",
    "as_polars",
    "from_frame",
    "from_frame_of",
    "from_hugging_face",
    "from_mapping",
    "from_pair",
    "is_plain",
    "joined_frame",
]

LABELS = ("label", "labels", "fine_label", *TARGETS)  # keys and columns that are the target where none is named
ALONE = (*INPUTS, "image", "img", "pixel_values", "input")  # keys whose value a net is given as it is


@dataclass(frozen=True, slots=True)
class Framed:
    """Rows of a table, the names of the columns to be predicted, with commas, and what some columns are."""

    frame: polars.DataFrame
    target: str | None
    weights: Any = None
    notes: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


def from_frame(data: Any, how: Reading, _taker: Taker) -> Framed:
    return Framed(as_polars(data), how.target)


def from_frame_of(columns: Any, how: Reading) -> Framed:
    """A dict of columns, or a list of rows."""
    import polars

    try:
        frame = polars.DataFrame(columns, strict=False)
    except (TypeError, ValueError, polars.exceptions.PolarsError) as error:
        raise ProfundoError(f"data: expected columns of equal length: {' '.join(str(error).split())[:200]}") from None
    return Framed(as_polars(frame), how.target)


def from_pair(data: Sequence[Any], how: Reading, taker: Taker) -> Raw | Framed:
    """(X,), (X, y), (X, y, weights); (X1, X2, y) for a net that takes two inputs."""
    count = len(data)
    if taker.inputs > 1 and count == taker.inputs + 1:
        return Raw(tuple(data[:-1]), data[-1])
    if not 1 <= count <= 3:
        raise ProfundoError(
            f"data: expected (X, y) or (X, y, weights), got a tuple of {count}; put several inputs in one tuple"
        )
    if (
        taker.lengths and count == 3 and are_lengths(data[1], data[0])
    ):  # as a collate function gives them: x, lengths, y
        return Raw((data[0], data[1]), data[2])
    inputs, targets, weights = (*data, None, None)[:3]
    for one in (inputs, targets):
        if is_loader(one) or is_keras_dataset(one) or isinstance(one, torch.utils.data.Dataset | Dataset):
            raise ProfundoError(
                f"data: expected arrays in a tuple, got a {type(one).__name__}: give the samples to train on alone, which have "
                "their targets, and others as validation=…"
            )
    inputs = in_places(inputs, taker.inputs)
    if isinstance(targets, list):
        targets = in_places(targets, len(targets) if len(targets) != samples_in(inputs) else 1)
    if is_frame(inputs) and isinstance(targets, str):
        return Framed(as_polars(inputs), targets, weights)
    if is_frame(inputs) and targets is not None:
        return joined_frame(as_polars(inputs), one_column(targets, how.task), weights)
    return Raw(inputs, targets, weights)


def one_column(targets: Any, task: str) -> Any:
    """Columns of 0 and 1 with one 1 in each row, as get_dummies makes them, as one of their names; all else as it is."""
    if not is_frame(targets) or task not in ("auto", "classes"):
        return targets
    columns = as_polars(targets)
    values = columns.to_numpy()
    if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind not in "bif" or not np.isin(values, (0, 1)).all():
        return targets
    return np.array(columns.columns)[values.argmax(1)] if (values.sum(1) == 1).all() else targets


def are_lengths(given: Any, sequences: Any) -> bool:
    """Whether these are whole numbers from 1 to the most steps that a sequence has."""
    values, steps = plain(given), max((len(one) for one in sequences), default=0)
    whole = values.ndim == 1 and values.dtype.kind in "iu" and values.size
    return bool(whole) and int(values.min()) > 0 and int(values.max()) == steps


def in_places(given: Any, wanted: int) -> Any:
    """A list of so many arrays, a place for each, as a tuple; all else as it is."""
    several = wanted > 1 and isinstance(given, list) and len(given) == wanted
    return tuple(given) if several and all(is_array(one) and np.ndim(one) > 0 for one in given) else given


def joined_frame(frame: polars.DataFrame, targets: Any, weights: Any) -> Framed:
    """X and y of a table as one."""
    import polars

    if is_frame(targets):
        columns = as_polars(targets)
    else:
        name = getattr(targets, "name", None) or "target"
        values = targets if type(targets).__module__.startswith("polars") else plain(targets)
        if not isinstance(values, polars.Series) and np.ndim(values) > 1:
            columns = polars.DataFrame({f"{name} {k + 1}": column for k, column in enumerate(np.asarray(values).T)})
        else:
            columns = polars.DataFrame({str(name): values})
    if columns.height != frame.height:
        raise ProfundoError(f"y: expected one target for each of {frame.height:,} rows, got {columns.height:,}")
    columns = columns.rename({name: f"{name} (y)" for name in columns.columns if name in frame.columns})
    return Framed(frame.hstack(columns), ",".join(columns.columns), weights)


def from_mapping(data: Mapping[str, Any], how: Reading, _taker: Taker) -> Raw | Framed:
    """A Bunch of scikit-learn, arrays under usual names, columns of a table."""
    if "data" in data and "target" in data:
        names = data.get("target_names")
        inputs, target = data["data"], data["target"]
        if is_frame(inputs):
            return joined_frame(as_polars(inputs), target, None)
        is_class = names is not None and np.asarray(target).ndim == 1 and len(names) > 1
        features = data.get("feature_names")
        shape = np.shape(inputs)
        columns = (
            tuple(map(str, features)) if features is not None and len(shape) == 2 and len(features) == shape[1] else ()
        )
        return Raw(inputs, target, classes=tuple(map(str, names)) if is_class else (), features=columns)  # type: ignore[arg-type]
    if how.target is not None and how.target in data and all(np.ndim(plain(values)) == 1 for values in data.values()):
        return from_frame_of(data, how)
    target_name = how.target or next((name for name in LABELS if name in data), None)
    if target_name is not None and target_name not in data:
        raise ProfundoError(f"target: expected one of {', '.join(map(str, data))}; got {target_name!r}")
    inputs = {str(name): part for name, part in data.items() if name != target_name}
    if not inputs:
        raise ProfundoError("data: expected inputs beside the target, got nothing else")
    alone = next(iter(inputs.values())) if len(inputs) == 1 and next(iter(inputs)) in ALONE else inputs
    return Raw(alone, data[target_name] if target_name is not None else None)


def from_hugging_face(data: Any, how: Reading, _taker: Taker) -> Raw | Framed:
    """datasets.Dataset: a table where its cells are plain, else one input for each column."""
    names = list(data.column_names)
    target = how.target or next((name for name in LABELS if name in names), None)
    if target is None or target not in names:
        raise ProfundoError(f"datasets: expected target=…, one of the columns {', '.join(names)}")
    classes = tuple(map(str, getattr(data.features[target], "names", None) or ()))
    samples = list(data)
    plain_cells = all(not is_image(v) and np.ndim(v) == 0 for name, v in samples[0].items() if name != target)
    if plain_cells and all(is_plain(value) for value in samples[0].values()):
        rows = [{**row, target: classes[row[target]]} if classes else row for row in samples]
        return replace(from_frame_of(rows, how), target=target)
    inputs = {name: [row[name] for row in samples] for name in names if name != target}
    alone = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    return Raw(alone, [row[target] for row in samples], classes=classes)


def is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool) or hasattr(value, "isoformat")


def as_polars(data: Any) -> polars.DataFrame:
    """A table of whichever library. Of pandas column by column, which needs no pyarrow."""
    import polars

    if isinstance(data, polars.LazyFrame):
        data = data.collect()
    if library(data) == "pyarrow":
        data = polars.DataFrame(polars.from_arrow(data))
    if not isinstance(data, polars.DataFrame):
        names = [str(name) for name in data.columns]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ProfundoError(f"data: expected columns with different names, got {twice!r} twice; rename one of them")
        data = polars.DataFrame([pandas_column(str(name), data[name]) for name in data.columns])
    objects = [of_values(one.name, one.to_list()) for one in data if one.dtype == polars.Object]
    frame: polars.DataFrame = data.with_columns(*objects)
    return frame.with_columns(polars.col(polars.String).str.normalize("NFC")).fill_nan(None)


def pandas_column(name: str, series: Any) -> polars.Series:
    import polars

    kind = getattr(series.dtype, "kind", "O")
    if kind in "iufb" and isinstance(series.dtype, np.dtype):
        return polars.Series(name, series.to_numpy().copy(), nan_to_null=True)
    missing = series.isna().to_numpy()
    values = [None if gone else value for value, gone in zip(series.tolist(), missing, strict=True)]
    is_category = type(series.dtype).__name__ == "CategoricalDtype"
    column = of_values(name, values, as_words=is_category)
    return column.cast(polars.Categorical) if is_category else column


def of_values(name: str, values: list[Any], as_words: bool = False) -> polars.Series:
    """One column, one kind: text where some cells are, or of a kind that is none of columns."""
    import polars

    if not as_words and not any(isinstance(value, str) for value in values):
        column = polars.Series(name, values, strict=False)
        if column.dtype != polars.Object:
            return column
    return polars.Series(name, [None if value is None else str(value) for value in values], dtype=polars.String)
