"""The small real data sets that come with scikit-learn: measured, not generated, and there without a download."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from profundo.data.splits.splits import Collection
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = ["TABLES", "digits", "finite", "table"]

TABLES = {
    "iris": "load_iris",
    "wine": "load_wine",
    "breast-cancer": "load_breast_cancer",
    "diabetes": "load_diabetes",
}


def digits() -> Collection:
    """1,797 images 1×8×8. Their 17 shades, counts from 0 to 16, are spread over 0 to 255 as in any grey image."""
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    images = (torch.from_numpy(bunch.images) * 255 / 16).round().to(torch.uint8).unsqueeze(1)
    targets = Targets("classes", tuple(map(str, bunch.target_names)))
    return Collection("digits", Inputs((1, 8, 8), "image"), targets, Samples(images, torch.from_numpy(bunch.target)))


def table(name: str) -> Collection:
    """Rows of measurements, in their own units, with class indices or one real target."""
    import sklearn.datasets

    options = {"scaled": False} if name == "diabetes" else {}
    bunch: Any = getattr(sklearn.datasets, TABLES[name])(**options)
    columns = tuple(map(str, bunch.feature_names))
    rows = finite(torch.from_numpy(bunch.data).float(), columns, name)
    inputs = Inputs((len(columns),), "features", names=columns)
    if name == "diabetes":
        values = torch.from_numpy(bunch.target).float().unsqueeze(1)
        return Collection(name, inputs, Targets("real", names=("disease progression",)), Samples(rows, values))
    classes = tuple(map(str, bunch.target_names))
    targets = Targets("classes" if len(classes) > 2 else "binary", classes)
    return Collection(name, inputs, targets, Samples(rows, torch.from_numpy(bunch.target).long()))


def finite(rows: Tensor, columns: tuple[str, ...], where: str) -> Tensor:
    """The rows, or a ProfundoError that names the first column with a value that is not a number; without names, x1, x2 …"""
    wrong = (~torch.isfinite(rows.float())).nonzero()  # what is beyond single precision overflows when squared
    if len(wrong):
        row, column = wrong[0].tolist()
        raise ProfundoError(
            f"{where}: column {columns[column] if columns else f'x{column + 1}'!r} holds {rows[row, column].item()} in row {row + 1} "
            f"({len(wrong)} such values in all): expected finite numbers; fill or drop these rows"
        )
    return rows
