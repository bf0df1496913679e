"""Tables in the order of time as windows: what was, and how it went on.

    time  y  x                     window (channels, lookback)          target (horizon,)
    1     …  …      lookback = 3,  y: 1 2 3   x: 1 2 3                   y: 4 5
    2     …  …  →   horizon = 2    y: 2 3 4   x: 2 3 4                   y: 5 6

Steps are even: holes are filled by straight lines, but a window ends with a value that was there, and so are all that it has to
predict. The latest windows test, and one trains only if all of its target lies before whatever is held out. Channels of the
calendar say what it will be `horizon` steps later; nothing else of the future is an input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import Reading, nearest
from profundo.data.series.filling import filled
from profundo.data.series.steps import calendar, cycles_of, learned_step, moments_at, places, season_of, step_in_words
from profundo.data.splits.split_by import SplitBy, read_split_by
from profundo.data.splits.splits import Collection
from profundo.data.tables.column_kinds import recognised, recognised_columns
from profundo.data.tables.frames import inputs_among
from profundo.data.tables.order_and_groups import time_column
from profundo.data.tables.raw_rows import raw_rows
from profundo.data.tables.split_column import times
from profundo.data.tables.table_files import form_of
from profundo.data.tables.target_columns import target_columns
from profundo.languages import Said
from profundo.records import Column, Forecast, Inputs, ProfundoError, Samples, Targets

if TYPE_CHECKING:
    import polars

    from profundo.data.tables.reading import Table

__all__ = ["Ending", "endings", "forecast_collection", "rows_by", "series_rows", "stretches"]

MOST_NUMBERS = 50_000_000  # of all windows
SPARSEST = 20  # steps to a row on average
KNOWN_SHARE = 0.6  # of the earliest steps, from which the season is learned: they are to train on
FEWEST = 8  # steps that are looked back on, where there is no season


@dataclass(frozen=True, slots=True)
class Stretch:
    """One series at even steps. values: float64 (channels, steps), filled, the target first; there: bool (steps,), whether the
    target was; first: the moment of the first step; holes: values of all channels that were filled; doubled: rows of a moment
    that had another; name: of the series, None where there is one."""

    name: Any
    first: float
    values: np.ndarray
    there: np.ndarray
    holes: int
    doubled: int


@dataclass(frozen=True, slots=True)
class Ending:
    """What is to be predicted further: the last window of a series (channels, lookback), and the moments to come."""

    name: Any
    window: Tensor
    after: float
    moments: tuple[float, ...]
    notices: tuple[str, ...]


def forecast_collection(table: Table, name: str, where: str, how: Reading) -> Collection:
    """The windows of a table, the earliest first.

    Raises ProfundoError for a target that is no number, times that are none, and series too short for the horizon.
    """
    frame, horizon = table.frame, how.horizon or 1
    (target, *more) = target_columns(frame.columns, how.target, where)
    if more:
        raise ProfundoError(Said("refusals.one_forecast", where=where, target=target, more=", ".join(more)))
    if how.target_transform not in ("none", "auto"):
        raise ProfundoError(f"{where}: target-transform {how.target_transform} is not for forecasts; leave it out")
    when = moments_column(frame, target, where, how)
    channels, uses = channels_of(table, target, when, where, how)
    keys, are_dates = times(frame[when], where)
    raw = raw_rows(frame, channels).numpy()
    rows = series_rows(frame, how.series, where)
    unit, step, uneven = _step({key: keys.numpy()[own] for key, own in rows.items()}, are_dates, when, where)
    cycles = cycles_of(unit, step, float(keys.max() - keys.min()))
    reading = table.readings.get(when)
    column = Column(when, "date" if are_dates else "number")
    column = column if reading is None else replace(column, writing=reading.writing)
    others = [] if how.series is None else [Column(how.series, "category")]
    forecast = Forecast(
        horizon, target, when, how.series or "", unit, step, 1, cycles, (column, *others, *channels), form_of(how)
    )
    found = list(stretches(keys.numpy(), raw, rows, forecast, where))
    _check_doubled(found, len(frame), frame, forecast, where)
    longest = max(found, key=lambda one: one.values.shape[1])
    season = season_of(longest.values[0, : max(3, int(KNOWN_SHARE * longest.values.shape[1]))])
    forecast = replace(forecast, season=season)
    lookback = _lookback(how.lookback, forecast, longest.values.shape[1], where)
    inputs, targets, starts, ends, left = windows(found, forecast, lookback, where)
    names = (*(one.name for one in channels), *(f"{one} {part}" for one in cycles for part in range(1, 5)))
    described = Inputs((len(names), lookback), "series", names=names, forecast=forecast)
    notes = (*table.notes, *_notes(found, forecast, lookback, uneven, left))
    readings = tuple(replace(one, use=uses.get(at, "left out")) for at, one in table.readings.items())
    return Collection(
        name,
        described,
        Targets("real", names=tuple(f"t+{ahead}" for ahead in range(1, horizon + 1))),
        Samples(inputs, targets),
        notes=notes,
        readings=readings,
        split_by=SplitBy("time", when, starts, are_dates, ends=ends),
    )


# ------------------------------------------------------------------------------------------------------------- columns
def moments_column(frame: polars.DataFrame, target: str, where: str, how: Reading) -> str:
    """The column of times: the one that was named, or the one by which the rows are ordered."""
    if how.split_by is None:
        name = time_column(frame, {target, how.series or ""})
        if name is None:
            raise ProfundoError(
                f"{where}: --horizon predicts in time, and no column tells it; say which, such as --split-by "
                f"time:{frame.columns[0]}",
                told=Said("refusals.forecast_time", where=where, name=frame.columns[0]),
            )
        return name
    kind, name = read_split_by(how.split_by)
    if kind != "time" or name == target:
        raise ProfundoError(
            f"{where}: a forecast is split by time, as in --split-by time:COLUMN; got {how.split_by!r}",
            told=Said("refusals.forecast_split", where=where, got=repr(how.split_by)),
        )
    if name not in frame.columns:
        raise ProfundoError(
            Said("refusals.no_split_column", where=where, name=repr(name), hint=nearest(name, frame.columns))
        )
    if holes := frame[name].null_count():
        raise ProfundoError(Said("refusals.time_holes", where=where, name=repr(name), holes=holes))
    return name


def channels_of(
    table: Table, target: str, when: str, where: str, how: Reading
) -> tuple[tuple[Column, ...], dict[str, str]]:
    """The target and the other numbers, and what becomes of each column."""
    frame = table.frame
    first = recognised(frame[target], table.readings.get(target))
    if isinstance(first, str) and not frame[target].dtype.is_numeric():
        raise ProfundoError(Said("refusals.forecast_numbers", where=where, name=repr(target), why=first))
    if isinstance(first, str) and first != "it numbers the rows":
        raise ProfundoError(Said("refusals.forecast_nothing", where=where, name=repr(target), why=first))
    if not isinstance(first, str) and first.kind != "number":
        raise ProfundoError(
            Said(
                "refusals.forecast_no_number",
                where=where,
                name=repr(target),
                example=repr(frame[target].drop_nulls()[0]),
            )
        )
    first = Column(target, "number") if isinstance(first, str) else first
    names, uses = inputs_among(frame.columns, [target], how, where)
    others, left_out = recognised_columns(
        frame.select(one for one in names if one not in (when, how.series)), table.readings
    )
    numbers = tuple(column for column in others if column.kind == "number")
    uses |= {column: f"left out: {why}" for column, why in left_out.items()}
    uses |= {column.name: "left out: it is no number" for column in others if column.kind != "number"}
    uses |= {column.name: "input" for column in numbers} | {target: "target", when: "time"}
    return (first, *numbers), uses | ({how.series: "which series"} if how.series else {})


def series_rows(frame: polars.DataFrame, column: str | None, where: str) -> dict[Any, np.ndarray]:
    """The places of the rows of each series, in the order in which they come first."""
    if column is None:
        return {None: np.arange(frame.height)}
    if column not in frame.columns:
        raise ProfundoError(
            f"{where} has no column {column!r} for --series; {nearest(column, frame.columns)}",
            told=Said("refusals.no_series_column", where=where, name=repr(column), hint=nearest(column, frame.columns)),
        )
    if holes := frame[column].null_count():
        raise ProfundoError(f"{where}: column {column!r} is empty in {holes:,} rows; name the series of each")
    return rows_by(frame[column].to_list())


def rows_by(keys: Sequence[Any]) -> dict[Any, np.ndarray]:
    rows: dict[Any, list[int]] = {}
    for place, key in enumerate(keys):
        rows.setdefault(key, []).append(place)
    return {key: np.array(own) for key, own in rows.items()}


# ----------------------------------------------------------------------------------------------------------- even steps
def stretches(
    keys: np.ndarray, raw: np.ndarray, rows: Mapping[Any, np.ndarray], forecast: Forecast, where: str
) -> Iterator[Stretch]:
    """Each series at even steps, from its first value of the target to its last one; those without any are passed over.

    keys: (rows,) moments; raw: (rows, channels). Of rows with one moment the last counts.
    """
    for name, own in rows.items():
        own = own[np.argsort(keys[own], kind="stable")]
        known = np.flatnonzero(~np.isnan(raw[own, 0]))
        if not len(known):
            continue
        own = own[known[0] : known[-1] + 1]
        at = places(keys[own], forecast)
        steps = int(at[-1]) + 1
        if steps > SPARSEST * len(own) + 100:
            raise ProfundoError(
                Said("refusals.uneven_steps", where=where, rows=len(own), steps=steps, step=step_in_words(forecast))
            )
        values = np.full((raw.shape[1], steps), np.nan)
        values[:, at] = raw[own].T
        holes = np.isnan(values)
        try:
            whole = np.stack([filled(channel) for channel in values])
        except ValueError:
            empty = [column.name for column in forecast.columns[-len(values) :]][int(holes.all(1).argmax())]
            raise ProfundoError(f"{where}: column {empty!r} is empty in a whole series; --drop {empty}") from None
        doubled = len(own) - len(np.unique(at))
        yield Stretch(name, float(keys[own[0]]), whole, ~holes[0], int(holes.sum()), doubled)


def _step(moments: Mapping[Any, np.ndarray], are_dates: bool, when: str, where: str) -> tuple[Any, float, float]:
    try:
        return learned_step([np.sort(own) for own in moments.values()], are_dates)
    except ValueError:
        raise ProfundoError(Said("refusals.same_moments", where=where, name=repr(when))) from None


def _check_doubled(
    found: Sequence[Stretch], rows: int, frame: polars.DataFrame, forecast: Forecast, where: str
) -> None:
    if not found:
        raise ProfundoError(Said("refusals.empty_in", where=where, name=repr(forecast.target)))
    doubled = sum(one.doubled for one in found)
    if doubled * 4 < rows:
        return
    candidates = [name for name in frame.columns if name not in (forecast.time, forecast.target)]
    hint = Said("refusals.hint_series", name=repr(candidates[0])) if candidates else Said("refusals.hint_in_table")
    raise ProfundoError(Said("refusals.same_times", where=where, count=doubled, rows=rows, hint=hint))


def _lookback(wanted: int | None, forecast: Forecast, steps: int, where: str) -> int:
    """Two seasons, or twice the horizon; less where the series is short. Raises ProfundoError where nothing is left to learn."""
    horizon = forecast.horizon
    usual = 2 * forecast.season if forecast.season > 1 else max(FEWEST, 2 * horizon)
    lookback = wanted or max(1, min(usual, (steps - 4 * horizon) // 2))
    if steps < lookback + 4 * horizon + 2:
        raise ProfundoError(
            f"{where}: a series of {steps:,} steps is too short to predict {horizon:,} from {lookback:,} and to validate and test "
            f"that; expected {lookback + 4 * horizon + 2:,} or more, or a smaller --horizon or --lookback",
            told=Said(
                "refusals.series_short",
                where=where,
                steps=steps,
                horizon=horizon,
                lookback=lookback,
                least=lookback + 4 * horizon + 2,
            ),
        )
    return lookback


# --------------------------------------------------------------------------------------------------------------- windows
def windows(
    found: Sequence[Stretch], forecast: Forecast, lookback: int, where: str
) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
    """Windows (windows, channels, lookback), targets (windows, horizon), the moments of the first and the last step of each
    target; and of how many origins only one is taken. Sorted by time."""
    horizon = forecast.horizon
    count = sum(max(0, one.values.shape[1] - lookback - horizon + 1) for one in found)
    numbers = count * lookback * (len(found[0].values) + forecast.known)
    every = max(1, -(-numbers // MOST_NUMBERS))
    parts = [_windows_of(one, forecast, lookback, every) for one in found]
    inputs, targets, starts, ends = (torch.cat([part[place] for part in parts]) for place in range(4))
    if not len(inputs):
        raise ProfundoError(
            f"{where}: no window of {lookback:,} steps with all of the {horizon:,} after it; fill the holes, or choose a smaller "
            "--horizon or --lookback",
            told=Said("refusals.no_window", where=where, lookback=lookback, horizon=horizon),
        )
    order = starts.argsort(stable=True)
    return inputs[order], targets[order], starts[order], ends[order], every


def _windows_of(one: Stretch, forecast: Forecast, lookback: int, every: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    horizon, steps = forecast.horizon, one.values.shape[1]
    origins = np.arange(lookback, steps - horizon + 1, every)
    seen = np.concatenate([[0], one.there.cumsum()])
    whole = one.there[origins - 1] & (seen[origins + horizon] - seen[origins] == horizon)
    origins = origins[whole & (2 * (seen[origins] - seen[origins - lookback]) >= lookback)]
    values = torch.from_numpy(with_calendar(one, forecast))
    if not len(origins):
        empty = torch.empty(0, dtype=torch.float64)
        return empty.view(0, len(values), lookback), empty.view(0, horizon), empty, empty
    starts = torch.from_numpy(origins)
    inputs = values.unfold(1, lookback, 1)[:, starts - lookback].transpose(0, 1).contiguous()
    targets = values[0].unfold(0, horizon, 1)[starts]
    moments = [torch.from_numpy(moments_at(one.first, at, forecast)) for at in (origins, origins + horizon - 1)]
    return inputs, targets, moments[0], moments[1]


def with_calendar(one: Stretch, forecast: Forecast) -> np.ndarray:
    """float64 (channels + known, steps): the values, and at each step what the calendar says `horizon` steps later."""
    later = np.arange(one.values.shape[1]) + forecast.horizon
    return np.concatenate([one.values, calendar(moments_at(one.first, later, forecast), forecast.cycles)])


def endings(
    keys: np.ndarray, raw: np.ndarray, rows: Mapping[Any, np.ndarray], inputs: Inputs, where: str
) -> list[Ending | str]:
    """Of each series what a net needs to predict it further, or why it cannot."""
    forecast, lookback = inputs.forecast, inputs.shape[1]
    assert forecast is not None
    results: list[Ending | str] = []
    for one in stretches(keys, raw, rows, forecast, where):
        steps = one.values.shape[1]
        if steps < lookback:
            which = where if one.name is None else f"{where}: series {one.name!r}"
            results.append(
                f"{which}: expected {lookback:,} steps of {step_in_words(forecast)} or more to look back on, got {steps:,}"
            )
            continue
        holes = int((~one.there[-lookback:]).sum())
        notices = (f"{holes:,} of the last {lookback:,} steps have no row and lie on straight lines",) if holes else ()
        coming = moments_at(one.first, np.arange(steps - 1, steps + forecast.horizon), forecast).tolist()
        window = torch.from_numpy(with_calendar(one, forecast)[:, -lookback:].copy())
        results.append(Ending(one.name, window, coming[0], tuple(coming[1:]), notices))
    if not results:
        raise ProfundoError(f"{where}: column {forecast.target!r} is empty; there is nothing to go on from")
    return results


def _notes(found: Sequence[Stretch], forecast: Forecast, lookback: int, uneven: float, every: int) -> tuple[str, ...]:
    steps = sum(one.values.shape[1] for one in found)
    season = Said("readings.repeats", steps=forecast.season) if forecast.season > 1 else Said("readings.never_repeats")
    step, ahead = step_in_words(forecast), {"horizon": forecast.horizon, "lookback": lookback, "season": season}
    of = {"count": len(found)} if len(found) > 1 else {}
    notes = [Said(f"readings.forecast{'_several' if of else ''}", steps=steps, step=step, **ahead, **of)]
    if holes := sum(one.holes for one in found):
        notes.append(Said("readings.holes", count=holes))
    if doubled := sum(one.doubled for one in found):
        notes.append(Said("readings.doubled", count=doubled))
    if uneven > 0.05:
        notes.append(Said("readings.uneven_steps", share=round(100 * uneven), step=step))
    if every > 1:
        notes.append(Said("readings.every_window", every=every))
    return tuple(notes)
