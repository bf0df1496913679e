"""The small real data sets that come with scikit-learn: measured, not generated, and there without a download.

Its files are read, and it is not imported: with SciPy and pandas, that takes longer than training on them.
"""

from __future__ import annotations

import warnings
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from profundo.data.splits.splits import Collection
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = ["TABLES", "digits", "finite", "table"]

OF_CELLS = (
    *("radius", "texture", "perimeter", "area", "smoothness"),
    *("compactness", "concavity", "concave points", "symmetry", "fractal dimension"),
)
TABLES = {
    "iris": tuple(f"{part} {side} (cm)" for part in ("sepal", "petal") for side in ("length", "width")),
    "wine": (
        *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids"),
        *(
            "nonflavanoid_phenols",
            "proanthocyanins",
            "color_intensity",
            "hue",
            "od280/od315_of_diluted_wines",
            "proline",
        ),
    ),
    "breast-cancer": tuple(form.format(one) for form in ("mean {}", "{} error", "worst {}") for one in OF_CELLS),
    "diabetes": ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
}
"""Set → its columns."""

CLASSES = {
    "iris": ("setosa", "versicolor", "virginica"),
    "wine": ("class_0", "class_1", "class_2"),
    "breast-cancer": ("malignant", "benign"),
}
FILES = {"iris": "iris.csv", "wine": "wine_data.csv", "breast-cancer": "breast_cancer.csv"}
SHAPES = {
    "digits.csv.gz": (1797, 65),
    "iris.csv": (150, 5),
    "wine_data.csv": (178, 14),
    "breast_cancer.csv": (569, 31),
    "diabetes_data_raw.csv.gz": (442, 10),
    "diabetes_target.csv.gz": (442,),
}
"""File → how many rows and columns it has, by which one that was cut short is known."""


def digits() -> Collection:
    """1,797 images 1×8×8. Their 17 shades, counts from 0 to 16, are spread over 0 to 255 as in any grey image."""
    rows = numbers("digits.csv.gz", ",")
    images = (rows[:, :-1].reshape(-1, 1, 8, 8) * 255 / 16).round().to(torch.uint8)
    targets = Targets("classes", tuple(map(str, range(10))))
    return Collection("digits", Inputs((1, 8, 8), "image"), targets, Samples(images, rows[:, -1].long()))


def table(name: str) -> Collection:
    """Rows of measurements, in their own units, with class indices or one real target."""
    columns = TABLES[name]
    inputs = Inputs((len(columns),), "features", names=columns)
    if name == "diabetes":
        rows, values = numbers("diabetes_data_raw.csv.gz"), numbers("diabetes_target.csv.gz")
        targets = Targets("real", names=("disease progression",))
        return Collection(name, inputs, targets, Samples(rows.float(), values.float().unsqueeze(1)))
    rows = numbers(FILES[name], ",", header=1)
    targets = Targets("classes" if len(CLASSES[name]) > 2 else "binary", CLASSES[name])
    return Collection(name, inputs, targets, Samples(rows[:, :-1].float(), rows[:, -1].long()))


def numbers(file: str, separator: str | None = None, header: int = 0) -> Tensor:
    """What a file of scikit-learn's holds, float64. Raises ProfundoError where it is not there or damaged."""
    spec = find_spec("sklearn")
    folder = Path(spec.origin).parent / "datasets" / "data" if spec and spec.origin else Path()
    try:
        with warnings.catch_warnings(action="ignore"):  # of an empty file
            rows = np.loadtxt(folder / file, delimiter=separator, skiprows=header)
        if rows.shape != SHAPES[file]:
            raise ValueError(f"{_size(rows.shape)}, not {_size(SHAPES[file])}")
    except (OSError, EOFError, ValueError, zlib.error) as error:  # of gzip, too, and of cells that are no numbers
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise ProfundoError(
            f"{folder / file} cannot be read ({reason}): expected scikit-learn with its data sets; "
            "pip install --force-reinstall 'scikit-learn>=1.5,<2'"
        ) from None
    return torch.from_numpy(rows)


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) + " values"


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
