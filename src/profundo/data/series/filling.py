"""Series without holes: what is missing lies on the straight line between its neighbours; before the first value and after the
last one it is that value."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["filled", "filled_series"]


def filled(values: np.ndarray) -> np.ndarray:
    """float64 (steps,) without NaN. Raises ValueError where all of them are."""
    there = ~np.isnan(values)
    if there.all():
        return values
    if not there.any():
        raise ValueError("no value is there")
    places = np.arange(len(values))
    result: np.ndarray = np.interp(places, places[there], values[there])
    return result


def filled_series(series: Tensor, where: str) -> tuple[Tensor, tuple[str, ...]]:
    """Series (samples, channels, steps) without holes, and a note of how many there were.

    Raises ProfundoError that names a channel without any value.
    """
    holes = series.isnan()
    missing = int(holes.sum())
    if not missing:
        return series, ()
    series = series.clone()
    for sample, channel in holes.any(2).nonzero().tolist():
        try:
            series[sample, channel] = torch.from_numpy(filled(series[sample, channel].double().numpy())).to(
                series.dtype
            )
        except ValueError:
            raise ProfundoError(
                f"{where}: series {sample + 1}, channel {channel + 1}: no value is there; leave that series out"
            ) from None
    some = int(holes.flatten(1).any(1).sum())
    return series, (Said("readings.filled_lines", count=missing, series=some),)
