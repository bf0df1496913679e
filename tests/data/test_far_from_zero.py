"""Columns and targets of tables far from zero: times in seconds, metres of a map, moments of one hour, targets + 1e8."""

from pathlib import Path

import numpy as np
import polars
import pytest
import torch

import profundo as pf
from profundo.data import standardize, standardize_targets
from profundo.data.new_inputs import entries
from profundo.data.tables.new_rows import features_of_rows

DRAW = np.random.default_rng(0)
STEPS = DRAW.permutation(600)[:300]
COLUMNS = {
    "unix": STEPS + 1_700_000_000,
    "utm": STEPS / 10 + 4_470_000,
    "when": [f"{np.datetime64('2024-05-05T12:00:00') + int(step)}" for step in STEPS],
}


@pytest.fixture(params=["csv", "parquet", "streamed"])
def table(tmp_path, request):
    frame = polars.DataFrame({**COLUMNS, "y": STEPS / 7 + 1e8, "z": -STEPS + 1e8})
    if request.param != "csv":
        frame = frame.with_columns(polars.col("when").str.to_datetime())
    path = tmp_path / ("t.csv" if request.param == "csv" else "t.parquet")
    frame.write_csv(path) if request.param == "csv" else frame.write_parquet(path, row_group_size=100)
    return path, {"stream": True} if request.param == "streamed" else {}


@pytest.mark.parametrize("target", ["y", "y,z"])
def test_no_two_values_become_one(table, target):
    path, options = table
    data = pf.load(path, target=target, **options)
    rows = torch.stack([data.train.inputs[place] for place in range(len(data.train))])
    ready = standardize(rows, data.spec.inputs)
    for name in ("unix", "utm", "when, years since 2000"):
        assert len(ready[:, data.spec.inputs.names.index(name)].unique()) == len(data.train), name
    targets = standardize_targets(data.train.targets, data.spec.targets)
    assert [len(column.unique()) for column in targets.T] == [len(data.train)] * targets.shape[1]
    assert targets.mean().abs() < 1e-6


def test_rows_to_come_are_read_as_exactly(table):
    path, options = table
    data = pf.load(path, target="y", **options)
    inputs = data.spec.inputs
    row = {"unix": 1_700_000_123, "utm": 4_470_012.3, "when": "2024-05-05 12:02:03", "z": 1e8}
    later = row | {"unix": 1_700_000_124, "utm": 4_470_012.4, "when": "2024-05-05 12:02:04"}
    one, other = (standardize(features_of_rows([values], inputs).values, inputs)[0] for values in (row, later))
    assert (one != other)[[inputs.names.index(name) for name in ("unix", "utm", "when, years since 2000")]].all()
    polars.DataFrame([row, later]).write_csv(path.parent / "new.csv")
    read = [standardize(entry.values[None], inputs)[0] for entry in entries([Path(path.parent / "new.csv")], inputs)]
    assert torch.equal(torch.stack(read), torch.stack([one, other]))
